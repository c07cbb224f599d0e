"""The JSON endpoints of routing: ask, record, read and replay decisions, read rule sets; must hold no rule.

Asking is what programs do before every task: agents are served by a plain Django view, as bundles are.
"""

from __future__ import annotations

from typing import Any, cast

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from agents.api import BODY_LIMIT, REFUSALS, described_by
from agents.authentication import KEY_PREFIX, AuthenticatedAgent, authenticate
from agents.models import Decision, RuleSet, Scope
from agents.routing.asking import ask, parse_question
from agents.routing.decisions import record_decision, replay
from agents.routing.presenting import (
    answer_as_json,
    decision_as_json,
    known_contracts,
    show,
    shown_decision,
    summary_as_json,
)
from agents.routing.serializers import (
    AnswerSerializer,
    DecisionPageSerializer,
    DecisionSerializer,
    QuestionSerializer,
    ReplaySerializer,
    RuleSetPageSerializer,
    RuleSetSerializer,
    rule_set_as_json,
)
from agents.routing.standing import gathered
from agents.routing.standing_wsgi import PLACE
from config.api.bodies import read_json
from config.api.described import CURSOR, IF_NONE_MATCH, LIMIT, answers, word
from config.api.errors import MethodNotAllowed
from config.api.pages import read_page
from config.api.problems import as_domain_error, problem_response
from config.api.views import ApiView, json_response
from context.access import Principal
from context.errors import NotFound
from context.models import User


@csrf_exempt
def decide(request: HttpRequest) -> HttpResponse:
    """POST /api/v1/routing/decide/: what the rules say, with the full trace. Nothing is recorded.

    Where what is gathered here still stands, the next task of the kind is decided before it comes here
    (agents/routing/standing_wsgi.py).
    """
    header = request.headers.get("Authorization", "")
    if KEY_PREFIX not in header[:40]:
        return cast(HttpResponse, DecideView.as_view()(request))
    try:
        if request.method != "POST":
            raise MethodNotAllowed(f"{request.method} is not taken here.", fix="Send POST.")
        agent = authenticate(header)
        agent.require(Scope.CONTEXT_READ)
        body = read_json(request, limit=BODY_LIMIT)
        now = timezone.now()
        answer = ask(principal=agent.principal, name=agent.slug, question=parse_question(body), now=now)
        if PLACE in request.META:
            request.META[PLACE] += filter(None, [gathered(agent, answer, now=now)])
        known = known_contracts(agent.principal, answer.facts, agent)
        shown = show(answer.decider.table, answer.facts, answer.verdict, known=known)
        return json_response(answer_as_json(answer, shown))
    except REFUSALS as raised:
        error = as_domain_error(raised)
        if error is None:
            raise
        response = problem_response(error, request)
        if isinstance(error, MethodNotAllowed):
            response["Allow"] = "POST"
        return response


class DecideView(ApiView):
    """Decide a task by the rules in force, without recording it."""

    open_to = ("person", "agent")
    agent_scope = Scope.CONTEXT_READ
    answers_once = False  # nothing is written: asking again is harmless

    @extend_schema(
        operation_id="decide_route",
        summary="Try a route",
        description="A dry run: the outcome, the facts, and for each rule tried why it did not match.",
        request=QuestionSerializer,
        responses=answers(AnswerSerializer),
    )
    def post(self, request: Request) -> HttpResponse:
        question = parse_question(self.body)
        answer = ask(principal=self.principal, name=_name(request), question=question, now=self.now)
        known = known_contracts(self.principal, answer.facts)
        return json_response(
            answer_as_json(answer, show(answer.decider.table, answer.facts, answer.verdict, known=known))
        )


