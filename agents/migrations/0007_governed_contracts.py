"""Contracts with a domain, a sensitivity and stewards, versions with the change that made them; retired contracts."""

from __future__ import annotations

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("agents", "0006_routing_guards"),
        ("context", "0006_passages_stay_in_their_rows"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="contextcontract",
            name="domain",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="contracts",
                to="context.domain",
            ),
        ),
        migrations.AddField(
            model_name="contextcontract",
            name="retired_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="contextcontract",
            name="sensitivity",
            field=models.PositiveSmallIntegerField(
                choices=[(0, "public"), (1, "internal"), (2, "confidential"), (3, "restricted")], default=1
            ),
        ),
        migrations.AddField(
            model_name="contextcontract",
            name="stewards",
            field=models.ManyToManyField(blank=True, related_name="stewarded_contracts", to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name="contractversion",
            name="approvals",
            field=models.JSONField(default=list),
        ),
        migrations.AddField(
            model_name="contractversion",
            name="author_label",
            field=models.CharField(default="", max_length=200),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="contractversion",
            name="change_number",
            field=models.PositiveBigIntegerField(default=0),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="contractversion",
            name="escalation_days",
            field=models.PositiveSmallIntegerField(default=5),
        ),
        migrations.AddField(
            model_name="contractversion",
            name="metadata",
            field=models.JSONField(default=dict),
        ),
        migrations.AddField(
            model_name="historicalcontextcontract",
            name="domain",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="context.domain",
            ),
        ),
        migrations.AddField(
            model_name="historicalcontextcontract",
            name="retired_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="historicalcontextcontract",
            name="sensitivity",
            field=models.PositiveSmallIntegerField(
                choices=[(0, "public"), (1, "internal"), (2, "confidential"), (3, "restricted")], default=1
            ),
        ),
        migrations.AddConstraint(
            model_name="contractversion",
            constraint=models.UniqueConstraint(
                fields=("contract", "change_number"), name="change_makes_one_version_of_a_contract"
            ),
        ),
    ]
