"""Terminology: names that should not be used, in items, drafts and contracts, and what is no use of them."""

from __future__ import annotations

import time
from collections.abc import Iterable
from itertools import combinations
from typing import Any

import pytest
from django.utils import timezone

from context.access import principal_for
from context.models import ContextItem
from governance.drift import terms_seeking
from governance.drift.detectors import Looking, Subjects
from governance.drift.drafts import FindingDraft
from governance.drift.terms import DETECTOR, detect
from governance.drift.terms_checking import check_terms, expansions_in
from governance.drift.terms_matching import Matcher, Name
from governance.drift.terms_reading import Term, Terms, read_terms, terms_of
from governance.drift.terms_texts import Text
from governance.models import Finding
from tests.cast import Cast, creation, publish, revision
from tests.governance.drift.conftest import scan


def term(title: str, **more: Any) -> Term:
    given: dict[str, Any] = {
        "item_id": abs(hash(title)) % 10**6,
        "key": f"sales/{title.lower().replace(' ', '-')}",
        "title": title,
        "version": 1,
        "abbreviation": "",
        "aliases": (),
        "deprecated": (),
    }
    return Term(**{**given, **more})


SLACKWATER = term("Slackwater", aliases=("stock throughput",), deprecated=("StoreSafe", "storage cover"))
MEMBER = term("Member", deprecated=("client",), definition="A haulier or merchant that the society insures.")
TERMS = terms_of([SLACKWATER, MEMBER])


def written(text: str, terms: Terms = TERMS, **more: Any) -> list[str]:
    return [use.written for use in check_terms(text, terms=terms, **more)]


@pytest.mark.parametrize(
    ("text", "uses"),
    [
        ("A StoreSafe policy renews.", ["StoreSafe"]),
        ("Two StoreSafes, and Storage-Cover for a year.", ["StoreSafes", "Storage-Cover"]),
        ("**StoreSafe** is sold here.", ["StoreSafe"]),
        ("Keep it in a store safe from rain.", []),
        ("It is called “StoreSafe” on the web.", []),
        ("Slackwater was StoreSafe until 2026.", []),
        ("Slackwater is new. StoreSafe was old.", ["StoreSafe"]),
        ("Run `StoreSafe --help`, or see [it](https://example.org/StoreSafe).", []),
        ("Each client that the society insures is a haulier or a merchant.", ["client"]),
        ("Premium is held in a client account.", []),
    ],
)
def test_check__text__tells_uses_from_mentions_and_other_meanings(text: str, uses: list[str]) -> None:
    assert written(text) == uses


def test_check__title_tells_of_the_renaming_or_text_is_the_terms_own__is_no_use() -> None:
    text = "StoreSafe had many friends."
    assert written(text) == ["StoreSafe"]
    assert written(text, title="From StoreSafe to Slackwater") == []
    assert written(text, title="About StoreSafe") == ["StoreSafe"]
    assert written(text, own_key=SLACKWATER.key) == []


def test_check__use__says_where_and_what_instead() -> None:
    [use] = check_terms("Our StoreSafe policy.", terms=TERMS)
    assert ("Our StoreSafe policy."[use.start : use.end], use.instead) == ("StoreSafe", "Slackwater")
    assert use.sentence == "“StoreSafe” should no longer be used; the term is “Slackwater”."


def test_terms__deprecated_name_is_the_right_name_of_another__is_no_use() -> None:
    terms = terms_of([term("Premium", deprecated=("Fee",)), term("Fee")])
    assert written("The Fee is due.", terms) == []


def test_terms__former_name__is_a_use_unless_it_is_still_right_somewhere() -> None:
    former = [(SLACKWATER.key, 2, "DryDock"), (MEMBER.key, 2, "stock throughput")]
    terms = terms_of([SLACKWATER, MEMBER], former=former)
    [use] = check_terms("A DryDock policy. It covers stock throughput.", terms=terms)
    assert use.sentence == "“DryDock” was renamed to “Slackwater” in version 2 of the term."


