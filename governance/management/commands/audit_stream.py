"""`manage.py audit_stream`: streams of the ledger to receivers outside; must hold no rule."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from context.errors import DomainError
from context.models import Sensitivity
from governance.audit import streams
from governance.management.commands._acting import acting_principal, add_acting
from governance.models import AuditStream, StreamContent, StreamFormat, StreamSignature


class Command(BaseCommand):
    help = "Add, list, pause, resume or remove streams of the audit ledger; show the secret of one."

    def add_arguments(self, parser: CommandParser) -> None:
        add_acting(parser)
        actions = parser.add_subparsers(dest="do", required=True)
        add = actions.add_parser("add")
        add.add_argument("name")
        add.add_argument("url")
        add.add_argument("--content", choices=StreamContent.values, default=StreamContent.EVENTS.value)
        add.add_argument("--format", choices=StreamFormat.values, default=StreamFormat.NATIVE.value)
        add.add_argument("--signature", choices=StreamSignature.values, default=StreamSignature.ED25519.value)
        add.add_argument("--clearance", choices=[level.word for level in Sensitivity], default="internal")
        add.add_argument("--from-start", action="store_true", help="deliver the whole ledger too")
        actions.add_parser("list")
        for name in ("pause", "resume", "remove", "secret"):
            actions.add_parser(name).add_argument("name")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            getattr(self, f"_{options['do']}")(options)
        except DomainError as refusal:
            raise CommandError(" ".join(filter(None, (refusal.detail, refusal.fix)))) from refusal

    def _add(self, options: dict[str, Any]) -> None:
        stream = streams.add_stream(
            actor=acting_principal(options["acting"]),
            name=options["name"],
            url=options["url"],
            content=options["content"],
            format=options["format"],
            signature=options["signature"],
            clearance=Sensitivity.from_word(options["clearance"]),
            from_start=options["from_start"],
            now=timezone.now(),
        )
        self.stdout.write(f"{stream.name} is added; its first event is {stream.cursor + 1}.")
        if stream.signature == StreamSignature.HMAC_SHA256:
            self.stdout.write(f"Its secret, for the receiver alone: {streams.secret_of(stream)}")

    def _list(self, options: dict[str, Any]) -> None:
        found = streams.streams_of(principal=acting_principal(options["acting"]), now=timezone.now())
        for stream in found:
            state = "paused" if stream.paused_at else f"failing: {stream.last_error}" if stream.failures else "running"
            self.stdout.write(f"{stream.name}  {stream.url}  {stream.content}  up to {stream.cursor}  {state}")
        if not found:
            self.stdout.write("There is no stream.")

    def _pause(self, options: dict[str, Any]) -> None:
        streams.pause_stream(actor=acting_principal(options["acting"]), name=options["name"], now=timezone.now())
        self.stdout.write(f"{options['name']} is paused.")

    def _resume(self, options: dict[str, Any]) -> None:
        streams.resume_stream(actor=acting_principal(options["acting"]), name=options["name"], now=timezone.now())
        self.stdout.write(f"{options['name']} delivers again.")

    def _remove(self, options: dict[str, Any]) -> None:
        streams.remove_stream(actor=acting_principal(options["acting"]), name=options["name"], now=timezone.now())
        self.stdout.write(f"{options['name']} is removed.")

    def _secret(self, options: dict[str, Any]) -> None:
        stream = AuditStream.objects.filter(name=options["name"]).first()
        if stream is None:
            raise CommandError(f"There is no stream {options['name']}.")
        self.stdout.write(streams.secret_of(stream))
