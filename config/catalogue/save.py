"""A catalogue to the files of a region folder."""

from __future__ import annotations

import io
import json
from pathlib import Path

import msgspec
import numpy as np

from config.catalogue.files import FORMAT, REGION_FILE, TABLES, TERRAIN_FILE, Table
from config.catalogue.model import Catalogue, Name, Row, Terrain


def save_region(catalogue: Catalogue, folder: Path) -> None:
    """Write a region folder, which `load_region` reads back as an equal catalogue.

    The same catalogue gives the same bytes. Files of the format that are there already are replaced.

    Parameters
    ----------
    catalogue
        What to write. It is not checked, except that its elevations can be written.
    folder
        Made when it is missing.

    Raises
    ------
    ValueError
        If an elevation is not a whole number of metres between -32,768 and 32,767.
    OSError
        If the folder cannot be written.
    """
    terrain = None if catalogue.terrain is None else _encode_terrain(catalogue.terrain)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / REGION_FILE).write_bytes(_encode_header(catalogue))
    for table in TABLES:
        (folder / table.file).write_bytes(_encode_table(table, getattr(catalogue, table.attribute)))
    if terrain is not None:
        (folder / TERRAIN_FILE).write_bytes(terrain)
    else:
        (folder / TERRAIN_FILE).unlink(missing_ok=True)


def _encode_table(table: Table, rows: tuple[Row, ...]) -> bytes:
    # One feature a line, so that a difference between two versions of a file can be read.
    features = ",\n".join(_encode_feature(table, row) for row in rows)
    return f'{{"type":"FeatureCollection","features":[\n{features}\n]}}\n'.encode()


def _encode_feature(table: Table, row: Row) -> str:
    properties = msgspec.to_builtins(row)
    coordinates = properties.pop(table.geometry_field)
    if table.geometry == "Polygon":
        coordinates = [coordinates]
    geometry = {"type": table.geometry, "coordinates": coordinates}
    return msgspec.json.encode({"type": "Feature", "geometry": geometry, "properties": properties}).decode()


def _encode_header(catalogue: Catalogue) -> bytes:
    lines = [
        f"format = {FORMAT}",
        f"id = {_text(catalogue.id)}",
        f"name = {_name(catalogue.name)}",
        f"timezone = {_text(catalogue.timezone)}",
        f"synthetic = {str(catalogue.synthetic).lower()}",
        f"bbox = [{', '.join(repr(float(edge)) for edge in catalogue.bbox)}]",
    ]
    terrain = catalogue.terrain
    if terrain is not None:
        rows, columns = terrain.elevation_m.shape
        lines += [
            "",
            "[terrain]",
            f"rows = {rows}",
            f"columns = {columns}",
            f"west_deg = {float(terrain.west_deg)!r}",
            f"south_deg = {float(terrain.south_deg)!r}",
            f"step_lon_deg = {float(terrain.step_lon_deg)!r}",
            f"step_lat_deg = {float(terrain.step_lat_deg)!r}",
        ]
    for road in catalogue.roads:
        lines += [
            "",
            "[[roads]]",
            f"id = {_text(road.id)}",
            f"number = {_text(road.number)}",
            f"name = {_name(road.name)}",
            f"rank = {_text(road.rank)}",
        ]
    return ("\n".join(lines) + "\n").encode()


def _encode_terrain(terrain: Terrain) -> bytes:
    whole = np.round(terrain.elevation_m)
    limits = np.iinfo(np.int16)
    fits = (whole == terrain.elevation_m) & (whole >= limits.min) & (whole <= limits.max)
    if not fits.all():
        row, column = (int(index) for index in np.argwhere(~fits)[0])
        raise ValueError(
            f"terrain elevation_m[{row}, {column}]: expected whole metres from {limits.min} to {limits.max}, "
            f"was {terrain.elevation_m[row, column]!r}"
        )
    buffer = io.BytesIO()
    np.save(buffer, whole.astype("<i2"), allow_pickle=False)
    return buffer.getvalue()


def _name(name: Name) -> str:
    return f"{{ ko = {_text(name.ko)}, en = {_text(name.en)} }}"


def _text(text: str) -> str:
    # A JSON string is a TOML basic string, but for the delete character, which TOML wants escaped.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")
