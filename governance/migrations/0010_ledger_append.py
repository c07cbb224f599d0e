"""The ledger is appended to in one round trip, so that its lock is held while nobody waits for the network."""

from __future__ import annotations

from django.db import migrations

# Takes the lock, reads the head, and writes the events with their hashes. The header's text is RFC 8785: its names are
# in order, its numbers are whole, and PostgreSQL escapes in texts what the standard escapes. Verification computes it
# anew in Python.
FORWARD = """
CREATE FUNCTION plumbline_append(entries jsonb)
RETURNS TABLE (sequence bigint, recorded_at timestamptz, previous_hash text, hash text) LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_variable
DECLARE
    entry jsonb;
    said_at text;
BEGIN
    SELECT head.recorded_at, coalesce(head.head_sequence, 0), coalesce(head.head_hash, repeat('0', 64))
    INTO recorded_at, sequence, hash FROM plumbline_ledger_head() head;
    said_at := to_char(recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');
    FOR entry IN SELECT each.value FROM jsonb_array_elements(entries) WITH ORDINALITY each ORDER BY each.ordinality LOOP
        sequence := sequence + 1;
        previous_hash := hash;
        hash := encode(sha256(convert_to(concat(
            '{"action":', entry -> 'action', ',"actor":{"id":', entry -> 'actor_id', ',"kind":', entry -> 'actor_kind',
            '},"after":', entry -> 'after', ',"at":', entry -> 'at', ',"before":', entry -> 'before',
            ',"payload":', entry -> 'payload_digest', ',"previous":"', previous_hash, '","recorded_at":"', said_at,
            '","request_id":', entry -> 'request_id', ',"sensitivity":', entry -> 'sensitivity',
            ',"sequence":', sequence, ',"subject":{"id":', entry -> 'subject_id', ',"type":', entry -> 'subject_type',
            '}}'
        ), 'UTF8')), 'hex');
        INSERT INTO governance_auditevent (
            sequence, at, recorded_at, actor_kind, actor_id, actor_label, action, subject_type, subject_id,
            subject_label, sensitivity, request_id, before_digest, after_digest, data, salt, payload_digest,
            previous_hash, hash
        ) VALUES (
            sequence, (entry ->> 'at')::timestamptz, recorded_at, entry ->> 'actor_kind',
            (entry ->> 'actor_id')::bigint, entry ->> 'actor_label', entry ->> 'action', entry ->> 'subject_type',
            entry ->> 'subject_id', entry ->> 'subject_label', (entry ->> 'sensitivity')::smallint,
            entry ->> 'request_id', entry ->> 'before', entry ->> 'after', entry -> 'data', entry ->> 'salt',
            entry ->> 'payload_digest', previous_hash, hash
        );
        RETURN NEXT;
    END LOOP;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("governance", "0009_ownership_guards")]
    operations = [migrations.RunSQL(FORWARD, "DROP FUNCTION plumbline_append(jsonb)")]
