"""Every address of the URL map × persona × domain × sensitivity, twice: the second line alone hides as much."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.messages import ERROR, get_messages
from django.db import transaction
from django.urls import resolve, reverse

from context.admin import ReadOnlyAdmin
from context.models import Sensitivity
from governance.models import AuditEvent
from tests.access.routes import methods_of, patterns
from tests.access.table import (
    DONE,
    GONE,
    MOVED,
    OPEN_ADMIN,
    READ_ONLY,
    REFUSED,
    ROWS,
    SIGN_IN,
    Outcome,
    Row,
    admin_outcome,
    is_denial,
)
from tests.access.world import OTHER, OWN, PERSONAS, World, build, first_of, key, visible
from tests.second_line import no_application_filter

LEVELS = tuple(int(level) for level in Sensitivity)


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: Any) -> Iterator[World]:
    """Built once; everything asked in a savepoint, and all of it rolled back."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield build()
        transaction.set_rollback(True)


@dataclass(frozen=True)
class Cell:
    row: Row
    persona: str
    domain: str = OWN
    level: int = 0

    @property
    def hidden(self) -> bool:
        return bool(self.row.of) and not visible(self.persona, self.domain, self.level)

    @property
    def expected(self) -> Outcome:
        nine = self.row.other if self.domain == OTHER and self.row.other is not None else self.row.own
        stated = nine[PERSONAS.index(self.persona)]
        # Who presents no credential that counts here is told so whatever is named; others learn nothing of it.
        is_stopped_before = self.persona == "anonymous" or (self.persona == "agent" and is_denial(stated))
        return self.row.hidden if self.hidden and not is_stopped_before else stated

    def __str__(self) -> str:
        named = f" {self.domain} {Sensitivity(self.level).word}" if self.row.of else ""
        return f"{self.persona}: {self.row.method} {self.row.pattern}{named}"


def cells(rows: list[Row]) -> Iterator[Cell]:
    for row in rows:
        for persona in PERSONAS:
            if not row.of:
                yield Cell(row, persona)
                continue
            for domain in (OWN, OTHER):
                for level in LEVELS:
                    yield Cell(row, persona, domain, level)


def ask(world: World, cell: Cell, *, missing: bool = False) -> tuple[Outcome, str]:
    """What came of the request, and the answer without what names the thing or differs by request."""
    names = dict(world.names)
    if cell.row.of:
        change = world.changes[cell.domain, cell.level]
        names |= {
            "key": f"{cell.domain}/no-such-text" if missing else key(cell.domain, cell.level),
            "change": 999_999 if missing else change.pk,
            "edit": world.edits[change.pk].pk,
            "comment": world.comments[change.pk],
            "digest": change.digest,
            "etag": change.etag,
        }
    row = cell.row
    path = row.path.format(**names)
    headers = {name: value.format(**names) for name, value in row.headers.items()}
    if cell.persona in world.bearers and (path.startswith("/api/") or cell.persona == "agent"):
        headers["Authorization"] = f"Bearer {world.bearers[cell.persona]}"
    client = world.clients["anonymous" if "Authorization" in headers else cell.persona]
    sent: dict[str, Any] = {"headers": headers}
    if row.body is not None:
        if path.startswith(("/api/", "/mcp")):
            sent |= {"data": json.dumps(_filled(row.body, names)), "content_type": "application/json"}
        else:
            sent |= {"data": _filled(row.body, names)}
    client.cookies.pop("messages", None)
    with transaction.atomic():
        head = _head()
        call = getattr(client, row.method.lower(), partial(client.generic, row.method))
        response = call(path, **sent)
        body = b"".join(response.streaming_content) if response.streaming else response.content
        did = _head() > head and _happened(head)
        transaction.set_rollback(True)
    outcome = _outcome(response, did=did)
    if is_denial(outcome):
        assert not did, f"{cell}: refused, and yet something happened"
    text = body.decode(errors="replace")
    text = re.sub(r'(name="csrfmiddlewaretoken" value=|"request_id": ?|"?X-CSRFToken"?: ?)"\w+"', "", text)
    for name in (path, path.partition("?")[0], names.get("key")):
        text = text.replace(str(name), "…") if name else text
    text = re.sub(rf"\b(changes?[ /]){names.get('change')}\b", r"\1…", text)
    return outcome, text


def _head() -> int:
    return AuditEvent.objects.order_by("-sequence").values_list("sequence", flat=True).first() or 0


