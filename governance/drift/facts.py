"""What drafts of findings refer to, read at once: their subject, severity and owner; must not write."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from context.errors import InvalidInput
from context.models import ContextItem, Domain, Sensitivity, User
from context.ownership import Answering, read_answering
from context.row_security import reading_as_system
from governance.audit.ledger import Subject
from governance.debt import use_of
from governance.drift.drafts import FindingDraft
from governance.drift.severity import severity_of
from governance.drift.tuning import Tuning
from governance.models import Severity

_UNTUNED = Tuning(options={})


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """The items, domains, people (with their clearance) and deliveries that some drafts are about."""

    items: Mapping[int, ContextItem]
    domains: Mapping[int, Domain]
    clearances: Mapping[int, int]
    deliveries: Mapping[int, int]
    answering: Answering
    tuning: Mapping[int, Tuning]

    def subject(self, draft: FindingDraft) -> Subject:
        """What it is about; as sensitive as the most sensitive text that its evidence shows."""
        item = self._item(draft)
        levels = [each.sensitivity for each in self._items(draft)]
        if draft.place is not None:
            levels.append(draft.place.sensitivity)
            return Subject(type=draft.place.type, id=draft.place.id, label=draft.place.label, sensitivity=max(levels))
        if item is not None:
            return Subject(type="item", id=item.key, label=item.title, sensitivity=max(levels))
        domain = self.domains.get(draft.domain_id or 0)
        if domain is None:
            raise InvalidInput(
                "A finding is about something.", field="subject", fix="Give an item, a domain or a subject."
            )
        level = max([int(Sensitivity.INTERNAL), *levels])
        return Subject(type="domain", id=domain.slug, label=domain.name, sensitivity=level)

    def domain_id(self, draft: FindingDraft) -> int | None:
        item = self._item(draft)
        return item.domain_id if item is not None else draft.domain_id

    def tuning_in(self, domain_id: int | None) -> Tuning:
        return self.tuning.get(domain_id or 0, _UNTUNED)

    def severity(self, draft: FindingDraft) -> Severity:
        """As it is tuned for the domain, else as the detector says outright, else from size, sensitivity and use."""
        said = self.tuning_in(self.domain_id(draft)).severity or draft.severity
        if said is not None:
            return said
        used = [self.deliveries.get(item.pk, 0) for item in self._items(draft)]
        return severity_of(
            size=draft.size, sensitivity=self.subject(draft).sensitivity, deliveries=max(used, default=0)
        )

    def owner_id(self, draft: FindingDraft) -> int | None:
        """The first of those who answer for it that is still here and may read what it shows."""
        item, level = self._item(draft), self.subject(draft).sensitivity
        answering = [draft.owner_id, item.owner_id if item is not None else None]
        answering += self.answering.chains.get(self.domain_id(draft) or 0, ())
        return next(
            (person for person in answering if person is not None and self.clearances.get(person, -1) >= level), None
        )

    def _item(self, draft: FindingDraft) -> ContextItem | None:
        return self.items.get(draft.item_id or 0)

    def _items(self, draft: FindingDraft) -> list[ContextItem]:
        ids = (draft.item_id or 0, *draft.other_item_ids)
        return [self.items[item_id] for item_id in ids if item_id in self.items]


def read_facts(*, drafts: Iterable[FindingDraft], tuning: Mapping[int, Tuning], now: datetime) -> Facts:
    """Four queries and one for each source of use, however many drafts there are."""
    held = list(drafts)
    item_ids = {item for draft in held for item in (draft.item_id, *draft.other_item_ids) if item is not None}
    # Whom a finding is about, and who answers for it, may be beyond what the actor may see; nothing of it is shown.
    with reading_as_system():
        items = ContextItem.objects.filter(pk__in=item_ids).only("key", "title", "sensitivity", "domain_id", "owner_id")
        found = {item.pk: item for item in items}
        answering = read_answering()
        owners = [*(item.owner_id for item in found.values()), *(draft.owner_id for draft in held)]
        people = {person for person in owners if person is not None}
        people |= {person for chain in answering.chains.values() for person in chain}
        return Facts(
            items=found,
            domains=Domain.objects.in_bulk({draft.domain_id for draft in held if draft.domain_id is not None}),
            clearances=dict(User.objects.filter(pk__in=people, is_active=True).values_list("pk", "clearance")),
            deliveries=use_of(item_ids=sorted(item_ids), now=now) if item_ids else {},
            answering=answering,
            tuning=tuning,
        )
