"""The tools by which an agent reads: bundles, search, items, terms, and how an output stands to them; no rule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from rest_framework import serializers

from agents.bundle_headers import agreed_headers
from agents.contracts import terms_of
from agents.mcp.calls import Answer, Asking
from agents.models import Bundle, Scope
from agents.output_checks.judging import judge
from agents.runs.api import run_id_of
from agents.runs.finishing import LARGEST_OUTPUT_BYTES
from agents.runs.outputs import given_to
from agents.runs.present_task import present_task
from agents.runs.reading import find_run
from agents.serving import ServedBundle, parse_request, read_bundle, serve_bundle
from config.api.fields import Input, Moment, Text, WholeNumber
from config.api.rendering import encode, rendered
from context.digests import canonical, check_storable, iso
from context.errors import InvalidInput, NotFound
from context.finding import find_passages
from context.models import Sensitivity
from context.reading import read_item
from context.restricted_reads import TextRead, of_version, record_restricted
from context.search import LONGEST_QUERY, MOST_HITS
from context.serializers.items import render_item
from context.serializers.search import SearchAnswerSerializer
from context.suggestions import suggest
from context.term_lookup import LONGEST_NAME, find_terms

HOW = "mcp"
K_DEFAULT = 10
MOST_FILTERS = 20
MOST_SUGGESTED = 5


class SearchInput(Input):
    q = Text(max_length=LONGEST_QUERY)
    k = WholeNumber(required=False, default=K_DEFAULT, min_value=1, max_value=MOST_HITS)
    kinds = serializers.ListField(child=Text(max_length=60), required=False, default=list, max_length=MOST_FILTERS)
    domains = serializers.ListField(child=Text(max_length=60), required=False, default=list, max_length=MOST_FILTERS)


class ItemInput(Input):
    key = Text(max_length=200)
    as_of = Moment(required=False, allow_null=True, default=None)


class TermInput(Input):
    name = Text(max_length=LONGEST_NAME)


class CheckInput(Input):
    contract = Text(max_length=60)
    output = serializers.JSONField(allow_null=True)
    task = serializers.JSONField(required=False, allow_null=True, default=None)
    bundle = Text(max_length=64, required=False, allow_null=True, default=None)
    run = Text(max_length=36, required=False, allow_null=True, default=None)


def get_bundle(asking: Asking, asked: Mapping[str, Any]) -> Answer:
    request = parse_request(asked, now=asking.now)
    return bundle_answer(serve_bundle(agent=asking.agent, asked=request, now=asking.now))


def bundle_answer(served: ServedBundle) -> Answer:
    """The bundle, byte for byte what REST sends, with what goes beside it as `_meta`; Markdown reads as such."""
    content = orjson.loads(served.answer)
    return Answer(
        content=content,
        text=content.get("markdown") or served.answer.decode(),
        meta={name.lower(): value for name, value in agreed_headers(served.handed)},
    )


def search_context(asking: Asking, asked: Mapping[str, Any]) -> Answer:
    if not asked["q"].strip():
        raise InvalidInput("q is empty.", field="q", fix="Say what is looked for.")
    found = find_passages(
        principal=asking.principal,
        query=asked["q"],
        limit=asked["k"],
        at=asking.now,
        kinds=asked["kinds"],
        domains=asked["domains"],
    )
    content = rendered(SearchAnswerSerializer(found))
    shown = [
        TextRead(key=hit.key, title=hit.title, sensitivity=hit.sensitivity, version=hit.version) for hit in found.hits
    ]
    record_restricted(principal=asking.principal, texts=shown, how=HOW, now=asking.now)
    return Answer(content=content)


def get_item(asking: Asking, asked: Mapping[str, Any]) -> Answer:
    reading = read_item(principal=asking.principal, key=asked["key"], at=asked["as_of"] or asking.now)
    content = orjson.loads(encode(render_item(reading)))
    if reading.version is not None:
        shown = [of_version(reading.item, reading.version)]
        record_restricted(principal=asking.principal, texts=shown, how=HOW, now=asking.now)
    return Answer(content=content)


def lookup_term(asking: Asking, asked: Mapping[str, Any]) -> Answer:
    found = find_terms(principal=asking.principal, name=asked["name"], at=asking.now)
    near = [] if found else suggest(principal=asking.principal, typed=asked["name"], limit=MOST_SUGGESTED * 4)
    terms = [
        {
            "key": each.version.item.key,
            "title": each.version.title,
            "version": each.version.number,
            "matched": each.by,
            "use_instead": each.version.title if each.by == "deprecated_alias" else None,
            "definition": each.version.data.get("definition"),
            "data": each.version.data,
            "text": each.version.body,
            "sensitivity": Sensitivity(each.version.item.sensitivity).word,
            "valid_to": iso(each.version.valid_to) if each.version.valid_to else None,
        }
        for each in found
    ]
    shown = [of_version(each.version.item, each.version) for each in found]
    record_restricted(principal=asking.principal, texts=shown, how=HOW, now=asking.now)
    like = [{"key": each.key, "title": each.title} for each in near if each.kind == "term"]
    return Answer(content={"terms": terms, "similar": like[:MOST_SUGGESTED]})


def check_output(asking: Asking, asked: Mapping[str, Any]) -> Answer:
    """Judge an output as `complete_run` would, without handing it in."""
    agent, output = asking.agent, asked["output"]
    agent.require(Scope.BUNDLES_READ)
    check_storable([output, asked["task"]], field="output")
    if len(canonical(output)) > LARGEST_OUTPUT_BYTES:
        raise InvalidInput(
            f"output is larger than {LARGEST_OUTPUT_BYTES} bytes.", field="output", limit=LARGEST_OUTPUT_BYTES
        )
    held = agent.contracts.get(asked["contract"])
    if held is None:
        raise NotFound("There is no such contract.", field="contract")
    version, _ = terms_of(*held)
    given, task, run_id, at = set(), asked["task"], "", asking.now
    if asked["run"] is not None:
        run = find_run(principal=asking.principal, run_id=run_id_of(asked["run"]))
        given, run_id, at = given_to(run), str(run.pk), run.snapshot_at
        task = present_task(run) if task is None else task
    elif asked["bundle"] is not None:
        given = _versions_of(asking, asked["bundle"])
    found = judge(principal=agent.principal, version=version, output=output, task=task, given=given, run=run_id, at=at)
    return Answer(
        content={
            "passes": found.passes,
            "rejecting": [each.as_json() for each in found.rejecting],
            "reviewing": [each.as_json() for each in found.reviewing],
            "warning": [each.as_json() for each in found.warning],
        }
    )


def _versions_of(asking: Asking, digest: str) -> set[int]:
    """What stood in a bundle that the agent was given and may still read."""
    read_bundle(agent=asking.agent, digest=digest, now=asking.now)
    return set(Bundle.objects.values_list("version_ids", flat=True).get(digest=digest))
