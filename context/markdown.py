"""Renders Markdown to safe HTML and to plain text; must not fetch, trust or execute anything a text contains."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.deflist import deflist_plugin
from mdit_py_plugins.footnote import footnote_plugin
from mdit_py_plugins.tasklists import tasklists_plugin

ITEM_SCHEME = "item:"
ANCHOR_PREFIX = "s-"  # keeps a heading called "main" from taking the id of a part of the page around it
LARGEST_RENDERED = 400_000  # characters; a longer text is shown as it was written
LONGEST_HEADING = 1_000  # characters that count towards its text and anchor
DEEPEST_NESTING = 20
MOST_HTML_TAGS = 5_000  # beyond, raw HTML is shown as text: deep nests of it take the sanitiser seconds

_TAGS = set(
    "a abbr b blockquote br caption code col colgroup dd del details dfn div dl dt em h1 h2 h3 h4 h5 h6 hr i input"
    " ins kbd li mark ol p pre q s samp section small span strong sub summary sup table tbody td tfoot th thead tr"
    " u ul var".split()
)
_ATTRIBUTES: dict[str, set[str]] = {
    "*": {"class", "id"},
    "a": {"href", "title"},
    "abbr": {"title"},
    "details": {"open"},
    "input": {"type", "checked", "disabled"},
    "ol": {"start"},
    "td": {"colspan", "rowspan", "align"},
    "th": {"colspan", "rowspan", "align", "scope"},
}
_CLASSES = re.compile(r"(language-[\w+#-]+|footnotes?(-\w+)*|contains-task-list|task-list-item(-checkbox)?|image)")
_OWN_ID = re.compile(r"fn(ref)?\d+(:\d+)?")
_ALIGNED = re.compile(r"text-align:\s*(left|right|center)")
_EXPLICIT_ID = re.compile(r"\s*\{:?\s*#([\w-]+)[^}]*\}\s*$")
_INLINE_LINK = re.compile(r"!?\[([^\]\[]*)\]\([^()]*(?:\([^()]*\)[^()]*)*\)")
_HTML_TAG = re.compile(r"</?[A-Za-z][^<>]*>")
_EMPHASIS = re.compile(r"(?<!\w)[*_]{1,3}(?=\S)|(?<=\S)[*_]{1,3}(?!\w)|[`~]")
_UNSAFE = re.compile("[\x00\ud800-\udfff]")


def render(markdown: str, *, item_href: Callable[[str], str] | None = None) -> str:
    """Return sanitised HTML of `markdown`.

    Headings carry the anchors that passages name. A link to `item:<key>` leads where `item_href` says, or is plain
    text without it. Images become links to them: a page loads nothing from elsewhere.
    """
    source = storable(markdown)
    if len(source) > LARGEST_RENDERED:
        return f"<pre>{html.escape(source)}</pre>"
    parser = _parser(source)
    environment: dict[str, Any] = {}
    tokens = parser.parse(source, environment)
    identifiers: set[str] = set()
    for index, _, anchor in headings(tokens):
        tokens[index].attrSet("id", anchor)
        identifiers.add(anchor)
        inline = tokens[index + 1]
        if inline.children and len(inline.content) <= LONGEST_HEADING and inline.content.endswith("}"):
            last = inline.children[-1]
            last.content = _EXPLICIT_ID.sub("", last.content)
    for token in tokens:
        # Table cells come with inline styles, which the policy of our pages forbids.
        if aligned := _ALIGNED.search(str(token.attrs.pop("style", ""))):
            token.attrSet("align", aligned[1])
        if token.children:
            token.children = list(_safe_inline(token.children, item_href))
    rendered: str = parser.renderer.render(tokens, parser.options, environment)
    return _sanitise(rendered, identifiers)


def plain_text(markdown: str) -> str:
    """Return the words of `markdown` without its markup, a line for each block."""
    source = storable(markdown)
    if len(source) > LARGEST_RENDERED:
        return source
    lines = []
    for token in _parser(source).parse(source):
        if token.type == "inline":
            lines.append("".join(_words(token.children or [])))
        elif token.type in {"fence", "code_block"}:
            lines.append(token.content.rstrip("\n"))
        elif token.type == "html_block":
            lines.append(_HTML_TAG.sub("", token.content).strip())
    return "\n".join(line for line in lines if line.strip())


def headings(tokens: Sequence[Token]) -> Iterator[tuple[int, str, str]]:
    """Yield (index of the token, plain text, anchor) of each heading; the anchor of a repeated text gets a number."""
    seen: dict[str, int] = {}
    for index, token in enumerate(tokens):
        if token.type == "heading_open":
            text, anchor = heading_text_and_anchor(tokens[index + 1].content)
            times = seen.get(anchor, 0)
            seen[anchor] = times + 1
            yield index, text, f"{anchor}-{times}" if times else anchor


@lru_cache(maxsize=8_192)
def heading_text_and_anchor(source: str) -> tuple[str, str]:
    """The words of a heading's Markdown, and the anchor made of them (or of an explicit `{#id}`)."""
    source = source[:LONGEST_HEADING]
    explicit = _EXPLICIT_ID.search(source)
    text = _EXPLICIT_ID.sub("", source)
    text = _HTML_TAG.sub("", _INLINE_LINK.sub(r"\1", text))
    text = " ".join(html.unescape(_EMPHASIS.sub("", text)).split())
    return text, anchor_of(explicit[1] if explicit else text)


