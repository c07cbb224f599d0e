"""Serves a bundle to an agent, or refuses it with the gaps, and records either; the one way for REST and MCP alike."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, cast

import orjson

from agents.as_of import as_it_was
from agents.authentication import AuthenticatedAgent
from agents.contracts import terms_of
from agents.escalations import escalate
from agents.models import ContractVersion, Scope, WhenIncomplete
from agents.questions import note_question
from agents.recording import record
from agents.sent_tasks import check_task_size
from agents.standing import HandedOver, StandingAnswer, hand_over, judged
from context import kinds
from context.bundles import AssembledBundle, ContextUnavailable, Order, assemble
from context.client_address import current_client_address
from context.digests import check_storable, digest_of, iso
from context.errors import DomainError, InvalidInput, NotFound, NotPermitted
from context.moments import parse_moment
from context.request_id import current_request_id
from context.row_security import reading_as
from context.search import LONGEST_QUERY
from context.statements import rows
from context.visibility import reader, visible
from governance.audit import ledger
from governance.audit.attempts import denials_recorded

LONGEST_QUERY_FROM_TASK = 1_000
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
FIELDS = ("contract", "task", "query", "as_of", "token_budget", "format")


class BundleNotPermitted(NotPermitted):
    """The agent held this bundle, but may no longer read all of it."""

    type = "bundle-not-permitted"
    title = "The agent may no longer read this bundle"


class BundleEnded(DomainError):
    """A text in the bundle has expired or was withdrawn since."""

    type = "bundle-ended"
    title = "The bundle holds text that is no longer valid"
    status = 410


@dataclass(frozen=True, kw_only=True, slots=True)
class BundleRequest:
    """What an agent asks for, checked but for what its contract says of it."""

    contract: str
    task: Any = None
    query: str = ""
    as_of: datetime | None = None
    token_budget: int | None = None
    form: Literal["json", "markdown"] = "json"


@dataclass(frozen=True, kw_only=True, slots=True)
class ServedBundle:
    """A bundle as it was recorded. `answer` is what is sent, the same bytes for the same digest.

    `held` says that the agent has it already and need not be sent it; `standing` is what may be remembered of it.
    """

    bundle: AssembledBundle
    handed: HandedOver
    held: bool
    standing: StandingAnswer

    @property
    def answer(self) -> bytes:
        return self.standing.answer

    @property
    def receipt_id(self) -> int:
        return self.handed.receipt_id


def parse_request(body: Mapping[str, Any], *, now: datetime) -> BundleRequest:
    """Check what was sent; each error names the field, the limit and the fix."""
    unknown = sorted(set(body) - set(FIELDS))
    if unknown:
        raise InvalidInput(
            f"Unknown field {unknown[0][:80]!r}.", field=unknown[0][:80], limit=", ".join(FIELDS), fix="Leave it out."
        )
    contract = body.get("contract")
    if not isinstance(contract, str) or not 1 <= len(contract) <= 60:
        raise InvalidInput(
            "contract must be the slug of a contract.", field="contract", limit=60, fix="Name one of your contracts."
        )
    query = body.get("query")
    if query is not None and (not isinstance(query, str) or len(query) > LONGEST_QUERY):
        raise InvalidInput(
            f"query must be text of at most {LONGEST_QUERY} characters.",
            field="query",
            limit=LONGEST_QUERY,
            fix="Ask a shorter question.",
        )
    task = body.get("task")
    check_storable([query, task], field="task")
    check_task_size(task)
    budget = body.get("token_budget")
    if budget is not None and (not isinstance(budget, int) or isinstance(budget, bool) or budget < 1):
        raise InvalidInput(
            "token_budget must be a whole number above 0.", field="token_budget", limit=1, fix="Send a number or none."
        )
    form = body.get("format", "json")
    if form not in ("json", "markdown"):
        raise InvalidInput(
            "format must be json or markdown.", field="format", limit="json, markdown", fix="Choose one of these."
        )
    return BundleRequest(
        contract=contract,
        task=task,
        query=query or "",
        as_of=_moment(body.get("as_of"), now),
        token_budget=budget,
        form=cast(Literal["json", "markdown"], form),
    )


def serve_bundle(
    *, agent: AuthenticatedAgent, asked: BundleRequest, now: datetime, held: Collection[str] = ()
) -> ServedBundle:
    """Assemble the bundle and record that the agent has it; or record the refusal and raise ContextUnavailable.

    `held` are digests of bundles that the agent says it has.
    """
    agent.require(Scope.BUNDLES_READ)
    if asked.as_of is not None:
        agent = as_it_was(agent=agent, contract=asked.contract, at=asked.as_of)
    version, order = order_for(agent=agent, asked=asked)
    if order.query and asked.as_of is None:
        note_question(agent_id=agent.principal.id, contract_version_id=version.pk, text=order.query, now=now)
    task_digest = digest_of(asked.task) if asked.task is not None else ""
    try:
        # What is read is read as the agent; what is recorded afterwards is committed with other requests' records.
        with reading_as(agent.principal):
            bundle = assemble(principal=agent.principal, order=order)
    except ContextUnavailable as refusal:
        _record_refusal(agent=agent, version=version, asked=asked, refusal=refusal, task_digest=task_digest, now=now)
        if version.when_incomplete == WhenIncomplete.ESCALATE and asked.as_of is None:
            refusal.extra["escalated"] = escalate(version=version, gaps=refusal.gaps, now=now)
        raise
    standing = judged(
        agent=agent, contract=version.contract_id, bundle=bundle, as_of=asked.as_of, task_digest=task_digest, now=now
    )
    handed = _record(agent=agent, version=version, asked=asked, bundle=bundle, standing=standing, held=held, now=now)
    return ServedBundle(bundle=bundle, handed=handed, held=bundle.digest in held, standing=standing)


def order_for(*, agent: AuthenticatedAgent, asked: BundleRequest) -> tuple[ContractVersion, Order]:
    """What the agent's contract makes of the request. A contract that is not the agent's does not exist for it."""
    held = agent.contracts.get(asked.contract)
    if held is None:
        raise NotFound("There is no such contract.", field="contract")
    version, requirements = terms_of(*held)
    if version.task_schema is not None:
        kinds.check(asked.task, version.task_schema, root="task")
    budget = version.token_budget
    if asked.token_budget is not None:
        if asked.token_budget > budget:
            raise InvalidInput(
                f"The contract allows {budget} tokens.",
                field="token_budget",
                limit=budget,
                fix="Ask for less, or for a contract with a larger budget.",
            )
        budget = asked.token_budget
    return version, Order(
        requirements=requirements,
        token_budget=budget,
        tokenizer=version.tokenizer,
        most_matches=version.most_matches,
        query=asked.query or _query_from(asked.task),
        as_of=asked.as_of,
        serve_with_gaps=version.when_incomplete == WhenIncomplete.SERVE_WITH_GAPS,
        form=asked.form,
        heading={
            "agent": agent.slug,
            "contract": {"slug": asked.contract, "version": version.number, "digest": version.digest},
        },
    )


def read_bundle(*, agent: AuthenticatedAgent, digest: str, now: datetime) -> bytes:
    """The same bytes again, if the agent received them, may still read every entry, and none has ended since.

    Who may no longer have them leaves an event; what was never this agent's reads as nonexistent and leaves none.
    """
    subject = ledger.Subject(type="bundle", id=digest[:64], label=f"bundle {digest[:12]} for {agent.slug}")
    with denials_recorded(
        actor=agent.principal,
        action="agents.bundle.read",
        subject=lambda: subject,
        now=now,
        data={"agent": agent.slug, "key": agent.key_prefix},
    ):
        agent.require(Scope.BUNDLES_READ)
        with reading_as(agent.principal):
            found = rows(_READ, {**reader(agent.principal), "digest": digest, "agent": agent.principal.id})
        if not found:
            raise NotFound("There is no such bundle.")
        body, contract, as_of, hidden, ended = found[0]
        if hidden or contract not in agent.contracts:
            raise BundleNotPermitted(
                "The agent may no longer read everything in this bundle.", fix="Ask for a new bundle."
            )
    if ended and as_of is None:
        raise BundleEnded("A text in this bundle is no longer valid.", fix="Ask for a new bundle.")
    return b'{"digest":"' + digest.encode() + b'",' + bytes(body)[1:]


_READ = f"""
SELECT bundle.body, contract.slug, bundle.as_of,
       jsonb_array_length(bundle.version_ids) > (
           SELECT count(*) FROM context_contextversion version
           JOIN context_contextitem item ON item.id = version.item_id
           WHERE version.id IN (SELECT jsonb_array_elements_text(bundle.version_ids)::bigint) AND {visible("item")}
       ),
       EXISTS (SELECT FROM context_contextversion version JOIN context_contextitem item ON item.id = version.item_id
               WHERE version.id IN (SELECT jsonb_array_elements_text(bundle.version_ids)::bigint)
               AND (version.valid_to <= statement_timestamp() OR item.retired_at <= statement_timestamp()))
