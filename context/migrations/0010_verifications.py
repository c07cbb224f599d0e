"""The verifications of items, one after the other: their past, so that it can be asked what held then."""

from __future__ import annotations

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

FORWARD = """
CREATE FUNCTION plumbline_note_verification() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.verified_at IS NOT NULL AND NEW.verified_until IS NOT NULL
       AND (TG_OP = 'INSERT'
            OR (NEW.verified_at, NEW.verified_until) IS DISTINCT FROM (OLD.verified_at, OLD.verified_until)) THEN
        INSERT INTO context_verification (item_id, verified_at, verified_until, verified_by_id)
        VALUES (NEW.id, NEW.verified_at, NEW.verified_until, NEW.verified_by_id);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER verification_is_noted AFTER INSERT OR UPDATE OF verified_at, verified_until ON context_contextitem
    FOR EACH ROW EXECUTE FUNCTION plumbline_note_verification();
ALTER TABLE context_contextitem ENABLE ALWAYS TRIGGER verification_is_noted;

CREATE FUNCTION plumbline_only_by_trigger() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF pg_trigger_depth() < 2 THEN
        RAISE EXCEPTION '% on % is refused: it is kept by what it tells of', TG_OP, TG_TABLE_NAME
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER only_by_trigger BEFORE INSERT ON context_verification
    FOR EACH ROW EXECUTE FUNCTION plumbline_only_by_trigger();
ALTER TABLE context_verification ENABLE ALWAYS TRIGGER only_by_trigger;
CREATE TRIGGER never_update BEFORE UPDATE ON context_verification
    FOR EACH STATEMENT EXECUTE FUNCTION plumbline_refuse();
ALTER TABLE context_verification ENABLE ALWAYS TRIGGER never_update;
CREATE TRIGGER never_delete BEFORE DELETE ON context_verification
    FOR EACH STATEMENT EXECUTE FUNCTION plumbline_refuse();
ALTER TABLE context_verification ENABLE ALWAYS TRIGGER never_delete;
CREATE TRIGGER never_truncate BEFORE TRUNCATE ON context_verification
    FOR EACH STATEMENT EXECUTE FUNCTION plumbline_refuse();
ALTER TABLE context_verification ENABLE ALWAYS TRIGGER never_truncate;
"""
BACKWARD = """
DROP TRIGGER verification_is_noted ON context_contextitem;
DROP FUNCTION plumbline_note_verification();
DROP FUNCTION plumbline_only_by_trigger() CASCADE;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("context", "0009_compartments"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Verification",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("verified_at", models.DateTimeField()),
                ("verified_until", models.DateTimeField()),
                (
                    "item",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="verifications",
                        to="context.contextitem",
                    ),
                ),
                (
                    "verified_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["item_id", "-verified_at", "-id"],
                "indexes": [models.Index(fields=["item", "-verified_at"], name="verification_of_item")],
            },
        ),
        migrations.RunSQL(
            "INSERT INTO context_verification (item_id, verified_at, verified_until, verified_by_id) "
            "SELECT id, verified_at, verified_until, verified_by_id FROM context_contextitem "
            "WHERE verified_at IS NOT NULL AND verified_until IS NOT NULL",
            migrations.RunSQL.noop,
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
