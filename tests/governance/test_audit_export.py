"""Exports: they prove themselves to a script alone, withhold what is above the clearance, and are inert."""

from __future__ import annotations

import csv
import io
import json
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from context.access import Principal, principal_for
from context.errors import InvalidInput, NotPermitted
from context.signing import public_key
from context.spreadsheets import text_cell
from governance.audit import ledger
from governance.audit.checkpoints import make_checkpoint
from governance.audit.export import as_csv, as_jsonl, as_ocsf, begin_export
from governance.audit.reading import EventFilters
from governance.audit.records import CSV_COLUMNS
from governance.audit.standalone import verify_export
from governance.audit.standalone.verify_export import Broken, check
from governance.models import AuditEvent, Checkpoint
from tests.cast import Cast, creation, publish
from tests.governance.forgery import export_of, genuine, signed_at, with_end

SCRIPT = Path(verify_export.__file__)
AUDITOR = Principal(kind="person", id=1, label="Aziz Auditor", clearance=1, roles=frozenset({("auditor", None)}))


def record(number: int = 0, *, label: str = "A subject", sensitivity: int = 1, **data: Any) -> AuditEvent:
    with transaction.atomic():
        return ledger.append(
            actor=AUDITOR,
            action="test.even" if number % 2 == 0 else "test.odd",
            subject=ledger.Subject(type="test", id=str(number), label=label, sensitivity=sensitivity),
            now=timezone.now(),
            data=data,
        )


def export(principal: Principal = AUDITOR, **filters: Any) -> list[bytes]:
    begun = begin_export(principal=principal, filters=EventFilters(**filters), format="jsonl", now=timezone.now())
    return list(as_jsonl(begun))


def of_type(lines: list[bytes], kind: str) -> list[dict[str, Any]]:
    return [said for line in lines if (said := json.loads(line))["type"] == kind]


def test_export__whole_ledger__proves_itself_and_is_an_event_in_it(db: None) -> None:
    for number in range(7):
        record(
            number, share=0.1, big=1e300, exact=10**16 + 0.0, text="naïve \u2028 ✓ \U0001f600", keys={"\U0001f600": 1}
        )
        if number == 3:
            make_checkpoint(now=timezone.now())

    lines = export()
    report = check(lines, [public_key()])

    assert (report.complete, report.events, report.first, report.last, report.checkpoints) == (True, 8, 1, 8, 2)
    assert report.root == Checkpoint.objects.get(sequence=8).merkle_root
    assert of_type(lines, "event")[-1]["action"] == "governance.audit.exported"


def test_export__part_of_the_ledger__each_event_is_proved_to_be_in_it(db: None) -> None:
    for number in range(20):
        record(number)
        if number in (4, 9):
            make_checkpoint(now=timezone.now())

    lines = export(action="test.odd")
    report = check(lines)

    assert (report.complete, report.events, report.checkpoints) == (False, 10, 3)
    assert len(of_type(lines, "inclusion")) == 10
    assert len(of_type(lines, "consistency")) == 2
    assert len(of_type(export(action="test"), "inclusion")) == 1  # one run without a gap
    assert check(export(action="nothing.at.all")).events == 0


def test_export__part_with_a_forged_event__is_broken(db: None) -> None:
    for number in range(6):
        record(number)
    records = [json.loads(line) for line in export(action="test.odd")][:-1]
    place = next(index for index, each in enumerate(records) if each["type"] == "inclusion")

    for forge in (
        lambda: records[:place] + records[place + 1 :],
        lambda: [each for each in records if each["type"] != "checkpoint"],
        lambda: [*records[:place], {**records[place], "path": records[place]["path"][::-1]}, *records[place + 1 :]],
        lambda: [*records[:place], {**records[place], "path": []}, *records[place + 1 :]],
    ):
        with pytest.raises(Broken):
            check(with_end(forge()))
    assert check(with_end(records)).events == 3


def test_export__event_above_the_clearance__its_payload_is_withheld_and_its_hash_still_holds(db: None) -> None:
    record(1, label="Open")
    record(2, label="The secret merger", sensitivity=3, secret="salt and all")
    last = record(3, label="Open again")

    text = b"".join(export())

    assert b"merger" not in text
    assert b"salt and all" not in text
    assert AuditEvent.objects.get(sequence=2).salt.encode() not in text
    assert AuditEvent.objects.get(sequence=last.sequence).salt.encode() in text
    report = check(text.splitlines(keepends=True))
    assert (report.withheld, report.events) == (1, 4)
    # A label that may not be read may not be searched for either.
    assert check(export(about="The secret")).events == 0
    for render in (as_csv, as_ocsf):
        begun = begin_export(principal=AUDITOR, filters=EventFilters(), format="csv", now=timezone.now())
        assert b"merger" not in b"".join(render(begun))


