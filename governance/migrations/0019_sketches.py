"""Sketches of vectors for scans after a change; and findings that the database shows to no one who may not see them.

Scans after a change find what may be near by sketches, and read no vector that cannot be. A finding shows text of
items: who may not see them all does not see it, whatever a statement forgets to filter.
"""

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


READER = "(SELECT current_setting('plumbline.reader', true))"
CLEARANCE = "(SELECT nullif(current_setting('plumbline.clearance', true), '')::int)"
PERSON = "(SELECT nullif(current_setting('plumbline.person', true), '')::bigint)"

# The rule is stated in governance/models/findings.py. The sub-queries on items are under the policy on items; which
# items a finding concerns is told to everybody, or one that is hidden would not be there to hide the finding. What is
# about no item shows no text: there, people are told apart by their offices, which the application knows.
READABLE = f"""
    {READER} = 'system'
    OR (
        {READER} = 'principal'
        AND sensitivity <= {CLEARANCE}
        AND CASE WHEN item_id IS NULL THEN {PERSON} IS NOT NULL
            ELSE EXISTS (SELECT FROM context_contextitem item WHERE item.id = governance_finding.item_id)
                AND NOT EXISTS (
                    SELECT FROM governance_finding_concerned named WHERE named.finding_id = governance_finding.id
                    AND NOT EXISTS (SELECT FROM context_contextitem item WHERE item.id = named.contextitem_id)
                )
            END
    )
"""  # noqa: S608  our own constants
FINDINGS = [
    (
        "ALTER TABLE governance_finding ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE governance_finding DISABLE ROW LEVEL SECURITY",
    ),
    (
        "ALTER TABLE governance_finding FORCE ROW LEVEL SECURITY",
        "ALTER TABLE governance_finding NO FORCE ROW LEVEL SECURITY",
    ),
    (
        f"CREATE POLICY readable ON governance_finding FOR SELECT USING ({READABLE})",
        "DROP POLICY readable ON governance_finding",
    ),
    (
        "CREATE POLICY inserted ON governance_finding FOR INSERT WITH CHECK (true)",
        "DROP POLICY inserted ON governance_finding",
    ),
    (
        "CREATE POLICY updated ON governance_finding FOR UPDATE USING (true)",
        "DROP POLICY updated ON governance_finding",
    ),
]


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
        *(migrations.RunSQL(forward, backward) for forward, backward in FINDINGS),
    ]
