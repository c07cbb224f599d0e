"""Gives the agent of a run its bundle, at the run's one snapshot, and notes it with the run; must not assemble it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

from django.db import transaction

from agents.authentication import AuthenticatedAgent
from agents.models import Run, RunBundle
from agents.runs.following import is_pinned
from agents.runs.leases import hold
from agents.runs.moving import tell
from agents.runs.pausing import ContextMoved, MovedText, moved_texts, moved_versions
from agents.runs.present_task import present_task
from agents.serving import BundleRequest, ServedBundle, serve_bundle
from context.errors import NotFound
from governance.audit import ledger


def give_bundle(
    *,
    agent: AuthenticatedAgent,
    run_id: UUID,
    token: str,
    query: str = "",
    form: Literal["json", "markdown"] = "json",
    now: datetime,
) -> ServedBundle:
    """The bundle of the run's contract for its task. The first fixes the run's snapshot, where nothing has before.

    Later ones, of whichever agent, are of that same moment. Where a text of the run has ended since, or was retired,
    none is given (ContextMoved): the run is paused, and resumed at the texts of now. Raises ContextUnavailable, too.
    """
    with transaction.atomic():
        run, _ = hold(agent=agent, run_id=run_id, token=token, now=now)
    version = run.contract_version
    if version is None:
        raise NotFound("The run has no contract.")
    first = not RunBundle.objects.filter(run=run).exists()
    pinned = not first or is_pinned(run)
    if not first:
        _refuse_ended(moved_texts(run=run, principal=agent.principal, now=now))
    asked = BundleRequest(
        contract=version.contract.slug,
        task=present_task(run),
        query=query,
        as_of=run.snapshot_at if pinned else None,
        form=form,
    )
    served = serve_bundle(agent=agent, asked=asked, now=now)
    if first and pinned:
        # What the other runs were given does not say whether these texts have ended since their common moment.
        ids = served.bundle.version_ids
        _refuse_ended(moved_versions(version_ids=ids, principal=agent.principal, now=now))
    with transaction.atomic():
        run, _ = hold(agent=agent, run_id=run_id, token=token, now=now)
        _note(agent=agent, run=run, served=served, now=now)
    return served


def _refuse_ended(moved: Sequence[MovedText]) -> None:
    ended = [text for text in moved if text.now_version is None]
    if ended:
        raise ContextMoved(
            f"{ended[0].title} is no longer in force.",
            field="run",
            fix="Pause the run; whoever resumes it says how it goes on.",
            moved=[text.as_json() for text in ended],
        )


def _note(*, agent: AuthenticatedAgent, run: Run, served: ServedBundle, now: datetime) -> None:
    first = not RunBundle.objects.filter(run=run).exists()
    _, new = RunBundle.objects.get_or_create(
        run=run, bundle_id=served.bundle.digest, agent_id=agent.principal.id, defaults={"given_at": now}
    )
    if not new:
        return
    if first and not is_pinned(run):
        run.snapshot_at = served.bundle.at
    run.sensitivity = max(run.sensitivity, served.bundle.sensitivity)
    run.changed_at = now
    run.save(update_fields=["snapshot_at", "sensitivity", "changed_at"])
    entry = tell(actor=agent.principal, run=run, what="given_bundle", now=now, after=served.bundle.digest, first=first)
    ledger.append_all(actor=agent.principal, entries=[entry], now=now)
