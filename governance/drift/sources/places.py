"""What a source is called: its kind and the place in it, read and refused; must not fetch anything.

| kind | place |
|---|---|
| `git` | `https://host/repository.git#branch:path/of/file.md`, a folder ends in `/`; or a folder of this machine |
| `url` | `https://host/page` |
| `database` | `connection: SELECT …`, the connection by its name in the settings |
| `upload` | the name of the file that people upload |

Any other kind is a remark for people, as `markdown` is for what an import read: nobody watches it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from context.errors import InvalidInput

GIT, URL, DATABASE, UPLOAD = "git", "url", "database", "upload"
WATCHED = (GIT, URL, DATABASE, UPLOAD)
KIND_WORDS = {
    GIT: "Git repository",
    URL: "Web address",
    DATABASE: "Database query",
    UPLOAD: "Uploaded file",
}
LONGEST_NAME = 200
_BRANCH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,199}")
_CONNECTION = re.compile(r"[a-z0-9][a-z0-9_-]{0,59}")


@dataclass(frozen=True, kw_only=True, slots=True)
class GitPlace:
    """`repository` is an https URL or an absolute path; `path` is relative to its root, a folder where `folder`."""

    repository: str
    branch: str
    path: str
    folder: bool

    @property
    def is_local(self) -> bool:
        return self.repository.startswith("/")


@dataclass(frozen=True, kw_only=True, slots=True)
class WebPlace:
    url: str


@dataclass(frozen=True, kw_only=True, slots=True)
class QueryPlace:
    connection: str
    query: str


@dataclass(frozen=True, kw_only=True, slots=True)
class UploadPlace:
    name: str


Place = GitPlace | WebPlace | QueryPlace | UploadPlace


def place_of(kind: str, uri: str) -> Place:
    """The place that an item names. InvalidInput, with the form it should have, where it is none."""
    if kind == GIT:
        return _git(uri)
    if kind == URL:
        if not uri.startswith(("https://", "http://")):
            raise _wrong("A web address begins with https://.", "Write https://host/page.")
        return WebPlace(url=uri)
    if kind == DATABASE:
        connection, colon, query = uri.partition(":")
        if not colon or not _CONNECTION.fullmatch(connection.strip()) or not query.strip():
            raise _wrong(
                "A database query is written as connection: SELECT …",
                "Begin with the name of a connection from the settings; a password never stands here.",
            )
        return QueryPlace(connection=connection.strip(), query=query.strip())
    if kind == UPLOAD:
        return UploadPlace(name=checked_name(uri))
    raise _wrong(f"{kind[:40]!r} is no kind of source that is watched.", f"Use one of {', '.join(WATCHED)}.")


def checked_name(name: str) -> str:
    """The plain name of a file. InvalidInput where it is none."""
    if not name or name != PurePosixPath(name).name or name in (".", "..") or "\\" in name or not name.isprintable():
        raise _wrong("This is not the name of a file.", "Write it without folders, as policy.md.")
    if len(name) > LONGEST_NAME:
        raise _wrong("The name of the file is too long.", f"Use at most {LONGEST_NAME} characters.")
    return name


def _git(uri: str) -> GitPlace:
    repository, mark, inside = uri.rpartition("#")
    branch, colon, path = inside.partition(":")
    form = "Write https://host/repository.git#branch:path/of/file.md."
    if not mark or not colon or not repository:
        raise _wrong("A place in a git repository names its branch and path.", form)
    if not repository.startswith(("https://", "http://", "/")):
        raise _wrong("A git repository is named by https:// or by a folder of this machine.", form)
    if not _BRANCH.fullmatch(branch) or ".." in branch:
        raise _wrong("This is not the name of a branch.", form)
    parts = PurePosixPath(path).parts
    if path.startswith("/") or "\\" in path or any(part in ("..", ".git") for part in parts) or not path.isprintable():
        raise _wrong("This is not a path in a repository.", form)
    folder = path == "" or path.endswith("/")
    return GitPlace(repository=repository, branch=branch, path="/".join(parts), folder=folder)


def _wrong(detail: str, fix: str) -> InvalidInput:
    return InvalidInput(detail, field="source.uri", fix=fix)
