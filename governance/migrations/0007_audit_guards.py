"""The ledger yields to redaction alone, and what is signed or held stays: against every path, plain SQL included."""

from __future__ import annotations

from typing import Any

from django.db import migrations

FUNCTIONS = """
-- Takes the ledger's lock and then reads its head: two statements in one round trip. Each statement of a volatile
-- function has its own snapshot, so the second sees what the last holder of the lock committed.
CREATE FUNCTION plumbline_ledger_head(OUT recorded_at timestamptz, OUT head_sequence bigint, OUT head_hash text)
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(7246511);
    recorded_at := clock_timestamp();
    SELECT event.sequence, event.hash INTO head_sequence, head_hash
    FROM governance_auditevent event ORDER BY event.sequence DESC LIMIT 1;
END $$;

-- The one UPDATE of an event there is: its payload becomes the redacted constants, its header stays as it was, in the
-- transaction of a redaction that names it, and no legal hold covers it. The ledger's own events are never redacted.
CREATE FUNCTION plumbline_only_redaction() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    pen text := coalesce(current_setting('plumbline.pen', true), '');
    payload text[] := ARRAY['actor_label', 'subject_label', 'data', 'salt'];
BEGIN
    IF pen NOT LIKE 'redact:%' OR NOT EXISTS (
        SELECT 1 FROM governance_auditredaction redaction
        WHERE redaction.id = substr(pen, 8)::bigint AND redaction.made_in = txid_current()
          AND OLD.sequence = ANY (redaction.sequences)
    ) THEN
        RAISE EXCEPTION 'UPDATE on governance_auditevent is refused: its rows never change'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF to_jsonb(NEW) - payload IS DISTINCT FROM to_jsonb(OLD) - payload
       OR NEW.actor_label <> '' OR NEW.subject_label <> '' OR NEW.data <> '{}'::jsonb OR NEW.salt <> '' THEN
        RAISE EXCEPTION 'event % may be redacted, and changed in no other way', OLD.sequence
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF starts_with(OLD.action, 'governance.audit.') THEN
        RAISE EXCEPTION 'event % tells of the ledger itself and is never redacted', OLD.sequence
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF EXISTS (
        SELECT 1 FROM governance_legalhold hold
        WHERE hold.lifted_at IS NULL
          AND ((hold.subject_type = '' OR hold.subject_type = OLD.subject_type)
               AND (hold.subject_id = '' OR hold.subject_id = OLD.subject_id)
               -- A hold on an item keeps what is told of its changes as well.
               OR (hold.subject_type = 'item' AND hold.subject_id <> '' AND OLD.subject_type = 'change'
                   AND EXISTS (SELECT 1 FROM governance_edit edit WHERE edit.record = 'item'
                               AND edit.key = hold.subject_id AND edit.change_id::text = OLD.subject_id)))
          AND (hold.actor_kind = '' OR hold.actor_kind = OLD.actor_kind)
          AND (hold.actor_id IS NULL OR hold.actor_id = OLD.actor_id)
          AND (hold.action_prefix = '' OR hold.action_prefix = OLD.action
               OR starts_with(OLD.action, hold.action_prefix || '.'))
          AND (hold.since IS NULL OR OLD.at >= hold.since)
          AND (hold.until IS NULL OR OLD.at < hold.until)
    ) THEN
        RAISE EXCEPTION 'event % is on legal hold', OLD.sequence USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;

-- The application's role holds no UPDATE on the ledger: this function of the owner's is its way, and the trigger above
-- judges every row of it.
CREATE FUNCTION plumbline_redact(redaction bigint) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    done bigint;
BEGIN
    PERFORM set_config('plumbline.pen', 'redact:' || redaction, true);
    UPDATE governance_auditevent SET actor_label = '', subject_label = '', data = '{}', salt = ''
    WHERE sequence IN (SELECT unnest(made.sequences) FROM governance_auditredaction made WHERE made.id = redaction);
    GET DIAGNOSTICS done = ROW_COUNT;
    PERFORM set_config('plumbline.pen', '', true);
    RETURN done;
END $$;

CREATE FUNCTION plumbline_redaction_is_of_now() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.made_in := txid_current();
    RETURN NEW;
END $$;

CREATE FUNCTION plumbline_redaction_is_audited() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM governance_auditevent
        WHERE action = 'governance.audit.redacted' AND subject_type = 'redaction' AND subject_id = NEW.id::text
    ) THEN
        RAISE EXCEPTION 'redaction % has no event in the ledger', NEW.id USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION plumbline_checkpoint_is_of_the_ledger() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM governance_auditevent WHERE sequence = NEW.sequence AND hash = NEW.head_hash
    ) THEN
        RAISE EXCEPTION 'the checkpoint is of an event % that the ledger does not hold', NEW.sequence
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.sequence <= (SELECT coalesce(max(sequence), 0) FROM governance_checkpoint) THEN
        RAISE EXCEPTION 'a later checkpoint than that at event % stands', NEW.sequence
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION plumbline_hold_is_only_lifted() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    lifting text[] := ARRAY['lifted_at', 'lifted_by_label', 'lifted_because'];
BEGIN
    IF OLD.lifted_at IS NOT NULL OR NEW.lifted_at IS NULL OR NEW.lifted_because = ''
       OR to_jsonb(NEW) - lifting IS DISTINCT FROM to_jsonb(OLD) - lifting THEN
        RAISE EXCEPTION 'a legal hold is lifted once, with a reason, and changed in no other way'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
"""

