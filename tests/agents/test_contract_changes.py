"""A contract goes the way of every change: with texts together, rebased, reverted, retired, discussed, scheduled."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from agents.contract_record import CONTRACTS
from agents.contracts import Terms
from agents.models import ContextContract
from context.access import principal_for
from context.errors import Conflict
from context.models import ContextItem, User
from governance.changes import create_change, put_edit, submit_change
from governance.comments import add_comment
from governance.edits import EditInput, StaleBase
from governance.emergencies import publish_in_emergency
from governance.impact import impact_of
from governance.inbox import inbox_for
from governance.models import ApprovalPolicy, ApprovalStage, Change, Notification
from governance.personal_tokens import issue_token
from governance.policies import policy_for
from governance.publishing import publish_change, publish_due_changes, revert_change
from governance.reading import compare_edits
from governance.rebasing import plan_rebase, rebase_edit
from governance.reviews import ApprovalVoid, may_review, review_change
from governance.summaries import summarise
from tests.agents.conftest import agreed, contract, give
from tests.cast import Cast, creation, publish


def payload(**more: Any) -> dict[str, Any]:
    terms = {"requirements": [], "token_budget": 1_000, "most_matches": 0, **more}
    return {"name": "Review", "owner": "owner", "domain": "legal", **Terms(**terms).as_json()}


def revision_of(slug: str = "review", **fields: Any) -> EditInput:
    return EditInput(operation="revise", record="contract", key=slug, payload=fields)


def propose(cast: Cast, *edits: EditInput, actor: User | None = None) -> Change:
    return create_change(
        actor=actor or cast.admin, title="A change", reason="Needed", edits=list(edits), now=timezone.now()
    )


def approve(cast: Cast, change: Change) -> Change:
    digest = submit_change(actor=cast.admin, change_id=change.pk, now=timezone.now()).digest
    review_change(actor=cast.reviewer, change_id=change.pk, decision="approve", digest=digest, now=timezone.now())
    change.refresh_from_db()
    return change


def carry_out(cast: Cast, change: Change) -> Change:
    approve(cast, change)
    publish_change(actor=cast.admin, change_id=change.pk, now=timezone.now())
    change.refresh_from_db()
    return change


def budget() -> int:
    version = ContextContract.objects.get(slug="review").current_version
    assert version is not None
    return version.token_budget


def test_change__text_and_contract_that_asks_for_it__come_into_force_together(cast: Cast) -> None:
    made = propose(
        cast,
        creation("legal/cap", body="Capped."),
        EditInput(
            operation="create", record="contract", key="review", payload=payload(requirements=[{"key": "legal/cap"}])
        ),
    )
    assert summarise(list(made.edits.all())).sentence.startswith("Adds 2 records of 2 kinds in Legal")
    carry_out(cast, made)
    assert ContextItem.objects.filter(key="legal/cap").exists()
    assert len(give(cast, ContextContract.objects.get()).bundle()["entries"]) == 1


def test_change__text_taken_out_that_its_contract_asks_for__cannot_be_submitted(cast: Cast) -> None:
    asks = payload(requirements=[{"key": "legal/cap"}])
    made = propose(
        cast, creation("legal/cap"), EditInput(operation="create", record="contract", key="review", payload=asks)
    )
    made.edits.get(key="legal/cap").delete()
    with pytest.raises(Exception, match="legal/cap"):
        submit_change(actor=cast.admin, change_id=made.pk, now=timezone.now())


def test_change__one_half_stale__publishes_neither(cast: Cast) -> None:
    publish(cast, creation("legal/cap", body="Capped."))
    contract(cast, [])
    both = approve(
        cast,
        propose(
            cast,
            EditInput(operation="revise", key="legal/cap", payload={"body": "Uncapped."}),
            revision_of(token_budget=2_000),
        ),
    )
    contract(cast, [], token_budget=3_000)
    with pytest.raises(StaleBase):
        publish_change(actor=cast.admin, change_id=both.pk, now=timezone.now())
    assert budget() == 3_000
    item = ContextItem.objects.select_related("current_version").get(key="legal/cap")
    assert item.current_version is not None
    assert item.current_version.number == 1


def test_edit__after_approval__voids_it(cast: Cast) -> None:
    contract(cast, [])
    change = approve(cast, propose(cast, revision_of(token_budget=2_000)))
    put_edit(actor=cast.admin, change_id=change.pk, edit=revision_of(token_budget=9_000), now=timezone.now())
    change.refresh_from_db()
    assert (change.state, change.digest) == ("draft", "")
    with pytest.raises(Conflict):
        publish_change(actor=cast.admin, change_id=change.pk, now=timezone.now())
    assert budget() == 4_000


def test_policy__of_contracts__is_chosen_for_them_alone_and_a_later_one_voids(cast: Cast) -> None:
    contract(cast, [])
    change = approve(cast, propose(cast, revision_of(token_budget=2_000)))
    policy = ApprovalPolicy.objects.create(name="Contracts: the owner of the domain", record="contract")
    ApprovalStage.objects.create(policy=policy, name="Owner", approvers="domain_owner")
    chosen = policy_for(kind=None, domain=cast.legal, sensitivity=1, record="contract")
    assert chosen.policy == policy
    item = publish(cast, creation("legal/cap"))[0]
    assert policy_for(kind=item.kind, domain=cast.legal, sensitivity=1).policy != policy
    with pytest.raises(ApprovalVoid):
        publish_change(actor=cast.admin, change_id=change.pk, now=timezone.now())


def test_review__of_a_contract__is_asked_of_its_approvers_and_seen_by_no_outsider(cast: Cast) -> None:
    contract(cast, [])
    change = propose(cast, revision_of(token_budget=2_000))
    submit_change(actor=cast.admin, change_id=change.pk, now=timezone.now())
    change.refresh_from_db()
    assert may_review(change, principal_for(cast.reviewer)).allowed
    waiting = inbox_for(principal=principal_for(cast.reviewer), now=timezone.now())
    assert [entry.subject for entry in waiting if entry.kind == "review"] == [f"change:{change.pk}"]
    assert Notification.objects.filter(person=cast.reviewer, subject_id=str(change.pk)).exists()
    assert not Change.objects.visible_to(principal_for(cast.outsider)).filter(pk=change.pk).exists()


def test_difference__of_a_contract__names_requirements_by_what_they_are_called(cast: Cast) -> None:
    publish(cast, creation("legal/a"), creation("legal/b"))
    contract(cast, [{"key": "legal/a"}, {"key": "legal/b", "max_age_days": 9}])
    change = propose(cast, revision_of(requirements=[{"key": "legal/b", "max_age_days": 5}], token_budget=5_000))
    (compared,) = compare_edits(principal=principal_for(cast.admin), edits=list(change.edits.all()))
    assert {each.field: (each.before, each.after) for each in compared.fields} == {
        "requirements[legal/b].max_age_days": (9, 5),
        "requirements[legal/a]": ({"key": "legal/a"}, None),
        "token_budget": (4_000, 5_000),
    }


def test_rebase__different_places__merge_and_the_same_place_waits_for_a_choice(cast: Cast) -> None:
    publish(cast, creation("legal/a"), creation("legal/b"), creation("legal/c"))
    contract(cast, [{"key": "legal/a", "max_age_days": 10}])
    mine = propose(
        cast, revision_of(requirements=[{"key": "legal/a", "max_age_days": 20}, {"key": "legal/b"}], token_budget=5_000)
    )
    contract(cast, [{"key": "legal/a", "max_age_days": 30}, {"key": "legal/c"}])
    with pytest.raises(StaleBase):
        submit_change(actor=cast.admin, change_id=mine.pk, now=timezone.now())
    plan = plan_rebase(edit=mine.edits.get())
    assert [conflict.place for conflict in plan.conflicts] == ["requirements[legal/a].max_age_days"]
    with pytest.raises(Conflict):
        rebase_edit(actor=cast.admin, change_id=mine.pk, key="contract:review", choices={}, now=timezone.now())
    rebase_edit(
        actor=cast.admin,
        change_id=mine.pk,
        key="contract:review",
        choices={"requirements[legal/a].max_age_days": "theirs"},
        now=timezone.now(),
    )
    edit = mine.edits.get()
    assert (edit.base_version, edit.payload["token_budget"]) == (2, 5_000)
    stated = {each["key"]: each.get("max_age_days") for each in edit.payload["requirements"]}
    assert stated == {"legal/a": 30, "legal/b": None, "legal/c": None}


def test_revert__of_a_change__returns_the_contract_and_retires_what_was_new(cast: Cast) -> None:
    contract(cast, [])
    changed = carry_out(cast, propose(cast, revision_of(token_budget=2_000)))
    undone = revert_change(actor=cast.admin, change_id=changed.pk, reason="Wrong", now=timezone.now())
    carry_out(cast, undone)
    assert budget() == 4_000
    new = agreed(cast, slug="other", payload={**payload(), "name": "Other"})
    assert new.current_version is not None
    first = Change.objects.get(pk=new.current_version.change_number)
    carry_out(cast, revert_change(actor=cast.admin, change_id=first.pk, reason="Wrong", now=timezone.now()))
    new.refresh_from_db()
    assert new.retired_at is not None


def test_retired__contract__is_served_to_nobody_until_it_is_brought_back(cast: Cast) -> None:
    publish(cast, creation("legal/cap"))
    agent = give(cast, contract(cast, [{"key": "legal/cap"}]))
    carry_out(cast, propose(cast, EditInput(operation="retire", record="contract", key="review")))
    assert agent.post({"contract": "review"}).status_code == 404
    with pytest.raises(Conflict):
        propose(cast, revision_of(token_budget=2_000))
    carry_out(cast, propose(cast, EditInput(operation="revert", record="contract", key="review", revert_to=1)))
    assert agent.post({"contract": "review"}).status_code == 200


def test_schedule__contract__comes_into_force_when_its_time_has_come(cast: Cast) -> None:
    contract(cast, [])
    change = approve(cast, propose(cast, revision_of(token_budget=2_000)))
    soon = timezone.now() + timedelta(hours=1)
    publish_change(actor=cast.admin, change_id=change.pk, now=timezone.now(), at=soon)
    assert publish_due_changes(now=timezone.now()) == []
    assert budget() == 4_000
    assert publish_due_changes(now=soon + timedelta(seconds=1)) == [change.pk]
    assert budget() == 2_000


def test_emergency__contract__is_published_by_somebody_else_with_a_reason(cast: Cast) -> None:
    contract(cast, [])
    change = propose(cast, revision_of(token_budget=2_000))
    submit_change(actor=cast.admin, change_id=change.pk, now=timezone.now())
    publish_in_emergency(
        actor=cast.owner, change_id=change.pk, reason="Agents are served by the wrong paper.", now=timezone.now()
    )
    assert budget() == 2_000


def test_comment__on_the_contract_of_a_change__names_it(cast: Cast) -> None:
    contract(cast, [])
    change = propose(cast, revision_of(token_budget=2_000))
    made = add_comment(
        actor=cast.admin, change_id=change.pk, text="Too many", key="contract:review", now=timezone.now()
    )
    assert made.key == "contract:review"


def test_impact__of_a_contract__names_who_is_served_by_it(cast: Cast) -> None:
    give(cast, contract(cast, []))
    change = propose(cast, revision_of(token_budget=2_000))
    touched = impact_of(change=change, principal=principal_for(cast.admin))
    assert [(each.kind, each.label) for each in touched] == [("agent", "Comparer")]


def test_api__contract_edit__is_taken_shown_and_compared(cast: Cast) -> None:
    contract(cast, [])
    token = issue_token(user=cast.admin, name="t", actor=principal_for(cast.admin), now=timezone.now()).text
    client = Client(headers={"Authorization": f"Bearer {token}"})

    def send(body: Any) -> Any:
        return client.post("/api/v1/changes/", json.dumps(body), content_type="application/json")

    edit = {"record": "contract", "op": "revise", "key": "review", "payload": {"token_budget": 5_000}}
    answer = send({"title": "More", "reason": "Needed", "edits": [{**edit, "base_version": 1}]})
    assert answer.status_code == 201, answer.content
    made = json.loads(answer.content)
    assert made["keys"] == ["contract:review"]
    shown = json.loads(client.get(f"/api/v1/changes/{made['id']}/records/contract/review/").content)
    assert (shown["record"], shown["kind"], shown["domain"]) == ("contract", None, "legal")
    compared = json.loads(client.get(f"/api/v1/changes/{made['id']}/diff/").content)["results"][0]
    assert compared["fields_changed"] == [{"field": "token_budget", "before": 4_000, "after": 5_000}]
    for wrong, field in (
        ({**edit, "title": "x"}, "edits"),
        ({**edit, "record": "poem"}, "record"),
        ({**edit, "base_version": 7}, "base_version"),
        ({**edit, "payload": {"colour": "red"}}, "colour"),
    ):
        refused = send({"title": "More", "reason": "Needed", "edits": [wrong]})
        assert refused.status_code in (400, 409, 422), refused.content
        assert field in refused.content.decode()


def test_record__of_contracts__says_again_what_it_published(cast: Cast) -> None:
    contract(cast, [])
    state = CONTRACTS.states(["review"])["review"]
    with pytest.raises(Conflict):
        propose(cast, EditInput(operation="revise", record="contract", key="review", payload=state.payload))
