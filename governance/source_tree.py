"""Reads the Markdown pages of a folder, and says of each file it cannot read why; must not write anything."""

from __future__ import annotations

import hashlib
import os
import stat
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from context.errors import InvalidInput
from context.formats.front_matter import FrontMatterBroken
from context.formats.pages import NothingToRead, Page, read_page

SUFFIXES = frozenset({".md", ".markdown", ".mdown", ".mkd"})
LARGEST_FILE = 1_000_000  # bytes: the longest body an item takes
MOST_FILES = 20_000
LONGEST_PATH = 800
_NOT_CONTENT = frozenset({"node_modules", "__pycache__", "_site", "vendor"})

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class SourcePage:
    """A page with the place it has in its source of record, and the digest of the file it was read from."""

    page: Page
    uri: str
    fingerprint: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Unreadable:
    path: str
    reason: str


@dataclass(kw_only=True, slots=True)
class SourceTree:
    """What a folder holds. `ignored` counts the files that are not Markdown, by suffix, and folders left out."""

    name: str
    root: Path
    pages: list[SourcePage] = field(default_factory=list)
    unreadable: list[Unreadable] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)

    def holds(self, uri: str) -> bool:
        """Whether the file of that place still exists, readable or not."""
        relative = uri.removeprefix(f"{self.name}/")
        return any(uri == page.uri for page in self.pages) or os.path.lexists(self.root / relative)


def read_tree(directory: Path, *, name: str = "", progress: Progress | None = None) -> SourceTree:
    """Read every Markdown page below `directory`; hidden folders are left out, links out of it are not followed."""
    if not directory.is_dir():
        raise InvalidInput(f"{directory} is not a folder.", field="directory", fix="Give the path of a folder.")
    root = directory.resolve()
    tree = SourceTree(name=_storable(name or root.name or "import")[:100], root=root)
    files = sorted(_files(root, tree))
    if len(files) > MOST_FILES:
        raise InvalidInput(
            f"{directory} holds {len(files):,} Markdown files.",
            field="directory",
            limit=MOST_FILES,
            fix="Import it folder by folder.",
        )
    for done, relative in enumerate(files, start=1):
        try:
            tree.pages.append(_read(root, relative, tree.name))
        except (FrontMatterBroken, NothingToRead, _CannotRead) as reason:
            tree.unreadable.append(Unreadable(path=_storable(relative), reason=str(reason)))
        except OSError as error:
            reason_text = error.strerror or type(error).__name__
            tree.unreadable.append(Unreadable(path=_storable(relative), reason=reason_text.lower()))
        if progress is not None:
            progress("Reading", done, len(files))
    return tree


class _CannotRead(ValueError):
    pass


def _files(root: Path, tree: SourceTree) -> Iterator[str]:
    def cannot_list(error: OSError) -> None:
        path = Path(os.fsdecode(error.filename or "")).relative_to(root) if error.filename else Path()
        tree.unreadable.append(Unreadable(path=_storable(f"{path}/"), reason=(error.strerror or "unreadable").lower()))

    for folder, subfolders, names in os.walk(root, onerror=cannot_list):
        here = Path(folder).relative_to(root)
        for subfolder in list(subfolders):
            if subfolder.startswith(".") or subfolder in _NOT_CONTENT:
                subfolders.remove(subfolder)
                tree.ignored["hidden folders"] += 1
            elif (Path(folder) / subfolder).is_symlink():
                subfolders.remove(subfolder)
                reason = "a link to a folder, which is not followed"
                tree.unreadable.append(Unreadable(path=_storable(f"{here / subfolder}/"), reason=reason))
        for name in names:
            suffix = PurePosixPath(name).suffix.lower()
            if suffix in SUFFIXES and not name.startswith("."):
                yield (here / name).as_posix()
            else:
                tree.ignored[suffix or "without suffix"] += 1


def _read(root: Path, relative: str, tree_name: str) -> SourcePage:
    path = root / relative
    if _storable(relative) != relative:
        raise _CannotRead("its name is not valid text")
    if len(relative) > LONGEST_PATH:
        raise _CannotRead(f"its path is longer than {LONGEST_PATH} characters")
    if path.is_symlink() and not path.resolve().is_relative_to(root):
        raise _CannotRead("a link out of the folder")
    # Opened without waiting, and judged by what was opened: a pipe would never end, and a name can be exchanged.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        state = os.fstat(file.fileno())
        if not stat.S_ISREG(state.st_mode):
            raise _CannotRead("not a regular file")
        content = file.read(LARGEST_FILE + 1)
    if len(content) > LARGEST_FILE:
        raise _CannotRead(f"larger than {LARGEST_FILE:,} bytes")
    page = read_page(PurePosixPath(relative), _decoded(content))
    digest = hashlib.sha256(content).hexdigest()
    return SourcePage(page=page, uri=f"{tree_name}/{relative}", fingerprint=f"sha256:{digest}")


def _decoded(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    elif b"\x00" in content:
        raise _CannotRead("binary, not text")
    else:
        encoding = "utf-8-sig"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise _CannotRead(f"not {encoding.removesuffix('-sig').upper()} (byte {error.start:,})") from None


def _storable(name: str) -> str:
    cleaned = name.encode("utf-8", "replace").decode("utf-8")
    return "".join(letter if letter.isprintable() else "?" for letter in cleaned)
