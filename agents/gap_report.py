"""What agents lacked, by how much it hurt: refusals counted by requirement and reason; must not change what it counts.

A refusal counts one on its day and half as much every two weeks later. The sum is multiplied by the number of agents
that the gap stopped: ten refusals of one agent hurt less than one each of ten. What is counted are refusals of the
present: a question about a past moment that could not be answered hurts nobody now.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

import orjson

from agents.models import ContextContract
from agents.use import visible_agents
from context.access import Principal, principal_for
from context.digests import check_storable, digest_of
from context.errors import InvalidInput, NotFound, NotPermitted
from context.models import Domain, User
from context.statements import rows
from governance.audit import ledger
from governance.audit.attempts import denials_recorded
from governance.drift.drafts import evidence
from governance.drift.findings import Sighting, open_finding
from governance.models import Finding, Severity

HALVED_AFTER_DAYS = 14
LONGEST_DAYS = 366
MOST_GAPS = 500
LONGEST_NOTE = 500
DETECTOR = "gap-to-fill"
ASSIGNING_ROLES = ("steward", "domain_owner", "administrator")

# An age is in whole days before the end of the report.
_FELT = """
WITH felt AS MATERIALIZED (
    SELECT gap ->> 'requirement' AS requirement, gap ->> 'code' AS code, gap ->> 'fix' AS fix, gap ->> 'owner' AS owner,
           refusal.id, refusal.agent_id, refusal.refused_at, agent.name AS agent, contract.slug AS contract,
           extract(epoch FROM %(until)s - refusal.refused_at) / 86400.0 AS age
    FROM agents_refusal refusal
    CROSS JOIN LATERAL jsonb_array_elements(refusal.gaps) gap
    JOIN agents_agent agent ON agent.id = refusal.agent_id
    JOIN agents_contractversion version ON version.id = refusal.contract_version_id
    JOIN agents_contextcontract contract ON contract.id = version.contract_id
    WHERE refusal.agent_id = ANY (%(agents)s::bigint[]) AND refusal.as_of IS NULL
    AND refusal.refused_at > %(since)s AND refusal.refused_at <= %(until)s
    AND (%(contract)s::text IS NULL OR contract.slug = %(contract)s::text)
),
weighed AS (
    SELECT requirement, code, count(*) AS times, max(refused_at) AS last_at,
           count(DISTINCT agent_id) * sum(power(0.5, age / %(halved)s)) AS hurt,
           array_agg(DISTINCT agent) AS agents, array_agg(DISTINCT contract) AS contracts
    FROM felt GROUP BY 1, 2 ORDER BY 5 DESC, 1, 2 LIMIT %(most)s
),
said AS (
    SELECT DISTINCT ON (requirement, code) requirement, code, fix, owner
    FROM felt ORDER BY requirement, code, refused_at DESC, id DESC
),
daily AS (
    SELECT requirement, code, jsonb_object_agg(age, times) AS by_day
    FROM (SELECT requirement, code, floor(age)::int AS age, count(*) AS times FROM felt GROUP BY 1, 2, 3) counted
    GROUP BY 1, 2
)
SELECT requirement, code, said.fix, said.owner, weighed.times, weighed.agents, weighed.contracts, weighed.hurt,
       weighed.last_at, daily.by_day
FROM weighed JOIN said USING (requirement, code) JOIN daily USING (requirement, code)
ORDER BY weighed.hurt DESC, requirement, code
"""
_REFUSED = """
SELECT floor(extract(epoch FROM %(until)s - refusal.refused_at) / 86400.0)::int, count(*)
FROM agents_refusal refusal
JOIN agents_contractversion version ON version.id = refusal.contract_version_id
JOIN agents_contextcontract contract ON contract.id = version.contract_id
WHERE refusal.agent_id = ANY (%(agents)s::bigint[]) AND refusal.as_of IS NULL
AND refusal.refused_at > %(since)s AND refusal.refused_at <= %(until)s
AND (%(contract)s::text IS NULL OR contract.slug = %(contract)s::text)
GROUP BY 1
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class HurtingGap:
    """A requirement that was not met, why, and how much that hurt. `by_day` counts refusals, the oldest day first."""

    requirement: str
    code: str
    fix: str
    owner: str | None
    times: int
    agents: tuple[str, ...]
    contracts: tuple[str, ...]
    hurt: float
    last_at: datetime
    by_day: tuple[int, ...]
    finding: Finding | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class GapReport:
    """The gaps of so many days until a moment, the worst first, and refusals a day over all of them."""

    since: datetime
    until: datetime
    gaps: tuple[HurtingGap, ...]
    by_day: tuple[int, ...]

    @property
    def days(self) -> list[tuple[date, int]]:
        first = self.until - timedelta(days=len(self.by_day) - 1)
        return [((first + timedelta(days=place)).date(), count) for place, count in enumerate(self.by_day)]


def gap_report(*, principal: Principal, days: int, now: datetime, contract: str | None = None) -> GapReport:
    """The gaps felt by agents one may know of in the last so many days. Four statements."""
    if not 1 <= days <= LONGEST_DAYS:
        raise InvalidInput(
            f"days must be a whole number from 1 to {LONGEST_DAYS}.",
            field="days",
            limit=LONGEST_DAYS,
            fix="Ask for less.",
        )
    asked = _asked(principal, days, now, contract)
    gaps = [_gap(row, days) for row in rows(_FELT, {**asked, "most": MOST_GAPS})]
    assigned = _assigned(principal, gaps)
    return GapReport(
        since=asked["since"],
        until=now,
        gaps=tuple(replace(gap, finding=assigned.get(_fingerprint(gap))) for gap in gaps),
        by_day=_spread(dict(rows(_REFUSED, asked)), days),
    )


