"""Flows in versions, started flows with their steps and tries, and the events that start them."""

import agents.models.runs
import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('agents', '0018_recall'),
        ('context', '0011_vectors_without_reindexing'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='FlowRun',
            fields=[
                ('id', models.UUIDField(default=agents.models.runs.time_ordered_uuid, editable=False, primary_key=True, serialize=False)),
                ('input', models.JSONField()),
                ('input_digest', models.CharField(max_length=64)),
                ('requested_by_kind', models.CharField(max_length=8)),
                ('requested_by_id', models.BigIntegerField()),
                ('requested_by_label', models.CharField(max_length=200)),
                ('state', models.CharField(choices=[('running', 'Running'), ('succeeded', 'Succeeded'), ('failed', 'Failed'), ('cancelled', 'Cancelled')], default='running', max_length=10)),
                ('snapshot_at', models.DateTimeField()),
                ('output', models.JSONField(blank=True, null=True)),
                ('reasons', models.JSONField(blank=True, default=list)),
                ('created_at', models.DateTimeField()),
                ('changed_at', models.DateTimeField()),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'ordering': ['-created_at', 'id'],
            },
        ),
        migrations.CreateModel(
            name='Flow',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('slug', models.SlugField(max_length=60, unique=True)),
                ('name', models.CharField(max_length=120)),
                ('purpose', models.TextField(blank=True)),
                ('sensitivity', models.PositiveSmallIntegerField(choices=[(0, 'public'), (1, 'internal'), (2, 'confidential'), (3, 'restricted')], default=1)),
                ('entry_contracts', django.contrib.postgres.fields.ArrayField(base_field=models.SlugField(max_length=60), blank=True, default=list, size=None)),
                ('created_at', models.DateTimeField()),
                ('retired_at', models.DateTimeField(blank=True, null=True)),
                ('domain', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='context.domain')),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='flows', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['name'],
            },
        ),
        migrations.CreateModel(
            name='FlowRunStep',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=60)),
                ('position', models.PositiveSmallIntegerField()),
                ('state', models.CharField(choices=[('waiting', 'Waits for earlier steps'), ('running', 'Running'), ('succeeded', 'Succeeded'), ('failed', 'Failed'), ('cancelled', 'Not carried out')], default='waiting', max_length=10)),
                ('input', models.JSONField(blank=True, null=True)),
                ('started_at', models.DateTimeField(blank=True, null=True)),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
                ('flow_run', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='steps', to='agents.flowrun')),
            ],
            options={
                'ordering': ['flow_run_id', 'position'],
            },
        ),
        migrations.CreateModel(
            name='FlowStepRun',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveSmallIntegerField()),
                ('because', models.CharField(choices=[('first', 'The step began'), ('retry', 'Tried again'), ('other_agent', 'Given to the other agent'), ('person', 'Put to a person')], max_length=12)),
                ('opened_at', models.DateTimeField()),
                ('run', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='flow_try', to='agents.run')),
                ('step', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='tries', to='agents.flowrunstep')),
            ],
            options={
                'ordering': ['step_id', 'number'],
            },
        ),
        migrations.CreateModel(
            name='FlowVersion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('payload', models.JSONField()),
                ('digest', models.CharField(max_length=64)),
                ('change_id', models.BigIntegerField()),
                ('author_label', models.CharField(blank=True, max_length=200)),
                ('approvals', models.JSONField(default=list)),
                ('published_at', models.DateTimeField()),
                ('flow', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='versions', to='agents.flow')),
            ],
            options={
                'ordering': ['flow_id', '-number'],
            },
        ),
        migrations.AddField(
            model_name='flowrun',
            name='flow_version',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='runs', to='agents.flowversion'),
        ),
        migrations.AddField(
            model_name='flow',
            name='current_version',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='agents.flowversion'),
        ),
        migrations.CreateModel(
            name='TriggerSecret',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('trigger', models.CharField(max_length=60)),
                ('salt', models.CharField(max_length=32)),
                ('issued_at', models.DateTimeField()),
                ('revoked_at', models.DateTimeField(blank=True, null=True)),
                ('flow', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='secrets', to='agents.flow')),
                ('issued_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['flow_id', 'trigger', '-issued_at'],
            },
        ),
        migrations.CreateModel(
            name='FlowEvent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('trigger', models.CharField(max_length=60)),
                ('event_id', models.CharField(max_length=120)),
                ('body', models.JSONField()),
                ('state', models.CharField(choices=[('waiting', 'Waits to start its flow'), ('started', 'Started its flow'), ('refused', 'Could not start its flow')], default='waiting', max_length=8)),
                ('detail', models.CharField(blank=True, max_length=500)),
                ('received_at', models.DateTimeField()),
                ('settled_at', models.DateTimeField(blank=True, null=True)),
                ('flow', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='events', to='agents.flow')),
                ('flow_run', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='event', to='agents.flowrun')),
            ],
            options={
                'ordering': ['-received_at', '-id'],
                'indexes': [models.Index(condition=models.Q(('state', 'waiting')), fields=['received_at'], name='event_that_waits_for_its_flow')],
                'constraints': [models.UniqueConstraint(fields=('flow', 'trigger', 'event_id'), name='event_counts_once_for_a_trigger'), models.CheckConstraint(condition=models.Q(('state__in', ['waiting', 'started', 'refused'])), name='flow_event_state_is_known'), models.CheckConstraint(condition=models.Q(models.Q(('flow_run__isnull', True), ('settled_at__isnull', True), ('state', 'waiting')), models.Q(('flow_run__isnull', False), ('settled_at__isnull', False), ('state', 'started')), models.Q(('flow_run__isnull', True), ('settled_at__isnull', False), ('state', 'refused')), _connector='OR'), name='settled_event_says_how')],
            },
        ),
        migrations.AddConstraint(
            model_name='flowrunstep',
            constraint=models.UniqueConstraint(fields=('flow_run', 'name'), name='step_stands_once_in_a_flow_run'),
        ),
        migrations.AddConstraint(
            model_name='flowrunstep',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['waiting', 'running', 'succeeded', 'failed', 'cancelled'])), name='flow_step_state_is_known'),
        ),
        migrations.AddConstraint(
            model_name='flowrunstep',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('ended_at__isnull', True), ('state__in', ['waiting', 'running'])), models.Q(models.Q(('state__in', ['waiting', 'running']), _negated=True), ('ended_at__isnull', False)), _connector='OR'), name='flow_step_has_ended_where_its_state_is_final'),
        ),
        migrations.AddConstraint(
            model_name='flowsteprun',
            constraint=models.UniqueConstraint(fields=('step', 'number'), name='try_of_a_step_numbered_once'),
        ),
        migrations.AddConstraint(
            model_name='flowsteprun',
            constraint=models.CheckConstraint(condition=models.Q(('because__in', ['first', 'retry', 'other_agent', 'person'])), name='try_says_why'),
        ),
        migrations.AddConstraint(
            model_name='flowversion',
            constraint=models.UniqueConstraint(fields=('flow', 'number'), name='flow_version_numbered_once'),
        ),
        migrations.AddConstraint(
            model_name='flowversion',
            constraint=models.UniqueConstraint(fields=('flow', 'change_id'), name='change_makes_one_version_of_a_flow'),
        ),
        migrations.AddConstraint(
            model_name='flowversion',
            constraint=models.CheckConstraint(condition=models.Q(('number__gte', 1)), name='flow_versions_start_at_one'),
        ),
        migrations.AddConstraint(
            model_name='flowversion',
            constraint=models.CheckConstraint(condition=models.Q(('digest__regex', '^[0-9a-f]{64}$')), name='flow_version_has_a_digest'),
        ),
        migrations.AddIndex(
            model_name='flowrun',
            index=models.Index(fields=['flow_version', 'created_at'], name='agents_flow_flow_ve_5c694f_idx'),
        ),
        migrations.AddIndex(
            model_name='flowrun',
            index=models.Index(fields=['requested_by_kind', 'requested_by_id'], name='agents_flow_request_71159d_idx'),
        ),
        migrations.AddIndex(
            model_name='flowrun',
            index=models.Index(fields=['state', 'changed_at'], name='agents_flow_state_befa61_idx'),
        ),
        migrations.AddConstraint(
            model_name='flowrun',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['running', 'succeeded', 'failed', 'cancelled'])), name='flow_run_state_is_known'),
        ),
        migrations.AddConstraint(
            model_name='flowrun',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('ended_at__isnull', True), ('state', 'running')), models.Q(models.Q(('state', 'running'), _negated=True), ('ended_at__isnull', False)), _connector='OR'), name='flow_run_has_ended_where_its_state_is_final'),
        ),
        migrations.AddConstraint(
            model_name='flowrun',
            constraint=models.CheckConstraint(condition=models.Q(('input_digest__regex', '^[0-9a-f]{64}$')), name='flow_run_input_has_a_digest'),
        ),
        migrations.AddConstraint(
            model_name='flow',
            constraint=models.CheckConstraint(condition=models.Q(('slug__regex', '^[a-z0-9]+(-[a-z0-9]+)*$')), name='flow_slug_is_plain'),
        ),
        migrations.AddConstraint(
            model_name='flow',
            constraint=models.CheckConstraint(condition=models.Q(('sensitivity__lte', 3)), name='flow_sensitivity_is_a_level'),
        ),
        migrations.AddConstraint(
            model_name='triggersecret',
            constraint=models.UniqueConstraint(condition=models.Q(('revoked_at__isnull', True)), fields=('flow', 'trigger'), name='one_secret_a_trigger'),
        ),
    ]
