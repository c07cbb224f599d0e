"""Receipts are written and standing answers confirmed many at a time; seals of receipts, epochs of agents."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models

# `asked` is a list of requests. Where one states an `epoch`, it stands only if its key still holds, `until` has not
# come, and nothing that concerns its reader has changed since; the answer names those that stand. Where it states a
# `kind`, a receipt is written for it. A seal takes the lock exclusively for a moment, so that it never runs ahead of a
# receipt that has its number and is not committed yet (agents/sealing.py).
DELIVER = """
CREATE FUNCTION plumbline_deliver(asked jsonb, writes boolean, bodies bytea[])
RETURNS TABLE (place integer, receipt bigint, judged_at timestamptz) LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
    moment timestamptz;
BEGIN
    IF writes THEN
        PERFORM pg_advisory_xact_lock_shared(7246514);
    END IF;
    moment := clock_timestamp();
    IF bodies IS NOT NULL THEN
        INSERT INTO agents_bundle (digest, body, contract_version_id, agent_id, snapshot_at, as_of, valid_until,
                                   sensitivity, version_ids, created_at)
        SELECT DISTINCT ON (new.bundle) new.bundle, bodies[new.body], new.contract_version, new.agent, new.snapshot_at,
               new.as_of, new.valid_until, new.sensitivity, new.version_ids, coalesce(new.served_at, moment)
        FROM jsonb_to_recordset(asked) AS new (
            bundle text, body integer, contract_version bigint, agent bigint, snapshot_at timestamptz,
            as_of timestamptz, valid_until timestamptz, sensitivity smallint, version_ids jsonb, served_at timestamptz
        )
        WHERE new.body IS NOT NULL
        ORDER BY new.bundle
        ON CONFLICT (digest) DO NOTHING;
    END IF;
    RETURN QUERY
    WITH question AS MATERIALIZED (
        SELECT * FROM jsonb_to_recordset(asked) AS question (
            place integer, key bigint, prefix text, agent bigint, epoch bigint, until timestamptz, subjects text[],
            clearance integer, domains bigint[], groups integer[], kind text, bundle text, lease_until timestamptz,
            request_id text, client text, task_digest text, served_at timestamptz, repeats integer
        )
    ), standing AS MATERIALIZED (
        SELECT question.*,
               CASE WHEN question.kind IS NOT NULL THEN nextval('agents_receipt_id_seq') END AS receipt
        FROM question
        WHERE question.epoch IS NULL OR (
            (question.until IS NULL OR question.until > moment)
            AND EXISTS (
                SELECT FROM agents_agentkey key JOIN agents_agent agent ON agent.id = key.agent_id
                WHERE key.id = question.key AND key.revoked_at IS NULL
                AND least(key.expires_at, key.grace_until) > moment AND agent.state = 'sanctioned'
            )
            AND NOT EXISTS (
                SELECT FROM context_epoch moved WHERE moved.value > question.epoch AND (
                    moved.subject = ANY (question.subjects)
                    OR (moved.sensitivity <= question.clearance AND moved.domain_id = ANY (question.domains)
                        AND (moved.audience_ids = '{}' OR moved.audience_ids && question.groups))
                )
            )
        )
    ), written AS (
        INSERT INTO agents_receipt (id, kind, agent_id, key_prefix, bundle_id, served_at, request_id, task_digest,
                                    lease_until, client, repeats)
        SELECT standing.receipt, standing.kind, standing.agent, standing.prefix, standing.bundle,
               coalesce(standing.served_at, moment), standing.request_id, standing.task_digest, standing.lease_until,
               standing.client, coalesce(standing.repeats, 0)
        FROM standing WHERE standing.receipt IS NOT NULL
    )
    SELECT standing.place, standing.receipt, moment FROM standing;
END $$;
"""

# What an agent may read and what its contract asks for are subjects of the epoch, too.
EPOCHS = """
CREATE FUNCTION plumbline_agent_moved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM plumbline_mark('agent:' || NEW.id);
    RETURN NULL;
END $$;

