"""Contracts: checked when proposed, changed by approved changes alone, each a version that never changes."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from agents.contract_checks import ContractInvalid
from agents.contract_proposals import propose_contract
from agents.contracts import Terms
from agents.models import ContextContract, ContractVersion
from context.errors import DomainError, NotPermitted
from context.models import User
from governance.changes import submit_change
from governance.edits import EditInput, NothingToChange
from governance.models import AuditEvent, Change
from governance.publishing import publish_change
from governance.reviews import review_change
from tests.agents.conftest import agreed
from tests.cast import Cast, creation, publish


def payload(**terms: Any) -> dict[str, Any]:
    return {
        "name": "Review",
        "owner": "owner",
        "domain": "legal",
        **Terms(**{"requirements": [], "token_budget": 1_000, **terms}).as_json(),
    }


def propose(cast: Cast, actor: User | None = None, **terms: Any) -> Change:
    return propose_contract(
        actor=actor or cast.admin, slug="review", payload=payload(**terms), reason="Needed", now=timezone.now()
    )


def save(cast: Cast, **terms: Any) -> ContractVersion:
    version = agreed(cast, slug="review", payload=payload(**terms)).current_version
    assert version is not None
    return version


def test_contract__changed__makes_the_next_version_and_one_event_of_it(cast: Cast) -> None:
    first, second = save(cast), save(cast, token_budget=2_000)
    assert (first.number, second.number) == (1, 2)
    assert ContextContract.objects.get().current_version == second
    events = AuditEvent.objects.filter(action="agents.contract.published").order_by("sequence")
    assert [event.after_digest for event in events] == [first.digest, second.digest]
    assert [event.before_digest for event in events] == ["", first.digest]
    assert [approval["person"] for approval in second.approvals] == ["Rui Reviewer"]
    assert second.author_label == "Anna Admin"


def test_contract__saying_the_same__makes_no_change(cast: Cast) -> None:
    save(cast)
    with pytest.raises(NothingToChange):
        propose(cast)


def test_propose__by_its_owner__is_permitted_once_it_is_there(cast: Cast) -> None:
    cast.legal.owner = None
    cast.legal.save()
    with pytest.raises(NotPermitted):
        propose(cast, actor=cast.owner)
    save(cast)
    propose(cast, actor=cast.owner, token_budget=3_000)
    with pytest.raises(NotPermitted):
        propose(cast, actor=cast.author, token_budget=4_000)


def test_publish__before_its_approval__leaves_the_contract_as_it_is(cast: Cast) -> None:
    save(cast)
    change = propose(cast, token_budget=2_000)
    submitted = submit_change(actor=cast.admin, change_id=change.pk, now=timezone.now())
    with pytest.raises(DomainError):
        publish_change(actor=cast.admin, change_id=change.pk, now=timezone.now())
    with pytest.raises(NotPermitted):
        review_change(
            actor=cast.admin, change_id=change.pk, decision="approve", digest=submitted.digest, now=timezone.now()
        )
    assert ContextContract.objects.get().current_version is not None
    assert ContractVersion.objects.get().token_budget == 1_000


BY_HAND = {
    "a contract": "UPDATE agents_contextcontract SET name = 'Mine'",
    "its version": "INSERT INTO agents_contractversion (contract_id, number, requirements, token_budget, tokenizer, "
    "most_matches, when_incomplete, escalation_days, output_checks, digest, created_at, created_by_id, metadata, "
    "change_number, author_label, approvals) SELECT contract_id, 2, '[]', 9, tokenizer, 0, 'refuse', 5, '[]', digest, "
    "now(), created_by_id, metadata, change_number + %s, 'me', '[]' FROM agents_contractversion",
    "its stewards": "INSERT INTO agents_contextcontract_stewards (contextcontract_id, user_id) "
    "SELECT id, owner_id FROM agents_contextcontract",
    "its end": "DELETE FROM agents_contextcontract",
}


@pytest.mark.parametrize("statement", BY_HAND.values(), ids=list(BY_HAND))
@pytest.mark.parametrize("pen", ["", "verify", "publish:0"])
def test_contract__written_past_its_change__is_refused_by_the_database(cast: Cast, statement: str, pen: str) -> None:
    save(cast)
    _refused(statement, pen)


def test_contract__written_under_the_change_of_another__is_refused_by_the_database(cast: Cast) -> None:
    own = save(cast).change_number
    later = save_other(cast)
    # That change was published in this very transaction, so its pen is good, but for another contract.
    _refused(BY_HAND["its version"], f"publish:{later}", shift=later - own)


@pytest.mark.parametrize("statement", BY_HAND.values(), ids=list(BY_HAND))
def test_contract__written_under_its_change_afterwards__is_refused_by_the_database(
    committed_db: None, cast: Cast, statement: str
) -> None:
    own = save(cast).change_number
    with transaction.atomic():
        _refused(statement, f"publish:{own}")


def _refused(statement: str, pen: str, shift: int = 0) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('plumbline.pen', %s, true)", [pen])
        with pytest.raises(DatabaseError), transaction.atomic():
            cursor.execute(statement, [shift] if "%s" in statement else None)


def save_other(cast: Cast) -> int:
    """Another contract, so that there is a change which is not of this one."""
    other = agreed(cast, slug="other", payload={**payload(), "name": "Other"}).current_version
    assert other is not None
    return other.change_number


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
    ({"requirements": [{"key": "legal/a", "depth": 2}]}, "requirements.0.depth"),
    ({"requirements": [{"key": "legal/a", "follow": ["depends_on"], "depth": 6}]}, "requirements.0.depth"),
    ({"requirements": [{"key": "legal/a", "follow": ["conflicts_with"]}]}, "requirements.0.follow.0"),
    ({"requirements": [{"key": "legal/a"}, {"key": "legal/a", "required": False}]}, "requirements.1.name"),
    ({"requirements": [{"tag": "nobody-has-this"}]}, "requirements.0"),
    ({"requirements": [{"kind": "policy", "domain": "legal", "minimum": 3}]}, "requirements.0"),
    ({"requirements": [{"key": "legal/gone"}]}, "requirements.0.key"),
    ({"requirements": ["legal/a"]}, "requirements.0"),
    ({"requirements": [{"tag": "x"}] * 201}, "requirements"),
    ({"token_budget": 0}, "token_budget"),
    ({"token_budget": -1}, "token_budget"),
    ({"token_budget": 2_000_000}, "token_budget"),
    ({"token_budget": True}, "token_budget"),
    ({"most_matches": -1}, "most_matches"),
    ({"escalation_days": 0}, "escalation_days"),
    ({"tokenizer": "gpt-9"}, "tokenizer"),
    ({"when_incomplete": "guess"}, "when_incomplete"),
    ({"task_schema": {"type": "nonsense"}}, "task_schema"),
    ({"task_schema": {"$ref": "http://127.0.0.1:1/x"}}, "task_schema"),
    ({"output_schema": {"$ref": "file:///etc/passwd"}}, "output_schema"),
    ({"output_schema": True}, "output_schema"),
    ({"output_schema": {"title": "x" * 70_000}}, "output_schema"),
    ({"output_checks": [{"type": "be_nice"}]}, "output_checks.0.type"),
    ({"output_checks": [{"type": "forbidden_terms", "terms": []}]}, "output_checks.0.terms"),
    ({"output_checks": [{"type": "forbidden_terms", "terms": [" "]}]}, "output_checks.0.terms.0"),
    (
        {"output_checks": [{"type": "required_clauses", "clauses": [{"key": "legal/none"}]}]},
        "output_checks.0.clauses.0.key",
    ),
    ({"output_checks": [{"type": "deprecated_terms", "domain": "mars"}]}, "output_checks.0.domain"),
    ({"output_checks": [{"type": "numeric_limits", "appetite": "legal/a"}]}, "output_checks.0.appetite"),
    ({"output_checks": [{"type": "citations_required", "minimum": 0}]}, "output_checks.0.minimum"),
    ({"output_checks": [{"type": "no_contradiction", "with": "anything"}]}, "output_checks.0.with"),
]


@pytest.mark.parametrize(("bad", "field"), BAD, ids=[str(place) for place in range(len(BAD))])
def test_propose__terms_that_cannot_be_kept__name_the_field_and_the_fix(
    cast: Cast, bad: dict[str, Any], field: str
) -> None:
    publish(cast, creation("legal/a"), creation("legal/gone"))
    publish(cast, EditInput(operation="retire", key="legal/gone"))
    with pytest.raises(DomainError) as refusal:
        propose(cast, **bad)
    assert refusal.value.field == field
    assert refusal.value.fix
    assert not ContextContract.objects.exists()


def test_propose__required_texts_above_the_budget__says_how_much_they_take(cast: Cast) -> None:
    publish(cast, creation("legal/a", body="liability " * 200))
    with pytest.raises(ContractInvalid) as refusal:
        propose(cast, requirements=[{"key": "legal/a"}], token_budget=100)
    assert (refusal.value.field, refusal.value.limit) == ("token_budget", 100)
    propose(cast, requirements=[{"key": "legal/a"}], token_budget=refusal.value.extra["needed"])
    propose(cast, requirements=[{"key": "legal/a", "required": False}], token_budget=100)


def test_propose__key_hidden_from_the_writer__reads_like_one_that_does_not_exist(cast: Cast) -> None:
    for person in (cast.author, cast.reviewer):
        person.groups.add(cast.counsel)
    publish(cast, creation("legal/a", audiences=["counsel"]))
    said = []
    for key in ("legal/a", "legal/b"):
        with pytest.raises(ContractInvalid) as refusal:
            propose(cast, requirements=[{"key": key}])
        said.append((refusal.value.detail.replace(key, ""), refusal.value.field, refusal.value.fix))
    assert said[0] == said[1]
