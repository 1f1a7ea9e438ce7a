"""Files of incidents: where in a SUMO network a vehicle shall stop, and when."""

from __future__ import annotations

import tomllib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from simulators.causes.lines import Lines, find_lines, syntax_line
from simulators.sumo.errors import SumoFileError
from simulators.sumo.network import Network

UPSTREAM_M = 1_500.0
"""How far behind the place a vehicle that will stop is looked for; own choice, a minute at 90 km/h. [m]"""
_FIRST_POS_M = 1.0
"""A vehicle cannot stop nearer to the beginning of a lane than SUMO's tolerance of places allows. [m]"""


class Incident(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One ``[[incident]]``: times count from the run's begin, lanes are SUMO's, 0 is the rightmost."""

    edge: str
    lanes: Annotated[tuple[int, ...], Meta(min_length=1, max_length=16)]
    pos_m: float
    at_s: Annotated[float, Meta(ge=0)]
    duration_s: Annotated[float, Meta(gt=0, le=86_400)]
    id: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,48}$")] = ""


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    incident: Annotated[tuple[Incident, ...], Meta(max_length=1_000)] = ()


@dataclass(frozen=True)
class _Checked:
    """A file's text, its incidents and where they stand in it."""

    path: Path
    lines: Lines
    incidents: tuple[Incident, ...]

    def problem(self, index: int, field: str, text: str) -> str:
        line = self.lines.of(("incident", index, field))
        return f"{self.path}: line {line}: incident[{index}].{field}: {text}"


def read_incidents(path: Path, network: Network, duration_s: float | None) -> tuple[Incident, ...]:
    """Read and check a file of incidents.

    Parameters
    ----------
    path
        TOML with ``[[incident]]`` tables.
    network
        Whose edges and lanes they name.
    duration_s
        Length of the run; None when it ends with its last vehicle. [s]

    Returns
    -------
    tuple of Incident
        In the order of the file; one without an ``id`` is called ``incident-`` and its number.

    Raises
    ------
    SumoFileError
        With everything that is wrong, one line a problem: file, line, field, what was expected and what was there.
    """
    try:
        text = path.read_bytes().decode()
    except OSError as exc:
        problem = (exc.strerror or str(exc)).lower()
        raise SumoFileError(
            [f"{path}: expected a file of incidents, was no file that can be read ({problem})"]
        ) from None
    except UnicodeDecodeError:
        raise SumoFileError([f"{path}: expected TOML in UTF-8, was another encoding"]) from None
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        raise SumoFileError([f"{path}: line {syntax_line(exc, text)}: expected TOML, was not ({exc})"]) from None
    lines = find_lines(text)
    problems = list(_mistyped(path, lines, content))
    if problems:
        raise SumoFileError(problems)
    incidents = tuple(
        msgspec.structs.replace(one, id=one.id or f"incident-{number}")
        for number, one in enumerate(msgspec.convert(content, _File).incident, start=1)
    )
    checked = _Checked(path, lines, incidents)
    problems = [*_misplaced(checked, network), *_mistimed(checked, duration_s), *_doubled(checked)]
    if problems:
        raise SumoFileError(problems)
    return incidents


def upstream_edges(network: Network, edge: str) -> tuple[str, ...]:
    """Return an edge and those behind it within `UPSTREAM_M`, the nearest first."""
    before: dict[str, list[str]] = defaultdict(list)
    for other in network.edges.values():
        for name in other.following:
            before[name].append(other.id)
    found = {edge: 0.0}
    ahead = [edge]
    while ahead:
        at = ahead.pop(0)
        for name in before[at]:
            distance_m = found[at] + (network.edges[at].length_m if at != edge else 0.0)
            if name not in found and distance_m < UPSTREAM_M:
                found[name] = distance_m
                ahead.append(name)
    return tuple(sorted(found, key=lambda name: (found[name], name != edge, name)))


def _mistyped(path: Path, lines: Lines, content: dict[str, Any]) -> Iterator[str]:
    for name in content.keys() - {"incident"}:
        yield f"{path}: line {lines.of((name,))}: {name}: expected [[incident]] tables only, was another key"
    tables = content.get("incident", [])
    if not isinstance(tables, list):
        yield f"{path}: line {lines.of(('incident',))}: incident: expected [[incident]] tables, was one of another form"
        return
    for index, table in enumerate(tables):
        for field, problem in _wrong_fields(table):
            line = lines.of(("incident", index, field))
            yield f"{path}: line {line}: incident[{index}].{field}: {problem}"


def _wrong_fields(table: Any) -> Iterator[tuple[str, str]]:
    fields = {field.name: field for field in msgspec.structs.fields(Incident)}
    if not isinstance(table, dict):
        yield "", f"expected a table, was {table!r}"
        return
    for name in sorted(table.keys() - fields.keys()):
        yield name, f"expected one of {', '.join(fields)}, was another key"
    for name, field in fields.items():
        if name not in table:
            if field.required:
                yield name, "expected a value, was missing"
            continue
        try:
            msgspec.convert(table[name], field.type)
        except msgspec.ValidationError as exc:
            words = str(exc).replace("`", "").partition(", got ")[0]
            yield name, f"{words[:1].lower()}{words[1:]}, was {table[name]!r}"


def _misplaced(checked: _Checked, network: Network) -> Iterator[str]:
    for index, incident in enumerate(checked.incidents):
        edge = network.edges.get(incident.edge)
        if edge is None:
            yield checked.problem(
                index, "edge", f"expected an edge of {network.path.name} that cars use, was {incident.edge!r}"
            )
            continue
        strange = sorted(set(incident.lanes) - set(edge.lanes))
        if strange or len(set(incident.lanes)) != len(incident.lanes):
            known = ", ".join(map(str, sorted(edge.lanes)))
            yield checked.problem(
                index,
                "lanes",
                f"expected different ones of lanes {known} of edge {edge.id}, was {list(incident.lanes)}",
            )
        if not _FIRST_POS_M <= incident.pos_m <= edge.length_m:
            yield checked.problem(
                index,
                "pos_m",
                f"expected a place on the lane, {_FIRST_POS_M:g} to {edge.length_m:g}, was {incident.pos_m:g}",
            )


def _mistimed(checked: _Checked, duration_s: float | None) -> Iterator[str]:
    for index, incident in enumerate(checked.incidents):
        if duration_s is not None and incident.at_s >= duration_s:
            yield checked.problem(
                index, "at_s", f"expected a time before the end of the run ({duration_s:g} s), was {incident.at_s:g}"
            )


def _doubled(checked: _Checked) -> Iterator[str]:
    pairs = combinations(enumerate(checked.incidents), 2)
    for (_, first), (index, second) in pairs:
        if first.id == second.id:
            yield checked.problem(index, "id", f"expected one that no other incident has, was {second.id!r} again")
        shared = set(first.lanes) & set(second.lanes)
        meet = first.at_s < second.at_s + second.duration_s and second.at_s < first.at_s + first.duration_s
        if first.edge == second.edge and shared and meet:
            yield checked.problem(
                index, "lanes", f"expected lanes that are free at that time, was {sorted(shared)} as in {first.id}"
            )
