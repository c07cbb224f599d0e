"""Claims: what is read out of texts, with exact places, and which two claims cannot both hold."""

from __future__ import annotations

import time
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from context.claims.claim import Claim
from context.claims.conflicts import clash_of
from context.claims.deciding import contradiction
from context.claims.declared import declared_claims, place_in
from context.claims.figures import Figure, cannot_both_hold
from context.claims.lexicon import are_opposite, exclusive_class, lexicon, say_the_same
from context.claims.modality import Modality
from context.claims.places import stand_apart
from context.claims.reading import claims_in, read
from context.claims.sentences import sentences_of

# What one text says, what the other says, and whether both can stand in one organisation.
CONTRADICTORY = [
    ("Invoices must be paid within 30 days of receipt.", "Invoices must be paid within 45 days of receipt."),
    ("Employees may carry over 5 days of leave.", "Employees may carry over 10 days of leave."),
    ("Contracts above GBP 10,000 need two signatures.", "Contracts above GBP 10,000 need three signatures."),
    ("Passwords must be changed every 90 days.", "Passwords must be changed every 180 days."),
    ("Data is kept for six years.", "Data is kept for seven years."),
    ("The notice period is at least 90 days.", "The notice period is 60 days."),
    ("Managers approve expenses up to GBP 500.", "Managers approve expenses up to GBP 5,000."),
    ("Personal data breaches are reported within 24 hours.", "Personal data breaches are reported within 72 hours."),
    ("Brokers must hold premium in a trust account.", "Brokers must not hold premium in a trust account."),
    ("Brokers must hold premium in a trust account.", "Brokers need not hold premium in a trust account."),
    ("Staff may accept gifts.", "Staff must not accept gifts."),
    ("Employees may accept gifts from suppliers.", "Staff must not accept gifts from suppliers or agents."),
    ("Staff may work abroad.", "Staff must not work abroad without the prior approval of their manager."),
    ("All laptops must be encrypted.", "Laptops need not be encrypted."),
    ("All visitors must sign in at reception.", "Visitors do not have to sign in at reception."),
    ("All files must be labelled by their author.", "Files are kept for a year, whether or not they are labelled."),
    ("Employees must lock their doors within 5 minutes.", "Staff must lock their doors within 10 minutes."),
    ("Brokers must report claims within 5 days.", "Brokers shall report claims within 10 days."),
    ("Fees are refundable.", "Fees are non-refundable."),
    ("Remote work is permitted.", "Remote work is prohibited."),
    (
        "Premium on open-market business must reach our account within 45 days of the inception of the policy.",
        "Premium on open-market business is to reach us within 30 days of the inception of the policy.",
    ),
    (
        "The register shall only include active suppliers.",
        "“Register” means all suppliers, former ones, partners under contract, sponsors, agents and landlords.",
    ),
    (
        "The register shall only include active suppliers.",
        "All suppliers, former ones, sponsors, agents, partners and landlords that have signed (the “Register”) vote.",
    ),
]
COMPATIBLE = [
    # A scope: tier, people, country, object, condition, exception, period.
    ("Gold customers may return goods within 30 days.", "Silver customers may return goods within 60 days."),
    ("Employees may carry over 5 days of leave.", "Employees in Germany may carry over 10 days of leave."),
    ("Invoices must be paid within 30 days of receipt.", "Supplier invoices must be paid within 45 days of receipt."),
    ("Directors may travel first class.", "Staff must not travel first class."),
    ("Staff may accept gifts from charities.", "Staff must not accept gifts from suppliers."),
    ("Staff may accept gifts with the approval of their manager.", "Staff must not accept gifts."),
    ("Customer data must not leave the EU.", "Customer data may leave the EU where the customer agrees."),
    ("Employees must wear a badge unless they work remotely.", "Employees must not wear a badge."),
    ("Notices will be published.", "We must not publish unredacted notices."),
    ("The office in Germany opens at 9.", "The office in France opens at 8."),
    ("The first reminder is sent after 10 days.", "The second reminder is sent after 20 days."),
    (
        "Letters of members are answered within 10 days in Leith by the claims team.",
        "Letters of members are answered within 20 days in London by the claims team.",
    ),
    (
        "Members receive their refund from the claims team within 5 working days.",
        "Members receive a refund from the claims team within 5 hours.",
    ),
    (
        "Premium must reach our account within 45 days of the inception.",
        "Premium must reach our account within 30 days of the endorsement of a changed cover note.",
    ),
    ("Staff may accept gifts from charities.", "Staff must not accept gifts."),
    ("Staff may accept gifts.", "Staff must not accept gifts from suppliers."),
    ("Staff may share plans in emergencies.", "Staff must not share plans other than in emergencies."),
    (
        "Staff may work abroad with the approval of their manager.",
        "Staff must not work abroad without the prior approval of their manager.",
    ),
    ("The first reminder is sent by letter.", "The second reminder is sent by letter."),
    ("The new office opens at 9.", "The old office opens at 9."),
    ("The discount is 10 % for members.", "The discount is 15 % for non-members."),
    ("Trips that are for training are paid.", "Trips that are not for training are paid."),
    # Tiers of one rule.
    ("Contracts above GBP 10,000 need two signatures.", "Contracts above GBP 50,000 need three signatures."),
    ("Managers approve expenses up to GBP 500.", "Directors approve expenses up to GBP 5,000."),
    # What a term in brackets stands for is named right before it: neither what is done with that, nor what follows.
    (
        "The register shall only include active suppliers.",
        "Landlords, sponsors, agents, partners, tenants, carriers will be told of active suppliers (the “Register”).",
    ),
    (
        "The register shall only include active suppliers.",
        "Active suppliers (the “Register”) meet landlords, sponsors, agents, partners, tenants and carriers.",
    ),
    # The same in other words, and bounds that leave room for each other.
    ("Data is kept for six years.", "Data is kept for 6 years."),
    ("Data is kept for 6 years.", "Data is kept for 72 months."),
    ("The notice period is at least 30 days.", "The notice period is 60 days."),
    ("Staff must lock their screens.", "Employees must lock their screens."),
    # Other things.
    ("A refund takes 5 working days.", "A refund takes 5 days."),
    ("The retention period is 7 years.", "Customer records are kept for 10 years."),
    ("Interns may not approve invoices.", "Interns approve invoices in May."),
    ("Last updated: 8 June 2023", "Last updated: 27 February 2023"),
    ("This takes 3 working days to arrive.", "This takes 5 working days to arrive."),
    ("[Supervisor guide 1.1](https://example.org/a)", "[Supervisor guide 1.2](https://example.org/a)"),
]


