"""Plain spans into OTLP's protobuf; must not read rows or know what a span is of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1 import trace_pb2

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Sampled; and it is known whether the span's parent is in another process: it is not.
SAMPLED = 0x1 | 0x100
KINDS = {"internal": trace_pb2.Span.SPAN_KIND_INTERNAL, "client": trace_pb2.Span.SPAN_KIND_CLIENT}


@dataclass(frozen=True, kw_only=True, slots=True)
class SpanEvent:
    name: str
    at: datetime
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """One span. `error` is a word (error.type), empty where all went well; attributes of None are left out."""

    trace: bytes
    id: bytes
    parent: bytes = b""
    name: str
    kind: str = "internal"
    start: datetime
    end: datetime
    attributes: Mapping[str, Any] = field(default_factory=dict)
    events: Sequence[SpanEvent] = ()
    error: str = ""

    @property
    def size(self) -> int:
        """About how many bytes it takes, told by its texts."""
        return 200 + sum(len(value) for value in self.attributes.values() if isinstance(value, str))


def encoded(spans: Iterable[Span], *, resource: Mapping[str, Any], scope: str) -> bytes:
    """The body of one post to `/v1/traces`."""
    asked = ExportTraceServiceRequest()
    group = asked.resource_spans.add(resource=Resource(attributes=_attributes(resource)))
    inner = group.scope_spans.add(scope=InstrumentationScope(name=scope))
    inner.spans.extend(_span(span) for span in spans)
    made: bytes = asked.SerializeToString()
    return made


def _span(span: Span) -> trace_pb2.Span:
    status = trace_pb2.Status(code=trace_pb2.Status.STATUS_CODE_ERROR) if span.error else None
    told = {**span.attributes, "error.type": span.error} if span.error else span.attributes
    return trace_pb2.Span(
        trace_id=span.trace,
        span_id=span.id,
        parent_span_id=span.parent,
        flags=SAMPLED,
        name=span.name,
        kind=KINDS[span.kind],
        start_time_unix_nano=_nanoseconds(span.start),
        end_time_unix_nano=_nanoseconds(max(span.end, span.start)),
        attributes=_attributes(told),
        events=[
            trace_pb2.Span.Event(
                name=event.name, time_unix_nano=_nanoseconds(event.at), attributes=_attributes(event.attributes)
            )
            for event in span.events
        ],
        status=status,
    )


def _nanoseconds(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1) * 1_000


def _attributes(told: Mapping[str, Any]) -> list[KeyValue]:
    return [KeyValue(key=name, value=_value(value)) for name, value in told.items() if value is not None]


def _value(value: Any) -> AnyValue:
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int) and -(2**63) <= value < 2**63:
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    if isinstance(value, list | tuple):
        return AnyValue(array_value=ArrayValue(values=[_value(each) for each in value]))
    return AnyValue(string_value=str(value))
