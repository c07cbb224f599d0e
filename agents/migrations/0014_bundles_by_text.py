"""Finds the bundles that held a text, and who was given them when, by index."""

from __future__ import annotations

import django.contrib.postgres.indexes
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("agents", "0013_run_review_guards")]

    operations = [
        migrations.AlterField(
            model_name="receipt",
            name="bundle",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="receipts",
                to="agents.bundle",
            ),
        ),
        migrations.AddIndex(
            model_name="bundle",
            index=django.contrib.postgres.indexes.GinIndex(
                fields=["version_ids"], name="bundle_by_text", opclasses=["jsonb_path_ops"]
            ),
        ),
        migrations.AddIndex(
            model_name="receipt",
            index=models.Index(fields=["bundle", "served_at", "agent"], name="receipt_of_bundle"),
        ),
    ]
