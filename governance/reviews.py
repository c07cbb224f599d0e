"""Reviews: a person's decision on the exact digest they read; must not edit or publish the change."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, transaction

from context import signing
from context.access import Principal, other_accounts_of, principal_for
from context.digests import check_storable
from context.errors import Conflict, InvalidInput, NotPermitted
from context.models import User
from governance.audit.attempts import denials_recorded
from governance.change_state import append_event, back_to_draft, loaded_edits, lock_change, subject_of, touch
from governance.delegations import StandIn, standing_in_for
from governance.models import Change, ChangeState, Decision, Review
from governance.notices import tell_reviewed
from governance.policies import DemandProgress, StageDemand, demands_of, progress_of
from governance.receipts import receipt_for, signature_of
from governance.screening import acknowledged
from governance.sight import may_see

LONGEST_COMMENT = 10_000


class ApprovalVoid(Conflict):
    """The decision is about another text than the one that stands: it was edited since."""

    type = "approval-void"
    title = "The change was edited since you read it"


@dataclass(frozen=True, kw_only=True, slots=True)
class MayReview:
    """Whether a person may decide on a change now, in whose place where not in their own, and why not in words."""

    allowed: bool
    why_not: str = ""
    stand_in: StandIn | None = None


def approval_progress(change: Change) -> list[DemandProgress]:
    """What each policy still asks of the change. A handful of queries."""
    edits = loaded_edits(change)
    return progress_of(demands_of(edits), change.reviews.all(), change.digest) if edits else []


def may_review(
    change: Change,
    principal: Principal,
    progress: Sequence[DemandProgress] | None = None,
    stand_ins: Sequence[StandIn] | None = None,
    other_accounts: Collection[int] | None = None,
) -> MayReview:
    """Judge, without deciding, whether this person may review the change as it stands.

    Their own right comes first; else that of somebody they stand in for, who did not edit the change, and neither of
    whom is heard already. `stand_ins` are read where they are not given (see `stand_ins_on`), and so are
    `other_accounts`: whoever has two is one person.
    """
    if change.author_id == principal.id:
        return MayReview(allowed=False, why_not="You wrote this change. Somebody else has to approve it.")
    editors = {person.pk for person in change.editors.all()} | {change.author_id}
    if principal.id in editors:
        return MayReview(allowed=False, why_not="You edited this change. Somebody who did not has to approve it.")
    if change.state != ChangeState.IN_REVIEW:
        return MayReview(
            allowed=False, why_not=f"The change is {change.get_state_display().lower()}, so there is nothing to decide."
        )
    others = other_accounts_of(principal) if other_accounts is None else other_accounts
    twin = next((person for person in change.editors.all() if person.pk in others), None)
    if twin is not None:
        return MayReview(
            allowed=False,
            why_not=f"{twin.display_name} edited this change and has the e-mail address of this account. "
            "Somebody else has to approve it.",
        )
    progress = approval_progress(change) if progress is None else progress
    waiting = [each.current for each in progress if each.current is not None]
    heard = _heard(change)
    if any(stage.stage.admits(principal) for stage in waiting):
        same = next((heard[each] for each in (principal.id, *others) if each in heard), None)
        if same is not None:
            return MayReview(allowed=False, why_not=_heard_already(principal, same))
        return MayReview(allowed=True)
    candidates = stand_ins_on(change, principal) if stand_ins is None else stand_ins
    why_not = ""
    for stand_in in candidates:
        if not any(_admits(stage.stage, stand_in) for stage in waiting):
            continue
        absent = stand_in.principal
        if absent.id in editors:
            why_not = f"{absent.label}, in whose place you decide, edited this change."
        elif principal.id in heard or absent.id in heard:
            why_not = _heard_already(principal, heard.get(principal.id) or heard[absent.id])
        else:
            return MayReview(allowed=True, stand_in=stand_in)
    if why_not:
        return MayReview(allowed=False, why_not=why_not)
    wanted = "; ".join(sorted({f"{stage.stage.name} ({stage.stage.who})" for stage in waiting}))
    later = any(stage.stage.admits(principal) for each in progress for stage in each.stages if not stage.complete)
    if later:
        return MayReview(allowed=False, why_not=f"It is not your turn yet. First: {wanted}.")
    return MayReview(allowed=False, why_not=f"You are not among its approvers. It waits for: {wanted}.")


def stand_ins_on(change: Change, principal: Principal) -> list[StandIn]:
    """In whose place this person may decide now, as far as those may read the change themselves. Some queries each."""
    return [stand_in for stand_in in standing_in_for(principal.id) if may_see(stand_in.principal, change.pk)]


def _heard(change: Change) -> dict[int, Review]:
    """Who is heard in the approvals of the text as it stands, themselves or through a delegate, and in which."""
    heard = {}
    for review in change.reviews.all():
        if review.decision == Decision.APPROVE and review.digest == change.digest:
            heard[review.reviewer_id] = review
            if review.on_behalf_of_id is not None:
                heard[review.on_behalf_of_id] = review
    return heard


def _heard_already(principal: Principal, review: Review) -> str:
    if review.reviewer_id == principal.id:
        return "You have approved this text already. Now others have to."
    if review.on_behalf_of_id == principal.id:
        return f"{review.reviewer_label} has approved this text in your place. Now others have to."
    return f"{review.on_behalf_of_label or review.reviewer_label} is heard already in the approval of this text."


def _admits(stage: StageDemand, stand_in: StandIn) -> bool:
    return stand_in.covers(stage.domain_id) and stage.admits(stand_in.principal)


def review_change(
    *,
    actor: User,
    change_id: int,
    decision: str,
    digest: str,
    comment: str = "",
    screening: str = "",
    now: datetime,
) -> Review:
    """Record a decision on `digest`. The last approval needed makes the change approved.

    A rejection ends the change, a request for changes makes it a draft again. Where there are warnings about the text
    (governance/screening.py), an approval names their digest in `screening`; else ScreeningUnread. An attempt that is
    not permitted is refused with NotPermitted and leaves an audit event of its own.
    """
    principal = principal_for(actor)
    with (
        denials_recorded(
            actor=principal,
            action="governance.review",
            subject=lambda: subject_of(Change.objects.get(pk=change_id)),
            before=lambda: Change.objects.get(pk=change_id).digest,
            data={"decision": decision},
            now=now,
        ),
        transaction.atomic(),
    ):
        return _review(actor, principal, change_id, decision, digest, comment, screening, now)


def _review(
    actor: User,
    principal: Principal,
    change_id: int,
    decision: str,
    digest: str,
    comment: str,
    screening: str,
    now: datetime,
) -> Review:
    if decision not in Decision.values:
        raise InvalidInput(
            f"{str(decision)[:40]!r} is not a decision.",
            field="decision",
            fix=f"Use one of: {', '.join(Decision.values)}.",
        )
    check_storable(comment, field="comment")
    if len(comment) > LONGEST_COMMENT:
        raise InvalidInput("The comment is too long.", field="comment", limit=LONGEST_COMMENT, fix="Shorten it.")
    if decision != Decision.APPROVE and not comment.strip():
        raise InvalidInput(
            "Say what is wrong, so that the author can mend it.", field="comment", fix="Write a comment."
        )
    change = lock_change(principal=principal, change_id=change_id)
    edits = loaded_edits(change)
    demands = demands_of(edits)
    progress = progress_of(demands, change.reviews.all(), change.digest)
    verdict = may_review(change, principal, progress)
    if not verdict.allowed:
        if change.state != ChangeState.IN_REVIEW and not change.editors.filter(pk=actor.pk).exists():
            raise Conflict(verdict.why_not, field="state")
        raise NotPermitted(verdict.why_not, fix="Ask one of its approvers, named on the page of the change.")
    if digest != change.digest:
        raise ApprovalVoid(
            "The change is not what you read: it was edited since.",
            field="digest",
            limit=change.digest,
            fix="Read it again and decide on the new digest.",
        )
    warnings = acknowledged(change, edits, screening=screening) if decision == Decision.APPROVE else {}
    stand_in = verdict.stand_in
    tokens = [
        stage.token
        for demand in demands
        for stage in demand.stages
        if (stage.admits(principal) if stand_in is None else _admits(stage, stand_in))
    ]
    absent = stand_in.principal if stand_in is not None else None
    comment = comment.strip()
    receipt = receipt_for(
        change=change,
        reviewer=actor,
        decision=decision,
        comment=comment,
        demands=demands,
        now=now,
        on_behalf_of=absent.label if absent is not None else "",
        screening=warnings,
    )
    try:
        with transaction.atomic():
            review = Review.objects.create(
                change=change,
                reviewer=actor,
                reviewer_label=actor.display_name,
                on_behalf_of_id=absent.id if absent is not None else None,
                on_behalf_of_label=absent.label if absent is not None else "",
                decision=decision,
                comment=comment,
                digest=digest,
                stages=tokens,
                created_at=now,
                receipt=receipt,
                signature=signature_of(receipt),
                key_id=signing.key_id(),
            )
    except IntegrityError as error:
        raise Conflict("You have decided on this text already.", field="decision") from error
    reached = progress
    if decision == Decision.APPROVE:
        progress = progress_of(demands, change.reviews.all(), change.digest)
        if all(each.complete for each in progress):
            change.state, change.decided_at = ChangeState.APPROVED, now
        touch(change, now)
        change.save()
    elif decision == Decision.REJECT:
        change.state, change.decided_at = ChangeState.REJECTED, now
        touch(change, now)
        change.save()
    else:
        back_to_draft(change, change.author, now)
    tell_reviewed(change=change, subject=subject_of(change), review=review, before=reached, after=progress, now=now)
    append_event(
        change,
        principal,
        f"governance.change.{_PAST[decision]}",
        now,
        before=digest,
        comment=review.comment,
        state=change.state,
        **({"on_behalf_of": absent.label} if absent is not None else {}),
        **({"screening": str(warnings["digest"])} if warnings else {}),
    )
    return review


_PAST = {
    Decision.APPROVE.value: "review_approved",
    Decision.REJECT.value: "rejected",
    Decision.REQUEST_CHANGES.value: "changes_requested",
}
