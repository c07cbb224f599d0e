"""Which approval policy applies to an edit and why, and how far a change's approvals go; must not write."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from context.access import Principal
from context.digests import digest_of
from context.models import Domain, Kind, Role, Sensitivity, User
from context.models.domains import ancestors
from context.ownership import Answering, read_answering
from governance.models import ITEM, ApprovalPolicy, ApprovalStage, ApproverRule, Decision, Edit, Review

# Where what has no domain belongs.
WHOLE = "the whole organisation"


@dataclass(frozen=True, kw_only=True, slots=True)
class PolicyChoice:
    """The policy that applies, why in words, and the others that match, most specific first."""

    policy: ApprovalPolicy
    why: str
    also_matching: tuple[ApprovalPolicy, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class StageDemand:
    """One stage as it stands for a certain domain or owner. `token` is what an approval records that it counts for."""

    token: str
    name: str
    who: str
    people_required: int
    due_in_days: int
    rule: str
    group_id: int | None
    person_id: int | None
    role: str
    domain_id: int | None
    owner_id: int | None

    def admits(self, principal: Principal) -> bool:
        """Whether this person may approve at this stage, judged now."""
        if principal.kind != "person":
            return False
        if self.rule == ApproverRule.GROUP:
            return self.group_id in principal.groups
        if self.rule == ApproverRule.PERSON:
            return self.person_id == principal.id
        if self.rule == ApproverRule.DOMAIN_OWNER:
            return principal.has_role("domain_owner", self.domain_id)
        if self.rule == ApproverRule.ITEM_OWNER:
            return self.owner_id == principal.id
        return principal.has_role(self.role, self.domain_id)


@dataclass(frozen=True, kw_only=True, slots=True)
class Demand:
    """What one policy asks for some of a change's edits."""

    policy_id: int
    policy_name: str
    policy_digest: str
    domain_name: str
    why: str
    keys: tuple[str, ...]
    stages: tuple[StageDemand, ...]

    @property
    def people_required(self) -> int:
        return sum(stage.people_required for stage in self.stages)


