"""TOML values to typed events, with a problem for every field that does not fit."""

from __future__ import annotations

import math
import re
import types
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec
from msgspec import Meta, Struct

from config.catalogue.errors import shorten
from simulators.causes.base import Cause
from simulators.causes.events import EVENT_KINDS, Event, Timeline
from simulators.causes.fields import LONGEST_S
from simulators.causes.lines import KeyPath
from simulators.causes.problems import Report
from simulators.causes.scenario import ScenarioFile

MOST_EVENTS = 1_000
_MISMATCH = re.compile(r"Expected `(?P<type>[^`]+)`(?P<size>.*?)(?:, got .*?)?(?: - at `.*`)?")


@dataclass(frozen=True)
class Decoded:
    """What could be read of a file.

    Attributes
    ----------
    content
        All but the events, None when a field of it does not fit.
    timeline
        The events that could be read, under the longest duration when the file's cannot be read.
    """

    content: ScenarioFile | None
    timeline: Timeline


def decode_scenario(content: dict[str, Any], report: Report) -> Decoded:
    """Read what a file says.

    Parameters
    ----------
    content
        The parsed TOML.
    report
        Takes one problem for every field that does not fit.
    """
    values = {key: value for key, value in content.items() if key != "event"}
    _check_fields(ScenarioFile, values, (), report)
    _check_finite(values, (), report)
    header = None if report.found else msgspec.convert(values, ScenarioFile)
    raw_events = content.get("event", [])
    if not isinstance(raw_events, list):
        report.add(("event",), f"expected [[event]] blocks, was {shorten(raw_events)}")
        raw_events = []
    elif len(raw_events) > MOST_EVENTS:
        report.add(("event", MOST_EVENTS), f"expected at most {MOST_EVENTS} events, was {len(raw_events)}")
        raw_events = []
    events: dict[int, Event] = {}
    unread: set[str] = set()
    for index, raw in enumerate(raw_events):
        known = len(report.found)
        kind = _check_event(raw, ("event", index), report)
        _check_finite(raw, ("event", index), report)
        if kind is not None and len(report.found) == known:
            events[index] = msgspec.convert(raw, kind)  # type: ignore[assignment]
        elif isinstance(raw, dict):
            unread.add(str(raw.get("name", f"{raw.get('kind')}-{index + 1}")))
    duration_s = LONGEST_S if header is None else header.duration_s
    return Decoded(header, Timeline(events, duration_s, frozenset(unread)))


def _check_event(raw: object, path: KeyPath, report: Report) -> type[Cause] | None:
    if not isinstance(raw, dict):
        report.add(path, f"expected an [[event]] block, was {shorten(raw)}")
        return None
    word = raw.get("kind")
    kind = EVENT_KINDS.get(word) if isinstance(word, str) else None
    if kind is None:
        was = shorten(word) if "kind" in raw else "missing"
        report.add((*path, "kind"), f"expected one of {', '.join(EVENT_KINDS)}, was {was}")
        return None
    _check_fields(kind, {key: value for key, value in raw.items() if key != "kind"}, path, report)
    return kind


def _check_fields(kind: type[Struct], values: dict[str, Any], path: KeyPath, report: Report) -> None:
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    for name, field in fields.items():
        if name in values:
            _check_value(field.type, values[name], (*path, name), report)
        elif field.required:
            report.add((*path, name), f"expected {describe(field.type)}, was missing")
    for name, value in values.items():
        if name not in fields:
            known = ", ".join([*(["kind"] if issubclass(kind, Cause) else []), *fields])
            report.add((*path, name), f"expected no such field (known: {known}), was {shorten(value)}")


def _check_value(kind: Any, value: object, path: KeyPath, report: Report) -> None:
    struct = _struct_of(kind)
    if struct is not None and isinstance(value, dict):
        _check_fields(struct, value, path, report)
        return
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        # A number that is none is told once, by the check of all numbers.
        if not (isinstance(value, float) and not math.isfinite(value)):
            report.add(path, f"expected {_wanted(kind, error)}, was {shorten(value)}")


def _check_finite(value: object, path: KeyPath, report: Report) -> None:
    """TOML has ``inf`` and ``nan``, which slip through some limits."""
    if isinstance(value, float) and not math.isfinite(value):
        report.add(path, f"expected a finite number, was {value}")
    elif isinstance(value, dict):
        for key, inner in value.items():
            _check_finite(inner, (*path, key), report)
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            _check_finite(inner, (*path, place), report)


def _wanted(kind: Any, error: msgspec.ValidationError) -> str:
    described = describe(kind)
    if described != "a value":
        return described
    match = _MISMATCH.fullmatch(str(error))
    return f"{match['type']}{match['size']}" if match else str(error)


def describe(kind: Any) -> str:
    """Say in words what a type of a field expects."""
    for part in _parts(kind):
        if isinstance(part, Meta) and part.description:
            return part.description
        if get_origin(part) is Literal:
            return "one of " + ", ".join(str(choice) for choice in get_args(part))
        if get_origin(part) is tuple:
            return f"a list, each {describe(get_args(part)[0])}"
        if isinstance(part, type) and issubclass(part, Struct):
            return f"a table with {', '.join(part.__struct_fields__)}"
        if part is bool:
            return "true or false"
        if part is str:
            return "a text"
    return "a value"


def _parts(kind: Any) -> Iterator[Any]:
    """Give what an optional or annotated type is made of, its notes before itself."""
    origin = get_origin(kind)
    if origin is Annotated:
        inner, *notes = get_args(kind)
        yield from notes
        yield from _parts(inner)
    elif origin in {types.UnionType, Union}:
        for option in get_args(kind):
            if option is not types.NoneType:
                yield from _parts(option)
    else:
        yield kind


def _struct_of(kind: Any) -> type[Struct] | None:
    for part in _parts(kind):
        if isinstance(part, type) and issubclass(part, Struct):
            return part
    return None