def test_export__not_an_auditor_or_an_unknown_format__is_refused(cast: Cast) -> None:
    with pytest.raises(NotPermitted):
        export(principal_for(cast.author))
    with pytest.raises(InvalidInput):
        begin_export(principal=AUDITOR, filters=EventFilters(), format="xlsx", now=timezone.now())
    assert not AuditEvent.objects.filter(action="governance.audit.exported").exists()


def test_export__ten_times_the_events__same_number_of_queries(db: None) -> None:
    def count() -> int:
        begun = begin_export(principal=AUDITOR, filters=EventFilters(action="test"), format="jsonl", now=timezone.now())
        with CaptureQueriesContext(connection) as queries:
            list(as_jsonl(begun))
        return len(queries)

    record(1)
    few = count()
    for number in range(40):
        record(number)
    assert count() == few


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1"])
def test_csv__cell_that_a_spreadsheet_would_compute__is_text_cell(db: None, text: str) -> None:
    record(1, label=text)
    begun = begin_export(principal=AUDITOR, filters=EventFilters(), format="csv", now=timezone.now())

    head, row, *_ = csv.reader(io.StringIO(b"".join(as_csv(begun)).decode(), newline=""))

    assert tuple(head) == CSV_COLUMNS
    assert row[head.index("subject")] == f"'{text}"
    assert text_cell("fine - really") == "fine - really"


def test_ocsf__each_event__has_the_shape_of_entity_management(db: None) -> None:
    record(1, label="A")
    with transaction.atomic():
        ledger.append(
            actor=AUDITOR,
            action="governance.review.denied",
            subject=ledger.Subject(type="change", id="4", label="B"),
            now=timezone.now(),
        )
    begun = begin_export(principal=AUDITOR, filters=EventFilters(), format="ocsf", now=timezone.now())

    events = [json.loads(line) for line in as_ocsf(begun)]

    for event, stored in zip(events, AuditEvent.objects.order_by("sequence"), strict=True):
        assert (event["category_uid"], event["class_uid"]) == (3, 3004)
        assert event["activity_id"] in {*range(14), 99}
        assert event["type_uid"] == 3004 * 100 + event["activity_id"]
        assert event["severity_id"] in range(7)
        assert event["status_id"] in {0, 1, 2, 99}
        assert event["time"] == int(stored.at.timestamp() * 1000)
        assert event["metadata"]["version"] == "1.3.0"
        assert event["metadata"]["product"]["vendor_name"]
        assert event["metadata"]["sequence"] == stored.sequence
        assert {"name", "uid", "type_id"} <= set(event["actor"]["user"])
        assert {"name", "uid", "type"} <= set(event["entity"])
        assert event["unmapped"]["hash"] == stored.hash
    assert [event["status"] for event in events] == ["Success", "Failure", "Success"]
    assert events[-1]["activity_name"] == "Read"


def run(*arguments: object) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-I", str(SCRIPT), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert not done.stderr, done.stderr
    return done.returncode, done.stdout


def test_script__run_alone__says_its_verdict_in_words_and_in_its_exit_code(db: None, tmp_path: Path) -> None:
    for number in range(4):
        record(number)
    file = tmp_path / "audit.jsonl"
    call_command("audit_export", str(file), stdout=io.StringIO())
    held = tmp_path / "held.json"
    held.write_text(json.dumps(of_type(file.read_bytes().splitlines(keepends=True), "checkpoint")[-1]))

    status, said = run(file, "--key", public_key(), "--checkpoints", held)
    assert (status, said.split(":")[0]) == (0, "HOLDS")
    assert "compare it with the key" in run(file)[1]
    other = "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE="
    assert run(file, "--key", other)[0] == 1
    file.write_bytes(file.read_bytes().replace(b"A subject", b"An object", 1))
    status, said = run(file, "--json")
    assert (status, json.loads(said)["holds"]) == (1, False)
    assert run(tmp_path / "nothing")[0] == 1


