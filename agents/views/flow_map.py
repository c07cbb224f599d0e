"""Draws the context-flow map as SVG in the page, its words in the table beside it; must not query or judge."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable

from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from agents.flows.checks import Edge
from agents.flows.mapping import FlowMap, MapStep
from agents.views.flow_layout import Layout, Line, Placed, Size, lay_out

FULL, COMPACT, END = Size(width=284, height=106), Size(width=176, height=62), Size(width=120, height=34)
COMPACT_FROM = 20  # steps: beyond, a node says its name, its agent and whether it holds
LINE, INSET = 17, 12
OPEN_WORDS = (
    ("running", "running"),
    ("queued", "waiting for an agent"),
    ("waits_for_context", "waiting for context"),
    ("waits_for_person", "for a person"),
    ("in_review", "in review"),
    ("paused", "paused"),
)
WORST = ("fits", "not_provable", "does_not_fit")
VERDICTS = {"fits": "fits", "not_provable": "is checked at each run", "does_not_fit": "does not fit"}


def draw_map(found: FlowMap, *, known_agents: Collection[str] = ()) -> SafeString:
    """The map as one SVG. Each node's agent, contract and texts are links; the whole is told in `summary_of`.

    An agent's page is led to where its slug is in `known_agents`: others have none for the reader.
    """
    compact = len(found.steps) >= COMPACT_FROM
    sizes = {f"trigger:{each.name}": END for each in found.triggers}
    sizes |= {"input": END, **{each.name: COMPACT if compact else _size(each) for each in found.steps}, "output": END}
    edges = _edges(found)
    layout = lay_out(sizes=sizes, edges=[(each.source, each.target) for each in edges])
    by_ends = {(each.source, each.target): each for each in edges}
    steps = {each.name: each for each in found.steps}
    return _svg(
        layout,
        summary_of(found),
        lines=(
            _line(each, by_ends[each.source, each.target])
            # The worst last: it lies on top where lines share a way.
            for each in sorted(layout.lines, key=lambda line: WORST.index(by_ends[line.source, line.target].verdict))
        ),
        nodes=(
            _step(each, steps[each.name], compact, known_agents) if each.name in steps else _end(each)
            for each in layout.nodes
        ),
    )


def summary_of(found: FlowMap) -> str:
    """The map in a sentence."""
    short = sum(1 for each in found.steps if each.holds is False)
    broken = sum(1 for each in found.edges if each.verdict == "does_not_fit")
    said = f"{len(found.steps)} steps in {len({each.layer for each in found.steps})} layers, from top to bottom."
    if short:
        said += f" {short} cannot get their texts now."
    if broken:
        said += f" {broken} hand-offs do not fit."
    return f"{said} The table below says the same in words."


def _size(step: MapStep) -> Size:
    return Size(width=FULL.width, height=FULL.height + LINE * len(counts_in_words(step)))


def _edges(found: FlowMap) -> list[Edge]:
    """Those of the map, what only waits, and the way from the last steps to the end."""
    edges = list(found.edges)
    leads_on = {each.source for each in edges}
    ends = [each for each in found.steps if each.name not in leads_on]
    if not edges:
        return [Edge(source="input", target=each.name, verdict="fits") for each in found.steps if each.layer == 0]
    return [*edges, *(Edge(source=each.name, target="output", verdict="fits") for each in ends)]


def _svg(layout: Layout, said: str, *, lines: Iterable[SafeString], nodes: Iterable[SafeString]) -> SafeString:
    return format_html(
        '<svg class="flow" width="{}" height="{}" viewBox="0 0 {} {}" role="group" aria-label="Context-flow map. {}">'
        '<g class="flow-lines" aria-hidden="true">{}</g>{}</svg>',
        layout.width,
        layout.height,
        layout.width,
        layout.height,
        said,
        format_html_join("", "{}", ((each,) for each in lines)),
        format_html_join("", "{}", ((each,) for each in nodes)),
    )


def _line(line: Line, edge: Edge) -> SafeString:
    (x, y), *others = line.points
    path = f"M{x} {y}" + "".join(f"L{a} {b}" for a, b in others)
    end_x, end_y = line.points[-1]
    mark = SafeString("")
    if edge.verdict != "fits":
        at_x, at_y = line.points[-1]
        mark = format_html(
            '<circle class="flow-mark" cx="{}" cy="{}" r="7"></circle>'
            '<text class="flow-mark-text" x="{}" y="{}">{}</text>',
            at_x,
            at_y - 14,
            at_x,
            at_y - 10,
            "×" if edge.verdict == "does_not_fit" else "?",
        )
    title = f"{edge.source} to {edge.target}: {VERDICTS.get(edge.verdict, edge.verdict)}"
    if edge.doubts:
        title += "; " + "; ".join(f"{each.place or 'the whole'}: {each.why}" for each in edge.doubts[:3])
    return format_html(
        '<g class="flow-line is-{}"><title>{}</title><path d="{}"></path><path class="flow-head" d="M{} {}l-4 -7h8z">'
        "</path>{}</g>",
        edge.verdict.replace("_", "-"),
        title,
        path,
        end_x,
        end_y,
        mark,
    )


def _end(placed: Placed) -> SafeString:
    kind, _, name = placed.name.partition(":")
    word = f"when {name}" if name else {"input": "Started with", "output": "Output"}[kind]
    return format_html(
        '<g class="flow-end"><rect x="{}" y="{}" width="{}" height="{}" rx="17"></rect>'
        '<text x="{}" y="{}">{}</text></g>',
        placed.x,
        placed.y,
        placed.width,
        placed.height,
        placed.x + placed.width / 2,
        placed.y + placed.height / 2 + 4,
        _cut(word, 17),
    )


def _step(placed: Placed, step: MapStep, compact: bool, known_agents: Collection[str]) -> SafeString:
    state, word = state_of(step)
    rows: list[SafeString] = [
        _text(placed, 0, "flow-title", step.label, href=f"#step-{step.name}", room=2),
        _agents(placed, step, known_agents),
    ]
    if not compact:
        rows += [_contract(placed, step), _texts(placed, step)]
        rows.append(_text(placed, 4, "flow-soft", f"if it fails: {step.failure or 'nothing is said'}"))
        rows += [_text(placed, 5 + at, "flow-soft", words) for at, words in enumerate(counts_in_words(step))]
    mark = {"ok": "✓", "bad": "×", "unknown": "?"}[state]
    corner = format_html(
        '<circle class="flow-state" cx="{}" cy="{}" r="8"></circle>'
        '<text class="flow-state-text" x="{}" y="{}">{}</text>',
        placed.x + placed.width - 15,
        placed.y + 15,
        placed.x + placed.width - 15,
        placed.y + 19,
        mark,
    )
    return format_html(
        '<g class="flow-node is-{}" role="group" aria-label="{}"><title>{}: {}</title><rect x="{}" y="{}" width="{}" '
        'height="{}" rx="8"></rect>{}{}</g>',
        state,
        f"{step.label}: {word}",
        step.label,
        word,
        placed.x,
        placed.y,
        placed.width,
        placed.height,
        corner,
        format_html_join("", "{}", ((row,) for row in rows)),
    )


def state_of(step: MapStep) -> tuple[str, str]:
    """Whether the step could be carried out now, as a tone and in words."""
    if step.holds is None:
        return "unknown", "nobody is known to carry it out"
    if not step.holds:
        return "bad", "its agent cannot get the texts it needs"
    if step.failure == "":
        return "bad", "nothing says what happens when it fails"
    return "ok", "its context is there"


def counts_in_words(step: MapStep) -> list[str]:
    """What is under way in the step, and how it ended in the last 30 days; a line each, neither where there is none."""
    going = [f"{step.now[state]} {word}" for state, word in OPEN_WORDS if step.now.get(state)]
    ended = [f"{step.lately[state]} {state}" for state in ("succeeded", "failed") if step.lately.get(state)]
    lines = [", ".join(going)] if going else []
    return [*lines, f"30 days: {', '.join(ended)}"] if ended else lines


def texts_in_words(step: MapStep) -> str:
    if not step.contract_known:
        return "texts that you may not see"
    counted = Counter[str](each.freshness for each in step.items)
    parts = [f"{counted[each]} {each}" for each in ("overdue", "due soon", "fresh") if counted[each]]
    missing = f"{len(step.gaps)} missing" if step.gaps else ""
    said = ", ".join(part for part in (missing, *parts) if part)
    return f"texts: {said}" if said else "no text"


def _agents(placed: Placed, step: MapStep, known_agents: Collection[str]) -> SafeString:
    usual = [each for each in step.agents if not each.after_failure]
    if not usual:
        return _text(placed, 1, "flow-soft", "by the routing rules" if step.routed else "no agent")
    more = f" +{len(usual) - 1}" if len(usual) > 1 else ""
    href = reverse("agents:agent", args=[usual[0].slug]) if usual[0].slug in known_agents else ""
    return _text(placed, 1, "flow-link" if href else "flow-soft", usual[0].name, href=href, prefix="by ", suffix=more)


def _contract(placed: Placed, step: MapStep) -> SafeString:
    if not step.contract_known:
        return _text(placed, 2, "flow-soft", f"under {step.contract}")
    number = f" v{step.contract_version}" if step.contract_version else ""
    href = reverse("agents:contract", args=[step.contract])
    return _text(placed, 2, "flow-link", step.contract_name, href=href, prefix="under ", suffix=number)


def _texts(placed: Placed, step: MapStep) -> SafeString:
    late = (step.contract_known and any(each.freshness == "overdue" for each in step.items)) or bool(step.gaps)
    return _text(
        placed, 3, "flow-link flow-late" if late else "flow-link", texts_in_words(step), href=f"#texts-{step.name}"
    )


def _text(
    placed: Placed,
    row: int,
    tone: str,
    words: str,
    *,
    href: str = "",
    prefix: str = "",
    suffix: str = "",
    room: int = 0,
) -> SafeString:
    """A line of a node, cut to its width; what is a link can be reached by the keyboard and says the whole of it."""
    y = placed.y + 22 + row * LINE + (3 if row else 0)
    fits = int((placed.width - 2 * INSET - room * 8) / (7.0 if row == 0 else 6.05))
    shown = f"{prefix}{_cut(words, fits - len(prefix) - len(suffix))}{suffix}"
    drawn = format_html('<text class="{}" x="{}" y="{}">{}</text>', tone, placed.x + INSET, y, shown)
    if not href:
        return drawn
    return format_html('<a href="{}" aria-label="{}">{}</a>', href, f"{prefix}{words}{suffix}", drawn)


def _cut(words: str, most: int) -> str:
    return words if len(words) <= most else f"{words[: max(most - 1, 1)].rstrip()}…"
