"""Pages of any common dialect are read for what they say, and hostile ones as quickly as others."""

from __future__ import annotations

import time
from pathlib import PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from context.formats import front_matter, links, template_tags
from context.formats.front_matter import FrontMatterBroken
from context.formats.pages import NothingToRead, read_page
from context.formats.site_map import SiteMap, fragment_on


@pytest.mark.parametrize(
    ("text", "dialect", "fields", "body"),
    [
        ("---\ntitle: A\ndate: 2026-01-02\n---\nText", "yaml", {"title": "A", "date": "2026-01-02"}, "Text"),
        ("---\r\ntitle: A\r\n...\r\nText", "yaml", {"title": "A"}, "Text"),
        ("+++\ntitle = 'A'\n[x]\ny = 1\n+++\nText", "toml", {"title": "A", "x": {"y": 1}}, "Text"),
        ('---json\n{"title": "A"}\n---\nText', "json", {"title": "A"}, "Text"),
        (';;;\n"title": "A"\n;;;\nText', "json", {"title": "A"}, "Text"),
        ('{"title": "A"}\nText', "json", {"title": "A"}, "Text"),
        ("---\n---\nText", "yaml", {}, "Text"),
        ("Text\n---\nnot: front\n---\n", "", {}, "Text\n---\nnot: front\n---\n"),
        ("---\n\nA rule, then text.\n", "", {}, "---\n\nA rule, then text.\n"),
        ("{% comment %}liquid{% endcomment %}", "", {}, "{% comment %}liquid{% endcomment %}"),
        ("", "", {}, ""),
    ],
)
def test_front_matter__each_dialect__is_read(text, dialect, fields, body):
    read = front_matter.read(text)
    assert (read.dialect, dict(read.fields), read.body) == (dialect, fields, body)


@pytest.mark.parametrize(
    "text",
    [
        "---\ntitle: [a\n---\n",
        "---\ntitle: a\nnever closed",
        "---\n- a list\n---\n",
        "---\na: &x 1\nb: *x\n---\n",
        "---\na: !!python/object/apply:os.system [id]\n---\n",
        "+++\n= broken\n+++\n",
        '{"title": \n',
        "---\n" + "a: 1\n" * 20_000 + "---\n",
        "---\n" + "".join(" " * depth + "a:\n" for depth in range(50)) + "---\n",
        "---\na: " + "[" * 5_000 + "\n---\n",
    ],
    ids=lambda text: repr(text[:20]),
)
def test_front_matter__broken__says_so_in_a_line(text):
    with pytest.raises(FrontMatterBroken) as refusal:
        front_matter.read(text)
    assert 10 < len(str(refusal.value)) < 250
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[a]({% page "/x/#y" %})', "[a](/x/#y)"),
        ("[a]({% link _posts/a.md %})", "[a](_posts/a.md)"),
        ('[a]({{< ref "b.md" >}})', "[a](b.md)"),
        ('{% comment %}hidden {% page "x" %}{% endcomment %}shown', "shown"),
        ('{% raw %}{% page "/x" %}{{ y }}{% endraw %}', '{% page "/x" %}{{ y }}'),
        ('{% alert "Heads up" %}\nmind\n{% endalert %}', "**Heads up**\n\nmind\n"),
        ("{% alert %}\nmind\n{% endalert %}", "\nmind\n"),
        ('{% image "a.png" "a chart" %}', "![a chart](a.png)"),
        ('ask {% slack_channel "help" %} or {% slack_channel "g-x" "the guild" %}', "ask help or the guild"),
        ("{% include x.html %}{% if a %}b{% endif %}", "b"),
        ("{% comment %}to the end", ""),
        ("50 {% of what", "50 {% of what"),
    ],
)
def test_template_tags__what_they_say_is_kept(text, expected):
    assert template_tags.clean(text).text == expected


def test_template_tags__what_cannot_be_known__stands_and_is_counted():
    cleaned = template_tags.clean("Write to {{ site.email }} or {% data variables.contact %}. {% include x %}")
    assert cleaned.text == "Write to {{ site.email }} or {% data variables.contact %}. "
    assert cleaned.unresolved == {"{{ site.email }}": 1, "{% data variables.contact %}": 1}
    assert cleaned.left_out == {"include": 1}


def test_links__each_form__is_rewritten_and_code_is_not():
    source = (
        '[a](b.md "T") ![i](c.png) [d](<e f.md>) [w](x_(y).md)\n\n[r]: s.md \'T\'\n\n<a href="t.md">u</a>\n\n'
        "`[a](b.md)` and ``[`a](b.md)``\n\n```\n[a](b.md)\n```\n\n~~~\n[a](b.md)\n"
    )
    seen = []
    result = links.rewrite(source, lambda address: seen.append(address) or f"<{address}>".strip("<>").upper())
    assert seen == ["b.md", "c.png", "e f.md", "x_(y).md", "s.md", "t.md"]
    assert result == (
        '[a](B.MD "T") ![i](C.PNG) [d](<E F.MD>) [w](X_(Y).MD)\n\n[r]: S.MD \'T\'\n\n<a href="T.MD">u</a>\n\n'
        "`[a](b.md)` and ``[`a](b.md)``\n\n```\n[a](b.md)\n```\n\n~~~\n[a](b.md)\n"
    )


