"""Contracts are written by the pen alone, and each version by the change that holds an edit of it: on every path."""

from __future__ import annotations

from typing import Any

from django.db import migrations

FUNCTIONS = """
-- The pen may be set by any change that is being published: this one must be about this contract.
CREATE FUNCTION plumbline_contract_is_of_its_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    pen text := coalesce(current_setting('plumbline.pen', true), '');
BEGIN
    IF pen = 'publish:' || NEW.change_number AND EXISTS (
        SELECT 1 FROM governance_edit edit
        JOIN governance_change change ON change.id = edit.change_id
        JOIN agents_contextcontract contract ON contract.slug = edit.key
        WHERE edit.change_id = NEW.change_number AND edit.record = 'contract' AND edit.operation <> 'retire'
          AND contract.id = NEW.contract_id
          AND change.state = 'published' AND change.published_xact = txid_current()
    ) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% on % is refused: a contract changes only by publishing an approved change of it',
        TG_OP, TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;
"""


def triggers() -> list[tuple[str, str, str]]:
    """(table, name, definition) of each trigger, all ENABLE ALWAYS so that no session setting skips them."""
    contract, stewards = "agents_contextcontract", "agents_contextcontract_stewards"
    pen = "FOR EACH STATEMENT EXECUTE FUNCTION plumbline_only_pen()"
    refuse = "FOR EACH STATEMENT EXECUTE FUNCTION plumbline_refuse()"
    made = [
        (
            "agents_contractversion",
            "is_of_its_change",
            "BEFORE INSERT ON agents_contractversion FOR EACH ROW EXECUTE FUNCTION "
            "plumbline_contract_is_of_its_change()",
        ),
        (contract, "written_by_the_pen", f"AFTER INSERT OR UPDATE ON {contract} {pen}"),
        (stewards, "written_by_the_pen", f"AFTER INSERT OR UPDATE OR DELETE ON {stewards} {pen}"),
        (stewards, "never_truncate", f"BEFORE TRUNCATE ON {stewards} {refuse}"),
    ]
    made += [
        (contract, f"never_{event.lower()}", f"BEFORE {event} ON {contract} {refuse}")
        for event in ("DELETE", "TRUNCATE")
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
        cursor.execute("DROP FUNCTION IF EXISTS plumbline_contract_is_of_its_change()")


class Migration(migrations.Migration):
    dependencies = [("agents", "0007_governed_contracts"), ("governance", "0011_governed_records")]
    operations = [migrations.RunPython(install, remove)]