def test_expansions__initials_match__are_found_with_the_words() -> None:
    text = "The Solvency Capital Requirement (SCR) and the Key Risk Register (KRR) matter (see AB)."
    assert [(each.short, each.long) for each in expansions_in(text)] == [
        ("SCR", "Solvency Capital Requirement"),
        ("KRR", "Key Risk Register"),
    ]


def test_matcher__longest_name_wins_and_every_meaning_is_told() -> None:
    matcher = Matcher([Name("risk", 1), Name("risk appetite", 2), Name("Risk Appetite", 3, exact=True)])
    assert [match.name.means for match in matcher.matches("risk appetites, Risk appetite, risk")] == [2, 2, 1]
    assert [match.name.means for match in matcher.matches("Our Risk Appetite")] == [2, 3]
    assert list(Matcher[int]([]).matches("anything")) == []


def test_matcher__hostile_text_and_thousands_of_names__takes_time_in_proportion() -> None:
    matcher = Matcher([Name(f"risk {n} of kind {n}", n) for n in range(5_000)])
    for text in ("risk 1 of kind " * 8_000, "(" * 100_000, "a-" * 60_000 + "(AB)", "`" * 100_001, "](" * 60_000):
        begun = time.perf_counter()
        list(matcher.matches(text))
        list(expansions_in(text))
        assert time.perf_counter() - begun < 5, text[:20]


def terminology(key: str, title: str, **data: Any) -> Any:
    return creation(key, kind="term", title=title, body="What it is.", data={"definition": "A thing we sell.", **data})


@pytest.fixture
def _only_terms(settings: Any) -> None:
    settings.DRIFT_DETECTORS = {"terminology": "governance.drift.terms.DETECTOR"}


def scanned() -> list[Finding]:
    scan(now=timezone.now())
    return list(Finding.objects.filter(state="open").order_by("subject_id"))


@pytest.mark.usefixtures("_only_terms")
def test_scan__deprecated_name_in_a_text__one_finding_with_each_place_and_the_mend(cast: Cast) -> None:
    publish(
        cast,
        terminology("sales/slackwater", "Slackwater", deprecated_aliases=["StoreSafe"]),
        creation("legal/cover", body="A StoreSafe policy.\n\nAnother StoreSafe policy."),
        creation("legal/history", title="From StoreSafe to Slackwater", body="StoreSafe was its name."),
    )

    [finding] = scanned()

    assert (finding.subject_id, finding.evidence["figures"]) == ("legal/cover", {"places": 2})
    assert finding.proposal["replacements"] == [["StoreSafe", "Slackwater"]]
    first = finding.evidence["passages"][0]
    assert first["text"][slice(*first["marks"][0])] == "StoreSafe"
    publish(cast, revision("legal/cover", body="A Slackwater policy."))
    assert scanned() == []


@pytest.mark.usefixtures("_only_terms")
def test_scan__term_is_renamed__texts_with_the_old_name_are_found_though_they_did_not_change(cast: Cast) -> None:
    publish(cast, terminology("sales/dock", "DryDock"), creation("legal/cover", body="A DryDock policy."))
    assert scanned() == []
    publish(cast, revision("sales/dock", title="WetDock"))

    [finding] = scanned()

    assert finding.evidence["sentence"] == "“DryDock” was renamed to “WetDock” in version 2 of the term."


@pytest.mark.usefixtures("_only_terms")
def test_scan__abbreviation_of_two_things__is_one_finding(cast: Cast) -> None:
    publish(
        cast,
        terminology("sales/stp", "Stock throughput", abbreviation="STP"),
        creation("legal/a", body="Our Stock Throughput Policies (STP) are many. Service levels (SL) are none."),
        creation("legal/b", body="Straight Through Processing (STP) saves time."),
    )

    [finding] = scanned()

    assert finding.summary == "“STP” stands for more than one thing."
    assert "Straight Through Processing" in finding.evidence["sentence"]
    assert "Policies" not in finding.evidence["sentence"]


