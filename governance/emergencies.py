"""Emergency publication: at once, for a reason, by somebody who did not write it, and ratified by two people after."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, transaction

from context.access import Principal, other_accounts_of, principal_for
from context.digests import check_storable
from context.errors import Conflict, InvalidInput, NotPermitted
from context.models import User
from governance.audit.attempts import denials_recorded
from governance.change_state import append_event, get_change, loaded_edits, subject_of
from governance.models import Change, ChangeState, Ratification, RatificationVerdict
from governance.policies import demands_of
from governance.publishing import Publication, publish_without_approval

PEOPLE_AFTERWARDS = 2
SHORTEST_REASON = 20
LONGEST_REASON = 2_000
EMERGENCY_ROLES = ("domain_owner", "administrator")


@dataclass(frozen=True, kw_only=True, slots=True)
class RatificationProgress:
    """How far an emergency publication is ratified, and by whom; an objection stays visible for good."""

    ratified_by: tuple[str, ...]
    objected_by: tuple[str, ...]

    @property
    def complete(self) -> bool:
        return len(self.ratified_by) >= PEOPLE_AFTERWARDS


def publish_in_emergency(
    *, actor: User, change_id: int, reason: str, now: datetime, screening: str = ""
) -> Publication:
    """Publish a submitted change before its approval. Owners of every domain it touches, or administrators, may.

    Where there are warnings about the text, `screening` names their digest, as with an approval; else ScreeningUnread.
    An attempt that is not permitted is refused and leaves an audit event of its own.
    """
    principal = principal_for(actor)
    check_storable(reason, field="reason")
    if not SHORTEST_REASON <= len(reason.strip()) <= LONGEST_REASON:
        raise InvalidInput(
            "Say in a sentence why this cannot wait for its approval.",
            field="reason",
            limit=f"{SHORTEST_REASON} to {LONGEST_REASON} characters",
            fix="Two people will have to ratify it afterwards, and will read this.",
        )
    change = get_change(principal=principal, change_id=change_id)
    with denials_recorded(actor=principal, action="governance.emergency", subject=lambda: subject_of(change), now=now):
        _require_emergency_right(change, principal)
    return publish_without_approval(
        actor=actor, change_id=change_id, reason=reason.strip(), screening=screening, now=now
    )


def ratify(*, actor: User, change_id: int, verdict: str, comment: str = "", now: datetime) -> Ratification:
    """Say afterwards that the emergency publication was right, or object; by those who could have approved it."""
    principal = principal_for(actor)
    if verdict not in RatificationVerdict.values:
        raise InvalidInput(f"{verdict[:40]!r} is not a verdict.", field="verdict", fix="Use one of: ratify, object.")
    check_storable(comment, field="comment")
    if verdict == RatificationVerdict.OBJECT and not comment.strip():
        raise InvalidInput("Say what is wrong with it.", field="comment", fix="Write a comment.")
    denials = denials_recorded(
        actor=principal,
        action="governance.ratification",
        subject=lambda: subject_of(Change.objects.get(pk=change_id)),
        now=now,
        data={"verdict": verdict},
    )
    with denials, transaction.atomic():
        change = get_change(principal=principal, change_id=change_id)
        if change.state != ChangeState.PUBLISHED or not change.emergency_reason:
            raise Conflict(f"Change {change.pk} was not published in an emergency.", field="state")
        themselves = {actor.pk, *other_accounts_of(principal)}
        if change.published_by_id in themselves or change.editors.filter(pk__in=themselves).exists():
            raise NotPermitted("You wrote or published this change. Two other people have to ratify it.")
        if change.ratifications.filter(person__in=themselves - {actor.pk}).exists():
            raise NotPermitted("Another account with your e-mail address has given its verdict already.")
        demands = demands_of(loaded_edits(change))
        if not any(stage.admits(principal) for demand in demands for stage in demand.stages):
            raise NotPermitted("You are not among those who could have approved it.")
        try:
            with transaction.atomic():
                made = Ratification.objects.create(
                    change=change,
                    person=actor,
                    person_label=actor.display_name,
                    verdict=verdict,
                    comment=comment.strip()[:LONGEST_REASON],
                    digest=change.digest,
                    created_at=now,
                )
        except IntegrityError as error:
            raise Conflict("You have given your verdict already.", field="verdict") from error
        action = "ratified" if verdict == RatificationVerdict.RATIFY else "objected"
        append_event(change, principal, f"governance.emergency.{action}", now, comment=made.comment)
    return made


def ratification_progress(change: Change) -> RatificationProgress:
    """Who has ratified or objected so far. One query."""
    given = list(change.ratifications.all())
    return RatificationProgress(
        ratified_by=tuple(each.person_label for each in given if each.verdict == RatificationVerdict.RATIFY),
        objected_by=tuple(each.person_label for each in given if each.verdict == RatificationVerdict.OBJECT),
    )


def _require_emergency_right(change: Change, principal: Principal) -> None:
    if change.editors.filter(pk__in={principal.id, *other_accounts_of(principal)}).exists():
        raise NotPermitted("You edited this change. Somebody who did not has to publish it, in an emergency too.")
    domains = set(change.edits.values_list("domain_id", flat=True))
    if not all(any(principal.has_role(role, domain) for role in EMERGENCY_ROLES) for domain in domains):
        raise NotPermitted(
            "You may not publish this in an emergency.", fix="The owner of its domain or an administrator may."
        )
