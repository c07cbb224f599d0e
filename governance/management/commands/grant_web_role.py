"""Gives the application's database role what it needs and no more; must be run as the owner of the tables."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import connection
from psycopg import sql

# Rows that are only ever added: the application role holds no UPDATE or DELETE on them, besides the triggers.
APPEND_ONLY = (
    "governance_ratification",
    "governance_auditevent",
    "governance_review",
    "governance_reminder",
    "governance_judgement",
    "governance_checkpoint",
    "governance_readinesssnapshot",
    "governance_auditredaction",
    "agents_receipt",
    "agents_receiptseal",
    "agents_refusal",
    "agents_contractversion",
    "agents_bundle",
    "agents_handoff",
    "agents_runbundle",
    "agents_runreview",
    "agents_flowversion",
    "agents_flowsteprun",
)
NEVER_DELETED = (
    "context_contextversion",
    "context_contextitem",
    "governance_change",
    "governance_change_editors",
    "governance_finding",
    "governance_scan",
    "governance_delegation",
    "governance_legalhold",
    "agents_agentkey",
    "agents_run",
    "agents_runlease",
    "agents_runstep",
    "agents_flow",
    "agents_flowrun",
    "agents_flowrunstep",
    "agents_flowevent",
)


def grant_web_role() -> None:
    """Idempotent: SELECT, INSERT, UPDATE, DELETE on all tables, less what must never change; no TRUNCATE, no DDL."""
    role = sql.Identifier(settings.DATABASE_WEB_ROLE)
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user, to_regrole(%s) IS NOT NULL", [settings.DATABASE_WEB_ROLE])
        current, known = cursor.fetchone()
        if not known or current == settings.DATABASE_WEB_ROLE:
            return
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        tables = {name for (name,) in cursor.fetchall()}
        for statement in (
            "GRANT USAGE ON SCHEMA public TO {role}",
            "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}",
            "GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {role}",
            "REVOKE INSERT, UPDATE, DELETE ON django_migrations FROM {role}",
        ):
            cursor.execute(sql.SQL(statement).format(role=role))
        for name in tables.intersection(APPEND_ONLY):
            cursor.execute(sql.SQL("REVOKE UPDATE, DELETE ON {} FROM {}").format(sql.Identifier(name), role))
        for name in tables.intersection(NEVER_DELETED):
            cursor.execute(sql.SQL("REVOKE DELETE ON {} FROM {}").format(sql.Identifier(name), role))


class Command(BaseCommand):
    help = "Grant the application's database role its rights (run as the owner of the tables, after migrate)."

    def handle(self, *args: Any, **options: Any) -> None:
        grant_web_role()
        self.stdout.write(f"Rights of {settings.DATABASE_WEB_ROLE} are set.")
