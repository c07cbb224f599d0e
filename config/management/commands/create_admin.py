"""Makes the first administrator of an empty Plumbline, once; must not change one that exists."""

from __future__ import annotations

import json
import os
import secrets
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand
from django.db import transaction
from django.utils import timezone

from context.access import SYSTEM
from context.models import RoleGrant, User
from context.models.people import Role
from context.models.sensitivity import Sensitivity
from governance.audit.ledger import Subject, append
from governance.personal_tokens import issue_token

USERNAME = "admin"


class Command(BaseCommand):
    help = "Create the person `admin` with a random password, and write the sign-in to a file that only you can read."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--credentials", type=Path, required=True, help="file to write, mode 600")

    def handle(self, *args: Any, **options: Any) -> None:
        if User.objects.filter(username__iexact=USERNAME).exists():
            self.stdout.write(f"{USERNAME} exists; nothing was changed.")
            return
        password = secrets.token_urlsafe(12)
        with transaction.atomic():
            user = create_admin(password=password)
            token = issue_token(user=user, name="first sign-in", actor=SYSTEM, now=timezone.now()).text
        person = {"username": USERNAME, "password": password, "token": token}
        path: Path = options["credentials"]
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as handle:
            json.dump({"people": {USERNAME: person}, "agents": {}}, handle, indent=2)
        self.stdout.write(f"{USERNAME} was created; the sign-in is in {path}.")


def create_admin(*, password: str) -> User:
    """An administrator everywhere, who configures and reads internal texts, and can approve nothing alone."""
    now = timezone.now()
    with transaction.atomic():
        user = User.objects.create_user(
            username=USERNAME,
            password=password,
            first_name="Administrator",
            is_staff=True,
            is_superuser=True,
            clearance=Sensitivity.INTERNAL,
        )
        RoleGrant.objects.create(user=user, role=Role.ADMINISTRATOR)
        append(
            actor=SYSTEM,
            action="context.person.created",
            subject=Subject(type="person", id=str(user.pk), label=USERNAME),
            data={"roles": [Role.ADMINISTRATOR.value], "by": "create_admin"},
            now=now,
        )
    return user
