"""Positions inside the region, and district boundaries that are rings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import shapely
from shapely.validation import explain_validity

from config.catalogue.errors import Problem
from config.catalogue.files import TABLES, Table
from config.catalogue.model import Catalogue, Coordinate, District, Row


def is_bbox(bbox: tuple[float, float, float, float]) -> bool:
    """Return whether west, south, east and north are in order and in degrees."""
    west, south, east, north = bbox
    return -180 <= west < east <= 180 and -90 <= south < north <= 90


def check_geometry(catalogue: Catalogue) -> Iterator[Problem]:
    """Yield a problem for every position outside the region's bbox and for every boundary that is no ring."""
    for table in TABLES:
        rows: tuple[Row, ...] = getattr(catalogue, table.attribute)
        # Nothing can be told from a bbox that is itself wrong.
        for row, position in _outside(table, rows, catalogue.bbox) if is_bbox(catalogue.bbox) else ():
            problem = f"expected positions inside the region's bbox, was {position}"
            yield Problem(table.file, row.id, "geometry", problem, table.noun)
    for district in catalogue.districts:
        problem_or_none = _ring_problem(district)
        if problem_or_none is not None:
            yield Problem("districts.geojson", district.id, "geometry", problem_or_none, "district")


def _outside(
    table: Table, rows: Sequence[Row], bbox: tuple[float, float, float, float]
) -> Iterator[tuple[Row, Coordinate]]:
    lines: list[Sequence[Coordinate]] = [
        (value,) if table.geometry == "Point" else value
        for value in (getattr(row, table.geometry_field) for row in rows)
    ]
    owners = np.repeat(np.arange(len(rows)), [len(line) for line in lines])
    if not owners.size:
        return
    lon, lat = np.array([position for line in lines for position in line], dtype=np.float64).T
    west, south, east, north = bbox
    inside = (lon >= west) & (lon <= east) & (lat >= south) & (lat <= north)
    # One problem a row: a line that leaves the region leaves it with many positions.
    wrong_rows, first = np.unique(owners[~inside], return_index=True)
    for row, index in zip(wrong_rows, np.flatnonzero(~inside)[first], strict=True):
        yield rows[int(row)], (float(lon[index]), float(lat[index]))


def _ring_problem(district: District) -> str | None:
    ring = district.boundary
    if len(ring) < 4:
        return f"expected a ring of at least 4 positions, was {len(ring)}"
    if ring[0] != ring[-1]:
        return f"expected a closed ring, was one from {ring[0]} to {ring[-1]}"
    polygon = shapely.Polygon(ring)
    if not polygon.is_valid:
        return f"expected a ring that does not cross itself, was: {explain_validity(polygon)}"
    return None
