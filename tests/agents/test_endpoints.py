"""Model endpoints: registered, promoted, rolled back, replaced, each for administrators and each with its event."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from agents.endpoints import ModelTerms, note_health, promote, register_version, replace_endpoint, suspend_endpoint
from agents.models import EndpointVersion, ModelEndpoint
from agents.routing.candidates import candidates_of
from context.access import SYSTEM
from context.errors import Conflict, InvalidInput, NotPermitted
from governance.models import AuditEvent
from tests.agents.conftest import contract, give
from tests.cast import Cast, creation, publish


def registered(cast: Cast, slug: str = "house", model: str = "one", price: str = "1.5", **more: Any) -> EndpointVersion:
    terms = ModelTerms(model=model, price_in=Decimal(price), price_out=Decimal("3"), **more)
    return register_version(
        actor=cast.admin, slug=slug, name=slug, provider="Us", owner=cast.owner, terms=terms, now=timezone.now()
    )


def used(cast: Cast, endpoint: ModelEndpoint) -> dict[str, Any]:
    """What routes know of an agent that uses the endpoint."""
    publish(cast, creation("legal/cap"))
    agent = give(cast, contract(cast, [{"key": "legal/cap"}])).agent
    agent.endpoint = endpoint
    agent.save()
    return dict(candidates_of([agent.slug], load=True, budget=True)[agent.slug].values)


def actions() -> list[str]:
    events = AuditEvent.objects.filter(subject_type="model_endpoint").order_by("sequence")
    return [event.action.removeprefix("agents.endpoint.") for event in events]


def test_register__same_again__makes_no_version(cast: Cast) -> None:
    first = registered(cast)
    assert registered(cast) == first
    assert registered(cast, model="two").number == 2
    assert actions() == ["registered", "registered"]
    assert ModelEndpoint.objects.get().current_version is None


def test_promote__earlier_version__is_a_rollback_and_routes_see_its_price(cast: Cast) -> None:
    endpoint = registered(cast, capabilities=["dutch"], latency="batch").endpoint
    registered(cast, model="two", price="7")
    now = timezone.now()
    for number in (1, 2, 1):
        promote(actor=cast.admin, endpoint=endpoint, number=number, reason="Tried", now=now)
    assert actions() == ["registered", "registered", "promoted", "promoted", "rolled_back"]
    values = used(cast, ModelEndpoint.objects.get())
    assert (values["agent.price_in"], values["agent.latency"]) == (1.5, "batch")
    assert values["agent.capabilities"] == ("dutch",)
    assert (values["agent.health"], values["agent.load"]) == ("unknown", 0)
    assert "agent.budget_left" not in values


def test_suspend__endpoint_in_use__routes_see_its_agents_as_down(cast: Cast) -> None:
    endpoint = promote(actor=cast.admin, endpoint=registered(cast).endpoint, number=1, reason="", now=timezone.now())
    assert note_health(actor=SYSTEM, endpoint=endpoint, health="healthy", why="", now=timezone.now())
    assert not note_health(actor=SYSTEM, endpoint=endpoint, health="healthy", why="", now=timezone.now())
    suspend_endpoint(actor=cast.admin, endpoint=endpoint, reason="It lies", now=timezone.now())
    assert used(cast, endpoint)["agent.health"] == "down"


def test_replace__by_one_in_use__leads_its_agents_there(cast: Cast) -> None:
    now = timezone.now()
    old = promote(actor=cast.admin, endpoint=registered(cast).endpoint, number=1, reason="", now=now)
    new = registered(cast, slug="other").endpoint
    with pytest.raises(Conflict):
        replace_endpoint(actor=cast.admin, endpoint=old, by=new, reason="", now=now)
    promote(actor=cast.admin, endpoint=new, number=1, reason="", now=now)
    used(cast, old)
    replace_endpoint(actor=cast.admin, endpoint=old, by=new, reason="Cheaper", now=now)
    assert [agent.slug for agent in new.agents.all()] == ["comparer"]
    old.refresh_from_db()
    assert (old.state, old.replaced_by) == ("replaced", new)


@pytest.mark.parametrize("who", ["owner", "auditor", "author"])
def test_register__anybody_but_an_administrator__is_refused_and_recorded(cast: Cast, who: str) -> None:
    terms = ModelTerms(model="m", price_in=Decimal(1), price_out=Decimal(1))
    with pytest.raises(NotPermitted):
        register_version(
            actor=getattr(cast, who), slug="x", name="x", provider="x", owner=cast.owner, terms=terms,
            now=timezone.now(),
        )  # fmt: skip
    assert AuditEvent.objects.latest("sequence").action.endswith(".denied")


@pytest.mark.parametrize(
    "more",
    [
        {"slug": "Not Plain"}, {"slug": "add"}, {"credential": "sk-1234567890"}, {"base_url": "https://u:p@host/?key=1"},
        {"base_url": "file:///etc/passwd"}, {"name": ""},
    ],
)  # fmt: skip
def test_register__what_cannot_be__is_refused_by_field(cast: Cast, more: dict[str, str]) -> None:
    terms = ModelTerms(model="m", price_in=Decimal(1), price_out=Decimal(1))
    said: dict[str, Any] = {"slug": "x", "name": "x", "provider": "x", **more}
    with pytest.raises(InvalidInput) as refusal:
        register_version(actor=cast.admin, owner=cast.owner, terms=terms, now=timezone.now(), **said)
    assert refusal.value.field == next(iter(more))


@pytest.mark.parametrize("price", ["-1", "NaN", "Infinity", "100001"])
def test_register__price_that_is_none__is_refused(cast: Cast, price: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        registered(cast, price=price)
    assert refusal.value.field == "price_in"


@pytest.mark.parametrize(
    "statement", ["UPDATE agents_endpointversion SET price_in = 0", "DELETE FROM agents_endpointversion",
                  "DELETE FROM agents_modelendpoint"],
)  # fmt: skip
def test_database__version_of_an_endpoint__never_changes(cast: Cast, statement: str) -> None:
    registered(cast)
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
