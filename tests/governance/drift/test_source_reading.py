"""What a source may be, and what becomes of one that is huge, endless, packed, broken or not what it seems."""

from __future__ import annotations

import contextlib
import gzip
import threading
import time
import tracemalloc
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
from django.db import connection
from dulwich.objects import Blob, Commit, Tree
from dulwich.repo import Repo
from dulwich.server import DictBackend
from dulwich.web import make_wsgi_chain
from hypothesis import given
from hypothesis import strategies as st

from context.errors import InvalidInput
from governance import outgoing
from governance.drift.sources.git import read_git
from governance.drift.sources.html_text import markdown_of
from governance.drift.sources.places import GitPlace, QueryPlace, place_of
from governance.drift.sources.problems import SourceProblem, Why
from governance.drift.sources.queries import read_query
from governance.drift.sources.texts import differing, fingerprint_of, share_kept, text_of
from governance.drift.sources.web import read_url
from tests.governance.drift.hostile import PAGE, WEB, Server, serving

HERE = outgoing.Allowed(hosts=["127.0.0.1"], private=True, setting="SOURCE_ALLOWED_HOSTS")
PUBLIC = outgoing.Allowed(hosts=["127.0.0.1", "localhost"], private=False, setting="SOURCE_ALLOWED_HOSTS")


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


def test_url__read_twice__the_second_time_only_what_changed(server: Server) -> None:
    first = read_url(f"{server.url}/page", allowed=HERE)
    assert first.text == PAGE.decode()
    again = read_url(f"{server.url}/page", allowed=HERE, etag=first.etag, last_modified=first.last_modified)
    assert again.text is None
    assert server.asked[-1]["if-none-match"] == '"1"'
    assert server.asked[-1]["if-modified-since"] == "Fri, 20 Nov 2026 08:00:00 GMT"
    server.text, server.etag = PAGE.replace(b"25", b"28"), '"2"'
    changed = read_url(f"{server.url}/page", allowed=HERE, etag=first.etag)
    assert changed.text is not None
    assert "28 days" in changed.text


def test_url__moved_packed_or_in_another_encoding__is_read(server: Server) -> None:
    assert read_url(f"{server.url}/moved", allowed=HERE).text == PAGE.decode()
    assert read_url(f"{server.url}/gzip", allowed=HERE).text == PAGE.decode()
    assert read_url(f"{server.url}/latin", allowed=HERE).text == "# Café\n\nOpen.\n"


@pytest.mark.parametrize(
    ("path", "why", "said"),
    [
        ("huge", Why.TOO_LARGE, "10,737,418,240 bytes"),
        ("endless", Why.TOO_LARGE, "more than 1,000,000 bytes"),
        ("gzip-bomb", Why.TOO_LARGE, "unpacks to more"),
        ("trickle", Why.TOO_SLOW, "longer than 1 seconds"),
        ("trickling-headers", Why.TOO_SLOW, "longer than 1 seconds"),
        ("silent", Why.TOO_SLOW, "longer than 1 seconds"),
        ("loop", Why.UNREACHABLE, "more than 5 redirects"),
        ("to-private", Why.REFUSED, "10.0.0.1 is not among the hosts"),
        ("to-metadata", Why.REFUSED, "SOURCE_ALLOWED_HOSTS"),
        ("to-file", Why.REFUSED, "plain https"),
        ("zip", Why.NOT_TEXT, "packed archive"),
        ("pdf", Why.NOT_TEXT, "application/pdf"),
        ("broken", Why.NOT_TEXT, "cannot be read as UTF-8"),
        ("binary", Why.NOT_TEXT, "bytes that no text has"),
        ("sign-in", Why.SIGN_IN, "sign in"),
        ("to-sign-in", Why.SIGN_IN, "sign in"),
        ("forbidden", Why.SIGN_IN, "status 403"),
        ("gone", Why.GONE, "status 404"),
        ("trouble", Why.UNREACHABLE, "status 503"),
        ("empty", Why.EMPTY, "nothing to read"),
        ("nonsense", Why.UNREACHABLE, "BadStatusLine"),
    ],
)
def test_url__that_misbehaves__is_refused_with_a_reason_and_little_memory(
    server: Server, path: str, why: Why, said: str
) -> None:
    begun = time.monotonic()
    tracemalloc.start()
    try:
        with pytest.raises(SourceProblem) as refused:
            read_url(f"{server.url}/{path}", allowed=HERE, seconds=1)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (refused.value.why, said in refused.value.reason) == (why, True), refused.value.reason
    assert peak < 8 * 1024 * 1024
    assert time.monotonic() - begun < 5


