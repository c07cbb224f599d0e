"""Whether all that one JSON Schema lets through another lets through, too; must not know flows or contracts.

Decided for what contracts use: type, enum, const, properties, required, additionalProperties, items, ranges, lengths,
anyOf, allOf and references into the schema itself. What is beyond is said to be not provable, never passed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from agents.flows.schema_parts import (
    ANNOTATIONS,
    DEEPEST,
    TYPES,
    Schema,
    escaped,
    in_short,
    is_unsaid,
    property_of,
    resolved,
    types_of,
    with_definitions,
)
from context import kinds
from context.digests import canonical

Verdict = Literal["fits", "does_not_fit", "not_provable"]

LONGEST_RANGE = 256  # whole numbers that are tried one by one
# Where both say the same in one of the first, it is no doubt; the others depend on what stands beside them.
COMPARED_AS_TEXT = frozenset({"pattern", "format", "dependentRequired"})
OPAQUE: Mapping[str, tuple[str, ...]] = {
    "string": ("pattern", "format"),
    "array": ("prefixItems", "contains", "minContains", "maxContains", "unevaluatedItems"),
    "object": (
        "patternProperties",
        "propertyNames",
        "dependentRequired",
        "dependentSchemas",
        "dependencies",
        "unevaluatedProperties",
    ),
}
OPAQUE_ANYWHERE = ("not", "oneOf", "if", "then", "else", "$dynamicRef", "$recursiveRef")
_NARROWING = frozenset(OPAQUE_ANYWHERE) | {each for names in OPAQUE.values() for each in names}


@dataclass(frozen=True, kw_only=True, slots=True)
class Doubt:
    """A place (a JSON pointer into the data; `*` is any element) where it does not fit, or cannot be proved to."""

    verdict: Verdict
    place: str
    why: str


Doubts = Iterator[Doubt]


def verdict_of(doubts: Sequence[Doubt]) -> Verdict:
    """The whole's verdict: what surely does not fit outweighs what cannot be proved."""
    if any(each.verdict == "does_not_fit" for each in doubts):
        return "does_not_fit"
    return "not_provable" if doubts else "fits"


def compare(given: Schema, asked: Schema) -> list[Doubt]:
    """Where data of the schema `given` may not be data of the schema `asked`. Empty: every such datum is."""
    return list(_Comparison(given, asked).doubts(given, asked, "", 0))


def _no(place: str, why: str) -> Doubt:
    return Doubt(verdict="does_not_fit", place=place, why=why)


def _unknown(place: str, why: str) -> Doubt:
    return Doubt(verdict="not_provable", place=place, why=why)


