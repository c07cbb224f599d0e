"""The addresses of push targets and budgets under /api/v1/, for people; must hold no rule."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, cast

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from agents.models import Agent, Budget, PushTarget
from agents.push_targets import (
    LONGEST_INSTRUCTIONS,
    LONGEST_TIMEOUT,
    MOST_OUTPUT_TOKENS,
    PushTerms,
    remove_push_target,
    renew_push_secret,
    revision_of,
    set_push_target,
    terms_of_target,
)
from agents.runs import setting_budgets
from agents.runs.budgets import beginning_of, used
from agents.runs.setting_budgets import MOST_TOKENS, BudgetTerms, end_budget, set_budget, visible_budgets
from agents.use import visible_agents
from config.api.described import CURSOR, LIMIT, answers
from config.api.entity_tags import check_if_match
from config.api.fields import Input, Text, WholeNumber, take
from config.api.pages import read_page
from config.api.views import ApiView, json_response
from context.digests import iso
from context.errors import NotFound
from context.models import Domain, User
from governance.outgoing import LONGEST_URL

IF_MATCH = OpenApiParameter(
    "If-Match",
    str,
    OpenApiParameter.HEADER,
    description="The ETag you read it with, where there is one: 428 without, 412 where somebody wrote since.",
)


class PushTargetInput(Input):
    kind = serializers.ChoiceField(PushTarget.Kind.values)
    url = Text(max_length=LONGEST_URL, required=False, default="", allow_blank=True)
    instructions = Text(max_length=LONGEST_INSTRUCTIONS, required=False, default="", allow_blank=True)
    timeout_seconds = WholeNumber(required=False, default=25, min_value=1, max_value=LONGEST_TIMEOUT)
    most_output_tokens = WholeNumber(required=False, default=2_000, min_value=1, max_value=MOST_OUTPUT_TOKENS)


class NothingInput(Input):
    pass


class PushTargetSerializer(serializers.Serializer[Any]):
    agent = serializers.SlugField()
    kind = serializers.ChoiceField(PushTarget.Kind.values)
    url = serializers.CharField()
    instructions = serializers.CharField()
    timeout_seconds = serializers.IntegerField()
    most_output_tokens = serializers.IntegerField()
    failures = serializers.IntegerField(help_text="In a row, lately.")
    closed_until = serializers.DateTimeField(allow_null=True, help_text="Until then its runs go around it.")
    changed_at = serializers.DateTimeField()
    secret = serializers.CharField(required=False, help_text="Signs the posts. Told only where it is new.")


class BudgetInput(Input):
    tokens = WholeNumber(required=False, allow_null=True, default=None, min_value=1, max_value=MOST_TOKENS)
    cost = serializers.DecimalField(
        required=False, allow_null=True, default=None, max_digits=14, decimal_places=6, min_value=Decimal("0.000001")
    )
    reason = Text(max_length=setting_budgets.LONGEST_REASON, required=False, default="", allow_blank=True)


class BudgetSerializer(serializers.Serializer[Any]):
    of = serializers.ChoiceField(["agents", "domains"])
    slug = serializers.SlugField()
    period = serializers.ChoiceField(Budget.Period.values)
    tokens = serializers.IntegerField(allow_null=True)
    cost = serializers.CharField(allow_null=True)
    used_tokens = serializers.IntegerField()
    used_cost = serializers.CharField()
    since = serializers.DateTimeField(help_text="When the present period began.")


class BudgetPageSerializer(serializers.Serializer[Any]):
    results = BudgetSerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)
    next = serializers.CharField(allow_null=True)


class ReachedView(ApiView):
    """What the addresses of push targets share."""

    answers_once = False  # the answer to a write may hold a secret, which is not kept to be told again

    @property
    def _person(self) -> User:
        return cast(User, self.request.user)

    def _agent(self, slug: str) -> Agent:
        found = visible_agents(self.principal).select_related("endpoint").filter(slug=slug).first()
        if found is None:
            raise NotFound("There is no such agent.")
        return found

    def _expected(self, target: PushTarget | None) -> str | None:
        """The revision that the caller says they read; judged again under the lock."""
        if target is None:
            return self.http_request.headers.get("If-Match")
        check_if_match(self.http_request, current=f'"{revision_of(target)}"')
        return revision_of(target)


class PushTargetView(ReachedView):
    """How an agent's runs are sent to it."""

    @extend_schema(
        operation_id="get_push_target",
        summary="Read how an agent is reached",
        responses=answers(PushTargetSerializer),
    )
    def get(self, request: Request, slug: str) -> HttpResponse:
        target = _target(self._agent(slug))
        if target is None:
            raise NotFound("The agent is not pushed to.")
        # Its ETag is for writing: how it does is told along and is no part of it, so there is no 304.
        return json_response(_target_as_json(target), etag=f'"{revision_of(target)}"')

    @extend_schema(
        operation_id="set_push_target",
        summary="Send an agent's runs out",
        parameters=[IF_MATCH],
        request=PushTargetInput,
        responses=answers(PushTargetSerializer),
    )
    def put(self, request: Request, slug: str) -> HttpResponse:
        agent = self._agent(slug)
        terms = PushTerms(**take(PushTargetInput, self.body))
        made = set_push_target(
            actor=self._person, agent=agent, terms=terms, expected=self._expected(_target(agent)), now=self.now
        )
        return json_response(_target_as_json(made.target, secret=made.secret), etag=f'"{revision_of(made.target)}"')

    @extend_schema(
        operation_id="remove_push_target",
        summary="Send an agent's runs out no more",
        parameters=[IF_MATCH],
        responses={204: None},
    )
    def delete(self, request: Request, slug: str) -> HttpResponse:
        agent = self._agent(slug)
        expected = self._expected(_target(agent))
        remove_push_target(actor=self._person, agent=agent, expected=expected, now=self.now)
        return HttpResponse(status=204)


