"""What was served, refused and promised never changes, and a key's rights only shrink: against every path, plain SQL included."""

from __future__ import annotations

from typing import Any

from django.db import migrations

FUNCTIONS = """
CREATE FUNCTION plumbline_key_only_shrinks() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.agent_id, NEW.prefix, NEW.secret_sha256, NEW.scopes, NEW.created_by_id, NEW.created_at)
       IS DISTINCT FROM
       (OLD.agent_id, OLD.prefix, OLD.secret_sha256, OLD.scopes, OLD.created_by_id, OLD.created_at) THEN
        RAISE EXCEPTION 'whose key plk_% is, its secret and its scopes never change', OLD.prefix
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF (OLD.revoked_at IS NOT NULL AND NEW.revoked_at IS DISTINCT FROM OLD.revoked_at)
       OR NEW.expires_at > OLD.expires_at
       OR (OLD.grace_until IS NOT NULL AND (NEW.grace_until IS NULL OR NEW.grace_until > OLD.grace_until))
       OR (OLD.replaced_by_id IS NOT NULL AND NEW.replaced_by_id IS DISTINCT FROM OLD.replaced_by_id) THEN
        RAISE EXCEPTION 'the end of key plk_% is not undone or put off', OLD.prefix
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
"""

NEVER_CHANGED = ("agents_contractversion", "agents_bundle", "agents_receipt", "agents_refusal")


def triggers() -> list[tuple[str, str, str]]:
    """Table, trigger name, definition."""
    statement = "FOR EACH STATEMENT EXECUTE FUNCTION plumbline_refuse()"
    made = [
        (table, f"never_{event.lower()}", f"BEFORE {event} ON {table} {statement}")
        for table in NEVER_CHANGED
        for event in ("UPDATE", "DELETE", "TRUNCATE")
    ]
    made += [
        ("agents_agentkey", f"never_{event.lower()}", f"BEFORE {event} ON agents_agentkey {statement}")
        for event in ("DELETE", "TRUNCATE")
    ]
    made.append(
        (
            "agents_agentkey",
            "only_shrinks",
            "BEFORE UPDATE ON agents_agentkey FOR EACH ROW EXECUTE FUNCTION plumbline_key_only_shrinks()",
        )
    )
    return made


def install(apps: Any, schema_editor: Any) -> None:
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(FUNCTIONS)
        for table, name, definition in triggers():
            cursor.execute(f"CREATE TRIGGER {name} {definition}")
            cursor.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}")
        # The address is the content's: no row can claim a digest that its bytes do not have.
        cursor.execute(
            "ALTER TABLE agents_bundle ADD CONSTRAINT bundle_digest_is_of_its_body "
            "CHECK (digest = encode(sha256(body), 'hex'))"
        )


def remove(apps: Any, schema_editor: Any) -> None:
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("ALTER TABLE agents_bundle DROP CONSTRAINT IF EXISTS bundle_digest_is_of_its_body")
        for table, name, _ in triggers():
            cursor.execute(f"DROP TRIGGER IF EXISTS {name} ON {table}")
        cursor.execute("DROP FUNCTION IF EXISTS plumbline_key_only_shrinks()")


class Migration(migrations.Migration):
    dependencies = [("agents", "0001_initial"), ("context", "0002_versions_never_change")]
    operations = [migrations.RunPython(install, remove)]
