"""Flows are written by publishing an approved change of them alone; what has ended never changes or disappears."""

from __future__ import annotations

from typing import Any

from django.db import migrations

FUNCTIONS = """
-- The pen may be set by any change that is being published: this one must be about this flow.
CREATE FUNCTION plumbline_flow_is_of_its_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    pen text := coalesce(current_setting('plumbline.pen', true), '');
BEGIN
    IF pen = 'publish:' || NEW.change_id AND EXISTS (
        SELECT 1 FROM governance_edit edit
        JOIN governance_change change ON change.id = edit.change_id
        JOIN agents_flow flow ON flow.slug = edit.key
        WHERE edit.change_id = NEW.change_id AND edit.record = 'flow' AND edit.operation <> 'retire'
          AND flow.id = NEW.flow_id
          AND change.state = 'published' AND change.published_xact = txid_current()
    ) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% on % is refused: a flow changes only by publishing an approved change of it',
        TG_OP, TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE FUNCTION plumbline_flow_run_ends_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.ended_at IS NOT NULL
       OR (NEW.id, NEW.flow_version_id, NEW.input, NEW.input_digest, NEW.requested_by_kind, NEW.requested_by_id,
           NEW.created_at) IS DISTINCT FROM
          (OLD.id, OLD.flow_version_id, OLD.input, OLD.input_digest, OLD.requested_by_kind, OLD.requested_by_id,
           OLD.created_at) THEN
        RAISE EXCEPTION 'flow run % has ended, or what it was started with would change', OLD.id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE FUNCTION plumbline_flow_step_ends_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.ended_at IS NOT NULL
       OR (NEW.flow_run_id, NEW.name, NEW.position) IS DISTINCT FROM (OLD.flow_run_id, OLD.name, OLD.position)
       OR (OLD.state <> 'waiting' AND NEW.input IS DISTINCT FROM OLD.input) THEN
        RAISE EXCEPTION 'step % of flow run % does not change', OLD.name, OLD.flow_run_id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE FUNCTION plumbline_flow_event_settles_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state <> 'waiting'
       OR (NEW.flow_id, NEW.trigger, NEW.event_id, NEW.body, NEW.received_at) IS DISTINCT FROM
          (OLD.flow_id, OLD.trigger, OLD.event_id, OLD.body, OLD.received_at) THEN
        RAISE EXCEPTION 'event % of a flow is settled', OLD.event_id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
"""
NAMES = (
    "plumbline_flow_is_of_its_change",
    "plumbline_flow_run_ends_once",
    "plumbline_flow_step_ends_once",
    "plumbline_flow_event_settles_once",
)
CHANGED_ONLY_BY = {
    "agents_flowversion": "plumbline_refuse",
    "agents_flowsteprun": "plumbline_refuse",
    "agents_flowrun": "plumbline_flow_run_ends_once",
    "agents_flowrunstep": "plumbline_flow_step_ends_once",
    "agents_flowevent": "plumbline_flow_event_settles_once",
}
NEVER_DELETED = (*CHANGED_ONLY_BY, "agents_flow", "agents_triggersecret")


def triggers() -> list[tuple[str, str, str]]:
    """Table, trigger name, definition."""
    made = [
        (
            table,
            f"never_{event.lower()}",
            f"BEFORE {event} ON {table} FOR EACH STATEMENT EXECUTE FUNCTION plumbline_refuse()",
        )
        for table in NEVER_DELETED
        for event in ("DELETE", "TRUNCATE")
    ]
    made += [
        (table, "ends_once", f"BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION {function}()")
        for table, function in CHANGED_ONLY_BY.items()
    ]
    made += [
        (
            "agents_flowversion",
            "is_of_its_change",
            "BEFORE INSERT ON agents_flowversion FOR EACH ROW EXECUTE FUNCTION plumbline_flow_is_of_its_change()",
        ),
        (
            "agents_flow",
            "only_pen",
            "BEFORE INSERT OR UPDATE ON agents_flow FOR EACH STATEMENT EXECUTE FUNCTION plumbline_only_pen()",
        ),
    ]
    return made


def install(apps: Any, schema_editor: Any) -> None:
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(FUNCTIONS)
        for table, name, definition in triggers():
            cursor.execute(f"CREATE TRIGGER {name} {definition}")
            cursor.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}")


def remove(apps: Any, schema_editor: Any) -> None:
    with schema_editor.connection.cursor() as cursor:
        for table, name, _ in triggers():
            cursor.execute(f"DROP TRIGGER IF EXISTS {name} ON {table}")
        for function in NAMES:
            cursor.execute(f"DROP FUNCTION IF EXISTS {function}()")


class Migration(migrations.Migration):
    dependencies = [("agents", "0019_flows"), ("governance", "0011_governed_records")]
    operations = [migrations.RunPython(install, remove)]
