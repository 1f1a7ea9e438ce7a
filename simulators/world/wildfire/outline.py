"""The line where a gridded field is zero: marching squares (Lorensen & Cline 1987, in two dimensions)."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Cells' edges 0 south, 1 east, 2 north, 3 west, by which of the corners SW, SE, NE, NW (bits 0 to 3) are inside. The
# two ambiguous cases (5 and 10) keep the inside corners apart.
_PAIRS: dict[int, tuple[tuple[int, int], ...]] = {
    1: ((3, 0),), 2: ((0, 1),), 3: ((3, 1),), 4: ((1, 2),), 5: ((3, 0), (1, 2)), 6: ((0, 2),), 7: ((3, 2),),
    8: ((2, 3),), 9: ((0, 2),), 10: ((0, 1), (2, 3)), 11: ((1, 2),), 12: ((1, 3),), 13: ((0, 1),), 14: ((3, 0),),
}  # fmt: skip


def outlines(field: Floats, cell_m: float, west_m: float, south_m: float) -> list[Floats]:
    """Return the outer rings around what is negative.

    Parameters
    ----------
    field
        Values at grid points, shape (row, column), row 0 in the south; the outermost are taken to be positive.
    cell_m
        Distance of grid points. [m]
    west_m, south_m
        Place of the first one. [m]

    Returns
    -------
    list of ndarray
        Closed rings of shape (position, 2), east and north, the largest first; holes are left out. [m]
    """
    padded = np.pad(field, 1, constant_values=cell_m)
    inside = padded < 0.0
    with np.errstate(divide="ignore", invalid="ignore"):
        along_row = padded[:, :-1] / (padded[:, :-1] - padded[:, 1:])
        along_column = padded[:-1] / (padded[:-1] - padded[1:])
    columns = np.broadcast_to(np.arange(padded.shape[1], dtype=np.float64), padded.shape)
    rows = np.broadcast_to(np.arange(padded.shape[0], dtype=np.float64)[:, np.newaxis], padded.shape)
    # Each crossing is worked out once, so that neighbouring cells have the very same point.
    flat = np.stack([columns[:, :-1] + along_row, rows[:, :-1]], axis=-1)
    upright = np.stack([columns[:-1], rows[:-1] + along_column], axis=-1)
    edges = (flat[:-1], upright[:, 1:], flat[1:], upright[:, :-1])
    case = inside[:-1, :-1] + 2 * inside[:-1, 1:] + 4 * inside[1:, 1:] + 8 * inside[1:, :-1]
    parts = []
    for number, pairs in _PAIRS.items():
        where = case == number
        if where.any():
            parts += [np.stack([edges[start][where], edges[end][where]], axis=1) for start, end in pairs]
    if not parts:
        return []
    lines = shapely.linestrings((np.concatenate(parts) - 1.0) * cell_m + (west_m, south_m))
    faces = shapely.get_parts(shapely.polygonize(lines[shapely.length(lines) > 0.0]))
    if len(faces) == 0:
        return []
    merged = shapely.get_parts(shapely.union_all(faces))
    rings = [shapely.get_coordinates(shapely.get_exterior_ring(face)) for face in merged]
    areas = [float(shapely.area(shapely.polygons(ring))) for ring in rings]
    return [rings[index] for index in np.argsort(-np.asarray(areas), kind="stable").tolist()]