def _happened(head: int) -> bool:
    """Whether the ledger tells of more than that somebody tried or read."""
    later = AuditEvent.objects.filter(sequence__gt=head).exclude(action__endswith=".denied")
    return later.exclude(action="context.item.read").exists()


def _filled(value: Any, names: dict[str, Any]) -> Any:
    if isinstance(value, str):
        return value.format(**names)
    if isinstance(value, dict):
        return {name: _filled(each, names) for name, each in value.items()}
    return [_filled(each, names) for each in value] if isinstance(value, list) else value


def _outcome(response: Any, *, did: bool) -> Outcome:
    if response.status_code not in (301, 302):
        return int(response.status_code)
    to = response["Location"]
    if to.startswith(("/sign-in/?", "/admin/login/?")):
        return SIGN_IN
    if did:
        return DONE
    said = list(get_messages(response.wsgi_request))
    if to == "/admin/" and said:
        return GONE
    return REFUSED if any(message.level >= ERROR for message in said) else MOVED


def admin_rows() -> list[Row]:
    """The configuration by its named views, with a row of each table that the world has one of."""
    models = {f"{model._meta.app_label}_{model._meta.model_name}": model for model in admin.site._registry}
    rows = []
    for pattern, name, _ in patterns():
        if not pattern.startswith("admin/"):
            continue
        outcome = admin_outcome(name)
        if outcome is None:
            continue
        path = "/" + pattern
        if "object_id" in pattern or "^([^/]+)" in pattern or "<id>" in pattern:
            named = [model for label, model in models.items() if f"/{label.replace('_', '/')}/" in path]
            found = first_of(named[0]) if named else None
            if found is None and outcome == 200:
                # The stock admin leads back to its index; pages of simple_history answer with 404.
                versioned = "history" in name and name.removesuffix("_history") not in READ_ONLY
                outcome = 404 if versioned else GONE
            pk = found.pk if found is not None else 999_999
            path = re.sub(r"<path:object_id>|<id>|\^\(\[\^/\]\+\)", str(pk), path).replace("([^/]+)/$", "999999/")
            path = path.replace("<path:content_type_id>", "999999")
        path = re.sub(r"\^\(\?P<app_label>[^)]+\)", "context", path).replace("(?P<url>.*)", "nothing/").replace("$", "")
        nobody: Outcome = SIGN_IN
        others = {persona: OPEN_ADMIN.get(name, nobody) for persona in PERSONAS}
        if name == "":
            outcome = MOVED if "object_id" in pattern else 404
        own = tuple(outcome if persona == "administrator" else others[persona] for persona in PERSONAS)
        rows.append(Row(pattern=pattern, path=path, own=own))
    return rows


def test_url_map__every_route__has_a_row() -> None:
    declared = {row.pattern for row in ROWS}
    known = []
    for pattern, name, _ in patterns():
        known.append(pattern)
        if pattern.startswith("admin/"):
            assert admin_outcome(name) is not None, f"{pattern} ({name}) has no row in tests/access/table.py."
        else:
            assert pattern in declared, (
                f"The route {pattern} has no row in tests/access/table.py: say there what each persona gets."
            )
    assert declared <= set(known), f"Rows without a route: {sorted(declared - set(known))}"


def test_url_map__every_method_of_the_api__has_a_row() -> None:
    declared: dict[str, set[str]] = {}
    for row in ROWS:
        declared.setdefault(row.pattern, set()).add(row.method)
    missing = {
        pattern: sorted(methods_of(view) - declared.get(pattern, set()))
        for pattern, _, view in patterns()
        if pattern.startswith("api/") and methods_of(view) - declared.get(pattern, set())
    }
    assert missing == {}


def test_api__method_that_an_address_does_not_take__405(world: World) -> None:
    takes = {pattern: methods_of(view) for pattern, _, view in patterns() if pattern.startswith("api/v1/")}
    wrong, asked = [], set()
    for row in ROWS:
        if row.pattern not in takes or row.pattern in asked or row.pattern in UNDISPATCHED:
            continue
        allowed = [persona for persona, outcome in zip(PERSONAS, row.own, strict=True) if outcome in (200, 201)]
        if not allowed:
            continue
        asked.add(row.pattern)
        persona = next((each for each in allowed if each in world.bearers and each != "agent"), allowed[-1])
        for method in sorted({"PATCH", "TRACE", "OPTIONS", "JUNK"} - takes[row.pattern]):
            refused = Row(pattern=row.pattern, path=row.path.partition("?")[0], method=method, of=row.of, own=row.own)
            outcome, _ = ask(world, Cell(refused, persona))
            if outcome != 405:
                wrong.append(f"{method} {row.pattern}: {outcome}")
    assert wrong == []
    assert len(asked) * 2 > len(takes)


