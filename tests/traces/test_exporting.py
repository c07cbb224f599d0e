"""Spans of runs on their way to a collector over real OTLP/HTTP: each once, none lost, nothing said that must stay."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from django.utils import timezone
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from agents.models import Run, RunState, TraceExport
from agents.runs.finishing import cancel_run, complete_run, fail_run, hand_off
from agents.runs.leases import take_back_expired
from agents.runs.pausing import pause_run
from agents.runs.steps import StepReport, report_step
from agents.traces.exporting import LONGEST_DELAY, export_batch, export_due, traces_url
from agents.traces.identity import lease_span, run_span, step_span, trace_id, traceparent
from context.access import principal_for
from context.errors import InvalidInput
from context.models import Sensitivity
from tests.cast import Cast
from tests.runs.conftest import NOW, Runner, claimed, runner, started

OK = ExportTraceServiceResponse().SerializeToString()
SECRET = "Our cap is twice the fees."


@dataclass
class Collector:
    """A collector's side. `answer` makes status, body and headers of each post from the spans in it."""

    url: str
    answer: Callable[[list[Span]], tuple[int, bytes, dict[str, str]]] = lambda spans: (200, OK, {})
    taken: list[Span] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    posts: int = 0

    def names(self) -> list[str]:
        return [span.name for span in self.taken]


@pytest.fixture
def collector(settings: Any) -> Iterator[Collector]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = ExportTraceServiceRequest.FromString(self.rfile.read(int(self.headers["Content-Length"])))
            found.posts += 1
            found.headers.append({"path": self.path, **{name.lower(): value for name, value in self.headers.items()}})
            spans = [span for group in asked.resource_spans for scope in group.scope_spans for span in scope.spans]
            status, said, headers = found.answer(spans)
            if status == 200:
                found.taken += spans
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found = Collector(url=f"http://127.0.0.1:{server.server_port}")
    Thread(target=server.serve_forever, daemon=True).start()
    settings.OTLP_ENDPOINT, settings.OTLP_HEADERS, settings.OTLP_CONTENT = found.url, {"x-key": "k"}, ""
    yield found
    server.shutdown()
    server.server_close()


@pytest.fixture
def scorer(cast: Cast) -> Runner:
    return runner(cast)


def told(span: Span) -> dict[str, Any]:
    """The attributes of a span as plain values."""
    found = {}
    for each in span.attributes:
        kind = each.value.WhichOneof("value")
        value = getattr(each.value, str(kind))
        found[each.key] = [one.string_value for one in value.values] if kind == "array_value" else value
    return found


def ms(count: int) -> datetime:
    return NOW + timedelta(milliseconds=count)


def done(cast: Cast, by: Runner, *, output: Any = None) -> Run:
    """A run with a tool call and a chat, completed."""
    run = started(cast, by)
    token = claimed(by, ms(1))
    tool = StepReport(
        key="look", operation="execute_tool", name="search", input={"q": SECRET}, output=SECRET,
        attributes={"gen_ai.tool.call.id": "call-1"},
    )  # fmt: skip
    chat = StepReport(
        key="ask", operation="chat", name="Ask", model="stub-1", input_tokens=12, output_tokens=3, cost=Decimal("0.5"),
        input={"prompt": SECRET}, output=SECRET, tool_calls=[{"id": "c", "function": {"name": "search"}}],
        attributes={"gen_ai.response.finish_reasons": ["stop"], "gen_ai.provider.name": "local"},
    )  # fmt: skip
    report_step(agent=by.known, run_id=run.pk, token=token, report=tool, now=ms(2))
    report_step(agent=by.known, run_id=run.pk, token=token, report=chat, now=ms(3))
    return complete_run(agent=by.known, run_id=run.pk, token=token, output=output or {"score": 7}, now=ms(4))


