"""The relations of one item laid out as a map, for SVG drawn on the server; must not query or hide anything."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from context.models import Relation

# More than this do not fit legibly on either side; the list below the map holds all.
MOST_A_SIDE = 9
WIDTH, ROW, NODE_WIDTH, NODE_HEIGHT = 720, 46, 210, 34
LONGEST_LABEL = 30


@dataclass(frozen=True, kw_only=True, slots=True)
class MapNode:
    """A related item: where its box stands, the line to it from the middle, and what the line says."""

    title: str
    short: str
    href: str
    relation: str
    conflicts: bool
    x: int
    y: int
    line: tuple[int, int, int, int]
    label_x: int
    label_y: int


@dataclass(frozen=True, kw_only=True, slots=True)
class RelationMap:
    """Those that refer to the item on the left, those it refers to on the right; `left_out` did not fit."""

    width: int
    height: int
    title: str
    centre_x: int
    centre_y: int
    node_width: int
    node_height: int
    nodes: tuple[MapNode, ...]
    left_out: int
    summary: str


def relation_map(*, title: str, outgoing: Iterable[Relation], incoming: Iterable[Relation]) -> RelationMap | None:
    """None where there is nothing to draw."""
    to, of = list(outgoing), list(incoming)
    if not to and not of:
        return None
    rows = max(1, min(MOST_A_SIDE, max(len(to), len(of))))
    height = rows * ROW + 24
    middle_x, middle_y = WIDTH // 2, height // 2
    nodes = [
        *_side(of[:MOST_A_SIDE], 8, middle_x, middle_y, height, incoming=True),
        *_side(to[:MOST_A_SIDE], WIDTH - NODE_WIDTH - 8, middle_x, middle_y, height, incoming=False),
    ]
    said = [f"{each.title} {each.relation} this" for each in nodes if each.x < middle_x]
    said += [f"this {each.relation} {each.title}" for each in nodes if each.x >= middle_x]
    return RelationMap(
        width=WIDTH,
        height=height,
        title=_short(title),
        centre_x=middle_x,
        centre_y=middle_y,
        node_width=NODE_WIDTH,
        node_height=NODE_HEIGHT,
        nodes=tuple(nodes),
        left_out=max(0, len(to) - MOST_A_SIDE) + max(0, len(of) - MOST_A_SIDE),
        summary=f"Relations of {title}: {'; '.join(said)}.",
    )


def _side(
    relations: list[Relation], x: int, middle_x: int, middle_y: int, height: int, *, incoming: bool
) -> Iterable[MapNode]:
    step = height / (len(relations) or 1)
    for place, relation in enumerate(relations):
        other = relation.source if incoming else relation.target
        y = int(step * place + step / 2)
        near = x + NODE_WIDTH if incoming else x
        edge = middle_x - 16 if incoming else middle_x + 16
        yield MapNode(
            title=other.title,
            short=_short(other.title),
            href=f"/items/{other.key}/",
            relation=str(relation.get_type_display()),
            conflicts=relation.type == "conflicts_with",
            x=x,
            y=y - NODE_HEIGHT // 2,
            line=(near, y, edge, middle_y),
            label_x=(near + edge) // 2,
            label_y=(y + middle_y) // 2 - 4,
        )


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_LABEL else text[: LONGEST_LABEL - 1].rstrip() + "…"
