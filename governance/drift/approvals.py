"""Finds approval stages that nobody can pass: empty groups, people who left, roles nobody holds; must not approve."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from context.models import Domain, Role, RoleGrant, Sensitivity, User
from context.ownership import read_answering
from governance.drift.detectors import Detector, Looking, Scope, Subjects
from governance.drift.drafts import FindingDraft, Place, evidence
from governance.models import ApprovalStage, ApproverRule, Severity


def detect(subjects: Subjects, *, now: datetime, context: Looking) -> Iterable[FindingDraft]:
    """Five statements. A stage by role or owner is asked in the policy's domain, or where it has none in every root."""
    parents = dict(Domain.objects.values_list("pk", "parent_id"))
    names = dict(Domain.objects.values_list("pk", "name"))
    answering = read_answering()
    grants = set(RoleGrant.objects.filter(user__is_active=True).values_list("role", "domain_id", "user_id").order_by())
    active = User.objects.filter(is_active=True)
    members: dict[int, int] = {}
    for group_id in active.filter(groups__isnull=False).values_list("groups", flat=True):
        members[group_id] = members.get(group_id, 0) + 1
    here = set(active.values_list("pk", flat=True))
    stages = ApprovalStage.objects.select_related("policy__domain", "group", "person").order_by("policy", "order")
    for stage in stages:
        policy, needed = stage.policy, stage.people_required
        domains = [policy.domain_id] if policy.domain_id is not None else sorted(parents)
        for domain_id in domains:
            able, who = _able(stage, domain_id, parents, grants, members, here, answering.chains)
            if able >= needed:
                continue
            by_domain = stage.approvers in (ApproverRule.ROLE, ApproverRule.DOMAIN_OWNER)
            where = f" in {names[domain_id]}" if by_domain else ""
            yield FindingDraft(
                cause={"stage": stage.pk, "domain": domain_id if by_domain else None},
                summary=f"“{stage.name}” of “{policy.name}” cannot be passed{where}: {who}.",
                evidence=evidence(
                    sentence=f"The stage needs {needed} and there {'is' if able == 1 else 'are'} {able}: {who}.",
                    figures={"People needed": needed, "People who could": able},
                    policy=policy.name,
                    stage=stage.name,
                ),
                domain_id=domain_id,
                place=Place(
                    type="approval_policy", id=str(policy.pk), label=policy.name, sensitivity=int(Sensitivity.INTERNAL)
                ),
                severity=Severity.HIGH if policy.domain_id is not None or not by_domain else Severity.MEDIUM,
            )
            if not by_domain:
                break


def _able(
    stage: ApprovalStage,
    domain_id: int,
    parents: Mapping[int, int | None],
    grants: Collection[tuple[str, int | None, int]],
    members: Mapping[int, int],
    here: Collection[int],
    chains: Mapping[int, tuple[int, ...]],
) -> tuple[int, str]:
    match stage.approvers:
        case ApproverRule.GROUP:
            return members.get(stage.group_id or 0, 0), f"nobody is left in the group {stage.group}"
        case ApproverRule.PERSON:
            able = int(stage.person_id in here)
            return able, f"{stage.person.display_name if stage.person else 'the person'} left"
        case ApproverRule.ROLE:
            above = _at_or_above(domain_id, parents)
            people = {user for role, where, user in grants if role == stage.role and (where is None or where in above)}
            return len(people), f"too few hold the role of {Role(stage.role).label.lower()}"
        case ApproverRule.DOMAIN_OWNER:
            return len(chains.get(domain_id, ())), "the domain has no owner"
        case _:
            return stage.people_required, "each text has its own"


def _at_or_above(domain_id: int, parents: Mapping[int, int | None]) -> set[int]:
    found: set[int] = set()
    at: int | None = domain_id
    while at is not None and at not in found:
        found.add(at)
        at = parents.get(at)
    return found


DETECTOR = Detector(
    name="approvals",
    question="Which approvals can nobody give?",
    scope=Scope.ORGANISATION,
    detect=detect,
)