def test_export__run_that_succeeded__leaves_once_as_one_trace_under_genai_names(
    cast: Cast, scorer: Runner, collector: Collector
) -> None:
    assert export_due(now=NOW) == 0
    run = done(cast, scorer)
    assert export_due(now=ms(5)) == 4
    assert export_due(now=ms(6)) == 0
    tool, chat, lease, whole = collector.taken
    assert collector.names() == ["execute_tool search", "chat stub-1", "invoke_agent Scorer", "invoke_workflow score"]
    assert {span.trace_id for span in collector.taken} == {run.pk.bytes}
    assert [tool.span_id, chat.span_id] == [step_span(run.pk, "look"), step_span(run.pk, "ask")]
    assert [tool.parent_span_id, chat.parent_span_id, lease.parent_span_id, whole.parent_span_id] == [
        lease_span(run.pk, 1), lease_span(run.pk, 1), run_span(run.pk), b"",
    ]  # fmt: skip
    assert [told(span)["gen_ai.operation.name"] for span in collector.taken] == [
        "execute_tool", "chat", "invoke_agent", "invoke_workflow",
    ]  # fmt: skip
    asked = told(chat)
    assert asked["gen_ai.usage.input_tokens"] == 12
    assert asked["gen_ai.usage.output_tokens"] == 3
    assert asked["gen_ai.request.model"] == asked["gen_ai.response.model"] == "stub-1"
    assert asked["gen_ai.response.finish_reasons"] == ["stop"]
    assert asked["gen_ai.provider.name"] == "local"
    assert asked["gen_ai.agent.id"] == "scorer"
    assert asked["plumbline.step.cost"] == 0.5
    assert asked["plumbline.step.tool_calls"] == ["search"]
    assert told(tool)["gen_ai.tool.name"] == "search"
    assert told(tool)["gen_ai.tool.call.id"] == "call-1"
    assert told(whole)["plumbline.run.state"] == "succeeded"
    assert whole.start_time_unix_nano <= lease.start_time_unix_nano < lease.end_time_unix_nano
    assert whole.end_time_unix_nano == int(ms(4).timestamp()) * 10**9 + ms(4).microsecond * 1_000
    assert collector.headers[0]["path"] == "/v1/traces"
    assert collector.headers[0]["content-type"] == "application/x-protobuf"
    assert collector.headers[0]["x-key"] == "k"
    assert TraceExport.objects.get().delivered == 4


def test_export__content__leaves_only_up_to_the_sensitivity_that_the_setting_names(
    cast: Cast, scorer: Runner, collector: Collector, settings: Any
) -> None:
    export_due(now=NOW)
    run = done(cast, scorer)
    export_due(now=ms(5))
    assert not any(SECRET.encode() in span.SerializeToString() for span in collector.taken)
    assert run.sensitivity == Sensitivity.PUBLIC
    settings.OTLP_CONTENT = "public"
    going = Run.objects.filter(agent=scorer.agent, ended_at__isnull=True)
    started(cast, scorer)
    going.update(sensitivity=Sensitivity.INTERNAL)
    token = claimed(scorer, ms(6))
    chat = StepReport(key="ask", operation="chat", name="Ask", input=SECRET)
    report_step(agent=scorer.known, run_id=going.get().pk, token=token, report=chat, now=ms(7))
    collector.taken.clear()
    TraceExport.objects.update(cursor=0)
    export_due(now=ms(8))
    held = [SECRET.encode() in span.SerializeToString() for span in collector.taken]
    assert held == [True, True, False, False, False]
    assert SECRET in told(collector.taken[0])["gen_ai.tool.call.arguments"]
    assert told(collector.taken[1])["gen_ai.input.messages"].startswith('[{"parts":[{"content"')
    assert "We pay in 90 days." in told(collector.taken[3])["gen_ai.input.messages"]


def test_export__collector_down__is_sent_when_it_is_back_and_no_run_waited(
    cast: Cast, scorer: Runner, collector: Collector
) -> None:
    export_due(now=NOW)
    run = done(cast, scorer)
    collector.answer = lambda spans: (503, b"", {"Retry-After": "120"})
    assert export_due(now=ms(5)) == 0
    assert collector.posts == 1
    kept = TraceExport.objects.get()
    assert kept.next_attempt_at == ms(5) + timedelta(seconds=120)
    assert (kept.failures, kept.last_error) == (1, "The collector answered 503.")
    collector.answer = lambda spans: (200, OK, {})
    assert export_due(now=ms(5) + timedelta(seconds=119)) == 0
    assert export_due(now=ms(5) + timedelta(seconds=121)) == 4
    assert len({span.span_id for span in collector.taken}) == 4
    assert TraceExport.objects.get().failures == 0
    run.refresh_from_db()
    assert run.state == RunState.SUCCEEDED


