"""Word and field differences: nothing is lost, only what differs is marked."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from context.diffs import Row, diff_fields, diff_text

lines = st.lists(st.text(alphabet="ab c.\t’é", max_size=30), max_size=12).map("\n".join)


def _side(rows: tuple[Row, ...], side: str) -> list[str]:
    spans = (getattr(row, side) for row in rows)
    return ["".join(span.text for span in line) for line in spans if line is not None]


@given(old=lines, new=lines)
def test_diff_text__any_two_texts__each_side_reads_as_its_text(old: str, new: str) -> None:
    rows = diff_text(old, new).rows
    assert _side(rows, "old") == old.splitlines()
    assert _side(rows, "new") == new.splitlines()


@given(text=lines)
def test_diff_text__same_text__nothing_is_marked(text: str) -> None:
    diff = diff_text(text, text)
    assert not diff.changed
    assert (diff.words_added, diff.words_removed) == (0, 0)


def test_diff_text__one_word_replaced__that_word_alone_is_marked() -> None:
    diff = diff_text("We pay in 30 days.\n\nNo exceptions.", "We pay in 45 days.\n\nNo exceptions.")
    changed = [row for row in diff.rows if row.changed]
    assert len(changed) == 1
    assert [span.text for span in changed[0].old or () if span.changed] == ["30"]
    assert [span.text for span in changed[0].new or () if span.changed] == ["45"]
    assert (diff.words_added, diff.words_removed) == (1, 1)


def test_diff_text__line_inserted_between__neighbours_stay_unmarked() -> None:
    diff = diff_text("first line\nsecond line", "first line\nquite another thing\nsecond line")
    assert [row.changed for row in diff.rows] == [False, True, False]
    assert diff.rows[1].old is None


def test_diff_fields__nested_amount_changed__path_names_it() -> None:
    old = {"level": "low", "limits": [{"amount": 1, "unit": "EUR"}, {"amount": 5, "unit": "EUR"}]}
    new = {"level": "low", "limits": [{"amount": 1, "unit": "EUR"}, {"amount": 7, "unit": "EUR"}], "note": ""}
    changes = diff_fields(old, new)
    assert [(change.path, change.old, change.new) for change in changes] == [(("limits", "2", "amount"), 5, 7)]


def test_diff_fields__field_removed__new_side_is_none() -> None:
    changes = diff_fields({"head": "Ada"}, {})
    assert [(change.path, change.old, change.new) for change in changes] == [(("head",), "Ada", None)]
