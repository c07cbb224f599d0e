"""How far spans have left, what steps are told with besides, and what key figures are summed from."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("agents", "0020_flow_guards"),
        ("context", "0011_vectors_without_reindexing"),
    ]

    operations = [
        migrations.CreateModel(
            name="TraceExport",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("cursor", models.BigIntegerField()),
                ("delivered", models.PositiveBigIntegerField(default=0)),
                ("refused", models.PositiveBigIntegerField(default=0)),
                ("failures", models.PositiveIntegerField(default=0)),
                ("next_attempt_at", models.DateTimeField(blank=True, null=True)),
                ("delivered_at", models.DateTimeField(blank=True, null=True)),
                ("last_error", models.CharField(blank=True, max_length=500)),
            ],
        ),
        migrations.RemoveConstraint(
            model_name="runstep",
            name="step_operation_is_known",
        ),
        migrations.RemoveIndex(
            model_name="run",
            name="agents_run_created_375157_idx",
        ),
        migrations.AddField(
            model_name="run",
            name="times_to_person",
            field=models.PositiveSmallIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="runreview",
            name="waited_since",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="runstep",
            name="attributes",
            field=models.JSONField(blank=True, default=dict),
        ),
        migrations.AlterField(
            model_name="runstep",
            name="operation",
            field=models.CharField(
                choices=[
                    ("invoke_agent", "Invoke agent"),
                    ("execute_tool", "Execute tool"),
                    ("chat", "Chat"),
                    ("text_completion", "Text completion"),
                    ("generate_content", "Generate content"),
                    ("embeddings", "Embeddings"),
                    ("retrieval", "Retrieval"),
                    ("create_agent", "Create agent"),
                    ("invoke_workflow", "Invoke workflow"),
                ],
                max_length=20,
            ),
        ),
        migrations.AddIndex(
            model_name="handoff",
            index=models.Index(fields=["handed_at"], name="agents_hand_handed__cf978b_idx"),
        ),
        migrations.AddIndex(
            model_name="run",
            index=models.Index(
                fields=["created_at"],
                include=("agent", "domain", "contract_version", "sensitivity", "requested_by_kind", "requested_by_id"),
                name="run_figures_by_start",
            ),
        ),
        migrations.AddIndex(
            model_name="run",
            index=models.Index(
                condition=models.Q(("ended_at__isnull", False)),
                fields=["ended_at"],
                include=(
                    "agent",
                    "domain",
                    "contract_version",
                    "sensitivity",
                    "requested_by_kind",
                    "requested_by_id",
                    "state",
                    "created_at",
                    "cost",
                    "input_tokens",
                    "output_tokens",
                    "times_sent_back",
                    "times_to_person",
                    "id",
                ),
                name="run_figures_by_end",
            ),
        ),
        migrations.AddIndex(
            model_name="run",
            index=models.Index(
                condition=models.Q(("reasons__contains", [{"cause": "output_check"}])),
                fields=["ended_at"],
                name="run_stopped_by_a_check",
            ),
        ),
        migrations.AddConstraint(
            model_name="runstep",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "operation__in",
                        [
                            "invoke_agent",
                            "execute_tool",
                            "chat",
                            "text_completion",
                            "generate_content",
                            "embeddings",
                            "retrieval",
                            "create_agent",
                            "invoke_workflow",
                        ],
                    )
                ),
                name="step_operation_is_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="traceexport",
            constraint=models.CheckConstraint(condition=models.Q(("pk", 1)), name="one_row_of_trace_export"),
        ),
    ]
