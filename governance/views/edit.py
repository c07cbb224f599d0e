"""Proposing: a new item, a revision, a retirement, a return to an older version; each makes or extends a change."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.models import Group
from django.http import HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from context.access import Principal
from context.errors import DomainError, NotFound, NotPermitted
from context.markdown import render as render_markdown
from context.models import ContextItem, ContextVersion, Domain, Kind, Sensitivity, User
from context.restricted_reads import of_version, record_restricted
from context.views.item import item_href, visible_item
from context.views.pages import PageRequest, page
from governance.audit.attempts import record_denied
from governance.audit.ledger import Subject
from governance.changes import create_change, put_edit
from governance.drafting import autosaved, discard_autosave, mark_present, others_editing
from governance.edits import EditInput, StaleBase
from governance.forms.edit_form import EditForm, change_rows, clean_payload, read_payload, said
from governance.governed import governed
from governance.models import ITEM, Change, ChangeState, Edit, Operation
from governance.permissions import may_author
from governance.proposals import state_of
from governance.screening import screen_payload
from governance.views.checks import checks_of

PEOPLE_LISTED = 500
KEYS_SUGGESTED = 12


@require_http_methods(["GET", "POST"])
@page
def new_item(request: PageRequest) -> HttpResponse:
    """A new item: first its kind, then the form that kind asks for."""
    domains = _domains_to_author_in(request)
    if not domains:
        if not Domain.objects.exists():
            raise NotPermitted("There is no domain yet. An administrator adds the first in the configuration.")
        raise NotPermitted("You may not propose items in any domain. An administrator can make you an author.")
    kinds = list(Kind.objects.order_by("name"))
    params = request.POST if request.method == "POST" else request.GET
    kind = next((each for each in kinds if each.slug == params.get("kind")), None)
    if kind is None:
        return render(request, "governance/choose_kind.html", {"kinds": kinds, "domain": params.get("domain", "")})
    if request.method == "GET":
        chosen = request.GET.get("domain", "")
        payload = {
            "domain": chosen if any(domain.slug == chosen for domain in domains) else domains[0].slug,
            "sensitivity": "internal",
            "locale": "en",
            "owner": request.user.username,
            "review_interval_days": kind.default_review_interval_days,
            "data": {},
        }
        form = EditForm(kind=kind, payload=payload, change_id=_drafted(request.GET))
        return _show(request, _restored(request, form), domains=domains)
    payload = read_payload(request.POST, kind, {})
    form = _form(request, kind, payload)
    form.key = request.POST.get("key", "").strip()
    if (again := _without_saving(request, form, domains=domains)) is not None:
        return again
    key = form.key if "/" in form.key or not form.key else f"{payload.get('domain')}/{form.key}"
    edit = EditInput(operation=Operation.CREATE, key=key, payload=clean_payload(payload))
    return _save(request, form, edit, default_title=f"Add {payload.get('title', '')}", domains=domains)


@require_http_methods(["GET", "POST"])
@page
def edit_item(request: PageRequest, domain: str, slug: str) -> HttpResponse:
    """A revision of an item, on the version that stands or on the one a draft already holds."""
    item = visible_item(request, f"{domain}/{slug}", timezone.now())
    _require_author(request, item)
    if item.current_version is None:
        raise NotFound("There is nothing to revise.")
    if request.method == "GET":
        return _show(request, _restored(request, _opened(request, item), item=item), item=item)
    base = _base(item, request.POST, request.principal)
    payload = read_payload(request.POST, item.kind, base)
    form = _form(request, item.kind, payload)
    # Saving over a newer version is a button of its own, which says that it was read.
    read = _integer(request.POST.get("over")) or _integer(request.POST.get("base_version"))
    form.base_version = read or item.current_version.number
    if (again := _without_saving(request, form, item=item)) is not None:
        return again
    change, edit = _draft_edit(request, item, form.change_id)
    operation = Operation.CREATE if edit is not None and edit.operation == Operation.CREATE else Operation.REVISE
    proposed = EditInput(
        operation=operation,
        key=item.key,
        payload={name: value for name, value in clean_payload(payload).items() if name not in ("domain", "kind")},
        base_version=form.base_version,
    )
    return _save(request, form, proposed, default_title=f"Revise {item.title}", item=item, change=change)


@require_http_methods(["GET", "POST"])
@page
def edit_new(request: PageRequest, number: int, edit_id: int) -> HttpResponse:
    """An item that a draft would create, opened again."""
    edit = (
        Edit.objects.filter(change__in=Change.objects.visible_to(request.principal), change_id=number, pk=edit_id)
        .select_related("kind", "domain", "item", "change")
        .first()
    )
    if edit is not None and edit.record != ITEM:
        return HttpResponseRedirect(f"{governed(edit.record).address(edit.key)}edit/?change={number}")
    if edit is None:
        raise NotFound("There is no such edit.")
    if edit.item is not None:
        at = reverse("governance:edit-item", args=edit.key.split("/"))
        return HttpResponseRedirect(f"{at}?change={number}")
    domains = [edit.item_domain]
    if request.method == "GET":
        form = EditForm(kind=edit.item_kind, payload=dict(edit.payload), key=edit.key, change_id=number)
        form.reason = edit.change.reason
        return _show(request, form, domains=domains, draft=edit)
    payload = read_payload(request.POST, edit.item_kind, edit.payload)
    form = _form(request, edit.item_kind, payload)
    form.key, form.change_id = edit.key, number
    if (again := _without_saving(request, form, domains=domains, draft=edit)) is not None:
        return again
    proposed = EditInput(operation=Operation.CREATE, key=edit.key, payload=clean_payload(payload))
    return _save(request, form, proposed, default_title="", domains=domains, change=edit.change, draft=edit)


@require_http_methods(["GET", "POST"])
@page
def retire(request: PageRequest, domain: str, slug: str) -> HttpResponse:
    """Propose to take an item out: what replaces it, and who leans on it."""
    item = visible_item(request, f"{domain}/{slug}", timezone.now())
    _require_author(request, item)
    context: dict[str, Any] = {
        "item": item,
        "reason": request.POST.get("reason", ""),
        "replaced_by": request.POST.get("replaced_by", ""),
        "dependents": ContextItem.objects.visible_to(request.principal)
        .filter(relations__target=item)
        .select_related("kind")
        .distinct()[:50],
    }
    if request.method == "POST":
        edit = EditInput(
            operation=Operation.RETIRE,
            key=item.key,
            base_version=_integer(request.POST.get("base_version")),
            replaced_by=context["replaced_by"].strip() or None,
        )
        try:
            change = create_change(
                actor=request.user,
                title=f"Retire {item.title}"[:200],
                reason=context["reason"],
                edits=[edit],
                now=timezone.now(),
            )
        except DomainError as error:
            context["errors"] = {error.field or "": said(error)}
            return render(request, "governance/retire.html", context, status=error.status)
        messages.success(request, "Drafted. Read what it would do, then submit it for review.")
        return HttpResponseRedirect(reverse("governance:change", args=[change.pk]))
    return render(request, "governance/retire.html", context)


@require_POST
@page
def revert(request: PageRequest, domain: str, slug: str, number: int) -> HttpResponse:
    """Propose to return to an older version."""
    item = visible_item(request, f"{domain}/{slug}", timezone.now())
    try:
        change = create_change(
            actor=request.user,
            title=f"Return {item.title} to version {number}"[:200],
            reason=request.POST.get("reason", "") or f"Version {number} is to be in force again.",
            edits=[EditInput(operation=Operation.REVERT, key=item.key, revert_to=number)],
            now=timezone.now(),
        )
    except DomainError as error:
        messages.error(request, said(error))
        return HttpResponseRedirect(reverse("context:item", args=[domain, slug]))
    messages.success(request, "Drafted. Read what it would do, then submit it for review.")
    return HttpResponseRedirect(reverse("governance:change", args=[change.pk]))


@require_POST
@page
def preview(request: PageRequest) -> HttpResponse:
    """The Markdown of the form as it will read."""
    html = render_markdown(request.POST.get("body", ""), item_href=item_href)
    return render(request, "governance/_preview.html", {"html": html})


@require_GET
@page
def keys(request: PageRequest) -> HttpResponse:
    """Keys of items that match what is being typed, as options of a list."""
    typed = next((value for name, value in request.GET.items() if name.endswith("key") or name == "replaced_by"), "")
    words = str(typed).replace("\x00", "").strip()[:100]
    visible = ContextItem.objects.visible_to(request.principal).not_retired()
    found = visible.filter(title__icontains=words) | visible.filter(key__icontains=words)
    return render(request, "governance/_keys.html", {"items": found.order_by("key")[:KEYS_SUGGESTED] if words else ()})


def _opened(request: PageRequest, item: ContextItem) -> EditForm:
    assert item.current_version is not None
    change, edit = _draft_edit(request, item, _drafted(request.GET))
    state = state_of(item, item.current_version)
    form = EditForm(kind=item.kind, payload=state, base_version=item.current_version.number)
    if change is not None:
        form.change_id, form.reason = change.pk, change.reason
    if edit is not None and edit.operation != Operation.RETIRE:
        form.payload, form.base_version = dict(edit.payload), edit.base_version
    return form


def _subject(form: EditForm, item: ContextItem | None, draft: Edit | None) -> str:
    """What the autosave of this form is of: the item, the new item of a draft, or the next new one of a kind."""
    if item is not None:
        return item.key
    return f"new/{form.kind.slug}" if draft is None else f"change/{draft.change_id}/{draft.key}"[:250]


def _restored(request: PageRequest, form: EditForm, *, item: ContextItem | None = None) -> EditForm:
    """The form as it was typed and not saved, where that was asked for."""
    kept = autosaved(actor=request.user, subject=_subject(form, item, None)) if "restore" in request.GET else None
    if kept is None:
        return form
    typed = QueryDict(mutable=True)
    for name, values in kept.form.items():
        typed.setlist(name, [str(value) for value in values])
    form.payload = read_payload(typed, form.kind, _base(item, typed, request.principal) if item is not None else {})
    form.key, form.reason = typed.get("key", ""), typed.get("reason", "")
    form.change_id, form.base_version = _drafted(typed) or form.change_id, kept.base_version or form.base_version
    return form


def _draft_edit(request: PageRequest, item: ContextItem, change_id: int | None) -> tuple[Change | None, Edit | None]:
    """The draft asked for and its edit of this item; nothing where it is not this person's to see."""
    change = Change.objects.visible_to(request.principal).filter(pk=change_id).first() if change_id else None
    return change, change.edits.filter(key=item.key).first() if change is not None else None


