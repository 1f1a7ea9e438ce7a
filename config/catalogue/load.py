"""A region folder to a checked catalogue."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from config.catalogue.check import find_problems
from config.catalogue.decode import decode_header, decode_table
from config.catalogue.errors import CatalogueError, Problem, RegionNotFoundError, shorten
from config.catalogue.files import FORMAT, REGION_FILE, TABLES, TERRAIN_FILE, RegionHeader, TerrainHeader
from config.catalogue.model import Catalogue, Name, Terrain

MAX_FILE_BYTES = 512 * 2**20
"""A file above this is refused unread; own choice, several times a national region."""

_WORLD = (-180.0, -90.0, 180.0, 90.0)


def load_region(folder: Path) -> Catalogue:
    """Read a region folder and check everything that it says.

    Parameters
    ----------
    folder
        A folder with the files that ``docs/region.md`` describes.

    Returns
    -------
    Catalogue
        Every identifier in it is unique and every reference resolves.

    Raises
    ------
    RegionNotFoundError
        If the folder holds no ``region.toml``.
    CatalogueError
        If anything is wrong; it carries all problems at once, one line each.
    """
    if not (folder / REGION_FILE).is_file():
        raise RegionNotFoundError(f"{folder}: expected a region folder with {REGION_FILE}, was none")
    problems: list[Problem] = []
    header, roads, road_ids, found = decode_header(_read(folder, REGION_FILE, problems) or b"")
    problems += found
    rows: dict[str, Any] = {"roads": tuple(roads)}
    known: dict[str, set[str] | None] = {"roads": road_ids}
    for table in TABLES:
        data = _read(folder, table.file, problems)
        table_rows, identifiers, found = ([], None, []) if data is None else decode_table(table, data)
        rows[table.attribute] = tuple(table_rows)
        known[table.attribute] = identifiers
        problems += found
    expected = {table.file for table in TABLES}
    for path in sorted(folder.glob("*.geojson")):
        if path.name not in expected:
            problems.append(Problem(path.name, "", "", f"expected no such file (known: {', '.join(sorted(expected))})"))
    terrain = _read_terrain(folder, header, problems)
    if header is not None and header.format != FORMAT:
        problems.append(Problem(REGION_FILE, "", "format", f"expected {FORMAT}, was {header.format}"))
    catalogue = _assemble(header, rows, terrain)
    problems += find_problems(catalogue, known)
    if problems:
        raise CatalogueError(str(folder), problems)
    return catalogue


def _assemble(header: RegionHeader | None, rows: dict[str, Any], terrain: Terrain | None) -> Catalogue:
    if header is None:
        # A header that did not decode is a problem already; the rows are still worth checking.
        blank = Name("-", "-")
        return Catalogue(id="-", name=blank, timezone="UTC", synthetic=True, bbox=_WORLD, terrain=None, **rows)
    return Catalogue(
        id=header.id,
        name=header.name,
        timezone=header.timezone,
        synthetic=header.synthetic,
        bbox=header.bbox,
        terrain=terrain,
        **rows,
    )


def _read(folder: Path, name: str, problems: list[Problem]) -> bytes | None:
    path = folder / name
    try:
        size = path.stat().st_size
        if size <= MAX_FILE_BYTES:
            return path.read_bytes()
        problem = f"expected at most {MAX_FILE_BYTES} bytes, was {size}"
    except FileNotFoundError:
        problem = "expected the file (it may hold no rows), was missing"
    except OSError as error:
        problem = f"expected a file that can be read: {error.strerror}"
    problems.append(Problem(name, "", "", problem))
    return None


def _read_terrain(folder: Path, header: RegionHeader | None, problems: list[Problem]) -> Terrain | None:
    if header is None:
        return None
    if header.terrain is None:
        if (folder / TERRAIN_FILE).exists():
            problems.append(
                Problem(REGION_FILE, "", "terrain", f"expected [terrain] beside {TERRAIN_FILE}, was missing")
            )
        return None
    data = _read(folder, TERRAIN_FILE, problems)
    if data is None:
        return None
    try:
        values = np.load(io.BytesIO(data), allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        problems.append(Problem(TERRAIN_FILE, "", "", f"expected a NumPy array file: {error}"))
        return None
    if (wrong := _terrain_problem(values, header.terrain)) is not None:
        problems.append(Problem(TERRAIN_FILE, "", "", wrong))
        return None
    place = header.terrain
    return Terrain(
        west_deg=place.west_deg,
        south_deg=place.south_deg,
        step_lon_deg=place.step_lon_deg,
        step_lat_deg=place.step_lat_deg,
        elevation_m=values.astype(np.float32),
    )


def _terrain_problem(values: NDArray[Any], place: TerrainHeader) -> str | None:
    if not isinstance(values, np.ndarray) or values.dtype != np.dtype("<i2"):
        return f"expected little-endian int16, was {shorten(str(getattr(values, 'dtype', type(values).__name__)))}"
    if values.shape != (place.rows, place.columns):
        return f"expected shape ({place.rows}, {place.columns}) as in {REGION_FILE}, was {values.shape}"
    return None
