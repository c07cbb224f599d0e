"""Knows imported pages again, by their place or their content, and gives new ones a key; must not write rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from django.utils.text import slugify

from context.access import principal_for
from context.formats.pages import Page, name_of
from context.models import ContextItem, Domain, User
from governance.import_edits import ReadablePage
from governance.import_plan import SOURCE_KIND
from governance.models import ChangeState, Edit, Operation
from governance.payload_fields import LONGEST_KEY


def imported_items(actor: User, domain: Domain, tree: str) -> list[ContextItem]:
    found = ContextItem.objects.visible_to(principal_for(actor)).filter(
        domain=domain, source_kind=SOURCE_KIND, source_uri__startswith=f"{tree}/", current_version__isnull=False
    )
    return list(found.select_related("current_version").order_by("key"))


def matched_items(
    pages: Sequence[ReadablePage], items: Sequence[ContextItem]
) -> tuple[dict[str, ContextItem], list[ContextItem]]:
    """The item of each page by its place, else by its content where just one item lost its file; and the rest."""
    by_uri = {item.source_uri: item for item in items}
    matched = {source.uri: by_uri[source.uri] for source, _ in pages if source.uri in by_uri}
    rest = [item for item in items if item.source_uri not in matched]
    by_content: dict[str, list[ContextItem]] = {}
    for item in rest:
        by_content.setdefault(item.source_fingerprint, []).append(item)
    new = Counter(source.fingerprint for source, _ in pages if source.uri not in matched)
    for source, _ in pages:
        candidates = by_content.get(source.fingerprint, [])
        if source.uri not in matched and len(candidates) == 1 and new[source.fingerprint] == 1:
            matched[source.uri] = candidates[0]
            rest.remove(candidates[0])
    return matched, rest


def keys_for(
    pages: Sequence[ReadablePage],
    matched: Mapping[str, ContextItem],
    pending: Mapping[str, Edit],
    domain: Domain,
    tree: str,
) -> dict[str, str]:
    """The key of each page: the one it has, else one made of its file's name and, where taken, of its folders'."""
    keys = {uri: item.key for uri, item in matched.items()}
    keys |= {uri: edit.key for uri, edit in pending.items() if uri not in keys}
    taken = set(ContextItem.objects.filter(domain=domain).values_list("key", flat=True)) | set(keys.values())
    open_edits = Edit.objects.filter(change__state__in=ChangeState.open_states(), operation=Operation.CREATE)
    taken |= set(open_edits.filter(domain=domain).values_list("key", flat=True))
    # The page nearest to the root gets the plain name, whatever order the folder is read in.
    for source, _ in sorted(pages, key=lambda each: (len(each[0].page.path.parts), each[0].page.path.as_posix())):
        if source.uri not in keys:
            keys[source.uri] = next(key for key in _candidates(source.page, domain, tree) if key not in taken)
            taken.add(keys[source.uri])
    return keys


def _candidates(page: Page, domain: Domain, tree: str) -> Iterable[str]:
    longest = LONGEST_KEY - len(domain.slug) - 8
    folders = [slugify(part).replace("_", "-").strip("-") for part in page.path.parent.parts]
    name = slugify(name_of(page.path)).replace("_", "-").strip("-")
    if name != slugify(page.path.stem).replace("_", "-").strip("-"):  # the index of a folder, named after it
        folders = folders[:-1]
    elif name == "index" and not folders:
        name = slugify(tree) or name
    name = name or slugify(page.title).replace("_", "-").strip("-") or "page"
    slug = ""
    for depth in range(len(folders) + 1):
        slug = "-".join(filter(None, [*folders[len(folders) - depth :], name]))[:longest].strip("-")
        slug = "-".join(filter(None, slug.split("-")))
        yield f"{domain.slug}/{slug}"
    number = 2
    while True:
        yield f"{domain.slug}/{slug}-{number}"
        number += 1