def test_export__nobody_listens__waits_longer_each_time_up_to_a_bound(
    cast: Cast, scorer: Runner, collector: Collector, settings: Any
) -> None:
    export_due(now=NOW)
    done(cast, scorer)
    settings.OTLP_ENDPOINT = "http://127.0.0.1:9"
    at, waits = ms(5), []
    for _ in range(12):
        assert export_due(now=at) == 0
        following = TraceExport.objects.get().next_attempt_at
        assert following is not None
        waits.append(following - at)
        at = following
    assert waits[0] < timedelta(seconds=6)
    assert waits[1] > waits[0] * 1.5
    assert waits[-1] <= LONGEST_DELAY * 1.1
    settings.OTLP_ENDPOINT = collector.url
    assert export_due(now=at) == 4


def test_export__killed_after_the_post__sends_the_same_ids_again(
    cast: Cast, scorer: Runner, collector: Collector
) -> None:
    export_due(now=NOW)
    done(cast, scorer)
    before = TraceExport.objects.get().cursor
    export_due(now=ms(5))
    TraceExport.objects.update(cursor=before)
    export_due(now=ms(6))
    assert len(collector.taken) == 8
    assert [span.SerializeToString() for span in collector.taken[:4]] == [
        span.SerializeToString() for span in collector.taken[4:]
    ]


@pytest.mark.parametrize("status", [400, 413])
def test_export__one_span_that_is_never_taken__is_passed_over_and_counted_and_all_others_arrive_once(
    cast: Cast, scorer: Runner, collector: Collector, status: int
) -> None:
    export_due(now=NOW)
    done(cast, scorer)
    collector.answer = lambda spans: (
        (status, b"", {}) if any(span.name.startswith("chat") for span in spans) else (200, OK, {})
    )
    assert export_due(now=ms(5)) == 3
    assert collector.names() == ["execute_tool search", "invoke_agent Scorer", "invoke_workflow score"]
    kept = TraceExport.objects.get()
    assert (kept.delivered, kept.refused) == (3, 1)
    assert str(status) in kept.last_error


def test_export__collector_takes_a_part__is_counted_and_not_sent_again(
    cast: Cast, scorer: Runner, collector: Collector
) -> None:
    export_due(now=NOW)
    done(cast, scorer)
    said = ExportTraceServiceResponse()
    said.partial_success.rejected_spans, said.partial_success.error_message = 1, "too old"
    collector.answer = lambda spans: (200, said.SerializeToString(), {})
    assert export_due(now=ms(5)) == 3
    assert export_due(now=ms(6)) == 0
    assert TraceExport.objects.get().refused == 1


@pytest.mark.parametrize(
    ("status", "body", "headers", "taken"),
    [
        (200, b"\xff\xfe not protobuf", {}, 4),
        (200, b"{}" * 100_000, {}, 0),
        (302, b"", {"Location": "http://169.254.169.254/"}, 0),
        (429, b"", {"Retry-After": "9" * 40}, 0),
        (503, b"", {"Retry-After": "-1"}, 0),
        (401, b"", {}, 0),
        (404, b"", {}, 0),
    ],
)
def test_export__odd_answer__loses_nothing(
    cast: Cast, scorer: Runner, collector: Collector, status: int, body: bytes, headers: dict[str, str], taken: int
) -> None:
    export_due(now=NOW)
    done(cast, scorer)
    collector.answer = lambda spans: (status, body, headers)
    assert export_due(now=ms(5)) == taken
    kept = TraceExport.objects.get()
    if not taken:
        assert kept.next_attempt_at is not None
        assert kept.next_attempt_at <= ms(5) + LONGEST_DELAY * 1.1
        collector.answer = lambda spans: (200, OK, {})
        assert export_due(now=kept.next_attempt_at) == 4
    assert kept.refused == 0


