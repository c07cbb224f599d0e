"""Reads one file or folder of a git repository, in a process of its own; must not know Django, settings or secrets.

A pack from outside is unpacked by a library that trusts its sizes, so this process has little memory, little time and
an empty environment: a bomb ends it, and nothing else. Asked by JSON on standard input, it answers by JSON.
"""

from __future__ import annotations

import base64
import json
import resource
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from typing import Any, NoReturn

from dulwich.client import AbstractHttpGitClient, HTTPUnauthorized
from dulwich.errors import GitProtocolError, NotGitRepository, ObjectFormatException
from dulwich.objects import Blob, Commit, Tag, Tree
from dulwich.repo import BaseRepo, Repo

from governance import outgoing

MEMORY_BYTES = 700 * 1024 * 1024
CPU_SECONDS = 40
MOST_FILES = 200
MOST_TREES = 500
_PAGES = frozenset({".md", ".markdown", ".mdown", ".mkd", ".txt", ".html", ".htm"})


class Refused(Exception):
    """There is no text: (why, reason) as SourceProblem has them."""


class _Answer:
    """As much of an HTTP answer as dulwich looks at."""

    def __init__(self, page: outgoing.Page, asked: str) -> None:
        self.status = page.status
        self.content_type = page.headers.get("content-type", "")
        self.redirect_location = page.url if page.url != asked else ""

    def close(self) -> None:
        """Everything was read."""


class _Client(AbstractHttpGitClient):
    """Git over HTTP through vetted connections, each answer bounded in bytes and time."""

    def __init__(self, base_url: str, *, allowed: outgoing.Allowed, longest: int, seconds: float) -> None:
        super().__init__(base_url, quiet=True)
        self._allowed, self._longest, self._seconds = allowed, longest, seconds

    def _http_request(
        self,
        url: str,
        headers: dict[str, str] | None = None,
        data: bytes | Iterator[bytes] | None = None,
        raise_for_status: bool = True,
    ) -> tuple[Any, Callable[[int], bytes]]:
        body = data if data is None or isinstance(data, bytes) else b"".join(data)
        page = outgoing.get(
            url,
            allowed=self._allowed,
            headers={**(headers or {}), "User-Agent": "git/plumbline", "Accept-Encoding": "identity"},
            seconds=self._seconds,
            longest=self._longest,
            body=body,
        )
        if raise_for_status and page.status == 404:
            raise NotGitRepository(url)
        if raise_for_status and page.status in (401, 403):
            raise HTTPUnauthorized(None, url)
        if raise_for_status and page.status != 200:
            raise GitProtocolError(f"status {page.status}")
        at = 0

        def read(size: int = -1) -> bytes:
            nonlocal at
            end = len(page.body) if size < 0 else min(len(page.body), at + size)
            part = page.body[at:end]
            at = end
            return part

        return _Answer(page, url), read


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    asked = json.loads(sys.stdin.buffer.read())
    resource.setrlimit(resource.RLIMIT_FSIZE, (asked["longest_pack"] * 2, asked["longest_pack"] * 2))
    try:
        answer: dict[str, Any] = {"files": _read(asked)}
    except Refused as refused:
        answer = {"why": refused.args[0], "reason": refused.args[1]}
    except outgoing.AddressRefused as refused:
        answer = {"why": "refused", "reason": f"{refused.detail} {refused.fix or ''}".strip()}
    except outgoing.AnswerTooLong:
        answer = {"why": "too_large", "reason": "The repository sends more than is read of one."}
    except outgoing.AnswerTooSlow:
        answer = {"why": "too_slow", "reason": "The repository did not answer in time."}
    except outgoing.NotReachable as error:
        answer = {"why": "unreachable", "reason": f"It could not be reached: {error}."}
    except NotGitRepository:
        answer = {"why": "gone", "reason": "There is no git repository at this place."}
    except HTTPUnauthorized:
        answer = {"why": "sign_in", "reason": "The repository may not be read without signing in."}
    except MemoryError:
        answer = {"why": "too_large", "reason": "The repository unpacks to more than is read of one."}
    except (GitProtocolError, ObjectFormatException, KeyError, ValueError, AssertionError, EOFError, OSError) as error:
        answer = {"why": "not_text", "reason": f"What the repository sent is broken ({type(error).__name__})."}
    sys.stdout.write(json.dumps(answer))


