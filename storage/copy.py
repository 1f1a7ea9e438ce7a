"""PostgreSQL's binary COPY format to and from numpy columns, without a step of Python per row.

Every field has a fixed length here, so a row is a record of a numpy structured type: the number of fields, then for
each field its length and its big-endian value. There is no NULL: a missing real is NaN.

Source: PostgreSQL documentation, COPY, "Binary Format"; array layout as in ``array_send`` (src/backend/utils/adt).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

ColumnType = Literal["int16", "int32", "int64", "float32", "float64", "bool", "time", "float32[]"]

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
EPOCH_2000_US = 946_684_800_000_000
"""PostgreSQL's epoch, 2000-01-01T00:00:00Z, after 1970-01-01T00:00:00Z. [µs]"""

_NOT_A_TIME = np.iinfo(np.int64).min
_FLOAT4_OID = 700
_SCALARS: dict[str, str] = {
    "int16": ">i2",
    "int32": ">i4",
    "int64": ">i8",
    "float32": ">f4",
    "float64": ">f8",
    "bool": "?",
    "time": ">i8",
}


class Column(NamedTuple):
    """One column of a COPY.

    Attributes
    ----------
    name
        Name of the column.
    type
        ``time`` is ``timestamptz`` from int64 nanoseconds since 1970-01-01T00:00:00Z; ``float32[]`` is ``real[]`` of
        a fixed `length`.
    length
        Number of elements of an array.
    """

    name: str
    type: ColumnType
    length: int = 0


def build_copy(columns: Sequence[Column], values: Mapping[str, NDArray[np.generic]]) -> memoryview:
    """Build the whole payload of a ``COPY … FROM STDIN (FORMAT BINARY)``.

    Parameters
    ----------
    columns
        The columns, in the order of the COPY statement.
    values
        An array for each column, shape (row,), or (row, length) for ``float32[]``. Integers and booleans must fit the
        column's type; reals may be NaN, and one beyond float32 becomes infinite there. Times are int64 nanoseconds or
        datetime64[ns], and are cut to whole microseconds towards the past.

    Returns
    -------
    memoryview
        Read-only bytes: header, rows, trailer.

    Raises
    ------
    ValueError
        If a column is missing, has another shape or number of rows, or holds a value that does not fit; the text names
        the column.
    """
    record = _record(columns)
    n_row = _row_count(columns, values)
    size = len(HEADER) + n_row * record.itemsize + len(TRAILER)
    payload = np.empty(size, dtype=np.uint8)
    payload[: len(HEADER)] = np.frombuffer(HEADER, dtype=np.uint8)
    payload[size - len(TRAILER) :] = np.frombuffer(TRAILER, dtype=np.uint8)
    rows = payload[len(HEADER) : size - len(TRAILER)].view(record)
    rows["n_field"] = len(columns)
    for number, column in enumerate(columns):
        field = record[f"v{number}"]
        rows[f"n{number}"] = field.itemsize
        source = values[column.name]
        if column.type == "float32[]":
            rows[f"v{number}"]["head"] = (1, 0, _FLOAT4_OID, column.length, 1)
            rows[f"v{number}"]["item"]["n"] = 4
            with np.errstate(over="ignore"):
                rows[f"v{number}"]["item"]["v"] = source
        else:
            rows[f"v{number}"] = _converted(column, source)
    payload.flags.writeable = False
    return payload.data