@dataclass(frozen=True, slots=True)
class _Comparison:
    given_root: Schema
    asked_root: Schema

    def doubts(self, given: Schema, asked: Schema, place: str, depth: int) -> Doubts:
        if given is False or asked is True or self._same(given, asked):
            return
        one, other = resolved(given, self.given_root), resolved(asked, self.asked_root)
        if one is None or other is None or depth > DEEPEST:
            yield _unknown(place, "its references cannot be followed")
        elif one is False or other is True or (not isinstance(other, bool) and not set(other) - ANNOTATIONS):
            return
        elif is_unsaid(one):
            yield _unknown(place, "nothing is said of it")
        elif other is False:
            yield _no(place, "nothing may stand here")
        else:
            narrower = one is not True and bool(set(one) & _NARROWING)
            for each in self._parts({} if one is True else one, other, place, depth):
                # What is given may be narrower than we understand: that it does not fit is then not proved.
                yield _unknown(each.place, each.why) if narrower else each

    def _parts(self, given: Mapping[str, Any], asked: Mapping[str, Any], place: str, depth: int) -> Doubts:
        for choice in ("anyOf", "oneOf", "allOf"):
            if choice in given:
                yield from self._chosen(choice, given, asked, place, depth)
                return
        for each in asked.get("allOf", ()):
            yield from self.doubts(given, each, place, depth + 1)
        if "anyOf" in asked and all(list(self.doubts(given, each, place, depth + 1)) for each in asked["anyOf"]):
            yield from self._any_of(given, asked["anyOf"], place, depth)
        for name in OPAQUE_ANYWHERE:
            if name in asked:
                yield _unknown(place, f"“{name}” is not compared")
        values = self._values_of(given)
        if values is not None:
            yield from self._tried(values, asked, place)
            return
        for name in sorted(types_of(given), key=TYPES.index):
            yield from self._typed(name, given, asked, place, depth)

    def _chosen(
        self, choice: str, given: Mapping[str, Any], asked: Mapping[str, Any], place: str, depth: int
    ) -> Doubts:
        """What is given narrows by alternatives (each must fit) or by parts (one that fits is enough)."""
        rest = {name: value for name, value in given.items() if name != choice}
        first = list(self.doubts(rest, asked, place, depth + 1))
        if not first:
            return
        parts = [list(self.doubts(each, asked, place, depth + 1)) for each in given[choice]]
        if choice == "allOf":
            if all(parts):
                yield from (_unknown(each.place, each.why) for each in first)
            return
        alone = not set(rest) - ANNOTATIONS and choice == "anyOf"
        for each in (doubt for part in parts for doubt in part):
            yield each if alone else _unknown(each.place, each.why)

    def _any_of(self, given: Mapping[str, Any], branches: Sequence[Schema], place: str, depth: int) -> Doubts:
        """No alternative takes all that is given by itself: perhaps they do together, a type each."""
        if self._values_of(given) is not None:
            return  # tried one by one against the whole
        for name in sorted(types_of(given), key=TYPES.index):
            narrowed = {**given, "type": name}
            if all(list(self.doubts(narrowed, branch, place, depth + 1)) for branch in branches):
                yield _unknown(place, f"no alternative surely takes {_article(name)}")

    def _tried(self, values: Sequence[Any], asked: Mapping[str, Any], place: str) -> Doubts:
        whole = with_definitions(asked, self.asked_root)
        if isinstance(whole, bool):
            return
        for value in values:
            try:
                found = kinds.violations(value, whole, root="")
            except kinds.SchemaInvalid:
                yield _unknown(place, "its references cannot be followed")
                return
            if found:
                yield _no(place, f"{in_short(value)} is not taken: {found[0].message}")
                return

    def _values_of(self, given: Mapping[str, Any]) -> list[Any] | None:
        """All that the schema may let through, where that is a list: those of its values that it takes."""
        if "const" in given or "enum" in given:
            listed = [given["const"]] if "const" in given else list(given["enum"])
        elif types_of(given) == {"integer"}:
            low, high = _bound(given, "inimum", 1, whole=True), _bound(given, "aximum", -1, whole=True)
            if low is None or high is None or not 0 <= high[0] - low[0] < LONGEST_RANGE:
                return None
            listed = list(range(int(low[0]), int(high[0]) + 1))
        else:
            return None
        whole = with_definitions(given, self.given_root)
        try:
            return [value for value in listed if not isinstance(whole, bool) and not kinds.violations(value, whole)]
        except kinds.SchemaInvalid:
            return listed

    def _typed(self, name: str, given: Mapping[str, Any], asked: Mapping[str, Any], place: str, depth: int) -> Doubts:
        taken = types_of(asked)
        as_number = (
            "number" in taken if name == "integer" else "integer" in taken and name == "number" and _whole(given)
        )
        if name not in taken and not as_number:
            yield _no(place, f"it may be {_article(name)} there")
        elif name in ("null", "boolean"):
            yield from self._tried([None] if name == "null" else [True, False], asked, place)
        elif "enum" in asked or "const" in asked:
            listed = [asked["const"]] if "const" in asked else asked["enum"]
            yield _no(place, f"only {', '.join(map(in_short, listed[:6])) or 'nothing'} is taken")
        else:
            for keyword in OPAQUE.get(name, ()):
                same = keyword in COMPARED_AS_TEXT and given.get(keyword) == asked.get(keyword)
                if keyword in asked and not same:
                    yield _unknown(place, f"“{keyword}” is not compared")
            if name in ("integer", "number"):
                yield from _ranges(given, asked, place, whole=name == "integer" or _whole(given))
            elif name == "string":
                yield from _sizes(given, asked, place, "Length", "characters")
            elif name == "array":
                yield from self._array(given, asked, place, depth)
            else:
                yield from self._object(given, asked, place, depth)

    def _array(self, given: Mapping[str, Any], asked: Mapping[str, Any], place: str, depth: int) -> Doubts:
        yield from _sizes(given, asked, place, "Items", "elements")
        if asked.get("uniqueItems") and not given.get("uniqueItems") and given.get("maxItems", 2) > 1:
            yield _no(place, "its elements may repeat")
        if given.get("maxItems") != 0:
            elements = True if "prefixItems" in given else given.get("items", True)
            yield from self.doubts(elements, asked.get("items", True), f"{place}/*", depth + 1)

    def _object(self, given: Mapping[str, Any], asked: Mapping[str, Any], place: str, depth: int) -> Doubts:
        always = set(given.get("required", ()))
        for name in asked.get("required", ()):
            if name in always:
                continue
            at, there = f"{place}/{escaped(name)}", property_of(given, name)
            if is_unsaid(there):
                yield _unknown(at, "nothing says that it is there")
            else:
                yield _no(at, "it is never there" if there is False else "it may be missing")
        known = given.get("properties", {})
        for name in sorted({*known, *asked.get("properties", {})}):
            yield from self.doubts(
                property_of(given, name), property_of(asked, name), f"{place}/{escaped(name)}", depth + 1
            )
        more, taken = given.get("additionalProperties", True), asked.get("additionalProperties", True)
        if more is not False and taken is False:
            yield _no(place, "it may hold fields that are not taken")
        elif more is not False:
            yield from self.doubts(more, taken, f"{place}/*", depth + 1)
        if "patternProperties" in given and taken is not True:
            yield _unknown(place, "“patternProperties” is not compared")
        closed = more is False and "patternProperties" not in given
        most = min(given.get("maxProperties", len(known)), len(known)) if closed else given.get("maxProperties")
        if asked.get("minProperties", 0) > max(given.get("minProperties", 0), len(always)):
            yield _no(place, "it may hold too few fields")
        if "maxProperties" in asked and (most is None or most > asked["maxProperties"]):
            yield _no(place, "it may hold too many fields")

    def _same(self, given: Schema, asked: Schema) -> bool:
        if isinstance(given, bool) or isinstance(asked, bool):
            return given is asked
        return canonical(with_definitions(given, self.given_root)) == canonical(
            with_definitions(asked, self.asked_root)
        )


