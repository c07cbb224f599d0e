"""Writing a vector does not weigh a passage's words anew.

Where a table has a trigger before updates of its rows, PostgreSQL computes every generated column at every update,
whichever columns it is of. So where a passage stands is set before it is inserted, and mended after an update.
"""

from __future__ import annotations

from django.db import migrations

FORWARD = """
DROP TRIGGER passage_is_placed ON context_passage;
CREATE TRIGGER passage_is_placed BEFORE INSERT ON context_passage
FOR EACH ROW EXECUTE FUNCTION plumbline_passage_is_placed();
ALTER TABLE context_passage ENABLE ALWAYS TRIGGER passage_is_placed;

CREATE FUNCTION plumbline_passage_keeps_its_place() RETURNS trigger
LANGUAGE plpgsql SET plumbline.reader TO 'system' AS $$
DECLARE
    place bigint := plumbline_compartment_of(NEW.item_id);
BEGIN
    IF NEW.compartment_id IS DISTINCT FROM place THEN
        UPDATE context_passage SET compartment_id = place WHERE id = NEW.id;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER passage_keeps_its_place AFTER UPDATE OF item_id, compartment_id ON context_passage
FOR EACH ROW EXECUTE FUNCTION plumbline_passage_keeps_its_place();
ALTER TABLE context_passage ENABLE ALWAYS TRIGGER passage_keeps_its_place;

CREATE OR REPLACE FUNCTION plumbline_passages_move() RETURNS trigger
LANGUAGE plpgsql SET plumbline.reader TO 'system' AS $$
DECLARE
    moved bigint := CASE TG_TABLE_NAME
        WHEN 'context_contextitem' THEN (to_jsonb(NEW) ->> 'id')::bigint
        ELSE (coalesce(to_jsonb(NEW), to_jsonb(OLD)) ->> 'contextitem_id')::bigint
    END;
    place bigint := plumbline_compartment_of(moved);
BEGIN
    UPDATE context_passage SET compartment_id = place WHERE item_id = moved;
    RETURN NULL;
END $$;
"""
BACKWARD = """
DROP TRIGGER passage_keeps_its_place ON context_passage;
DROP FUNCTION plumbline_passage_keeps_its_place();
DROP TRIGGER passage_is_placed ON context_passage;
CREATE TRIGGER passage_is_placed BEFORE INSERT OR UPDATE OF item_id, compartment_id ON context_passage
FOR EACH ROW EXECUTE FUNCTION plumbline_passage_is_placed();
ALTER TABLE context_passage ENABLE ALWAYS TRIGGER passage_is_placed;

CREATE OR REPLACE FUNCTION plumbline_passages_move() RETURNS trigger
LANGUAGE plpgsql SET plumbline.reader TO 'system' AS $$
DECLARE
    moved bigint := CASE TG_TABLE_NAME
        WHEN 'context_contextitem' THEN (to_jsonb(NEW) ->> 'id')::bigint
        ELSE (coalesce(to_jsonb(NEW), to_jsonb(OLD)) ->> 'contextitem_id')::bigint
    END;
BEGIN
    UPDATE context_passage SET compartment_id = NULL WHERE item_id = moved;
    RETURN NULL;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("context", "0010_verifications")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
