"""A published version never changes: only `superseded_at` may be written, once known; rows are never deleted."""

from __future__ import annotations

from django.db import migrations

FORWARD = """
CREATE FUNCTION plumbline_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on % is refused: its rows never change', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE FUNCTION plumbline_version_is_immutable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF to_jsonb(NEW) - 'superseded_at' IS DISTINCT FROM to_jsonb(OLD) - 'superseded_at' THEN
        RAISE EXCEPTION 'version % of item % is published and never changes', OLD.number, OLD.item_id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER version_is_immutable BEFORE UPDATE ON context_contextversion
    FOR EACH ROW EXECUTE FUNCTION plumbline_version_is_immutable();
CREATE TRIGGER version_is_never_deleted BEFORE DELETE ON context_contextversion
    FOR EACH STATEMENT EXECUTE FUNCTION plumbline_refuse();
CREATE TRIGGER version_is_never_truncated BEFORE TRUNCATE ON context_contextversion
    FOR EACH STATEMENT EXECUTE FUNCTION plumbline_refuse();
ALTER TABLE context_contextversion ENABLE ALWAYS TRIGGER version_is_immutable;
ALTER TABLE context_contextversion ENABLE ALWAYS TRIGGER version_is_never_deleted;
ALTER TABLE context_contextversion ENABLE ALWAYS TRIGGER version_is_never_truncated;
"""

BACKWARD = """
DROP TRIGGER version_is_immutable ON context_contextversion;
DROP TRIGGER version_is_never_deleted ON context_contextversion;
DROP TRIGGER version_is_never_truncated ON context_contextversion;
DROP FUNCTION plumbline_version_is_immutable();
DROP FUNCTION plumbline_refuse();
"""


class Migration(migrations.Migration):
    dependencies = [("context", "0001_initial")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
