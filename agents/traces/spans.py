"""Which span a run, a lease and a step is, under OpenTelemetry's GenAI names; must not send it.

What was put in and came out stands in a span only where the caller says so (`content`): it may hold context.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from agents.models import Agent, HandOff, LeaseEnding, Operation, Run, RunBundle, RunLease, RunState, RunStep, StepState
from agents.traces.encoding import Span, SpanEvent
from agents.traces.identity import lease_span, run_span, step_span, trace_id
from context.digests import canonical

# Operations whose span stands for a call to a model: `name` of the step is then ours, the span is named by the model.
OF_MODELS = frozenset({Operation.CHAT, Operation.TEXT_COMPLETION, Operation.GENERATE_CONTENT, Operation.EMBEDDINGS})
ENDED_BADLY = frozenset({LeaseEnding.FAILED, LeaseEnding.EXPIRED})
LONGEST_ERROR_TYPE = 60


def span_of_run(run: Run, *, content: bool) -> Span:
    """The whole run: `invoke_workflow`, with bundles and hand-offs as events. Two queries."""
    given = RunBundle.objects.filter(run=run).select_related("agent").order_by("pk")
    handed = HandOff.objects.filter(run=run).select_related("from_agent", "to_agent").order_by("pk")
    events = [
        *(
            SpanEvent(
                name="plumbline.bundle.given",
                at=each.given_at,
                attributes={"plumbline.bundle.digest": each.bundle_id, "gen_ai.agent.id": each.agent.slug},
            )
            for each in given
        ),
        *(
            SpanEvent(
                name="plumbline.hand_off",
                at=each.handed_at,
                attributes={"plumbline.from_agent": each.from_agent.slug, "plumbline.to_agent": each.to_agent.slug},
            )
            for each in handed
        ),
    ]
    causes = [str(reason["cause"]) for reason in run.reasons if isinstance(reason, dict) and reason.get("cause")]
    told: dict[str, Any] = {
        "gen_ai.operation.name": "invoke_workflow",
        "gen_ai.workflow.name": run.task_type,
        "gen_ai.conversation.id": str(run.pk),
        "plumbline.run.id": str(run.pk),
        "plumbline.run.state": run.state,
        "plumbline.run.causes": causes or None,
        "plumbline.run.domain": run.domain.slug if run.domain else None,
        "plumbline.run.input_tokens": run.input_tokens,
        "plumbline.run.output_tokens": run.output_tokens,
        "plumbline.run.cost": float(run.cost),
        **_terms(run),
    }
    if content:
        told |= {"gen_ai.input.messages": _messages("user", run.task)}
        if run.output_digest:
            told |= {"gen_ai.output.messages": _messages("assistant", run.output)}
    return Span(
        trace=trace_id(run.pk),
        id=run_span(run.pk),
        name=f"invoke_workflow {run.task_type}",
        start=run.created_at,
        end=run.ended_at or run.changed_at,
        attributes=told,
        events=sorted(events, key=lambda event: event.at),
        error=_word(causes[-1] if causes else "failed") if run.state == RunState.FAILED else "",
    )


def span_of_lease(lease: RunLease) -> Span:
    """One agent's time with the run: `invoke_agent`."""
    return Span(
        trace=trace_id(lease.run_id),
        id=lease_span(lease.run_id, lease.number),
        parent=run_span(lease.run_id),
        name=f"invoke_agent {lease.agent.name}",
        kind="client",
        start=lease.claimed_at,
        end=lease.ended_at or lease.heard_at,
        attributes={
            "gen_ai.operation.name": "invoke_agent",
            **_agent(lease.agent),
            "gen_ai.conversation.id": str(lease.run_id),
            "plumbline.lease.number": lease.number,
            "plumbline.lease.ending": lease.ending,
        },
        error=lease.ending if lease.ending in ENDED_BADLY else "",
    )


