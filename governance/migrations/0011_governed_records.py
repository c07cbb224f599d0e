"""Edits of records of upper floors, and approval policies for them."""

from __future__ import annotations

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("context", "0006_passages_stay_in_their_rows"),
        ("governance", "0010_ledger_append"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="approvalpolicy",
            name="one_policy_per_combination",
        ),
        migrations.RemoveConstraint(
            model_name="edit",
            name="change_edits_an_item_once",
        ),
        migrations.AddField(
            model_name="approvalpolicy",
            name="record",
            field=models.CharField(
                blank=True, default="", help_text="item, or such as contract; empty: any of them.", max_length=30
            ),
        ),
        migrations.AddField(
            model_name="edit",
            name="base_domain",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="context.domain",
            ),
        ),
        migrations.AddField(
            model_name="edit",
            name="base_owner",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="edit",
            name="base_sensitivity",
            field=models.PositiveSmallIntegerField(
                blank=True, choices=[(0, "public"), (1, "internal"), (2, "confidential"), (3, "restricted")], null=True
            ),
        ),
        migrations.AddField(
            model_name="edit",
            name="record",
            field=models.CharField(default="item", max_length=30),
        ),
        migrations.AddField(
            model_name="historicalapprovalpolicy",
            name="record",
            field=models.CharField(
                blank=True, default="", help_text="item, or such as contract; empty: any of them.", max_length=30
            ),
        ),
        migrations.AlterField(
            model_name="edit",
            name="domain",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="context.domain",
            ),
        ),
        migrations.AlterField(
            model_name="edit",
            name="kind",
            field=models.ForeignKey(
                blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="context.kind"
            ),
        ),
        migrations.AddConstraint(
            model_name="approvalpolicy",
            constraint=models.UniqueConstraint(
                fields=("record", "kind", "domain", "sensitivity"),
                name="one_policy_per_combination",
                nulls_distinct=False,
            ),
        ),
        migrations.AddConstraint(
            model_name="approvalpolicy",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__isnull", True), ("record__in", ["", "item"]), _connector="OR"),
                name="policy_by_kind_is_for_items",
            ),
        ),
        migrations.AddConstraint(
            model_name="edit",
            constraint=models.UniqueConstraint(fields=("change", "record", "key"), name="change_edits_a_record_once"),
        ),
        migrations.AddConstraint(
            model_name="edit",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("record", "item"), _negated=True),
                    models.Q(("domain__isnull", False), ("kind__isnull", False)),
                    _connector="OR",
                ),
                name="edit_of_an_item_has_a_kind_and_a_domain",
            ),
        ),
        migrations.AddConstraint(
            model_name="edit",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("record", "item"), models.Q(("item__isnull", True), ("kind__isnull", True)), _connector="OR"
                ),
                name="edit_of_a_record_has_no_item",
            ),
        ),
    ]
