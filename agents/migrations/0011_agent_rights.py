"""The rights of agents, one state after the other: their past, so that it can be asked what was theirs to read then."""

from __future__ import annotations

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

TABLE = "agents_agentrights"
# `plumbline.rights_at` lets a load of history say when rights began; never before those that are noted already.
FORWARD = """
CREATE FUNCTION plumbline_note_rights() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    subject bigint;
    latest agents_agentrights%ROWTYPE;
    present agents_agentrights%ROWTYPE;
BEGIN
    IF TG_TABLE_NAME = 'agents_agent' THEN
        subject := NEW.id;
    ELSIF TG_OP = 'DELETE' THEN
        subject := OLD.agent_id;
    ELSE
        subject := NEW.agent_id;
    END IF;
    SELECT agent.state, agent.clearance,
           ARRAY(SELECT domain_id FROM agents_agent_domains WHERE agent_id = agent.id ORDER BY 1),
           ARRAY(SELECT group_id FROM agents_agent_audiences WHERE agent_id = agent.id ORDER BY 1),
           ARRAY(SELECT contextcontract_id FROM agents_agent_contracts WHERE agent_id = agent.id ORDER BY 1)
    INTO present.state, present.clearance, present.domain_ids, present.group_ids, present.contract_ids
    FROM agents_agent agent WHERE agent.id = subject FOR UPDATE;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    SELECT * INTO latest FROM agents_agentrights WHERE agent_id = subject ORDER BY from_at DESC LIMIT 1;
    IF latest.id IS NOT NULL
       AND (latest.state, latest.clearance, latest.domain_ids, latest.group_ids, latest.contract_ids)
           IS NOT DISTINCT FROM
           (present.state, present.clearance, present.domain_ids, present.group_ids, present.contract_ids) THEN
        RETURN NULL;
    END IF;
    present.from_at := greatest(
        coalesce(nullif(current_setting('plumbline.rights_at', true), '')::timestamptz, clock_timestamp()),
        latest.from_at
    );
    INSERT INTO agents_agentrights (agent_id, from_at, state, clearance, domain_ids, group_ids, contract_ids)
    VALUES (subject, present.from_at, present.state, present.clearance, present.domain_ids, present.group_ids,
            present.contract_ids)
    ON CONFLICT (agent_id, from_at) DO UPDATE SET state = EXCLUDED.state, clearance = EXCLUDED.clearance,
        domain_ids = EXCLUDED.domain_ids, group_ids = EXCLUDED.group_ids, contract_ids = EXCLUDED.contract_ids;
    RETURN NULL;
END $$;
"""
TOLD_BY = {
    "agents_agent": "INSERT OR UPDATE",
    "agents_agent_domains": "INSERT OR UPDATE OR DELETE",
    "agents_agent_audiences": "INSERT OR UPDATE OR DELETE",
    "agents_agent_contracts": "INSERT OR UPDATE OR DELETE",
}


def triggers() -> list[tuple[str, str, str]]:
    """(table, name, definition) of each trigger, all ENABLE ALWAYS so that no session setting skips them."""
    row, statement = "FOR EACH ROW EXECUTE FUNCTION", "FOR EACH STATEMENT EXECUTE FUNCTION"
    made = [
        (table, "rights_are_noted", f"AFTER {events} ON {table} {row} plumbline_note_rights()")
        for table, events in TOLD_BY.items()
    ]
    made.append((TABLE, "only_by_trigger", f"BEFORE INSERT OR UPDATE ON {TABLE} {row} plumbline_only_by_trigger()"))
    made += [
        (TABLE, f"never_{event.lower()}", f"BEFORE {event} ON {TABLE} {statement} plumbline_refuse()")
        for event in ("DELETE", "TRUNCATE")
    ]
    return made


def install(apps: object, schema_editor: object) -> None:
    with schema_editor.connection.cursor() as cursor:  # type: ignore[attr-defined]
        cursor.execute(FORWARD)
        cursor.execute(
            "INSERT INTO agents_agentrights (agent_id, from_at, state, clearance, domain_ids, group_ids, contract_ids) "
            "SELECT agent.id, agent.created_at, agent.state, agent.clearance, "
            "ARRAY(SELECT domain_id FROM agents_agent_domains WHERE agent_id = agent.id ORDER BY 1), "
            "ARRAY(SELECT group_id FROM agents_agent_audiences WHERE agent_id = agent.id ORDER BY 1), "
            "ARRAY(SELECT contextcontract_id FROM agents_agent_contracts WHERE agent_id = agent.id ORDER BY 1) "
            "FROM agents_agent agent"
        )
        for table, name, definition in triggers():
            cursor.execute(f"CREATE TRIGGER {name} {definition}")
            cursor.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}")


def remove(apps: object, schema_editor: object) -> None:
    with schema_editor.connection.cursor() as cursor:  # type: ignore[attr-defined]
        for table, name, _ in triggers():
            cursor.execute(f"DROP TRIGGER IF EXISTS {name} ON {table}")
        cursor.execute("DROP FUNCTION IF EXISTS plumbline_note_rights()")


class Migration(migrations.Migration):
    dependencies = [("agents", "0010_questions_and_misuse"), ("context", "0010_verifications")]

    operations = [
        migrations.CreateModel(
            name="AgentRights",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("from_at", models.DateTimeField()),
                (
                    "state",
                    models.CharField(
                        choices=[("sanctioned", "Sanctioned"), ("suspended", "Suspended"), ("unknown", "Unknown")],
                        max_length=12,
                    ),
                ),
                (
                    "clearance",
                    models.PositiveSmallIntegerField(
                        choices=[(0, "public"), (1, "internal"), (2, "confidential"), (3, "restricted")]
                    ),
                ),
                (
                    "domain_ids",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.BigIntegerField(), default=list, size=None
                    ),
                ),
                (
                    "group_ids",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.IntegerField(), default=list, size=None
                    ),
                ),
                (
                    "contract_ids",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.BigIntegerField(), default=list, size=None
                    ),
                ),
                (
                    "agent",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="rights", to="agents.agent"
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "agent rights",
                "ordering": ["agent_id", "-from_at"],
                "constraints": [models.UniqueConstraint(fields=("agent", "from_at"), name="rights_begin_once")],
            },
        ),
        migrations.RunPython(install, remove),
    ]
