"""The passages of an edit, each with what was said about it and a way to say something; must not compare or write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from context.diffs import Row, diff_text
from context.views.diff_rows import Block, NamedChange, folded
from governance.comments import Thread, same_words
from governance.models import Edit

BODY = "body"
# In longer texts only the lines around a change, and those already spoken of, carry the way to comment.
LINES_ALL_OPEN = 400
LONGEST_QUOTE_SHOWN = 2_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Passage:
    """One line of the text, or one field, as proposed. `number` names it on the page; `said` are its threads."""

    row: Row
    number: str
    quote: str
    label: str = ""
    said: tuple[Thread, ...] = ()
    asked: bool = False
    may_be_said: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class PassageBlock:
    """Consecutive lines; `folded` where they may be hidden until asked for: never where somebody speaks of one."""

    passages: tuple[Passage, ...]
    folded: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Passages:
    """An edit as it is read and spoken of. `strays` are threads whose passage is not there any more."""

    blocks: tuple[PassageBlock, ...]
    fields: tuple[Passage, ...]
    strays: tuple[Thread, ...]
    asked: Passage | None = None

    @property
    def spoken_of(self) -> bool:
        return any(each.said for block in self.blocks for each in block.passages)


def passages_of(
    *,
    edit: Edit,
    blocks: Sequence[Block],
    fields: Sequence[NamedChange],
    threads: Sequence[Thread],
    asked: str = "",
) -> Passages:
    """The lines and fields with the threads that quote them. `asked` is the number that is to be commented."""
    mine = [thread for thread in threads if thread.comment.key == edit.address and thread.comment.quote]
    lines = [row for block in blocks for row in block.rows]
    at_line: dict[int, list[Thread]] = {}
    at_field: dict[int, list[Thread]] = {}
    strays = []
    for thread in mine:
        place = _place(thread, [quote_of(row) for row in lines])
        field = next((i for i, each in enumerate(fields) if _is_about(thread, each)), None)
        if thread.comment.field not in ("", BODY) and field is not None:
            at_field.setdefault(field, []).append(thread)
        elif place is not None and thread.comment.field in ("", BODY):
            at_line.setdefault(place, []).append(thread)
        else:
            strays.append(replace(thread, moved=True))
    made, number = [], 0
    for block in blocks:
        passages = []
        for row in block.rows:
            passages.append(
                Passage(
                    row=row,
                    number=str(number + 1),
                    quote=quote_of(row)[:LONGEST_QUOTE_SHOWN],
                    said=tuple(at_line.get(number, ())),
                    asked=asked == str(number + 1),
                    may_be_said=not block.folded or len(lines) <= LINES_ALL_OPEN,
                )
            )
            number += 1
        spoken_of = any(each.said or each.asked for each in passages)
        made.append(PassageBlock(passages=tuple(passages), folded=block.folded and not spoken_of))
    named = tuple(
        Passage(
            row=each.row,
            number=f"f{place + 1}",
            label=each.label,
            quote=quote_of(each.row)[:LONGEST_QUOTE_SHOWN],
            said=tuple(at_field.get(place, ())),
            asked=asked == f"f{place + 1}",
        )
        for place, each in enumerate(fields)
    )
    every = [*(each for block in made for each in block.passages), *named]
    return Passages(
        blocks=tuple(made),
        fields=named,
        strays=tuple(strays),
        asked=next((each for each in every if each.asked and each.quote), None),
    )


def lines_of(text: str) -> list[Block]:
    """The whole of a new text as lines that can be spoken of."""
    return [Block(rows=tuple(row for block in folded(diff_text("", text).rows) for row in block.rows), folded=False)]


def quote_of(row: Row) -> str:
    """The proposed side of a line as it is quoted."""
    return "".join(span.text for span in row.new or ()).strip()


def _place(thread: Thread, lines: Sequence[str]) -> int | None:
    """The first line that holds the quotation, or its beginning where it runs over several."""
    if thread.moved:
        return None
    quoted = same_words(thread.comment.quote)
    first = same_words(next((part for part in thread.comment.quote.splitlines() if part.strip()), ""))
    for i, line in enumerate(lines):
        if quoted in same_words(line):
            return i
    return next((i for i, line in enumerate(lines) if first and first in same_words(line)), None)


def _is_about(thread: Thread, field: NamedChange) -> bool:
    return thread.comment.field == field.label[:100] and same_words(thread.comment.quote) in same_words(
        quote_of(field.row)
    )
