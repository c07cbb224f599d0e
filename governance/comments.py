"""Discussion of a change: comments anchored to a passage, and replies; must not decide on the change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from context.access import principal_for
from context.digests import check_storable
from context.errors import Conflict, InvalidInput, NotFound, NotPermitted
from context.models import User
from governance.change_state import append_event, attempting, get_change
from governance.governed import at_address
from governance.models import Change, Comment

LONGEST_COMMENT = 10_000
LONGEST_FIELD = 100
LONGEST_QUOTE = 2_000
MOST_COMMENTS = 1_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Thread:
    """A remark with its replies, in the order they were made. `moved`: the passage it quotes is not there any more."""

    comment: Comment
    replies: tuple[Comment, ...]
    moved: bool = False


def threads_of(change: Change) -> list[Thread]:
    """The discussion of a change, each passage of a text looked for in the edit as it stands now. Two queries.

    A quoted field is not: it reads otherwise on the page than it is stored (governance/views/passages.py finds it).
    """
    comments = list(change.comments.select_related("resolved_by", "author"))
    quoted = {each.key for each in comments if each.quote and each.key}
    stands = {
        edit.address: same_words(" ".join(_words(edit.payload)))
        for edit in (change.edits.all() if quoted else ())
        if edit.address in quoted
    }
    return [
        Thread(
            comment=each,
            replies=tuple(reply for reply in comments if reply.parent_id == each.pk),
            moved=bool(each.quote and each.key)
            and each.field in ("", "body")
            and same_words(each.quote) not in stands.get(each.key, ""),
        )
        for each in comments
        if each.parent_id is None
    ]


def same_words(text: str) -> str:
    """The text with every run of white space as one space: how a quotation is found again."""
    return " ".join(text.split())


def add_comment(
    *,
    actor: User,
    change_id: int,
    text: str,
    now: datetime,
    key: str = "",
    field: str = "",
    quote: str = "",
    reply_to: int | None = None,
) -> Comment:
    """Say something about a change, about the passage `quote` of one of its edits, or in reply to a comment."""
    principal = principal_for(actor)
    for name, value, limit in (("text", text, LONGEST_COMMENT), ("quote", quote, LONGEST_QUOTE)):
        check_storable(value, field=name)
        if len(value) > limit:
            raise InvalidInput(f"The {name} is too long.", field=name, limit=limit, fix="Shorten it.")
    if not text.strip():
        raise InvalidInput("The comment is empty.", field="text", fix="Write something.")
    with transaction.atomic():
        change = get_change(principal=principal, change_id=change_id)
        if key and not change.edits.filter(at_address(key)).exists():
            raise NotFound(f"Change {change.pk} has no edit of {key[:200]}.", field="key")
        parent = None
        if reply_to is not None:
            parent = change.comments.filter(pk=reply_to).first()
            if parent is None:
                raise NotFound(f"Change {change.pk} has no comment {reply_to}.", field="reply_to")
            parent = parent.parent or parent
        if change.comments.count() >= MOST_COMMENTS:
            raise Conflict("The discussion is full.", limit=MOST_COMMENTS, fix="Decide, or start another change.")
        comment = Comment.objects.create(
            change=change,
            parent=parent,
            key=key,
            field=field[:LONGEST_FIELD],
            quote=quote.strip(),
            revision=change.revision,
            text=text.strip(),
            author=actor,
            author_label=actor.display_name,
            created_at=now,
        )
        append_event(change, principal, "governance.change.commented", now, comment=comment.pk, key=key)
    return comment


def settle_comment(*, actor: User, comment_id: int, now: datetime) -> Comment:
    """Mark a thread as settled: by whoever began it, or by an editor of the change."""
    principal = principal_for(actor)
    change_id = Comment.objects.filter(pk=comment_id).values_list("change_id", flat=True).first() or 0
    with attempting("settle", principal=principal, change_id=change_id, now=now), transaction.atomic():
        comment = Comment.objects.select_for_update(of=("self",)).filter(pk=comment_id, parent=None).first()
        if comment is None:
            raise NotFound(f"There is no comment {comment_id}.")
        change = get_change(principal=principal, change_id=comment.change_id)
        if comment.author_id != actor.pk and not change.editors.filter(pk=actor.pk).exists():
            raise NotPermitted(
                "You may not settle this comment.", fix="Whoever wrote it, or an editor of the change, may."
            )
        if comment.resolved_at is None:
            comment.resolved_at, comment.resolved_by = now, actor
            comment.save(update_fields=["resolved_at", "resolved_by"])
            append_event(change, principal, "governance.comment.settled", now, comment=comment.pk)
    return comment


def _words(value: Any) -> Iterator[str]:
    """Every text in a payload, in order."""
    if isinstance(value, Mapping):
        for each in value.values():
            yield from _words(each)
    elif isinstance(value, list):
        for each in value:
            yield from _words(each)
    elif value is not None:
        yield str(value)
