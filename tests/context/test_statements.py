"""Hot statements are numbered by us; names and percent signs mean what they do to psycopg."""

from __future__ import annotations

import pytest

from context.statements import rows

pytestmark = pytest.mark.django_db


def test_statement__name_that_occurs_twice_and_a_percent_sign__are_what_they_say() -> None:
    found = rows("SELECT %(b)s::int, %(a)s::text || '%%', %(b)s::int + 1", {"a": "half", "b": 7, "unused": 1})
    assert found == [(7, "half%", 8)]


def test_statement__percent_sign_that_stands_alone__is_refused() -> None:
    with pytest.raises(ValueError, match="%%"):
        rows("SELECT 5 % 2", {})