def test_url__of_a_private_address_or_an_unknown_host__is_not_even_asked(server: Server) -> None:
    for url in (server.url, server.url.replace("127.0.0.1", "localhost")):
        with pytest.raises(SourceProblem) as refused:
            read_url(url.replace("http:", "https:") + "/page", allowed=PUBLIC)
        assert refused.value.why == Why.REFUSED
        assert "private address" in refused.value.reason
    with pytest.raises(SourceProblem, match=r"evil\.example\.net is not among the hosts"):
        read_url("https://evil.example.net/", allowed=HERE)
    assert server.asked == []


def test_html__is_read_as_the_text_of_its_main_part() -> None:
    assert markdown_of(WEB) == (
        "# Leave\n\n"
        "Everybody has **25 days** of leave a year, see [the law](https://example.org/law).\n\n"
        "- Part-time: in proportion\n- First year:\n  1. a twelfth a month\n\n"
        "| Years | Days |\n| --- | --- |\n| 5 | 27 |"
    )


@given(st.text(alphabet="<>/=\"' abdhilmnoprtuv&;!-", max_size=300))
def test_html__whatever_it_is__makes_text_or_asks_to_sign_in(page: str) -> None:
    assert isinstance(markdown_of(page), str)


@given(st.binary(max_size=400), st.sampled_from(["", "text/html", "text/plain", "text/plain; charset=utf-16"]))
def test_bytes__whatever_they_are__are_a_text_or_a_problem(content: bytes, content_type: str) -> None:
    with contextlib.suppress(SourceProblem):
        assert text_of(content, name="a.md", content_type=content_type).strip()


def test_fingerprint__layout_alone__does_not_change_it() -> None:
    assert fingerprint_of("# A\r\n\r\n\r\n\r\nText.  \r\n") == fingerprint_of("# A\n\nText.")
    assert fingerprint_of("Cafe\u0301") == fingerprint_of("Caf\u00e9")
    assert fingerprint_of("30 days") != fingerprint_of("31 days")
    assert share_kept("A\n\nB\n\nC", "A\n\nB\n\nD") == pytest.approx(2 / 3)


def test_differing__long_texts__are_cut_to_where_they_differ() -> None:
    paragraphs = [f"Paragraph {number}." for number in range(10_000)]
    changed = [*paragraphs[:5_000], "Another.", *paragraphs[5_001:]]
    before, after, whole = differing("\n\n".join(paragraphs), "\n\n".join(changed))
    assert (before.split("\n\n"), whole) == (paragraphs[4_999:5_002], True)
    assert after.split("\n\n") == ["Paragraph 4999.", "Another.", "Paragraph 5001."]
    assert differing("Same.", "Same.") == ("Same.", "Same.", True)
    assert differing("A\n\nB", "A\n\nB\n\nC") == ("B", "B\n\nC", True)
    cut = differing("a " * 400_000, "b " * 400_000)
    assert (len(cut[0]), len(cut[1]), cut[2]) == (100_000, 100_000, False)


@given(st.lists(st.sampled_from(["A", "B", "C"])), st.lists(st.sampled_from(["A", "B", "C"])))
def test_differing__what_is_left_out__is_alike(old: list[str], new: list[str]) -> None:
    before, after, _ = differing("\n\n".join(old), "\n\n".join(new))
    assert (before == after) == (old == new)