CREATE FUNCTION plumbline_reach_moved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        PERFORM plumbline_mark('agent:' || OLD.agent_id);
    END IF;
    IF TG_OP <> 'DELETE' THEN
        PERFORM plumbline_mark('agent:' || NEW.agent_id);
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION plumbline_contract_moved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM plumbline_mark('contract:' || NEW.id);
    RETURN NULL;
END $$;
"""


def triggers() -> list[tuple[str, str, str]]:
    """Table, name and definition of each; all ENABLE ALWAYS, so that no session setting skips them."""
    row, statement = "FOR EACH ROW EXECUTE FUNCTION", "FOR EACH STATEMENT EXECUTE FUNCTION"
    made = [
        (
            "agents_agent",
            "epoch_on_update",
            "AFTER UPDATE ON agents_agent FOR EACH ROW WHEN ((OLD.slug, OLD.name, OLD.state, OLD.clearance) "
            "IS DISTINCT FROM (NEW.slug, NEW.name, NEW.state, NEW.clearance)) "
            "EXECUTE FUNCTION plumbline_agent_moved()",
        ),
        (
            "agents_contextcontract",
            "epoch_on_update",
            f"AFTER UPDATE ON agents_contextcontract {row} plumbline_contract_moved()",
        ),
    ]
    made += [
        (table, "epoch_on_change", f"AFTER INSERT OR UPDATE OR DELETE ON {table} {row} plumbline_reach_moved()")
        for table in ("agents_agent_domains", "agents_agent_audiences", "agents_agent_contracts")
    ]
    made += [
        (
            "agents_receiptseal",
            f"never_{event.lower()}",
            f"BEFORE {event} ON agents_receiptseal {statement} plumbline_refuse()",
        )
        for event in ("UPDATE", "DELETE", "TRUNCATE")
    ]
    return made


def _forward() -> str:
    made = [DELIVER, EPOCHS]
    for table, name, definition in triggers():
        made += [f"CREATE TRIGGER {name} {definition};", f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name};"]
    return "\n".join(made)


def _backward() -> str:
    dropped = [f"DROP TRIGGER {name} ON {table};" for table, name, _ in triggers()]
    dropped += [
        f"DROP FUNCTION {name};"
        for name in (
            "plumbline_contract_moved()",
            "plumbline_reach_moved()",
            "plumbline_agent_moved()",
            "plumbline_deliver(jsonb, boolean, bytea[])",
        )
    ]
    return "\n".join(dropped)


class Migration(migrations.Migration):
    dependencies = [("agents", "0008_contract_guards"), ("context", "0008_epochs")]
    operations = [
        migrations.AddField(
            model_name="receipt",
            name="kind",
            field=models.CharField(
                choices=[("delivered", "Delivered"), ("renewed", "Lease renewed")], default="delivered", max_length=9
            ),
        ),
        migrations.AddField(
            model_name="receipt", name="lease_until", field=models.DateTimeField(blank=True, null=True)
        ),
        migrations.AddField(model_name="receipt", name="client", field=models.CharField(blank=True, max_length=45)),
        migrations.AddField(model_name="receipt", name="repeats", field=models.PositiveIntegerField(default=0)),
        migrations.RemoveIndex(model_name="receipt", name="agents_rece_agent_i_49bd00_idx"),
        migrations.AlterField(
            model_name="receipt",
            name="agent",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="receipts",
                to="agents.agent",
            ),
        ),
        migrations.AddIndex(model_name="receipt", index=models.Index(fields=["agent", "id"], name="receipt_of_agent")),
        migrations.CreateModel(
            name="ReceiptSeal",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("first_receipt", models.BigIntegerField(unique=True)),
                ("last_receipt", models.BigIntegerField(unique=True)),
                ("count", models.PositiveIntegerField()),
                ("root", models.CharField(max_length=64)),
                ("sequence", models.BigIntegerField(unique=True)),
                ("sealed_at", models.DateTimeField()),
            ],
            options={
                "ordering": ["-last_receipt"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("first_receipt__lte", models.F("last_receipt"))), name="seal_is_a_run"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("root__regex", "^[0-9a-f]{64}$")), name="seal_has_a_root"
                    ),
                ],
            },
        ),
        migrations.RunSQL(_forward(), _backward()),
    ]
