"""What is wrong in a form is told beside its field, and nothing that was typed is lost."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from agents.models import ModelEndpoint, PushTarget
from tests.agents.conftest import contract, give
from tests.cast import Cast

ENDPOINT = {
    "slug": "house-model", "name": "House model", "provider": "Acme", "owner": "owner", "model": "large-2",
    "price_in": "1.50", "price_out": "6.00", "currency": "EUR", "capabilities": "tools, vision", "latency": "batch",
    "base_url": "https://models.example.org/v1", "credential": "HOUSE_KEY",
}  # fmt: skip


def _bad_fields(page: str) -> list[str]:
    """The names of the fields beside which an error stands."""
    return re.findall(r'(?s)class="(?:field )?field-bad".*?class="error".*?name="(\w+)"', page)


@pytest.mark.parametrize("wrong", [{"price_out": "cheap"}, {"credential": "not a variable"}, {"slug": "Not A Slug"}])
def test_endpoint__with_a_wrong_field__is_asked_again_beside_it_with_all_that_was_typed(
    cast: Cast, wrong: dict[str, str]
) -> None:
    admin = Client()
    admin.force_login(cast.admin)
    said = admin.post("/endpoints/add/", {**ENDPOINT, **wrong})
    page = said.content.decode()
    assert (said.status_code, _bad_fields(page)) == (422, list(wrong))
    for name in ("name", "model", "currency", *wrong):
        assert f'name="{name}" value="{({**ENDPOINT, **wrong})[name]}"' in page
    assert not ModelEndpoint.objects.exists()
    assert admin.post("/endpoints/add/", ENDPOINT)["Location"] == "/endpoints/house-model/"
    # The next version starts from the one that is there, and is asked again on the page of the endpoint.
    again = admin.post("/endpoints/add/", {**ENDPOINT, "price_in": "-1", "back": "house-model"}).content.decode()
    assert _bad_fields(again) == ["price_in"]
    assert "Register the next version" in again


@pytest.mark.parametrize("wrong", [{"url": "http://plain.example.org/"}, {"timeout_seconds": "0"}])
def test_push_target__with_a_wrong_field__is_asked_again_beside_it_with_all_that_was_typed(
    cast: Cast, settings: Any, wrong: dict[str, str]
) -> None:
    settings.AGENT_ALLOWED_HOSTS = ["agents.example.org"]
    agent = give(cast, contract(cast, [])).agent
    owner = Client()
    owner.force_login(agent.owner)
    good = {
        "kind": "webhook",
        "url": "https://agents.example.org/run",
        "timeout_seconds": "40",
        "most_output_tokens": "900",
    }
    said = owner.post(f"/agents/{agent.slug}/push/", {**good, **wrong})
    page = said.content.decode()
    assert (said.status_code, _bad_fields(page)) == (422, list(wrong))
    assert 'value="900"' in page
    assert not PushTarget.objects.exists()