def _base(item: ContextItem, posted: QueryDict, reader: Principal) -> dict[str, Any]:
    number = _integer(posted.get("base_version"))
    readable = ContextVersion.objects.visible_to(reader)
    version = readable.filter(item=item, number=number or 0).first() or item.current_version
    return state_of(item, version) if version is not None else {}


def _form(request: PageRequest, kind: Kind, payload: dict[str, Any]) -> EditForm:
    return EditForm(
        kind=kind,
        payload=payload,
        reason=request.POST.get("reason", ""),
        change_title=request.POST.get("change_title", "").strip(),
        change_id=_drafted(request.POST),
    )


def _without_saving(request: PageRequest, form: EditForm, **about: Any) -> HttpResponse | None:
    """The form again where a button asked for another row or a preview; nothing typed is lost."""
    action = request.POST.get("do", "")
    if action.startswith(("add:", "remove:")):
        form.payload = change_rows(form.payload, action)
        return _show(request, form, touched=action.partition(":")[2], **about)
    if action == "preview":
        item = about.get("item")
        checked = checks_of(form, key=item.key if item is not None else "", principal=request.principal)
        return _show(request, form, previewed=True, more=checked, **about)
    return None


def _save(
    request: PageRequest,
    form: EditForm,
    edit: EditInput,
    *,
    default_title: str,
    change: Change | None = None,
    **about: Any,
) -> HttpResponse:
    now = timezone.now()
    try:
        if form.change_id is not None:
            put_edit(actor=request.user, change_id=form.change_id, edit=edit, now=now)
            number = form.change_id
        else:
            made = create_change(
                actor=request.user,
                title=(form.change_title or default_title)[:200],
                reason=form.reason,
                edits=[edit],
                now=now,
            )
            number = made.pk
    except StaleBase as error:
        return _show(request, form, stale=error, status=error.status, **about)
    except (NotFound, NotPermitted):
        raise
    except DomainError as error:
        form.add(error)
        return _show(request, form, status=error.status, **about)
    discard_autosave(actor=request.user, subject=_subject(form, about.get("item"), about.get("draft")))
    messages.success(request, "Saved to the draft. Nothing is in force until somebody else approves it.")
    if serious := sum(1 for each in screen_payload(edit.payload) if each.alarm.serious):
        said_of = "1 place" if serious == 1 else f"{serious} places"
        messages.warning(request, f"There is something to look at in {said_of}: see the warnings below.")
    return HttpResponseRedirect(reverse("governance:change", args=[number]))


