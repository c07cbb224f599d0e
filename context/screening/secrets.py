"""Finds keys, tokens and passwords in a text, by the shapes their makers gave them; must not show them whole."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator

from context.screening.model import Alarm
from context.screening.needed import folded, joined, may_hold

# Shapes that nothing else has. Every repetition is bounded.
_KNOWN: tuple[tuple[str, str, re.Pattern[str]], ...] = tuple(
    (kind, said, re.compile(pattern))
    for kind, said, pattern in (
        ("private_key", "A private key", r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----"),
        ("aws_key", "An access key of Amazon Web Services", r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b"),
        ("github_token", "A token of GitHub", r"\b(?:gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{40,255})\b"),
        ("gitlab_token", "A token of GitLab", r"\bgl(?:pat|dt|rt|ptt)-[A-Za-z0-9_-]{20,60}\b"),
        ("slack_token", "A token of Slack", r"\bxox[abeoprs]-[A-Za-z0-9-]{10,250}\b"),
        ("slack_webhook", "A webhook of Slack",
         r"hooks\.slack\.com/services/T[A-Z0-9]{6,12}/B[A-Z0-9]{6,12}/[A-Za-z0-9]{20,30}"),
        ("stripe_key", "A key of Stripe", r"\b[rs]k_(?:live|test)_[A-Za-z0-9]{16,250}\b"),
        ("google_key", "A key of Google", r"\bAIza[A-Za-z0-9_-]{35}\b"),
        ("openai_key", "A key of a model provider", r"\bsk-(?:proj-|ant-|svcacct-)?[A-Za-z0-9_-]{32,200}\b"),
        ("npm_token", "A token of a package registry", r"\b(?:npm_[A-Za-z0-9]{36}|pypi-[A-Za-z0-9_-]{50,250})\b"),
        ("sendgrid_key", "A key of SendGrid", r"\bSG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{32,64}\b"),
        ("azure_key", "An account key of Azure", r"\bAccountKey=[A-Za-z0-9+/]{60,100}={0,2}"),
        ("plumbline_key", "A key of this installation", r"\bpl[kp]_[A-Za-z0-9]{4,20}_[A-Za-z0-9_-]{16,80}\b"),
        ("jwt", "A signed token", r"\beyJ[A-Za-z0-9_-]{8,1000}\.eyJ[A-Za-z0-9_-]{8,4000}\.[A-Za-z0-9_-]{8,1000}"),
    )
)  # fmt: skip
# How they begin: without it a text holds none, and is not looked through for it.
_BEGINNINGS = {
    "private_key": ("-----BEGIN ",),
    "aws_key": ("AKIA", "ASIA", "ABIA", "ACCA"),
    "github_token": ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
    "gitlab_token": ("glpat-", "glrt-", "gldt-", "glptt-"),
    "slack_token": ("xox",),
    "slack_webhook": ("hooks.slack.com/",),
    "stripe_key": ("k_live_", "k_test_"),
    "google_key": ("AIza",),
    "openai_key": ("sk-",),
    "npm_token": ("npm_", "pypi-"),
    "sendgrid_key": ("SG.",),
    "azure_key": ("AccountKey=",),
    "plumbline_key": ("plk_", "plp_"),
    "jwt": ("eyJ",),
}
_IN_ADDRESS = re.compile(
    r"\b[a-z][a-z0-9+.-]{1,20}://[^\s:/@<>\"']{1,100}:(?P<secret>[^\s:/@<>\"']{3,200})@[\w.-]{1,253}"
)
_NAMED = re.compile(
    r"(?i)(?<![a-z])(?:pass(?:word|wd|phrase|code)|pwd|secret(?:[_ -]?key)?|api[_ -]?key|access[_ -]?key|"
    r"auth[_ -]?token|"
    r"client[_ -]?secret|private[_ -]?key|bearer|token)['\"`*]{0,3}(?: is)?\s{0,3}(?:[:=]{1,2}>?|\s)\s{0,3}"
    r"(?P<quote>['\"`]{0,1})(?P<secret>[^\s'\"`<>,;()\[\]{}]{8,200})(?P=quote)"
)
_NAMES = (
    *("password", "passwd", "passphrase", "passcode", "pwd", "secret", "bearer", "token"),
    *joined(("api", "access", "private"), ("", "_", " ", "-"), ("key",)),
)
_PLACEHOLDER = re.compile(
    r"(?i)^(?:your|my|the|some|example|sample|test|dummy|fake|change|replace|insert|enter|xxx|\*\*\*|\.\.\.|<|\$|"
    r"%|\{|os\.|env|"
    r"process\.|config|settings|redacted|password|passwd|secret|user|none|null|true|false|required|optional|https?:)"
)
LEAST_ENTROPY = 3.0


def secrets_in(text: str) -> Iterator[Alarm]:
    taken: list[tuple[int, int]] = []
    for kind, said, pattern in _KNOWN:
        if not may_hold(text, (_BEGINNINGS[kind],)):
            continue
        for match in pattern.finditer(text):
            if not _is_placeholder(match.group()):
                taken.append(match.span())
                yield _alarm(text, kind, said, *match.span())
    for match in _IN_ADDRESS.finditer(text):
        start, end = match.span("secret")
        if not _is_placeholder(match["secret"]) and not _inside(taken, start):
            taken.append((start, end))
            yield _alarm(text, "password_in_address", "A password in an address", start, end)
    for match in _NAMED.finditer(text) if may_hold(folded(text), (_NAMES,)) else ():
        start, end = match.span("secret")
        if _looks_secret(match["secret"]) and not _inside(taken, start):
            yield _alarm(text, "password", "What is named a password or key", start, end)


def _alarm(text: str, kind: str, said: str, start: int, end: int) -> Alarm:
    return Alarm(
        check="secret",
        kind=kind,
        start=start,
        end=end,
        shown=masked(text[start:end]),
        why=f"{said}. Whoever reads the text could use it: take it out, and make it void where it was made.",
    )


def masked(secret: str) -> str:
    """Enough to find it by, not enough to use it."""
    if secret.startswith("-----BEGIN"):
        return secret
    kept = min(4, len(secret) // 4)
    return f"{secret[:kept]}{'•' * 8}{secret[-2:] if len(secret) > 12 else ''}"


def entropy(text: str) -> float:
    """Bits for each character."""
    counts = Counter(text)
    return -sum(n / len(text) * math.log2(n / len(text)) for n in counts.values())


def _looks_secret(value: str) -> bool:
    """Letters and digits without an order; words, addresses and placeholders are none."""
    value = value.rstrip(".:!?")
    if len(value) < 8 or _is_placeholder(value) or "/" in value[:2] or value.count(".") > 2 or "@" in value[1:]:
        return False
    letters, digits = any(c.isalpha() for c in value), any(c.isdigit() for c in value)
    return letters and digits and entropy(value) >= LEAST_ENTROPY


def _is_placeholder(value: str) -> bool:
    return bool(_PLACEHOLDER.match(value)) or len(set(value)) < 4 or "EXAMPLE" in value.upper()


def _inside(taken: list[tuple[int, int]], at: int) -> bool:
    return any(start <= at < end for start, end in taken)