FROM agents_bundle bundle
JOIN agents_contractversion terms ON terms.id = bundle.contract_version_id
JOIN agents_contextcontract contract ON contract.id = terms.contract_id
WHERE bundle.digest = %(digest)s
AND EXISTS (SELECT FROM agents_receipt WHERE bundle_id = bundle.digest AND agent_id = %(agent)s)
"""

_REFUSE = """
INSERT INTO agents_refusal (agent_id, key_prefix, contract_version_id, gaps, refused_at, as_of, request_id, task_digest)
VALUES (%(agent)s, %(key)s, %(version)s, %(gaps)s::jsonb, %(now)s, %(as_of)s, %(request_id)s, %(task_digest)s)
RETURNING id
"""


def _record(
    *,
    agent: AuthenticatedAgent,
    version: ContractVersion,
    asked: BundleRequest,
    bundle: AssembledBundle,
    standing: StandingAnswer,
    held: Collection[str],
    now: datetime,
) -> HandedOver:
    """The receipt, and the bundle with it: whoever says to hold one may never have been given it by us."""
    described = {
        "contract_version": version.pk,
        "snapshot_at": bundle.at,
        "as_of": asked.as_of,
        "valid_until": bundle.valid_until,
        "sensitivity": bundle.sensitivity,
        "version_ids": bundle.version_ids,
        "served_at": now,
    }
    handed = hand_over(
        standing,
        described=described,
        held=bundle.digest in held,
        request_id=current_request_id(),
        client=current_client_address(),
        now=now,
        body=bundle.content,
    )
    if handed is None:
        raise RuntimeError("a receipt without conditions was not written")
    return handed


def _record_refusal(
    *,
    agent: AuthenticatedAgent,
    version: ContractVersion,
    asked: BundleRequest,
    refusal: ContextUnavailable,
    task_digest: str,
    now: datetime,
) -> None:
    parameters = {
        "agent": agent.principal.id,
        "key": agent.key_prefix,
        "version": version.pk,
        "gaps": orjson.dumps([gap.as_json() for gap in refusal.gaps]).decode(),
        "now": now,
        "as_of": asked.as_of,
        "request_id": current_request_id(),
        "task_digest": task_digest,
    }
    record(
        agent=agent,
        now=now,
        store=lambda: int(rows(_REFUSE, parameters)[0][0]),
        tell=lambda refusal_id: ledger.Entry(
            action="agents.bundle.refused",
            subject=ledger.Subject(
                type="contract",
                id=asked.contract,
                label=f"{asked.contract} (version {version.number}) for {agent.slug}",
            ),
            data={
                **_said(agent, version, asked, task_digest),
                "refusal": refusal_id,
                "when_incomplete": version.when_incomplete,
                "gaps": [{"requirement": gap.requirement, "code": gap.code} for gap in refusal.gaps],
            },
        ),
    )


def _said(
    agent: AuthenticatedAgent, version: ContractVersion, asked: BundleRequest, task_digest: str
) -> dict[str, Any]:
    return {
        "agent": agent.slug,
        "key": agent.key_prefix,
        "contract": asked.contract,
        "contract_version": version.number,
        "as_of": iso(asked.as_of) if asked.as_of else None,
        "task": task_digest or None,
    }


def _moment(stated: Any, now: datetime) -> datetime | None:
    if stated is None:
        return None
    moment = parse_moment(stated[:40] if isinstance(stated, str) else "", field="as_of")
    if not EARLIEST <= moment <= now:
        raise InvalidInput(
            "as_of must lie between 1970 and now.",
            field="as_of",
            limit=iso(now),
            fix="Send a moment that has passed, as 2026-05-01T12:00:00Z.",
        )
    return moment


def _query_from(task: Any) -> str:
    """The texts of a task, in order, where no question was asked."""
    found, length = [], 0
    waiting = deque([task])
    while waiting and length < LONGEST_QUERY_FROM_TASK:
        part = waiting.popleft()
        if isinstance(part, str):
            found.append(part)
            length += len(part) + 1
        elif isinstance(part, Mapping):
            waiting.extendleft(reversed(list(part.values())))
        elif isinstance(part, list):
            waiting.extendleft(reversed(part))
    return " ".join(found)[:LONGEST_QUERY_FROM_TASK]