def _show(
    request: PageRequest,
    form: EditForm,
    *,
    item: ContextItem | None = None,
    domains: list[Domain] | None = None,
    draft: Edit | None = None,
    stale: StaleBase | None = None,
    previewed: bool = False,
    touched: str = "",
    more: dict[str, Any] | None = None,
    status: int = 200,
) -> HttpResponse:
    subject = _subject(form, item, draft)
    kept = autosaved(actor=request.user, subject=subject) if request.method == "GET" else None
    if item is not None and request.method == "GET":
        mark_present(actor=request.user, subject=subject, now=timezone.now())
    context = {
        "form": form,
        "item": item,
        "subject": subject,
        "kept": kept,
        "restored": "restore" in request.GET,
        "editing": others_editing(actor=request.user, subject=subject, now=timezone.now()),
        "domains": domains or ([item.domain] if item is not None else []),
        "draft": draft,
        "stale": stale,
        "newer": item.current_version if item is not None and stale is not None else None,
        "touched": touched,
        "html": render_markdown(str(form.payload.get("body") or ""), item_href=item_href),
        "previewed": previewed,
        "drafts": _own_drafts(request),
        "people": User.objects.filter(is_active=True).order_by("first_name", "username")[:PEOPLE_LISTED],
        "groups": Group.objects.order_by("name"),
        "levels": [level for level in Sensitivity if level <= request.principal.clearance],
        "others": _other_drafts(request, item, form.change_id) if item is not None else [],
        "checks": None,
        **(more or {}),
    }
    response = render(request, "governance/edit.html", context, status=status)
    if item is not None and item.current_version is not None:
        shown = [of_version(item, item.current_version)]
        record_restricted(principal=request.principal, texts=shown, how="edit", now=timezone.now())
    return response