def anchor_of(text: str) -> str:
    """The anchor of a heading text, as common generators make it, with our prefix; at most 200 characters."""
    words = re.sub(r"[^\w\s-]", "", unquote(text).lower(), flags=re.UNICODE)
    return (ANCHOR_PREFIX + re.sub(r"[\s_-]+", "-", words).strip("-"))[:200] or ANCHOR_PREFIX


def storable(text: str) -> str:
    """`text` with uniform line ends and without what PostgreSQL cannot store (NUL, lone surrogates)."""
    return _UNSAFE.sub("\ufffd", text.replace("\r\n", "\n").replace("\r", "\n"))


def _parser(source: str) -> MarkdownIt:
    raw_html = source.count("<") <= MOST_HTML_TAGS
    parser = MarkdownIt("commonmark", {"html": raw_html, "maxNesting": DEEPEST_NESTING})
    parser.enable(["table", "strikethrough"])
    parser.use(footnote_plugin).use(deflist_plugin).use(tasklists_plugin)
    return parser


def _safe_inline(tokens: Iterable[Token], item_href: Callable[[str], str] | None) -> Iterator[Token]:
    open_links: list[bool] = []
    for token in tokens:
        if token.type == "image":
            source, text = str(token.attrs.get("src", "")), token.content or "image"
            if any(open_links):  # a link within a link is no HTML
                yield Token("text", "", 0, content=text)
                continue
            link = Token("link_open", "a", 1, attrs={"href": source, "class": "image"})
            yield from (link, Token("text", "", 0, content=text), Token("link_close", "a", -1))
        elif token.type == "link_open":
            href = _href(str(token.attrs.get("href", "")), item_href)
            open_links.append(bool(href))
            if href:
                token.attrSet("href", href)
                yield token
        elif token.type == "link_close":
            if open_links and open_links.pop():
                yield token
        else:
            yield token


def _href(href: str, item_href: Callable[[str], str] | None) -> str:
    target, hash_mark, fragment = href.partition("#")
    if fragment and not fragment.startswith(ANCHOR_PREFIX) and (not target or target.startswith(ITEM_SCHEME)):
        fragment = anchor_of(fragment)
    if target.startswith(ITEM_SCHEME):
        if item_href is None:
            return ""
        target = item_href(target.removeprefix(ITEM_SCHEME))
    return f"{target}{hash_mark}{fragment}"


def _sanitise(rendered: str, identifiers: set[str]) -> str:
    def keep(element: str, attribute: str, value: str) -> str | None:
        if attribute == "id":
            return value if value in identifiers or _OWN_ID.fullmatch(value) else None
        if attribute == "class":
            return " ".join(name for name in value.split() if _CLASSES.fullmatch(name)) or None
        if element == "input" and attribute == "type":
            return "checkbox"
        return value

    clean: str = nh3.clean(
        rendered,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        attribute_filter=keep,
        url_schemes={"http", "https", "mailto", "tel"},
        link_rel="noopener noreferrer nofollow",
        set_tag_attribute_values={"input": {"disabled": "", "type": "checkbox"}},
        strip_comments=True,
    )
    return clean


def _words(tokens: Iterable[Token]) -> Iterator[str]:
    for token in tokens:
        if token.type in {"text", "code_inline", "image"}:
            yield token.content
        elif token.type in {"softbreak", "hardbreak"}:
            yield " "
