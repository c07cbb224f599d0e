"""Hostile input over HTTP: each gets a problem document, nothing is stored, and nothing is our fault (no 500)."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import quote

import pytest
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.test import Client
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from config.api.bodies import parse_object, read_json
from config.api.errors import BodyTooLarge
from context.errors import DomainError
from context.models import IdempotentRequest
from governance.models import AuditEvent, Change, Edit
from governance.proposals import FIELDS
from tests.api.conftest import Callers, assert_problem
from tests.cast import Cast, creation, propose, publish

CHANGES = "/api/v1/changes/"
TITLE = b'{"title": %s, "reason": "R"}'


def stored() -> tuple[int, ...]:
    return (Change.objects.count(), Edit.objects.count(), AuditEvent.objects.count(), IdempotentRequest.objects.count())


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        (b"{", 400, "malformed-json"),
        (b"nonsense", 400, "malformed-json"),
        (b'{"title": "T",}', 400, "malformed-json"),
        (b'{"title": "T"} {"title": "T"}', 400, "malformed-json"),
        (b"\xff\xfe{}", 400, "malformed-json"),
        (b'{"title": "\xff"}', 400, "malformed-json"),
        (b"\xef\xbb\xbf{}", 400, "malformed-json"),
        (b"\x00", 400, "malformed-json"),
        (b"[" * 100_000, 400, "malformed-json"),
        (b'{"a":' * 100_000, 400, "malformed-json"),
        (b"[" * 900 + b"]" * 900, 400, "malformed-json"),
        (TITLE % (b"[" * 300 + b"]" * 300), 422, "invalid-input"),
        (b"[]", 400, "malformed-json"),
        (b"null", 400, "malformed-json"),
        (b'"text"', 400, "malformed-json"),
        (b"5", 400, "malformed-json"),
        (b'{"title": "A", "title": "B", "reason": "R"}', 400, "malformed-json"),
        (b'{"title": "A", "reason": "R", "edits": [{"data": {"a": 1, "a": 2}}]}', 400, "malformed-json"),
        (TITLE % b"NaN", 400, "malformed-json"),
        (TITLE % b"Infinity", 400, "malformed-json"),
        (TITLE % b"-Infinity", 400, "malformed-json"),
        (TITLE % b"1e400", 422, "invalid-input"),
        (TITLE % b"-1e999999999", 422, "invalid-input"),
        (TITLE % (b"9" * 5000), 422, "invalid-input"),
        (TITLE % (b"0." + b"9" * 5000), 422, "invalid-input"),
        (TITLE % b"9007199254740993", 422, "invalid-input"),
        (TITLE % b'"a\\u0000b"', 422, "invalid-input"),
        (TITLE % b'"\\ud800"', 422, "invalid-input"),
        (TITLE % b'"\\udfff\\ud800"', 422, "invalid-input"),
        (b'{"\\u0000": 1}', 422, "invalid-input"),
        (b'{"\\ud800": 1}', 422, "invalid-input"),
        (b'{"title": "T", "reason": "R", "__class__": "x"}', 422, "invalid-input"),
        (b'{"title": "T", "reason": "R", "' + b"a" * 100_000 + b'": 1}', 422, "invalid-input"),
        (b"{" + b",".join(b'"%d": 1' % n for n in range(50_000)) + b"}", 422, "invalid-input"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_body_that_cannot_be_read__problem_and_nothing_stored(
    cast: Cast, callers: Callers, body: bytes, status: int, kind: str
) -> None:
    author = callers.author
    before = stored()
    for headers in ({}, {"Idempotency_Key": "one"}):
        assert_problem(author.post(CHANGES, body, **headers), status, kind)
    assert stored() == before


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/xml", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
     "application/json-patch+json", "junk", "application", "*/*", "a/b/c", ";;;", "application/jsonx"],
)  # fmt: skip
def test_body_of_another_type__415(cast: Cast, callers: Callers, content_type: str) -> None:
    author = callers.author
    before = stored()
    body = b'{"title": "T", "reason": "R"}'
    problem = assert_problem(author.post(CHANGES, body, Content_Type=content_type), 415, "unsupported-media-type")
    assert "application/json" in problem["fix"]
    assert_problem(author.post(CHANGES, body, Content_Encoding="gzip"), 415)
    assert stored() == before


def test_body_of_20_mb__413_before_it_is_read(cast: Cast, callers: Callers) -> None:
    author = callers.author
    before = stored()
    body = b'{"title": "' + b"a" * 20_000_000 + b'"}'
    problem = assert_problem(author.post(CHANGES, body), 413, "body-too-large")
    assert problem["limit"] == settings.BODY_LIMIT_BYTES
    for address in (f"{CHANGES}1/submit/", "/api/v1/bundles/", "/api/v1/context/items/", "/api/v1/nothing/"):
        assert_problem(author.post(address, body), 413, "body-too-large")
    assert stored() == before


def test_body_in_chunks_of_unsaid_length__411_instead_of_an_empty_body(cast: Cast, callers: Callers) -> None:
    author = callers.author
    before = stored()
    problem = assert_problem(author.post(CHANGES, None, Transfer_Encoding="chunked"), 411, "length-required")
    assert problem["field"] == "Content-Length"
    assert stored() == before


def test_body_longer_than_announced_limit__read_no_further(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    class Endless(HttpRequest):
        content_type = "application/json"

        def read(self, size: int = -1) -> bytes:
            asked.append(size)
            return b" " * size

    with pytest.raises(BodyTooLarge):
        read_json(Endless(), limit=1000)
    assert asked == [1001]


def test_answer_in_another_type__406(cast: Cast, callers: Callers) -> None:
    for accept in ("text/html", "application/xml", "image/*", "application/jsonl, text/plain;q=0.5"):
        assert_problem(callers.author.get("/api/v1/context/kinds/", Accept=accept), 406, "not-acceptable")
    for accept in ("*/*", "application/*", "text/html, */*;q=0.1", "application/json"):
        assert callers.author.get("/api/v1/context/kinds/", Accept=accept).status_code == 200


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("If-None-Match", "junk"), ("If-None-Match", '"' * 5000), ("If-None-Match", '"a", W/"b", c'),
        ("If-None-Match", ","), ("Accept", "/"), ("Accept", ";q=x"), ("Accept", "application/json;q=abc"),
        ("X-Request-Id", "a" * 5000), ("X-Request-Id", "<script>"), ("X-Request-Id", "ünïcode"),
        ("Cookie", "sessionid=\xf0\x9f\x98\x80; csrftoken=;;;=,"), ("Cookie", "sessionid=" + "a" * 5000),
        ("Content-Length", "junk"), ("Content-Length", "-5"), ("Content-Length", "9" * 30), ("Range", "bytes=0-5"),
        ("Accept-Language", "a" * 5000), ("Forwarded", "for=;;"), ("X-Forwarded-For", "'; DROP TABLE--"),
        ("Host", "evil.example"), ("Host", "a b"), ("X-HTTP-Method-Override", "DELETE"), ("Expect", "100-continue"),
    ],
)  # fmt: skip
def test_header_of_junk__never_our_fault(cast: Cast, callers: Callers, name: str, value: str) -> None:
    response = callers.author.get("/api/v1/context/kinds/", **{name.replace("-", "_"): value})
    assert response.status_code in {200, 304, 400, 401, 406, 413}, response.content
    if response.status_code >= 400:
        assert_problem(response, response.status_code)


@pytest.mark.parametrize(
    "path",
    [
        "", "nothing", "v1", "v1/", "v2/context/items/", "v1/context/items", "v1/context/items/legal/", "v1//context/",
        "v1/context/items/legal/a%00b/", "v1/context/items/%2e%2e/%2e%2e/", "v1/context/items/legal/%ff%fe/",
        "v1/context/items/legal/" + "a" * 5000 + "/", "v1/context/items/legal/x/versions/0/",
        "v1/context/items/legal/x/versions/" + "9" * 5000 + "/", "v1/changes/0/", "v1/changes/-1/",
        "v1/changes/99999999999999999999999999/", "v1/changes/1e5/", "v1/changes/%00/", "v1/changes/١/",
        "v1/bundles/xyz/", "v1/contracts/a%00b/", "v1/context/items/LEGAL/X/", "v1/context/items/legal/x\u202e/",
    ],
)  # fmt: skip
def test_address_of_nothing__404_alike(cast: Cast, callers: Callers, path: str) -> None:
    problem = assert_problem(callers.author.get(f"/api/{path}"), 404, "not-found")
    assert set(problem) == {"type", "title", "status", "detail", "instance", "request_id"}


def test_failure_of_ours__500_as_a_problem_without_its_reason(
    cast: Cast, callers: Callers, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(**_: object) -> None:
        raise RuntimeError("secret of the machine")

    author = callers.author
    monkeypatch.setattr("context.api.vocabulary.kinds", crash)
    response = author.get("/api/v1/context/kinds/")
    assert_problem(response, 500, "internal-error")
    assert b"secret" not in response.content


def test_page_failures__outside_the_api_stay_pages(cast: Cast) -> None:
    response = Client().get("/no-such-page/")
    assert response.status_code == 404
    assert response["Content-Type"].startswith("text/html")


@pytest.mark.slow
def test_naughty_strings__kept_as_they_are_or_refused_by_name(cast: Cast, callers: Callers, shared_data: Path) -> None:
    strings = json.loads((shared_data / "conformance" / "blns.json").read_text("utf-8"))
    assert len(strings) > 400
    author = callers.author
    named = {f"legal/naughty-{number}": string for number, string in enumerate(strings)}

    def propose_all(keys: list[str]) -> HttpResponse:
        edits = [
            {
                "op": "create",
                "key": key,
                "kind": "policy",
                "domain": "legal",
                "title": named[key].strip()[:300] or "blank",
                "body": named[key],
                "tags": [named[key].strip()[:60] or "blank"],
            }
            for key in keys
        ]
        return author.post(CHANGES, {"title": named[keys[0]][:200] or "blank", "reason": "R", "edits": edits})

    kept = 0
    for start in range(0, len(strings), 40):
        keys = list(named)[start : start + 40]
        responses = [propose_all(keys)]
        if responses[0].status_code != 201:
            assert_problem(responses[0], 422)
            responses = [propose_all([key]) for key in keys]
        for response in responses:
            if response.status_code != 201:
                assert_problem(response, 422)
                continue
            for edit in json.loads(author.get(f"{response['Location']}edits/").content)["results"]:
                assert edit["proposed"]["body"] == named[edit["key"]].replace("\r\n", "\n")
                assert edit["proposed"]["title"] == (named[edit["key"]].strip()[:300] or "blank").strip()
                kept += 1
    assert kept > 0.9 * len(strings)


@pytest.mark.slow
def test_naughty_strings__as_parameters_keys_and_addresses__never_our_fault(
    cast: Cast, callers: Callers, shared_data: Path
) -> None:
    publish(cast, creation("legal/cap"))
    strings = json.loads((shared_data / "conformance" / "blns.json").read_text("utf-8"))
    author = callers.author
    addresses = (
        "context/items/?q={0}&owner={0}&tag={0}",
        "context/items/?as_of={0}",
        "context/items/{0}/cap/",
        "changes/?author={0}&key={0}",
        "context/items/?cursor={0}",
    )
    for number, string in enumerate(strings):
        address = addresses[number % len(addresses)].format(quote(string, safe=""))
        response = author.get(f"/api/v1/{address}")
        assert response.status_code in {200, 400, 404}, (address, response.content[:200])
        if response.status_code != 200:
            assert_problem(response, response.status_code)
        if number % 4 == 0:
            verified = author.post("/api/v1/context/items/verify/", {"keys": [string]})
            assert verified.status_code in {404, 422}, verified.content


EDIT_FIELDS = ("op", "key", "replaced_by", "revert_to", "base_version", *FIELDS)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=15,
)


@given(raw=st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes__are_an_object_or_a_refusal(raw: bytes) -> None:
    try:
        value = parse_object(raw)
    except DomainError:
        return
    assert isinstance(value, dict)
    json.dumps(value, allow_nan=False).encode("utf-8")


@pytest.mark.slow
@hypothesis_settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    edit=st.fixed_dictionaries({}, optional=dict.fromkeys(EDIT_FIELDS, JSON)),
    sound=st.sampled_from(
        [
            {},
            {"op": "create", "key": "legal/any", "kind": "policy", "domain": "legal", "title": "Any"},
            {"op": "create", "kind": "term", "domain": "legal", "title": "Any", "data": {"definition": "x"}},
            {"op": "revise", "key": "legal/cap"},
            {"op": "retire", "key": "legal/cap"},
            {"op": "revert", "key": "legal/cap", "revert_to": 1},
        ]
    ),
)  # fmt: skip
def test_any_edit__is_a_draft_or_a_refusal(world: Callers, edit: dict, sound: dict) -> None:
    for merged in ({**edit, **sound}, {**sound, **edit}):
        response = world.author.post(CHANGES, {"title": "T", "reason": "R", "edits": [merged]})
        assert response.status_code == 201 or assert_problem(response, response.status_code)
        assert response.status_code in {201, 400, 403, 409, 422}


@pytest.fixture
def world(cast: Cast, callers: Callers) -> Callers:
    publish(cast, creation("legal/cap"))
    propose(cast, creation("legal/draft"))
    return callers
