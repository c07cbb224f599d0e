"""A blocked program, and programs that an agent declares, count among what an answer stands on."""

from __future__ import annotations

from django.db import migrations

FORWARD = """
CREATE FUNCTION plumbline_program_moved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM plumbline_mark('programs');
    RETURN NULL;
END $$;
CREATE TRIGGER epoch_on_insert AFTER INSERT ON agents_unsanctioneduse
    FOR EACH ROW WHEN (NEW.state <> 'open') EXECUTE FUNCTION plumbline_program_moved();
CREATE TRIGGER epoch_on_update AFTER UPDATE ON agents_unsanctioneduse
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION plumbline_program_moved();
ALTER TABLE agents_unsanctioneduse ENABLE ALWAYS TRIGGER epoch_on_insert;
ALTER TABLE agents_unsanctioneduse ENABLE ALWAYS TRIGGER epoch_on_update;

DROP TRIGGER epoch_on_update ON agents_agent;
CREATE TRIGGER epoch_on_update AFTER UPDATE ON agents_agent
    FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION plumbline_agent_moved();
ALTER TABLE agents_agent ENABLE ALWAYS TRIGGER epoch_on_update;
"""

BACKWARD = """
DROP TRIGGER epoch_on_insert ON agents_unsanctioneduse;
DROP TRIGGER epoch_on_update ON agents_unsanctioneduse;
DROP FUNCTION plumbline_program_moved();
DROP TRIGGER epoch_on_update ON agents_agent;
CREATE TRIGGER epoch_on_update AFTER UPDATE ON agents_agent FOR EACH ROW
    WHEN ((OLD.slug, OLD.name, OLD.state, OLD.clearance) IS DISTINCT FROM
          (NEW.slug, NEW.name, NEW.state, NEW.clearance)) EXECUTE FUNCTION plumbline_agent_moved();
ALTER TABLE agents_agent ENABLE ALWAYS TRIGGER epoch_on_update;
"""


class Migration(migrations.Migration):
    dependencies = [("agents", "0016_feedback")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
