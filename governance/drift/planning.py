"""Cuts a scan into shards: everything where a detector has to look anew, else what changed; must not look itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from context.models import ContextItem
from governance.drift.changed import changed_items, with_related
from governance.drift.detectors import Scope
from governance.drift.tuning import TunedDetector
from governance.models import Finding, Scan, ScanMark, ScanShard

ITEMS_PER_SHARD = 10_000


class Plan:
    """The shards of one scan, detector by detector; what changed is read once for all of them."""

    def __init__(self, *, scan: Scan, within: set[int], now: datetime) -> None:
        self.scan, self.within, self.now = scan, within, now
        self._marks = {(mark.detector, mark.domain_id): mark for mark in ScanMark.objects.all()}
        self._changed: dict[tuple[int, datetime], tuple[set[int], set[int]]] = {}
        self._items: Mapping[int, list[int]] | None = None

    def shards(self, tuned: TunedDetector) -> list[ScanShard]:
        detector = tuned.detector
        on = sorted(domain_id for domain_id in self.within if tuned.is_on_in(domain_id))
        if detector.scope is Scope.ORGANISATION:
            return [self._shard(tuned)] if on and self.scan.domain_id is None else []
        if detector.scope is Scope.DOMAIN:
            return [self._shard(tuned, domain_id=domain_id) for domain_id in on]
        anew = [domain_id for domain_id in on if self._looks_anew(tuned, domain_id)]
        if detector.scope is Scope.PAIRS:
            if anew:
                until = max((ids[-1] for ids in self._by_domain().values() if ids), default=0)
                return [self._shard(tuned, domain_id=self.scan.domain_id, until_id=until)] if until else []
            return self._some(tuned, self._touched(tuned, on), None)
        shards = [shard for domain_id in anew for shard in self._ranges(tuned, domain_id)]
        rest = [domain_id for domain_id in on if domain_id not in anew]
        if rest:
            for domain_id, ids in self._of_domains(self._touched(tuned, rest), rest).items():
                shards += self._some(tuned, ids, domain_id)
        return shards

    def items_in_reach(self) -> int:
        if self._items is None:
            return ContextItem.objects.filter(domain_id__in=self.within).count()
        return sum(len(ids) for ids in self._items.values())

    def _looks_anew(self, tuned: TunedDetector, domain_id: int) -> bool:
        mark = self._marks.get((tuned.detector.name, domain_id))
        return self.scan.full or mark is None or mark.judged_by != tuned.judged_by(domain_id)

    def _touched(self, tuned: TunedDetector, domain_ids: Sequence[int]) -> set[int]:
        """What changed since this detector looked at all of these domains, and beside it; what time made of others."""
        marks = [self._marks[tuned.detector.name, domain_id] for domain_id in domain_ids]
        if not marks:
            return set()
        since = (min(mark.ledger_sequence for mark in marks), min(mark.looked_at for mark in marks))
        if since not in self._changed:
            changed = changed_items(after_sequence=since[0], after=since[1], until=self.now)
            self._changed[since] = changed, with_related(changed)
        changed, related = self._changed[since]
        found = set(related)
        if changed and tuned.detector.neighbours is not None:
            found.update(tuned.detector.neighbours(sorted(changed)))
        if tuned.detector.turning is not None:
            unsettled = Finding.objects.unsettled().filter(detector=tuned.detector.name, item__isnull=False)
            found.update(tuned.detector.turning(self.now), unsettled.values_list("item_id", flat=True))
        return found

    def _of_domains(self, item_ids: Iterable[int], domain_ids: Sequence[int]) -> Mapping[int, list[int]]:
        found: dict[int, list[int]] = {}
        items = ContextItem.objects.filter(pk__in=sorted(item_ids), domain_id__in=domain_ids).order_by(
            "domain_id", "pk"
        )
        for item_id, domain_id in items.values_list("pk", "domain_id"):
            found.setdefault(domain_id, []).append(item_id)
        return found

    def _ranges(self, tuned: TunedDetector, domain_id: int) -> list[ScanShard]:
        ids = self._by_domain().get(domain_id, [])
        ends = [*ids[ITEMS_PER_SHARD - 1 :: ITEMS_PER_SHARD], *ids[-1:]]
        made, after = [], 0
        for until in sorted(set(ends)):
            made.append(self._shard(tuned, domain_id=domain_id, after_id=after, until_id=until))
            after = until
        return made

    def _some(self, tuned: TunedDetector, ids: Iterable[int], domain_id: int | None) -> list[ScanShard]:
        wanted = sorted(ids)
        size = ITEMS_PER_SHARD if domain_id is not None else max(len(wanted), 1)
        return [
            self._shard(tuned, domain_id=domain_id, item_ids=wanted[place : place + size])
            for place in range(0, len(wanted), size)
        ]

    def _by_domain(self) -> Mapping[int, list[int]]:
        if self._items is None:
            found: dict[int, list[int]] = {}
            rows = ContextItem.objects.filter(domain_id__in=self.within).order_by("pk").values_list("pk", "domain_id")
            for item_id, domain_id in rows:
                found.setdefault(domain_id, []).append(item_id)
            self._items = found
        return self._items

    def _shard(
        self,
        tuned: TunedDetector,
        *,
        domain_id: int | None = None,
        item_ids: list[int] | None = None,
        after_id: int = 0,
        until_id: int = 0,
    ) -> ScanShard:
        return ScanShard(
            scan=self.scan,
            detector=tuned.detector.name,
            domain_id=domain_id,
            item_ids=item_ids,
            after_id=after_id,
            until_id=until_id,
        )
