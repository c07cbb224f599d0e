"""A run that has ended, a step that is done and a hand-off never change, and nothing of a run is deleted."""

from __future__ import annotations

from typing import Any

from django.db import migrations

FUNCTIONS = """
CREATE FUNCTION plumbline_run_ends_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.ended_at IS NOT NULL THEN
        RAISE EXCEPTION 'run % has ended: nothing of it changes', OLD.id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF (NEW.id, NEW.task, NEW.task_digest, NEW.task_type, NEW.requested_by_kind, NEW.requested_by_id, NEW.created_at)
       IS DISTINCT FROM
       (OLD.id, OLD.task, OLD.task_digest, OLD.task_type, OLD.requested_by_kind, OLD.requested_by_id, OLD.created_at)
       OR NEW.input_tokens < OLD.input_tokens OR NEW.output_tokens < OLD.output_tokens OR NEW.cost < OLD.cost THEN
        RAISE EXCEPTION 'the task of run %, who asked for it and what it used do not change', OLD.id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE FUNCTION plumbline_lease_ends_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.ended_at IS NOT NULL
       OR (NEW.run_id, NEW.number, NEW.agent_id, NEW.token_sha256) IS DISTINCT FROM
          (OLD.run_id, OLD.number, OLD.agent_id, OLD.token_sha256) THEN
        RAISE EXCEPTION 'lease % of run % does not change', OLD.number, OLD.run_id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE FUNCTION plumbline_step_ends_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state <> 'started' OR (NEW.run_id, NEW.key, NEW.operation, NEW.name) IS DISTINCT FROM
                                 (OLD.run_id, OLD.key, OLD.operation, OLD.name) THEN
        RAISE EXCEPTION 'step % of run % has happened', OLD.key, OLD.run_id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
"""

CHANGED_ONLY_BY = {
    "agents_run": "plumbline_run_ends_once",
    "agents_runlease": "plumbline_lease_ends_once",
    "agents_runstep": "plumbline_step_ends_once",
    "agents_handoff": "plumbline_refuse",
    "agents_runbundle": "plumbline_refuse",
}


def triggers() -> list[tuple[str, str, str]]:
    """Table, trigger name, definition."""
    made = []
    for table, function in CHANGED_ONLY_BY.items():
        made += [
            (
                table,
                f"never_{event.lower()}",
                f"BEFORE {event} ON {table} FOR EACH STATEMENT EXECUTE FUNCTION plumbline_refuse()",
            )
            for event in ("DELETE", "TRUNCATE")
        ]
        made.append((table, "ends_once", f"BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION {function}()"))
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
        for function in ("plumbline_run_ends_once", "plumbline_lease_ends_once", "plumbline_step_ends_once"):
            cursor.execute(f"DROP FUNCTION IF EXISTS {function}()")


class Migration(migrations.Migration):
    dependencies = [("agents", "0003_runs"), ("context", "0002_versions_never_change")]
    operations = [migrations.RunPython(install, remove)]
