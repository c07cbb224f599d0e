"""Says of which stages of a change nobody can decide, because who might may not see all of it; must not refuse it.

A change is judged as a whole, so who approves it must see every part. Where a text and a rule set, or texts of two
domains, stand in one change, its approvers may be people of whom each sees a part only: it would wait for ever. That
is said, and not refused: access and policies may change while it waits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from context.access import principal_for
from context.models import User
from governance.models import Change, ChangeState
from governance.models.changes import readable_edits
from governance.notices import approvers_of
from governance.policies import Demand, DemandProgress, StageDemand


@dataclass(frozen=True, kw_only=True, slots=True)
class StuckStage:
    """A stage that fewer can decide than are `needed`. `able` can; of the others so many are `blind` to a part."""

    demand: Demand
    stage: StageDemand
    needed: int
    able: tuple[str, ...]
    blind: int

    @property
    def why(self) -> str:
        """What is the matter, in words."""
        needed = "1 person" if self.needed == 1 else f"{self.needed} people"
        able = f"only {' and '.join(self.able)} can" if self.able else "nobody can"
        seeing = f"; {self.blind} of them may not see all of it" if self.blind else ""
        return (
            f"“{self.stage.name}” of the policy “{self.demand.policy_name}” needs {needed} ({self.stage.who}), "
            f"and {able} decide on this change{seeing}."
        )

    @property
    def fix(self) -> str:
        if not self.blind:
            return "Ask an administrator to name other approvers: whoever wrote or edited the change is not among them."
        return (
            "Put what they may not see into a change of its own, have one of them given access to all of it, "
            "or ask an administrator to name other approvers."
        )


def stuck_stages(change: Change, progress: Sequence[DemandProgress]) -> tuple[StuckStage, ...]:
    """The stages still open that too few people can decide. Nothing of a change that waits for no approval.

    A few queries for each person who is looked at; nobody is any more once a stage has enough. A person decides once,
    so each counts for one stage of a policy only.
    """
    if change.state not in (ChangeState.DRAFT, ChangeState.IN_REVIEW):
        return ()
    out = {*change.editors.values_list("pk", flat=True), change.author_id}
    for heard in change.reviews.filter(digest=change.digest):
        out |= {heard.reviewer_id, heard.on_behalf_of_id or heard.reviewer_id}
    sees: dict[int, bool] = {}
    found = []
    for each in progress:
        taken: set[int] = set()
        for waiting in (stage for stage in each.stages if not stage.complete):
            stage, needed = waiting.stage, waiting.stage.people_required - len(waiting.approved_by)
            asked = sorted(approvers_of([stage]) - out - taken)
            able: list[int] = []
            for person in asked:
                if person not in sees:
                    sees[person] = _sees(change, person)
                if sees[person]:
                    able.append(person)
                if len(able) == needed:
                    break
            taken.update(able)
            if len(able) < needed:
                named = tuple(sorted(user.display_name for user in User.objects.filter(pk__in=able)))
                blind = len(asked) - len(able)
                found.append(StuckStage(demand=each.demand, stage=stage, needed=needed, able=named, blind=blind))
    return tuple(found)


def _sees(change: Change, person: int) -> bool:
    """Whether they may read every part of it, a draft being judged as it would be once it is submitted."""
    user = User.objects.filter(pk=person, is_active=True).first()
    return user is not None and not change.edits.exclude(readable_edits(principal_for(user))).exists()
