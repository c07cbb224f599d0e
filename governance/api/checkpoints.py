"""Signed checkpoints and proofs over HTTP, for auditors; must hold no rule."""

from __future__ import annotations

from typing import cast

from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from config.api.described import CURSOR, LIMIT, answers, number
from config.api.fields import take
from config.api.pages import read_page
from config.api.views import json_response
from context.digests import plain
from governance.api.audit import AuditView
from governance.audit.checkpoints import (
    checkpoint_now,
    checkpoints_of,
    consistency_proof,
    inclusion_proof,
    signed_statement,
)
from governance.models import Checkpoint
from governance.serializers.audit import (
    CheckpointPageSerializer,
    CheckpointSerializer,
    ConsistencySerializer,
    InclusionSerializer,
)
from governance.serializers.changes import NothingInput

HIGHEST_SEQUENCE = 2**53 - 1


class CheckpointListView(AuditView):
    """The ledger's signed checkpoints, the newest first: what one keeps elsewhere to notice a rewritten past."""

    parameters = ("limit", "cursor")

    @extend_schema(
        operation_id="list_checkpoints",
        summary="List checkpoints",
        parameters=[LIMIT, CURSOR],
        responses=answers(CheckpointPageSerializer),
    )
    def get(self, request: Request) -> HttpResponse:
        found = cast("QuerySet[Checkpoint]", checkpoints_of(principal=self.principal))
        page = read_page(found, request=self.http_request, parameters=self.query, by="-sequence")
        return json_response(page.rendered(lambda checkpoint: plain(signed_statement(checkpoint))))

    @extend_schema(
        operation_id="make_checkpoint",
        summary="Sign a checkpoint now",
        description="Over the ledger up to this request, which is an event itself.",
        request=NothingInput,
        responses=answers(CheckpointSerializer, status=201),
    )
    def post(self, request: Request) -> HttpResponse:
        def answer() -> HttpResponse:
            take(NothingInput, self.body)
            made = checkpoint_now(actor=self.principal, now=self.now)
            return json_response(plain(signed_statement(made)), status=201, location="/api/v1/audit/checkpoints/")

        return self.write(answer)


class InclusionView(AuditView):
    """That an event is covered by a checkpoint, in a form that needs no trust in this server."""

    parameters = ("checkpoint",)

    @extend_schema(
        operation_id="prove_inclusion",
        summary="Prove that an event is in the ledger",
        parameters=[number("checkpoint", "Its sequence; the newest unless said.", minimum=1, maximum=HIGHEST_SEQUENCE)],
        responses=answers(InclusionSerializer),
    )
    def get(self, request: Request, sequence: int) -> HttpResponse:
        checkpoint = self.query.integer("checkpoint", default=0, minimum=1, maximum=HIGHEST_SEQUENCE) or None
        proof = inclusion_proof(principal=self.principal, sequence=sequence, checkpoint=checkpoint)
        return json_response(plain(proof))


class ConsistencyView(AuditView):
    """That the ledger under one checkpoint is the beginning of the ledger under a later one."""

    parameters = ("new",)

    @extend_schema(
        operation_id="prove_consistency",
        summary="Prove that the ledger only grew",
        parameters=[
            number("new", "Sequence of a later one; the newest unless said.", minimum=1, maximum=HIGHEST_SEQUENCE)
        ],
        responses=answers(ConsistencySerializer),
    )
    def get(self, request: Request, sequence: int) -> HttpResponse:
        new = self.query.integer("new", default=0, minimum=1, maximum=HIGHEST_SEQUENCE) or None
        return json_response(plain(consistency_proof(principal=self.principal, old=sequence, new=new)))
