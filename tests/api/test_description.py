"""The API's description: it is OpenAPI 3.1, says what is served, and what is served is what it says."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core.management import call_command
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, transaction
from django.test import Client
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from config.api.docs import api_description
from tests.agents.conftest import contract, give
from tests.api.conftest import token_of
from tests.cast import Cast, creation, propose, publish, revision, submit

CHECKS = (not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance)


# Asking again gives the same (a bundle, a decision), or is refused by the version or lease it names. What tells a
# secret (a claim, a push target, a trigger's secret) is not kept to be told again; an event has an id of its own.
ANSWERS_ALIKE = re.compile(r"/(bundles|bundle|memory|claim|decide|replay|push-target|flows/check|events|secret)/")


def operations() -> list[tuple[str, str]]:
    return [
        (path, method)
        for path, methods in api_description()["paths"].items()
        for method in methods
        if method in {"get", "post", "put", "patch", "delete"}
    ]


@pytest.fixture
def world(cast: Cast) -> Iterator[dict[str, str]]:
    """Something to be found at each sort of address, and the credentials of who may do most."""
    publish(cast, creation("legal/cap", body="Twice the fee.", owner="author"))
    publish(cast, revision("legal/cap", body="Three times the fee."))
    change = propose(cast, creation("legal/draft"))
    submit(cast, creation("legal/review"))
    presented = give(cast, contract(cast, [{"key": "legal/cap", "required": True}]), scopes=("bundles:read",))
    # Requests are made in the test's own transaction, whose connection must outlive each of them.
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield {
        "change_id": str(change.pk),
        "author": token_of(cast.author),
        "auditor": token_of(cast.auditor),
        "agent": presented.bearer,
    }
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.mark.slow
def test_every_operation__any_input_that_fits_its_description__answers_as_described(world: dict[str, str]) -> None:
    schema = schemathesis.openapi.from_wsgi("/api/v1/schema/", get_wsgi_application())
    failures = {}
    for path, method in operations():
        try:
            with transaction.atomic():
                try_operation(schema[path][method.upper()], path, world)
                transaction.set_rollback(True)
        except FailureGroup as group:
            failures[f"{method} {path}"] = [str(failure)[:600] for failure in group.exceptions]
    assert failures == {}


def try_operation(operation: Any, path: str, world: dict[str, str]) -> None:
    """Requests made from the operation's description, half of them to something that is there."""
    who = "auditor" if "/audit/" in path else "agent" if "/bundles/" in path else "author"
    known = {"domain": "legal", "slug": "review" if "contracts" in path else "cap", "number": 1, **world}

    @hypothesis_settings(
        max_examples=12,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(), found=st.booleans())
    def run(case: schemathesis.Case, found: bool) -> None:
        if found:
            case.path_parameters = {name: known.get(name, value) for name, value in case.path_parameters.items()}
        response = case.call(headers={"Authorization": f"Bearer {world[who]}"})
        case.validate_response(response, checks=CHECKS)

    run()


def test_schema__openapi_3_1__every_operation_has_a_name_a_summary_and_its_refusals() -> None:
    description = api_description()
    assert description["openapi"] == "3.1.0"
    names = []
    for path, method in operations():
        operation = description["paths"][path][method]
        names.append(operation["operationId"])
        assert operation["summary"], path
        assert operation["security"], path
        assert {"400", "401"} <= set(operation["responses"]), path
        assert ("404" in operation["responses"]) == ("{" in path or method != "get"), path
        headers = {parameter["name"] for parameter in operation.get("parameters", ()) if parameter["in"] == "header"}
        assert ("Idempotency-Key" in headers) == (method != "get" and not ANSWERS_ALIKE.search(path)), path
        assert ("If-Match" in headers) == ({"412", "428"} <= set(operation["responses"])), path
    assert len(set(names)) == len(names)


def test_schema__made_without_a_warning__no_two_components_of_one_name(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", os.devnull)


def test_docs_page__every_operation_is_on_it__without_any_script_or_style_of_others(db: None) -> None:
    page = Client().get("/api/v1/docs/")
    html = page.content.decode()
    assert page.status_code == 200
    for path, methods in api_description()["paths"].items():
        assert path in html
        for method in set(methods) & {"get", "post", "put", "patch", "delete"}:
            assert f'id="{methods[method]["operationId"]}"' in html
    assert not re.search(r'(src|href)="(https?:)?//', html)
    assert not re.search(r"<script(?![^>]*\bsrc=)", html)
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=", html)
    policy = page["Content-Security-Policy"]
    assert "unsafe-inline" not in policy
    assert "unsafe-eval" not in policy


def test_schema__unchanged__304() -> None:
    first = Client().get("/api/v1/schema/")
    assert Client().get("/api/v1/schema/", headers={"If-None-Match": first["ETag"]}).status_code == 304
