"""What an output check is given and what it finds; must not read rows or judge."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from context.models import ContextVersion


@dataclass(frozen=True, kw_only=True, slots=True)
class Failing:
    """One thing that an output does not keep: which check, where (JSON Pointer, RFC 6901), and in a sentence why.

    `if_failed` is reject, review or warn. `key` names the text of the organisation that it was compared with.
    """

    check: str
    detail: str
    place: str = ""
    if_failed: str = "reject"
    key: str = ""

    def as_json(self) -> dict[str, Any]:
        found = {"check": self.check, "detail": self.detail, "place": self.place, "if_failed": self.if_failed}
        return {**found, "key": self.key} if self.key else found


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """A text of the output, and its place in it."""

    place: str
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Output:
    """The output as the checks read it: the whole, and its texts with their places, in order."""

    value: Any
    task: Any = None
    texts: tuple[Said, ...] = ()

    @property
    def whole(self) -> str:
        return "\n".join(said.text for said in self.texts)


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """What the organisation says, as far as the agent may read it: the texts it was given, and by key what is in force.

    `given` holds the versions of the run's bundles; `required` the keys of those that its contract requires; `run`
    names the run, for what is chosen by its hash.
    """

    given: Sequence[ContextVersion] = ()
    required: frozenset[str] = frozenset()
    in_force: Mapping[str, ContextVersion] = field(default_factory=dict)
    terms: Sequence[ContextVersion] = ()
    run: str = ""


def output_of(value: Any, *, task: Any = None) -> Output:
    """The output with its texts found; names of fields are not read as text."""
    return Output(value=value, task=task, texts=tuple(_texts(value, "")))


def place_below(place: str, part: str | int) -> str:
    return f"{place}/{str(part).replace('~', '~0').replace('/', '~1')}"


def at(value: Any, place: str) -> tuple[bool, Any]:
    """What stands at a JSON Pointer, and whether anything does."""
    for part in place.split("/")[1:]:
        part = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, Mapping) and part in value:
            value = value[part]
        elif isinstance(value, list) and part.isascii() and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            return False, None
    return True, value


def _texts(value: Any, place: str) -> Iterator[Said]:
    if isinstance(value, str):
        if value.strip():
            yield Said(place=place, text=value)
    elif isinstance(value, Mapping):
        for name, part in value.items():
            yield from _texts(part, place_below(place, name))
    elif isinstance(value, list):
        for number, part in enumerate(value):
            yield from _texts(part, place_below(place, number))