@dataclass(frozen=True, kw_only=True, slots=True)
class StageProgress:
    """A stage with the labels of who has approved it; `current` where it is the one that waits.

    `reached_at` is when the stage before it was complete; None for the first, which waits since the submission.
    """

    stage: StageDemand
    approved_by: tuple[str, ...]
    complete: bool
    current: bool
    reached_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class DemandProgress:
    demand: Demand
    stages: tuple[StageProgress, ...]

    @property
    def complete(self) -> bool:
        return all(stage.complete for stage in self.stages)

    @property
    def current(self) -> StageProgress | None:
        return next((stage for stage in self.stages if stage.current), None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Lookups:
    """What demands are resolved with, read once for many changes: policies, who answers for domains, and owners."""

    policies: Sequence[ApprovalPolicy]
    answering: Answering
    owners: Mapping[int, User]

    def answerable(self, owner_id: int | None, domain_id: int | None) -> User | None:
        """The owner of an item or, where they left or there is none, who answers for the domain."""
        owner = self.owners.get(owner_id or 0)
        if owner is not None and owner.is_active:
            return owner
        if domain_id is None:
            return None
        return self.owners.get(self.answering.for_domain(domain_id) or 0)


def read_lookups(edits: Iterable[Edit]) -> Lookups:
    """What `demands_of` needs for these edits. Six queries, whatever their number."""
    answering = read_answering()
    people = {edit.owner_id for edit in edits} | {edit.base_owner_id for edit in edits}
    people |= {edit.item.owner_id for edit in edits if edit.item is not None}
    people |= {person for chain in answering.chains.values() for person in chain}
    return Lookups(
        policies=_all_policies(),
        answering=answering,
        owners=User.objects.in_bulk([person for person in people if person is not None]),
    )


def policy_for(
    *,
    kind: Kind | None,
    domain: Domain | None,
    sensitivity: int,
    record: str = ITEM,
    policies: Iterable[ApprovalPolicy] | None = None,
) -> PolicyChoice:
    """The most specific policy that matches: most selectors named, then kind or record, then nearest domain."""
    if policies is None:
        policies = _all_policies()
    chain = [each.pk for each in ancestors(domain)] if domain is not None else []
    matching = [
        policy
        for policy in policies
        if policy.record in ("", record)
        and policy.kind_id in (None, kind.pk if kind is not None else None)
        and (policy.domain_id is None or policy.domain_id in chain)
        and policy.sensitivity in (None, sensitivity)
    ]

    def specificity(policy: ApprovalPolicy) -> tuple[int, bool, bool, int, bool]:
        # A kind says already that it is for items: that the policy says so as well makes it no more specific.
        subject = policy.kind_id is not None or policy.record != ""
        named = [subject, policy.domain_id is not None, policy.sensitivity is not None]
        nearness = -chain.index(policy.domain_id) if policy.domain_id is not None else -len(chain)
        return (sum(named), policy.kind_id is not None, named[0], nearness, named[2])

    ordered = sorted(matching, key=specificity, reverse=True)
    chosen = ordered[0]
    return PolicyChoice(policy=chosen, why=_why(chosen, kind, domain, record), also_matching=tuple(ordered[1:]))


def demands_of(edits: Sequence[Edit], lookups: Lookups | None = None) -> list[Demand]:
    """Every demand of every policy on these edits, as the policies stand now. Six queries; none with `lookups`.

    An edit is judged as its item is and as it would become, so that lowering a sensitivity or changing a kind
    does not choose an easier policy for itself.
    """
    lookups = read_lookups(edits) if lookups is None else lookups
    grouped: dict[tuple[int, int | None, int | None], tuple[ApprovalPolicy, Domain | None, str, set[str]]] = {}
    for edit in edits:
        faces = {(edit.kind, edit.domain, edit.sensitivity, edit.owner_id)}
        if edit.item is not None:
            item = edit.item
            faces.add((item.kind, item.domain, item.sensitivity, item.owner_id))
        if edit.base_sensitivity is not None:
            faces.add((None, edit.base_domain, edit.base_sensitivity, edit.base_owner_id))
        for kind, domain, sensitivity, owner_id in faces:
            choice = policy_for(
                kind=kind, domain=domain, sensitivity=sensitivity, record=edit.record, policies=lookups.policies
            )
            by_owner = any(stage.approvers == ApproverRule.ITEM_OWNER for stage in choice.policy.stages.all())
            place = (choice.policy.pk, domain.pk if domain is not None else None, owner_id if by_owner else None)
            grouped.setdefault(place, (choice.policy, domain, choice.why, set()))[3].add(edit.address)
    return [
        Demand(
            policy_id=policy.pk,
            policy_name=policy.name,
            policy_digest=policy_digest(policy),
            domain_name=domain.name if domain is not None else WHOLE,
            why=why,
            keys=tuple(sorted(keys)),
            stages=tuple(_stage_demand(stage, domain, owner_id, lookups) for stage in policy.stages.all()),
        )
        for (_, _, owner_id), (policy, domain, why, keys) in sorted(grouped.items(), key=lambda each: str(each[0]))
    ]


def policy_digest(policy: ApprovalPolicy) -> str:
    """SHA-256 over what the policy asks, stage by stage: part of what is approved, so that a later policy voids it."""
    return digest_of(
        {
            "policy": policy.pk,
            "record": policy.record,
            "kind": policy.kind_id,
            "domain": policy.domain_id,
            "sensitivity": policy.sensitivity,
            "stages": [
                {
                    "order": stage.order,
                    "approvers": stage.approvers,
                    "group": stage.group_id,
                    "person": stage.person_id,
                    "role": stage.role,
                    "people_required": stage.people_required,
                }
                for stage in policy.stages.all()
            ],
        }
    )


def progress_of(demands: Sequence[Demand], reviews: Iterable[Review], digest: str) -> list[DemandProgress]:
    """How far the approvals of this digest go: stages in order, each person counted once in a demand."""
    approvals = [
        review for review in reviews if review.decision == Decision.APPROVE and review.digest == digest and digest
    ]
    return [_progress(demand, approvals) for demand in demands]


def _progress(demand: Demand, approvals: Sequence[Review]) -> DemandProgress:
    tokens = {stage.token for stage in demand.stages}
    # Those who can serve at one stage only are placed first, so that nobody able to serve later is used up.
    ordered = sorted(approvals, key=lambda review: (len(tokens.intersection(review.stages)), review.created_at))
    used: set[int] = set()
    found, waiting = [], False
    reached_at: datetime | None = None
    for stage in demand.stages:
        serving = [review for review in ordered if review.reviewer_id not in used and stage.token in review.stages][
            : stage.people_required
        ]
        complete = len(serving) >= stage.people_required and not waiting
        current = not complete and not waiting
        used |= {review.reviewer_id for review in serving}
        found.append(
            StageProgress(
                stage=stage,
                approved_by=tuple(review.reviewer_label for review in serving),
                complete=complete,
                current=current,
                reached_at=reached_at,
            )
        )
        reached_at = max([review.created_at for review in serving] + ([reached_at] if reached_at else []), default=None)
        waiting = waiting or not complete
    return DemandProgress(demand=demand, stages=tuple(found))


def _all_policies() -> list[ApprovalPolicy]:
    found = ApprovalPolicy.objects.select_related("kind", "domain").prefetch_related("stages__group", "stages__person")
    # A policy without stages would let everything pass: it does not apply until it has one.
    return [policy for policy in found if policy.stages.all()]


def _stage_demand(stage: ApprovalStage, domain: Domain | None, owner_id: int | None, lookups: Lookups) -> StageDemand:
    domain_id = domain.pk if domain is not None else None
    by_domain = stage.approvers in (ApproverRule.DOMAIN_OWNER, ApproverRule.ROLE)
    by_owner = stage.approvers == ApproverRule.ITEM_OWNER
    answerable = lookups.answerable(owner_id, domain_id)
    # The token names the owner as the text does, so that an approval stands when they leave.
    token = f"{stage.pk}:{domain_id or '' if by_domain else ''}:{owner_id or '' if by_owner else ''}"
    return StageDemand(
        token=token,
        name=stage.name,
        who=_who(stage, domain, answerable),
        people_required=stage.people_required,
        due_in_days=stage.due_in_days,
        rule=stage.approvers,
        group_id=stage.group_id,
        person_id=stage.person_id,
        role=stage.role,
        domain_id=domain_id,
        owner_id=answerable.pk if answerable is not None else None,
    )


def _who(stage: ApprovalStage, domain: Domain | None, owner: User | None) -> str:
    where = domain.name if domain is not None else WHOLE
    if stage.approvers == ApproverRule.GROUP:
        return f"anyone in {stage.group.name}" if stage.group else "nobody: the group is gone"
    if stage.approvers == ApproverRule.PERSON:
        return stage.person.display_name if stage.person else "nobody: the person is gone"
    if stage.approvers == ApproverRule.DOMAIN_OWNER:
        return f"the owner of {where}"
    if stage.approvers == ApproverRule.ITEM_OWNER:
        if owner is None:
            return "the owner of the item, who is not named"
        return f"{owner.display_name}, who answers for the item"
    return f"anyone with the role of {Role(stage.role).label.lower()} in {where}"


def _why(policy: ApprovalPolicy, kind: Kind | None, domain: Domain | None, record: str) -> str:
    reasons = []
    if policy.record and policy.kind_id is None:
        reasons.append(f"it is of the record {record.replace('_', ' ')}")
    if policy.kind_id is not None and kind is not None:
        reasons.append(f"the kind is {kind.name.lower()}")
    if policy.domain_id is not None and domain is not None:
        here = policy.domain_id == domain.pk
        reasons.append(f"the domain is {domain.name}" if here else f"{domain.name} lies below {policy.domain}")
    if policy.sensitivity is not None:
        reasons.append(f"the sensitivity is {Sensitivity(policy.sensitivity).word}")
    if not reasons:
        return "No more specific policy matches, so the default applies."
    return f"Most specific match: {' and '.join(reasons)}."
