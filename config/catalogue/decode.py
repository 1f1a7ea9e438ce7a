"""Bytes of one file of a region folder to typed rows, with a problem for every field that does not fit."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from typing import Any, Literal, TypeVar, get_args, get_origin

import msgspec

from config.catalogue.errors import Problem, shorten
from config.catalogue.files import REGION_FILE, RegionHeader, Table
from config.catalogue.model import Road, Row

_MISMATCH = re.compile(r"Expected `(?P<type>[^`]+)`(?P<size>.*?)(?:, got .*?)?(?: - at `\$(?P<path>[^`]*)`)?")
_MISSING = re.compile(r"Object missing required field `(?P<name>[^`]+)`(?: - at `\$(?P<path>[^`]*)`)?")
_UNKNOWN = re.compile(r"Object contains unknown field `(?P<name>[^`]+)`(?: - at `\$(?P<path>[^`]*)`)?")
_CRS84 = "urn:ogc:def:crs:OGC:1.3:CRS84"

StructT = TypeVar("StructT", bound=msgspec.Struct)


class _Feature(msgspec.Struct):
    geometry: dict[str, Any]
    properties: dict[str, Any]
    type: Literal["Feature"]


class _Collection(msgspec.Struct):
    type: Literal["FeatureCollection"]
    features: list[msgspec.Raw]
    crs: Any = None


def decode_table(table: Table, data: bytes) -> tuple[list[Row], set[str] | None, list[Problem]]:
    """Decode one GeoJSON file.

    Returns
    -------
    rows
        The rows that fit, in the order of the file.
    identifiers
        The identifiers of all rows, also of those that do not fit, so that a reference to one of these is not
        reported as well. None when the file does not show what rows it holds.
    problems
        One for every field that does not fit.
    """
    try:
        collection = msgspec.json.decode(data, type=_Collection)
    except msgspec.DecodeError as error:
        return [], None, [Problem(table.file, "", "", f"expected a GeoJSON FeatureCollection: {_plain(error)}")]
    problems = []
    if collection.crs is not None and _crs_name(collection.crs) != _CRS84:
        problem = f"expected WGS84 ({_CRS84}) or no crs member, was {shorten(collection.crs)}"
        problems.append(Problem(table.file, "", "crs", problem))
    rows: list[Row] = []
    identifiers: set[str] = set()
    for number, raw in enumerate(collection.features, start=1):
        try:
            feature = msgspec.json.decode(raw, type=_Feature)
        except msgspec.DecodeError as error:
            problem = f"expected a GeoJSON Feature: {_plain(error)}"
            problems.append(Problem(table.file, f"#{number}", "", problem, table.noun))
            continue
        found = _decode_feature(table, feature, number)
        identifier = feature.properties.get("id")
        if isinstance(identifier, str):
            identifiers.add(identifier)
        if isinstance(found, Row):
            rows.append(found)
        else:
            problems.extend(found)
    return rows, identifiers, problems


def decode_header(data: bytes) -> tuple[RegionHeader | None, list[Road], set[str] | None, list[Problem]]:
    """Decode ``region.toml``: the header or None, the roads that fit, the identifiers as above, the problems."""
    try:
        content = tomllib.loads(data.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        return None, [], None, [Problem(REGION_FILE, "", "", f"expected TOML in UTF-8: {error}")]
    raw_roads = content.pop("roads", [])
    problems = [
        Problem(REGION_FILE, "", field, problem) for field, problem in field_problems(RegionHeader, content).items()
    ]
    header = None if problems else msgspec.convert(content, RegionHeader)
    roads: list[Road] = []
    identifiers: set[str] = set()
    if not isinstance(raw_roads, list):
        problems.append(Problem(REGION_FILE, "", "roads", f"expected [[roads]], was {shorten(raw_roads)}"))
        raw_roads = []
    for number, raw in enumerate(raw_roads, start=1):
        if not isinstance(raw, dict):
            problems.append(Problem(REGION_FILE, f"#{number}", "", f"expected a table, was {shorten(raw)}", "road"))
            continue
        identifier = raw.get("id")
        if isinstance(identifier, str):
            identifiers.add(identifier)
        name = identifier if isinstance(identifier, str) else f"#{number}"
        wrong = field_problems(Road, raw)
        problems.extend(Problem(REGION_FILE, name, field, problem, "road") for field, problem in wrong.items())
        if not wrong:
            roads.append(msgspec.convert(raw, Road))
    return header, roads, identifiers, problems


def field_problems(kind: type[msgspec.Struct], values: Mapping[str, Any]) -> dict[str, str]:
    """Return what is wrong with each field, empty when ``values`` converts to ``kind``."""
    try:
        msgspec.convert(values, kind)
    except msgspec.ValidationError:
        pass
    else:
        return {}
    problems = {}
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    for name, field in fields.items():
        if name not in values:
            if field.required:
                problems[name] = f"expected {_describe(field.type)}, was missing"
            continue
        try:
            msgspec.convert(values[name], field.type)
        except msgspec.ValidationError as error:
            problems[name] = _explain(error, field.type, values[name])
    for name in sorted(values.keys() - fields.keys()):
        problems[name] = f"expected no such field (known: {', '.join(fields)}), was {shorten(values[name])}"
    return problems


def _decode_feature(table: Table, feature: _Feature, number: int) -> Row | list[Problem]:
    identifier = feature.properties.get("id")
    name = identifier if isinstance(identifier, str) else f"#{number}"
    found: list[tuple[str, str]] = []
    geometry_type, coordinates = feature.geometry.get("type"), feature.geometry.get("coordinates")
    if table.geometry_field in feature.properties:
        found.append((table.geometry_field, "expected it to be the geometry of the feature, was a property"))
    if geometry_type != table.geometry:
        found.append(("geometry", f"expected a {table.geometry}, was {shorten(geometry_type)}"))
    elif table.geometry == "Polygon":
        if isinstance(coordinates, list) and len(coordinates) == 1:
            coordinates = coordinates[0]
        else:
            was = f"{len(coordinates)} rings" if isinstance(coordinates, list) else shorten(coordinates)
            found.append(("geometry", f"expected one ring, was {was}"))
    values = feature.properties | {table.geometry_field: coordinates}
    if not found:
        try:
            return msgspec.convert(values, table.row)
        except msgspec.ValidationError:
            pass
    # After a wrong kind of geometry its coordinates say nothing more, but the other fields still do.
    spoiled = bool(found)
    for field, problem in field_problems(table.row, values).items():
        if field == table.geometry_field:
            if not spoiled:
                found.append(("geometry", problem))
        else:
            found.append((field, problem))
    return [Problem(table.file, name, field, problem, table.noun) for field, problem in found]


def _crs_name(crs: Any) -> Any:
    properties = crs.get("properties") if isinstance(crs, dict) else None
    return properties.get("name") if isinstance(properties, dict) else None


def _explain(error: msgspec.ValidationError, expected: Any, value: Any) -> str:
    text = str(error)
    if match := _MISMATCH.fullmatch(text):
        place = f" at {match['path']}" if match["path"] else ""
        return f"expected {match['type']}{match['size']}{place}, was {shorten(value)}"
    if match := _MISSING.fullmatch(text):
        return f"expected {match['path'] or ''}.{match['name']}, was missing"
    if match := _UNKNOWN.fullmatch(text):
        return f"expected no field {match['path'] or ''}.{match['name']}, was {shorten(value)}"
    return f"expected {_describe(expected)}, was {shorten(value)}"


def _describe(expected: Any) -> str:
    if get_origin(expected) is Literal:
        return "one of " + ", ".join(str(choice) for choice in get_args(expected))
    name = getattr(expected, "__name__", str(expected))
    return {"Name": "a name in ko and en"}.get(name, name)


def _plain(error: Exception) -> str:
    return str(error).replace(", got ", ", was ").replace("`", "")
