"""Defined terms are linked where a text uses them, once each, and nowhere that would break the text."""

from __future__ import annotations

from context.term_links import DefinedTerm, link_terms

CAP = DefinedTerm(
    words=("liability cap", "cap on liability"), href="/items/legal/cap/", definition='The "most" we pay.'
)
PARTY = DefinedTerm(words=("party",), href="/items/legal/party/", definition="Who signs.")


def test_link_terms__used_twice__is_linked_once_with_its_definition() -> None:
    linked = link_terms("<p>The liability cap is a cap on liability.</p>", [CAP])
    assert linked.count("<a ") == 1
    assert 'title="The &quot;most&quot; we pay."' in linked


def test_link_terms__in_code_links_and_headings__stays_untouched() -> None:
    html = '<h2>party</h2><a href="/x">party</a><pre><code>party</code></pre>'
    assert link_terms(html, [PARTY]) == html


def test_link_terms__part_of_another_word__is_not_the_term() -> None:
    assert link_terms("<p>counterparty, partying</p>", [PARTY]) == "<p>counterparty, partying</p>"


def test_link_terms__longer_term_that_holds_a_shorter__wins() -> None:
    both = DefinedTerm(words=("third party",), href="/items/legal/third/", definition="Neither of us.")
    assert "/items/legal/third/" in link_terms("<p>A third party.</p>", [PARTY, both])


def test_link_terms__hostile_definition__cannot_leave_its_attribute() -> None:
    evil = DefinedTerm(words=("party",), href='/x"><script>', definition='"><script>alert(1)</script>')
    assert "<script>" not in link_terms("<p>party</p>", [evil])