class DecisionsView(ApiView):
    """Recorded decisions."""

    open_to = ("person", "agent")
    agent_scope = Scope.RUNS_WRITE
    parameters = ("limit", "cursor", "rule_set", "kind", "run")

    @extend_schema(
        operation_id="list_decisions",
        summary="List decisions",
        parameters=[
            word("rule_set", "Only by this rule set."),
            word("kind", "agent, human or refuse."),
            word("run", "Only those of this run."),
            LIMIT,
            CURSOR,
        ],
        responses=answers(DecisionPageSerializer),
    )
    def get(self, request: Request) -> HttpResponse:
        found = Decision.objects.visible_to(self.principal).select_related("rule_set_version__rule_set")
        for parameter, column in (("rule_set", "rule_set_version__rule_set__slug"), ("kind", "kind"), ("run", "run")):
            value = self.query.text(parameter)
            if value:
                found = found.filter(**{column: value})
        page = read_page(found, request=self.http_request, parameters=self.query, by="-id")
        return json_response(page.rendered(summary_as_json))

    @extend_schema(
        operation_id="make_decision",
        summary="Decide and record",
        description="Decides the task and stores facts, rules tried, outcome and version of the rule set.",
        request=QuestionSerializer,
        responses=answers(DecisionSerializer, status=201),
    )
    def post(self, request: Request) -> HttpResponse:
        return self.write(lambda: self._made(request))

    def _made(self, request: Request) -> HttpResponse:
        question = parse_question(self.body)
        answer = ask(principal=self.principal, name=_name(request), question=question, now=self.now)
        decision = record_decision(principal=self.principal, answer=answer, run=question.run, now=self.now)
        shown = shown_decision(decision, self.principal, _agent(request))
        return json_response(
            decision_as_json(decision, shown), status=201, location=f"/api/v1/routing/decisions/{decision.pk}/"
        )


class DecisionView(ApiView):
    """One recorded decision with its facts and trace."""

    open_to = ("person", "agent")
    agent_scope = Scope.RUNS_WRITE

    @extend_schema(operation_id="read_decision", summary="Read a decision", responses=answers(DecisionSerializer))
    def get(self, request: Request, decision_id: str) -> HttpResponse:
        decision = _decision(self.principal, decision_id)
        return json_response(decision_as_json(decision, shown_decision(decision, self.principal, _agent(request))))


class ReplayView(ApiView):
    """The same decision made again from its recorded facts."""

    open_to = ("person", "agent")
    agent_scope = Scope.RUNS_WRITE
    answers_once = False  # nothing is written

    @extend_schema(
        operation_id="replay_decision",
        summary="Replay a decision",
        description="Decides again from the recorded facts by the recorded version; `same` compares the digests.",
        request=None,
        responses=answers(ReplaySerializer),
    )
    def post(self, request: Request, decision_id: str) -> HttpResponse:
        again = replay(_decision(self.principal, decision_id))
        return json_response(
            {
                "id": again.decision.pk,
                "same": again.same,
                "recorded_digest": again.decision.digest,
                "digest": again.verdict.digest,
            }
        )


class RuleSetsView(ApiView):
    """The rule sets in force."""

    open_to = ("person", "agent")
    parameters = ("limit", "cursor")

    @extend_schema(
        operation_id="list_rule_sets",
        summary="List rule sets",
        parameters=[LIMIT, CURSOR],
        responses=answers(RuleSetPageSerializer),
    )
    def get(self, request: Request) -> HttpResponse:
        found = RuleSet.objects.visible_to(self.principal).filter(retired_at__isnull=True)
        found = found.filter(current_version__isnull=False).select_related("owner", "domain", "current_version")
        page = read_page(found, request=self.http_request, parameters=self.query, by="slug")
        return json_response(page.rendered(rule_set_as_json))


class RuleSetView(ApiView):
    """One rule set as it stands."""

    open_to = ("person", "agent")

    @extend_schema(
        operation_id="read_rule_set",
        summary="Read a rule set",
        parameters=[IF_NONE_MATCH],
        responses=answers(RuleSetSerializer, etag=True),
    )
    def get(self, request: Request, slug: str) -> HttpResponse:
        found = (
            RuleSet.objects.visible_to(self.principal)
            .select_related("owner", "domain", "current_version")
            .filter(slug=slug, current_version__isnull=False)
            .first()
        )
        if found is None:
            raise NotFound("There is no such rule set.")
        return self.cacheable(rule_set_as_json(found, whole=True))


def _decision(principal: Principal, decision_id: str) -> Decision:
    found = (
        Decision.objects.visible_to(principal)
        .select_related("rule_set_version__rule_set")
        .filter(pk=min(int(decision_id), 2**63 - 1))
        .first()
    )
    if found is None:
        raise NotFound("There is no such decision.")
    return found


def _agent(request: Request) -> AuthenticatedAgent | None:
    user: Any = request.user
    return user if isinstance(user, AuthenticatedAgent) else None


def _name(request: Request) -> str:
    user: Any = request.user
    return user.username if isinstance(user, User) else str(getattr(user, "slug", ""))


DESCRIBED_DECIDE = described_by(decide, DecideView)