@pytest.mark.parametrize(
    ("kind", "uri"),
    [
        ("url", "ftp://example.org/a"),
        ("git", "https://example.org/a.git"),
        ("git", "https://example.org/a.git#main"),
        ("git", "https://example.org/a.git#main:../../etc/passwd"),
        ("git", "https://example.org/a.git#-x:a.md"),
        ("git", "ssh://example.org/a.git#main:a.md"),
        ("git", "https://example.org/a.git#main:.git/config"),
        ("database", "SELECT 1"),
        ("database", "hr:"),
        ("upload", "../a.md"),
        ("upload", ""),
        ("fax", "a"),
    ],
)
def test_place__that_is_none__is_refused_with_the_form_it_should_have(kind: str, uri: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        place_of(kind, uri)
    assert refused.value.field == "source.uri"
    assert refused.value.fix


def test_place__in_git__names_branch_path_and_whether_it_is_a_folder() -> None:
    place = place_of("git", "https://example.org/team/handbook.git#release/2026:policies/leave.md")
    assert place == GitPlace(
        repository="https://example.org/team/handbook.git",
        branch="release/2026",
        path="policies/leave.md",
        folder=False,
    )
    assert place_of("git", "/srv/git/a.git#main:docs/") == GitPlace(
        repository="/srv/git/a.git", branch="main", path="docs", folder=True
    )
    assert place_of("database", "hr: SELECT a::text FROM b") == QueryPlace(
        connection="hr", query="SELECT a::text FROM b"
    )


def repository(path: Path, files: dict[str, bytes], *, link: str = "") -> Path:
    """A bare repository with one commit on main, of files in at most one folder."""
    path.mkdir(parents=True, exist_ok=True)
    repo = Repo(str(path)) if (path / "HEAD").exists() else Repo.init_bare(str(path))
    root, folders = Tree(), {}
    for name, content in files.items():
        blob = Blob.from_string(content)
        repo.object_store.add_object(blob)
        folder, _, last = name.rpartition("/")
        tree = folders.setdefault(folder, Tree()) if folder else root
        tree.add(last.encode(), 0o120000 if name == link else 0o100644, blob.id)
    for folder, tree in folders.items():
        repo.object_store.add_object(tree)
        root.add(folder.encode(), 0o040000, tree.id)
    repo.object_store.add_object(root)
    commit = Commit()
    commit.tree, commit.message, commit.encoding = root.id, b"A change", b"UTF-8"
    commit.author = commit.committer = b"A Person <a@example.org>"
    commit.author_time = commit.commit_time = 1_790_000_000
    commit.author_timezone = commit.commit_timezone = 0
    repo.object_store.add_object(commit)
    repo.refs[b"refs/heads/main"] = commit.id
    repo.close()
    return path


def in_git(path: Path, inside: str, *, roots: list[str] | None = None, branch: str = "main") -> str:
    place = place_of("git", f"{path}#{branch}:{inside}")
    assert isinstance(place, GitPlace)
    return read_git(place, allowed=PUBLIC, local_roots=roots if roots is not None else [str(path.parent)])


def test_git__file_and_folder_of_a_local_repository__are_read(tmp_path: Path) -> None:
    repo = repository(
        tmp_path / "handbook.git",
        {"leave.md": PAGE, "terms/b.md": b"Second.\n", "terms/a.md": b"# First\n\nOne.\n", "terms/x.png": b"\x89"},
    )
    assert in_git(repo, "leave.md") == PAGE.decode()
    assert in_git(repo, "terms/") == "# First\n\nOne.\n\n# b\n\nSecond.\n"
    repository(repo, {"leave.md": PAGE.replace(b"25", b"28")})
    assert "28 days" in in_git(repo, "leave.md")


def test_git__that_is_not_allowed_missing_or_no_text__is_refused_with_a_reason(tmp_path: Path) -> None:
    repo = repository(
        tmp_path / "a.git",
        {"leave.md": PAGE, "huge.md": b"x" * 1_000_001, "link.md": b"/etc/passwd", "bomb.md": gzip.compress(PAGE)},
        link="link.md",
    )
    for inside, branch, why in (
        ("nothing.md", "main", Why.GONE),
        ("leave.md", "other", Why.MISNAMED),
        ("huge.md", "main", Why.TOO_LARGE),
        ("link.md", "main", Why.REFUSED),
        ("bomb.md", "main", Why.NOT_TEXT),
    ):
        with pytest.raises(SourceProblem) as refused:
            in_git(repo, inside, branch=branch)
        assert refused.value.why == why, (inside, refused.value.reason)
    with pytest.raises(SourceProblem, match="SOURCE_LOCAL_REPOSITORIES"):
        in_git(repo, "leave.md", roots=[str(tmp_path / "elsewhere")])
    (tmp_path / "allowed").mkdir()
    (tmp_path / "allowed" / "a.git").symlink_to(repo)
    with pytest.raises(SourceProblem, match="SOURCE_LOCAL_REPOSITORIES"):
        in_git(tmp_path / "allowed" / "a.git", "leave.md")
    with pytest.raises(SourceProblem) as refused:
        in_git(tmp_path / "none.git", "leave.md")
    assert refused.value.why == Why.GONE


def test_git__over_https__asks_no_host_that_is_not_allowed() -> None:
    place = place_of("git", "https://git.example.org/team/a.git#main:a.md")
    assert isinstance(place, GitPlace)
    with pytest.raises(SourceProblem) as refused:
        read_git(place, allowed=HERE, local_roots=[])
    assert refused.value.why == Why.REFUSED
    assert "git.example.org is not among the hosts" in refused.value.reason


@pytest.fixture
def git_server(tmp_path: Path) -> Iterator[str]:
    """A repository over HTTP, as any git server gives it."""
    repository(tmp_path / "a.git", {"leave.md": PAGE, "bomb.md": b"\0" * 2_000_000})
    with Repo(str(tmp_path / "a.git")) as repo:
        app = make_wsgi_chain(DictBackend({"/a.git": repo}))
        server = make_server("127.0.0.1", 0, app, handler_class=_Quiet)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/a.git"
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)


