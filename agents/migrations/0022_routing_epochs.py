"""Rule sets, endpoints and new agents count among what a remembered decision stands on."""

from __future__ import annotations

from django.db import migrations

FORWARD = """
CREATE FUNCTION plumbline_named_moved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM plumbline_mark(TG_ARGV[0]);
    RETURN NULL;
END $$;
CREATE TRIGGER epoch_on_change AFTER INSERT OR UPDATE ON agents_ruleset
    FOR EACH STATEMENT EXECUTE FUNCTION plumbline_named_moved('rule_sets');
CREATE TRIGGER epoch_on_insert AFTER INSERT ON agents_agent
    FOR EACH STATEMENT EXECUTE FUNCTION plumbline_named_moved('agents');
CREATE TRIGGER epoch_on_update AFTER UPDATE ON agents_modelendpoint
    FOR EACH ROW WHEN ((OLD.state, OLD.health, OLD.current_version_id)
                       IS DISTINCT FROM (NEW.state, NEW.health, NEW.current_version_id))
    EXECUTE FUNCTION plumbline_named_moved('endpoints');
ALTER TABLE agents_ruleset ENABLE ALWAYS TRIGGER epoch_on_change;
ALTER TABLE agents_agent ENABLE ALWAYS TRIGGER epoch_on_insert;
ALTER TABLE agents_modelendpoint ENABLE ALWAYS TRIGGER epoch_on_update;
"""

BACKWARD = """
DROP TRIGGER epoch_on_change ON agents_ruleset;
DROP TRIGGER epoch_on_insert ON agents_agent;
DROP TRIGGER epoch_on_update ON agents_modelendpoint;
DROP FUNCTION plumbline_named_moved();
"""


class Migration(migrations.Migration):
    dependencies = [("agents", "0021_traces_and_figures")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
