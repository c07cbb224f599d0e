"""The tools by which an agent reads, as MCP lists them; what they do is in reading_tools.py."""

from __future__ import annotations

from agents.mcp import reading_tools
from agents.mcp.schemas import output_schema
from agents.mcp.tool import BUNDLE, FORMAT, LIST, PlumblineTool
from agents.models import Scope
from agents.serializers import BundleRequestSerializer

READING: tuple[PlumblineTool, ...] = (
    PlumblineTool(
        name="get_bundle",
        title="Fetch a bundle",
        description="Everything that the organisation has approved for a task of one of your contracts: current, "
        "permitted, with citations. Where something needed is missing, stale or contradicted, you are refused and told "
        "what, whose it is and the shortest fix: do not go on without it.",
        scope=Scope.BUNDLES_READ,
        act=reading_tools.get_bundle,
        takes=None,
        described_by=BundleRequestSerializer,
        answers=BUNDLE,
        about={
            "contract": "Slug of one of your contracts.",
            "task": "What you are to do, by the contract's task schema.",
            "query": "A question that brings the best further passages.",
            "as_of": "A past moment (ISO 8601): what was known, true and permitted then.",
            "token_budget": "Fewer tokens than the contract allows.",
            "format": FORMAT,
        },
        repeatable=True,
        alone=True,
    ),
    PlumblineTool(
        name="search_context",
        title="Search",
        description="The approved passages in force that answer a question best, by meaning and by words.",
        scope=Scope.SEARCH_READ,
        act=reading_tools.search_context,
        takes=reading_tools.SearchInput,
        answers=output_schema(results=LIST, unembedded="integer"),
        about={
            "q": "The question, or words of the text.",
            "k": "How many passages.",
            "kinds": "Only these kinds, by slug: term, policy, risk_appetite, process, precedent, …",
            "domains": "Only these domains and those below them, by slug.",
        },
        reads=True,
    ),
    PlumblineTool(
        name="get_item",
        title="Read an item",
        description="One text with its metadata and relations, as it is in force now or was at a moment.",
        scope=Scope.CONTEXT_READ,
        act=reading_tools.get_item,
        takes=reading_tools.ItemInput,
        answers=output_schema(key="string", title="string", kind="string", version=["object", "null"]),
        about={"key": "domain/slug", "as_of": "A past moment (ISO 8601)."},
        reads=True,
    ),
    PlumblineTool(
        name="lookup_term",
        title="Look up a term",
        description="What the organisation means by a word: by the term's name, abbreviation, alias or old name.",
        scope=Scope.CONTEXT_READ,
        act=reading_tools.lookup_term,
        takes=reading_tools.TermInput,
        answers=output_schema(terms=LIST, similar=LIST),
        about={"name": "The word or abbreviation, as it stands in the text."},
        reads=True,
    ),
    PlumblineTool(
        name="check_output",
        title="Check an output",
        description="Whether an output keeps its contract: schema, forbidden and outdated terms, limits, clauses, "
        "citations, contradictions. Hands nothing in: correct what is rejected first.",
        scope=Scope.BUNDLES_READ,
        act=reading_tools.check_output,
        takes=reading_tools.CheckInput,
        answers=output_schema(passes="boolean", rejecting=LIST, reviewing=LIST, warning=LIST),
        about={
            "contract": "Slug of one of your contracts.",
            "output": "The output, by the contract's output schema.",
            "task": "The task that it answers.",
            "bundle": "Digest of the bundle that you worked with.",
            "run": "Id of the run that it is for; brings its task and bundles.",
        },
        reads=True,
    ),
)
