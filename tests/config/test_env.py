"""The readers of environment variables: what they take, and that what they refuse is named."""

from __future__ import annotations

import pytest

from config import env


def test_flag__words_of_either_kind__are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    for raw, value in {"1": True, "yes": True, "On": True, "TRUE": True, "0": False, "no": False, "off": False}.items():
        monkeypatch.setenv("A_FLAG", raw)
        assert env.flag("A_FLAG", default=not value) is value


def test_flag__empty_or_absent__is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("A_FLAG", raising=False)
    assert env.flag("A_FLAG", default=True) is True
    monkeypatch.setenv("A_FLAG", "")
    assert env.flag("A_FLAG", default=True) is True


def test_flag__anything_else__is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_FLAG", "perhaps")
    with pytest.raises(env.EnvironmentVariableError, match="A_FLAG is 'perhaps'"):
        env.flag("A_FLAG", default=False)


@pytest.mark.parametrize("raw", ["ten", "1.5", "0x10"])
def test_integer__no_whole_number__is_refused_by_name(monkeypatch: pytest.MonkeyPatch, raw: str) -> None:
    monkeypatch.setenv("A_NUMBER", raw)
    with pytest.raises(env.EnvironmentVariableError, match="A_NUMBER"):
        env.integer("A_NUMBER", 1)


def test_integer__below_the_minimum__is_refused_with_the_minimum(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_NUMBER", "3")
    with pytest.raises(env.EnvironmentVariableError, match="A_NUMBER is 3: it must be 5 or more"):
        env.integer("A_NUMBER", 9, minimum=5)


def test_words__commas_and_spaces__are_cleaned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_WORDS", " a.example , b.example,, ")
    assert env.words("SOME_WORDS") == ["a.example", "b.example"]


def test_database__percent_signs_and_options__are_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_URL", "postgresql://us%40er:p%3Aw@db.example:6543/na%20me?sslmode=require")
    read = env.database("A_URL")
    assert (read["USER"], read["PASSWORD"], read["HOST"], read["PORT"], read["NAME"]) == (
        "us@er",
        "p:w",
        "db.example",
        "6543",
        "na me",
    )
    assert read["OPTIONS"] == {"sslmode": "require"}


@pytest.mark.parametrize("raw", ["mysql://a/b", "postgresql://host/", "nonsense"])
def test_database__not_a_postgresql_url__is_refused_by_name(monkeypatch: pytest.MonkeyPatch, raw: str) -> None:
    monkeypatch.setenv("A_URL", raw)
    with pytest.raises(env.EnvironmentVariableError, match="A_URL must look like postgresql://"):
        env.database("A_URL")


@pytest.mark.parametrize(
    "raw", ["host:4318", "ftp://host", "http://", "https://user:secret@host", "http://host/?key=1"]
)
def test_url__no_plain_address__is_refused_by_name_without_repeating_it(
    monkeypatch: pytest.MonkeyPatch, raw: str
) -> None:
    monkeypatch.setenv("AN_ADDRESS", raw)
    with pytest.raises(env.EnvironmentVariableError, match="AN_ADDRESS") as refusal:
        env.url("AN_ADDRESS")
    assert "secret" not in str(refusal.value)


def test_choice__unknown_word__is_refused_with_what_would_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_CHOICE", "all")
    with pytest.raises(env.EnvironmentVariableError, match="A_CHOICE is 'all': write one of public, internal"):
        env.choice("A_CHOICE", ("", "public", "internal"))
    monkeypatch.delenv("A_CHOICE")
    assert env.choice("A_CHOICE", ("", "public")) == ""
