"""Rule sets are written by publishing an approved change alone; decisions and versions are only ever added."""

from __future__ import annotations

from typing import Any

from django.db import migrations

NEVER_CHANGED = ("agents_rulesetversion", "agents_decision", "agents_endpointversion")
ONLY_BY_PEN = {"agents_rulesetversion": "INSERT", "agents_ruleset": "INSERT OR UPDATE"}
NEVER_DELETED = ("agents_ruleset", "agents_modelendpoint", "agents_unsanctioneduse")


def triggers() -> list[tuple[str, str, str]]:
    """Table, trigger name, definition."""
    refuse = "FOR EACH STATEMENT EXECUTE FUNCTION plumbline_refuse()"
    made = [
        (table, f"never_{event.lower()}", f"BEFORE {event} ON {table} {refuse}")
        for table in NEVER_CHANGED
        for event in ("UPDATE", "DELETE", "TRUNCATE")
    ]
    made += [
        (table, f"never_{event.lower()}", f"BEFORE {event} ON {table} {refuse}")
        for table in NEVER_DELETED
        for event in ("DELETE", "TRUNCATE")
    ]
    made += [
        (table, "only_pen", f"BEFORE {events} ON {table} FOR EACH STATEMENT EXECUTE FUNCTION plumbline_only_pen()")
        for table, events in ONLY_BY_PEN.items()
    ]
    return made


def install(apps: Any, schema_editor: Any) -> None:
    with schema_editor.connection.cursor() as cursor:
        for table, name, definition in triggers():
            cursor.execute(f"CREATE TRIGGER {name} {definition}")
            cursor.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}")


def remove(apps: Any, schema_editor: Any) -> None:
    with schema_editor.connection.cursor() as cursor:
        for table, name, _ in triggers():
            cursor.execute(f"DROP TRIGGER IF EXISTS {name} ON {table}")


class Migration(migrations.Migration):
    dependencies = [
        ("agents", "0005_routing_and_registry"),
        ("context", "0002_versions_never_change"),
        ("governance", "0002_guards"),
    ]
    operations = [migrations.RunPython(install, remove)]