def test_script__imports__nothing_but_the_standard_library_and_cryptography() -> None:
    code = f"import sys, runpy; runpy.run_path({str(SCRIPT)!r}, run_name='x'); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, timeout=60, check=True)
    roots = {name.split(".")[0] for name in done.stdout.split()}
    foreign = {name for name in roots if name not in sys.stdlib_module_names} - {
        "cryptography",
        "cffi",
        "_cffi_backend",
    }
    assert not {"django", "context", "governance", "orjson", "rfc8785"} & foreign


def hostile() -> list[tuple[str, Callable[[list[bytes]], list[bytes]]]]:
    def event(change: Callable[[dict[str, Any]], object]) -> Callable[[list[bytes]], list[bytes]]:
        def alter(lines: list[bytes]) -> list[bytes]:
            said = json.loads(lines[3])
            change(said)
            return [*lines[:3], json.dumps(said).encode() + b"\n", *lines[4:]]

        return alter

    def line(text: bytes) -> Callable[[list[bytes]], list[bytes]]:
        return lambda lines: [*lines[:3], text + b"\n", *lines[4:]]

    return [
        ("empty", lambda lines: []),
        ("no header", lambda lines: lines[1:]),
        ("two headers", lambda lines: [lines[0], *lines]),
        ("no end", lambda lines: lines[:-1]),
        ("after the end", lambda lines: [*lines, lines[3]]),
        ("not JSON", line(b"{")),
        ("not an object", line(b"[1]")),
        ("not UTF-8", line(b'{"type": "\xff"}')),
        ("nested", line(b'{"type":' + b"[" * 100_000)),
        ("nested data", line(b'{"type": "event", "a": ' + b'{"a":' * 900 + b"1" + b"}" * 900 + b"}")),
        ("constant", line(b'{"type": "event", "sequence": NaN}')),
        ("huge number", line(b'{"type": "event", "sequence": ' + b"9" * 5000 + b"}")),
        ("infinite", event(lambda said: said["data"].update(number=float("1e308") * 10))),
        ("twice one name", line(b'{"type": "event", "type": "header"}')),
        ("unknown type", line(b'{"type": "\\u001b[31mred"}')),
        ("no type", line(b"{}")),
        ("text for a number", event(lambda said: said.update(sequence="1"))),
        ("true for a number", event(lambda said: said.update(sequence=True))),
        ("negative", event(lambda said: said.update(sequence=-1))),
        ("null actor", event(lambda said: said.update(actor=None))),
        ("list for data", event(lambda said: said.update(data=[]))),
        ("lone surrogate", event(lambda said: said["actor"].update(label="\ud800"))),
        ("hash in capitals", event(lambda said: said.update(hash=said["hash"].upper()))),
        ("withheld needlessly", event(lambda said: (said.update(payload_state="withheld"), said.pop("data")))),
        ("redacted by nobody", event(redact)),
    ]


def redact(said: dict[str, Any]) -> None:
    said["payload_state"] = "redacted"
    del said["data"], said["salt"], said["actor"]["label"], said["subject"]["label"]


@pytest.mark.parametrize(("name", "alter"), hostile(), ids=[name for name, _ in hostile()])
def test_script__hostile_file__is_named_broken_in_one_plain_line(
    name: str, alter: Callable[[list[bytes]], list[bytes]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    events = genuine(4, random.Random(1))
    lines = export_of(events, signed_at(events, 4))
    assert check(lines).events == 4
    file = tmp_path / "hostile.jsonl"
    file.write_bytes(b"".join(alter(lines)))

    assert verify_export.main([str(file)]) == 1
    said = capsys.readouterr().out
    assert said.startswith("BROKEN: ")
    assert said.count("\n") == 1
    assert said.isprintable() or said[:-1].isprintable()
    assert len(said) < 400


def test_redacted_by_nobody__with_the_end_signed_anew__is_still_found() -> None:
    events = genuine(4, random.Random(1))
    redact(events[1])
    with pytest.raises(Broken, match="event 2 has lost its payload"):
        check(export_of(events, signed_at(events, 4)))


def test_known_checkpoint__older_than_the_export_and_beyond_its_end__is_a_truncation() -> None:
    events = genuine(6, random.Random(1))
    held = signed_at(events, 6)
    with pytest.raises(Broken, match="truncated"):
        check(export_of(events[:4], signed_at(events, 4)), known=held)


def test_export__published_by_the_real_path__holds(cast: Cast) -> None:
    publish(cast, creation("legal/cap", title="Cap, “quoted” and ünïcode"))
    report = check(export(principal_for(cast.auditor)), [public_key()])
    assert report.events == AuditEvent.objects.count()
    assert report.withheld == 0