@pytest.mark.parametrize(("a", "b"), CONTRADICTORY)
def test_contradiction__both_cannot_hold__is_found_either_way_round(a: str, b: str) -> None:
    found, turned = contradiction(a, b), contradiction(b, a)
    assert found is not None
    assert turned is not None
    assert (found.rule, found.a, found.b) == (turned.rule, turned.b, turned.a)
    for text, place in ((a, found.a), (b, found.b)):
        assert 0 <= place.start <= place.focus[0] < place.focus[1] <= place.end <= len(text)
    assert found.sentence.endswith(".")


@pytest.mark.parametrize(("a", "b"), COMPATIBLE)
def test_contradiction__scope_or_wording_differs__is_none(a: str, b: str) -> None:
    assert contradiction(a, b) is None
    assert contradiction(b, a) is None


def test_contradiction__figures_differ__highlights_the_figures_in_long_texts() -> None:
    a = "# Payment\n\nWe pay on time.\n\n- Invoices must be paid within 30 days of receipt.\n- Reminders cost nothing."
    b = "Invoices must be paid within 45 days of receipt. We answer letters."
    found = contradiction(a, b)
    assert found is not None
    assert (a[slice(*found.a.focus)], b[slice(*found.b.focus)]) == ("30 days", "45 days")
    assert a[found.a.start : found.a.end] == "Invoices must be paid within 30 days of receipt."
    assert found.sentence == "The two say the same but for the figure: one has “30 days”, the other “45 days”."


def test_contradiction__list_continues_its_lead__the_entry_is_read_with_it() -> None:
    a = "The receiving party shall not:\n\n- copy the plans;\n- disclose the plans to any third party."
    assert contradiction(a, "The receiving party may disclose the plans to third parties.") is not None
    assert contradiction(a, "The receiving party may read the plans in the office.") is None


@pytest.mark.parametrize(
    ("a", "b", "told"),
    [
        ("A woman in a red coat is waiting.", "A woman in a blue coat is waiting.", True),
        ("Two men are sitting near the road.", "Two men are sitting far away from the road.", True),
        ("A family is eating in Japan.", "A family is eating in Peru.", True),
        ("A man is holding a carrot.", "A man is holding a vegetable.", False),
        ("A small dog is running.", "A little dog is running.", False),
        ("At least two men are waiting.", "At least three men are waiting.", False),
        ("Customers in Japan pay a fee.", "Customers in Peru pay a fee.", False),
        ("Gold members must pay at once.", "Silver members must pay at once.", False),
    ],
)
def test_contradiction__one_situation__words_that_exclude_each_other_count_in_descriptions_only(
    a: str, b: str, told: bool
) -> None:
    assert (contradiction(a, b, one_situation=True) is not None) is told


def test_contradiction__between_items__a_country_or_colour_is_a_scope() -> None:
    assert contradiction("A family is eating in Japan.", "A family is eating in Peru.") is None
    assert contradiction("A woman in a red coat is waiting.", "A woman in a blue coat is waiting.") is None