def span_of_step(step: RunStep, *, content: bool) -> Span:
    """One step below the lease under which it ended. What the agent told of it by GenAI names stands as it was told."""
    told: dict[str, Any] = {
        **step.attributes,
        "gen_ai.operation.name": step.operation,
        "gen_ai.conversation.id": str(step.run_id),
        **_agent(step.lease.agent, provider=step.attributes.get("gen_ai.provider.name")),
        "gen_ai.usage.input_tokens": step.input_tokens or None,
        "gen_ai.usage.output_tokens": step.output_tokens or None,
        "plumbline.step.key": step.key,
        "plumbline.step.name": step.name,
        "plumbline.step.cost": float(step.cost),
        "plumbline.step.tool_calls": _names_of_calls(step.tool_calls) or None,
    }
    if step.model:
        told.setdefault("gen_ai.request.model", step.model)
        told.setdefault("gen_ai.response.model", step.model)
    if step.operation == Operation.EXECUTE_TOOL:
        told["gen_ai.tool.name"] = step.name
    if content:
        told |= _content(step)
    return Span(
        trace=trace_id(step.run_id),
        id=step_span(step.run_id, step.key),
        parent=lease_span(step.run_id, step.lease.number),
        name=f"{step.operation} {step.model if step.operation in OF_MODELS and step.model else step.name}",
        kind="internal" if step.operation == Operation.EXECUTE_TOOL else "client",
        start=step.started_at,
        end=step.ended_at or step.started_at,
        attributes=told,
        error=_error_of(step) if step.state == StepState.FAILED else "",
    )


def _agent(agent: Agent, *, provider: str | None = None) -> dict[str, Any]:
    known = agent.endpoint.provider if agent.endpoint else None
    return {
        "gen_ai.provider.name": provider or known or None,
        "gen_ai.agent.id": agent.slug,
        "gen_ai.agent.name": agent.name,
    }


def _terms(run: Run) -> dict[str, Any]:
    version = run.contract_version
    if version is None:
        return {}
    return {"plumbline.contract": version.contract.slug, "plumbline.contract.version": version.number}


def _content(step: RunStep) -> dict[str, Any]:
    if step.operation == Operation.EXECUTE_TOOL:
        return {
            "gen_ai.tool.call.arguments": _json(step.input) if step.input is not None else None,
            "gen_ai.tool.call.result": _json(step.output) if step.output is not None else None,
            "plumbline.step.error": _json(step.error) if step.error is not None else None,
        }
    return {
        "gen_ai.input.messages": _messages("user", step.input) if step.input is not None else None,
        "gen_ai.output.messages": _messages("assistant", step.output, step.tool_calls),
        "plumbline.step.error": _json(step.error) if step.error is not None else None,
    }


def _messages(role: str, value: Any, calls: Iterable[Any] = ()) -> str:
    """One message in the form of the conventions: a role and its parts, as JSON."""
    parts: list[dict[str, Any]] = []
    if value is not None:
        parts.append({"type": "text", "content": value if isinstance(value, str) else _json(value)})
    parts += [{"type": "tool_call", **_call(each)} for each in calls]
    return _json([{"role": role, "parts": parts}])


def _call(call: Any) -> dict[str, Any]:
    """A tool call as an OpenAI-compatible endpoint or an agent tells it."""
    said = call.get("function") if isinstance(call.get("function"), dict) else call
    return {"id": call.get("id"), "name": said.get("name"), "arguments": said.get("arguments")}


def _names_of_calls(calls: Iterable[Any]) -> list[str]:
    names = [_call(each)["name"] for each in calls if isinstance(each, dict)]
    return [name[:120] for name in names if isinstance(name, str)]


def _error_of(step: RunStep) -> str:
    said = step.error
    if isinstance(said, dict):
        said = next((said[name] for name in ("type", "cause", "code") if isinstance(said.get(name), str)), None)
        return _word(said) if said else "error"
    return "error"


def _word(text: str) -> str:
    """A short word that many errors share: what is longer is a sentence, and stays here."""
    return text if text and len(text) <= LONGEST_ERROR_TYPE and " " not in text else "error"


def _json(value: Any) -> str:
    return canonical(value).decode()
