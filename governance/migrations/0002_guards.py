"""Governance is the only pen: triggers that hold the invariants against every path, the shell and plain SQL included."""

from __future__ import annotations

from typing import Any

from django.db import migrations

# Context rows are written only (a) in the very transaction in which an approved change is published: the setting
# `plumbline.pen` is `publish:<change>` and the change's `published_xact`, set by trigger, is this transaction; or
# (b) the verification columns alone, under `verify`.
GUARDED = {
    "context_contextversion": "INSERT",
    "context_relation": "INSERT OR UPDATE OR DELETE",
    "context_contextitem_stewards": "INSERT OR UPDATE OR DELETE",
    "context_contextitem_audiences": "INSERT OR UPDATE OR DELETE",
    "context_passage": "INSERT OR DELETE",
}
ITEM_COLUMNS = (
    "key, kind_id, domain_id, title, owner_id, sensitivity, tags, source_kind, source_uri, source_fingerprint, "
    "review_interval_days, current_version_id, retired_at, replaced_by_id, created_at"
)
PASSAGE_COLUMNS = (
    "item_id, version_id, ordinal, heading_path, anchor, text, token_count, in_force_from, in_force_until"
)

FUNCTIONS = """
CREATE FUNCTION plumbline_only_pen() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    pen text := coalesce(current_setting('plumbline.pen', true), '');
BEGIN
    IF pen LIKE 'publish:%' AND EXISTS (
        SELECT 1 FROM governance_change
        WHERE id = substr(pen, 9)::bigint AND state = 'published' AND published_xact = txid_current()
    ) THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION '% on % is refused: context is written only by publishing an approved change', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE FUNCTION plumbline_only_verification() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    pen text := coalesce(current_setting('plumbline.pen', true), '');
BEGIN
    IF pen = 'verify' OR pen LIKE 'publish:%' THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION '% on % is refused: verification goes through governance', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$;

-- No author or co-editor approves; approval is of the digest that stands; and there are as many approvals, by
-- different people, as the change needs before it counts as approved.
CREATE FUNCTION plumbline_review_is_sound() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    subject governance_change%ROWTYPE;
BEGIN
    SELECT * INTO subject FROM governance_change WHERE id = NEW.change_id FOR UPDATE;
    IF subject.state <> 'in_review' THEN
        RAISE EXCEPTION 'change % is not in review', NEW.change_id USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.digest <> subject.digest THEN
        RAISE EXCEPTION 'the review is not of the digest of change %', NEW.change_id USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.reviewer_id = subject.author_id OR EXISTS (
        SELECT 1 FROM governance_change_editors WHERE change_id = NEW.change_id AND user_id = NEW.reviewer_id
    ) THEN
        RAISE EXCEPTION 'nobody reviews a change that they edited' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION plumbline_change_is_sound() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    approvals integer;
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'draft' THEN
            RAISE EXCEPTION 'a change starts as a draft' USING ERRCODE = 'check_violation';
        END IF;
        NEW.published_xact := NULL;
        RETURN NEW;
    END IF;
    IF OLD.state = 'published' THEN
        RAISE EXCEPTION 'change % is published and never changes', OLD.id USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.author_id <> OLD.author_id OR NEW.revision < OLD.revision OR NEW.created_at <> OLD.created_at THEN
        RAISE EXCEPTION 'the author, the creation and the count of revisions of change % stand', OLD.id
            USING ERRCODE = 'check_violation';
    END IF;
    NEW.published_xact := NULL;
    IF NEW.state IN ('approved', 'scheduled', 'published') THEN
        IF OLD.state NOT IN ('in_review', 'approved', 'scheduled') THEN
            RAISE EXCEPTION 'change % was not in review', OLD.id USING ERRCODE = 'check_violation';
        END IF;
        IF NEW.digest <> OLD.digest OR NEW.title <> OLD.title OR NEW.reason <> OLD.reason
           OR NEW.revision <> OLD.revision OR NEW.approvals_required < OLD.approvals_required THEN
            RAISE EXCEPTION 'change % was edited: its approval is void', OLD.id USING ERRCODE = 'check_violation';
        END IF;
        SELECT count(DISTINCT review.reviewer_id) INTO approvals
        FROM governance_review review
        WHERE review.change_id = NEW.id AND review.digest = NEW.digest AND review.decision = 'approve'
          AND review.reviewer_id <> NEW.author_id
          AND NOT EXISTS (SELECT 1 FROM governance_change_editors editor
                          WHERE editor.change_id = NEW.id AND editor.user_id = review.reviewer_id);
        IF approvals < NEW.approvals_required THEN
            RAISE EXCEPTION 'change % has % of % approvals', NEW.id, approvals, NEW.approvals_required
                USING ERRCODE = 'check_violation';
        END IF;
        IF NEW.state = 'published' THEN
            NEW.published_xact := txid_current();
        END IF;
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION plumbline_edit_is_of_a_draft() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    subject bigint := CASE WHEN TG_OP = 'DELETE' THEN OLD.change_id ELSE NEW.change_id END;
    found text;
BEGIN
    SELECT state INTO found FROM governance_change WHERE id = subject FOR UPDATE;
    IF found <> 'draft' OR (TG_OP = 'UPDATE' AND NEW.change_id <> OLD.change_id) THEN
        RAISE EXCEPTION 'the edits of change % are fixed while it is %', subject, found USING ERRCODE = 'check_violation';
    END IF;
    RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
END $$;

-- Each event follows the head: no gap, no fork, whoever writes.
CREATE FUNCTION plumbline_ledger_is_gapless() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    head governance_auditevent%ROWTYPE;
BEGIN
    SELECT * INTO head FROM governance_auditevent ORDER BY sequence DESC LIMIT 1;
    IF NEW.sequence <> coalesce(head.sequence, 0) + 1 OR NEW.previous_hash <> coalesce(head.hash, repeat('0', 64)) THEN
        RAISE EXCEPTION 'event % does not follow event % of the ledger', NEW.sequence, coalesce(head.sequence, 0)
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
"""