def parse_copy(columns: Sequence[Column], payload: bytes | bytearray | memoryview) -> dict[str, NDArray[np.generic]]:
    """Read the payload of a ``COPY … TO STDOUT (FORMAT BINARY)`` of columns that are never NULL.

    Parameters
    ----------
    columns
        The columns, in the order of the COPY statement.
    payload
        All of it.

    Returns
    -------
    dict of str to ndarray
        An array for each column, shape (row,) or (row, length), native byte order; times as int64 nanoseconds since
        1970-01-01T00:00:00Z.

    Raises
    ------
    ValueError
        If the payload is not of these columns, or holds a NULL or a time outside of 1677 to 2262.
    """
    record = _record(columns)
    view = memoryview(payload)
    body = view[len(HEADER) : len(view) - len(TRAILER)]
    framed = bytes(view[: len(HEADER)]) == HEADER and bytes(view[len(view) - len(TRAILER) :]) == TRAILER
    if not framed or len(body) % record.itemsize:
        raise ValueError(f"payload: expected rows of {record.itemsize} bytes, was {len(view)} bytes in all")
    rows = np.frombuffer(body, dtype=record)
    if not (rows["n_field"] == len(columns)).all():
        raise ValueError(f"payload: expected {len(columns)} fields in every row, was another number")
    parsed: dict[str, NDArray[np.generic]] = {}
    for number, column in enumerate(columns):
        if not (rows[f"n{number}"] == record[f"v{number}"].itemsize).all():
            raise ValueError(f"{column.name}: expected a {column.type} in every row, was NULL or another length")
        field = rows[f"v{number}"]
        if column.type == "float32[]":
            if not (field["head"][:, 3] == column.length).all():
                raise ValueError(f"{column.name}: expected arrays of {column.length} elements, was another length")
            field = field["item"]["v"]
        values = field.astype(field.dtype.newbyteorder("="))
        parsed[column.name] = _nanoseconds(column.name, values) if column.type == "time" else values
    return parsed


def _record(columns: Sequence[Column]) -> np.dtype[np.void]:
    fields: list[tuple[str, object]] = [("n_field", ">i2")]
    for number, column in enumerate(columns):
        value: object
        if column.type == "float32[]":
            item = np.dtype([("n", ">i4"), ("v", ">f4")])
            value = np.dtype([("head", ">i4", 5), ("item", item, column.length)])
        else:
            value = _SCALARS[column.type]
        fields += [(f"n{number}", ">i4"), (f"v{number}", value)]
    return np.dtype(fields)


def _row_count(columns: Sequence[Column], values: Mapping[str, NDArray[np.generic]]) -> int:
    n_row: int | None = None
    for column in columns:
        if column.name not in values:
            raise ValueError(f"{column.name}: expected an array, was missing")
        shape = values[column.name].shape
        if n_row is None:
            n_row = shape[0] if shape else 0
        wanted = (n_row, column.length) if column.type == "float32[]" else (n_row,)
        if shape != wanted:
            raise ValueError(f"{column.name}: expected shape {wanted}, was {shape}")
    return n_row or 0


def _converted(column: Column, source: NDArray[np.generic]) -> NDArray[np.generic]:
    if column.type == "time":
        return _postgres_microseconds(column.name, source)
    target = np.dtype(_SCALARS[column.type])
    if column.type in {"float32", "float64"}:
        if source.dtype.kind not in "fiu":
            raise ValueError(f"{column.name}: expected real numbers, was {source.dtype}")
        with np.errstate(over="ignore"):
            return source.astype(target)
    kinds = "b" if column.type == "bool" else "iu"
    if source.dtype.kind not in kinds:
        raise ValueError(f"{column.name}: expected values of type {column.type}, was {source.dtype}")
    if column.type != "bool" and not np.can_cast(source.dtype, target, "safe") and source.size:
        bounds = np.iinfo(target)
        low, high = int(source.min()), int(source.max())
        if low < bounds.min or high > bounds.max:
            raise ValueError(f"{column.name}: expected {bounds.min} to {bounds.max}, was {low} to {high}")
    return source


def _postgres_microseconds(name: str, source: NDArray[np.generic]) -> NDArray[np.int64]:
    if source.dtype == np.dtype("datetime64[ns]"):
        source = source.view(np.int64)
    if source.dtype != np.int64:
        raise ValueError(f"{name}: expected int64 nanoseconds or datetime64[ns], was {source.dtype}")
    nanoseconds = source.astype(np.int64, copy=False)
    if (nanoseconds == _NOT_A_TIME).any():
        raise ValueError(f"{name}: expected a time in every row, was NaT")
    return nanoseconds // 1000 - EPOCH_2000_US


def _nanoseconds(name: str, microseconds: NDArray[np.int64]) -> NDArray[np.int64]:
    # Compared before the epoch is moved: PostgreSQL's infinities are the ends of int64.
    reach = np.iinfo(np.int64).max // 1000
    if ((microseconds < -reach - EPOCH_2000_US) | (microseconds > reach - EPOCH_2000_US)).any():
        raise ValueError(f"{name}: expected times from 1677 to 2262, was outside of them")
    return (microseconds + EPOCH_2000_US) * 1000
