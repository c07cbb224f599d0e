"""The addresses of recalls under /api/v1/recalls/; must hold no rule."""

from __future__ import annotations

from typing import cast

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from agents.models import RecallCase, RecallEntry, RecallEntryState
from agents.recall.cases import extend_case, find_case, find_version, open_case, trace
from agents.recall.reading import case_as_json, cases_with_counts, entry_as_json, footprint_as_json
from agents.recall.rights import answers_for
from agents.recall.serializers import (
    CasePageSerializer,
    CaseSerializer,
    ExtendedSerializer,
    FootprintSerializer,
    NothingInput,
    OpenCaseInput,
    RecallEntryPageSerializer,
    SettledSerializer,
    SettleInput,
)
from agents.recall.settling import settle_entries
from agents.recall.tracing import particulars_of
from config.api.described import CURSOR, LIMIT, answers, number, word
from config.api.fields import take
from config.api.pages import read_page
from config.api.views import ApiView, json_response
from context.errors import NotFound
from context.models import User
from context.reading import UnknownFilter

STATES = ("open", "closed")


class RecallView(ApiView):
    """What the addresses of recalls share: they are for people."""

    open_to = ("person",)

    @property
    def person(self) -> User:
        return cast(User, self.request.user)

    def case(self, case_id: str) -> RecallCase:
        return find_case(principal=self.principal, case_id=int(case_id))


class TraceView(RecallView):
    """What used a version, before a case is opened."""

    parameters = ("item", "version")

    @extend_schema(
        operation_id="trace_version",
        summary="See what used a version",
        description="The figures of a case before it is opened, for who may open it.",
        parameters=[
            word("item", "Key of the item.", required=True),
            number("version", "Number of the version.", minimum=1, maximum=2**31 - 1, required=True),
        ],
        responses=answers(FootprintSerializer),
    )
    def get(self, request: Request) -> HttpResponse:
        asked = self.query.integer("version", default=0, minimum=0, maximum=2**31 - 1)
        try:
            version = find_version(principal=self.principal, key=self.query.text("item") or "", number=asked)
        except NotFound as error:
            raise UnknownFilter(error.detail, field="item", fix="Name an item and one of its versions.") from error
        return json_response(footprint_as_json(trace(principal=self.principal, version=version, now=self.now)))


class CasesView(RecallView):
    """Recall cases."""

    parameters = ("limit", "cursor", "state", "item")

    @extend_schema(
        operation_id="list_recalls",
        summary="List recall cases",
        parameters=[word("state", "open or closed."), word("item", "Only of the item of this key."), LIMIT, CURSOR],
        responses=answers(CasePageSerializer),
    )
    def get(self, request: Request) -> HttpResponse:
        found = cases_with_counts(principal=self.principal)
        state, item = self.query.choice("state", STATES), self.query.text("item")
        if state:
            found = found.filter(closed_at__isnull=state == "open")
        if item:
            found = found.filter(version__item__key=item)
        page = read_page(found, request=self.http_request, parameters=self.query, by="-id")
        return json_response(page.rendered(case_as_json))

    @extend_schema(
        operation_id="open_recall",
        summary="Recall a version",
        description="Opens a case with an entry for each run that was given the version and each agent that had it "
        "outside a run, and tells the agents' owners. 409 where a case of the version is open.",
        request=OpenCaseInput,
        responses=answers(CaseSerializer, status=201),
    )
    def post(self, request: Request) -> HttpResponse:
        def effect() -> HttpResponse:
            asked = take(OpenCaseInput, self.body)
            opened = open_case(
                actor=self.person, key=asked["item"], number=asked["version"], reason=asked["reason"], now=self.now
            )
            case = cases_with_counts(principal=self.principal).get(pk=opened.case.pk)
            return json_response(case_as_json(case), status=201, location=f"/api/v1/recalls/{case.pk}/")

        return self.write(effect)


class CaseView(RecallView):
    """One case."""

    @extend_schema(operation_id="read_recall", summary="Read a recall case", responses=answers(CaseSerializer))
    def get(self, request: Request, case_id: str) -> HttpResponse:
        case = self.case(case_id)
        return json_response(case_as_json(cases_with_counts(principal=self.principal).get(pk=case.pk)))


class EntriesView(RecallView):
    """What a case names."""

    parameters = ("limit", "cursor", "state", "agent")

    @extend_schema(
        operation_id="list_recall_entries",
        summary="List the entries of a recall case",
        description="All of them for who answers for the text, administers or audits; else those of your agents.",
        parameters=[
            word("state", ", ".join(RecallEntryState.values)),
            word("agent", "Only of the agent of this slug."),
            LIMIT,
            CURSOR,
        ],
        responses=answers(RecallEntryPageSerializer),
    )
    def get(self, request: Request, case_id: str) -> HttpResponse:
        case = self.case(case_id)
        answers_too = answers_for(self.principal, case.version)
        found = RecallEntry.objects.visible_to(self.principal, case, answers=answers_too)
        found = found.select_related("agent", "case", "settled_by")
        state, agent = self.query.choice("state", RecallEntryState.values), self.query.text("agent")
        if state:
            found = found.filter(state=state)
        if agent:
            found = found.filter(agent__slug=agent)
        page = read_page(found, request=self.http_request, parameters=self.query, by="id")
        known = particulars_of(entries=page.rows, principal=self.principal)
        return json_response(page.rendered(lambda entry: entry_as_json(entry, known)))


class SettleView(RecallView):
    """Settle entries."""

    @extend_schema(
        operation_id="settle_recall_entries",
        summary="Accept entries as they are, or run them again",
        description="Each entry is settled by itself, with its own event: one that cannot be says why in "
        "`not_settled`. To accept needs a note. A run is run again by who may read it.",
        request=SettleInput,
        responses=answers(SettledSerializer),
    )
    def post(self, request: Request, case_id: str) -> HttpResponse:
        def effect() -> HttpResponse:
            asked = take(SettleInput, self.body)
            done = settle_entries(
                actor=self.person,
                case_id=int(case_id),
                entry_ids=asked["entries"],
                state=asked["state"],
                note=asked["note"],
                now=self.now,
            )
            if len(done) == 1 and done[0].error is not None and isinstance(done[0].error, NotFound):
                raise done[0].error
            not_settled = [
                {"id": each.entry_id, "type": each.error.type, "detail": each.error.detail, "fix": each.error.fix}
                for each in done
                if each.error is not None
            ]
            settled = [each.entry_id for each in done if each.error is None]
            return json_response({"settled": settled, "not_settled": not_settled})

        return self.write(effect)


class ExtendView(RecallView):
    """Take in what used the version since."""

    @extend_schema(
        operation_id="extend_recall",
        summary="Take in what used the version since the case was opened",
        request=NothingInput,
        responses=answers(ExtendedSerializer),
    )
    def post(self, request: Request, case_id: str) -> HttpResponse:
        def effect() -> HttpResponse:
            take(NothingInput, self.body)
            came = extend_case(actor=self.person, case_id=int(case_id), now=self.now)
            return json_response({"entries": came})

        return self.write(effect)