@given(st.text(alphabet="[]()<>`~#\"' \n!ab:{%}-", max_size=200))
@settings(max_examples=300, deadline=None)
def test_links__nothing_to_change__leaves_any_text_as_it_was(text):
    assert links.rewrite(text, lambda address: address) == text


def page(path, text="# T\n\n## Using what you've earned\n\nText.\n"):
    return read_page(PurePosixPath(path), text)


PAGES = [
    page("pages/people/leave.md"),
    page("pages/people/index.md"),
    page("pages/tools/index.md", "---\npermalink: /kit/\nredirect_from: [/old/kit/]\n---\n# Kit\n\nText.\n"),
    page("pages/a/faq.md"),
    page("pages/b/faq.md"),
    page("top.md"),
]


@pytest.mark.parametrize(
    ("target", "origin", "found"),
    [
        ("leave.md", "pages/people/index.md", "pages/people/leave.md"),
        ("../people/leave.md#x", "pages/a/faq.md", "pages/people/leave.md"),
        ("../people/", "pages/tools/index.md", "pages/people/index.md"),
        ("../", "pages/people/leave.md", "pages/people/index.md"),
        ("/people/leave/", "top.md", "pages/people/leave.md"),
        ("/People/Leave", "top.md", "pages/people/leave.md"),
        ("/docs/people/leave.html", "top.md", "pages/people/leave.md"),
        ("https://site.example/people/leave/", "top.md", "pages/people/leave.md"),
        ("{{ site.url }}/people/leave", "top.md", "pages/people/leave.md"),
        ("/kit/", "top.md", "pages/tools/index.md"),
        ("/old/kit", "top.md", "pages/tools/index.md"),
        ("/faq/", "top.md", None),
        ("/b/faq/", "top.md", "pages/b/faq.md"),
        ("/gone/", "top.md", None),
        ("../../../../etc/passwd.md", "top.md", None),
        ("#here", "top.md", None),
        ("mailto:a@b.c", "top.md", None),
        ("https://elsewhere.example/people/leave/", "top.md", None),
        ("http://[broken", "top.md", None),
        ("", "top.md", None),
    ],
)
def test_site_map__a_link__finds_the_page_it_means(target, origin, found):
    result = SiteMap(PAGES, "https://site.example").find(target, PurePosixPath(origin))
    assert (result[0].path.as_posix() if result else None) == found


def test_fragment__spelt_by_another_generator__is_the_heading_it_means():
    assert fragment_on(PAGES[0], "using-what-you-ve-earned") == "using-what-youve-earned"
    assert fragment_on(PAGES[0], "no-such-heading") == "no-such-heading"


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("---\ntitle: '{{ site.x }} Leave & *pay*'\n---\nText", "{{ site.x }} Leave & pay"),
        ("---\ntitle: 2026\n---\nText", "2026"),
        ("---\ntitle: [a]\n---\n## From the [heading](x)\n\nText", "From the heading"),
        ("Only text.", "Annual leave"),
        ("---\ntitle: " + "long " * 100 + "\n---\nText", "long " * 59 + "long…"),
    ],
)
def test_page__title__from_the_best_place_there_is(text, title):
    assert page("x/annual-leave.md", text).title == title


@pytest.mark.parametrize(
    "text", ["", "\n\n", "---\ntitle: a\n---\n", "{% comment %}x{% endcomment %}", "---\n---\n* * *\n"]
)
def test_page__without_words__is_nothing_to_read(text):
    with pytest.raises(NothingToRead):
        page("a.md", text)


@pytest.mark.parametrize(
    "text",
    [
        "{%" * 300_000,
        "{{" * 300_000,
        "{% raw %}" * 60_000,
        "{% a " * 120_000,
        "](" * 300_000,
        "](a" * 200_000,
        "](" + "(" * 300_000,
        "](a(b" * 100_000,
        "`" * 500_000,
        "`a``b" * 100_000,
        "```\n" * 150_000,
        "~~~a\n```b\n" * 60_000,
        "[a]: " * 120_000,
        "[a" * 300_000,
        "href=" * 120_000,
        "href='" * 100_000,
        "<" * 500_000,
        "# a\n" * 150_000,
        "\n" * 900_000 + "a",
    ],
    ids=lambda text: f"{text[:8]!r}",
)
def test_page__pathological__is_read_as_quickly_as_another(text):
    started = time.process_time()
    read = page("a.md", text + "\nword\n")
    links.rewrite(read.body, lambda address: address)
    assert time.process_time() - started < 8
