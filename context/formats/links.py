"""Finds and replaces the addresses of links in Markdown source, leaving code alone; must not follow them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

_PARTS = re.compile(
    r"(?P<code>^ {0,3}(?P<fence>`{3,}+|~{3,}+)[^\n]*+\n(?:.*?^ {0,3}(?P=fence)[`~]*[ \t]*$|.*\Z)"
    r"|(?<!`)(?P<tick>`{1,6})(?!`)[^\n]{0,2000}?(?<!`)(?P=tick)(?!`))"
    r"|(?P<before>\]\([ \t]*)(?P<inline><[^<>\n]*>|[^\s()<>]{0,2000}(?:\([^\s()<>]{0,500}\)[^\s()<>]{0,500}){0,9})"
    r"(?=[ \t]*(?:[\"'(][^\n]{0,300})?\))"
    r"|(?P<start>^ {0,3}\[[^\]\n]{1,500}\]:[ \t]*)(?P<definition><[^<>\n]*>|[^\s<>]+)"
    r"|(?P<attribute>\bhref=)(?P<quote>[\"'])(?P<quoted>[^\"'\n]*)(?P=quote)",
    re.MULTILINE | re.DOTALL,
)


def rewrite(source: str, address: Callable[[str], str]) -> str:
    """Return `source` with each link's address replaced by what `address` gives for it."""

    def replaced(match: re.Match[str]) -> str:
        if match["code"] is not None:
            return match[0]
        if match["inline"] is not None:
            return match["before"] + _written(match["inline"], address)
        if match["definition"] is not None:
            return match["start"] + _written(match["definition"], address)
        quote = match["quote"]
        return f"{match['attribute']}{quote}{address(match['quoted'])}{quote}"

    return _PARTS.sub(replaced, source)


def addresses(source: str) -> Iterator[tuple[int, int, str]]:
    """Yield (start, end, address) of each link in `source`, in order."""
    for match in _PARTS.finditer(source):
        if match["code"] is None:
            name = next(name for name in ("inline", "definition", "quoted") if match[name] is not None)
            start, end = match.span(name)
            if match[name].startswith("<"):
                start, end = start + 1, end - 1
            if start < end:
                yield start, end, source[start:end]


def _written(target: str, address: Callable[[str], str]) -> str:
    bracketed = target.startswith("<")
    given = target[1:-1] if bracketed else target
    if not given:
        return target
    new = address(given)
    return f"<{new}>" if bracketed or " " in new else new