def _read(asked: dict[str, Any]) -> list[dict[str, str]]:
    if asked["local"]:
        with Repo(asked["repository"]) as repository:
            refs = repository.get_refs()
            return _files(repository, _branch(refs, asked["branch"]), asked)
    allowed = outgoing.Allowed(hosts=asked["hosts"], private=asked["private"], setting="SOURCE_ALLOWED_HOSTS")
    base, _, name = asked["repository"].rstrip("/").rpartition("/")
    client = _Client(base, allowed=allowed, longest=asked["longest_pack"], seconds=asked["seconds"])
    with Repo.init_bare(asked["scratch"]) as repository:
        chosen: list[bytes] = []

        def wanted(refs: Any, depth: int | None = None) -> list[Any]:
            chosen.append(_branch(refs, asked["branch"]))
            return list(chosen)

        client.fetch(name, repository, determine_wants=wanted, depth=1)
        return _files(repository, chosen[0], asked)


def _branch(refs: Any, branch: str) -> bytes:
    for name in (f"refs/heads/{branch}", f"refs/tags/{branch}", branch):
        if (found := refs.get(name.encode())) is not None:
            return bytes(found)
    raise Refused("misnamed", f"The repository has no branch {branch[:100]}.")


def _files(repository: BaseRepo, start: bytes, asked: dict[str, Any]) -> list[dict[str, str]]:
    found = repository[start]
    for _ in range(5):
        if isinstance(found, Tag):
            found = repository[found.object[1]]
    if not isinstance(found, Commit):
        raise Refused("misnamed", "The branch leads to nothing that holds files.")
    place: Any = repository[found.tree]
    path = PurePosixPath(asked["path"])
    for part in path.parts:
        if not isinstance(place, Tree) or part.encode() not in place:
            raise Refused("gone", f"There is no {asked['path'][:200]} on the branch {asked['branch'][:100]}.")
        mode, sha = place[part.encode()]
        if not (stat.S_ISDIR(mode) or stat.S_ISREG(mode)):
            raise Refused("refused", f"{part[:100]} is a link, which is not followed.")
        place = repository[sha]
    if isinstance(place, Blob):
        return [_file(asked["path"], place, asked)]
    if not isinstance(place, Tree):
        raise Refused("not_text", "There is no file at this path.")
    files = sorted(_pages(repository, place, path))
    if not files:
        raise Refused("empty", "The folder holds no pages.")
    total, made = 0, []
    for name, sha in files:
        blob = repository[sha]
        if not isinstance(blob, Blob):
            continue
        total += blob.raw_length()
        if total > asked["longest"]:
            raise Refused("too_large", "The folder holds more than a text may be long.")
        made.append(_file(name, blob, asked))
    return made


def _pages(repository: BaseRepo, root: Tree, at: PurePosixPath) -> Iterator[tuple[str, Any]]:
    waiting, trees, files = [(root, at)], 0, 0
    while waiting:
        tree, here = waiting.pop()
        trees += 1
        if trees > MOST_TREES:
            raise Refused("too_large", f"The folder holds more than {MOST_TREES} folders.")
        for name, mode, sha in tree.items():
            said = name.decode("utf-8", "replace")
            if said.startswith("."):
                continue
            if stat.S_ISDIR(mode):
                waiting.append((repository[sha], here / said))  # type: ignore[arg-type]
            elif stat.S_ISREG(mode) and PurePosixPath(said).suffix.lower() in _PAGES:
                files += 1
                if files > MOST_FILES:
                    raise Refused("too_large", f"The folder holds more than {MOST_FILES} pages.")
                yield (here / said).as_posix(), sha


def _file(name: str, blob: Blob, asked: dict[str, Any]) -> dict[str, str]:
    if blob.raw_length() > asked["longest"]:
        raise Refused("too_large", f"{PurePosixPath(name).name[:100]} is more than a text may be long.")
    return {"name": name, "content": base64.b64encode(blob.data).decode()}


def _leave() -> NoReturn:
    sys.stdout.flush()
    raise SystemExit(0)


if __name__ == "__main__":
    main()
    _leave()
