"""A long command shows how far it is: a bar on a terminal, lines elsewhere."""

from __future__ import annotations

from io import StringIO

from governance.management.progress import Progress


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def test_progress__on_a_terminal__draws_one_line_and_ends_it():
    stream = Terminal()
    progress = Progress(stream)
    for done in range(1, 4):
        progress("Reading", done, 3)
    drawn = stream.getvalue()
    assert drawn.count("\n") == 1
    assert drawn.endswith(f"\rReading {'█' * 30} 3 of 3\n")


def test_progress__elsewhere__says_a_line_now_and_then(monkeypatch):
    clock = iter(range(0, 1_000, 2))
    monkeypatch.setattr("governance.management.progress.time.monotonic", lambda: float(next(clock)))
    stream = StringIO()
    progress = Progress(stream)
    for done in range(1, 11):
        progress("Reading", done, 10)
    lines = stream.getvalue().splitlines()
    assert lines == ["Reading: 3 of 10", "Reading: 6 of 10", "Reading: 9 of 10"]


def test_progress__nothing_to_do__is_no_error():
    Progress(Terminal())("Reading", 0, 0)
