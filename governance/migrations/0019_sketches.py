"""Scans after a change find what may be near by sketches of the vectors, and read no vector that cannot be."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models

# A sketch falls with its passage, and with the vector it was made of. It tells what a text is like, so that nobody
# but the system reads it, whoever asks and however.
FORWARD = """
ALTER TABLE governance_passagesketch
    ADD CONSTRAINT sketch_is_of_a_passage FOREIGN KEY (passage_id) REFERENCES context_passage (id) ON DELETE CASCADE,
    ADD CONSTRAINT sketch_has_512_bits CHECK (octet_length(bits) = 64);

ALTER TABLE governance_passagesketch ENABLE ROW LEVEL SECURITY;
ALTER TABLE governance_passagesketch FORCE ROW LEVEL SECURITY;
CREATE POLICY for_the_system ON governance_passagesketch
    USING ((SELECT current_setting('plumbline.reader', true)) = 'system');

CREATE FUNCTION plumbline_sketch_is_void() RETURNS trigger
LANGUAGE plpgsql SET plumbline.reader TO 'system' AS $$
BEGIN
    DELETE FROM governance_passagesketch WHERE passage_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER sketch_is_void AFTER UPDATE OF embedding ON context_passage FOR EACH ROW
WHEN (OLD.embedding IS NOT NULL AND OLD.embedding IS DISTINCT FROM NEW.embedding)
EXECUTE FUNCTION plumbline_sketch_is_void();
ALTER TABLE context_passage ENABLE ALWAYS TRIGGER sketch_is_void;
"""
BACKWARD = """
DROP TRIGGER sketch_is_void ON context_passage;
DROP FUNCTION plumbline_sketch_is_void();
"""


class Migration(migrations.Migration):
    dependencies = [("context", "0011_vectors_without_reindexing"), ("governance", "0018_readiness_snapshots")]
    operations = [
        migrations.CreateModel(
            name="PassageSketch",
            fields=[
                (
                    "passage",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="context.passage",
                    ),
                ),
                ("bits", models.BinaryField(max_length=64)),
            ],
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
