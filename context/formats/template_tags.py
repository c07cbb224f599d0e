"""Takes the tags of site generators (Jekyll, 11ty, Hugo) out of Markdown, keeping what they say; must not run them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

_BLOCKS = re.compile(r"\{%-?\s*(raw|endraw|comment|endcomment)\s*-?%\}")
_TAG = re.compile(r"\{%-?\s*([\w.-]*)([^%]{0,600}(?:%(?!\})[^%]{0,600}){0,4})%\}|\{\{<\s*([\w.-]+)([^<>]{0,600})>\}\}")
_OUTPUT = re.compile(r"\{\{-?\s*([^{}]{0,200})\}\}")
_STRING = re.compile(r"\"([^\"\n]*)\"|'([^'\n]*)'")
_LINKS = frozenset({"page", "link", "url", "post_url", "ref", "relref"})
_PICTURES = frozenset({"image", "image_with_class", "figure", "img"})
_BOXES = frozenset({"alert", "note", "warning", "tip", "info", "callout", "details"})
_LAYOUT = re.compile(
    r"(include|include_relative|render|partial|layout|section|if|elsif|elseif|else|unless|case|when|for|assign|capture"
    r"|highlight|tabs?|tablerow|cycle|increment|decrement|break|continue|usa-current|uswds_icon|toc|end\w*)"
)


@dataclass(slots=True)
class Cleaned:
    """The text, and the tags whose meaning could not be kept: left out (layout), or standing in it as they were."""

    text: str
    left_out: Counter[str] = field(default_factory=Counter)
    unresolved: Counter[str] = field(default_factory=Counter)


def clean(text: str) -> Cleaned:
    """Replace links, pictures and boxes by their Markdown, drop comments and layout, keep verbatim what is raw."""
    result = Cleaned(text=text)
    if "{%" not in text and "{{" not in text:
        return result
    parts: list[str] = []
    within = ""
    position = 0
    for match in _BLOCKS.finditer(text):
        name = match[1]
        if within and name != f"end{within}":
            continue
        if not within and name.startswith("end"):
            continue
        piece = text[position : match.start()]
        if within == "raw":
            parts.append(piece)
        elif not within:
            parts.append(_replaced(piece, result))
        within = "" if within else name
        position = match.end()
    rest = text[position:]
    if within != "comment":  # what opens a comment and never closes it hides the rest, as it does on the site
        parts.append(rest if within == "raw" else _replaced(rest, result))
    result.text = "".join(parts)
    return result


def _replaced(text: str, result: Cleaned) -> str:
    text = _TAG.sub(_tag(result), text)
    for match in _OUTPUT.finditer(text):
        result.unresolved[f"{{{{ {match[1].strip()} }}}}"] += 1
    return text


def _tag(result: Cleaned) -> Callable[[re.Match[str]], str]:
    def replacement(match: re.Match[str]) -> str:
        name, arguments = match[1] or match[3] or "", match[2] or match[4] or ""
        strings = [first or second for first, second in _STRING.findall(arguments)]
        if name in _LINKS:
            return strings[0] if strings else arguments.strip(" -")
        if name in _PICTURES and strings:
            described = strings[-1] if len(strings) > 1 else ""
            return f"![{described}]({strings[0]})"
        if name in _BOXES:
            return f"**{strings[0]}**\n" if strings and strings[0] else ""
        if name.startswith("end") and name[3:] in _BOXES:
            return ""
        if not name or _LAYOUT.fullmatch(name):
            result.left_out[name or "empty"] += 1
            return ""
        if strings:  # what an unknown tag says last is what it shows
            return str(strings[-1])
        whole: str = match[0]
        result.unresolved[whole] += 1
        return whole

    return replacement
