"""What people judged stays, and a scan goes forward only: against every path."""

from __future__ import annotations

from typing import Any

from django.db import migrations

FUNCTIONS = """
CREATE FUNCTION plumbline_scan_goes_forward() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.state <> OLD.state AND NOT (
        (OLD.state = 'waiting' AND NEW.state = 'running')
        OR (OLD.state = 'running' AND NEW.state IN ('done', 'incomplete'))
    ) THEN
        RAISE EXCEPTION 'scan % does not go from % to %', OLD.id, OLD.state, NEW.state
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
"""
NEVER = {
    "governance_judgement": ("UPDATE", "DELETE", "TRUNCATE"),
    "governance_scan": ("DELETE", "TRUNCATE"),
}


def triggers() -> list[tuple[str, str, str]]:
    """(table, name, definition) of each trigger, all ENABLE ALWAYS so that no session setting skips them."""
    made = [
        (
            "governance_scan",
            "goes_forward",
            "BEFORE UPDATE ON governance_scan FOR EACH ROW EXECUTE FUNCTION plumbline_scan_goes_forward()",
        )
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
        cursor.execute("DROP FUNCTION IF EXISTS plumbline_scan_goes_forward()")


class Migration(migrations.Migration):
    dependencies = [("governance", "0012_drift_scans")]
    operations = [migrations.RunPython(install, remove)]
