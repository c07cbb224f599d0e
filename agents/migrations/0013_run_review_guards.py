"""What people said of runs is only added to."""

from __future__ import annotations

from typing import Any

from django.db import migrations


def install(apps: Any, schema_editor: Any) -> None:
    with schema_editor.connection.cursor() as cursor:
        for event in ("UPDATE", "DELETE", "TRUNCATE"):
            name = f"never_{event.lower()}"
            cursor.execute(
                f"CREATE TRIGGER {name} BEFORE {event} ON agents_runreview "
                "FOR EACH STATEMENT EXECUTE FUNCTION plumbline_refuse()"
            )
            cursor.execute(f"ALTER TABLE agents_runreview ENABLE ALWAYS TRIGGER {name}")


def remove(apps: Any, schema_editor: Any) -> None:
    with schema_editor.connection.cursor() as cursor:
        for event in ("update", "delete", "truncate"):
            cursor.execute(f"DROP TRIGGER IF EXISTS never_{event} ON agents_runreview")


class Migration(migrations.Migration):
    dependencies = [("agents", "0012_dispatch_and_run_reviews"), ("context", "0002_versions_never_change")]
    operations = [migrations.RunPython(install, remove)]
