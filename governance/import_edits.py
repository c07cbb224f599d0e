"""Makes the edit for each page of an import: text, facts, links, owner; must not write rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from context import kinds
from context.formats import links
from context.formats.pages import Page
from context.formats.site_map import SiteMap, fragment_on
from context.markdown import ITEM_SCHEME, plain_text
from context.models import ContextItem, Domain, Kind
from governance.edits import EditInput
from governance.import_owners import Owners, Ownership
from governance.import_plan import ORIGIN, SOURCE_KIND, ImportPlan, Planned
from governance.models import Change, Operation
from governance.payload_fields import MOST_RELATIONS
from governance.proposals import state_of
from governance.source_tree import SourcePage, Unreadable

ReadablePage = tuple[SourcePage, dict[str, Any]]


@dataclass(kw_only=True)
class EditBuilder:
    """Makes the edit for each page: its text with links to items, its relations, its owner."""

    plan: ImportPlan
    pages: Sequence[ReadablePage]
    keys: Mapping[str, str]
    owners: Owners
    site_url: str
    _site: SiteMap = field(init=False)
    _uris: dict[int, str] = field(init=False)

    def __post_init__(self) -> None:
        self._site = SiteMap([source.page for source, _ in self.pages], self.site_url)
        self._uris = {id(source.page): source.uri for source, _ in self.pages}

    def add(
        self,
        source: SourcePage,
        data: dict[str, Any],
        item: ContextItem | None,
        *,
        kind: Kind,
        domain: Domain,
        sensitivity: str,
    ) -> None:
        page, key, path = source.page, self.keys[source.uri], source.page.path.as_posix()
        if item is not None and item.retired_at is not None:
            self.plan.left_retired.append(item.key)
            return
        if item is not None and (item.source_uri, item.source_fingerprint) == (source.uri, source.fingerprint):
            self.plan.unchanged.append(item.key)
            return
        self.plan.unresolved_tags += page.unresolved
        self.plan.left_out_tags += page.left_out
        body, related = self._linked(page, key)
        payload: dict[str, Any] = {
            "title": page.title,
            "body": body,
            "source": {"kind": SOURCE_KIND, "uri": source.uri, "fingerprint": source.fingerprint},
        }
        if page.locale:
            payload["locale"] = page.locale
        if item is None:
            ownership = self._owned(self.owners.of(page.path))
            payload |= {
                "kind": kind.slug,
                "domain": domain.slug,
                "data": data,
                "sensitivity": sensitivity,
                "tags": sorted(page.tags),
                "owner": ownership.owner,
                "stewards": list(ownership.stewards),
                "relations": _relations(related),
            }
            edit = EditInput(operation=Operation.CREATE, key=key, payload=payload)
            self.plan.planned.append(Planned(path=path, key=key, edit=edit))
            return
        edit, note = _revision(item, payload, data, page, related, set(self.keys.values()))
        self.plan.planned.append(Planned(path=path, key=key, edit=edit, note=note))

    def _linked(self, page: Page, key: str) -> tuple[str, list[str]]:
        """The body with links to pages of the tree leading to their items, and the keys it links to."""
        related: dict[str, None] = {}

        def address(target: str) -> str:
            found = self._site.find(target, page.path)
            if found is None:
                if self._site.is_internal(target):
                    self.plan.broken_links.append((page.path.as_posix(), target[:300]))
                return target
            other, fragment = found
            other_key = self.keys[self._uris[id(other)]]
            anchor = f"#{fragment_on(other, fragment)}" if fragment else ""
            if other_key == key:
                return anchor or f"{ITEM_SCHEME}{key}"
            related.setdefault(other_key)
            return f"{ITEM_SCHEME}{other_key}{anchor}"

        return links.rewrite(page.body, address), list(related)

    def _owned(self, ownership: Ownership) -> Ownership:
        self.plan.unmatched_owners.update(ownership.unmatched)
        self.plan.without_owner += ownership.owner is None
        return ownership


def _revision(
    item: ContextItem,
    payload: dict[str, Any],
    data: dict[str, Any],
    page: Page,
    related: Sequence[str],
    tree_keys: set[str],
) -> tuple[EditInput, str]:
    """What the file says anew, beside what people added to the item here: owner, sensitivity, tags, other relations."""
    assert item.current_version is not None
    present = state_of(item, item.current_version)
    others = [
        (entry["type"], entry["key"])
        for entry in present["relations"] or []
        if entry["type"] != "related" or entry["key"] not in tree_keys
    ]
    payload["relations"] = _relations(related, others)
    payload["tags"] = sorted({*(present["tags"] or []), *page.tags})
    payload["data"] = {**(present["data"] or {}), **data}
    imported = Change.objects.filter(pk=item.current_version.change_number, origin=ORIGIN).exists()
    note = "" if imported else "edited here since it was imported"
    if item.source_uri != payload["source"]["uri"]:
        note = f"moved from {item.source_uri.partition('/')[2]}" + (f", {note}" if note else "")
    edit = EditInput(
        operation=Operation.REVISE, key=item.key, payload=payload, base_version=item.current_version.number
    )
    return edit, note


def _relations(related: Iterable[str], others: Iterable[tuple[str, str]] = ()) -> list[dict[str, str]]:
    wanted = sorted(set(others))[:MOST_RELATIONS]
    wanted += [("related", key) for key in related][: MOST_RELATIONS - len(wanted)]
    return [{"type": name, "key": key} for name, key in sorted(set(wanted))]


def readable(sources: Sequence[SourcePage], kind: Kind, plan: ImportPlan) -> list[ReadablePage]:
    """The pages whose structured data fits their kind, with that data; the others are listed with the reason."""
    kept = []
    for source in sources:
        try:
            kept.append((source, _data(source.page, kind.schema)))
        except kinds.SchemaViolation as violation:
            reason = f"does not fit the kind {kind.slug}: {violation.detail[:200]}"
            plan.unreadable.append(Unreadable(path=source.page.path.as_posix(), reason=reason))
    return kept


def _data(page: Page, schema: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of the page that the kind has a place for; a definition is its first paragraph if it gives none."""
    properties = schema.get("properties") or {}
    data = {name: page.fields[name] for name in properties if name in page.fields and page.fields[name] is not None}
    if "definition" in (schema.get("required") or ()) and "definition" not in data:
        first = next((line for line in plain_text(page.body).split("\n") if len(line.split()) > 3), page.title)
        data["definition"] = first[:2_000]
    try:
        kinds.check(data, schema)
    except kinds.SchemaViolation:
        # A field of the same name that means something else on their site is no reason to leave the page out.
        data = {name: value for name, value in data.items() if name in (schema.get("required") or ())}
        kinds.check(data, schema)
    return data
