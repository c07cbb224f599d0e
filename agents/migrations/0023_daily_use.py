"""What was used is kept by the day on which it was used; steps that are known are counted on theirs."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q

FORWARD = """
INSERT INTO agents_dailyuse (agent_id, day, tokens, cost)
SELECT lease.agent_id, (coalesce(step.ended_at, step.started_at) AT TIME ZONE 'UTC')::date AS used_on,
       sum(step.input_tokens + step.output_tokens), sum(step.cost)
FROM agents_runstep step JOIN agents_runlease lease ON lease.id = step.lease_id
GROUP BY lease.agent_id, used_on HAVING sum(step.input_tokens + step.output_tokens) > 0 OR sum(step.cost) > 0;
INSERT INTO agents_dailyuse (domain_id, day, tokens, cost)
SELECT run.domain_id, (coalesce(step.ended_at, step.started_at) AT TIME ZONE 'UTC')::date AS used_on,
       sum(step.input_tokens + step.output_tokens), sum(step.cost)
FROM agents_runstep step JOIN agents_run run ON run.id = step.run_id WHERE run.domain_id IS NOT NULL
GROUP BY run.domain_id, used_on HAVING sum(step.input_tokens + step.output_tokens) > 0 OR sum(step.cost) > 0;
"""


class Migration(migrations.Migration):
    dependencies = [("agents", "0022_routing_epochs"), ("context", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="DailyUse",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("day", models.DateField()),
                ("tokens", models.BigIntegerField(default=0)),
                ("cost", models.DecimalField(decimal_places=6, default=0, max_digits=20)),
                (
                    "agent",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="agents.agent",
                    ),
                ),
                (
                    "domain",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="context.domain",
                    ),
                ),
            ],
            options={
                "ordering": ["-day", "id"],
                "constraints": [
                    models.CheckConstraint(
                        condition=Q(agent__isnull=False, domain__isnull=True)
                        | Q(agent__isnull=True, domain__isnull=False),
                        name="use_is_an_agents_or_a_domains",
                    ),
                    models.UniqueConstraint(fields=("agent", "day"), name="one_use_an_agent_and_day"),
                    models.UniqueConstraint(fields=("domain", "day"), name="one_use_a_domain_and_day"),
                ],
            },
        ),
        migrations.RunSQL(FORWARD, migrations.RunSQL.noop),
    ]
