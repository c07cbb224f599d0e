"""Memory: versioned, bounded, found by those it is for, and by nobody else."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from agents.authentication import authenticate
from agents.keys import issue_key
from agents.memory import keeping
from agents.memory.keeping import forget, list_entries, recall, remember, sweep
from agents.models import MemoryEntry, Run, Scope
from context.errors import InvalidInput, NotFound, PreconditionFailed
from governance.models import AuditEvent
from tests.agents.conftest import Presented, give
from tests.cast import Cast
from tests.runs.conftest import NOW, runner, started

SCOPES = (Scope.MEMORY_WRITE, Scope.RUNS_WRITE)


def agent(cast: Cast, slug: str = "one", **more: Any) -> Presented:
    return give(cast, slug=slug, scopes=SCOPES, **more)


def known(presented: Presented) -> Any:
    return authenticate(f"Bearer {presented.bearer}")


def call(presented: Presented, method: str, path: str, body: Any = None, **headers: str) -> Any:
    sent = {} if body is None else {"data": json.dumps(body), "content_type": "application/json"}
    client = Client(raise_request_exception=False)
    return getattr(client, method)(
        f"/api/v1/memory/{path}", headers={"Authorization": f"Bearer {presented.bearer}", **headers}, **sent
    )


def test_api__written_read_and_overwritten__only_on_top_of_what_was_read(cast: Cast) -> None:
    one = agent(cast)
    first = call(one, "put", "agent:one/notes/", {"value": {"seen": [1]}})
    assert (first.status_code, first.headers["ETag"]) == (200, '"1"')
    assert call(one, "put", "agent:one/notes/", {"value": 2}).status_code == 428
    second = call(one, "put", "agent:one/notes/", {"value": 2}, **{"If-Match": '"1"'})
    assert second.json()["version"] == 2
    assert call(one, "put", "agent:one/notes/", {"value": 3}, **{"If-Match": '"1"'}).status_code == 412
    read = call(one, "get", "agent:one/notes/")
    assert (read.json()["value"], read.json()["written_by"]) == (2, "one")
    assert call(one, "get", "agent:one/notes/", **{"If-None-Match": '"2"'}).status_code == 304
    assert [entry["key"] for entry in call(one, "get", "agent:one/").json()["results"]] == ["notes"]
    assert call(one, "delete", "agent:one/notes/").status_code == 428
    assert call(one, "delete", "agent:one/notes/", **{"If-Match": '"2"'}).status_code == 204
    assert call(one, "get", "agent:one/notes/").status_code == 404
    told = AuditEvent.objects.filter(action__startswith="agents.memory.").order_by("sequence")
    assert [event.action.rpartition(".")[2] for event in told] == ["written", "written", "forgotten"]


def test_namespace__of_others__does_not_exist_whatever_is_kept_there(cast: Cast) -> None:
    by = runner(cast)
    run = started(cast, by)
    theirs = known(agent(cast, "two", domains=[cast.legal, cast.sales]))
    held = known(_with_memory(cast, by.agent))
    one, three = known(agent(cast)), agent(cast, "three")
    for owner, namespace in ((theirs, "agent:two"), (theirs, "domain:sales"), (held, f"run:{run.pk}")):
        remember(agent=owner, namespace=namespace, key="a", value=1, now=NOW)
        assert recall(agent=owner, namespace=namespace, key="a", now=NOW).value == 1
        for act in (recall, lambda **of: remember(value=2, expected_version=1, **of)):
            with pytest.raises(NotFound):
                act(agent=one, namespace=namespace, key="a", now=NOW)
        assert call(three, "get", f"{namespace}/a/").status_code == 404
    for namespace in ("domain:nowhere", f"run:{'0' * 36}"):
        assert call(three, "get", f"{namespace}/a/").status_code == 404
    with pytest.raises(NotFound):  # nor is anybody's run named as where it came from
        remember(agent=one, namespace="agent:one", key="a", value=1, run_id=run.pk, now=NOW)


def test_domain__entry_of_a_higher_clearance__is_not_found_by_a_lower_one(cast: Cast) -> None:
    high, low = known(agent(cast, "high", clearance=2)), known(agent(cast, "low", clearance=1))
    remember(agent=high, namespace="domain:legal", key="a", value="secret", now=NOW)
    remember(agent=low, namespace="domain:legal", key="b", value="plain", now=NOW)
    with pytest.raises(NotFound):
        recall(agent=low, namespace="domain:legal", key="a", now=NOW)
    assert [entry.key for entry in list_entries(agent=low, namespace="domain:legal", now=NOW)] == ["b"]
    assert recall(agent=high, namespace="domain:legal", key="b", now=NOW).value == "plain"
    for version in (None, 1):
        with pytest.raises(PreconditionFailed):
            remember(agent=low, namespace="domain:legal", key="a", value="mine", expected_version=version, now=NOW)
    assert recall(agent=high, namespace="domain:legal", key="a", now=NOW).value == "secret"


def test_session__of_one_owners_agents__is_shared_and_not_with_those_of_another(cast: Cast) -> None:
    one, two = known(agent(cast, "one")), known(agent(cast, "two"))
    other = agent(cast, "other")
    other.agent.owner = cast.author
    other.agent.save()
    remember(agent=one, namespace="session:s1", key="a", value=1, now=NOW)
    assert recall(agent=two, namespace="session:s1", key="a", now=NOW).value == 1
    with pytest.raises(NotFound):
        recall(agent=known(other), namespace="session:s1", key="a", now=NOW)


def test_run__memory_survives_a_hand_off_and_ends_with_the_run(cast: Cast) -> None:
    by, other = runner(cast), runner(cast, "other")
    run = started(cast, by)
    first = known(_with_memory(cast, by.agent))
    remember(agent=first, namespace=f"run:{run.pk}", key="a", value=1, run_id=run.pk, now=NOW)
    Run.objects.filter(pk=run.pk).update(agent=other.agent)
    assert (
        recall(agent=known(_with_memory(cast, other.agent)), namespace=f"run:{run.pk}", key="a", now=NOW).run_id
        == run.pk
    )
    Run.objects.filter(pk=run.pk).update(state="cancelled", ended_at=NOW)
    with pytest.raises(InvalidInput):
        remember(agent=known(_with_memory(cast, other.agent)), namespace=f"run:{run.pk}", key="b", value=1, now=NOW)


def test_expiry__passed__entry_is_gone_and_its_key_is_free(cast: Cast) -> None:
    one = known(agent(cast))
    now = timezone.now()
    remember(agent=one, namespace="agent:one", key="a", value=1, expires_at=now + timedelta(hours=1), now=now)
    later = now + timedelta(hours=2)
    with pytest.raises(NotFound):
        recall(agent=one, namespace="agent:one", key="a", now=later)
    assert remember(agent=one, namespace="agent:one", key="a", value=2, now=later).version == 2
    assert sweep(now=later) == 0
    assert MemoryEntry.objects.count() == 1


def test_sweep__of_what_has_expired__deletes_it_with_one_event_and_nothing_else(cast: Cast) -> None:
    one = known(agent(cast))
    now = timezone.now()
    for key, hours in (("a", 1), ("b", 1), ("c", 3)):
        remember(agent=one, namespace="agent:one", key=key, value=1, expires_at=now + timedelta(hours=hours), now=now)
    assert [sweep(now=now + timedelta(hours=2)) for _ in range(2)] == [2, 0]
    assert [entry.key for entry in MemoryEntry.objects.all()] == ["c"]
    assert AuditEvent.objects.get(action="agents.memory.expired").data == {"entries": 2}


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"value": "x" * 70_000}, "value"),
        ({"value": "\x00"}, "value"),
        ({"key": "../a"}, "key"),
        ({"key": ""}, "key"),
        ({"namespace": "planet:mars"}, "namespace"),
        ({"namespace": "session:" + "a" * 41}, "namespace"),
        ({"expires_at": NOW - timedelta(days=1)}, "expires_at"),
        ({"expires_at": NOW + timedelta(days=1_000)}, "expires_at"),
    ],
)
def test_remember__what_cannot_be_kept__names_the_field(cast: Cast, given: dict[str, Any], field: str) -> None:
    asked = {"namespace": "agent:one", "key": "a", "value": 1, **given}
    with pytest.raises(InvalidInput) as refused:
        remember(agent=known(agent(cast)), now=NOW, **asked)
    assert refused.value.field == field


def test_remember__namespace_full__is_refused_and_nothing_is_lost(cast: Cast, monkeypatch: Any) -> None:
    monkeypatch.setattr(keeping, "MOST_ENTRIES", 2)
    one = known(agent(cast))
    for key in ("a", "b"):
        remember(agent=one, namespace="agent:one", key=key, value=1, now=NOW)
    with pytest.raises(InvalidInput):
        remember(agent=one, namespace="agent:one", key="c", value=1, now=NOW)
    remember(agent=one, namespace="agent:one", key="a", value=2, expected_version=1, now=NOW)
    monkeypatch.setattr(keeping, "MOST_BYTES", 10)
    with pytest.raises(InvalidInput):
        remember(agent=one, namespace="agent:one", key="a", value="long enough", expected_version=2, now=NOW)


def test_forget__entry_changed_since__stays(cast: Cast) -> None:
    one = known(agent(cast))
    remember(agent=one, namespace="agent:one", key="a", value=1, now=NOW)
    with pytest.raises(PreconditionFailed):
        forget(agent=one, namespace="agent:one", key="a", expected_version=7, now=NOW)
    assert MemoryEntry.objects.count() == 1
    with pytest.raises(PreconditionFailed):
        remember(agent=one, namespace="agent:one", key="gone", value=1, expected_version=1, now=NOW)


def test_scope__key_without_memory__is_refused(cast: Cast) -> None:
    reader = give(cast, slug="reader")
    assert call(reader, "get", "agent:reader/a/").status_code == 403


def _with_memory(cast: Cast, of: Any) -> Presented:
    issued = issue_key(actor=cast.admin, agent=of, name="memory", scopes=SCOPES, now=timezone.now())
    return Presented(agent=of, key=issued.key, bearer=issued.bearer)
