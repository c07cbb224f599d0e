"""Which changes are of substance and which of form, with the exact evidence; that nothing makes it slow."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from context.material import changes_of, classify, judge, weigh


@pytest.mark.parametrize(
    ("old", "new", "label", "aspect", "was", "now"),
    [
        ("Reply within 24 hours.", "Reply within 72 hours.", "changed-number", "quantity", "24 hours", "72 hours"),
        ("Keep it thirty (30) days.", "Keep it 30 business days.", "changed-number", "quantity",
         "thirty (30) days", "30 business days"),
        ("The fee is $5,000 a year.", "The fee is $500 a year.", "changed-number", "quantity", "$5,000", "$500"),
        ("Due by 1 May 2024.", "Due by 2 May 2024.", "changed-number", "date", "1 May 2024", "2 May 2024"),
        ("Use TLS 1.2 everywhere.", "Use TLS 1.3 everywhere.", "changed-number", "identifier", "1.2", "1.3"),
        ("Reply within 5 days.", "Reply after 5 days.", "reworded", "quantity", "5 days", "5 days"),
        ("You should lock the door.", "You must lock the door.", "changed-modality", "obligation", "should", "must"),
        ("Staff may work from home.", "Staff may not work from home.", "changed-modality", "obligation",
         "may", "may not"),
        ("The data is encrypted.", "The data is not encrypted.", "changed-modality", "negation", None, "not"),
        ("We send the Protected Data.", "We send the Personal Data.", "changed-term", "term", "Protected", "Personal"),
        ("Any employee may apply.", "Full-time employees may apply.", "reworded", "scope", "Any employee",
         "Full time employees"),
        ("It is paid.", "It is paid, except on leave.", "reworded", "scope", None, "except on leave"),
        ("Managers approve it.", "Directors approve it.", "changed-term", "scope", "Managers", "Directors"),
        ("Send A and B.", "Send A or B.", "reworded", "scope", "and", "or"),
    ],
)  # fmt: skip
def test_judge__substance__is_said_with_its_places(
    old: str, new: str, label: str, aspect: str, was: str | None, now: str | None
) -> None:
    change = judge(old, new)
    assert change.material
    reason = change.reasons[0]
    assert (change.label, reason.aspect) == (label, aspect)
    assert reason.why
    for text, place, said in ((old, reason.old, was), (new, reason.new, now)):
        if said is None:
            assert place is None
        else:
            assert place is not None
            assert text[place.start : place.end] == place.text
            assert place.text.replace("-", " ") == said


@pytest.mark.parametrize(
    ("old", "new", "label", "aspect"),
    [
        ("Keep it for 4 weeks.", "Keep it for 28 days.", "reworded", None),
        ("Within thirty (30) days, reply.", "Within 30 calendar days, reply.", "reworded", None),
        ("The employee shall reply.", "The employee must reply.", "reworded", None),
        ("**Reply** soon", "- Reply soon.", "unchanged", "format"),
        ("See [the guide](http://a.example/1).", "See [the guide](http://b.example/2).", "unchanged", "format"),
        ("we reply to customers", "We reply to Customers", "unchanged", "format"),
        ("We recieve many requests.", "We receive many requests.", "reworded", "typo"),
        ("The organisation decides.", "The organization decides.", "reworded", "typo"),
        ("See Section 4.2 for more.", "See Section 4.3 for more.", "changed-number", "reference"),
        ("## 3. Leave", "## 4. Leave", "changed-number", "numbering"),
        ("**11.3** Refunds.", "**11.4** Refunds.", "changed-number", "numbering"),
        ("Last updated: 1 May 2024", "Last updated: 2 May 2024", "changed-number", "stamp"),
        ("Only paid plans have Long Term Support.", "Only paid plans have LTS.", "reworded", "wording"),
        ("Ask about it, including but not limited to cost.", "Ask about it, including cost.", "reworded", None),
    ],
)
def test_judge__form_only__is_not_material(old: str, new: str, label: str, aspect: str | None) -> None:
    change = judge(old, new)
    assert not change.material, change.reasons
    assert change.label == label
    if aspect:
        assert change.reasons[0].aspect == aspect


def test_judge__a_defined_term_gives_way_to_a_word_that_is_none__says_so() -> None:
    change = judge("Ask the client first.", "Ask the punter first.", terms=["client"])
    assert change.material
    assert change.why == "“client” became “punter”, which is not a defined term."


OLD = """# Leave

