"""What concerns the caller over HTTP: what waits, who stands in, who else is writing; must hold no rule."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from config.api.described import CURSOR, LIMIT, answers
from config.api.fields import Input, Moment, Text, take
from config.api.pages import read_page
from config.api.rendering import rendered
from config.api.views import json_response
from context.errors import InvalidInput
from context.models import Domain, User
from context.reading import require_items
from context.serializers.people import PersonSerializer
from governance.api.base import ChangeView
from governance.delegations import LONGEST_REASON, delegate, delegations_of, end_delegation
from governance.drafting import mark_gone, mark_present, others_editing
from governance.inbox import inbox_for
from governance.models import Delegation
from governance.serializers.changes import NothingInput


class InboxEntrySerializer(serializers.Serializer[Any]):
    kind = serializers.CharField()
    title = serializers.CharField()
    why = serializers.CharField()
    due_at = serializers.DateTimeField(allow_null=True)
    url = serializers.CharField()
    debt = serializers.FloatField(help_text="Staleness times use times sensitivity: orders what is due on one day.")
    subject = serializers.CharField()


class InboxSerializer(serializers.Serializer[Any]):
    results = InboxEntrySerializer(many=True)


class DelegationInput(Input):
    to = Text(max_length=150, help_text="User name of whoever stands in.")
    by = Text(max_length=150, required=False, help_text="User name of who is away; the caller unless said.")
    domain = Text(max_length=60, required=False, help_text="Slug; everywhere unless said.")
    from_at = Moment(required=False)
    until_at = Moment()
    reason = Text(max_length=LONGEST_REASON)


class DelegationSerializer(serializers.Serializer[Delegation]):
    id = serializers.IntegerField()
    by = PersonSerializer(source="from_person")
    to = PersonSerializer(source="to_person")
    domain = serializers.CharField(source="domain.slug", allow_null=True, default=None)
    from_at = serializers.DateTimeField()
    until_at = serializers.DateTimeField()
    reason = serializers.CharField()
    revoked_at = serializers.DateTimeField(allow_null=True)


class DelegationPageSerializer(serializers.Serializer[Any]):
    results = DelegationSerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)
    next = serializers.CharField(allow_null=True)


class EditingSerializer(serializers.Serializer[Any]):
    """Who else has the form of the item open."""

    others = PersonSerializer(many=True)


class InboxView(ChangeView):
    """What waits for the caller, in the order in which it should be done."""

    @extend_schema(operation_id="read_inbox", summary="Read the inbox", responses=answers(InboxSerializer))
    def get(self, request: Request) -> HttpResponse:
        found = inbox_for(principal=self.principal, now=self.now)
        return json_response(rendered(InboxSerializer({"results": found})))


class DelegationListView(ChangeView):
    """Who decides in whose place: those of the caller, and all for administrators and auditors."""

    parameters = ("limit", "cursor")

    @extend_schema(
        operation_id="list_delegations",
        summary="List delegations",
        parameters=[LIMIT, CURSOR],
        responses=answers(DelegationPageSerializer),
    )
    def get(self, request: Request) -> HttpResponse:
        found = delegations_of(principal=self.principal)
        page = read_page(found, request=self.http_request, parameters=self.query, by="-id")
        return json_response(page.written_as(DelegationSerializer))

    @extend_schema(
        operation_id="delegate",
        summary="Let somebody decide in one's place",
        request=DelegationInput,
        responses=answers(DelegationSerializer, status=201),
    )
    def post(self, request: Request) -> HttpResponse:
        def answer() -> HttpResponse:
            taken = take(DelegationInput, self.body)
            made = delegate(
                actor=self.actor,
                to_person=_person(taken["to"], "to"),
                from_person=_person(taken["by"], "by") if "by" in taken else None,
                domain=_domain(taken["domain"]) if "domain" in taken else None,
                from_at=taken.get("from_at") or self.now,
                until_at=taken["until_at"],
                reason=taken["reason"],
                now=self.now,
            )
            body = rendered(DelegationSerializer(made))
            return json_response(body, status=201, location="/api/v1/delegations/")

        return self.write(answer)


class EndDelegationView(ChangeView):
    """End a delegation from now on. What was decided under it stands."""

    @extend_schema(
        operation_id="end_delegation",
        summary="End a delegation",
        request=NothingInput,
        responses=answers(DelegationSerializer),
    )
    def post(self, request: Request, delegation_id: int) -> HttpResponse:
        def answer() -> HttpResponse:
            take(NothingInput, self.body)
            ended = end_delegation(actor=self.actor, delegation_id=delegation_id, now=self.now)
            return json_response(rendered(DelegationSerializer(ended)), location="/api/v1/delegations/")

        return self.write(answer)


class EditingView(ChangeView):
    """Who else is writing on an item: asked, said of oneself, and taken back."""

    @extend_schema(operation_id="read_editing", summary="Ask who is editing", responses=answers(EditingSerializer))
    def get(self, request: Request, domain: str, slug: str) -> HttpResponse:
        return self._others(f"{domain}/{slug}")

    @extend_schema(
        operation_id="say_editing",
        summary="Say that one is editing",
        description="Holds for a minute and a half; say it again while it is so.",
        request=NothingInput,
        responses=answers(EditingSerializer),
    )
    def put(self, request: Request, domain: str, slug: str) -> HttpResponse:
        def answer() -> HttpResponse:
            take(NothingInput, self.body)
            self._may_read(f"{domain}/{slug}")
            mark_present(actor=self.actor, subject=f"{domain}/{slug}", now=self.now)
            return self._others(f"{domain}/{slug}")

        return self.write(answer, may_repeat=lambda headers: self._may_read(f"{domain}/{slug}"))

    @extend_schema(operation_id="end_editing", summary="Say that one is done", responses=answers(EditingSerializer))
    def delete(self, request: Request, domain: str, slug: str) -> HttpResponse:
        def answer() -> HttpResponse:
            self._may_read(f"{domain}/{slug}")
            mark_gone(actor=self.actor, subject=f"{domain}/{slug}")
            return self._others(f"{domain}/{slug}")

        return self.write(answer, may_repeat=lambda headers: self._may_read(f"{domain}/{slug}"))

    def _may_read(self, key: str) -> None:
        require_items(principal=self.principal, keys=[key])

    def _others(self, key: str) -> HttpResponse:
        self._may_read(key)
        others = others_editing(actor=self.actor, subject=key, now=self.now)
        return json_response(rendered(EditingSerializer({"others": others})))


def _person(username: str, field: str) -> User:
    found = User.objects.filter(username=username).first()
    if found is None:
        raise InvalidInput(f"There is no person {username!r}.", field=field, fix="Send a user name.")
    return found


def _domain(slug: str) -> Domain:
    found = Domain.objects.filter(slug=slug).first()
    if found is None:
        raise InvalidInput(f"There is no domain {slug!r}.", field="domain", fix="Send the slug of a domain.")
    return found
