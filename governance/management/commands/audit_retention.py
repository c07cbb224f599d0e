"""`manage.py audit_retention`: how long payloads of events are kept, and legal holds; must hold no rule."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from context.errors import DomainError
from governance.audit import retention
from governance.management.commands._acting import acting_principal, add_acting, moment
from governance.models import LegalHold, RetentionRule


class Command(BaseCommand):
    help = "Show, set and remove retention rules; place and lift legal holds; redact what is past its retention."

    def add_arguments(self, parser: CommandParser) -> None:
        add_acting(parser)
        actions = parser.add_subparsers(dest="do", required=True)
        actions.add_parser("list")
        rule = actions.add_parser("set")
        rule.add_argument("action_prefix", help="the class of actions, such as agents.bundle; '' is every action")
        rule.add_argument("days", type=int)
        actions.add_parser("remove").add_argument("action_prefix")
        hold = actions.add_parser("hold")
        hold.add_argument("name")
        hold.add_argument("reason")
        for name in ("subject-type", "subject-id", "action-prefix", "actor"):
            hold.add_argument(f"--{name}", default="")
        hold.add_argument("--since", type=moment)
        hold.add_argument("--until", type=moment)
        lift = actions.add_parser("lift")
        lift.add_argument("hold", type=int)
        lift.add_argument("reason")
        actions.add_parser("redact")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            getattr(self, f"_{options['do']}")(options)
        except DomainError as refusal:
            raise CommandError(" ".join(filter(None, (refusal.detail, refusal.fix)))) from refusal

    def _list(self, options: dict[str, Any]) -> None:
        for rule in RetentionRule.objects.all():
            self.stdout.write(f"{rule.action_prefix or 'every action'}: {rule.days} days")
        for hold in LegalHold.objects.filter(lifted_at__isnull=True):
            self.stdout.write(f"hold {hold.pk} {hold.name!r} since {hold.placed_at:%Y-%m-%d}: {hold.reason}")

    def _set(self, options: dict[str, Any]) -> None:
        rule = retention.set_retention(
            actor=acting_principal(options["acting"]),
            action_prefix=options["action_prefix"],
            days=options["days"],
            now=timezone.now(),
        )
        self.stdout.write(f"{rule}.")

    def _remove(self, options: dict[str, Any]) -> None:
        retention.remove_retention(
            actor=acting_principal(options["acting"]), action_prefix=options["action_prefix"], now=timezone.now()
        )
        self.stdout.write("The rule is removed.")

    def _hold(self, options: dict[str, Any]) -> None:
        hold = retention.place_hold(
            actor=acting_principal(options["acting"]),
            name=options["name"],
            reason=options["reason"],
            subject_type=options["subject_type"],
            subject_id=options["subject_id"],
            held=acting_principal(options["actor"]) if options["actor"] else None,
            action_prefix=options["action_prefix"],
            since=options["since"],
            until=options["until"],
            now=timezone.now(),
        )
        self.stdout.write(f"Hold {hold.pk} is placed.")

    def _lift(self, options: dict[str, Any]) -> None:
        retention.lift_hold(
            actor=acting_principal(options["acting"]),
            hold_id=options["hold"],
            reason=options["reason"],
            now=timezone.now(),
        )
        self.stdout.write("The hold is lifted.")

    def _redact(self, options: dict[str, Any]) -> None:
        count = retention.redact_expired_events(actor=acting_principal(options["acting"]), now=timezone.now())
        self.stdout.write(f"{count} events were redacted.")