def worst_gaps(*, principal: Principal, days: int, now: datetime, most: int = 5) -> list[HurtingGap]:
    """The first few of the report, without who fills them. Two statements."""
    return [_gap(row, days) for row in rows(_FELT, {**_asked(principal, days, now, None), "most": most})]


def assign_gap(
    *, actor: User, requirement: str, code: str, to: User, note: str, now: datetime, due_at: datetime | None = None
) -> Finding:
    """Make a gap somebody's task: a finding with a date in their inbox. One for each requirement and reason.

    By who owns an agent that felt it, and by stewards and owners of its domain and administrators.
    """
    principal = principal_for(actor)
    check_storable(note, field="note")
    if len(note) > LONGEST_NOTE:
        raise InvalidInput("The note is too long.", field="note", limit=LONGEST_NOTE, fix="Shorten it.")
    if not to.is_active:
        raise InvalidInput("That person has left.", field="to", fix="Name somebody who is here.")
    if due_at is not None and due_at <= now:
        raise InvalidInput("That date has passed.", field="due_at", fix="Choose a later one.")
    gap = felt_gap(principal=principal, requirement=requirement, code=code, now=now)
    subject = _subject(gap)
    with denials_recorded(actor=principal, action="agents.gap.assign", subject=lambda: subject, now=now):
        if not may_assign(principal=principal, gap=gap):
            raise NotPermitted(
                "You may not assign this gap.", fix="The owner of an agent that felt it, or a steward, may."
            )
    domain = _domain_of(gap)
    return open_finding(seen=_sighting(gap, domain, to, note, due_at), now=now, actor=principal)


def felt_gap(*, principal: Principal, requirement: str, code: str, now: datetime) -> HurtingGap:
    """That gap as agents one may know of felt it in the last year."""
    report = gap_report(principal=principal, days=LONGEST_DAYS, now=now)
    gap = next((each for each in report.gaps if (each.requirement, each.code) == (requirement, code)), None)
    if gap is None:
        raise NotFound("No agent that you may know of felt this gap.", field="requirement")
    return gap


def may_assign(*, principal: Principal, gap: HurtingGap) -> bool:
    """Who owns an agent that felt it; stewards and owners of its domain; administrators."""
    domain = _domain_of(gap)
    domain_id = domain.pk if domain is not None else None
    if any(principal.has_role(role, domain_id) for role in ASSIGNING_ROLES):
        return True
    return visible_agents(principal).filter(owner=principal.id, name__in=gap.agents).exists()


def _sighting(gap: HurtingGap, domain: Domain | None, to: User, note: str, due_at: datetime | None) -> Sighting:
    return Sighting(
        detector=DETECTOR,
        summary=f"Agents need “{gap.requirement}”: it is {gap.code.replace('_', ' ')}."[:500],
        cause=_cause(gap),
        evidence=evidence(
            sentence=note.strip() or gap.fix,
            figures={"Refused, times": gap.times, "Agents": len(gap.agents)},
            requirement=gap.requirement,
            code=gap.code,
            agents=list(gap.agents[:20]),
        ),
        severity=Severity.HIGH,
        domain=domain,
        subject=_subject(gap),
        owner=to,
        due_at=due_at,
    )


def _asked(principal: Principal, days: int, now: datetime, contract: str | None) -> dict[str, Any]:
    return {
        "agents": list(visible_agents(principal).values_list("pk", flat=True)),
        "since": now - timedelta(days=days),
        "until": now,
        "halved": HALVED_AFTER_DAYS,
        "contract": contract,
    }


def _cause(gap: HurtingGap) -> dict[str, str]:
    return {"requirement": gap.requirement, "code": gap.code}


def _fingerprint(gap: HurtingGap) -> str:
    return digest_of({"detector": DETECTOR, "cause": _cause(gap)})


def _subject(gap: HurtingGap) -> ledger.Subject:
    return ledger.Subject(type="gap", id=f"{gap.code}:{gap.requirement}"[:200], label=gap.requirement, sensitivity=1)


def _domain_of(gap: HurtingGap) -> Domain | None:
    """That of the key that the requirement names, else that of a contract which has it."""
    slug = gap.requirement.partition("/")[0] if "/" in gap.requirement else ""
    named = Domain.objects.filter(slug=slug).first() if slug else None
    if named is not None:
        return named
    contracts = ContextContract.objects.filter(slug__in=gap.contracts, domain__isnull=False).select_related("domain")
    found = contracts.order_by("slug").first()
    return found.domain if found is not None else None


def _gap(row: tuple[Any, ...], days: int) -> HurtingGap:
    requirement, code, fix, owner, times, agents, contracts, hurt, last_at, by_day = row
    ages = {int(age): count for age, count in orjson.loads(by_day).items()}
    return HurtingGap(
        requirement=requirement,
        code=code,
        fix=fix or "",
        owner=owner,
        times=times,
        agents=tuple(agents),
        contracts=tuple(contracts),
        hurt=round(float(hurt), 2),
        last_at=last_at,
        by_day=_spread(ages, days),
    )


def _spread(by_age: Mapping[int, int], days: int) -> tuple[int, ...]:
    """Counts by age in days as a row of days, the oldest first."""
    found = [0] * days
    for age, count in by_age.items():
        found[days - 1 - min(max(age, 0), days - 1)] += count
    return tuple(found)


def _assigned(principal: Principal, gaps: Sequence[HurtingGap]) -> dict[str, Finding]:
    """The unsettled findings that were made of these gaps, as far as one may know of them. One query."""
    wanted = [_fingerprint(gap) for gap in gaps]
    found = Finding.objects.visible_to(principal).unsettled().filter(fingerprint__in=wanted).select_related("owner")
    return {finding.fingerprint: finding for finding in found}
