"""Change, review and publication by random people in random order, against a model naive enough to be believed.

`PLUMBLINE_THOROUGH=1` runs 2,000 examples of 40 steps instead of the few of an everyday run.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.db import transaction
from django.db.models import Exists, F, OuterRef
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from context.errors import DomainError
from context.models import ContextItem, ContextVersion, RoleGrant, User
from governance.audit.verification import verify_chain
from governance.changes import (
    create_change,
    describe_change,
    put_edit,
    reopen_change,
    submit_change,
    withdraw_change,
)
from governance.edits import EditInput
from governance.emergencies import publish_in_emergency
from governance.models import Change, Review
from governance.publishing import publish_change
from governance.reviews import review_change
from tests.cast import Cast, gather

THOROUGH = bool(os.environ.get("PLUMBLINE_THOROUGH"))
PEOPLE = ("author", "reviewer", "owner", "admin", "outsider")
KEYS = ("legal/one", "legal/two", "sales/three")
people = st.sampled_from(PEOPLE)
keys = st.sampled_from(KEYS)
bodies = st.sampled_from(["a", "b", "c"])


@dataclass
class Expected:
    """What the model knows of a change."""

    state: str
    editors: set[str]
    edits: dict[str, str] = field(default_factory=dict)
    bases: dict[str, int] = field(default_factory=dict)
    approvers: set[str] = field(default_factory=set)


class Governance(RuleBasedStateMachine):
    changes: Bundle[int] = Bundle("changes")

    def __init__(self) -> None:
        super().__init__()
        self.atomic = transaction.atomic()
        self.atomic.__enter__()
        self.cast: Cast = gather()
        for person in ("author", "admin"):
            RoleGrant.objects.create(user=getattr(self.cast, person), role="author")
        for person in ("reviewer", "owner", "admin"):
            RoleGrant.objects.create(user=getattr(self.cast, person), role="approver")
        self.model: dict[int, Expected] = {}
        self.texts: dict[str, list[str]] = {key: [] for key in KEYS}
        self.events = 0

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.atomic.__exit__(None, None, None)

    def person(self, name: str) -> User:
        found: User = getattr(self.cast, name)
        return found

    def edit(self, key: str, body: str) -> EditInput:
        payload = {"kind": "policy", "domain": key.split("/")[0], "title": key, "body": body}
        exists = ContextItem.objects.filter(key=key).exists()
        return EditInput(operation="revise" if exists else "create", key=key, payload=payload)

    def attempt(self, act: object, *, allowed: bool | None = None) -> bool:
        """Do it; whether it was done. `allowed` is what the model expects, None where it does not say."""
        refusal = None
        try:
            act()
        except DomainError as error:
            refusal = error
        if refusal is not None:
            assert allowed is not True, f"the model allows what was refused: {refusal.detail}"
            return False
        assert allowed is not False, "the model refuses what was done"
        return True

    @rule(target=changes, person=st.sampled_from(["author", "admin"]), key=keys, body=bodies)
    def create(self, person: str, key: str, body: str) -> int:
        made: list[Change] = []

        def act() -> None:
            made.append(
                create_change(
                    actor=self.person(person),
                    title="A change",
                    reason="A reason",
                    edits=[self.edit(key, body)],
                    now=timezone.now(),
                )
            )

        changes_text = not self.texts[key] or self.texts[key][-1] != body
        if not self.attempt(act, allowed=changes_text):
            return -1
        pk = made[0].pk
        self.model[pk] = Expected("draft", {person}, {key: body}, {key: len(self.texts[key])})
        return pk

    @rule(pk=changes, person=people, key=keys, body=bodies)
    def put(self, pk: int, person: str, key: str, body: str) -> None:
        known = self.model.get(pk)
        if known is None:
            return
        before = Change.objects.get(pk=pk).revision
        if not self.attempt(
            lambda: put_edit(actor=self.person(person), change_id=pk, edit=self.edit(key, body), now=timezone.now()),
            allowed=False if person == "outsider" or known.state == "published" else None,
        ):
            return
        if Change.objects.get(pk=pk).revision != before:
            known.state, known.approvers = "draft", set()
            known.editors.add(person)
            if self.texts[key] and self.texts[key][-1] == body:
                known.edits.pop(key, None)
                known.bases.pop(key, None)
            else:
                known.edits[key], known.bases[key] = body, len(self.texts[key])

    @rule(pk=changes, person=people)
    def describe(self, pk: int, person: str) -> None:
        known = self.model.get(pk)
        if known is None:
            return
        change = Change.objects.get(pk=pk)
        reason = f"Reason {change.revision}"
        if self.attempt(
            lambda: describe_change(actor=self.person(person), change_id=pk, reason=reason, now=timezone.now()),
            allowed=False if known.state == "published" else None,
        ):
            known.state, known.approvers = "draft", set()
            known.editors.add(person)

    @rule(pk=changes, person=people)
    def submit(self, pk: int, person: str) -> None:
        known = self.model.get(pk)
        if known is None:
            return
        current = all(len(self.texts[key]) == base for key, base in known.bases.items())
        allowed = known.state == "draft" and person in known.editors and bool(known.edits) and current
        if self.attempt(
            lambda: submit_change(actor=self.person(person), change_id=pk, now=timezone.now()), allowed=allowed
        ):
            known.state = "in_review"

    @rule(pk=changes, person=people, decision=st.sampled_from(["approve", "approve", "reject", "request_changes"]))
    def review(self, pk: int, person: str, decision: str) -> None:
        known = self.model.get(pk)
        if known is None:
            return
        allowed = (
            known.state == "in_review" and person in {"reviewer", "owner", "admin"} and person not in known.editors
        )
        change = Change.objects.get(pk=pk)
        if self.attempt(
            lambda: review_change(
                actor=self.person(person),
                change_id=pk,
                decision=decision,
                digest=change.digest,
                comment="So be it.",
                now=timezone.now(),
            ),
            allowed=allowed,
        ):
            known.state = {"approve": "approved", "reject": "rejected", "request_changes": "draft"}[decision]
            known.approvers = {person} if decision == "approve" else set()

    @rule(pk=changes, person=people, at_once=st.booleans())
    def publish(self, pk: int, person: str, at_once: bool) -> None:
        known = self.model.get(pk)
        if known is None:
            return
        current = all(len(self.texts[key]) == base for key, base in known.bases.items())
        allowed = None if known.state == "approved" and current and person != "outsider" else False
        if self.attempt(
            lambda: publish_change(actor=self.person(person), change_id=pk, now=timezone.now()), allowed=allowed
        ):
            known.state = "published"
            for key, body in known.edits.items():
                self.texts[key].append(body)

    @rule(pk=changes, person=people)
    def emergency(self, pk: int, person: str) -> None:
        known = self.model.get(pk)
        if known is None or known.state not in {"in_review", "approved"}:
            return
        if self.attempt(
            lambda: publish_in_emergency(
                actor=self.person(person),
                change_id=pk,
                reason="The building is on fire, truly.",
                now=timezone.now(),
            ),
            allowed=False if person in known.editors or person in {"outsider", "reviewer"} else None,
        ):
            known.state = "published"
            for key, body in known.edits.items():
                self.texts[key].append(body)

    @rule(pk=changes, person=people)
    def withdraw(self, pk: int, person: str) -> None:
        known = self.model.get(pk)
        if known is None:
            return
        if self.attempt(
            lambda: withdraw_change(actor=self.person(person), change_id=pk, now=timezone.now()),
            allowed=None if known.state in {"draft", "in_review", "approved"} else False,
        ):
            known.state, known.approvers = "withdrawn", set()

    @rule(pk=changes, person=people)
    def reopen(self, pk: int, person: str) -> None:
        known = self.model.get(pk)
        if known is None:
            return
        if self.attempt(
            lambda: reopen_change(actor=self.person(person), change_id=pk, now=timezone.now()),
            allowed=False if known.state in {"draft", "published"} else None,
        ):
            known.state, known.approvers = "draft", set()
            known.editors.add(person)

    @invariant()
    def states_and_editors_are_the_models(self) -> None:
        for change in Change.objects.prefetch_related("editors"):
            known = self.model[change.pk]
            assert change.state == known.state
            assert {person.username for person in change.editors.all()} == known.editors

    @invariant()
    def texts_in_force_are_the_models(self) -> None:
        versions = ContextVersion.objects.order_by("item__key", "number").values_list("item__key", "body")
        in_force = ContextVersion.objects.in_force(timezone.now()).values_list("item__key", "body")
        assert list(versions) == [(key, body) for key in KEYS for body in self.texts[key]]
        assert sorted(in_force) == [(key, self.texts[key][-1]) for key in KEYS if self.texts[key]]

    @invariant()
    def no_editor_approved_what_stands(self) -> None:
        wrong = Review.objects.filter(
            decision="approve", digest=F("change__digest"), change__editors=F("reviewer")
        ).values_list("change_id", "reviewer_label")
        assert not list(wrong)

    @invariant()
    def every_published_change_had_an_approval_or_an_emergency(self) -> None:
        approved = Review.objects.filter(change=OuterRef("pk"), decision="approve", digest=OuterRef("digest"))
        published = Change.objects.filter(state="published", emergency_reason="")
        assert not list(published.exclude(Exists(approved)).values_list("pk", flat=True))

    @invariant()
    def the_ledger_holds_and_only_grows(self) -> None:
        verdict = verify_chain()
        assert verdict.holds, verdict.reason
        assert verdict.checked >= self.events
        self.events = verdict.checked


@pytest.mark.slow
def test_governance__random_steps__never_breaks_an_invariant(django_db_setup: None, django_db_blocker: Any) -> None:
    # No transaction around all examples: each has one of its own and rolls it back, so that none slows the next.
    with django_db_blocker.unblock():
        run_state_machine_as_test(
            Governance,
            settings=settings(
                max_examples=2_000 if THOROUGH else 25,
                stateful_step_count=40 if THOROUGH else 25,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
