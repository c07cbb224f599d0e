"""Places the steps of a flow in layers from top to bottom, with orthogonal lines between them; must not query or draw.

Layers by the longest way, lines over several layers through places of their own, order by the mean of the neighbours
(Sugiyama), then each node as near to its neighbours as the others of its layer let it. Pure and deterministic.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

Key = TypeVar("Key")
SWEEPS = 8
LANE = 10  # width of a line that passes a layer
TRACK = 10  # between two horizontal lines in a channel
CHANNEL = 34  # least height between two layers
MARGIN = 14


@dataclass(frozen=True, kw_only=True, slots=True)
class Size:
    """How much room a node takes, in user units of the drawing."""

    width: float
    height: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Placed:
    """A node with its top left corner."""

    name: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """An edge as the corners of its line, from the foot of the source to the head of the target."""

    source: str
    target: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """The whole drawing. Nodes come in the order in which they are read: by layer, from left to right."""

    width: float
    height: float
    nodes: tuple[Placed, ...]
    lines: tuple[Line, ...]


def lay_out(*, sizes: Mapping[str, Size], edges: Sequence[tuple[str, str]], gap: float = 28) -> Layout:
    """Place the nodes. Edges to unknown nodes, doubled ones and those of a circle are left out of the ranks.

    What stands in a circle is drawn in the layer after all that is not.
    """
    known = [each for each in dict.fromkeys(edges) if each[0] in sizes and each[1] in sizes and each[0] != each[1]]
    rank = _ranks(list(sizes), known)
    down = [each for each in known if rank[each[0]] < rank[each[1]]]
    widths = {name: size.width for name, size in sizes.items()}
    layers: list[list[str]] = [[] for _ in range(max(rank.values(), default=0) + 1)]
    for name in sizes:
        layers[rank[name]].append(name)
    chains = _with_lanes(down, rank, layers, widths)
    links = [pair for chain in chains.values() for pair in itertools.pairwise(chain)]
    layers = _ordered(layers, links)
    centre = _across(layers, links, widths, gap)
    return _drawn(layers, centre, sizes, chains)


def _ranks(names: Sequence[str], edges: Sequence[tuple[str, str]]) -> dict[str, int]:
    before: dict[str, list[str]] = {name: [] for name in names}
    for source, target in edges:
        before[target].append(source)
    found: dict[str, int] = {}
    waiting = list(names)
    while waiting:
        ready = [name for name in waiting if all(each in found for each in before[name])]
        if not ready:
            last = max(found.values(), default=-1) + 1
            found.update(dict.fromkeys(waiting, last))
            break
        found.update({name: max((found[each] + 1 for each in before[name]), default=0) for name in ready})
        waiting = [name for name in waiting if name not in found]
    return found


def _with_lanes(
    edges: Sequence[tuple[str, str]], rank: Mapping[str, int], layers: list[list[str]], widths: dict[str, float]
) -> dict[tuple[str, str], list[str]]:
    """Each edge as a chain of one node a layer: a lane wherever it passes one. Adds the lanes to layers and widths.

    All edges of a source go down one lane and branch off from it, so that a step whose output many take stays readable.
    """
    chains = {}
    for source, target in edges:
        chain = [source]
        for layer in range(rank[source] + 1, rank[target]):
            lane = f"\0{source}\0{layer}"
            if lane not in widths:
                widths[lane] = LANE
                layers[layer].append(lane)
            chain.append(lane)
        chains[source, target] = [*chain, target]
    return chains


def _ordered(layers: list[list[str]], links: Sequence[tuple[str, str]]) -> list[list[str]]:
    """The order in each layer with few crossings: means of the neighbours, downwards and upwards by turns."""
    above, below = _neighbours(links)
    best, fewest = [list(layer) for layer in layers], _crossings(layers, below)
    current = [list(layer) for layer in layers]
    for sweep in range(SWEEPS):
        towards = above if sweep % 2 == 0 else below
        order = range(1, len(current)) if sweep % 2 == 0 else range(len(current) - 2, -1, -1)
        for number in order:
            fixed = current[number - 1] if sweep % 2 == 0 else current[number + 1]
            place = {name: at for at, name in enumerate(fixed)}
            own = {name: at for at, name in enumerate(current[number])}

            means = {}
            for name in current[number]:
                known = [place[each] for each in towards.get(name, ()) if each in place]
                alone = own[name] * len(place) / max(len(own), 1)
                means[name] = sum(known) / len(known) if known else alone
            current[number].sort(key=means.__getitem__)
        crossed = _crossings(current, below)
        if crossed < fewest:
            best, fewest = [list(layer) for layer in current], crossed
    return best


def _crossings(layers: Sequence[Sequence[str]], below: Mapping[str, list[str]]) -> int:
    count = 0
    for upper, lower in itertools.pairwise(layers):
        place = {name: at for at, name in enumerate(lower)}
        ends = [sorted(place[each] for each in below.get(name, ()) if each in place) for name in upper]
        for left, targets in enumerate(ends):
            for others in ends[left + 1 :]:
                count += sum(a > b for a in targets for b in others)
    return count


def _across(
    layers: Sequence[Sequence[str]], links: Sequence[tuple[str, str]], widths: Mapping[str, float], gap: float
) -> dict[str, float]:
    """The middle of each node: near the mean of its neighbours, in its order, and clear of the next."""
    above, below = _neighbours(links)
    centre: dict[str, float] = {}
    for layer in layers:
        total = sum(widths[name] for name in layer) + gap * max(len(layer) - 1, 0)
        x = -total / 2
        for name in layer:
            centre[name] = x + widths[name] / 2
            x += widths[name] + gap
    for sweep in range(SWEEPS):
        towards = above if sweep % 2 == 0 else below
        for layer in layers if sweep % 2 == 0 else reversed(layers):
            wanted = {}
            for name in layer:
                near = [centre[each] for each in towards.get(name, ())]
                wanted[name] = sum(near) / len(near) if near else centre[name]
            _settle(layer, wanted, centre, widths, gap)
    return centre


def _settle(
    layer: Sequence[str],
    wanted: Mapping[str, float],
    centre: dict[str, float],
    widths: Mapping[str, float],
    gap: float,
) -> None:
    """As near as possible to what is wanted without overlaps: neighbours that press on each other move as one block."""
    blocks: list[list[float]] = []  # [sum of wanted starts, members, width so far]
    for name in layer:
        block = [wanted[name] - widths[name] / 2, 1.0, widths[name] + gap]
        while blocks and blocks[-1][0] / blocks[-1][1] + blocks[-1][2] > block[0] / block[1]:
            before = blocks.pop()
            block = [before[0] + block[0] - before[2] * block[1], before[1] + block[1], before[2] + block[2]]
        blocks.append(block)
    starts = iter(blocks)
    left, x = 0, 0.0
    for name in layer:
        if left == 0:
            block = next(starts)
            x, left = block[0] / block[1], round(block[1])
        centre[name] = x + widths[name] / 2
        x += widths[name] + gap
        left -= 1


def _drawn(
    layers: Sequence[Sequence[str]],
    centre: Mapping[str, float],
    sizes: Mapping[str, Size],
    chains: Mapping[tuple[str, str], Sequence[str]],
) -> Layout:
    edge = [
        (centre[name] - sizes[name].width / 2, centre[name] + sizes[name].width / 2) if name in sizes
        else (centre[name], centre[name])
        for layer in layers
        for name in layer
    ]  # fmt: skip
    left = min((start for start, _ in edge), default=0.0) - MARGIN
    at = {name: round(x - left, 1) for name, x in centre.items()}
    leaves, enters = _ports(chains, at, sizes)
    tracks, heights = _tracks(layers, chains, at, leaves, enters)
    tops: list[float] = []
    y = float(MARGIN)
    tall = [max((sizes[name].height for name in layer if name in sizes), default=0.0) for layer in layers]
    for number, height in enumerate(tall):
        tops.append(y)
        y += height + (heights[number] if number < len(tall) - 1 else 0)
    nodes = tuple(
        Placed(
            name=name,
            x=round(at[name] - sizes[name].width / 2, 1),
            y=round(tops[number] + (tall[number] - sizes[name].height) / 2, 1),
            width=sizes[name].width,
            height=sizes[name].height,
        )
        for number, layer in enumerate(layers)
        for name in layer
        if name in sizes
    )
    by_name = {each.name: each for each in nodes}
    rank = {name: number for number, layer in enumerate(layers) for name in layer}
    lines = []
    for (source, target), chain in chains.items():
        points = [(leaves[source, target], by_name[source].y + by_name[source].height)]
        for upper, lower in itertools.pairwise(chain):
            number = rank[upper]
            here = points[-1][0]
            there = enters[source, target] if lower == target else at[lower]
            channel = tops[number] + tall[number] + CHANNEL / 2 + tracks.get((upper, lower), 0) * TRACK
            if abs(here - there) > 0.5:
                points += [(here, channel), (there, channel)]
            if lower != target:
                points.append((there, tops[number + 1] + tall[number + 1]))
        points.append((enters[source, target], by_name[target].y))
        lines.append(Line(source=source, target=target, points=_upright(points)))
    right = max((each.x + each.width for each in nodes), default=0.0)
    furthest = max([right, *(x for line in lines for x, _ in line.points)], default=0.0)
    return Layout(width=round(furthest + MARGIN, 1), height=round(y + MARGIN, 1), nodes=nodes, lines=tuple(lines))


def _upright(points: Sequence[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    """The same corners, with what leans by less than a unit made upright."""
    tidy: list[tuple[float, float]] = []
    for x, y in points:
        leans = tidy and 0 < abs(x - tidy[-1][0]) < 1 and y != tidy[-1][1]
        tidy.append((tidy[-1][0] if leans else round(x, 1), round(y, 1)))
    return tuple(tidy)


def _ports(
    chains: Mapping[tuple[str, str], Sequence[str]], at: Mapping[str, float], sizes: Mapping[str, Size]
) -> tuple[dict[tuple[str, str], float], dict[tuple[str, str], float]]:
    """Where each edge leaves its source and enters its target: side by side, in the order of where they lead."""
    leaves: dict[tuple[str, str], float] = {}
    enters: dict[tuple[str, str], float] = {}
    for name in sizes:
        first = sorted({chain[1] for each, chain in chains.items() if each[0] == name}, key=lambda hop: (at[hop], hop))
        places = _side_by_side(at[name], sizes[name].width, first)
        leaves |= {each: places[chain[1]] for each, chain in chains.items() if each[0] == name}
        last = sorted((each for each in chains if each[1] == name), key=lambda each: (at[chains[each][-2]], each))
        enters |= _side_by_side(at[name], sizes[name].width, last)
    return leaves, enters


def _side_by_side(middle: float, width: float, named: Sequence[Key]) -> dict[Key, float]:
    step = min(18.0, width * 0.7 / max(len(named), 1))
    return {each: round(middle + (number - (len(named) - 1) / 2) * step, 1) for number, each in enumerate(named)}


def _tracks(
    layers: Sequence[Sequence[str]],
    chains: Mapping[tuple[str, str], Sequence[str]],
    at: Mapping[str, float],
    leaves: Mapping[tuple[str, str], float],
    enters: Mapping[tuple[str, str], float],
) -> tuple[dict[tuple[str, str], int], list[float]]:
    """For each channel, which horizontal line runs at which height, so that none lies upon another; and its height."""
    rank = {name: number for number, layer in enumerate(layers) for name in layer}
    spans: dict[int, dict[tuple[float, float, tuple[str, str]], None]] = {}
    for (source, target), chain in chains.items():
        here = leaves[source, target]
        for upper, lower in itertools.pairwise(chain):
            there = enters[source, target] if lower == target else at[lower]
            if abs(here - there) > 0.5:
                span = (min(here, there), max(here, there), (upper, lower))
                spans.setdefault(rank[upper], {})[span] = None
            here = there
    tracks: dict[tuple[str, str], int] = {}
    heights = [float(CHANNEL)] * len(layers)
    for number, every in spans.items():
        ends: list[list[tuple[float, float]]] = []
        for start, end, key in sorted(every, key=lambda each: (each[1] - each[0], each[0])):
            place = next(
                (
                    track
                    for track, taken in enumerate(ends)
                    if all(end < other - 4 or start > other_end + 4 for other, other_end in taken)
                ),
                len(ends),
            )
            if place == len(ends):
                ends.append([])
            ends[place].append((start, end))
            tracks[key] = place
        heights[number] = CHANNEL + max(len(ends) - 1, 0) * TRACK
    return tracks, heights


def _neighbours(links: Sequence[tuple[str, str]]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    above: dict[str, list[str]] = {}
    below: dict[str, list[str]] = {}
    for source, target in links:
        below.setdefault(source, []).append(target)
        above.setdefault(target, []).append(source)
    return above, below
