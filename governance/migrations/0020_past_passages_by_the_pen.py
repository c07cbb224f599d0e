"""Past passages are written by the pen alone, as passages are."""

from __future__ import annotations

from django.db import migrations

TABLE = "context_pastpassage"
COLUMNS = (
    "item_id, version_id, ordinal, heading_path, anchor, text, token_count, words, filed, in_force_from, in_force_until"
)
TRIGGERS = {"written_by_the_pen": "INSERT OR DELETE", "changed_by_the_pen": f"UPDATE OF {COLUMNS}"}


class Migration(migrations.Migration):
    dependencies = [("governance", "0019_sketches"), ("context", "0012_past_passages")]
    operations = [
        migrations.RunSQL(
            f"CREATE TRIGGER {name} AFTER {events} ON {TABLE} FOR EACH STATEMENT EXECUTE FUNCTION plumbline_only_pen();"
            f"ALTER TABLE {TABLE} ENABLE ALWAYS TRIGGER {name}",
            f"DROP TRIGGER {name} ON {TABLE}",
        )
        for name, events in TRIGGERS.items()
    ]
