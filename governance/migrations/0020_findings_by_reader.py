"""A finding shows text of items: who may not see them all does not see it, whatever a statement forgets to filter."""

from __future__ import annotations

from django.db import migrations

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
"""
STATEMENTS = [
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
    dependencies = [("governance", "0019_sketches")]
    operations = [migrations.RunSQL(forward, backward) for forward, backward in STATEMENTS]
