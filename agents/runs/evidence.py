"""What runs add to an evidence kit: what was decided, what was done on which texts, and what people said of it.

Must not write, and shows no run that whoever asks may not see.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from agents.models import Decision, RuleSet, RuleSetVersion, Run, RunBundle, RunReview
from agents.runs.reading import may_read, run_as_json
from governance.audit.evidence import EvidenceFile, EvidenceScope, json_array

CHUNK = 200


def evidence_of(scope: EvidenceScope) -> list[EvidenceFile]:
    """Runs that were given a version of the item, or begun or ended in the period; their decisions and reviews."""
    runs, decisions, reviews = _runs(scope), _decisions(scope), _reviews(scope)
    return [
        EvidenceFile(
            path="agents/runs.json",
            title="Runs of agents",
            about="Each task that was worked on with these texts: the bundles it was given, its steps and hand-offs, "
            "its output and why it went as it did.",
            supports=("eu-ai-act-12", "iso-42001-a628", "soc2-cc7"),
            content=json_array(_run_records(scope, runs)),
            subjects=_subjects("run", runs) if scope.key else (),
        ),
        EvidenceFile(
            path="agents/decisions.json",
            title="Routing decisions",
            about="Each with all facts it was made from, every rule tried, its outcome and its digest.",
            supports=("eu-ai-act-12", "iso-42001-a628", "nist-govern"),
            content=json_array(_decision_records(decisions)),
            subjects=_subjects("decision", decisions) if scope.key else (),
        ),
        EvidenceFile(
            path="agents/rule_sets.json",
            title="Rule sets of these decisions",
            about="Every version by which one of them was made, by the digest that the decisions name: with the facts, "
            "enough to make each of them again.",
            supports=("eu-ai-act-12", "nist-govern", "soc2-cc8"),
            content=json_array(_rule_set_records(scope, decisions)),
        ),
        EvidenceFile(
            path="agents/reviews.json",
            title="Reviews of outputs",
            about="What people decided on an output, bound to the digest of what they read.",
            supports=("eu-ai-act-14", "nist-govern"),
            content=json_array(_review_records(scope, reviews)),
        ),
    ]


def _runs(scope: EvidenceScope) -> QuerySet[Run]:
    runs = Run.objects.visible_to(scope.principal)
    if scope.version_ids is None:
        return runs.filter(scope.within("created_at") | (Q(ended_at__isnull=False) & scope.within("ended_at")))
    held = Q(pk__in=[])
    for version_id in scope.version_ids:
        held |= Q(bundle__version_ids__contains=[version_id])
    return runs.filter(pk__in=RunBundle.objects.filter(held).values("run"))


def _decisions(scope: EvidenceScope) -> QuerySet[Decision]:
    """Those of the runs, for an item; all of the period, tries without a run too."""
    decisions = Decision.objects.visible_to(scope.principal)
    if scope.version_ids is None:
        return decisions.filter(scope.within("decided_at"))
    return decisions.filter(run__in=[str(run) for run in _runs(scope).values_list("pk", flat=True)])


def _reviews(scope: EvidenceScope) -> QuerySet[RunReview]:
    if scope.version_ids is None:
        seen = Run.objects.visible_to(scope.principal).values("pk")
        return RunReview.objects.filter(scope.within("reviewed_at"), run__in=seen)
    return RunReview.objects.filter(run__in=_runs(scope).values("pk"))


def _subjects(kind: str, found: QuerySet[Any]) -> tuple[tuple[str, str], ...]:
    identities: list[UUID | int] = list(found.values_list("pk", flat=True))
    return tuple((kind, str(identity)) for identity in identities)


def _run_records(scope: EvidenceScope, runs: QuerySet[Run]) -> Iterator[dict[str, Any]]:
    found = runs.select_related("agent", "contract_version__contract", "domain").order_by("pk")
    for run in found.iterator(chunk_size=CHUNK):
        yield run_as_json(principal=scope.principal, run=run)


def _decision_records(decisions: QuerySet[Decision]) -> Iterator[dict[str, Any]]:
    found = decisions.select_related("rule_set_version__rule_set", "agent").order_by("pk")
    for decision in found.iterator(chunk_size=CHUNK):
        version = decision.rule_set_version
        yield {
            "decision": decision.pk,
            "run": decision.run or None,
            "rule_set": version.rule_set.slug,
            "version": version.number,
            "rule_set_digest": version.digest,
            "task_type": decision.task_type or None,
            "facts": decision.facts,
            "tried": decision.tried,
            "outcome": decision.outcome,
            "digest": decision.digest,
            "asked_by": decision.asked_by_label,
            "decided_at": decision.decided_at,
            "request_id": decision.request_id,
        }


def _rule_set_records(scope: EvidenceScope, decisions: QuerySet[Decision]) -> Iterator[dict[str, Any]]:
    readable = RuleSet.objects.visible_to(scope.principal).values("pk")
    found = RuleSetVersion.objects.filter(pk__in=decisions.order_by().values("rule_set_version"), rule_set__in=readable)
    for version in found.select_related("rule_set").order_by("rule_set__slug", "number").iterator(chunk_size=CHUNK):
        yield {
            "rule_set": version.rule_set.slug,
            "version": version.number,
            "digest": version.digest,
            "payload": version.payload,
            "author": version.author_label,
            "approvals": version.approvals,
            "published_at": version.published_at,
        }


def _review_records(scope: EvidenceScope, reviews: QuerySet[RunReview]) -> Iterator[dict[str, Any]]:
    found = reviews.select_related("reviewer", "run").order_by("reviewed_at", "pk")
    for review in found.iterator(chunk_size=CHUNK):
        yield {
            "run": str(review.run_id),
            "reviewer": review.reviewer.username,
            "decision": review.decision,
            "comment": review.comment if may_read(principal=scope.principal, run=review.run) else "",
            "output_digest": review.output_digest or None,
            "edited_digest": review.edited_digest or None,
            "reviewed_at": review.reviewed_at,
        }
