"""Turns a folder of Markdown into one proposed change, and again when it changed; must not publish or approve."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from django.db import transaction

from context.access import Principal, principal_for
from context.errors import Conflict, InvalidInput
from context.models import Domain, User
from governance.audit.attempts import denials_recorded
from governance.audit.ledger import Subject
from governance.changes import MOST_EDITS, create_change, put_edit, remove_edit, submit_change
from governance.edits import EditInput
from governance.import_edits import EditBuilder, readable
from governance.import_identity import imported_items, keys_for, matched_items
from governance.import_owners import Owners
from governance.import_plan import ORIGIN, SOURCE_KIND, ImportPlan, Planned
from governance.models import Change, ChangeState, Edit, Operation
from governance.permissions import require_author
from governance.references import References
from governance.source_tree import Progress, read_tree


class ImportPending(Conflict):
    """An earlier import of the same tree waits for its reviewers, and the tree has changed since."""

    type = "import-pending"
    title = "An earlier import is not decided"


def plan_import(
    *,
    actor: User,
    directory: Path,
    domain: str,
    kind: str = "guideline",
    sensitivity: str = "internal",
    name: str = "",
    site_url: str = "",
    retire_missing: bool = False,
    now: datetime,
    progress: Progress | None = None,
) -> ImportPlan:
    """Read the tree and compare it with what was imported from it before. Writes nothing.

    A page is known again by its place in the tree (`source.uri`) or, moved, by its content; one whose file is the
    same byte for byte is left alone, whatever people made of its item since.
    """
    principal = principal_for(actor)
    references = References(principal=principal)
    place, known_kind = references.domain(domain), references.kind(kind)
    with _attempting(principal, place.slug, now):
        require_author(principal, place)
    tree = read_tree(directory, name=name, progress=progress)
    plan = ImportPlan(tree=tree.name, domain=place.slug, unreadable=tree.unreadable, ignored=tree.ignored)
    plan.pending, pending_edits = _pending(tree.name, place)
    plan.pending_is_ours = (
        plan.pending is not None
        and plan.pending.state == ChangeState.DRAFT
        and plan.pending.editors.filter(pk=actor.pk).exists()
    )
    items = imported_items(actor, place, tree.name)
    pages = readable(tree.pages, known_kind, plan)
    matched, missing = matched_items(pages, items)
    gone = [item for item in missing if item.retired_at is None and not tree.holds(item.source_uri)]
    plan.missing = sorted(item.key for item in gone)
    keys = keys_for(pages, matched, pending_edits, place, tree.name)
    builder = EditBuilder(plan=plan, pages=pages, keys=keys, site_url=site_url, owners=Owners(tree.root, place))
    for source, data in pages:
        builder.add(source, data, matched.get(source.uri), kind=known_kind, domain=place, sensitivity=sensitivity)
    if retire_missing:
        plan.planned += [
            Planned(path=item.source_uri, key=item.key, edit=EditInput(operation=Operation.RETIRE, key=item.key))
            for item in sorted(gone, key=lambda item: item.key)
        ]
    if len(plan.planned) > MOST_EDITS:
        raise InvalidInput(
            f"The import would make {len(plan.planned):,} edits, more than people can review at once.",
            field="directory",
            limit=MOST_EDITS,
            fix="Import it folder by folder.",
        )
    return plan


def carry_out(*, actor: User, plan: ImportPlan, submit: bool = False, now: datetime) -> Change | None:
    """Write the plan as one change, or bring the draft of an earlier import up to date; None where nothing is to do.

    One transaction: killed half-way, nothing is half-made. Raises ImportPending where an earlier import of the tree
    is somebody else's draft, or past being a draft, and says something else than the tree does now.
    """
    with _attempting(principal_for(actor), plan.domain, now), transaction.atomic():
        if plan.pending is not None:
            change = _bring_up_to_date(actor, plan, plan.pending, now)
        elif plan.planned:
            change = create_change(
                actor=actor,
                title=_title(plan),
                reason=_reason(plan),
                edits=[each.edit for each in plan.planned],
                now=now,
                origin=ORIGIN,
            )
        else:
            return None
        if submit and change is not None and change.state == ChangeState.DRAFT:
            change = submit_change(actor=actor, change_id=change.pk, now=now)
    return change


def _attempting(principal: Principal, domain: str, now: datetime) -> AbstractContextManager[None]:
    return denials_recorded(
        actor=principal,
        action="governance.import",
        subject=lambda: Subject(type="domain", id=domain, label=f"An import into {domain}"),
        now=now,
    )


def _pending(tree: str, domain: Domain) -> tuple[Change | None, dict[str, Edit]]:
    """The newest undecided import of this tree into this domain, with its edits by source."""
    edits = Edit.objects.filter(
        change__origin=ORIGIN,
        change__state__in=ChangeState.open_states(),
        domain=domain,
        payload__source__kind=SOURCE_KIND,
        payload__source__uri__startswith=f"{tree}/",
    )
    newest = edits.order_by("-change_id").values_list("change_id", flat=True).first()
    if newest is None:
        return None, {}
    by_uri = {edit.payload["source"]["uri"]: edit for edit in edits.filter(change_id=newest)}
    return Change.objects.get(pk=newest), by_uri


def _bring_up_to_date(actor: User, plan: ImportPlan, change: Change, now: datetime) -> Change | None:
    present = {edit.key: edit for edit in change.edits.all()}
    wanted = {each.key: each.edit for each in plan.planned}
    stale = [key for key, edit in present.items() if key not in wanted and _is_of(edit, plan.tree)]
    differing = [edit for key, edit in wanted.items() if not _says_the_same(present.get(key), edit)]
    if not stale and not differing:
        return change
    if not plan.pending_is_ours:
        state = change.get_state_display().lower()
        raise ImportPending(
            f"Change {change.pk}, an earlier import of {plan.tree}, is {state}, and the folder has changed since:"
            f" {len(differing)} pages differ, {len(stale)} are gone.",
            field="directory",
            fix=f"Publish or withdraw change {change.pk}, or reopen it as its author, and import again.",
            change=change.pk,
        )
    for key in stale:
        remove_edit(actor=actor, change_id=change.pk, key=key, now=now)
    # Pages that link to each other must all be there before their links are: first without, then with them.
    there = set(present) - set(stale)
    for edit in differing:
        there.add(edit.key)
    new = {edit.key for edit in differing if edit.operation == Operation.CREATE and edit.key not in present}
    for edit in differing:
        if edit.key in new:
            known = [entry for entry in edit.payload["relations"] if entry["key"] not in new]
            early = replace(edit, payload={**edit.payload, "relations": known})
            put_edit(actor=actor, change_id=change.pk, edit=early, now=now)
    for edit in differing:
        put_edit(actor=actor, change_id=change.pk, edit=edit, now=now)
    return Change.objects.get(pk=change.pk)


def _is_of(edit: Edit, tree: str) -> bool:
    source = edit.payload.get("source") or {}
    return bool(source.get("kind") == SOURCE_KIND and str(source.get("uri", "")).startswith(f"{tree}/"))


def _says_the_same(edit: Edit | None, wanted: EditInput) -> bool:
    """Whether the draft holds this already. What people changed in the draft stands while the file stays the same."""
    if edit is None or edit.operation != wanted.operation:
        return False
    if wanted.operation == Operation.RETIRE:
        return True
    same_file = (edit.payload.get("source") or {}) == wanted.payload["source"]
    links_stand = {entry["key"] for entry in edit.payload.get("relations") or []} >= {
        entry["key"] for entry in wanted.payload["relations"]
    }
    return same_file and links_stand


def _title(plan: ImportPlan) -> str:
    counts = [
        (len(plan.of(Operation.CREATE)), "new"),
        (len(plan.of(Operation.REVISE)), "revised"),
        (len(plan.of(Operation.RETIRE)), "to retire"),
    ]
    return f"Import of {plan.tree}: " + ", ".join(f"{count} {word}" for count, word in counts if count)


def _reason(plan: ImportPlan) -> str:
    lines = [f"Read from the Markdown folder {plan.tree}."]
    if plan.unreadable:
        lines.append(f"{len(plan.unreadable)} files could not be read.")
    if plan.broken_links:
        lines.append(f"{len(plan.broken_links)} links lead to pages that are not there.")
    if plan.unresolved_tags:
        lines.append(f"{sum(plan.unresolved_tags.values())} template tags stand in the texts unresolved.")
    return " ".join(lines)