NEVER = {
    "governance_checkpoint": ("UPDATE", "DELETE", "TRUNCATE"),
    "governance_auditredaction": ("UPDATE", "DELETE", "TRUNCATE"),
    "governance_legalhold": ("DELETE", "TRUNCATE"),
}


def triggers() -> list[tuple[str, str, str]]:
    """(table, name, definition) of each trigger, all ENABLE ALWAYS so that no session setting skips them."""
    row = "FOR EACH ROW EXECUTE FUNCTION"
    made = [
        (
            "governance_auditevent",
            "only_redacted",
            f"BEFORE UPDATE ON governance_auditevent {row} plumbline_only_redaction()",
        ),
        (
            "governance_auditredaction",
            "is_of_now",
            f"BEFORE INSERT ON governance_auditredaction {row} plumbline_redaction_is_of_now()",
        ),
        (
            "governance_checkpoint",
            "is_of_the_ledger",
            f"BEFORE INSERT ON governance_checkpoint {row} plumbline_checkpoint_is_of_the_ledger()",
        ),
        (
            "governance_legalhold",
            "is_only_lifted",
            f"BEFORE UPDATE ON governance_legalhold {row} plumbline_hold_is_only_lifted()",
        ),
    ]
    made += [
        (
            table,
            f"never_{event.lower()}",
            f"BEFORE {event} ON {table} FOR EACH STATEMENT EXECUTE FUNCTION plumbline_refuse()",
        )
        for table, events in NEVER.items()
        for event in events
    ]
    return made


def install(apps: Any, schema_editor: Any) -> None:
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(FUNCTIONS)
        cursor.execute("DROP TRIGGER never_update ON governance_auditevent")
        for table, name, definition in triggers():
            cursor.execute(f"CREATE TRIGGER {name} {definition}")
            cursor.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}")
        cursor.execute(
            "CREATE CONSTRAINT TRIGGER is_audited AFTER INSERT ON governance_auditredaction "
            "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION plumbline_redaction_is_audited()"
        )
        cursor.execute("ALTER TABLE governance_auditredaction ENABLE ALWAYS TRIGGER is_audited")


def remove(apps: Any, schema_editor: Any) -> None:
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER IF EXISTS is_audited ON governance_auditredaction")
        for table, name, _ in triggers():
            cursor.execute(f"DROP TRIGGER IF EXISTS {name} ON {table}")
        cursor.execute(
            "CREATE TRIGGER never_update BEFORE UPDATE ON governance_auditevent "
            "FOR EACH STATEMENT EXECUTE FUNCTION plumbline_refuse()"
        )
        cursor.execute("ALTER TABLE governance_auditevent ENABLE ALWAYS TRIGGER never_update")
        for name in (
            "plumbline_ledger_head()",
            "plumbline_only_redaction()",
            "plumbline_redact(bigint)",
            "plumbline_redaction_is_of_now()",
            "plumbline_redaction_is_audited()",
            "plumbline_checkpoint_is_of_the_ledger()",
            "plumbline_hold_is_only_lifted()",
        ):
            cursor.execute(f"DROP FUNCTION IF EXISTS {name}")


class Migration(migrations.Migration):
    dependencies = [("governance", "0006_audit_checkpoints_retention_streams"), ("context", "0002_versions_never_change")]
    operations = [migrations.RunPython(install, remove)]
