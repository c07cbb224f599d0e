"""Draws an output as a person reads it, each place that a check names marked; must not judge or query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from agents.output_checks.model import place_below
from agents.runs.review_evidence import Found

MOST_NODES = 1_500
MOST_COLUMNS = 6


class OutputDrawing:
    """One output, drawn once: `html`, or None where it is too large; `anchors` leads from a place to its mark.

    Fields come in the order in which the schema requires them, since the database keeps none.
    """

    def __init__(self, value: Any, found: Sequence[Found], schema: Any = None) -> None:
        self._by_place: dict[str, list[Found]] = {}
        for each in found:
            self._by_place.setdefault(each.place, []).append(each)
        self.anchors: dict[str, str] = {}
        small = _nodes(value, MOST_NODES) <= MOST_NODES
        self.html: SafeString | None = self._drawn(value, "", schema) if small else None

    def anchor_of(self, place: str) -> str:
        """The mark of a place, or of the nearest place around it that was drawn; empty for the whole."""
        while place and place not in self.anchors:
            place = place.rpartition("/")[0]
        return self.anchors.get(place, "")

    def _drawn(self, value: Any, place: str, schema: Any) -> SafeString:
        if isinstance(value, Mapping) and value:
            body = format_html(
                '<dl class="out">{}</dl>',
                format_html_join(
                    "",
                    "<dt>{}</dt><dd>{}</dd>",
                    (
                        (_called(name), self._drawn(value[name], place_below(place, name), _below(schema, name)))
                        for name in _ordered(value, schema)
                    ),
                ),
            )
        elif isinstance(value, list) and value:
            body = self._table(value, place, _items(schema)) or format_html(
                '<ol class="out-list">{}</ol>',
                format_html_join(
                    "",
                    "<li>{}</li>",
                    (
                        (self._drawn(part, place_below(place, number), _items(schema)),)
                        for number, part in enumerate(value)
                    ),
                ),
            )
        else:
            body = _scalar(value)
        return self._marked(body, place)

    def _table(self, rows: Sequence[Any], place: str, schema: Any) -> SafeString | None:
        """Alike objects of plain values as a table; None where they are not."""
        columns: dict[str, None] = {}
        for row in rows:
            if not isinstance(row, Mapping) or any(isinstance(each, Mapping | list) and each for each in row.values()):
                return None
            columns |= dict.fromkeys(row)
        columns = dict.fromkeys(_ordered(columns, schema))
        if not columns or len(columns) > MOST_COLUMNS or len(rows) < 2:
            return None

        def line(number: int, row: Mapping[str, Any]) -> SafeString:
            at = place_below(place, number)
            cells = format_html_join(
                "",
                '<td data-label="{}">{}</td>',
                (
                    (_called(name), self._drawn(row[name], place_below(at, name), None) if name in row else "")
                    for name in columns
                ),
            )
            marks = self._marks(at)
            number_cell = format_html('<th scope="row" class="num faint">{}{}</th>', number + 1, marks)
            return format_html("<tr{}>{}{}</tr>", self._attributes(at), number_cell, cells)

        head = format_html_join("", '<th scope="col">{}</th>', ((_called(name),) for name in columns))
        body = format_html_join("", "{}", ((line(number, row),) for number, row in enumerate(rows)))
        return format_html(
            '<table class="table table-stack out-table"><thead><tr><th scope="col" class="num">'
            '<span class="visually-hidden">Number</span></th>{}</tr></thead><tbody>{}</tbody></table>',
            head,
            body,
        )

    def _marked(self, body: SafeString, place: str) -> SafeString:
        if place not in self._by_place or not place:
            return body
        return format_html("<div{}>{}{}</div>", self._attributes(place), body, self._marks(place))

    def _attributes(self, place: str) -> SafeString:
        if place not in self._by_place:
            return SafeString("")
        self.anchors[place] = f"at-{len(self.anchors) + 1}"
        return format_html(' id="{}" class="out-mark"', self.anchors[place])

    def _marks(self, place: str) -> SafeString:
        return format_html_join(
            "",
            ' <a class="out-number" href="#found-{}" aria-label="What the checks found, {}">{}</a>',
            ((each.number, each.number, each.number) for each in self._by_place.get(place, ())),
        )


def _ordered(names: Mapping[str, Any], schema: Any) -> list[str]:
    required = schema.get("required") if isinstance(schema, Mapping) else None
    first = [name for name in required if name in names] if isinstance(required, list) else []
    return [*first, *(name for name in names if name not in first)]


def _below(schema: Any, name: str) -> Any:
    properties = schema.get("properties") if isinstance(schema, Mapping) else None
    return properties.get(name) if isinstance(properties, Mapping) else None


def _items(schema: Any) -> Any:
    return schema.get("items") if isinstance(schema, Mapping) else None


def _called(name: str) -> str:
    return name.replace("_", " ")


def _scalar(value: Any) -> SafeString:
    match value:
        case str() if value:
            return format_html('<span class="out-text">{}</span>', value)
        case None:
            return SafeString('<span class="faint">nothing</span>')
        case bool():
            return SafeString("yes" if value else "no")
        case int() | float():
            return format_html('<span class="mono">{}</span>', value)
        case _:
            return SafeString('<span class="faint">empty</span>')


def _nodes(value: Any, most: int) -> int:
    """How many values there are, counted no further than one beyond `most`."""
    count, waiting = 0, [value]
    while waiting and count <= most:
        count += 1
        match waiting.pop():
            case Mapping() as each:
                waiting.extend(each.values())
            case list() as each:
                waiting.extend(each)
    return count
