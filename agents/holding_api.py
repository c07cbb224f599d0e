"""The JSON endpoints about what agents hold: receipts, skew, changes to wait for, signing keys; must hold no rule."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from agents.api import REFUSALS, problem_of, require_method
from agents.authentication import authenticate
from agents.holding_serializers import (
    ChangeStateSerializer,
    ReceiptSerializer,
    SigningKeysSerializer,
    SkewSerializer,
)
from agents.models import Receipt
from agents.sealing import proofs_of, record_of
from agents.skew import skew_map, summary_of
from agents.subscriptions import LONGEST_WAIT_SECONDS, TRY_AGAIN_AFTER_SECONDS, TooManyWait, wait_for_change
from agents.use import visible_agents
from config.api.described import answers, number, word
from config.api.parameters import Parameters
from config.api.rendering import rendered
from config.api.views import ApiView, json_response
from context.errors import NotFound
from context.signing import key_id
from governance.audit.marks import trusted_keys

LARGEST_RECEIPT = 2**63 - 1


@csrf_exempt
def changes(request: HttpRequest, slug: str) -> HttpResponse:
    """GET /api/v1/contracts/{slug}/changes/. A plain view: it must hold no transaction while it waits."""
    try:
        require_method(request, "GET")
        query = Parameters(request.GET, allowed=("since", "wait"))
        seconds = query.integer("wait", default=0, minimum=0, maximum=LONGEST_WAIT_SECONDS)
        state, changed = wait_for_change(
            agent=lambda: authenticate(request.headers.get("Authorization", "")),
            contract=slug,
            since=query.text("since"),
            seconds=seconds,
        )
    except REFUSALS as raised:
        response = problem_of(raised, request, allow="GET")
        if isinstance(raised, TooManyWait):
            response["Retry-After"] = str(TRY_AGAIN_AFTER_SECONDS)
        return response
    return json_response({"contract": slug, "state": state, "changed": changed})


class ChangesDescribed(ApiView):
    """How `changes` reads in the API's description; the view above serves it."""

    open_to = ("agent",)

    @extend_schema(
        operation_id="wait_for_change",
        summary="Wait for a change in a contract",
        parameters=[
            word("since", "The `state` you know; without it the answer comes at once."),
            number("wait", "How many seconds to wait at most; 0 unless said.", minimum=0, maximum=LONGEST_WAIT_SECONDS),
        ],
        responses=answers(ChangeStateSerializer),
    )
    def get(self, request: Request, slug: str) -> HttpResponse:
        return changes(request._request, slug)


@csrf_exempt
def signing_keys(request: HttpRequest) -> HttpResponse:
    """GET /api/v1/signing-keys/: for everyone, since a public key is."""
    try:
        require_method(request, "GET")
        Parameters(request.GET, allowed=())
    except REFUSALS as raised:
        return problem_of(raised, request, allow="GET")
    current = key_id()
    found = [
        {"key": name, "public_key": key, "algorithm": "Ed25519", "current": name == current}
        for name, key in sorted(trusted_keys().items(), key=lambda pair: pair[0] != current)
    ]
    return json_response({"keys": found})


class SigningKeysDescribed(ApiView):
    """How `signing_keys` reads in the API's description; the view above serves it."""

    @extend_schema(
        operation_id="list_signing_keys", summary="List signing keys", responses=answers(SigningKeysSerializer)
    )
    def get(self, request: Request) -> HttpResponse:
        return signing_keys(request._request)


class ReceiptView(ApiView):
    """One receipt with the path that proves it under the ledger; an agent's own, people's agents'."""

    open_to = ("person", "agent")
    agent_scope = "bundles:read"

    @extend_schema(operation_id="read_receipt", summary="Read a receipt", responses=answers(ReceiptSerializer))
    def get(self, request: Request, receipt_id: str) -> HttpResponse:
        found = Receipt.objects.select_related("agent", "bundle__contract_version__contract").defer("bundle__body")
        if self.principal.kind == "agent":
            found = found.filter(agent_id=self.principal.id)
        else:
            found = found.filter(agent__in=visible_agents(self.principal))
        receipt = found.filter(pk=min(int(receipt_id), LARGEST_RECEIPT)).first()
        if receipt is None:
            raise NotFound("There is no such receipt.")
        return json_response(
            {
                "receipt": record_of(receipt),
                "agent": receipt.agent.slug,
                "contract": receipt.bundle.contract_version.contract.slug,
                "contract_version": receipt.bundle.contract_version.number,
                "seal": dict(proofs_of([receipt.pk])).get(receipt.pk),
            }
        )


class SkewView(ApiView):
    """Which of the agents one may know of holds which revision of which contract, and who is behind."""

    parameters = ("contract",)

    @extend_schema(
        operation_id="read_skew_map",
        summary="See which agent holds which revision",
        parameters=[word("contract", "Slug of one contract; all unless said.")],
        responses=answers(SkewSerializer),
    )
    def get(self, request: Request) -> HttpResponse:
        found = skew_map(principal=self.principal, now=self.now, contract=self.query.text("contract"))
        return json_response(
            rendered(SkewSerializer({"at": self.now, "summary": summary_of(found), "holdings": found}))
        )
