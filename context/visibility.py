"""`visible_items` as SQL, for the statements that are written by hand; must not differ from it by a single row.

The rule itself is stated in `context/models/items.py`; a test compares the two over many worlds.
"""

from __future__ import annotations

from typing import Any

from context.access import Principal


def visible(item: str) -> str:
    """The condition under which the reader may know that the item (a table alias) exists. Takes `reader(…)`."""
    return f"""(
    {item}.sensitivity <= %(reader_clearance)s
    AND (%(reader_domains)s::bigint[] IS NULL OR {item}.domain_id = ANY (%(reader_domains)s::bigint[]))
    AND (
        %(reader_is_system)s
        OR NOT EXISTS (SELECT FROM context_contextitem_audiences WHERE contextitem_id = {item}.id)
        OR EXISTS (
            SELECT FROM context_contextitem_audiences
            WHERE contextitem_id = {item}.id AND group_id = ANY (%(reader_groups)s::bigint[])
        )
        OR {item}.owner_id = %(reader_person)s::bigint
        OR EXISTS (
            SELECT FROM context_contextitem_stewards
            WHERE contextitem_id = {item}.id AND user_id = %(reader_person)s::bigint
        )
    )
)"""


def was_permitted(item: str, version: str) -> str:
    """The condition under which the version, as approved with its own metadata, is the reader's to read, and was so
    with the rights that the reader had then.
    """
    return f"({_permitted(version, 'reader')} AND {_permitted(version, 'then')})"


def _permitted(version: str, who: str) -> str:
    return f"""(
    (CASE {version}.metadata ->> 'sensitivity'
         WHEN 'public' THEN 0 WHEN 'internal' THEN 1 WHEN 'confidential' THEN 2 ELSE 3 END) <= %({who}_clearance)s
    AND (%({who}_domains)s::bigint[] IS NULL OR EXISTS (
        SELECT FROM context_domain
        WHERE slug = {version}.metadata ->> 'domain' AND id = ANY (%({who}_domains)s::bigint[])
    ))
    AND (
        %({who}_is_system)s
        OR jsonb_array_length(coalesce({version}.metadata -> 'audiences', '[]')) = 0
        OR EXISTS (
            SELECT FROM auth_group
            WHERE id = ANY (%({who}_groups)s::bigint[]) AND {version}.metadata -> 'audiences' ? name
        )
        OR EXISTS (
            SELECT FROM context_user
            WHERE id = %({who}_person)s::bigint
            AND (username = {version}.metadata ->> 'owner' OR {version}.metadata -> 'stewards' ? username)
        )
    )
)"""


def reader(principal: Principal) -> dict[str, Any]:
    """The parameters of the conditions above."""
    return {**_as("reader", principal), **_as("then", principal.then or principal)}


def _as(who: str, principal: Principal) -> dict[str, Any]:
    return {
        f"{who}_clearance": principal.clearance,
        f"{who}_domains": None if principal.domains is None else sorted(principal.domains),
        f"{who}_groups": sorted(principal.groups),
        f"{who}_person": principal.id if principal.kind == "person" else None,
        f"{who}_is_system": principal.kind == "system",
    }
