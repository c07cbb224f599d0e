"""Reads protocol buffers' text format into plain dicts of lists, knowing no schema; enough for cel-spec."""

from __future__ import annotations

import re
from typing import Any

_TOKEN = re.compile(
    r"""\s+|\#[^\n]*|(?P<string>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')|(?P<mark>[{}<>\[\]:,;])|(?P<word>[^\s{}<>\[\]:,;"'#]+)""",
    re.VERBOSE,
)
_ESCAPE = re.compile(
    rb"\\(?:(?P<octal>[0-7]{1,3})|x(?P<hex>[0-9a-fA-F]{1,2})|u(?P<u>[0-9a-fA-F]{4})|U(?P<U>[0-9a-fA-F]{8})|(?P<one>.))",
    re.DOTALL,
)
_NAMED = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"a": b"\a", b"b": b"\b", b"f": b"\f", b"v": b"\v"}

Message = dict[str, list[Any]]


def parse(text: str) -> Message:
    """Each field's values in order: strings as bytes, words as they stand, messages as dicts."""
    tokens = [(match.lastgroup, match.group()) for match in _TOKEN.finditer(text) if match.lastgroup is not None]
    message, end = _message(tokens, 0, closing="")
    if end != len(tokens):
        raise ValueError("the text goes on after its end")
    return message


def _message(tokens: list[tuple[str, str]], place: int, *, closing: str) -> tuple[Message, int]:
    found: Message = {}
    while place < len(tokens):
        kind, text = tokens[place]
        if text == closing and kind == "mark":
            return found, place + 1
        if text in ",;" and kind == "mark":
            place += 1
            continue
        if text == "[":
            end = next(at for at in range(place, len(tokens)) if tokens[at][1] == "]")
            name, place = "".join(each for _, each in tokens[place + 1 : end]), end + 1
        else:
            name, place = text, place + 1
        if tokens[place][1] == ":":
            place += 1
        values, place = _values(tokens, place)
        found.setdefault(name, []).extend(values)
    if closing:
        raise ValueError("a message does not end")
    return found, place


def _values(tokens: list[tuple[str, str]], place: int) -> tuple[list[Any], int]:
    kind, text = tokens[place]
    if kind == "mark" and text == "[":
        found = []
        place += 1
        while tokens[place][1] != "]":
            if tokens[place][1] == ",":
                place += 1
                continue
            values, place = _values(tokens, place)
            found += values
        return found, place + 1
    if kind == "mark":
        message, place = _message(tokens, place + 1, closing={"{": "}", "<": ">"}[text])
        return [message], place
    if kind == "string":
        parts = []
        while place < len(tokens) and tokens[place][0] == "string":
            parts.append(_unescaped(tokens[place][1][1:-1]))
            place += 1
        return [b"".join(parts)], place
    return [text], place + 1


def _unescaped(text: str) -> bytes:
    def one(match: re.Match[bytes]) -> bytes:
        if octal := match["octal"]:
            return bytes([int(octal, 8)])
        if hexadecimal := match["hex"]:
            return bytes([int(hexadecimal, 16)])
        if code := match["u"] or match["U"]:
            return chr(int(code, 16)).encode()
        single: bytes = match["one"]
        return _NAMED.get(single, single)

    return _ESCAPE.sub(one, text.encode())
