"""Every public function of the domain that refuses somebody with NotPermitted leaves one event of it.

The functions are found by reading the source: whoever adds one that refuses must record it, and try it here.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from agents.keys import issue_key, revoke_key, rotate_key
from agents.models import Agent
from agents.registry import save_agent, set_state
from context.access import SYSTEM, principal_for
from context.errors import NotPermitted
from context.models import ContextItem
from governance import changes, comments, emergencies, publishing, rebasing, reviews
from governance.assignment import propose_owner
from governance.audit import retention, streams
from governance.audit.checkpoints import checkpoint_now
from governance.audit.evidence import write_kit
from governance.audit.export import begin_export
from governance.audit.reading import EventFilters
from governance.delegations import delegate
from governance.drift import findings
from governance.import_plan import ImportPlan, Planned
from governance.importing import carry_out, plan_import
from governance.intervals import set_interval
from governance.models import AuditEvent, Change
from governance.people import deactivate_person
from governance.personal_tokens import issue_token, revoke_token
from governance.verification import verify_items
from tests.agents.conftest import contract, give
from tests.cast import Cast, creation, publish, revision, submit

ROOT = Path(__file__).parent.parent.parent
FLOORS = ("governance", "agents", "context")
# The edge judges nothing itself, but for what it names; seeds and benchmarks are for whoever owns the machine.
EDGE = {"views", "api", "admin", "management", "migrations", "sample", "benchmarks", "forms", "serializers"}
# Refusals that are recorded by whoever calls, with where.
RECORDED_ABOVE = {
    "governance.change_state.require_editor": "each step of a change",
    "governance.permissions.require_author": "each step of a change",
    "governance.edits.build_edit": "changes.create_change and put_edit",
    "governance.governed_edits.build_record_edit": "changes.create_change and put_edit",
    "governance.audit.reading.events_of": "AuditView of the API; its page reads as nonexistent",
    "governance.audit.reading.verify_ledger_in_steps": "its page reads as nonexistent",
    "governance.audit.retention.holds_of": "AuditView of the API",
    "governance.audit.retention.retention_of": "AuditView of the API",
    "governance.audit.reading.verify_ledger": "AuditView of the API; its page reads as nonexistent",
    "governance.audit.reading.require_auditor": "AuditView of the API",
    "governance.audit.checkpoints.checkpoints_of": "AuditView of the API",
    "governance.audit.checkpoints.inclusion_proof": "AuditView of the API",
    "governance.audit.checkpoints.consistency_proof": "AuditView of the API",
    "governance.audit.streams.follow_webhook": "nobody: it acts as the system, which is never refused",
    "agents.contract_proposals.propose_contract": "changes.create_change; it refuses itself only what is no person",
    "agents.mcp.view.mcp": "what a tool refuses is recorded by the function it calls",
    "agents.mcp.view.check_address": "a key in an address is refused before anybody is known",
    "agents.recall.rights.require_right": "each step of a recall",
    "agents.task_quality.measuring.measure": "nobody: whoever owns the machine measures in a scratch database",
    "agents.runs.reviewing.review_run": "itself; before that it refuses only what is no person",
}


@dataclass
class Function:
    """What one function refuses, and whom it calls, outside of what is recorded; and the same inside.

    `undone_calls` stand in a transaction of its own, with which an event that they recorded is undone.
    """

    public: bool
    raises: bool = False
    guarded: bool = False
    calls: set[str] = field(default_factory=set)
    undone_calls: set[str] = field(default_factory=set)
    guarded_calls: set[str] = field(default_factory=set)


class Reader(ast.NodeVisitor):
    """Reads one function: what stands inside `with denials_recorded(…)`, or what returns it, is recorded."""

    def __init__(self, found: Function, names: dict[str, str], recorders: set[str], refusals: set[str]) -> None:
        self.found, self.names, self.recorders, self.refusals = found, names, recorders, refusals
        self.bound: set[str] = set()
        self.inside = False
        self.within_transaction = False

    def visit_Assign(self, node: ast.Assign) -> None:
        if self._records(node.value):
            self.bound |= {each.id for each in node.targets if isinstance(each, ast.Name)}
        self.generic_visit(node)

    def visit_With(self, node: ast.With) -> None:
        before = self.inside, self.within_transaction
        self.inside |= any(self._records(item.context_expr) for item in node.items)
        self.within_transaction |= any("transaction.atomic" in ast.unparse(item.context_expr) for item in node.items)
        self.generic_visit(node)
        self.inside, self.within_transaction = before

    def visit_Raise(self, node: ast.Raise) -> None:
        raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
        if isinstance(raised, ast.Name) and raised.id in self.refusals:
            self.found.guarded |= self.inside
            self.found.raises |= not self.inside
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        name = ""
        if isinstance(node.func, ast.Name):
            name = self.names.get(node.func.id, "")
        elif isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name):
            above = self.names.get(node.func.value.id, "")
            name = f"{above}.{node.func.attr}" if above else ""
        if name:
            (self.found.guarded_calls if self.inside else self.found.calls).add(name)
            if self.within_transaction and not self.inside:
                self.found.undone_calls.add(name)
        self.generic_visit(node)

    def _records(self, node: ast.expr) -> bool:
        if isinstance(node, ast.Name):
            return node.id in self.bound
        return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in self.recorders


def modules() -> Iterator[tuple[str, ast.Module]]:
    for floor in FLOORS:
        for path in sorted((ROOT / floor).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            if not EDGE & set(parts):
                yield ".".join(parts).removesuffix(".__init__"), ast.parse(path.read_text())


def functions() -> dict[str, Function]:
    trees = dict(modules())
    classes = {
        node.name: {base.id for base in node.bases if isinstance(base, ast.Name)}
        for tree in trees.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }
    refusals = {"NotPermitted"}
    while more := {name for name, bases in classes.items() if bases & refusals} - refusals:
        refusals |= more
    found: dict[str, Function] = {}
    for module, tree in trees.items():
        names: dict[str, str] = {}
        recorders = {"denials_recorded"}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module:
                names |= {each.asname or each.name: f"{node.module}.{each.name}" for each in node.names}
        for top in tree.body:
            if isinstance(top, ast.FunctionDef):
                names[top.name] = f"{module}.{top.name}"
                if top.name.lstrip("_").startswith("attempting"):
                    recorders.add(top.name)
        recorders |= {name for name in names if name == "attempting"}
        for top in tree.body:
            if isinstance(top, ast.FunctionDef):
                made = found[f"{module}.{top.name}"] = Function(public=not top.name.startswith("_"))
                Reader(made, names, recorders, refusals).visit(top)
    return found


def refusing() -> tuple[set[str], set[str]]:
    """The public functions that refuse and record it themselves, and those that refuse and do not."""
    found = functions()
    leaking = {name for name, each in found.items() if each.raises}
    while more := {name for name, each in found.items() if each.calls & leaking} - leaking:
        leaking |= more
    recorded = {name for name, each in found.items() if each.guarded or each.guarded_calls & leaking}
    leaking |= {name for name, each in found.items() if each.undone_calls & recorded}
    recorded |= {name for name, each in found.items() if each.guarded_calls & recorded}
    return (
        {name for name in recorded if found[name].public},
        {name for name in leaking if found[name].public},
    )


@dataclass
class Scene:
    """What the attempts are made on."""

    cast: Cast
    change: Change
    emergency: Change
    comment: int
    finding: int
    agent: Agent
    given: Any
    now: Any


@pytest.fixture
def scene(cast: Cast) -> Scene:
    now = timezone.now()
    publish(cast, creation("legal/text", sensitivity="public", body="One."))
    urgent = submit(cast, creation("legal/urgent", sensitivity="public", body="Fire."))
    reason = "The building is on fire, and this says where to go."
    emergencies.publish_in_emergency(actor=cast.admin, change_id=urgent.pk, reason=reason, now=now)
    change = submit(cast, revision("legal/text", body="Two."))
    said = comments.add_comment(actor=cast.author, change_id=change.pk, text="Is this so?", now=now)
    given = give(cast, contract(cast, [{"key": "legal/text"}]))
    # About a text that everybody may read, so that a stranger sees what they may not settle.
    item = ContextItem.objects.get(key="legal/text")
    about = findings.Sighting(detector="u", summary="S", cause={"b": 1}, evidence={"b": 1}, item=item)
    opened = findings.open_finding(seen=about, now=now)
    return Scene(cast, change, urgent, said.pk, opened.pk, given.agent, given, now)


def _whoever(scene: Scene) -> dict[str, Any]:
    return {"actor": scene.cast.outsider, "now": scene.now}


def _on_change(scene: Scene) -> dict[str, Any]:
    return {**_whoever(scene), "change_id": scene.change.pk}


def _administering(scene: Scene) -> dict[str, Any]:
    return {"actor": principal_for(scene.cast.author), "now": scene.now}


def _on_finding(scene: Scene) -> dict[str, Any]:
    return {"actor": principal_for(scene.cast.outsider), "finding_id": scene.finding, "now": scene.now}


def _agent_of(scene: Scene) -> dict[str, Any]:
    agent = scene.agent
    return {"slug": agent.slug, "name": agent.name, "purpose": "P", "owner": agent.owner, "clearance": 0, "domains": []}


ATTEMPTS: dict[str, Callable[[Scene], object]] = {
    "governance.changes.create_change": lambda s: changes.create_change(
        **_whoever(s), title="T", reason="R", edits=[revision("legal/text", body="Mine.")]
    ),
    "governance.changes.put_edit": lambda s: changes.put_edit(**_on_change(s), edit=revision("legal/text", body="M.")),
    "governance.changes.remove_edit": lambda s: changes.remove_edit(**_on_change(s), key="legal/text"),
    "governance.changes.describe_change": lambda s: changes.describe_change(**_on_change(s), title="Mine"),
    "governance.changes.add_editor": lambda s: changes.add_editor(**_on_change(s), editor=s.cast.outsider),
    "governance.changes.submit_change": lambda s: changes.submit_change(**_on_change(s)),
    "governance.changes.withdraw_change": lambda s: changes.withdraw_change(**_on_change(s)),
    "governance.changes.reopen_change": lambda s: changes.reopen_change(**_on_change(s)),
    "governance.comments.settle_comment": lambda s: comments.settle_comment(**_whoever(s), comment_id=s.comment),
    "governance.publishing.publish_change": lambda s: publishing.publish_change(**_on_change(s)),
    "governance.publishing.revert_change": lambda s: publishing.revert_change(
        **_whoever(s), change_id=s.emergency.pk, reason="No."
    ),
    "governance.reviews.review_change": lambda s: reviews.review_change(
        **_on_change(s), decision="approve", digest=s.change.digest
    ),
    "governance.emergencies.publish_in_emergency": lambda s: emergencies.publish_in_emergency(
        **_on_change(s), reason="Because I want it to be so, at once."
    ),
    "governance.emergencies.ratify": lambda s: emergencies.ratify(
        **_whoever(s), change_id=s.emergency.pk, verdict="ratify"
    ),
    "governance.rebasing.rebase_edit": lambda s: rebasing.rebase_edit(**_on_change(s), key="legal/text", choices={}),
    "governance.assignment.propose_owner": lambda s: propose_owner(
        **_whoever(s), keys=["legal/text"], owner="author", reason="R"
    ),
    "governance.importing.plan_import": lambda s: plan_import(**_whoever(s), directory=ROOT / "docs", domain="legal"),
    "governance.importing.carry_out": lambda s: carry_out(
        **_whoever(s),
        plan=ImportPlan(
            tree="t",
            domain="legal",
            planned=[Planned(path="a.md", key="legal/text", edit=revision("legal/text", body="Mine."))],
        ),
    ),
    "governance.verification.verify_items": lambda s: verify_items(**_whoever(s), keys=["legal/text"]),
    "governance.delegations.delegate": lambda s: delegate(
        **_whoever(s), to_person=s.cast.outsider, from_person=s.cast.owner, reason="R", from_at=s.now,
        until_at=s.now + timedelta(days=1),
    ),
    "governance.people.deactivate_person": lambda s: deactivate_person(**_whoever(s), username="owner", reason="R"),
    "governance.personal_tokens.issue_token": lambda s: issue_token(
        user=s.cast.owner, name="t", actor=principal_for(s.cast.outsider), now=s.now
    ),
    "governance.personal_tokens.revoke_token": lambda s: revoke_token(
        token=issue_token(user=s.cast.owner, name="t", actor=SYSTEM, now=s.now).token,
        actor=principal_for(s.cast.outsider),
        now=s.now,
    ),
    "governance.intervals.set_interval": lambda s: set_interval(**_whoever(s), kind=None, sensitivity=None, days=9),
    "governance.audit.streams.add_stream": lambda s: streams.add_stream(
        **_administering(s), name="mine", url="https://example.org/"
    ),
    "governance.audit.streams.pause_stream": lambda s: streams.pause_stream(**_administering(s), name="mine"),
    "governance.audit.streams.resume_stream": lambda s: streams.resume_stream(**_administering(s), name="mine"),
    "governance.audit.streams.remove_stream": lambda s: streams.remove_stream(**_administering(s), name="mine"),
    "governance.audit.streams.streams_of": lambda s: streams.streams_of(
        principal=principal_for(s.cast.author), now=s.now
    ),
    "governance.audit.retention.set_retention": lambda s: retention.set_retention(
        **_administering(s), action_prefix="agents", days=400
    ),
    "governance.audit.retention.remove_retention": lambda s: retention.remove_retention(
        **_administering(s), action_prefix="agents"
    ),
    "governance.audit.retention.place_hold": lambda s: retention.place_hold(
        **_administering(s), name="Case", reason="R"
    ),
    "governance.audit.retention.lift_hold": lambda s: retention.lift_hold(**_administering(s), hold_id=1, reason="R"),
    "governance.audit.retention.redact_expired_events": lambda s: retention.redact_expired_events(**_administering(s)),
    "governance.audit.checkpoints.checkpoint_now": lambda s: checkpoint_now(**_administering(s)),
    "governance.audit.export.begin_export": lambda s: begin_export(
        principal=principal_for(s.cast.author), filters=EventFilters(), format="jsonl", now=s.now
    ),
    "governance.audit.evidence.write_kit": lambda s: write_kit(
        principal=principal_for(s.cast.author), out=BytesIO(), now=s.now, key="legal/text"
    ),
    "governance.drift.findings.acknowledge_finding": lambda s: findings.acknowledge_finding(**_on_finding(s)),
    "governance.drift.findings.resolve_finding": lambda s: findings.resolve_finding(**_on_finding(s), reason="R"),
    "governance.drift.findings.dismiss_finding": lambda s: findings.dismiss_finding(**_on_finding(s), reason="R"),
    "governance.drift.findings.except_finding": lambda s: findings.except_finding(
        **_on_finding(s), reason="R", until=s.now + timedelta(days=1)
    ),
    "governance.drift.findings.assign_finding": lambda s: findings.assign_finding(**_on_finding(s), owner=s.cast.owner),
    "agents.keys.issue_key": lambda s: issue_key(**_whoever(s), agent=s.agent, name="mine"),
    "agents.keys.rotate_key": lambda s: rotate_key(**_whoever(s), key=s.given.key, grace=timedelta(0)),
    "agents.keys.revoke_key": lambda s: revoke_key(**_whoever(s), key=s.given.key),
    "agents.registry.save_agent": lambda s: save_agent(**_whoever(s), **_agent_of(s)),
    "agents.registry.set_state": lambda s: set_state(**_whoever(s), agent=s.agent, state="suspended", reason="R"),
}  # fmt: skip


def test_functions_that_refuse__none_leaves_it_unrecorded() -> None:
    _, leaking = refusing()
    assert leaking == set(RECORDED_ABOVE), (
        "These refuse with NotPermitted unrecorded: wrap them in denials_recorded (governance/audit/attempts.py)"
    )


def test_functions_of_governance_that_refuse__each_is_tried_here() -> None:
    recorded, _ = refusing()
    governing = {name for name in recorded if name.startswith("governance.") and ".drift." not in name}
    assert governing - set(ATTEMPTS) - set(RECORDED_ABOVE) == set()


@pytest.mark.parametrize("name", sorted(ATTEMPTS))
def test_refused__leaves_one_event(scene: Scene, name: str) -> None:
    head = AuditEvent.objects.order_by("-sequence").values_list("sequence", flat=True)[0]
    with pytest.raises(NotPermitted) as refusal:
        ATTEMPTS[name](scene)
    later = AuditEvent.objects.filter(sequence__gt=head).exclude(action="context.token.issued")
    assert [event.action.rpartition(".")[2] for event in later] == ["denied"]
    event = later[0]
    assert event.actor_kind == "person"
    assert event.actor_id in (scene.cast.outsider.pk, scene.cast.author.pk)
    assert event.data["why"] == refusal.value.detail
    assert event.subject_id
