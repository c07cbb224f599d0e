"""Items and contracts as MCP resources, listed by cursor, of what the agent may see; must hold no rule of its own."""

from __future__ import annotations

import re
from typing import Any

from django.core import signing
from mcp_types import (
    Annotations,
    ListResourcesResult,
    ListResourceTemplatesResult,
    ReadResourceResult,
    Resource,
    ResourceTemplate,
    TextResourceContents,
)
from mcp_types.jsonrpc import INVALID_PARAMS

from agents.contract_availability import availability_of
from agents.mcp.calls import Asking
from agents.mcp.protocol import RESOURCE_NOT_FOUND, ProtocolError
from agents.models import ContextContract, Scope
from agents.serializers import ContractSerializer, render_availability
from config.api.rendering import encode, rendered
from context.digests import iso
from context.errors import NotFound
from context.reading import IN_FORCE_THEN, ItemFilters, items_in_force, read_item
from context.restricted_reads import of_version, record_restricted
from context.row_security import reading_as
from context.serializers.items import render_item

ITEMS, CONTRACTS = "plumbline://items/", "plumbline://contracts/"
ITEM_URI = re.compile(re.escape(ITEMS) + r"([a-z0-9-]{1,60}/[a-z0-9-]{1,120})")
CONTRACT_URI = re.compile(re.escape(CONTRACTS) + r"([a-z0-9-]{1,60})")
PAGE = 100
SALT = "plumbline.mcp.cursor"
MARKDOWN, JSON = "text/markdown", "application/json"


def list_resources(asking: Asking, cursor: str | None) -> ListResourcesResult:
    """A page of the agent's contracts and then of the items in force that it may read. At most four queries."""
    if Scope.CONTEXT_READ not in asking.agent.scopes:
        return ListResourcesResult(resources=[])
    kind, after = read_cursor(cursor, of="resources", kinds=("contract", "item"))
    found: list[Resource] = []
    with reading_as(asking.principal):
        if kind == "contract":
            contracts = contracts_of(asking).filter(slug__gt=after).order_by("slug")[: PAGE + 1]
            found, last = [_contract(each) for each in contracts], "contract"
            if len(found) > PAGE:
                return _page(found[:PAGE], last, found[PAGE - 1].name)
            after = ""
        room = PAGE - len(found)
        items = items_in_force(principal=asking.principal, filters=ItemFilters(), at=asking.now)
        rows = list(items.filter(key__gt=after).order_by("key")[: room + 1])
    found += [_item(item) for item in rows[:room]]
    if len(rows) <= room:
        return ListResourcesResult(resources=found)
    return _page(found, "item", rows[room - 1].key if room else "")


def _page(found: list[Resource], kind: str, after: str) -> ListResourcesResult:
    return ListResourcesResult(resources=found, next_cursor=write_cursor(of="resources", kind=kind, after=after))


def list_templates(asking: Asking) -> ListResourceTemplatesResult:
    """How the addresses of resources are made."""
    if Scope.CONTEXT_READ not in asking.agent.scopes:
        return ListResourceTemplatesResult(resource_templates=[])
    return ListResourceTemplatesResult(
        resource_templates=[
            ResourceTemplate(
                name="item",
                title="An item",
                uri_template=ITEMS + "{domain}/{slug}",
                description="An approved text in force: as Markdown, and as JSON with its metadata and relations.",
            ),
            ResourceTemplate(
                name="contract",
                title="A contract",
                uri_template=CONTRACTS + "{slug}",
                description="What a task needs, and whether it is all there now.",
                mime_type=JSON,
            ),
        ]
    )


def read_resource(asking: Asking, uri: str, *, modern: bool) -> ReadResourceResult:
    """What stands at the address. What the agent may not see is not there."""
    item, contract = ITEM_URI.fullmatch(uri), CONTRACT_URI.fullmatch(uri)
    try:
        if Scope.CONTEXT_READ in asking.agent.scopes:
            with reading_as(asking.principal):
                if item is not None:
                    return _read_item(asking, uri, item[1])
                if contract is not None:
                    return _read_contract(asking, uri, contract[1])
    except NotFound:
        pass
    raise ProtocolError(
        INVALID_PARAMS if modern else RESOURCE_NOT_FOUND, "There is no such resource.", data={"uri": uri[:300]}
    )


def _read_item(asking: Asking, uri: str, key: str) -> ReadResourceResult:
    reading = read_item(principal=asking.principal, key=key, at=asking.now)
    version = reading.version
    if version is None:
        raise NotFound("No version of it is in force.")
    record_restricted(principal=asking.principal, texts=[of_version(reading.item, version)], how="mcp", now=asking.now)
    about = {"key": key, "version": version.number, "digest": version.digest}
    return ReadResourceResult(
        contents=[
            TextResourceContents(uri=uri, mime_type=MARKDOWN, text=f"# {version.title}\n\n{version.body}", _meta=about),
            TextResourceContents(uri=uri, mime_type=JSON, text=encode(render_item(reading)).decode()),
        ]
    )


def _read_contract(asking: Asking, uri: str, slug: str) -> ReadResourceResult:
    contract = contracts_of(asking).filter(slug=slug).first()
    if contract is None:
        raise NotFound("There is no such contract.")
    told = availability_of(principal=asking.principal, contract=contract)
    body: dict[str, Any] = {
        **rendered(ContractSerializer(contract)),
        "availability": render_availability(contract, told.version.number, told.available),
    }
    return ReadResourceResult(contents=[TextResourceContents(uri=uri, mime_type=JSON, text=encode(body).decode())])


def contracts_of(asking: Asking) -> Any:
    """The contracts that the agent holds, with what is said of them."""
    found = ContextContract.objects.visible_to(asking.principal)
    return found.filter(current_version__isnull=False).select_related("owner", "domain", "current_version")


def _contract(contract: ContextContract) -> Resource:
    return Resource(
        uri=CONTRACTS + contract.slug,
        name=contract.slug,
        title=contract.name,
        description=contract.purpose or None,
        mime_type=JSON,
    )


def _item(item: Any) -> Resource:
    version = getattr(item, IN_FORCE_THEN)[0]
    return Resource(
        uri=ITEMS + item.key,
        name=item.key,
        title=version.title,
        description=f"{item.kind.name} of {item.domain.name}, version {version.number}",
        mime_type=MARKDOWN,
        annotations=Annotations(last_modified=iso(version.published_at)),
    )


def write_cursor(*, of: str, kind: str, after: str) -> str:
    return signing.dumps([of, kind, after], salt=SALT)


def read_cursor(cursor: str | None, *, of: str, kinds: tuple[str, ...]) -> tuple[str, str]:
    """Where a page begins: in which kind, after which name."""
    if cursor is None:
        return kinds[0], ""
    try:
        found = signing.loads(cursor, salt=SALT)
    except (signing.BadSignature, ValueError, TypeError):
        found = None
    match found:
        case [list_name, str(kind), str(after)] if list_name == of and kind in kinds:
            return kind, after
    raise ProtocolError(INVALID_PARAMS, "The cursor was altered, or belongs to another list.")