def test_terms__of_a_reader__are_those_they_may_know(cast: Cast) -> None:
    publish(
        cast,
        terminology("sales/open", "Slackwater", deprecated_aliases=["StoreSafe"]),
        creation(
            "legal/secret",
            kind="term",
            title="Project Kelp",
            sensitivity="confidential",
            body="x",
            data={"definition": "x", "deprecated_aliases": ["OldKelp"]},
        ),
    )
    now = timezone.now()
    text = "OldKelp and StoreSafe."
    assert written(text, read_terms(at=now, principal=principal_for(cast.author))) == ["OldKelp", "StoreSafe"]
    assert written(text, read_terms(at=now, principal=principal_for(cast.outsider))) == ["StoreSafe"]


@pytest.mark.usefixtures("_only_terms")
def test_scan__abbreviation_that_nothing_explains__is_one_finding_where_many_texts_use_it(cast: Cast) -> None:
    publish(
        cast,
        *(creation(f"legal/text-{n}", body=f"Ask the QRB about part {n}, NOT the EU or the PRB.") for n in range(3)),
        creation("legal/one", body="The Premium Review Board (PRB) meets; it is not a VXB."),
    )

    [finding] = scanned()

    assert finding.summary == "Nothing explains what “QRB” stands for."
    assert (finding.subject_id, finding.evidence["figures"]) == ("legal/text-0", {"texts": 3})
    publish(cast, terminology("sales/qrb", "Quarterly Risk Board", abbreviation="QRB"))
    assert scanned() == []


def told(found: Iterable[FindingDraft]) -> dict[str, str]:
    return {draft.fingerprint("terminology"): draft.evidence_digest for draft in found}


@pytest.mark.usefixtures("_only_terms")
def test_detect__some_items__tells_of_them_what_a_look_at_everything_tells(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(
        cast,
        terminology("sales/slackwater", "Slackwater", deprecated_aliases=["StoreSafe", "storage policies"]),
        terminology("sales/stp", "Stock throughput", abbreviation="STP"),
        terminology("sales/svt", "Slow transit", abbreviation="STP"),
        creation("legal/a", body="A StoreSafe form, and a storage-policy as well. Ask the QRB."),
        creation("legal/b", body="Straight Through Processing (STP) saves time. Ask the QRB, or a NAB, PRB or VXB."),
        creation("legal/c", body="The QRB meets. Each NAB, PRB and VXB is read."),
        creation("legal/d", body="Much ado: nab the *Storage\nPolicies* before noon, NAB, PRB or VXB."),
        creation("legal/e", body="The Premium Review Board (PRB) and the QRBs sit; StoreSafes do not."),
        creation("legal/f", body="Nothing here is of any interest."),
    )
    now, looking = timezone.now(), Looking(full=False, defaults=DETECTOR.defaults)
    items = dict(ContextItem.objects.values_list("pk", "key"))
    everything = list(detect(Subjects(item_ids=sorted(items), everything=True), now=now, context=looking))
    assert len(everything) >= 6
    read = []
    monkeypatch.setattr(terms_seeking, "Text", lambda **said: read.append(said["key"]) or Text(**said))
    alone = next(number for number, key in items.items() if key == "legal/f")
    assert told(detect(Subjects(item_ids=[alone]), now=now, context=looking)) == {}
    assert read == ["legal/f"]  # what shares no word with it was not read
    for some in combinations(sorted(items), 2):
        # Every finding concerns, by what lies in its texts, more items than it names: those named are a part of them.
        named = [draft for draft in everything if {draft.item_id, *draft.other_item_ids} & set(some)]
        found = told(detect(Subjects(item_ids=some), now=now, context=looking))
        assert told(named).items() <= found.items()
        assert found.items() <= told(everything).items()


@pytest.mark.usefixtures("_only_terms")
def test_scan__first_of_several_texts_drops_the_abbreviation__the_finding_stays_with_the_others(cast: Cast) -> None:
    publish(cast, *(creation(f"legal/text-{n}", body=f"Ask the QRB about part {n}.") for n in range(4)))
    assert len(scanned()) == 1
    publish(cast, revision("legal/text-0", body="Ask nobody."))

    [finding] = scanned()

    assert (finding.summary, finding.times_opened) == ("Nothing explains what “QRB” stands for.", 1)
