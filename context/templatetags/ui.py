"""Template tags for the parts every page repeats: icons, chips, dates in words; must not query the database."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any

from django import template
from django.template import Context
from django.templatetags.static import static
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.http import urlencode
from django.utils.safestring import SafeString

register = template.Library()


@register.simple_tag
def icon(name: str, label: str = "") -> SafeString:
    """An icon of the sprite. It is decoration, hidden from readers of the screen, unless it carries a label."""
    if label:
        return format_html(
            '<svg class="icon" role="img" aria-label="{}"><use href="{}#{}"></use></svg>',
            label,
            static("icons.svg"),
            name,
        )
    return format_html('<svg class="icon" aria-hidden="true"><use href="{}#{}"></use></svg>', static("icons.svg"), name)


@register.simple_tag
def chip(tone: str, icon_name: str, text: object, title: str = "") -> SafeString:
    """A state said the one way: an icon and a word on a ground of its tone."""
    return format_html(
        '<span class="chip chip-{}"{}>{}{}</span>',
        tone,
        format_html(' title="{}"', title) if title else "",
        icon(icon_name),
        text,
    )


@register.simple_tag(takes_context=True)
def nav_link(context: Context, name: str, icon_name: str, text: str, go: str = "") -> SafeString:
    """One entry of the navigation; nothing where the page is not part of this installation."""
    try:
        url = reverse(name)
    except NoReverseMatch:
        return SafeString("")
    path = context["request"].path if "request" in context else ""
    current = path == url or (url != "/" and path.startswith(url))
    return format_html(
        '<li><a href="{}"{}{}>{}{}</a></li>',
        url,
        SafeString(' aria-current="page"') if current else "",
        format_html(' data-go="{}"', go) if go else "",
        icon(icon_name),
        text,
    )


@register.simple_tag(takes_context=True)
def may(context: Context, *roles: str) -> bool:
    """Whether the person looking holds one of these roles anywhere; decides what is offered, never what is allowed."""
    principal = getattr(context.get("request"), "principal", None)
    return principal is not None and any(principal.has_role_anywhere(role) for role in roles)


@register.simple_tag(takes_context=True)
def query(context: Context, **changes: Any) -> str:
    """The present query string with these parameters replaced (None takes one away)."""
    params = context["request"].GET.copy()
    for name, value in changes.items():
        params.pop(name, None)
        if value not in (None, ""):
            params[name] = value
    encoded: str = params.urlencode()
    return f"?{encoded}" if encoded else "?"


@register.filter
def on(value: datetime | None) -> SafeString | str:
    """A date in words, “3 May 2026”, with the exact time one hover away."""
    if value is None:
        return ""
    local = timezone.localtime(value)
    return format_html(
        '<time datetime="{}" title="{}">{} {}</time>',
        local.isoformat(),
        local.strftime("%Y-%m-%d %H:%M:%S %Z"),
        local.day,
        local.strftime("%b %Y"),
    )


@register.filter
def at(value: datetime | None) -> SafeString | str:
    """A date and time in words, “3 May 2026, 14:05”."""
    if value is None:
        return ""
    local = timezone.localtime(value)
    return format_html(
        '<time datetime="{}" title="{}">{} {}</time>',
        local.isoformat(),
        local.strftime("%Y-%m-%d %H:%M:%S %Z"),
        local.day,
        local.strftime("%b %Y, %H:%M"),
    )


@register.filter
def ago(value: datetime | None) -> SafeString | str:
    """How long ago or ahead, in one unit, “12 days ago”, with the exact time one hover away."""
    if value is None:
        return ""
    seconds = (timezone.now() - value).total_seconds()
    local = timezone.localtime(value)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        local.isoformat(),
        local.strftime("%Y-%m-%d %H:%M:%S %Z"),
        "just now" if 0 <= seconds < 60 else f"{span(seconds)} ago" if seconds >= 0 else f"in {span(-seconds)}",
    )


def span(seconds: float) -> str:
    """A length of time in its largest whole unit."""
    for unit, size in (("year", 31_557_600), ("month", 2_629_800), ("day", 86_400), ("hour", 3600), ("minute", 60)):
        if seconds >= size:
            n = int(seconds // size)
            return f"{n} {unit}{'' if n == 1 else 's'}"
    return "less than a minute"


@register.filter
def short(digest: str) -> SafeString | str:
    """The first twelve characters of a digest, the whole of it one hover away."""
    if not digest:
        return ""
    return format_html('<code class="mono" title="{}">{}</code>', digest, digest[:12])


@register.filter
def words(value: str) -> str:
    """`in_review` as a person writes it."""
    return str(value).replace("_", " ").replace("-", " ")


@register.filter
def get(mapping: Any, key: Any) -> Any:
    """A value of a mapping whose key is only known while rendering."""
    return mapping.get(key) if mapping else None


@register.simple_tag
def query_of(**params: Any) -> str:
    """A fresh query string of the parameters that say something."""
    return "?" + urlencode({k: v for k, v in params.items() if v not in (None, "")})


@register.simple_tag
def item_state(item: Any, now: datetime) -> SafeString:
    """The state of an item (annotated with `state`, its current version at hand) in one chip, the worst first."""
    version = item.current_version
    if item.state == "retired":
        return chip("mute", "archive", "Retired")
    if item.state == "scheduled":
        return chip("info", "calendar", f"From {day(version.valid_from)}" if version else "Scheduled")
    if item.state == "expired":
        ended = version.valid_to if version else None
        return chip("bad", "no", f"Expired {day(ended)}" if ended and ended <= now else "Not in force")
    if item.state == "overdue":
        if item.verified_until is None:
            return chip("warn", "late", "Never verified")
        return chip("warn", "late", f"Overdue {span((now - item.verified_until).total_seconds())}")
    return chip("ok", "shield", f"Verified until {day(item.verified_until)}")


@register.simple_tag
def change_state(state: str) -> SafeString:
    """The state of a change in one chip."""
    tone, icon_name, text = {
        "draft": ("draft", "pencil", "Draft"),
        "in_review": ("info", "eye", "In review"),
        "approved": ("ok", "check", "Approved"),
        "scheduled": ("info", "calendar", "Scheduled"),
        "published": ("ok", "ok", "Published"),
        "rejected": ("bad", "no", "Rejected"),
        "withdrawn": ("mute", "undo", "Withdrawn"),
    }.get(str(state), ("mute", "dot", str(state).replace("_", " ").capitalize()))
    return chip(tone, icon_name, text)


@register.simple_tag
def sensitivity(level: int) -> SafeString:
    """How far a text may travel, in one chip."""
    words_ = ("Public", "Internal", "Confidential", "Restricted")
    tones = ("mute", "mute", "draft", "bad")
    at_level = min(max(int(level), 0), 3)
    return chip(tones[at_level], "globe" if at_level == 0 else "lock", words_[at_level])


def day(value: datetime | None) -> str:
    if value is None:
        return ""
    local = timezone.localtime(value)
    year = "" if local.year == timezone.now().year else f" {local.year}"
    return f"{local.day} {local.strftime('%b')}{year}"


@register.simple_tag
def meter(value: float, whole: float, tone: str = "ok", label: str = "") -> SafeString:
    """A share as a bar drawn on the server, with its words for those who do not see it."""
    share = 0 if not whole else max(0.0, min(100.0, 100 * value / whole))
    return format_html(
        '<svg class="meter" viewBox="0 0 100 8" preserveAspectRatio="none" role="img" aria-label="{}">'
        '<rect class="meter-ground" width="100" height="8"></rect>'
        '<rect class="meter-{}" width="{}" height="8"></rect></svg>',
        label or f"{round(share)} per cent",
        tone,
        f"{share:.1f}",
    )


@register.simple_tag
def shares(label: str, *parts: Any) -> SafeString:
    """Several shares of one whole in one bar: (count, tone) after (count, tone); the label says them in words."""
    pairs = list(zip(parts[::2], parts[1::2], strict=True))
    whole = sum(count for count, _ in pairs) or 1
    drawn, start = [], 0.0
    for count, tone in pairs:
        width = 100 * count / whole
        if count:
            drawn.append((tone, f"{start:.2f}", f"{width:.2f}"))
        start += width
    return format_html(
        '<svg class="meter" viewBox="0 0 100 8" preserveAspectRatio="none" role="img" aria-label="{}">'
        '<rect class="meter-ground" width="100" height="8"></rect>{}</svg>',
        label,
        format_html_join("", '<rect class="meter-{}" x="{}" width="{}" height="8"></rect>', drawn),
    )


@register.filter
def plural(count: int, forms: str) -> str:
    """“3 items”: the number with thousands set apart and the right one of `item,items`."""
    one, many = forms.split(",")
    return f"{count:,} {one if count == 1 else many}"


@register.simple_tag
def readiness_word(entry: Any) -> SafeString:
    """Whether agents can rely on a domain, in one chip."""
    tone, icon_name, text = {
        "ready": ("ok", "ok", "Ready"),
        "partly ready": ("warn", "late", "Partly ready"),
        "not ready": ("bad", "no", "Not ready"),
    }.get(entry.word, ("mute", "dot", "Empty"))
    return chip(tone, icon_name, text)


ACTIONS = {
    "governance.change.created": "Drafted a change",
    "governance.change.edited": "Edited a change",
    "governance.change.described": "Described a change",
    "governance.change.editor_added": "Added an editor",
    "governance.change.submitted": "Submitted for review",
    "governance.change.withdrawn": "Withdrew a change",
    "governance.change.reopened": "Reopened a change",
    "governance.change.review_approved": "Approved",
    "governance.change.rejected": "Rejected",
    "governance.change.changes_requested": "Asked for changes",
    "governance.change.scheduled": "Scheduled",
    "governance.change.suspended": "Suspended a scheduled change",
    "governance.change.published": "Published a change",
    "governance.review.denied": "Was refused a review",
    "context.version.published": "Published a version",
    "context.item.retired": "Retired an item",
    "context.item.verified": "Verified as still true",
    "context.token.issued": "Made a personal token",
    "context.token.revoked": "Revoked a personal token",
    "agents.key.issued": "Issued an agent key",
    "agents.key.rotated": "Rotated an agent key",
    "agents.key.revoked": "Revoked an agent key",
    "agents.bundle.served": "Was served a bundle",
    "agents.bundle.refused": "Was refused a bundle",
    "agents.receipts.sealed": "Sealed receipts of agents",
    "agents.agent.registered": "Registered an agent",
    "agents.agent.changed": "Changed an agent",
}


@register.filter
def action_words(action: str) -> str:
    """A namespaced action as a person says it; “Thing verb” where there is no better word."""
    if action in ACTIONS:
        return ACTIONS[action]
    *_, thing, verb = ["", *action.replace("_", " ").split(".")]
    return f"{thing} {verb}".strip().capitalize()


@register.simple_tag
def subject_link(event: Any) -> SafeString | str:
    """The subject of an audit event by its label, linked where it has a page."""
    label = event.subject_label or event.subject_id
    if event.subject_type == "item":
        return format_html('<a href="/items/{}/">{}</a>', event.subject_id, label)
    if event.subject_type == "change":
        return format_html('<a href="/changes/{}/">{}</a>', event.subject_id, label)
    return str(label)


@register.filter
def pretty(value: Any) -> str:
    """JSON to be read."""
    return json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True)


@register.simple_tag
def marked(text: str, words: str) -> SafeString:
    """A passage with the words that were asked for marked in it."""
    wanted = {word.casefold() for word in re.findall(r"\w{3,}", words)}
    parts = re.split(r"(\w+)", " ".join(text.split()))
    return format_html_join(
        "",
        "{}",
        (
            (
                format_html("<mark>{}</mark>", part)
                if any(part.casefold().startswith(word) for word in wanted)
                else part,
            )
            for part in parts
        ),
    )


@register.simple_tag
def agent_state(state: str) -> SafeString:
    """Whether an agent may ask, in one chip."""
    tone, icon_name, text = {
        "sanctioned": ("ok", "ok", "Sanctioned"),
        "suspended": ("bad", "no", "Suspended"),
    }.get(str(state), ("warn", "warn", "Unknown"))
    return chip(tone, icon_name, text)


@register.simple_tag
def gap_chip(code: str) -> SafeString:
    """Why a requirement is not met, in one chip."""
    tone, icon_name = {
        "missing": ("bad", "no"),
        "contradicted": ("bad", "warn"),
        "stale": ("warn", "clock"),
        "unverified": ("warn", "late"),
        "over_budget": ("warn", "box"),
    }.get(str(code), ("mute", "dot"))
    return chip(tone, icon_name, str(code).replace("_", " ").capitalize())


@register.filter
def at_index(values: Any, index: int) -> Any:
    """The entry at that place of a list, nothing beyond its end."""
    return values[index] if index < len(values) else None


@register.simple_tag
def severity(level: int) -> SafeString:
    """How grave a finding is, in one chip."""
    tone, icon_name, text = {
        1: ("mute", "info", "Low"),
        2: ("warn", "flag", "Medium"),
        3: ("bad", "warn", "High"),
        4: ("bad", "no", "Critical"),
    }.get(int(level), ("mute", "dot", str(level)))
    return chip(tone, icon_name, text)


@register.simple_tag
def finding_state(state: str) -> SafeString:
    """How far a finding is settled, in one chip."""
    tone, icon_name, text = {
        "open": ("info", "eye", "Open"),
        "acknowledged": ("draft", "user", "In hand"),
        "resolved": ("ok", "ok", "Resolved"),
        "dismissed": ("mute", "no", "Dismissed"),
    }.get(str(state), ("mute", "dot", str(state).capitalize()))
    return chip(tone, icon_name, text)


@register.simple_tag
def evidence_value(value: Any) -> SafeString | str:
    """A piece of evidence: plain values as they are, what is nested as JSON to be read."""
    if isinstance(value, dict | list):
        return format_html('<pre class="data">{}</pre>', pretty(value))
    return str(value)
