"""Keys: who mints them, what ends them, and that a key opens nothing it was not issued for."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from agents.authentication import AgentNotSanctioned, KeyRefused, ScopeMissing, authenticate
from agents.keys import hash_of_secret, issue_key, revoke_key, rotate_key
from agents.models import Agent, AgentKey
from agents.registry import AgentOutreachesOwner, save_agent, set_state
from context.errors import DomainError, InvalidInput, NotPermitted
from context.models import Domain
from governance.models import AuditEvent
from tests.agents.conftest import give
from tests.cast import Cast


def events(action: str) -> int:
    return AuditEvent.objects.filter(action=action).count()


def test_issue_key__by_an_administrator__secret_is_known_once_and_only_its_hash_is_kept(cast: Cast) -> None:
    agent = give(cast).agent
    issued = issue_key(actor=cast.admin, agent=agent, name="laptop", now=timezone.now())
    assert issued.bearer == f"plk_{issued.key.prefix}_{issued.secret}"
    assert AgentKey.objects.get(pk=issued.key.pk).secret_sha256 == hash_of_secret(issued.secret)
    assert issued.secret not in repr(issued)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM governance_auditevent WHERE data::text LIKE %s", [f"%{issued.secret}%"])
        assert cursor.fetchone() == (0,)


@pytest.mark.parametrize("who", ["author", "reviewer", "auditor", "outsider"])
def test_issue_key__by_others__is_refused_and_leaves_no_key(cast: Cast, who: str) -> None:
    agent = give(cast).agent
    before = AgentKey.objects.count()
    with pytest.raises(NotPermitted):
        issue_key(actor=getattr(cast, who), agent=agent, name="mine", now=timezone.now())
    assert AgentKey.objects.count() == before
    assert (events("agents.key.issued"), events("agents.key.issue.denied")) == (1, 1)


def test_issue_key__by_the_owner_of_the_agent__is_permitted(cast: Cast) -> None:
    issue_key(actor=cast.owner, agent=give(cast).agent, name="mine", now=timezone.now())


def test_issue_key__agent_cleared_above_the_administrator__is_refused(cast: Cast) -> None:
    agent = give(cast).agent
    Agent.objects.filter(pk=agent.pk).update(clearance=3)
    agent.refresh_from_db()
    with pytest.raises(NotPermitted):
        issue_key(actor=cast.admin, agent=agent, name="peek", now=timezone.now())


def test_every_step_of_a_key__exactly_one_audit_event(cast: Cast) -> None:
    presented = give(cast)
    now = timezone.now()
    assert events("agents.key.issued") == 1
    successor = rotate_key(actor=cast.owner, key=presented.key, grace=timedelta(hours=1), now=now)
    assert events("agents.key.rotated") == 1
    revoke_key(actor=cast.owner, key=successor.key, now=now)
    revoke_key(actor=cast.owner, key=successor.key, now=now)
    assert events("agents.key.revoked") == 1
    assert events("agents.key.issued") == 1


@pytest.mark.parametrize(
    "bad",
    [
        {"scopes": ["publish:write"]},
        {"scopes": []},
        {"name": " "},
        {"name": "x" * 81},
        {"expires_at": timezone.now() - timedelta(days=1)},
        {"expires_at": timezone.now() + timedelta(days=800)},
    ],
)
def test_issue_key__unknown_scope_or_end_out_of_range__says_which_field(cast: Cast, bad: dict[str, object]) -> None:
    agent = give(cast).agent
    with pytest.raises(InvalidInput) as refusal:
        issue_key(actor=cast.admin, agent=agent, now=timezone.now(), **{"name": "laptop", **bad})
    assert refusal.value.field == next(iter(bad))
    assert refusal.value.fix


def test_authenticate__valid_key__brings_all_that_is_needed_in_one_statement(cast: Cast) -> None:
    below = Domain.objects.create(slug="litigation", name="Litigation", parent=cast.legal)
    cast.owner.groups.add(cast.counsel)
    presented = give(cast, audiences=[cast.counsel])
    AgentKey.objects.update(last_used_at=timezone.now())
    agent = authenticate(f"Bearer {presented.bearer}")
    assert agent.principal.kind == "agent"
    assert agent.principal.domains == {cast.legal.pk, below.pk}
    assert agent.principal.groups == {cast.counsel.pk}
    assert agent.principal.clearance == 1
    assert agent.scopes == {"bundles:read", "context:read"}


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer plk_", "Basic plk_abc_def", "Bearer plk_000000000000_" + "a" * 43, "Bearer plk_é_\ud800"],
)
def test_authenticate__malformed_or_unknown__reads_the_same(cast: Cast, header: str) -> None:
    give(cast)
    with pytest.raises(KeyRefused) as refusal:
        authenticate(header)
    assert refusal.value.detail == "This is not a valid key."
    assert refusal.value.status == 401


def test_authenticate__right_prefix_and_wrong_secret__reads_like_an_unknown_key(cast: Cast) -> None:
    presented = give(cast)
    wrong = presented.bearer[:-1] + ("a" if presented.bearer[-1] != "a" else "b")
    with pytest.raises(KeyRefused) as refusal:
        authenticate(f"Bearer {wrong}")
    assert refusal.value.detail == "This is not a valid key."


def test_authenticate__wrong_secret_of_a_revoked_key__does_not_tell_that_it_was_revoked(cast: Cast) -> None:
    presented = give(cast)
    revoke_key(actor=cast.owner, key=presented.key, now=timezone.now())
    with pytest.raises(KeyRefused) as refusal:
        authenticate(f"Bearer {presented.bearer[:-4]}aaaa")
    assert refusal.value.detail == "This is not a valid key."


def test_authenticate__revoked_key__is_refused_at_the_next_request(cast: Cast) -> None:
    presented = give(cast)
    authenticate(f"Bearer {presented.bearer}")
    revoke_key(actor=cast.owner, key=presented.key, now=timezone.now())
    with pytest.raises(KeyRefused, match="revoked"):
        authenticate(f"Bearer {presented.bearer}")


def test_authenticate__expired_by_the_database_clock__is_refused(cast: Cast) -> None:
    presented = give(cast)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE agents_agentkey SET expires_at = clock_timestamp() + interval '1 ms' WHERE id = %s",
            [presented.key.pk],
        )
        cursor.execute("SELECT pg_sleep(0.01)")
    with pytest.raises(KeyRefused, match="expired"):
        authenticate(f"Bearer {presented.bearer}")


def test_authenticate__suspended_agent__is_refused_with_every_key(cast: Cast) -> None:
    presented = give(cast)
    set_state(actor=cast.owner, agent=presented.agent, state="suspended", reason="odd requests", now=timezone.now())
    with pytest.raises(AgentNotSanctioned):
        authenticate(f"Bearer {presented.bearer}")
    with pytest.raises(NotPermitted):
        set_state(actor=cast.owner, agent=presented.agent, state="sanctioned", reason="fine", now=timezone.now())


def test_rotate_key__within_grace_both_work__afterwards_only_the_successor(cast: Cast) -> None:
    presented = give(cast)
    successor = rotate_key(actor=cast.owner, key=presented.key, grace=timedelta(hours=1), now=timezone.now())
    authenticate(f"Bearer {presented.bearer}")
    authenticate(f"Bearer {successor.bearer}")
    assert set(successor.key.scopes) == set(presented.key.scopes)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE agents_agentkey SET grace_until = clock_timestamp() WHERE grace_until IS NOT NULL")
    with pytest.raises(KeyRefused, match="expired"):
        authenticate(f"Bearer {presented.bearer}")
    authenticate(f"Bearer {successor.bearer}")


def test_rotate_key__twice__is_refused(cast: Cast) -> None:
    presented = give(cast)
    rotate_key(actor=cast.owner, key=presented.key, grace=timedelta(0), now=timezone.now())
    with pytest.raises(DomainError):
        rotate_key(actor=cast.owner, key=presented.key, grace=timedelta(0), now=timezone.now())


def test_require__scope_that_the_key_lacks__names_it(cast: Cast) -> None:
    agent = authenticate(f"Bearer {give(cast, scopes=['search:read']).bearer}")
    with pytest.raises(ScopeMissing) as refusal:
        agent.require("bundles:read")
    assert refusal.value.field == "scope"


def test_last_used_at__noted_at_most_once_a_minute(cast: Cast) -> None:
    presented = give(cast)
    authenticate(f"Bearer {presented.bearer}")
    first = AgentKey.objects.get(pk=presented.key.pk).last_used_at
    authenticate(f"Bearer {presented.bearer}")
    assert first is not None
    assert AgentKey.objects.get(pk=presented.key.pk).last_used_at == first


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE agents_agentkey SET revoked_at = NULL",
        "UPDATE agents_agentkey SET expires_at = expires_at + interval '1 day'",
        "UPDATE agents_agentkey SET scopes = '{memory:write}'",
        "UPDATE agents_agentkey SET secret_sha256 = repeat('0', 64)",
        "DELETE FROM agents_agentkey",
    ],
)
def test_database__a_key_that_ended__is_never_brought_back(cast: Cast, statement: str) -> None:
    presented = give(cast)
    revoke_key(actor=cast.owner, key=presented.key, now=timezone.now())
    with pytest.raises(Exception, match=r"never change|not undone|permission denied"), transaction.atomic():
        connection.cursor().execute(statement)


def test_database__unknown_scope__is_refused(cast: Cast) -> None:
    presented = give(cast)
    with pytest.raises(IntegrityError), transaction.atomic():
        AgentKey.objects.create(
            agent=presented.agent,
            name="x",
            prefix="f" * 12,
            secret_sha256="0" * 64,
            scopes=["audit:write"],
            created_by=cast.admin,
            created_at=timezone.now(),
            expires_at=timezone.now() + timedelta(days=1),
        )


def test_save_agent__more_than_its_owner_may_read__is_refused(cast: Cast) -> None:
    common = {"slug": "spy", "name": "Spy", "purpose": "Spies", "domains": [], "now": timezone.now()}
    with pytest.raises(AgentOutreachesOwner):
        save_agent(actor=cast.admin, owner=cast.outsider, clearance=2, **common)
    with pytest.raises(AgentOutreachesOwner):
        save_agent(actor=cast.admin, owner=cast.owner, clearance=1, audiences=[cast.counsel], **common)
    with pytest.raises(NotPermitted):
        save_agent(actor=cast.admin, owner=cast.owner, clearance=3, **common)
    with pytest.raises(NotPermitted):
        save_agent(actor=cast.author, owner=cast.author, clearance=1, **common)
    assert not Agent.objects.filter(slug="spy").exists()


def test_save_agent__saved_again_unchanged__adds_no_event(cast: Cast) -> None:
    give(cast)
    before = events("agents.agent.changed")
    give(cast)
    assert events("agents.agent.registered") == 1
    assert events("agents.agent.changed") == before
