"""Finds what agents were refused again and again, by domain; must not judge whether they should have it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from agents.models import Refusal
from context.models import Domain
from governance.drift.detectors import Detector, Looking, Option, Scope, Subjects
from governance.drift.drafts import FindingDraft, evidence
from governance.models import Severity

MOST_READ = 20_000
GRAVE = 10


def detect(subjects: Subjects, *, now: datetime, context: Looking) -> Iterable[FindingDraft]:
    """Three statements. A gap belongs to the domain that its requirement names, else to that of the contract."""
    domains = {domain.slug: domain for domain in Domain.objects.filter(pk__in=subjects.domain_ids)}
    longest = max((context.number("recent_days", domain.pk) for domain in domains.values()), default=0)
    refusals = (
        Refusal.objects.filter(refused_at__gte=now - timedelta(days=longest), as_of__isnull=True)
        .order_by("-refused_at")
        .values_list(
            "gaps",
            "refused_at",
            "agent__name",
            "contract_version__requirements",
            "contract_version__contract__domain__slug",
        )[:MOST_READ]
    )
    times: Counter[tuple[str, str, str]] = Counter()
    agents: dict[tuple[str, str, str], set[str]] = {}
    latest: dict[tuple[str, str, str], tuple[Mapping[str, Any], datetime]] = {}
    for gaps, refused_at, agent, requirements, contract_domain in refusals:
        for gap in gaps:
            slug = _domain_of(str(gap["requirement"]), requirements) or contract_domain
            domain = domains.get(slug or "")
            if domain is None or refused_at < now - timedelta(days=context.number("recent_days", domain.pk)):
                continue
            place = (domain.slug, str(gap["requirement"]), str(gap["code"]))
            times[place] += 1
            agents.setdefault(place, set()).add(agent)
            latest.setdefault(place, (gap, refused_at))
    for (slug, requirement, code), count in sorted(times.items()):
        domain = domains[slug]
        if count < context.number("least_times", domain.pk):
            continue
        gap, last = latest[slug, requirement, code]
        told = sorted(agents[slug, requirement, code])
        yield FindingDraft(
            cause={"domain": slug, "requirement": requirement, "code": code},
            summary=f"Agents ask for “{requirement}” and are refused: {code.replace('_', ' ')}.",
            evidence=evidence(
                sentence=str(gap.get("fix") or "Nothing meets the requirement."),
                figures={"Refused, times": count, "Agents": len(told), "Last refused": last.date().isoformat()},
                requirement=requirement,
                code=code,
                agents=told[:20],
            ),
            basis={"requirement": requirement, "code": code, "agents": told},
            domain_id=domain.pk,
            severity=Severity.HIGH if count >= GRAVE else Severity.MEDIUM,
        )


def _domain_of(requirement: str, stated: Iterable[Mapping[str, Any]]) -> str | None:
    """The domain of the requirement of that name: it says it, or the key it names begins with it."""
    for each in stated:
        key = each.get("key")
        if requirement in (each.get("name"), key):
            return each.get("domain") or (str(key).partition("/")[0] if key else None)
    return requirement.partition("/")[0] if "/" in requirement else None


DETECTOR = Detector(
    name="refusals",
    question="What do agents ask for and are refused?",
    scope=Scope.DOMAIN,
    detect=detect,
    options=(
        Option(name="recent_days", default=30, least=1, most=365, help="Refused within so many days."),
        Option(name="least_times", default=3, least=1, most=10_000, help="Refused at least so many times."),
    ),
)