class _Quiet(WSGIRequestHandler):
    def log_message(self, *args: Any) -> None:
        """Nothing."""


def test_git__over_http__is_fetched_through_the_vetted_connection(git_server: str) -> None:
    def read(url: str, inside: str) -> str:
        place = place_of("git", f"{url}#main:{inside}")
        assert isinstance(place, GitPlace)
        return read_git(place, allowed=HERE, local_roots=[])

    assert read(git_server, "leave.md") == PAGE.decode()
    for url, inside, why in (
        (git_server, "bomb.md", Why.TOO_LARGE),
        (git_server, "none.md", Why.GONE),
        (git_server.replace("a.git", "b.git"), "leave.md", Why.GONE),
    ):
        with pytest.raises(SourceProblem) as refused:
            read(url, inside)
        assert refused.value.why == why, refused.value.reason


@pytest.mark.slow
def test_git__whose_objects_unpack_to_gigabytes__ends_its_own_process_alone(tmp_path: Path) -> None:
    repo = repository(tmp_path / "a.git", {"leave.md": PAGE})
    with Repo(str(repo)) as opened:
        tree = opened[opened[opened.refs[b"refs/heads/main"]].tree]
        sha = tree[b"leave.md"][1].decode()
    size = 800_000_000
    packer = zlib.compressobj(1)
    loose = repo / "objects" / sha[:2] / sha[2:]
    loose.chmod(0o600)
    with loose.open("wb") as file:
        file.write(packer.compress(f"blob {size}\0".encode()))
        for _ in range(size // 10_000_000):
            file.write(packer.compress(bytes(10_000_000)))
        file.write(packer.flush())
    with pytest.raises(SourceProblem) as refused:
        in_git(repo, "leave.md")
    assert refused.value.why == Why.TOO_LARGE, refused.value.reason


@pytest.mark.django_db
class TestQuery:
    @pytest.fixture
    def connections(self, django_db_setup: None) -> dict[str, str]:
        kept = connection.settings_dict
        return {
            "here": f"postgresql://{kept['USER']}:{quote(kept['PASSWORD'])}@{kept['HOST']}:{kept['PORT']}/{kept['NAME']}"
        }

    def test_rows__become_a_table_in_an_order_of_their_own(self, connections: dict[str, str]) -> None:
        query = "SELECT name, days FROM (VALUES ('b | c', 28), ('a', NULL)) AS x (name, days)"
        assert read_query("here", query, connections=connections) == (
            "| name | days |\n| --- | --- |\n| a |  |\n| b \\| c | 28 |\n"
        )
        ordered = read_query("here", f"{query} ORDER BY name DESC;", connections=connections)
        assert ordered.index("28") < ordered.index("| a |")

    @pytest.mark.parametrize(
        ("query", "why"),
        [
            ("SELECT 1; SELECT 2", Why.MISNAMED),
            ("SELECT 1) AS a; COMMIT; CREATE TABLE owned (a int); SELECT (1", Why.MISNAMED),
            ("SELECT * FROM nothing_here", Why.MISNAMED),
            ("DELETE FROM context_domain RETURNING 1", Why.MISNAMED),
            ("SELECT nextval('context_domain_id_seq')", Why.REFUSED),
            ("SELECT set_config('transaction_read_only', 'off', false)", Why.REFUSED),
            ("SELECT pg_sleep(30)", Why.TOO_SLOW),
            ("SELECT generate_series(1, 1000000)", Why.TOO_LARGE),
            ("SELECT repeat('x', 5000000)", Why.TOO_LARGE),
            ("SELECT 1 WHERE false", Why.EMPTY),
        ],
    )
    def test_query__that_writes_never_ends_or_is_none__is_refused(
        self, connections: dict[str, str], query: str, why: Why
    ) -> None:
        with pytest.raises(SourceProblem) as refused:
            read_query("here", query, connections=connections, seconds=2)
        assert refused.value.why == why, refused.value.reason

    def test_connection__unknown_or_away__is_said_without_its_password(self) -> None:
        with pytest.raises(SourceProblem, match="SOURCE_CONNECTIONS"):
            read_query("there", "SELECT 1", connections={})
        away: dict[str, Any] = {"away": "postgresql://someone:hunter2@127.0.0.1:1/nothing"}
        with pytest.raises(SourceProblem) as refused:
            read_query("away", "SELECT 1", connections=away)
        assert refused.value.why == Why.UNREACHABLE
        assert "hunter2" not in refused.value.reason