Staff may take 25 days a year.

Requests go to the manager at least two weeks ahead. The manager answers within five days, and gives a reason.

- Sick leave is paid.
- Parents have 12 weeks.

Nothing here limits the law of the land.
"""
NEW = """# Leave

Nothing here limits the law of the land.

Staff may take 28 days a year.

Requests go to the manager at least two weeks ahead.

The manager answers within five days, and gives a reason.

- Sick leave is paid!
- Carers have one week a year, unpaid.
"""


def test_classify__two_texts__passages_are_paired_and_counted() -> None:
    changes = classify(OLD, NEW)
    said = {
        (change.move, change.label, change.material): (change.old or change.new).text[:14]
        for change in changes_of(changes)
    }
    assert said == {
        ("same", "changed-number", True): "Staff may take",
        ("removed", "reworded", True): "- Parents have",
        ("added", "reworded", True): "- Carers have ",
        ("moved", "unchanged", False): "Nothing here l",
        ("split", "unchanged", False): "Requests go to",
        ("same", "unchanged", False): "- Sick leave i",
    }
    assert str(weigh(changes)) == "3 substantive, 3 editorial"
    assert [change.material for change in changes_of(changes)] == [True] * 3 + [False] * 3


def test_classify__merged__is_one_change_of_form() -> None:
    merged = [change for change in classify(NEW, OLD) if change.move == "merged"]
    assert [change.material for change in merged] == [False]
    assert merged[0].old is not None
    assert merged[0].old.text.startswith("Requests")
    assert merged[0].old.text.endswith("gives a reason.")


PIECES = st.sampled_from(
    ["must", "must not", "30 days", "4 weeks", "not", "Section 3", "\n\n", "\n", "- ", "# ", "[a](b)", "Term", "all",
     "[",
     "](", "{{", "<", "|", "1.",
     "\u200b", "\ud800", "😀", "ﬁ", "١", "\x00"]
)  # fmt: skip
TEXTS = st.one_of(st.text(max_size=120), st.lists(PIECES, max_size=40).map(" ".join), st.lists(PIECES).map("".join))


@settings(deadline=None)  # the first example reads the table of units
@given(TEXTS, TEXTS)
def test_classify__any_two_texts__places_are_exact_and_every_word_is_accounted_for(old: str, new: str) -> None:
    changes = classify(old, new)
    assert changes == classify(old, new)
    for change in changes:
        for text, place in ((old, change.old), (new, change.new)):
            assert place is None or text[place.start : place.end] == place.text
        for reason in change.reasons:
            for text, place in ((old, reason.old), (new, reason.new)):
                assert place is None or text[place.start : place.end] == place.text
    for text, side in ((old, "old"), (new, "new")):
        covered = [False] * len(text)
        for change in changes:
            place = getattr(change, side)
            for i in range(place.start, place.end) if place else ():
                covered[i] = True
        assert all(covered[i] or not c.isalnum() for i, c in enumerate(text))


@settings(deadline=None)  # the first example reads the table of units
@given(TEXTS)
def test_classify__the_same_text__nothing_changed(text: str) -> None:
    assert not any(change.changed for change in classify(text, text))


@pytest.mark.parametrize("piece", ["a ", "[", "](", "{{ ", "<a ", "word\n\n", "- x\n", "1. ", "30 days "])
def test_classify__huge_and_hostile__ends_soon(piece: str) -> None:
    old = piece * (60_000 // len(piece))
    started = time.process_time()
    classify(old, "b " + old[: len(old) // 2] + " other words here " + old[len(old) // 2 :])
    assert time.process_time() - started < 8