def test_contradiction__shared_scope__is_no_difference() -> None:
    a = "Premium placed by United Kingdom brokers must reach our account within 45 days of the inception."
    b = "Premium must reach our account within 30 days of the inception."
    assert contradiction(a, b) is None
    assert contradiction(a, b, shared_scope=frozenset({"place", "unit", "kingdom", "broker"})) is not None


def test_claims__of_a_sentence__are_typed_with_exact_places() -> None:
    text = "Staff must not share plans with rivals. Claims are paid within 14 days of receipt."
    rule, figure = (claim for claim in claims_in(text) if claim.kind in ("rule", "quantity"))
    assert (rule.modality, rule.polarity, rule.acts & rule.things) == (Modality.MUST_NOT, False, frozenset())
    assert (text[slice(*figure.focus)], figure.comparator, figure.magnitude, figure.unit) == (
        "14 days",
        "<=",
        Decimal(14),
        "day",
    )
    assert text[rule.start : rule.end] == "Staff must not share plans with rivals."


@pytest.mark.parametrize(
    ("text", "modality"),
    [
        ("No claim may be settled by phone.", Modality.MUST_NOT),
        ("Claims may no longer be settled by phone.", Modality.MUST_NOT),
        ("No later than June, claims may be settled by phone.", Modality.MAY),
        ("Each party agrees: (a) not to copy the plans", Modality.MUST_NOT),
        ("Brokers are not required to report.", Modality.NEED_NOT),
        ("Brokers cannot report claims.", Modality.MUST_NOT),
        ("Brokers shan't report claims.", Modality.MUST_NOT),
        ("Brokers should not report claims.", Modality.SHOULD_NOT),
    ],
)
def test_modality__of_a_rule__is_read(text: str, modality: Modality) -> None:
    assert [claim.modality for claim in claims_in(text) if claim.kind == "rule"] == [modality]


def test_modality__month__is_no_permission() -> None:
    assert not [claim for claim in claims_in("Reports are due in May 2026 and by 3 May.") if claim.kind == "rule"]


def test_sentences__markdown__have_exact_places_and_no_code_or_headings() -> None:
    text = "# Title\n\nOne, e.g. this. Two!\n\n```\nthree.\n```\n\n- four;\n- five\n\n| six | seven |\n|---|---|\n"
    said = [text[each.start : each.end].strip() for each in sentences_of(text)]
    assert said == ["One, e.g. this.", "Two!", "four;", "five", "| six | seven |"]
    assert [each.row for each in sentences_of(text)] == [False, False, False, False, True]


DAYS = Decimal(30)


@pytest.mark.parametrize(
    ("one", "other", "shut_out"),
    [
        (Figure(DAYS, "<="), Figure(Decimal(45), "<="), True),
        (Figure(DAYS, "<="), Figure(DAYS, "<="), False),
        (Figure(DAYS, "<="), Figure(Decimal(45), ">="), True),
        (Figure(Decimal(45), "<="), Figure(DAYS, ">="), False),
        (Figure(DAYS, "<="), Figure(DAYS, ">="), False),
        (Figure(DAYS, "<"), Figure(DAYS, ">="), True),
        (Figure(Decimal(20)), Figure(DAYS, "<="), False),
        (Figure(DAYS), Figure(DAYS, "<"), True),
        (Figure(DAYS), Figure(Decimal(31)), True),
        (Figure(DAYS, "~"), Figure(Decimal(31)), False),
        (Figure(DAYS, "every"), Figure(Decimal(60), "every"), True),
        (Figure(DAYS, "", Decimal(60)), Figure(DAYS, "", Decimal(90)), True),
        (Figure(DAYS, "", Decimal(60)), Figure(Decimal(40)), False),
        (Figure(date(2026, 5, 1), "<="), Figure(date(2026, 6, 1), "<="), True),
        (Figure(date(2026, 5, 1), "<="), Figure(DAYS, "<="), False),
        (Figure(None), Figure(DAYS), False),
    ],
)
def test_figures__bounds__shut_each_other_out_or_leave_room(one: Figure, other: Figure, shut_out: bool) -> None:
    assert cannot_both_hold(one, other) is shut_out
    assert cannot_both_hold(other, one) is shut_out


def declared(**more: object) -> Claim:
    said = {
        "subject": "supplier invoices",
        "measure": "payment_term",
        "comparator": "at_most",
        "quantity": 30,
        "unit": "days",
        "scope": "United Kingdom",
        "role": "finance",
    }
    return declared_claims([{**said, **more}])[0]


