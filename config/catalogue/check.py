"""Everything that a catalogue must hold beyond the types of its fields."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Set
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

from config.catalogue.check_geometry import check_geometry, is_bbox
from config.catalogue.check_roads import check_roads
from config.catalogue.errors import Problem, shorten
from config.catalogue.files import FILES, NOUNS, REGION_FILE, TERRAIN_FILE
from config.catalogue.model import DEVICE_KINDS, Catalogue, Name, Row

_LEVEL_ID = re.compile(r"[A-Za-z0-9_-]{1,48}")
_TEN_DIGITS = re.compile(r"[0-9]{10}")

_REFERENCES: tuple[tuple[str, str, str], ...] = (
    ("links", "district", "districts"),
    ("links", "road", "roads"),
    ("links", "from_node", "nodes"),
    ("links", "to_node", "nodes"),
    *((kind, "district", "districts") for kind in DEVICE_KINDS),
    *((kind, "link", "links") for kind in ("vds", "cctv", "slope", "sign")),
    *((rows, "district", "districts") for rows in ("villages", "shelters", "cells")),
)


class Range(NamedTuple):
    """Where a number must lie; ``open`` leaves out the lower end."""

    low: float
    high: float
    open: bool = False

    def __str__(self) -> str:
        return f"{'above' if self.open else 'from'} {self.low:g} to {self.high:g}"

    def holds(self, value: float) -> bool:
        """Return whether the value lies in the range; NaN does not."""
        return (self.low < value if self.open else self.low <= value) and value <= self.high


_ELEVATION = Range(-500, 9_000)
_RANGES: dict[str, dict[str, Range]] = {
    # Bounds of what can be meant at all (units, swapped fields, missing digits); own construction.
    "districts": {"population": Range(0, 50_000_000)},
    "links": {
        "lanes": Range(1, 16),
        "speed_limit_kmh": Range(0, 200, open=True),
        "length_m": Range(0, 200_000, open=True),
        "chainage_m": Range(0, 10_000_000),
    },
    "vds": {"offset_m": Range(0, 200_000), "lanes": Range(1, 16), "period_s": Range(0, 3_600, open=True)},
    "cctv": {
        "offset_m": Range(0, 200_000),
        "ground_elevation_m": _ELEVATION,
        "mast_m": Range(0, 500),
        "range_m": Range(0, 100_000, open=True),
    },
    "sign": {
        "offset_m": Range(0, 200_000),
        "width_px": Range(1, 4_096),
        "height_px": Range(1, 4_096),
    },
    "slope": {"slope_deg": Range(0, 90), "aspect_deg": Range(0, 360), "height_m": Range(0, 2_000, open=True)},
    "tower": {
        "ground_elevation_m": _ELEVATION,
        "mast_m": Range(0, 500),
        "azimuth_sigma_deg": Range(0, 90, open=True),
        "range_m": Range(0, 100_000, open=True),
    },
    "weather": {"ground_elevation_m": _ELEVATION},
    "villages": {"population": Range(0, 50_000_000)},
    "shelters": {"capacity": Range(1, 1_000_000)},
    "cells": {
        "azimuth_deg": Range(0, 360),
        "beamwidth_deg": Range(0, 360, open=True),
        "range_m": Range(0, 100_000, open=True),
    },
}


def find_problems(catalogue: Catalogue, known: Mapping[str, Set[str] | None] | None = None) -> list[Problem]:
    """Return everything that is wrong with a catalogue.

    Parameters
    ----------
    catalogue
        What to check.
    known
        Identifiers by field of the catalogue that count as present although their rows are not, because they
        were reported already; None where every identifier counts, because none could be read.

    Returns
    -------
    list of Problem
        Empty when every identifier is unique, every reference resolves, every number lies in its range, and
        roads, lines and positions fit together.
    """
    present: dict[str, Set[str]] = {name: {row.id for row in getattr(catalogue, name)} for name in FILES}
    for name, identifiers in (known or {}).items():
        if identifiers is None:
            del present[name]
        else:
            present[name] |= identifiers
    return [
        *_check_header(catalogue, present),
        *_check_identifiers(catalogue),
        *_check_references(catalogue, present),
        *_check_fields(catalogue),
        *check_geometry(catalogue),
        *check_roads(catalogue),
    ]


def _check_header(catalogue: Catalogue, present: Mapping[str, Set[str]]) -> Iterator[Problem]:
    def wrong(field: str, problem: str) -> Problem:
        return Problem(REGION_FILE, "", field, problem)

    if _LEVEL_ID.fullmatch(catalogue.id) is None:
        yield wrong("id", f"expected 1 to 48 of A-Z a-z 0-9 _ -, was {shorten(catalogue.id)}")
    try:
        ZoneInfo(catalogue.timezone)
    except (ValueError, OSError, KeyError):
        yield wrong("timezone", f"expected an IANA time zone such as Asia/Seoul, was {shorten(catalogue.timezone)}")
    west, south, east, north = catalogue.bbox
    if not is_bbox(catalogue.bbox):
        yield wrong("bbox", f"expected west < east and south < north in degrees, was {catalogue.bbox}")
    yield from (wrong(f"name.{language}", problem) for language, problem in _check_name(catalogue.name))
    if not catalogue.districts and "districts" in present:
        yield Problem(FILES["districts"], "", "", "expected at least one district, was none")
    terrain = catalogue.terrain
    if terrain is None:
        return
    if not (terrain.step_lon_deg > 0 and terrain.step_lat_deg > 0):
        yield wrong("terrain", f"expected steps above 0, was {terrain.step_lon_deg} and {terrain.step_lat_deg}")
        return
    rows, columns = terrain.elevation_m.shape
    if not np.isfinite(terrain.elevation_m).all():
        yield Problem(TERRAIN_FILE, "", "", "expected finite elevations, was one that is not")
    covers = (
        terrain.west_deg <= west + 1e-9
        and terrain.south_deg <= south + 1e-9
        and terrain.west_deg + (columns - 1) * terrain.step_lon_deg >= east - 1e-9
        and terrain.south_deg + (rows - 1) * terrain.step_lat_deg >= north - 1e-9
    )
    if not covers:
        yield wrong("terrain", "expected a grid that covers bbox, was a smaller one")


def _check_identifiers(catalogue: Catalogue) -> Iterator[Problem]:
    owners: dict[str, str] = {}
    for name, file in FILES.items():
        seen: set[str] = set()
        pattern, expected = (
            (_TEN_DIGITS, "ten digits") if name in ("nodes", "links") else (_LEVEL_ID, "1 to 48 of A-Z a-z 0-9 _ -")
        )
        for row in getattr(catalogue, name):
            if pattern.fullmatch(row.id) is None:
                yield Problem(file, row.id, "id", f"expected {expected}, was {shorten(row.id)}", NOUNS[name])
            if row.id in seen:
                yield Problem(file, row.id, "id", "expected it once in the file, was there before", NOUNS[name])
            elif name in DEVICE_KINDS and owners.setdefault(row.id, file) != file:
                problem = f"expected an id that no other device has, was also in {owners[row.id]}"
                yield Problem(file, row.id, "id", problem, NOUNS[name])
            seen.add(row.id)


def _check_references(catalogue: Catalogue, present: Mapping[str, Set[str]]) -> Iterator[Problem]:
    for name, field, target in _REFERENCES:
        if target not in present:
            continue
        identifiers = present[target]
        for row in getattr(catalogue, name):
            value = getattr(row, field)
            if value is not None and value not in identifiers:
                problem = f"expected the id of a {NOUNS[target]}, was {shorten(value)}"
                yield Problem(FILES[name], row.id, field, problem, NOUNS[name])


def _check_fields(catalogue: Catalogue) -> Iterator[Problem]:
    for name, file in FILES.items():
        ranges = _RANGES.get(name, {})
        for row in getattr(catalogue, name):
            for field, problem in _check_row(row, ranges):
                yield Problem(file, row.id, field, problem, NOUNS[name])


def _check_row(row: Row, ranges: Mapping[str, Range]) -> Iterator[tuple[str, str]]:
    for field, limits in ranges.items():
        value = getattr(row, field)
        if value is not None and not limits.holds(value):
            yield field, f"expected {limits}, was {value:g}"
    name = getattr(row, "name", None)
    if isinstance(name, Name):
        yield from ((f"name.{language}", problem) for language, problem in _check_name(name))


def _check_name(name: Name) -> Iterator[tuple[str, str]]:
    for language in ("ko", "en"):
        text: str = getattr(name, language)
        if not text.strip() or len(text) > 100:
            yield language, f"expected 1 to 100 characters, was {shorten(text)}"