def test_export__each_way_a_lease_ends__is_one_span(cast: Cast, scorer: Runner, collector: Collector) -> None:
    other = runner(cast, "other")
    export_due(now=NOW)
    at = ms(0)

    def lease(**order: Any) -> tuple[Run, str]:
        nonlocal at
        at += timedelta(seconds=1)
        run = started(cast, scorer, **order)
        return run, claimed(scorer, at)

    run, token = lease(most_attempts=1)
    fail_run(
        agent=scorer.known, run_id=run.pk, token=token, cause="no_model", detail="No.", retryable=True,
        now=at + timedelta(milliseconds=1),
    )  # fmt: skip
    run, token = lease()
    hand_off(
        agent=scorer.known, run_id=run.pk, token=token, to="other", contract="other-contract", reason="", payload=None,
        now=at + timedelta(milliseconds=1),
    )  # fmt: skip
    run, token = lease()
    pause_run(agent=scorer.known, run_id=run.pk, token=token, reason="Wait", now=at + timedelta(milliseconds=1))
    run, token = lease()
    cancel_run(actor=principal_for(cast.owner), run_id=run.pk, reason="No", now=at + timedelta(milliseconds=1))
    run, token = lease(token_budget=1)
    chat = StepReport(key="ask", operation="chat", name="Ask", input_tokens=5)
    report_step(agent=scorer.known, run_id=run.pk, token=token, report=chat, now=at + timedelta(milliseconds=1))
    run, token = lease(most_attempts=1)
    assert take_back_expired(now=at + timedelta(minutes=10)) == 1
    export_due(now=at)
    leases = [told(span)["plumbline.lease.ending"] for span in collector.taken if span.name == "invoke_agent Scorer"]
    assert leases == ["failed", "handed_off", "paused", "cancelled", "failed", "expired"]
    assert len({span.span_id for span in collector.taken}) == len(collector.taken)
    assert other.agent.slug == "other"
    failed = next(span for span in collector.taken if span.name == "invoke_agent Scorer")
    assert failed.status.code == 2
    assert told(failed)["error.type"] == "failed"


def test_export__in_batches_of_one_event__sends_each_span_once(
    cast: Cast, scorer: Runner, collector: Collector
) -> None:
    export_due(now=NOW)
    run = started(cast, scorer, token_budget=1)
    token = claimed(scorer, ms(1))
    chat = StepReport(key="ask", operation="chat", name="Ask", input_tokens=5)
    report_step(agent=scorer.known, run_id=run.pk, token=token, report=chat, now=ms(2))
    while export_batch(now=ms(3), most=1) is not None:
        pass
    assert sorted(collector.names()) == ["chat Ask", "invoke_agent Scorer"]


def test_export__no_endpoint__reads_and_writes_nothing(
    cast: Cast, scorer: Runner, settings: Any, django_assert_num_queries: Any
) -> None:
    settings.OTLP_ENDPOINT = ""
    done(cast, scorer)
    with django_assert_num_queries(0):
        assert export_due(now=timezone.now()) == 0


@pytest.mark.parametrize(
    "attributes",
    [
        {"gen_ai.input.messages": "everything"},
        {"password": "x"},
        {"gen_ai.response.id": {"a": 1}},
        {"gen_ai.response.id": "x" * 501},
        {"gen_ai.response.finish_reasons": [1]},
        {"gen_ai.request.seed": None},
    ],
)
def test_step__attribute_that_no_step_is_told_with__is_refused_by_name(
    cast: Cast, scorer: Runner, attributes: dict[str, Any]
) -> None:
    run = started(cast, scorer)
    token = claimed(scorer, ms(1))
    report = StepReport(key="a", operation="chat", name="Ask", attributes=attributes)
    with pytest.raises(InvalidInput) as refusal:
        report_step(agent=scorer.known, run_id=run.pk, token=token, report=report, now=ms(2))
    assert str(refusal.value.field).startswith("attributes")


def test_identity__of_a_run__is_made_of_its_id_and_is_w3c_trace_context(cast: Cast, scorer: Runner) -> None:
    run = started(cast, scorer)
    assert trace_id(run.pk) == run.pk.bytes
    assert traceparent(run.pk, 1) == f"00-{run.pk.hex}-{lease_span(run.pk, 1).hex()}-01"
    assert len({run_span(run.pk), lease_span(run.pk, 1), lease_span(run.pk, 11), step_span(run.pk, "1")}) == 4


@pytest.mark.parametrize("endpoint", ["http://c:4318", "http://c:4318/", "http://c:4318/v1/traces"])
def test_traces_url__base_or_whole_address__is_the_address_of_traces(endpoint: str) -> None:
    assert traces_url(endpoint) == "http://c:4318/v1/traces"
