"""Contracts: checked when saved, each save a version that never changes."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from agents.contracts import ContractInvalid, Terms, save_contract
from agents.models import ContextContract, ContractVersion
from context.errors import DomainError, NotPermitted
from context.models import User
from governance.models import AuditEvent
from tests.cast import Cast, creation, publish


def save(cast: Cast, actor: User | None = None, **terms: Any) -> ContractVersion:
    return save_contract(
        actor=actor or cast.admin,
        slug="review",
        name="Review",
        purpose="",
        owner=cast.owner,
        terms=Terms(**{"requirements": [], "token_budget": 1_000, **terms}),
        now=timezone.now(),
    )


def test_save_contract__changed__makes_the_next_version_and_one_event(cast: Cast) -> None:
    first, second = save(cast), save(cast, token_budget=2_000)
    assert (first.number, second.number) == (1, 2)
    assert ContextContract.objects.get().current_version == second
    actions = list(AuditEvent.objects.order_by("sequence").values_list("action", flat=True))
    assert actions == ["agents.contract.created", "agents.contract.changed"]
    assert AuditEvent.objects.filter(action="agents.contract.changed").get().before_digest == first.digest


def test_save_contract__unchanged__makes_nothing(cast: Cast) -> None:
    assert save(cast) == save(cast)
    assert AuditEvent.objects.count() == 1


def test_save_contract__by_its_owner__is_permitted_once_it_is_there(cast: Cast) -> None:
    with pytest.raises(NotPermitted):
        save(cast, actor=cast.owner)
    save(cast)
    assert save(cast, actor=cast.owner, token_budget=3_000).number == 2
    with pytest.raises(NotPermitted):
        save(cast, actor=cast.author, token_budget=4_000)


BAD: list[tuple[dict[str, Any], str]] = [
    ({"requirements": [{"key": "legal/none"}]}, "requirements.0.key"),
    ({"requirements": [{"kind": "poem"}]}, "requirements.0.kind"),
    ({"requirements": [{"domain": "mars"}]}, "requirements.0.domain"),
    ({"requirements": [{"key": "legal/a", "kind": "policy"}]}, "requirements.0"),
    ({"requirements": [{"required": True}]}, "requirements.0"),
    ({"requirements": [{"tag": "x", "colour": "red"}]}, "requirements.0"),
    ({"requirements": [{"tag": "x", "minimum": -1}]}, "requirements.0.minimum"),
    ({"requirements": [{"tag": "x", "minimum": 3, "at_most": 2}]}, "requirements.0.minimum"),
    ({"requirements": [{"key": "legal/a", "minimum": 2}]}, "requirements.0.minimum"),
    ({"requirements": [{"tag": "x", "max_age_days": 0}]}, "requirements.0.max_age_days"),
    ({"requirements": ["legal/a"]}, "requirements.0"),
    ({"requirements": [{"tag": "x"}] * 201}, "requirements"),
    ({"token_budget": 0}, "token_budget"),
    ({"token_budget": -1}, "token_budget"),
    ({"token_budget": 2_000_000}, "token_budget"),
    ({"token_budget": True}, "token_budget"),
    ({"most_matches": -1}, "most_matches"),
    ({"tokenizer": "gpt-9"}, "tokenizer"),
    ({"when_incomplete": "guess"}, "when_incomplete"),
    ({"task_schema": {"type": "nonsense"}}, "schema"),
    ({"task_schema": {"$ref": "http://127.0.0.1:1/x"}}, "schema"),
    ({"output_schema": True}, "output_schema"),
]


@pytest.mark.parametrize(("bad", "field"), BAD, ids=[str(place) for place in range(len(BAD))])
def test_save_contract__terms_that_cannot_be_kept__name_the_field_and_the_fix(
    cast: Cast, bad: dict[str, Any], field: str
) -> None:
    publish(cast, creation("legal/a"))
    with pytest.raises(DomainError) as refusal:
        save(cast, **bad)
    assert refusal.value.field == field
    assert refusal.value.fix
    assert not ContextContract.objects.exists()


def test_save_contract__required_texts_above_the_budget__says_how_much_they_take(cast: Cast) -> None:
    publish(cast, creation("legal/a", body="liability " * 200))
    with pytest.raises(ContractInvalid) as refusal:
        save(cast, requirements=[{"key": "legal/a"}], token_budget=100)
    assert (refusal.value.field, refusal.value.limit) == ("token_budget", 100)
    save(cast, requirements=[{"key": "legal/a", "required": False}], token_budget=100)


def test_save_contract__key_hidden_from_the_writer__reads_like_one_that_does_not_exist(cast: Cast) -> None:
    for person in (cast.author, cast.reviewer):
        person.groups.add(cast.counsel)
    publish(cast, creation("legal/a", audiences=["counsel"]))
    said = []
    for key in ("legal/a", "legal/b"):
        with pytest.raises(ContractInvalid) as refusal:
            save(cast, requirements=[{"key": key}])
        said.append((refusal.value.detail.replace(key, ""), refusal.value.field, refusal.value.fix))
    assert said[0] == said[1]
