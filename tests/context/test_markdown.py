"""Markdown becomes HTML that is safe under a strict policy, and anchors agree with those of passages."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from context.markdown import plain_text, render
from context.passages import split

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt&colon;alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    '<a href="javascript:alert(1)" onclick="alert(1)">x</a>',
    "<svg><style><img src=x onerror=alert(1)></style></svg>",
    '<div style="background:url(https://evil.example)">x</div>',
    '<form action="https://evil.example"><input type="password" name="p"><button>go</button></form>',
    "<iframe src=https://evil.example></iframe><object data=x></object><embed src=x>",
    "![tracking](https://evil.example/pixel.png)",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    '<h1 id="csrfmiddlewaretoken">x</h1><p id="main" class="dialog modal">y</p>',
    '`<script>`\n\n```html"onmouseover="alert(1)\n<script>\n```',
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<base href=https://evil.example><meta http-equiv=refresh content=0><link rel=stylesheet href=x>",
]
FORBIDDEN = re.compile(
    r"<\s*(script|img|iframe|object|embed|style|form|button|svg|math|base|meta|link|textarea)\b"
    r"|<[^>]*\s(on\w+|style|src|action|name)\s*=|<[^>]*(href)=[\"']?\s*(javascript|data|vbscript):",
    re.I,
)


@pytest.mark.parametrize("text", HOSTILE)
def test_render__hostile_text__does_nothing(text):
    rendered = render(text)
    assert not FORBIDDEN.search(rendered), rendered
    assert 'id="main"' not in rendered
    assert "csrf" not in rendered.replace("csrfmiddlewaretoken", "csrf") or 'id="csrf' not in rendered
    assert "modal" not in rendered


@given(st.lists(st.sampled_from([*HOSTILE, "\n\n", "# ", "- ", "> ", "`", "*", "[", "](", "|", "<", ">", "&lt;"])))
@settings(max_examples=150, deadline=None)
def test_render__hostile_parts_in_any_order__do_nothing(parts):
    assert not FORBIDDEN.search(render("".join(parts)))


def test_render__common_markdown__is_rendered():
    rendered = render(
        "# Leave\n\n| days | year |\n|-----:|------|\n| 5 | 2026 |\n\n~~old~~ **new**\n\n- [x] done\n- [ ] open\n\n"
        "Term\n: its meaning\n\nA note.[^1]\n\n[^1]: The note.\n\n```python\nx < 1\n```\n"
    )
    for expected in (
        '<h1 id="s-leave">Leave</h1>',
        '<td align="right">5</td>',
        "<s>old</s> <strong>new</strong>",
        'type="checkbox"',
        "<dt>Term</dt>",
        'id="fnref1"',
        "x &lt; 1",
    ):
        assert expected in rendered
    assert "style=" not in rendered


def test_render__link_to_a_heading_of_the_page__finds_it():
    rendered = render("[see](#Using%20leave)\n\n## Using leave\n\n## Using leave\n\n### Own {#mine}\n")
    assert 'href="#s-using-leave"' in rendered
    assert '<h2 id="s-using-leave">' in rendered
    assert '<h2 id="s-using-leave-1">' in rendered
    assert '<h3 id="s-mine">Own</h3>' in rendered


def test_render__link_to_an_item__leads_where_the_page_says():
    source = "[leave](item:hr/leave#carry-over) [x](https://example.org)"
    rendered = render(source, item_href=lambda key: f"/items/{key}/")
    assert 'href="/items/hr/leave/#s-carry-over"' in rendered
    assert rendered.count('rel="noopener noreferrer nofollow"') == 2
    assert "item:" not in render(source)
    assert "leave" in render(source)


def test_render__picture__is_a_link_that_loads_nothing():
    rendered = render("![Chart](https://example.org/chart.png) [![badge](b.svg)](https://example.org)")
    assert '<a href="https://example.org/chart.png" class="image"' in rendered
    assert "<img" not in rendered
    assert ">badge</a>" in rendered


@pytest.mark.parametrize(
    "text",
    [
        "[" * 50_000,
        "![" * 30_000,
        "*a " * 40_000,
        ">" * 50_000,
        "- " * 50_000,
        "<div>" * 40_000,
        "# a\n" * 25_000,
        "# a" + " " * 80_000 + "b",
        "# " + "{#a " * 30_000,
        "`a" * 40_000,
        "|a" * 10_000 + "\n" + "|-" * 10_000 + "\n",
        "a\n: b\n" * 10_000,
        "x" * 1_000_000,
        "",
        "\x00\ud800",
    ],
    ids=lambda text: f"{text[:6]!r}-{len(text)}",
)
def test_render__pathological_text__takes_no_longer_than_its_size(text):
    started = time.process_time()
    rendered = render(text)
    plain_text(text)
    rendered.encode("utf-8")
    assert time.process_time() - started < 8


@pytest.mark.parametrize(
    "source",
    [
        "# One\n\ntext of one that is long enough\n\n## Two *words* [link](u)\n\nmore\n\n## Two words link\n\nagain\n",
        "Setext\n======\n\ntext\n\nOther\n-----\n\nmore\n",
        "> # quoted\n\n" + "text " * 200 + "\n\n# quoted\n\ntext\n\n# `code` & <b>tag</b>\n\nx\n",
        "# Ünïcode & ½ — dash\n\nx\n\n# 日本語\n\ny\n\n# !!!\n\nz\n",
        "# Own {#mine}\n\ntext\n\n# Own {: #mine .class}\n\ntext\n",
    ],
)
def test_anchors__of_passages__are_those_of_the_rendered_page(source):
    rendered = set(re.findall(r'<h\d id="([^"]*)"', render(source)))
    anchors = {passage.anchor for passage in split(title="T", body=source)} - {""}
    assert anchors
    assert anchors <= rendered


def test_plain_text__markup__leaves_its_words():
    assert plain_text("# A *b*\n\nx [l](u) `c`\n\n- i\n- j\n\n```\ncode\n```") == "A b\nx l c\ni\nj\ncode"