def _ranges(given: Mapping[str, Any], asked: Mapping[str, Any], place: str, *, whole: bool) -> Doubts:
    for name, sign, word in (("inimum", 1, "smaller"), ("aximum", -1, "larger")):
        bound, wanted = _bound(given, name, sign, whole=whole), _bound(asked, name, sign, whole=whole)
        if wanted is None:
            continue
        if bound is None or (bound[0] * sign, bound[1]) < (wanted[0] * sign, wanted[1]):
            yield _no(place, f"it may be {word} than {in_short(wanted[0])}")
    step = asked.get("multipleOf")
    if step is None or given.get("multipleOf") == step:
        return
    own = given.get("multipleOf", 1 if whole else None)
    if own is None:
        yield _no(place, f"it may be no multiple of {in_short(step)}")
    elif step != int(step) or own != int(own):
        if not (whole and step == 1):
            yield _unknown(place, "“multipleOf” is not compared")
    elif int(own) % int(step):
        yield _no(place, f"it may be no multiple of {in_short(step)}")


def _bound(schema: Mapping[str, Any], name: str, sign: int, *, whole: bool) -> tuple[float, bool] | None:
    """The tightest bound and whether it itself is left out; for whole numbers as one that is not left out."""
    found: list[tuple[float, bool]] = []
    if f"m{name}" in schema:
        found.append((schema[f"m{name}"], False))
    if f"exclusiveM{name}" in schema:
        found.append((schema[f"exclusiveM{name}"], True))
    if whole:
        inward = math.ceil if sign > 0 else math.floor
        found = [
            (value + sign if left_out and value == inward(value) else inward(value), False) for value, left_out in found
        ]
    return max(found, key=lambda each: (each[0] * sign, each[1])) if found else None


def _sizes(given: Mapping[str, Any], asked: Mapping[str, Any], place: str, of: str, what: str) -> Doubts:
    least, most = f"min{of}", f"max{of}"
    if asked.get(least, 0) > given.get(least, 0):
        yield _no(place, f"it may have fewer than {asked[least]} {what}")
    if most in asked and given.get(most, math.inf) > asked[most]:
        yield _no(place, f"it may have more than {asked[most]} {what}")


def _whole(schema: Mapping[str, Any]) -> bool:
    step = schema.get("multipleOf")
    return step is not None and bool(step == int(step))


def _article(name: str) -> str:
    return {"null": "null", "integer": "an integer", "array": "an array", "object": "an object"}.get(name, f"a {name}")
