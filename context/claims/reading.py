"""Reads the typed claims out of a text: quantities, rules, restrictions and definitions; must not compare them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from context.claims.claim import Claim
from context.claims.definitions import definition_in
from context.claims.measures import measures_in
from context.claims.modality import markers_of
from context.claims.restrictions import restrictions_in
from context.claims.rules import rules_in
from context.claims.sentences import Sentence, sentences_of
from context.claims.tokens import Token, tokens_of
from context.quantities import quantities_in

# Addresses say nothing; they are read as blanks.
_ADDRESS = re.compile(r"(?<=\])\([^()\s]*(?:\s+\"[^\"]*\")?\)|https?://[^\s<>()]*")
REMEMBERED_TEXTS = 512
MOST_CLAIMS = 20_000  # of one text


@dataclass(frozen=True, slots=True)
class Read:
    """A sentence with its tokens; `led` are those of the words above its list, followed by its own."""

    sentence: Sentence
    tokens: tuple[Token, ...]
    led: tuple[Token, ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """All that was read in one text."""

    text: str
    sentences: tuple[Read, ...]
    claims: tuple[Claim, ...]


@lru_cache(maxsize=REMEMBERED_TEXTS)
def read(text: str) -> Reading:
    """The sentences and claims of a text, in order. Linear in its length; the last 512 texts are remembered."""
    shown = _ADDRESS.sub(lambda found: " " * len(found[0]), text)
    quantities = quantities_in(shown)
    starts = [each.start for each in quantities]
    sentences: list[Read] = []
    at = 0
    for sentence in sentences_of(text):
        while at < len(starts) and starts[at] < sentence.start:
            at += 1
        near = quantities[at : at + 200]
        own = tuple(tokens_of(shown, sentence.start, sentence.end, near))
        lead = () if sentence.lead is None else tuple(tokens_of(shown, *sentence.lead, ()))
        sentences.append(Read(sentence, own, (*lead, *own)))
    claims: list[Claim] = []
    for each in sentences:
        claims += claims_of(each, text)
        if len(claims) >= MOST_CLAIMS:
            break
    return Reading(text, tuple(sentences), tuple(claims[:MOST_CLAIMS]))


def claims_in(text: str) -> tuple[Claim, ...]:
    """The claims of a text, in order of place."""
    return read(text).claims


def claims_of(said: Read, text: str) -> Iterator[Claim]:
    sentence, tokens = said.sentence, said.led
    markers = markers_of(tokens)
    yield from measures_in(sentence, said.tokens, markers_of(said.tokens) if said.tokens != tokens else markers)
    if sentence.row:
        return
    yield from rules_in(sentence, tokens, markers)
    yield from restrictions_in(sentence, tokens)
    yield from definition_in(sentence, tokens, text)
