"""What the commands of the ledger share: who acts, and moments as they are typed; must not hold a command."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from datetime import UTC, datetime

from django.core.management.base import CommandError

from context.access import SYSTEM, Principal, principal_for
from context.models import User


def add_acting(parser: ArgumentParser) -> None:
    parser.add_argument("--as", dest="acting", metavar="USERNAME", help="in whose name and with whose rights")


def acting_principal(username: str | None) -> Principal:
    """That person, or the installation itself where nobody is named: whoever has a shell here has its rights."""
    if username is None:
        return SYSTEM
    user = User.objects.filter(username=username, is_active=True).first()
    if user is None:
        raise CommandError(f"There is no person {username!r}.")
    return principal_for(user)


def moment(text: str) -> datetime:
    """A date (its first moment, UTC) or an ISO 8601 moment."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not a date such as 2026-03-01") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
