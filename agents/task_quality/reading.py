"""Reads a policy and the tasks under it (the form of tau-bench), and says which sections govern a task; no rows."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from context.errors import InvalidInput

PREFACE = ""  # what stands above the first section: rules that govern every task
# Which sections govern an action, by the words of its tool's name: each of the words must stand in it. A heading that
# a policy does not have is passed over, so that one table does for both.
GOVERNED: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (("cancel", "pending"), ("Cancel pending order", "Generic action rules")),
    (("modify", "pending", "items"), ("Modify pending order", "Modify items", "Generic action rules")),
    (("modify", "pending", "payment"), ("Modify pending order", "Modify payment", "Generic action rules")),
    (("modify", "pending", "address"), ("Modify pending order", "Generic action rules")),
    (("return", "delivered"), ("Return delivered order", "Generic action rules")),
    (("exchange", "delivered"), ("Exchange delivered order", "Generic action rules")),
    (("book", "reservation"), ("Book flight",)),
    (("update", "reservation", "flights"), ("Modify flight",)),
    # How many bags are free stands with booking alone.
    (("update", "reservation", "baggages"), ("Modify flight", "Book flight")),
    (("update", "reservation"), ("Modify flight",)),
    (("cancel", "reservation"), ("Cancel flight",)),
    (("certificate",), ("Refunds and Compensation",)),
)
# What must not be done has no action: then words of what is asserted of the outcome, and of the task's purpose.
FORBIDDEN: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r"cancel", ("Cancel flight",)),
    (r"compensat|certificate", ("Refunds and Compensation",)),
    (r"\b(?:bags?|baggage|insurance)\b", ("Modify flight", "Book flight")),
    (r"modif|change|upgrade|downgrade|passengers?\b", ("Modify flight",)),
    (r"\bbook(?:s|ed|ing)?\b", ("Book flight",)),
)
_HEADING = re.compile(r"^(#{1,6})\s+(.*?)\s*#*\s*$")


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """A section by its own text, without those below it; `chapter` is the heading of level two that it stands under."""

    heading: str
    chapter: str
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """What a user wants, in words, and the headings that govern it beside the preface. `from_words`: see FORBIDDEN."""

    id: str
    text: str
    needed: tuple[str, ...]
    from_words: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Collection:
    name: str
    policy: str
    sections: tuple[Section, ...]
    tasks: tuple[Task, ...]


def read_tasks(directory: Path) -> Collection:
    """`policy.md` and `tasks.json` of a folder. InvalidInput says what of them cannot be read."""
    policy = _text(directory / "policy.md")
    sections = sections_of(policy)
    try:
        stated = json.loads(_text(directory / "tasks.json"))
    except ValueError as error:
        raise InvalidInput(f"tasks.json is not JSON: {error}.", field="directory", fix="Mend it.") from error
    if not isinstance(stated, list) or not all(isinstance(each, dict) for each in stated) or not stated:
        raise InvalidInput("tasks.json is not a list of tasks.", field="directory", fix="Give a list with a task.")
    headings = [section.heading for section in sections]
    tasks = tuple(_task(number, each, headings) for number, each in enumerate(stated))
    return Collection(name=directory.resolve().name, policy=policy, sections=sections, tasks=tasks)


def sections_of(policy: str) -> tuple[Section, ...]:
    """The preface (what stands before the first heading of level two), then every section that has text of its own."""
    found: list[Section] = []
    heading, chapter, lines = PREFACE, PREFACE, list[str]()

    def close() -> None:
        text = "\n".join(lines).strip()
        if text:
            found.append(Section(heading=heading, chapter=chapter, text=text))

    for line in policy.splitlines():
        marked = _HEADING.match(line)
        if marked is None or len(marked[1]) == 1:
            if marked is None:
                lines.append(line)
            continue
        close()
        heading, lines = marked[2], []
        chapter = heading if len(marked[1]) == 2 else chapter
    close()
    return tuple(found)


def needed_for(*, tools: Sequence[str], words: str, headings: Sequence[str]) -> tuple[tuple[str, ...], bool]:
    """The headings that govern a task, and whether that was told by words for want of an action that changes anything.

    Only what the policy has: reading and transferring are governed by the preface.
    """
    named: list[str] = []
    for tool in tools:
        rule = next((each for parts, each in GOVERNED if all(part in tool.split("_") for part in parts)), ())
        named += rule
    from_words = not named
    if from_words:
        named = [name for pattern, names in FORBIDDEN if re.search(pattern, words, re.IGNORECASE) for name in names]
    return tuple(name for name in dict.fromkeys(named) if name in headings), from_words


def _task(number: int, stated: Mapping[str, Any], headings: Sequence[str]) -> Task:
    criteria = _mapping(stated, "evaluation_criteria")
    actions = criteria.get("actions") or []
    tools = [str(each.get("name", "")) for each in actions if isinstance(each, dict)]
    asserted = [str(each) for each in criteria.get("nl_assertions") or []]
    purpose = str(_mapping(stated, "description").get("purpose") or "")
    asked = _mapping(_mapping(stated, "user_scenario"), "instructions")
    text = "\n".join(str(asked[name]) for name in ("reason_for_call", "task_instructions") if asked.get(name))
    if not text.strip():
        raise InvalidInput(
            f"Task {number + 1} says nothing of what the user wants.", field="directory", fix="Give it instructions."
        )
    needed, from_words = needed_for(tools=tools, words=" ".join([*asserted, purpose]), headings=headings)
    return Task(id=str(stated.get("id", number)), text=text, needed=needed, from_words=from_words)


def _mapping(stated: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = stated.get(name)
    return found if isinstance(found, dict) else {}


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(
            f"{path} cannot be read: {type(error).__name__}.", field="directory", fix="Give a folder that has it."
        ) from error
