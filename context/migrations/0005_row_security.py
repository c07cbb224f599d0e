"""Row-level security, the second line of access: what a reader may not see is not there, whatever a query filters."""

from __future__ import annotations

from django.db import migrations

# Sub-selects are evaluated once a statement; a bare current_setting() once a row.
READER = "(SELECT current_setting('plumbline.reader', true))"
CLEARANCE = "(SELECT nullif(current_setting('plumbline.clearance', true), '')::int)"
PERSON = "(SELECT nullif(current_setting('plumbline.person', true), '')::bigint)"
GROUPS = "(SELECT coalesce(nullif(current_setting('plumbline.groups', true), ''), '{}')::bigint[])::bigint[]"
DOMAINS = "(SELECT nullif(current_setting('plumbline.domains', true), '')::bigint[])::bigint[]"

# The rule is stated in context/models/items.py; tests compare the two over many worlds.
ITEM = f"""
    {READER} = 'system'
    OR (
        {READER} = 'principal'
        AND sensitivity <= {CLEARANCE}
        AND ({DOMAINS} IS NULL OR domain_id = ANY ({DOMAINS}))
        AND (
            NOT EXISTS (SELECT FROM context_contextitem_audiences named
                        WHERE named.contextitem_id = context_contextitem.id)
            OR EXISTS (SELECT FROM context_contextitem_audiences named
                       WHERE named.contextitem_id = context_contextitem.id AND named.group_id = ANY ({GROUPS}))
            OR owner_id = {PERSON}
            OR EXISTS (SELECT FROM context_contextitem_stewards steward
                       WHERE steward.contextitem_id = context_contextitem.id AND steward.user_id = {PERSON})
        )
    )
"""
# The sub-query is itself under the policy on items.
OF_ITEM = f"""
    {READER} = 'system'
    OR EXISTS (SELECT FROM context_contextitem item WHERE item.id = {{table}}.item_id)
"""
# An item that was opened up does not open its older texts with it: a version is judged as it was approved, too.
VERSION = f"""
    {READER} = 'system'
    OR (
        EXISTS (SELECT FROM context_contextitem item WHERE item.id = context_contextversion.item_id)
        AND (CASE metadata ->> 'sensitivity'
             WHEN 'public' THEN 0 WHEN 'internal' THEN 1 WHEN 'confidential' THEN 2 ELSE 3 END) <= {CLEARANCE}
        AND (
            coalesce(metadata -> 'audiences', '[]') = '[]'
            OR EXISTS (SELECT FROM auth_group named
                       WHERE named.id = ANY ({GROUPS}) AND metadata -> 'audiences' ? named.name)
            OR EXISTS (SELECT FROM context_user person WHERE person.id = {PERSON}
                       AND (person.username = metadata ->> 'owner' OR metadata -> 'stewards' ? person.username))
        )
    )
"""
TABLES = {
    "context_contextitem": ITEM,
    "context_contextversion": VERSION,
    "context_passage": OF_ITEM.format(table="context_passage"),
}


def statements() -> list[tuple[str, str]]:
    made = []
    for table, readable in TABLES.items():
        made += [
            (
                f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
                f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY",
            ),
            # The owner of the table too.
            (f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY", f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY"),
            (f"CREATE POLICY readable ON {table} FOR SELECT USING ({readable})", f"DROP POLICY readable ON {table}"),
            # Who may write is the triggers' to say: they know the change that is being published.
            (f"CREATE POLICY inserted ON {table} FOR INSERT WITH CHECK (true)", f"DROP POLICY inserted ON {table}"),
            (f"CREATE POLICY updated ON {table} FOR UPDATE USING (true)", f"DROP POLICY updated ON {table}"),
            (f"CREATE POLICY deleted ON {table} FOR DELETE USING (true)", f"DROP POLICY deleted ON {table}"),
        ]
    return made


class Migration(migrations.Migration):
    dependencies = [("context", "0004_lexeme_counts")]
    operations = [migrations.RunSQL(forward, backward) for forward, backward in statements()]