class PushSecretView(ReachedView):
    """The secret that signs what is posted to an agent's webhook."""

    @extend_schema(
        operation_id="renew_push_secret",
        summary="Sign with a new secret",
        request=NothingInput,
        responses=answers(PushTargetSerializer),
    )
    def post(self, request: Request, slug: str) -> HttpResponse:
        take(NothingInput, self.body)
        made = renew_push_secret(actor=self._person, agent=self._agent(slug), now=self.now)
        return json_response(_target_as_json(made.target, secret=made.secret), etag=f'"{revision_of(made.target)}"')


class BudgetsView(ApiView):
    """The budgets that one may know of."""

    parameters = ("limit", "cursor")

    @extend_schema(
        operation_id="list_budgets",
        summary="List budgets",
        parameters=[LIMIT, CURSOR],
        responses=answers(BudgetPageSerializer),
    )
    def get(self, request: Request) -> HttpResponse:
        page = read_page(visible_budgets(self.principal), request=self.http_request, parameters=self.query, by="id")
        return json_response(page.rendered(lambda each: _budget_as_json(each, now=self.now)))


class BudgetView(ApiView):
    """One budget: of an agent or of a domain, for a day or a month."""

    @extend_schema(operation_id="get_budget", summary="Read a budget", responses=answers(BudgetSerializer))
    def get(self, request: Request, of: str, slug: str, period: str) -> HttpResponse:
        budget = self._budget(self._named(of, slug), period)
        if budget is None:
            raise NotFound("There is no such budget.")
        return json_response(_budget_as_json(budget, now=self.now), etag=f'"{setting_budgets.revision_of(budget)}"')

    @extend_schema(
        operation_id="set_budget",
        summary="Bound what may be used",
        description="A hard stop: what goes beyond it leaves the run to a person.",
        parameters=[IF_MATCH],
        request=BudgetInput,
        responses=answers(BudgetSerializer),
    )
    def put(self, request: Request, of: str, slug: str, period: str) -> HttpResponse:
        return self.write(lambda: self._set(of, slug, period))

    def _set(self, of: str, slug: str, period: str) -> HttpResponse:
        named, taken = self._named(of, slug), take(BudgetInput, self.body)
        budget = set_budget(
            actor=cast(User, self.request.user),
            of=named,
            terms=BudgetTerms(period=period, tokens=taken["tokens"], cost=taken["cost"]),
            reason=taken["reason"],
            expected=self._expected(self._budget(named, period)),
            now=self.now,
        )
        return json_response(_budget_as_json(budget, now=self.now), etag=f'"{setting_budgets.revision_of(budget)}"')

    @extend_schema(
        operation_id="end_budget",
        summary="Bound it no more",
        parameters=[IF_MATCH],
        responses={204: None},
    )
    def delete(self, request: Request, of: str, slug: str, period: str) -> HttpResponse:
        named = self._named(of, slug)
        expected = self._expected(self._budget(named, period))
        end_budget(actor=cast(User, self.request.user), of=named, period=period, expected=expected, now=self.now)
        return HttpResponse(status=204)

    def _named(self, of: str, slug: str) -> Agent | Domain:
        found = (
            visible_agents(self.principal).filter(slug=slug).first()
            if of == "agents"
            else Domain.objects.filter(slug=slug).first()
        )
        if found is None:
            raise NotFound("There is no such agent or domain.")
        return found

    def _budget(self, named: Agent | Domain, period: str) -> Budget | None:
        whose = {"agent": named} if isinstance(named, Agent) else {"domain": named}
        return visible_budgets(self.principal).filter(period=period, **whose).first()

    def _expected(self, budget: Budget | None) -> str | None:
        if budget is None:
            return self.http_request.headers.get("If-Match")
        revision = setting_budgets.revision_of(budget)
        check_if_match(self.http_request, current=f'"{revision}"')
        return revision


def _target(agent: Agent) -> PushTarget | None:
    return PushTarget.objects.select_related("agent").filter(agent=agent).first()


def _target_as_json(target: PushTarget, *, secret: str = "") -> dict[str, Any]:
    return {
        "agent": target.agent.slug,
        **terms_of_target(target).as_json(),
        "failures": target.failures,
        "closed_until": iso(target.closed_until) if target.closed_until is not None else None,
        "changed_at": iso(target.changed_at),
        **({"secret": secret} if secret else {}),
    }


def _budget_as_json(budget: Budget, *, now: datetime) -> dict[str, Any]:
    of: Agent | Domain | None = budget.agent or budget.domain
    tokens, cost = used(budget=budget, now=now)
    return {
        "of": "agents" if budget.agent is not None else "domains",
        "slug": of.slug if of is not None else "",
        "period": budget.period,
        "tokens": budget.tokens,
        "cost": f"{budget.cost:.6f}" if budget.cost is not None else None,
        "used_tokens": tokens,
        "used_cost": f"{cost:.6f}",
        "since": iso(beginning_of(budget, now)),
    }
