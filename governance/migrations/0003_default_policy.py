"""There is always a policy: one approver of the domain, unless a more specific one says otherwise."""

from __future__ import annotations

from typing import Any

from django.db import migrations


def lay_down(apps: Any, schema_editor: Any) -> None:
    policy, _ = apps.get_model("governance", "ApprovalPolicy").objects.get_or_create(
        kind=None, domain=None, sensitivity=None, defaults={"name": "Default: one approver"}
    )
    apps.get_model("governance", "ApprovalStage").objects.get_or_create(
        policy=policy, order=1, defaults={"name": "Approver of the domain", "approvers": "role", "role": "approver"}
    )


class Migration(migrations.Migration):
    dependencies = [("governance", "0002_guards")]
    operations = [migrations.RunPython(lay_down, migrations.RunPython.noop)]
