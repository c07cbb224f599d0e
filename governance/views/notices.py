"""What I was told, and how I want to be told: news, choices per kind and channel, my webhook; must hold no rule."""

from __future__ import annotations

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from context.errors import DomainError, NotFound
from context.views.pages import PageRequest, page
from governance.forms.edit_form import said
from governance.models import Channel, NotificationKind, Rhythm
from governance.notifying import choices_of, choose, mark_read, notifications_for, webhook_of
from governance.webhooks import remove_webhook, secret_of, set_webhook

SHOWN = 50
NO = "no"


@require_GET
@page
def notices(request: PageRequest) -> HttpResponse:
    """The latest news, and the choices below it."""
    held = {(choice.kind, choice.channel): choice for choice in choices_of(person=request.user)}
    rows = [
        {
            "kind": kind,
            "cells": [
                {
                    "name": f"{kind.value}.{channel.value}",
                    "channel": channel,
                    "value": held[kind, channel].rhythm if held[kind, channel].wanted else NO,
                }
                for channel in Channel
            ],
        }
        for kind in NotificationKind
    ]
    found = notifications_for(principal=request.principal)
    try:
        webhook = webhook_of(person=request.user)
    except NotFound:
        webhook = None
    context = {
        "news": list(found[:SHOWN]),
        "unread": found.filter(read_at__isnull=True).count(),
        "rows": rows,
        "channels": Channel,
        "rhythms": Rhythm,
        "webhook": webhook,
        "secret": secret_of(webhook) if webhook is not None else "",
    }
    return render(request, "governance/notices.html", context)


@require_POST
@page
def read(request: PageRequest) -> HttpResponse:
    """Everything so far is read."""
    mark_read(actor=request.user, now=timezone.now())
    return HttpResponseRedirect(reverse("governance:notices"))


@require_POST
@page
def choices(request: PageRequest) -> HttpResponse:
    """Keep every choice of the form, or none of them."""
    try:
        with transaction.atomic():
            for kind in NotificationKind.values:
                for channel in Channel.values:
                    sent = request.POST.get(f"{kind}.{channel}")
                    if sent is not None:
                        rhythm = Rhythm.IMMEDIATELY.value if sent == NO else sent
                        choose(actor=request.user, kind=kind, channel=channel, wanted=sent != NO, rhythm=rhythm)
    except DomainError as error:
        messages.error(request, said(error))
    else:
        messages.success(request, "Your choices are kept.")
    return HttpResponseRedirect(reverse("governance:notices") + "#choices")


@require_POST
@page
def webhook(request: PageRequest) -> HttpResponse:
    """Set up, change or take away my webhook."""
    url = request.POST.get("url", "").strip()
    try:
        if url:
            set_webhook(actor=request.user, url=url, now=timezone.now())
        else:
            remove_webhook(actor=request.user, now=timezone.now())
    except DomainError as error:
        messages.error(request, said(error))
    else:
        messages.success(request, "Your webhook is set up." if url else "Your webhook is taken away.")
    return HttpResponseRedirect(reverse("governance:notices") + "#webhook")
