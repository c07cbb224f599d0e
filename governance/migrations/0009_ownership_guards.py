"""Delegates stand in within their dates, findings keep what was found, reminders stay: against every path."""

from __future__ import annotations

from typing import Any

from django.db import migrations

FUNCTIONS = """
-- A delegate decides in another's place only while a delegation of that person to them holds, by this clock, for a
-- domain that the change touches; never where that person wrote or edited the change. And nobody is heard twice: a
-- person who approved, or in whose place somebody did, is in no second approval of that text.
CREATE FUNCTION plumbline_review_stands_in_soundly() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM governance_change WHERE id = NEW.change_id FOR UPDATE;
    IF NEW.on_behalf_of_id IS NOT NULL THEN
        IF EXISTS (SELECT 1 FROM governance_change WHERE id = NEW.change_id AND author_id = NEW.on_behalf_of_id)
           OR EXISTS (SELECT 1 FROM governance_change_editors
                      WHERE change_id = NEW.change_id AND user_id = NEW.on_behalf_of_id) THEN
            RAISE EXCEPTION 'nobody reviews in the place of somebody who edited the change'
                USING ERRCODE = 'check_violation';
        END IF;
        IF NOT EXISTS (
            WITH RECURSIVE touched AS (
                SELECT domain.id, domain.parent_id FROM context_domain domain
                WHERE domain.id IN (
                    SELECT edit.domain_id FROM governance_edit edit WHERE edit.change_id = NEW.change_id
                    UNION
                    SELECT item.domain_id FROM governance_edit edit JOIN context_contextitem item
                        ON item.id = edit.item_id WHERE edit.change_id = NEW.change_id
                )
                UNION
                SELECT parent.id, parent.parent_id FROM context_domain parent JOIN touched ON parent.id = touched.parent_id
            )
            SELECT 1 FROM governance_delegation delegation
            JOIN context_user away ON away.id = delegation.from_person_id AND away.is_active
            JOIN context_user delegate ON delegate.id = delegation.to_person_id AND delegate.is_active
            WHERE delegation.from_person_id = NEW.on_behalf_of_id AND delegation.to_person_id = NEW.reviewer_id
              AND delegation.revoked_at IS NULL
              AND delegation.from_at <= clock_timestamp() AND clock_timestamp() < delegation.until_at
              AND (delegation.domain_id IS NULL OR delegation.domain_id IN (SELECT id FROM touched))
        ) THEN
            RAISE EXCEPTION 'no delegation lets this person review in the place of the other'
                USING ERRCODE = 'check_violation';
        END IF;
    END IF;
    IF NEW.decision = 'approve' AND EXISTS (
        SELECT 1 FROM governance_review other
        WHERE other.change_id = NEW.change_id AND other.digest = NEW.digest AND other.decision = 'approve'
          -- One person twice is the business of the unique constraint, unless a delegation is in play.
          AND (NEW.on_behalf_of_id IN (other.reviewer_id, other.on_behalf_of_id)
               OR NEW.reviewer_id = other.on_behalf_of_id)
    ) THEN
        RAISE EXCEPTION 'a delegate and the person they stand in for are one voice' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

-- What was found stands; only what became of it may be written, along the states that there are.
CREATE FUNCTION plumbline_finding_stands() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'open' THEN
            RAISE EXCEPTION 'a finding starts open' USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF (NEW.detector, NEW.fingerprint, NEW.subject_type, NEW.subject_id, NEW.opened_at)
        IS DISTINCT FROM (OLD.detector, OLD.fingerprint, OLD.subject_type, OLD.subject_id, OLD.opened_at)
       OR NEW.times_opened < OLD.times_opened OR NEW.seen_at < OLD.seen_at THEN
        RAISE EXCEPTION 'what finding % found stands', OLD.id USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.state <> OLD.state AND NOT (
        (OLD.state = 'open' AND NEW.state IN ('acknowledged', 'resolved', 'dismissed'))
        OR (OLD.state = 'acknowledged' AND NEW.state IN ('resolved', 'dismissed'))
        OR (OLD.state IN ('resolved', 'dismissed') AND NEW.state = 'open' AND NEW.times_opened > OLD.times_opened)
    ) THEN
        RAISE EXCEPTION 'finding % does not go from % to %', OLD.id, OLD.state, NEW.state
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION plumbline_delegation_stands() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.revoked_at IS NOT NULL OR NEW.revoked_at IS NULL
       OR to_jsonb(NEW) - ARRAY['revoked_at', 'revoked_by_id'] IS DISTINCT FROM
          to_jsonb(OLD) - ARRAY['revoked_at', 'revoked_by_id'] THEN
        RAISE EXCEPTION 'delegation % may be ended, once, and is not changed otherwise', OLD.id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
"""
NEVER = {
    "governance_finding": ("DELETE", "TRUNCATE"),
    "governance_delegation": ("DELETE", "TRUNCATE"),
    "governance_reminder": ("UPDATE", "DELETE", "TRUNCATE"),
}


def triggers() -> list[tuple[str, str, str]]:
    """(table, name, definition) of each trigger, all ENABLE ALWAYS so that no session setting skips them."""
    row = "FOR EACH ROW EXECUTE FUNCTION"
    made = [
        (
            "governance_review",
            "stands_in_soundly",
            f"BEFORE INSERT ON governance_review {row} plumbline_review_stands_in_soundly()",
        ),
        (
            "governance_finding",
            "stands",
            f"BEFORE INSERT OR UPDATE ON governance_finding {row} plumbline_finding_stands()",
        ),
        (
            "governance_delegation",
            "stands",
            f"BEFORE UPDATE ON governance_delegation {row} plumbline_delegation_stands()",
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
        for table, name, definition in triggers():
            cursor.execute(f"CREATE TRIGGER {name} {definition}")
            cursor.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}")


def remove(apps: Any, schema_editor: Any) -> None:
    with schema_editor.connection.cursor() as cursor:
        for table, name, _ in triggers():
            cursor.execute(f"DROP TRIGGER IF EXISTS {name} ON {table}")
        for name in (
            "plumbline_review_stands_in_soundly",
            "plumbline_finding_stands",
            "plumbline_delegation_stands",
        ):
            cursor.execute(f"DROP FUNCTION IF EXISTS {name}()")


class Migration(migrations.Migration):
    dependencies = [("governance", "0008_ownership_findings_notifications"), ("context", "0002_versions_never_change")]
    operations = [migrations.RunPython(install, remove)]