def _own_drafts(request: PageRequest) -> list[Change]:
    drafts = Change.objects.visible_to(request.principal).filter(state=ChangeState.DRAFT, editors=request.user)
    return list(drafts.order_by("-updated_at")[:20])


def _other_drafts(request: PageRequest, item: ContextItem, but: int | None) -> list[Change]:
    """Open changes that touch the item as well, as far as this person may see them."""
    found = Change.objects.visible_to(request.principal).filter(
        state__in=ChangeState.open_states(), edits__key=item.key
    )
    return list(found.exclude(pk=but or 0).select_related("author").distinct()[:5])


def _require_author(request: PageRequest, item: ContextItem) -> None:
    """Who may not propose is told so before they type; one who sends the form all the same leaves an event."""
    if may_author(request.principal, item.domain, item):
        return
    refusal = NotPermitted(f"You may not propose edits in {item.domain.name}. Ask its owner, or an administrator.")
    if request.method == "POST":
        record_denied(
            actor=request.principal,
            action="governance.change.create",
            subject=Subject(type="item", id=item.key, label=item.title, sensitivity=item.sensitivity),
            refusal=refusal,
            now=timezone.now(),
        )
    raise refusal


def _domains_to_author_in(request: PageRequest) -> list[Domain]:
    return [domain for domain in Domain.objects.order_by("name") if may_author(request.principal, domain)]


def _drafted(params: QueryDict) -> int | None:
    return _integer(params.get("change"))


def _integer(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 12 else None
