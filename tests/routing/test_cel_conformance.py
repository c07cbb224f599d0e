"""The conformance tests of CEL, as far as conditions can meet them: which are run, which are left out and why."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import Any

from cel_expr_python import cel
from cel_expr_python.ext import ext_bindings, ext_encoders, ext_math, ext_optional, ext_strings

from tests.routing.textproto import Message, parse

# What conditions of routes never hold: messages of protocol buffers, and functions that no fact has a use for.
WITHOUT = {
    "proto2", "proto2_ext", "proto3", "dynamic", "enums", "wrappers", "network_ext", "block_ext", "unknowns",
    "macros2",  # comprehensions of two variables, which the binding does not carry
}  # fmt: skip
# Where the binding differs: resolution without a check, and a map whose two keys are equal numbers of unlike types.
DIFFERENT = [
    "fields/qualified_identifier_resolution/qualified_identifier_resolution_unchecked",
    "fields/qualified_identifier_resolution/map_value_repeat_key_heterogeneous",
]
EXTENSIONS = {
    "bindings_ext": ext_bindings.ExtBindings,
    "encoders_ext": ext_encoders.ExtEncoders,
    "math_ext": ext_math.ExtMath,
    "optionals": ext_optional.ExtOptional,
    "string_ext": ext_strings.ExtStrings,
}

_SIMPLE = {
    "BOOL": cel.Type.BOOL, "INT64": cel.Type.INT, "UINT64": cel.Type.UINT, "DOUBLE": cel.Type.DOUBLE,
    "STRING": cel.Type.STRING, "BYTES": cel.Type.BYTES,
}  # fmt: skip
_MESSAGES = ("TestAllTypes", "google.protobuf", "NestedEnum", "GlobalEnum", "cel.expr.conformance")


class LeftOut(Exception):
    """The case needs what conditions do not have."""


def type_of(stated: Message) -> Any:
    """A declared type as the binding has it."""
    ((name, (value,)),) = stated.items()
    match name:
        case "primitive":
            return _SIMPLE[value]
        case "dyn":
            return cel.Type.DYN
        case "null":
            return cel.Type.NULL
        case "list_type":
            return cel.Type.List(type_of(value["elem_type"][0]) if value else cel.Type.DYN)
        case "map_type":
            return cel.Type.Map(type_of(value["key_type"][0]), type_of(value["value_type"][0]))
        case "well_known" if value in ("TIMESTAMP", "DURATION"):
            return getattr(cel.Type, value)
    raise LeftOut(f"a declared type {name}")


def value_of(stated: Message) -> Any:
    """An expected or bound value as Python has it."""
    ((name, (value,)),) = stated.items()
    match name:
        case "bool_value":
            return value == "true"
        case "int64_value" | "uint64_value":
            return int(value, 0)
        case "double_value":
            return float(value.replace("infinity", "inf").rstrip("f") if value not in ("inf", "-inf") else value)
        case "string_value":
            return value.decode()
        case "bytes_value":
            return value
        case "null_value":
            return None
        case "list_value":
            return [value_of(each) for each in value.get("values", [])]
        case "map_value":
            return {value_of(each["key"][0]): value_of(each["value"][0]) for each in value.get("entries", [])}
    raise LeftOut(f"a value of {name.removesuffix('_value')}")


def same(found: Any, wanted: Any) -> bool:
    found = bytes(found) if isinstance(found, bytearray) else found
    if isinstance(wanted, bool) or isinstance(found, bool) or wanted is None or isinstance(wanted, str | bytes):
        return type(found) is type(wanted) and found == wanted
    if isinstance(wanted, list):
        return isinstance(found, list) and len(found) == len(wanted) and all(map(same, found, wanted))
    if isinstance(wanted, dict):
        return (
            isinstance(found, dict)
            and found.keys() == wanted.keys()
            and all(same(found[key], wanted[key]) for key in wanted)
        )
    if isinstance(wanted, float) and isinstance(found, float) and math.isnan(wanted):
        return math.isnan(found)
    return type(found) is type(wanted) and found == wanted


def meets(case: Message, extension: Any) -> bool:
    """Whether the binding answers the case as it should. Raises LeftOut where it is not for conditions."""
    expression = case["expr"][0].decode()
    if any(name in expression for name in _MESSAGES) or "bindings" in str(case.get("container", "")):
        raise LeftOut("messages of protocol buffers")
    for name in ("check_only", "disable_macros", "any_eval_errors", "unknown", "any_unknowns", "locale"):
        if name in case:
            raise LeftOut(f"the mode {name}")
    if "container" in case:
        raise LeftOut("a container of names")
    declared = {each["name"][0].decode(): each for each in case.get("type_env", [])}
    if any("function" in each for each in declared.values()):
        raise LeftOut("a declared function")
    variables = {name: type_of(each["ident"][0]["type"][0]) for name, each in declared.items()}
    data = {}
    for bound in case.get("bindings", []):
        stated = bound["value"][0]
        if "value" not in stated:
            raise LeftOut("a binding without a value")
        data[bound["key"][0].decode()] = value_of(stated["value"][0])
    wants_error = "eval_error" in case
    wanted: Any = True
    if "value" in case:
        wanted = value_of(case["value"][0])
    elif "typed_result" in case:
        result = case["typed_result"][0].get("result")
        if result is None:
            raise LeftOut("the type alone")
        wanted = value_of(result[0])
    environment = cel.NewEnv(variables=variables, extensions=[extension()] if extension is not None else None)
    try:
        found = environment.compile(expression, disable_check="disable_check" in case).eval(data=data)
    except RuntimeError:
        return wants_error
    if found.type() == cel.Type.ERROR:
        return wants_error
    return not wants_error and same(found.plain_value(), wanted)


def run(folder: Path) -> tuple[Counter[str], Counter[str], list[str]]:
    """How many cases of each file are met; how many are left out, by reason; and those that are not met."""
    met: Counter[str] = Counter()
    left_out: Counter[str] = Counter()
    failed = []
    for path in sorted(folder.glob("*.textproto")):
        cases = [
            (section["name"][0].decode(), case)
            for section in parse(path.read_text()).get("section", [])
            for case in section.get("test", [])
        ]
        if path.stem in WITHOUT:
            left_out[f"the file {path.stem}"] += len(cases)
            continue
        for section, case in cases:
            try:
                if meets(case, EXTENSIONS.get(path.stem)):
                    met[path.stem] += 1
                else:
                    failed.append(f"{path.stem}/{section}/{case['name'][0].decode()}")
            except LeftOut as reason:
                left_out[str(reason)] += 1
    return met, left_out, failed


def test_cel__conformance_tests_that_conditions_can_meet__are_met(shared_data: Path) -> None:
    met, left_out, failed = run(shared_data / "conformance" / "cel-spec" / "tests" / "simple" / "testdata")
    assert failed == DIFFERENT
    assert (sum(met.values()), sum(left_out.values())) == (1_547, 907), (met, left_out)
    assert {"the mode check_only", "messages of protocol buffers", "a container of names"} <= set(left_out)
