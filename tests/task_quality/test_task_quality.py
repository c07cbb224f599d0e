"""What governs a task is told from its actions or from what must not be done; what is measured is the product's own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from django.utils import timezone

from agents.task_quality.measuring import REQUIRED, SEARCHED, SECTIONS, measure, stands_in, words_of
from agents.task_quality.reading import PREFACE, needed_for, read_tasks, sections_of
from context.errors import InvalidInput

POLICY = """# Shop policy

Ask who the user is first.

## Cancel pending order

An order can be **cancelled** while it is pending.

## Modify pending order

Its address can be changed.

### Modify items

- Items are changed once.
- The price difference is paid.

## Return delivered order

"""
# Longer than the smallest budget that is measured.
LONG = " ".join(f"Parcel {number} is returned within {number} days." for number in range(2, 62))


def task(number: int, asked: str, *tools: str, asserted: Sequence[str] = ()) -> dict[str, object]:
    return {
        "id": str(number),
        "description": {"purpose": None},
        "user_scenario": {"instructions": {"reason_for_call": asked, "task_instructions": ""}},
        "evaluation_criteria": {"actions": [{"name": tool} for tool in tools], "nl_assertions": list(asserted) or None},
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "policy.md").write_text(POLICY + LONG)
    tasks = [
        task(0, "Cancel my pending order.", "get_order_details", "cancel_pending_order"),
        task(1, "Change the items of my pending order.", "modify_pending_order_items"),
        task(2, "Who are you?", "get_order_details"),
        task(4, "Return my delivered parcel.", "return_delivered_order_items"),
        task(3, "Cancel it although it was delivered.", asserted=["Agent must not cancel the flight."]),
    ]
    (tmp_path / "tasks.json").write_text(json.dumps(tasks))
    return tmp_path


def test_sections__of_a_policy__are_its_preface_and_each_heading_with_its_own_text() -> None:
    assert [(section.heading, section.chapter) for section in sections_of(POLICY)] == [
        (PREFACE, PREFACE),
        ("Cancel pending order", "Cancel pending order"),
        ("Modify pending order", "Modify pending order"),
        ("Modify items", "Modify pending order"),
    ]


def test_needed__by_actions_that_change_something__else_by_words_and_only_what_the_policy_has(folder: Path) -> None:
    found = read_tasks(folder).tasks
    assert [(each.needed, each.from_words) for each in found] == [
        (("Cancel pending order",), False),
        (("Modify pending order", "Modify items"), False),
        ((), True),
        (("Return delivered order",), False),
        ((), True),
    ]
    headings = ["Cancel flight", "Refunds and Compensation"]
    words = "Agent should refuse the cancellation and any certificate."
    assert needed_for(tools=["get_user_details"], words=words, headings=headings) == (tuple(headings), True)


@pytest.mark.parametrize("broken", ["{}", "[]", "[1]", "nonsense", '[{"id": "1"}]'])
def test_read__tasks_that_are_none__are_refused(folder: Path, broken: str) -> None:
    (folder / "tasks.json").write_text(broken)
    with pytest.raises(InvalidInput):
        read_tasks(folder)


def test_measure__policy_required_whole__is_in_every_bundle_and_what_is_too_long_for_a_budget_is_missed(
    db: None, folder: Path
) -> None:
    told = measure(read_tasks(folder), now=timezone.now(), progress=lambda *said: None)
    by_way = {(outcome.way, outcome.budget): outcome for outcome in told}
    whole = by_way[REQUIRED, 8_000]
    assert (whole.tasks, whole.whole, whole.refused, whole.missed) == (5, 5, 0, [])
    assert whole.tokens > 5 * 500
    assert by_way[SECTIONS, 500].missed == [("4", ("Return delivered order",))]
    assert by_way[SECTIONS, 500].tokens <= 5 * 500
    assert by_way[SEARCHED, 8_000].refused == 0


def test_stands_in__a_section__only_where_every_line_of_it_does_however_it_is_laid_out() -> None:
    section = words_of("- Items are **changed** once.\n- The price difference is paid.")
    assert stands_in(section, words_of("Items are changed once. The price difference is paid. More."))
    assert not stands_in(section, words_of("Items are changed once."))


def test_read__retail_and_airline__every_task_is_governed_by_sections_that_exist(shared_data: Path) -> None:
    for name, count, governed in (("retail", 114, 101), ("airline", 50, 50)):
        found = read_tasks(shared_data / "agents" / name)
        headings = {section.heading for section in found.sections}
        assert len(found.tasks) == count
        assert PREFACE in headings
        assert all(set(each.needed) <= headings for each in found.tasks)
        assert sum(bool(each.needed) for each in found.tasks) == governed
