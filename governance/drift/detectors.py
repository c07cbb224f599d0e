"""What a detector of drift is: the protocol between the scan and its detectors; must not scan, write or judge.

A detector is a module with a `DETECTOR`, named in `settings.DRIFT_DETECTORS` (name → dotted path):

    def detect(subjects: Subjects, *, now: datetime, context: Looking) -> Iterable[FindingDraft]: ...

    DETECTOR = Detector(name="stale", question="Which texts has nobody confirmed in time?", scope=Scope.ITEMS,
                        detect=detect, options=(Option(name="ahead_days", default=14, …),))

What `detect` must keep to, so that a scan can be resumed, repeated, and run beside another:

- It reads and returns. It works set-wise, a few statements for all its subjects, never one for each.
- It reports **everything** that it now sees to be wrong with its subjects: an unsettled finding of this detector about
  one of them that is not reported again is resolved. With the scope PAIRS that goes for findings that concern a subject
  in any way: all pairs with a subject on either side are reported, with others that are none as well.
- The same texts give the same drafts. `cause` names the cause by what does not change (keys, names of places), never
  by passage or version ids; a pair is put in the order of its keys.
- `basis` holds what a dismissal is bound to: the two passages, the date that has passed; nothing that moves by itself.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from django.conf import settings
from django.utils.module_loading import import_string

from context.errors import DomainError
from governance.drift.drafts import FindingDraft

OptionValue = int | float | bool | str


class Scope(enum.Enum):
    """What one call of `detect` is given.

    ITEMS: some items of one domain; a scan makes many such calls, several at once. PAIRS: all items of the scan in one
    call, because what is wrong lies between two of them, perhaps of different domains. DOMAIN: one domain as a whole.
    ORGANISATION: everything, once a scan.
    """

    ITEMS = "items"
    PAIRS = "pairs"
    DOMAIN = "domain"
    ORGANISATION = "organisation"


@dataclass(frozen=True, kw_only=True, slots=True)
class Subjects:
    """What to look at. `item_ids` are sorted and none of them is retired; `everything` says that they are all items in
    reach of the scan, so that a statement may leave the filter out.
    """

    item_ids: Sequence[int] = ()
    domain_ids: Sequence[int] = ()
    everything: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Option:
    """A threshold that stewards may tune for a domain. `least` and `most` bound a number, `help` says what it does."""

    name: str
    default: OptionValue
    help: str
    least: float | None = None
    most: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Looking:
    """What a detector knows of the scan. `tuned` are the options as each domain has them."""

    full: bool
    tuned: Mapping[int, Mapping[str, OptionValue]] = field(default_factory=dict)
    defaults: Mapping[str, OptionValue] = field(default_factory=dict)

    def option(self, name: str, domain_id: int | None = None) -> OptionValue:
        """The option as it is tuned for that domain."""
        return self.tuned.get(domain_id or 0, self.defaults).get(name, self.defaults[name])

    def number(self, name: str, domain_id: int | None = None) -> float:
        return float(self.option(name, domain_id))


class Detect(Protocol):
    def __call__(self, subjects: Subjects, *, now: datetime, context: Looking) -> Iterable[FindingDraft]: ...


# Given the items that changed since the last scan, those whose findings may differ because of it (SQL, set-wise).
Neighbours = Callable[[Sequence[int]], Iterable[int]]
# Given the time, all items that this detector may have something to say of by what no event tells (SQL, set-wise).
Turning = Callable[[datetime], Iterable[int]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Detector:
    """One question with the function that answers it.

    An incremental scan gives `detect` the items that changed (published, verified, retired, begun or ended) with those
    they are related to and what `neighbours` adds; where time alone makes the finding, or something else that is not in
    the ledger, those of `turning`, too, and those it found something about before. `verifiable`: confirming the text as
    still true settles it. `hold_code`: the gap that contracts which demand verified context report while the item is
    held back for such a finding (`contradicted` or `unverified`). Raise `version` when the same text would be judged
    otherwise: the next scan then looks at everything.
    """

    name: str
    question: str
    scope: Scope
    detect: Detect
    options: tuple[Option, ...] = ()
    neighbours: Neighbours | None = None
    turning: Turning | None = None
    needs_network: bool = False
    verifiable: bool = False
    hold_code: str = ""
    version: int = 1

    @property
    def defaults(self) -> dict[str, OptionValue]:
        return {option.name: option.default for option in self.options}


class UnknownDetector(DomainError):
    """There is no detector of that name."""

    type = "unknown-detector"
    title = "There is no such detector"
    status = 422


def detectors() -> dict[str, Detector]:
    """All detectors by name, in the order of the settings."""
    found: dict[str, Detector] = {}
    for name, path in settings.DRIFT_DETECTORS.items():
        detector = import_string(path)
        if not isinstance(detector, Detector) or detector.name != name:
            raise ImportError(f"DRIFT_DETECTORS[{name!r}] = {path!r} is no detector of that name.")
        found[name] = detector
    return found


def detector_named(name: str) -> Detector:
    found = detectors()
    if name not in found:
        raise UnknownDetector(
            f"There is no detector {name[:40]!r}.", field="detectors", fix=f"Take one of {', '.join(found)}."
        )
    return found[name]
