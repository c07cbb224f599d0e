"""Finds text that speaks to a model instead of to people; must not change a text, and does not follow it.

Told by its shape: an order to forget other orders, a new role, the marks of a conversation, a demand on *your
response*, a task for a writer of texts. A plain question ("What is the capital of Brazil?") is asked by people, too.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator

from context.screening.model import Alarm
from context.screening.needed import Groups, folded, joined, may_hold
from context.screening.plain import plain
from context.screening.visible import visible

_ORDERS = r"(?:instructions?|prompts?|rules?|directions?|guidelines?|commands?|context|messages?|constraints?|training)"
_EARLIER = r"(?:previous|prior|above|earlier|preceding|foregoing|existing|original|initial|system|former|other)"
_REPLY = r"(?:response|answer|reply|output|completion|summary|generation)s?"
# Where a sentence, a quotation or the entry of a list begins.
_OPENS = (
    r"(?:^|(?<=[.!?:;\"'*>)\]\-] )|(?<=[\n\"'*>(\[]))[ \t]{0,8}(?:[-*>#\d.)(\"' ]{0,8})"
    r"(?:(?:please|now|also|then|always|finally|additionally|furthermore),? ){0,3}"
)
_WITHIN = r"(?:[^.\n?]|\.(?=\S)){0,160}?"
_VERBS = (
    "include|add|append|insert|integrate|incorporate|modify|augment|enhance|replace|remove|rewrite|rephrase|convert|"
    "provide|render|use|start|begin|end|finish|conclude|introduce|rearrange|scramble|jumble|misspell|substitute|"
    "group|combine|anagram|encode|encrypt|translate|format|mention|weave|embed|sprinkle|write|give|return|limit|"
    "restrict|expand|extend|change|adjust|alter|tailor|make|ensure|mask|reverse|capitali[sz]e|omit|drop|repeat|prepend|"
    "prefix|hide|disguise|frame|present|offer|craft|shuffle|transform|swap|switch|alternate|delete|eliminate|strip|"
    "censor|obfuscate|interleave|separate|bundle|merge|cluster|compress|supplement|complement|enrich|infuse|inject|slip|"
    "work|strengthen|boost"
)
_GENRES = (
    "poem|sonnet|haiku|limerick|essay|(?<!user )story|tale|fable|speech|song|joke|riddle|screenplay|dialogue|monologue|"
    "novel|tweet|slogan|lyrics|letter|plot|recipe|eulogy"
)
_IN_REPLY = (
    rf"(?:your (?:[a-z]+ ){{0,2}}?{_REPLY}|(?:the|this|each|every) (?:[a-z]+ ){{0,2}}?(?:response|answer|reply|"
    rf"replies))\b"
)
# "Your response time" is somebody's; so is "your response to item 22".
_OF_PEOPLE = r"(?! (?:time|plan|team|rate|form|spreadsheet|to (?:item|question|the|this)))"
_REPLIES = ("response", "answer", "reply", "replies", "output", "completion", "summary", "generation")
_WRITING = "write|compose|draft|provide|develop|create|generate|tell|craft|produce|pen"
_GENRE_WORDS = tuple(_GENRES.replace("(?<!user )", "").split("|"))
_MODELS = ("chatgpt", "gpt", "dan", "language model", "ai assistant", "ai model", "helpful assistant")
_ROLES = (
    *("you are now", "you're now", "you will be now", "from now on", "you will now act", "act as if you"),
    *("pretend to be", "pretend you are", "pretend that you", "do anything now"),
    *joined(("developer", "debug", "god"), (" mode",)),
    *joined(("you are ",), ("", "a ", "an "), _MODELS),
)
_MARKS = (
    *("<|", "inst]", "sys>>", "tool_call>", "function_call", "system_prompt>", "system>", "assistant>"),
    *joined(("system", "assistant", "human", "response", "instruction"), ("", "s"), (":", "*")),
)
_STEER = "It says what a reply has to look like."
_TASK = "It asks for what people ask of a model: {}."
# Each: its kind, why it is told, the words without which it cannot be, and what it looks for.
_RULES: tuple[tuple[str, str, Groups, str], ...] = (
    (
        "forget",
        "It tells a reader to forget other instructions.",
        (("ignore", "disregard", "forget", "neglect", "overlook", "not follow", "n't follow", "stop following"),),
        r"\b(?:ignore|disregard|forget|neglect|overlook|do not follow|don't follow|stop following)\b[^.\n]{0,40}?"
        rf"\b(?:{_EARLIER}|all|any|every|your|these|those|everything)\b[^.\n]{{0,30}}?\b(?:{_ORDERS}|told|said|"
        rf"above|before)\b",
    ),
    (
        "role",
        "It gives a model a new role.",
        (_ROLES,),
        r"\byou(?: are|'re| will be) now (?:an? |the )?(?:[a-z]+ ){0,3}(?:ai|assistant|model|chatbot|bot|"
        r"unrestricted|unfiltered|"
        r"free (?:of|from)|no longer bound|in [a-z]+ mode)\b|\byou are now (?-i:[A-Z]{2,}|[A-Z][a-z]*(?:GPT|AI|Bot))\b|"
        r"\b(?:from now on,? you (?:are|will|must)|you will now act|act as if you (?:are|were) an? (?:ai|model|"
        r"assistant)|"
        r"pretend (?:to be|you are|that you are) an? |you are (?:an? )?(?:chatgpt|gpt|dan|language model|"
        r"ai (?:assistant|model)|"
        r"helpful assistant)\b|enter (?:developer|debug|god) mode|developer mode (?:enabled|on)\b|do anything now)",
    ),
    (
        "prompt",
        "It speaks of a model's own prompt.",
        (("prompt", "system message", "system instruction", "new instruction"),),
        r"\b(?:reveal|print|repeat|show|output|leak|expose|tell me|give me|display)\b[^.\n]{0,30}\b(?:your|its)\b"
        r"[^.\n]{0,20}\b(?:prompt|system message|system instructions)\b|"
        r"\bnew (?:system )?(?:instructions?|prompt)\s{0,2}:|\bend of (?:the )?system (?:prompt|instructions)\b",
    ),
    (
        "conceal",
        "It tells a reader to keep something from people.",
        (joined(("do not ", "don't ", "never "), ("tell", "inform", "mention", "let", "alert", "warn", "reveal")),),
        r"\b(?:do not|don't|never) (?:tell|inform|mention (?:this|it) to|let|alert|warn|reveal (?:this|"
        r"it) to)\b[^.\n]{0,20}"
        r"\b(?:users?|humans?|the person|the reader)\b[^.\n]{0,40}\b(?:know|about this|that you|of this|instruction)\b",
    ),
    (
        "markers",
        "It carries the marks of a conversation with a model.",
        (_MARKS,),
        r"<\|(?:im_start|im_end|system|user|assistant|endoftext|end_of_turn|start_header_id|eot_id)[^|\n]{0,20}\|>|"
        r"\[/?INST\]|<</?SYS>>|</?(?:system|assistant|system_prompt|tool_call|function_calls?)>|"
        r"^[ \t]{0,4}#{2,4} ?(?:instruction|system|assistant|human|response)s?:[ \t]{0,4}$|"
        r"^\**(?-i:System|SYSTEM|Assistant|ASSISTANT|Human|HUMAN)\**: ?\S",
    ),
    (
        "steer",
        _STEER,
        (_REPLIES, ("your ", "the ", "this ", "each ", "every ")),
        rf"{_OPENS}(?:{_VERBS})\b{_WITHIN}\b(?:in|to|from|of|for|with|into|within|throughout|by)\s{{1,2}}"
        rf"{_IN_REPLY}{_OF_PEOPLE}",
    ),
    (
        "steer",
        _STEER,
        (("your ",), (*_REPLIES, "message")),
        rf"{_OPENS}(?:{_VERBS}) your (?:[a-z]+ ){{0,2}}?(?:{_REPLY}|message)\b{_OF_PEOPLE}",
    ),
    (
        "steer",
        _STEER,
        (("your ",), _REPLIES),
        rf"{_OPENS}(?:in|at the (?:start|end|beginning) of|throughout|within|"
        rf"for) your (?:[a-z]+ ){{0,2}}?{_REPLY},? \w+",
    ),
    (
        "steer",
        _STEER,
        (("letter", "vowel", "consonant"),),
        rf"{_OPENS}(?:replace|substitute|swap|convert|change|jumble|scramble|shuffle|rearrange|reverse)"
        r"(?: up)?(?: all| every| each| the| any)?(?: \w+){0,2}? (?:letters?|vowels?|consonants?)\b",
    ),
    (
        "task",
        _TASK.format("a text to be written"),
        (_GENRE_WORDS, joined(tuple(_WRITING.split("|")), (" a", " the ", " some ", " me ", " us "))),
        rf"{_OPENS}(?:{_WRITING})(?: me|"
        rf" us)? (?:an?|the|some) "
        rf"(?:[a-z-]+ ){{0,5}}?(?:{_GENRES})\b(?: (?:about|on|for|of|based|to|describing|featuring|that|where|"
        rf"in)\b|\.)",
    ),
    (
        "task",
        _TASK.format("a translation"),
        ((*joined(("say ", "what is ", "what's "), "'\""), "translate th", "provide the "),),
        rf"{_OPENS}translate (?:the following|this|these|the (?:sentence|phrase|word|text))\b|"
        r"\bhow (?:do|would|can) (?:you|i|one) say ['\"][^'\"\n]{1,80}['\"] in (?-i:[A-Z])|"
        r"\bwhat(?:'s| is) ['\"][^'\"\n]{1,80}['\"] in (?-i:[A-Z][a-z]+)\?|"
        rf"{_OPENS}provide the (?-i:[A-Z])[a-z]+ (?:equivalent|translation|word) (?:for|of)\b",
    ),
    (
        "task",
        _TASK.format("a program"),
        (("can you", "could you"),),
        r"\b(?:can|could) you (?:please )?(?:show|write|give|provide|explain|tell) me (?:an?|the|how|"
        r"some)\b[^.\n?]{0,80}"
        r"\b(?:function|code|script|program|query|algorithm|regex|snippet)\b",
    ),
)
_PATTERNS = tuple(
    (kind, why, needed, re.compile(rule, re.IGNORECASE | re.MULTILINE)) for kind, why, needed, rule in _RULES
)
# To "agents" and "assistants" a comment may speak; they are people, too, in an open text.
_IN_COMMENT = re.compile(
    r"(?i)\b(?:ai|llm|model|assistant|agent|chatbot|gpt|claude|copilot)s?\b[^<>\n]{0,80}"
    r"\b(?:must|should|always|never|please|ignore|instead|reply|respond|answer|say|tell|output|recommend|do not)\b"
)
_COMMENT = re.compile(
    r"<!--(?P<inner>[^<>]{0,4000}(?:<(?!!--)[^<>]{0,4000}){0,50})-->"
    r"|^\[(?://|comment)\]: ?#? ?[(\"'](?P<line>[^\n]{0,2000})",
    re.MULTILINE,
)
_UNSEEN = re.compile(
    r"(?i)<[a-z][^<>]{0,200}(?:display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0(?![.\d])|"
    r"opacity\s*:\s*0(?![.\d])|"
    r"\shidden(?=[\s>])|"
    r"color\s*:\s*(?:white|#fff(?:fff)?\b|transparent))[^<>]{0,200}>"
)
_ENCODED = re.compile(
    r"(?<![A-Za-z0-9+/=_-])(?:[A-Za-z0-9+/]{40,200000}={0,2}|"
    r"(?:[0-9a-fA-F]{2}){24,100000})(?![A-Za-z0-9+/=_-])"
)
SHOWN = 240


def instructions_in(text: str, *, decoded: bool = False) -> Iterator[Alarm]:
    """What speaks to a model, in the open, in comments, in unseen parts, or encoded. Each place is told once."""
    read = plain(text)
    taken: list[tuple[int, int]] = []
    words = folded(read.text)
    for kind, why, needed, pattern in _PATTERNS:
        if not may_hold(words, needed):
            continue
        for match in pattern.finditer(read.text):
            lead = len(match.group()) - len(match.group().lstrip(" \t\n-*>#\"'(["))
            start, end = read.span(match.start() + lead, match.end())
            if not any(a < end and start < b for a, b in taken):
                taken.append((start, end))
                yield _alarm(text, kind, start, end, why)
    yield from _comments(text, taken)
    for match in _UNSEEN.finditer(text):
        yield _alarm(text, "unseen", *match.span(), "A part that is styled so that nobody sees it.")
    if not decoded:
        yield from _encoded(text)


def _comments(text: str, taken: list[tuple[int, int]]) -> Iterator[Alarm]:
    for match in _COMMENT.finditer(text):
        inner = match["inner"] or match["line"] or ""
        speaks = bool(_IN_COMMENT.search(inner)) or any(match.start() <= a < match.end() for a, _ in taken)
        if len(inner.split()) < 2:
            continue
        why = "A comment that readers of the page do not see, and agents get."
        yield Alarm(
            check="instruction",
            kind="comment",
            start=match.start(),
            end=match.end(),
            shown=_shown(text[match.start() : match.end()]),
            why=f"{why} It speaks to a model." if speaks else why,
            serious=speaks,
        )


def _encoded(text: str) -> Iterator[Alarm]:
    """Runs of base64 or hexadecimal digits that are readable text. Digests and pictures are none."""
    for match in _ENCODED.finditer(text):
        inner = _decoded(match.group())
        if inner is None:
            continue
        speaks = any(True for _ in instructions_in(inner, decoded=True))
        why = f"Encoded text: “{_shown(inner)}”." + (" It speaks to a model." if speaks else "")
        yield Alarm(
            check="instruction",
            kind="encoded",
            start=match.start(),
            end=match.end(),
            shown=_shown(match.group()),
            why=why,
        )


def _decoded(run: str) -> str | None:
    try:
        if re.fullmatch(r"[0-9a-fA-F]+", run):
            carried = bytes.fromhex(run) if len(run) % 2 == 0 else b""
        else:
            carried = base64.b64decode(run + "=" * (-len(run) % 4), validate=True)
        inner = carried.decode("utf-8")
    except (binascii.Error, ValueError):
        return None
    words = re.findall(r"[A-Za-z]{2,}", inner)
    return inner if inner.replace("\n", " ").isprintable() and len(words) >= 3 and " " in inner else None


def _alarm(text: str, kind: str, start: int, end: int, why: str) -> Alarm:
    return Alarm(check="instruction", kind=kind, start=start, end=end, shown=_shown(text[start:end]), why=why)


def _shown(text: str) -> str:
    said = visible(" ".join(text.split()) or text)
    return said if len(said) <= SHOWN else f"{said[: SHOWN - 1]}…"
