"""The nine built-in kinds are there from the start."""

from __future__ import annotations

from typing import Any

from django.db import migrations

from context.kinds import built_in_kinds


def lay_down(apps: Any, schema_editor: Any) -> None:
    kind = apps.get_model("context", "Kind")
    for entry in built_in_kinds():
        fields = {name: value for name, value in entry.items() if name != "slug"}
        kind.objects.update_or_create(slug=entry["slug"], defaults={**fields, "built_in": True})


class Migration(migrations.Migration):
    dependencies = [("context", "0002_versions_never_change")]
    operations = [migrations.RunPython(lay_down, migrations.RunPython.noop)]
