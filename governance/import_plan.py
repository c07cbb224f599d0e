"""What an import would do, before it does it; must not read files or write rows."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from governance.edits import EditInput
from governance.models import Change
from governance.source_tree import Unreadable

ORIGIN = "import"
SOURCE_KIND = "markdown"


@dataclass(frozen=True, kw_only=True, slots=True)
class Planned:
    """One thing the import would do, with the file it comes from."""

    path: str
    key: str
    edit: EditInput
    note: str = ""


@dataclass(kw_only=True, slots=True)
class ImportPlan:
    """What an import would do, and what it met on the way. Nothing is written while it is made."""

    tree: str
    domain: str
    planned: list[Planned] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    left_retired: list[str] = field(default_factory=list)
    unreadable: list[Unreadable] = field(default_factory=list)
    unmatched_owners: Counter[str] = field(default_factory=Counter)
    without_owner: int = 0
    broken_links: list[tuple[str, str]] = field(default_factory=list)
    unresolved_tags: Counter[str] = field(default_factory=Counter)
    left_out_tags: Counter[str] = field(default_factory=Counter)
    ignored: Counter[str] = field(default_factory=Counter)
    pending: Change | None = None
    pending_is_ours: bool = False

    def of(self, operation: str) -> list[Planned]:
        return [each for each in self.planned if each.edit.operation == operation]

    @property
    def relations(self) -> int:
        """How many links between pages the creations and revisions state."""
        return sum(len(each.edit.payload.get("relations", ())) for each in self.planned)
