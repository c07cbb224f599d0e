"""Finds which page of a tree a link leads to, by file or by address; must not read files."""

from __future__ import annotations

import posixpath
import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from context.formats.pages import INDEX_NAMES, Page
from context.markdown import ANCHOR_PREFIX, anchor_of

_EXTENSION = re.compile(r"\.(md|markdown|mdown|mkd|html?)$", re.I)
_VARIABLE = re.compile(r"^\{\{[^{}]*\}\}")
_NOT_LETTERS = re.compile(r"[\W_]+")


class SiteMap:
    """The pages of one tree, by where their files are and by where a generator would serve them.

    An address need not be whole: `/leave/` finds `pages/people/leave.md`, and `/docs/people/leave` too, where only
    one page can be meant.
    """

    def __init__(self, pages: Iterable[Page], site_url: str = "") -> None:
        self.site_host = urlsplit(site_url).netloc.lower()
        self._by_file: dict[str, Page] = {}
        self._by_address: dict[tuple[str, ...], Page] = {}
        self._by_ending: dict[tuple[str, ...], dict[int, list[Page]]] = defaultdict(lambda: defaultdict(list))
        for page in pages:
            self._by_file[page.path.as_posix().lower()] = page
            for address in page.addresses:
                self._by_address.setdefault(_segments(address), page)
            place = _place(page.path)
            for dropped in range(len(place) + 1):
                self._by_ending[place[dropped:]][dropped].append(page)

    def find(self, target: str, origin: PurePosixPath) -> tuple[Page, str] | None:
        """The page that a link in the page at `origin` leads to, with the fragment; None where it leads elsewhere."""
        target = _VARIABLE.sub("", target.strip())
        try:
            parts = urlsplit(target)
        except ValueError:
            return None
        if parts.scheme or parts.netloc:
            if not self.site_host or parts.netloc.lower() != self.site_host or parts.scheme not in {"http", "https"}:
                return None
        elif not parts.path:
            return None
        path = unquote(parts.path) or "/"
        page = self._absolute(path) if path.startswith("/") else self._relative(path, origin)
        return (page, parts.fragment) if page is not None else None

    def is_internal(self, target: str) -> bool:
        """Whether a link means a page of this tree, found or not: not elsewhere, not a place in its own page."""
        target = _VARIABLE.sub("", target.strip())
        try:
            parts = urlsplit(target)
        except ValueError:
            return False
        if parts.scheme or parts.netloc:
            return bool(self.site_host) and parts.netloc.lower() == self.site_host
        suffix = PurePosixPath(parts.path).suffix.lower()
        return bool(parts.path) and (not suffix or bool(_EXTENSION.search(suffix)))

    def _relative(self, path: str, origin: PurePosixPath) -> Page | None:
        folder = origin.parent.as_posix()
        found = self._file(posixpath.normpath(posixpath.join(folder, path)))
        if found is not None:
            return found
        # A page is served as a folder of its own: from there, `../` is the folder that its file is in.
        served = origin.with_suffix("").as_posix() if origin.stem.lower() not in INDEX_NAMES else folder
        found = self._file(posixpath.normpath(posixpath.join(served, path)))
        return found or self._absolute(path) if not path.startswith(".") else found

    def _file(self, path: str) -> Page | None:
        path = path.lower().strip("/")
        stem = _EXTENSION.sub("", path)
        candidates = [path, f"{stem}.md", f"{stem}.markdown"]
        candidates += [f"{stem}/{name}.md".removeprefix("./") for name in ("index", "readme", "_index")]
        return next((self._by_file[candidate] for candidate in candidates if candidate in self._by_file), None)

    def _absolute(self, path: str) -> Page | None:
        segments = _segments(path)
        if segments in self._by_address:
            return self._by_address[segments]
        for dropped in range(len(segments)):
            rest = segments[dropped:]
            if dropped and len(rest) < 2:
                break  # one word alone says too little
            endings = self._by_ending.get(rest)
            if endings:
                nearest = endings[min(endings)]
                return nearest[0] if len(nearest) == 1 else None
        return None if segments else self._file("index.md")


def fragment_on(page: Page, fragment: str) -> str:
    """`fragment` as the anchor of the heading it means on that page, however its generator spelt it."""
    wanted = anchor_of(fragment)
    if wanted in page.anchors:
        return wanted.removeprefix(ANCHOR_PREFIX)
    letters = _NOT_LETTERS.sub("", wanted.removeprefix(ANCHOR_PREFIX))
    for anchor in sorted(page.anchors):
        if _NOT_LETTERS.sub("", anchor.removeprefix(ANCHOR_PREFIX)) == letters:
            return anchor.removeprefix(ANCHOR_PREFIX)
    return fragment


def _place(path: PurePosixPath) -> tuple[str, ...]:
    place = _segments(_EXTENSION.sub("", path.as_posix()))
    return place[:-1] if path.stem.lower() in INDEX_NAMES else place


def _segments(address: str) -> tuple[str, ...]:
    path = _EXTENSION.sub("", unquote(address).split("#")[0].split("?")[0].rstrip("/"))
    return tuple(part for part in (_slug(segment) for segment in path.split("/")) if part)


def _slug(segment: str) -> str:
    return re.sub(r"[\s_-]+", "-", segment.strip().lower()).strip("-")
