"""A whole handbook, imported by the command, approved as one change, and a question answered from it by a bundle."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.utils import timezone

from context.models import ContextItem, Domain, RoleGrant
from governance.audit.verification import verify_chain
from governance.changes import submit_change
from governance.models import AuditEvent, Change
from governance.publishing import publish_change
from governance.reviews import review_change
from tests.agents.conftest import contract, give
from tests.cast import Cast, read_warnings

QUESTION = "How long can I keep my comp time before it expires?"


@pytest.mark.slow
def test_handbook__imported_approved_and_asked__is_cited_with_version_and_approver(
    cast: Cast, shared_data: Path
) -> None:
    people = Domain.objects.create(slug="people", name="People", owner=cast.owner)
    RoleGrant.objects.create(user=cast.author, role="author", domain=people)
    RoleGrant.objects.create(user=cast.reviewer, role="approver", domain=people)
    folder = shared_data / "handbooks" / "18f-handbook"

    said = StringIO()
    call_command("import_context", str(folder), domain="people", author="author", stdout=said)
    change = Change.objects.get()
    assert change.edits.count() > 230
    assert not ContextItem.objects.exists()  # a proposal, and nothing more

    now = timezone.now()
    change = submit_change(actor=cast.author, change_id=change.pk, now=now)
    review_change(
        actor=cast.reviewer,
        change_id=change.pk,
        decision="approve",
        digest=change.digest,
        screening=read_warnings(change),
        now=now,
    )
    publish_change(actor=cast.author, change_id=change.pk, now=timezone.now())

    terms = contract(cast, [], slug="people", most_matches=5, token_budget=6_000)
    agent = give(cast, terms, slug="assistant", domains=[people])
    answer = agent.post({"contract": "people", "query": QUESTION})
    assert answer.status_code == 200, answer.content
    entries = answer.json()["entries"]
    cited = next(entry for entry in entries if entry["key"] == "people/overtime")
    assert "comp time" in cited["text"].lower()
    assert cited["version"] == 1
    assert cited["citation"].startswith("[people/overtime@1")
    assert [approval["approver"] for approval in cited["approvals"]] == ["Rui Reviewer"]

    assert AuditEvent.objects.filter(action="context.version.published").count() == change.edits.count()
    assert verify_chain().holds
    call_command("import_context", str(folder), domain="people", author="author", stdout=said)
    assert (
        Change.objects.filter(edits__record="item").distinct().count() == 1
    )  # nothing changed, so nothing is proposed