# The description and its page are Django's own views, which say less of what they take.
UNDISPATCHED = {"api/v1/schema/", "api/v1/docs/"}


def test_admin__governed_records__are_those_that_are_read_only() -> None:
    read_only = {
        f"{model._meta.app_label}_{model._meta.model_name}"
        for model, configured in admin.site._registry.items()
        if isinstance(configured, ReadOnlyAdmin)
    }
    assert read_only == READ_ONLY


def test_table__at_least_half__are_denials(world: World) -> None:
    every = list(cells([*ROWS, *admin_rows()]))
    denied = sum(is_denial(cell.expected) for cell in every)
    assert denied * 2 >= len(every), f"{denied} of {len(every)} cells are denials"
    print(f"{len({cell.row.pattern for cell in every})} routes, {len(every)} cells, {denied} denials")  # noqa: T201 - figures for whoever runs it with -s


@pytest.mark.parametrize("persona", PERSONAS)
def test_matrix__each_cell__is_what_the_table_says(world: World, persona: str) -> None:
    wrong: list[str] = []
    missing: dict[tuple[str, str], Any] = {}
    for cell in cells([*ROWS, *admin_rows()]):
        if cell.persona != persona:
            continue
        outcome, text = ask(world, cell)
        if outcome != cell.expected:
            wrong.append(f"{cell}: {outcome}, expected {cell.expected}")
        elif cell.hidden and outcome == cell.row.hidden:
            # What is missing reads the same whatever hidden thing it is compared with, so it is asked for once.
            twin = missing.setdefault((cell.row.pattern, cell.row.method), None) or ask(world, cell, missing=True)
            missing[cell.row.pattern, cell.row.method] = twin
            if twin != (outcome, text):
                wrong.append(f"{cell}: hidden reads otherwise than missing ({twin[0]})")
    assert wrong == [], f"{len(wrong)} cells\n" + "\n".join(wrong)


@pytest.mark.parametrize("persona", PERSONAS)
def test_second_line__application_filter_switched_off__same_denials_of_reads(world: World, persona: str) -> None:
    """Items, versions and passages: what the application hides the database hides too, page by page."""
    wrong = []
    with no_application_filter():
        for cell in cells([row for row in ROWS if row.of == "item" and row.method == "GET"]):
            if cell.persona != persona or not is_denial(cell.expected):
                continue
            outcome, _ = ask(world, cell)
            if outcome != cell.expected:
                wrong.append(f"{cell}: {outcome}, expected {cell.expected}")
    assert wrong == []


@pytest.mark.parametrize("persona", [each for each in PERSONAS if each != "anonymous"])
def test_second_line__lists_and_search__name_nothing_that_is_hidden(world: World, persona: str) -> None:
    every = [(domain, level) for domain in (OWN, OTHER) for level in LEVELS]
    lists = [row for row in ROWS if row.path in LISTS]
    assert len(lists) == len(LISTS)
    with no_application_filter():
        for row in lists:
            if is_denial(row.own[PERSONAS.index(persona)]):
                continue
            _, text = ask(world, Cell(row, persona))
            named = {each for each in every if key(*each) in text}
            assert named <= {each for each in every if visible(persona, *each)}, (persona, row.path)
            if row.path in ("/items/?q=text", "/api/v1/context/items/"):
                assert named == {each for each in every if visible(persona, *each)}, (persona, row.path)


LISTS = {"/", "/items/?q=text", "/items/keys/?q=text", "/domains/legal/", "/api/v1/context/items/",
         "/api/v1/context/search/?q=text"}  # fmt: skip


@pytest.mark.parametrize("model", ["contextitem", "contextversion"])
def test_second_line__configuration__shows_the_superuser_no_more_than_their_clearance(world: World, model: str) -> None:
    address = reverse(f"admin:context_{model}_changelist")
    assert resolve(address)
    with no_application_filter(), transaction.atomic():
        text = world.clients["administrator"].get(address).content.decode()
        transaction.set_rollback(True)
    assert "Confidential text" in text
    assert "Restricted text" not in text


def test_answers__are_counted(world: World) -> None:
    """The matrix says something only if it holds every sort of answer."""
    sorts = Counter(cell.expected for cell in cells([*ROWS, *admin_rows()]))
    assert {200, 201, 403, 404, 401, 409, SIGN_IN, REFUSED, DONE, MOVED} <= set(sorts)
