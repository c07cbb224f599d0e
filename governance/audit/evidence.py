"""Packs the evidence of a period or an item into one archive that proves itself; must not judge what it shows."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

import orjson
from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.module_loading import import_string

from context.access import Principal
from context.digests import canonical, iso, plain
from context.errors import InvalidInput, NotFound
from context.models import ContextItem, ContextVersion
from context.signing import key_id, public_key, sign
from governance.audit.attempts import denials_recorded
from governance.audit.checkpoints import file_name, signed_statement
from governance.audit.evidence_index import index_page
from governance.audit.export import LEDGER, Export, as_jsonl, begin_export
from governance.audit.reading import EventFilters, require_auditor
from governance.models import ApprovalPolicy, ApprovalStage, Change, Checkpoint, Edit, Review
from governance.receipts import document_of

FORMAT = "plumbline-evidence-kit/1"
VERIFIER = Path(__file__).parent / "standalone" / "verify_export.py"


@dataclass(frozen=True, kw_only=True, slots=True)
class EvidenceScope:
    """What is asked for: the item with that key, or what happened from `since` until before `until`.

    `version_ids` and `change_ids` are those of the item, for the sources of upper floors; None for a period.
    """

    principal: Principal
    key: str = ""
    since: datetime | None = None
    until: datetime | None = None
    version_ids: tuple[int, ...] | None = None
    change_ids: tuple[int, ...] | None = None

    def within(self, column: str) -> Q:
        """The condition that a moment lies in the period asked for."""
        period = Q()
        if self.since is not None:
            period &= Q(**{f"{column}__gte": self.since})
        if self.until is not None:
            period &= Q(**{f"{column}__lt": self.until})
        return period


@dataclass(frozen=True, kw_only=True, slots=True)
class EvidenceFile:
    """One file of the archive. `supports` are keys of `FRAMEWORKS`, `subjects` those whose events belong to it."""

    path: str
    title: str
    about: str
    supports: tuple[str, ...]
    content: Iterable[bytes]
    subjects: tuple[tuple[str, str], ...] = field(default=())


@dataclass(frozen=True, kw_only=True, slots=True)
class EvidenceKit:
    """What was written: each path with its SHA-256, and the checkpoint that proves the ledger extract."""

    files: dict[str, str]
    checkpoint: int
    events: int


Source = Callable[[EvidenceScope], Iterable[EvidenceFile]]


def write_kit(
    *,
    principal: Principal,
    out: BinaryIO,
    now: datetime,
    key: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
) -> EvidenceKit:
    """Write the archive (ZIP) to `out`, for auditors and administrators; texts not theirs to read are left out.

    Sources of upper floors are `settings.EVIDENCE_SOURCES`. The export of the ledger in it leaves its own event.
    """
    with denials_recorded(actor=principal, action="governance.audit.evidence", subject=lambda: LEDGER, now=now):
        require_auditor(principal)
    scope = _scope(principal, key, since, until)
    files = [*_own_files(scope), *(made for source in _sources() for made in source(scope))]
    filters = EventFilters(since=since, until=until)
    if key:
        subjects = {("item", key), *(("change", str(each)) for each in scope.change_ids or ())}
        filters = EventFilters(subjects=tuple(sorted(subjects.union(*(set(made.subjects) for made in files)))))
    export = begin_export(
        principal=principal, filters=filters, format="jsonl", now=now, purpose=f"evidence kit {key}".strip()
    )
    files += _ledger_files(export)
    digests: dict[str, str] = {}
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for made in files:
            digests[made.path] = _write(archive, made.path, made.content, now)
        page = index_page(scope=scope, files=files, digests=digests, checkpoint=export.checkpoint, now=now)
        digests["index.html"] = _write(archive, "index.html", [page.encode()], now)
        manifest = {"format": FORMAT, "made_at": iso(now), "key": key_id(), "files": digests}
        signed = {**manifest, "signature": sign(canonical(manifest)), "public_key": public_key()}
        _write(archive, "manifest.json", [_pretty(signed)], now)
    return EvidenceKit(files=digests, checkpoint=export.checkpoint.sequence, events=export.events().count())


def json_array(records: Iterable[Any]) -> Iterator[bytes]:
    """Records as one JSON array, a chunk each, so that many need no memory."""
    separator = b"[\n"
    for record in records:
        yield separator + _pretty(record)
        separator = b",\n"
    yield b"[]\n" if separator == b"[\n" else b"\n]\n"


def _scope(principal: Principal, key: str, since: datetime | None, until: datetime | None) -> EvidenceScope:
    if bool(key) == bool(since or until):
        raise InvalidInput("Ask for the evidence of an item or of a period.", field="key", fix="Give one of the two.")
    if since is not None and until is not None and until <= since:
        raise InvalidInput("The period ends before it begins.", field="until", fix="Swap the two.")
    scope = EvidenceScope(principal=principal, key=key, since=since, until=until)
    if not key:
        return scope
    if not ContextItem.objects.visible_to(principal).filter(key=key).exists():
        raise NotFound(f"There is no item {key}.")
    versions = ContextVersion.objects.visible_to(principal).filter(item__key=key)
    return replace(
        scope,
        version_ids=tuple(versions.order_by("number").values_list("pk", flat=True)),
        change_ids=tuple(_changes(scope).order_by("pk").values_list("pk", flat=True)),
    )


def _sources() -> list[Source]:
    return [import_string(path) for path in settings.EVIDENCE_SOURCES.values()]


def _changes(scope: EvidenceScope) -> QuerySet[Change]:
    changes = Change.objects.visible_to(scope.principal)
    if scope.key:
        return changes.filter(Exists(Edit.objects.filter(change=OuterRef("pk"), key=scope.key)))
    moments = ("created_at", "submitted_at", "decided_at", "published_at")
    touched = Q(pk__in=[])
    for moment in moments:
        touched |= Q(**{f"{moment}__isnull": False}) & scope.within(moment)
    return changes.filter(touched)


def _own_files(scope: EvidenceScope) -> list[EvidenceFile]:
    return [
        EvidenceFile(
            path="versions.json",
            title="Versions",
            about="Every approved text, its metadata and digest, when it was known and true, and who approved it.",
            supports=("eu-ai-act-12", "soc2-cc8"),
            content=json_array(_versions(scope)),
        ),
        EvidenceFile(
            path="changes.json",
            title="Changes",
            about="Every proposed change with its reason, its people, its state and each edit in full.",
            supports=("eu-ai-act-14", "nist-govern", "soc2-cc8"),
            content=json_array(_change_records(scope)),
        ),
        EvidenceFile(
            path="approvals.json",
            title="Approvals",
            about="Every decision on a change, bound to the digest that was read, with its signed receipt.",
            supports=("eu-ai-act-14", "nist-govern", "soc2-cc8"),
            content=json_array(_reviews(scope)),
        ),
        EvidenceFile(
            path="policies.json",
            title="Approval policies over time",
            about="Every version of the rules that say who must approve what, with who changed them and when.",
            supports=("eu-ai-act-14", "nist-govern", "soc2-cc6"),
            content=json_array(_policies(scope)),
        ),
    ]


def _ledger_files(export: Export) -> list[EvidenceFile]:
    last = Checkpoint.objects.filter(sequence__lte=export.checkpoint.sequence).order_by("-sequence")[:2]
    files = [
        EvidenceFile(
            path="ledger.jsonl",
            title="Extract of the audit ledger",
            about="Every event about what is here, denied attempts too, each proved to be in the ledger.",
            supports=("eu-ai-act-12", "iso-42001-a628", "soc2-cc6", "soc2-cc7"),
            content=as_jsonl(export),
        ),
        EvidenceFile(
            path="verify_export.py",
            title="Verifier",
            about="Checks the extract without Plumbline; how is said at the end of this page.",
            supports=("eu-ai-act-12", "iso-42001-a628", "soc2-cc7"),
            content=[VERIFIER.read_bytes()],
        ),
    ]
    files += [
        EvidenceFile(
            path=f"checkpoints/{file_name(each.sequence)}",
            title=f"Checkpoint at event {each.sequence:,}",
            about=f"The ledger as it stood on {each.signed_at:%d %B %Y}, signed by key {each.key_id}.",
            supports=("eu-ai-act-12", "soc2-cc7"),
            content=[canonical(signed_statement(each)) + b"\n"],
        )
        for each in last
    ]
    return files


def _versions(scope: EvidenceScope) -> Iterator[dict[str, Any]]:
    versions = ContextVersion.objects.visible_to(scope.principal).select_related("item__kind", "item__domain")
    if scope.key:
        versions = versions.filter(item__key=scope.key)
    else:
        versions = versions.filter(scope.within("published_at") | scope.within("superseded_at"))
    for version in versions.order_by("item__key", "number").iterator(chunk_size=500):
        yield {
            "key": version.item.key,
            "kind": version.item.kind.slug,
            "number": version.number,
            "title": version.title,
            "body": version.body,
            "data": version.data,
            "claims": version.claims,
            "locale": version.locale,
            "metadata": version.metadata,
            "valid_from": version.valid_from,
            "valid_to": version.valid_to,
            "published_at": version.published_at,
            "superseded_at": version.superseded_at,
            "digest": version.digest,
            "change": version.change_number,
            "author": version.author_label,
            "approvals": version.approvals,
        }


def _change_records(scope: EvidenceScope) -> Iterator[dict[str, Any]]:
    changes = _changes(scope).select_related("author", "published_by").prefetch_related("editors", "edits")
    for change in changes.order_by("pk").iterator(chunk_size=200):
        yield {
            "number": change.pk,
            "title": change.title,
            "reason": change.reason,
            "state": change.state,
            "author": change.author.username,
            "editors": sorted(editor.username for editor in change.editors.all()),
            "digest": change.digest,
            "approvals_required": change.approvals_required,
            "created_at": change.created_at,
            "submitted_at": change.submitted_at,
            "decided_at": change.decided_at,
            "published_at": change.published_at,
            "published_by": change.published_by.username if change.published_by else None,
            "edits": [
                {
                    "operation": edit.operation,
                    "record": edit.record,
                    "key": edit.key,
                    "base": edit.base_version,
                    "proposed": edit.payload,
                }
                for edit in change.edits.all()
            ],
        }


def _reviews(scope: EvidenceScope) -> Iterator[dict[str, Any]]:
    reviews = Review.objects.filter(change__in=_changes(scope)).select_related("reviewer")
    for review in reviews.order_by("created_at", "pk").iterator(chunk_size=500):
        yield {
            "change": review.change_id,
            "reviewer": review.reviewer.username,
            "decision": review.decision,
            "comment": review.comment,
            "digest": review.digest,
            "decided_at": review.created_at,
            **({"document": document_of(review)} if review.signature else {}),
        }


def _policies(scope: EvidenceScope) -> Iterator[dict[str, Any]]:
    """All history until the end of the period: what was in force at its beginning was written before it."""
    for model in (ApprovalPolicy, ApprovalStage):
        rows = model.history.select_related("history_user").order_by("history_date", "history_id")
        if scope.until is not None:
            rows = rows.filter(history_date__lt=scope.until)
        for row in rows.iterator(chunk_size=500):
            fields = {each.attname: each.value_from_object(row) for each in model._meta.concrete_fields}
            yield {
                "record": model._meta.model_name,
                "change": {"+": "created", "~": "changed", "-": "deleted"}[row.history_type],
                "at": row.history_date,
                "by": row.history_user.username if row.history_user else None,
                "values": fields,
            }


def _write(archive: zipfile.ZipFile, path: str, content: Iterable[bytes], now: datetime) -> str:
    digest = hashlib.sha256()
    entry = zipfile.ZipInfo(path, date_time=now.timetuple()[:6])
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    with archive.open(entry, "w", force_zip64=True) as file:
        for chunk in content:
            digest.update(chunk)
            file.write(chunk)
    return digest.hexdigest()


def _pretty(value: Any) -> bytes:
    return orjson.dumps(plain(value), option=orjson.OPT_INDENT_2, default=str)