def test_declared__same_subject_and_scope__other_limits_clash_and_other_scopes_do_not() -> None:
    assert clash_of(declared(), declared(quantity=45)) is not None
    for same in ({}, {"comparator": "exactly", "quantity": 20}, {"quantity": None}):
        assert clash_of(declared(), declared(**same)) is None
    for apart in ("scope", "role", "subject", "measure", "unit"):
        assert clash_of(declared(), declared(quantity=45, **{apart: "something else"})) is None


def test_declared__place__is_the_sentence_with_its_figure() -> None:
    body = "Reminders follow after 30 days.\n\nSupplier invoices in the United Kingdom are paid within 30 days."
    place = place_in(declared(), body)
    assert place is not None
    assert body[place[0] : place[1]].startswith("Supplier invoices")
    assert body[slice(*place[2])] == "30 days"
    assert place_in(declared(quantity=31), body) is None


def test_places__titles_of_other_countries_or_tiers__stand_apart() -> None:
    assert stand_apart("Leave in Germany", "Leave in France")
    assert stand_apart("Gold members", "Silver members")
    assert not stand_apart("Premium by brokers", "Broker terms")
    assert not stand_apart("Leave in Germany", "Germany: leave")


def test_lexicon__is_consistent() -> None:
    held = lexicon()
    assert exclusive_class("red", "blue") == "colour"
    assert exclusive_class("red", "scarlet") == ""
    assert are_opposite("near", "far away from")
    assert not are_opposite("near", "close to")
    assert say_the_same("disclosed", "share")
    both = [phrase for phrase, sides in held.opposites.items() if len({number for number, _ in sides}) != len(sides)]
    assert both == [], "a word stands on both sides of one pair"


WORDS = (
    "staff brokers premium invoices paid within days 30 45 GBP must not may no only include claims in Germany , . ; : ("
)
texts = st.lists(st.sampled_from(WORDS.split()), max_size=25).map(" ".join)


@given(a=texts, b=texts)
@settings(max_examples=300, deadline=None)
def test_contradiction__any_two_texts__is_symmetrical_and_places_are_within(a: str, b: str) -> None:
    found, turned = contradiction(a, b), contradiction(b, a)
    assert (found is None) == (turned is None)
    if found is not None and turned is not None:
        assert (found.a, found.b, found.rule) == (turned.b, turned.a, turned.rule)
        assert found.a.end <= len(a)
        assert found.b.end <= len(b)


@given(text=st.one_of(texts, st.text(max_size=200)))
@settings(max_examples=200, deadline=None)
def test_contradiction__with_itself__is_none(text: str) -> None:
    assert contradiction(text, text) is None
    assert contradiction(text, f"{text}  ", one_situation=True) is None


@given(
    pair=st.sampled_from(CONTRADICTORY[:8]),
    scope=st.sampled_from(["In Germany, ", "For gold customers, ", "If the manager agrees, ", "Outside the EU, "]),
)
def test_contradiction__scope_added_to_one__is_none(pair: tuple[str, str], scope: str) -> None:
    a, b = pair
    assert contradiction(f"{scope}{a[0].lower()}{a[1:]}", b) is None


@given(text=st.text(max_size=300))
@settings(max_examples=200, deadline=None)
def test_read__any_text__places_are_within_it_and_in_order(text: str) -> None:
    reading = read(text)
    starts = [each.sentence.start for each in reading.sentences]
    assert starts == sorted(starts)
    for claim in reading.claims:
        assert 0 <= claim.start <= claim.end <= len(text)


HOSTILE = [
    "must not " * 5_000,
    "( " * 12_500,
    "“" * 25_000,
    "a-" * 12_500,
    "1 " * 12_500,
    "whether or not " * 3_750,
    "](" * 12_500,
    "- x:\n" * 5_000,
    "without " * 6_250,
    "if only unless, " * 3_000,
    "x" * 50_000,
    "| a | b |\n" * 5_000,
    "must include only " * 3_000,
]


@pytest.mark.parametrize("text", HOSTILE, ids=[text[:16] for text in HOSTILE])
def test_read__hostile_text__takes_time_in_proportion(text: str) -> None:
    def seconds(part: str) -> float:
        """Of this thread's own work, which does not grow because others keep the cores busy."""
        read.cache_clear()
        begun = time.thread_time()
        read(part)
        return time.thread_time() - begun

    short = min(seconds(text[: len(text) // 4]) for _ in range(2))
    assert seconds(text) < max(16 * short, 0.5), "four times the text may not take sixteen times the time"


def test_contradiction__two_hostile_texts__ends_soon() -> None:
    a = "\n\n".join(f"Brokers must pay within {n} days of part {n} of the plan." for n in range(1_000))
    b = "\n\n".join(f"Brokers must read page {n} of the plan within {n} hours." for n in range(1_000))
    begun = time.thread_time()
    contradiction(a, b)
    assert time.thread_time() - begun < 20
