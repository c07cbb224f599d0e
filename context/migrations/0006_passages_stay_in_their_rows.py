"""Passages are kept whole and uncompressed in their rows: search reads their words and vectors by the hundred."""

from __future__ import annotations

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("context", "0005_row_security")]
    operations = [
        # Rows of up to 4 kB (nearly all) are neither compressed nor moved out; ranking by words took half the time.
        migrations.RunSQL(
            "ALTER TABLE context_passage SET (toast_tuple_target = 4080)",
            "ALTER TABLE context_passage RESET (toast_tuple_target)",
        ),
    ]
