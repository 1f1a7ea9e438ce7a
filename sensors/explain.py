"""Why a payload does not fit, in plain words: which field, what was expected, what was there."""

from __future__ import annotations

import math
import re
from functools import cache
from typing import Any, Literal

import msgspec

from sensors.errors import DecodeError

Encoding = Literal["json", "msgpack"]
PAYLOAD_ERRORS = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""All that the decoding library raises over a payload."""

_ABSENT = object()
_SHOWN_CHARACTERS = 60
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]")
_QUOTED = re.compile(r"`([^`]*)`")
_TYPE_NAMES = {
    "array": "an array",
    "bool": "true or false",
    "bytes": "bytes",
    "datetime": "an RFC 3339 time with Z or an offset",
    "float": "a number",
    "int": "a whole number",
    "null": "null",
    "object": "an object",
    "str": "a text",
}


def explain(
    exc: Exception, payload: bytes | msgspec.Raw, encoding: Encoding, kind: Any, prefix: str = ""
) -> DecodeError:
    """Turn an error of the decoding library into one that a maker of devices understands.

    Parameters
    ----------
    exc
        One of `PAYLOAD_ERRORS`.
    payload
        What was decoded; it is read a second time, for the value that was there.
    encoding
        Of the payload.
    kind
        Struct type that was expected, one of a batch's members for a batch.
    prefix
        Path of the payload inside a larger one, such as ``[3]``.
    """
    text = str(exc)
    if " - at `key` in `$" in text:
        return DecodeError(prefix or "payload", "expected texts as the keys of objects, was otherwise")
    problem, _, path = text.rpartition(" - at `$")
    if not problem:
        problem, path = text, ""
    path = path.rstrip("`")
    field = (prefix + path).lstrip(".") or "payload"
    if problem.startswith("Object missing required field "):
        name = problem.split("`")[1]
        return DecodeError(name if field == "payload" else f"{field}.{name}", "expected a value, was missing")
    if not isinstance(exc, msgspec.ValidationError):
        return DecodeError(prefix or "payload", _malformed(exc, text, encoding))
    return DecodeError(field, _invalid(problem, path, _value_at(payload, encoding, path), kind))


def _malformed(exc: Exception, text: str, encoding: Encoding) -> str:
    name = "JSON" if encoding == "json" else "MessagePack"
    if isinstance(exc, RecursionError):
        return f"expected {name} of a few levels, was nested too deeply"
    if isinstance(exc, UnicodeDecodeError):
        return f"expected UTF-8 text, was otherwise at byte {exc.start}"
    if "truncated" in text:
        return f"expected a whole {name} value, was cut short"
    return f"expected {name}, was malformed: {text.partition('malformed: ')[2] or text}"


def _invalid(problem: str, path: str, value: Any, kind: Any) -> str:
    was = _shown(value)
    if problem.startswith("Invalid enum value"):
        choices = ", ".join(repr(choice) for choice in _choices(kind).get(path.rpartition(".")[2], ()))
        return f"expected one of {choices or 'the known values'}, was {problem.removeprefix('Invalid enum value ')}"
    if problem.startswith("Invalid RFC3339"):
        return f"expected an RFC 3339 time such as 2026-03-01T09:00:00Z, was {was}"
    if "timezone component" in problem:
        return f"expected a time with Z or an offset, was {was}"
    if problem == "Number out of range":
        return "expected a number that 64 bits hold, was out of range"
    expected, _, found = problem.partition(", got ")
    expected = _QUOTED.sub(lambda match: _type_words(match[1]), expected[:1].lower() + expected[1:])
    if " of length " in expected:
        length = len(value) if isinstance(value, str | list) else found
        return f"{expected}, was {length} long"
    if value is _ABSENT:
        was = _QUOTED.sub(lambda match: _type_words(match[1]), found) or "otherwise"
    return f"{expected}, was {was}"


def _type_words(types: str) -> str:
    return " or ".join(_TYPE_NAMES.get(name, name) for name in types.split(" | "))


def _shown(value: Any) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "infinity" if value > 0 else "-infinity"
    if isinstance(value, str):
        return repr(value if len(value) <= _SHOWN_CHARACTERS else value[:_SHOWN_CHARACTERS] + "…")
    if value is None or isinstance(value, bool | int | float):
        return msgspec.json.encode(value).decode()
    for python, name in ((list, "array"), (dict, "object"), (bytes, "bytes")):
        if isinstance(value, python):
            return _TYPE_NAMES[name]
    return "something else"


def _value_at(payload: bytes | msgspec.Raw, encoding: Encoding, path: str) -> Any:
    library: Any = msgspec.json if encoding == "json" else msgspec.msgpack
    try:
        value = library.decode(payload)
        for name, place in _STEP.findall(path):
            value = value[name] if name else value[int(place)]
    except (*PAYLOAD_ERRORS, LookupError, TypeError, ValueError):
        return _ABSENT
    return value


@cache
def _choices(kind: Any) -> dict[str, tuple[str | int | None, ...]]:
    """Return the values that the fields of a struct may have, for those that are one out of a few."""
    info = msgspec.inspect.type_info(kind)
    found = {}
    for field in info.fields if isinstance(info, msgspec.inspect.StructType) else ():
        for option in field.type.types if isinstance(field.type, msgspec.inspect.UnionType) else (field.type,):
            if isinstance(option, msgspec.inspect.LiteralType):
                found[field.name] = tuple(option.values)
    return found