def triggers() -> list[tuple[str, str, str]]:
    """(table, name, definition) of each trigger, all ENABLE ALWAYS so that no session setting skips them."""
    statement = "FOR EACH STATEMENT EXECUTE FUNCTION"
    row = "FOR EACH ROW EXECUTE FUNCTION"
    made = [
        (table, "written_by_the_pen", f"AFTER {events} ON {table} {statement} plumbline_only_pen()")
        for table, events in GUARDED.items()
    ]
    item = "context_contextitem"
    made += [
        (item, "written_by_the_pen", f"AFTER INSERT OR DELETE ON {item} {statement} plumbline_only_pen()"),
        (item, "changed_by_the_pen", f"AFTER UPDATE OF {ITEM_COLUMNS} ON {item} {statement} plumbline_only_pen()"),
        (
            item,
            "verified_by_governance",
            f"AFTER UPDATE OF verified_until, verified_at, verified_by_id ON {item} {statement} "
            "plumbline_only_verification()",
        ),
        (
            "context_passage",
            "changed_by_the_pen",
            f"AFTER UPDATE OF {PASSAGE_COLUMNS} ON context_passage {statement} plumbline_only_pen()",
        ),
        (
            "context_contextversion",
            "superseded_by_the_pen",
            f"AFTER UPDATE ON context_contextversion {statement} plumbline_only_pen()",
        ),
        ("governance_review", "is_sound", f"BEFORE INSERT ON governance_review {row} plumbline_review_is_sound()"),
        (
            "governance_change",
            "is_sound",
            f"BEFORE INSERT OR UPDATE ON governance_change {row} plumbline_change_is_sound()",
        ),
        (
            "governance_edit",
            "is_of_a_draft",
            f"BEFORE INSERT OR UPDATE OR DELETE ON governance_edit {row} plumbline_edit_is_of_a_draft()",
        ),
        (
            "governance_auditevent",
            "is_gapless",
            f"BEFORE INSERT ON governance_auditevent {row} plumbline_ledger_is_gapless()",
        ),
    ]
    # Co-editors among them: who has edited a change cannot be struck off in order to approve it.
    made += [
        (table, f"never_{event.lower()}", f"BEFORE {event} ON {table} {statement} plumbline_refuse()")
        for table, events in {
            "governance_auditevent": ("UPDATE", "DELETE", "TRUNCATE"),
            "governance_review": ("UPDATE", "DELETE", "TRUNCATE"),
            "governance_change": ("DELETE", "TRUNCATE"),
            "governance_change_editors": ("UPDATE", "DELETE", "TRUNCATE"),
            "context_contextitem": ("DELETE", "TRUNCATE"),
        }.items()
        for event in events
    ]
    return made


def install(apps: Any, schema_editor: Any) -> None:
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(FUNCTIONS)
        for table, name, definition in triggers():
            cursor.execute(f"CREATE TRIGGER {name} {definition}")
            cursor.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}")


def remove(apps: Any, schema_editor: Any) -> None:
    with schema_editor.connection.cursor() as cursor:
        for table, name, _ in triggers():
            cursor.execute(f"DROP TRIGGER IF EXISTS {name} ON {table}")
        for name in (
            "plumbline_only_pen",
            "plumbline_only_verification",
            "plumbline_review_is_sound",
            "plumbline_change_is_sound",
            "plumbline_edit_is_of_a_draft",
            "plumbline_ledger_is_gapless",
        ):
            cursor.execute(f"DROP FUNCTION IF EXISTS {name}()")


class Migration(migrations.Migration):
    dependencies = [("governance", "0001_initial"), ("context", "0002_versions_never_change")]
    operations = [migrations.RunPython(install, remove)]
