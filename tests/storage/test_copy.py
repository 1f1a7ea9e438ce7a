"""Binary COPY: round trips in memory and through a real server."""

from __future__ import annotations

import struct
from datetime import UTC, datetime, timedelta

import numpy as np
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from storage.copy import HEADER, TRAILER, Column, build_copy, parse_copy
from storage.database import Connection

ALL = (
    Column("t", "time"),
    Column("a", "int16"),
    Column("b", "int32"),
    Column("c", "int64"),
    Column("d", "float32"),
    Column("e", "float64"),
    Column("f", "bool"),
    Column("g", "float32[]", 3),
)
_DTYPES = {"a": np.int16, "b": np.int32, "c": np.int64, "d": np.float32, "e": np.float64, "f": np.bool_}
# The first microsecond of int64 nanoseconds cannot be cut to a microsecond and come back.
_TIMES_NS = st.integers(-(2**63) + 1_000, 2**63 - 1)


@st.composite
def tables(draw: st.DrawFn) -> dict[str, np.ndarray]:
    n_row = draw(st.integers(0, 20))
    columns = {name: draw(hnp.arrays(dtype, n_row)) for name, dtype in _DTYPES.items()}
    columns["t"] = np.array(draw(st.lists(_TIMES_NS, min_size=n_row, max_size=n_row)), dtype=np.int64)
    columns["g"] = draw(hnp.arrays(np.float32, (n_row, 3)))
    return columns


def assert_same(actual: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    assert set(actual) == set(expected)
    for name, values in expected.items():
        if name == "t":
            values = values // 1000 * 1000
        np.testing.assert_array_equal(actual[name], values, err_msg=name)
        assert actual[name].dtype == values.dtype


@given(tables())
def test_parse_returns_what_was_built(columns: dict[str, np.ndarray]) -> None:
    assert_same(parse_copy(ALL, build_copy(ALL, columns)), columns)


def test_bytes_are_those_of_the_documented_format() -> None:
    payload = bytes(
        build_copy((Column("x", "int32"), Column("y", "bool")), {"x": np.array([-2]), "y": np.array([True])})
    )
    assert payload == HEADER + struct.pack(">hiii?", 2, 4, -2, 1, True) + TRAILER


@pytest.mark.integration
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(columns=tables())
def test_server_stores_and_returns_the_same(columns: dict[str, np.ndarray], database_server_url: str) -> None:
    with psycopg.connect(database_server_url) as connection:
        connection.execute(
            "CREATE TEMP TABLE x"
            " (n serial, t timestamptz, a int2, b int4, c int8, d float4, e float8, f bool, g float4[])"
        )
        names = ", ".join(column.name for column in ALL)
        with connection.cursor() as cursor:
            with cursor.copy(f"COPY x ({names}) FROM STDIN (FORMAT BINARY)") as copy:
                copy.write(build_copy(ALL, columns))
            with cursor.copy(f"COPY (SELECT {names} FROM x ORDER BY n) TO STDOUT (FORMAT BINARY)") as copy:
                payload = b"".join(bytes(part) for part in copy)
        connection.rollback()
    assert_same(parse_copy(ALL, payload), columns)


@pytest.mark.integration
async def test_server_understands_the_values(connection: Connection) -> None:
    await connection.execute("CREATE TEMP TABLE x (t timestamptz, d float4, g float4[])")
    columns = (Column("t", "time"), Column("d", "float32"), Column("g", "float32[]", 2))
    times = np.array(["1677-09-21T00:12:44", "1999-12-31T23:59:59.999999", "2262-04-11T23:47:16"], "datetime64[ns]")
    values = {"t": times, "d": np.array([np.nan, 1e300, -0.5]), "g": np.array([[1, np.nan]] * 3)}
    async with connection.cursor() as cursor, cursor.copy("COPY x FROM STDIN (FORMAT BINARY)") as copy:
        await copy.write(build_copy(columns, values))
    rows = await (await connection.execute("SELECT t, d, g FROM x ORDER BY t")).fetchall()
    assert [row[0] for row in rows] == [
        datetime(1677, 9, 21, 0, 12, 44, tzinfo=UTC),
        datetime(2000, 1, 1, tzinfo=UTC) - timedelta(microseconds=1),
        datetime(2262, 4, 11, 23, 47, 16, tzinfo=UTC),
    ]
    assert np.isnan(rows[0][1])
    assert [row[1] for row in rows[1:]] == [np.inf, -0.5]
    assert rows[0][2][0] == 1
    assert np.isnan(rows[0][2][1])


@pytest.mark.parametrize(
    ("column", "values", "problem"),
    [
        (Column("x", "int16"), np.array([40_000]), r"x: expected -32768 to 32767, was 40000 to 40000"),
        (Column("x", "int16"), np.array([1.5]), r"x: expected values of type int16, was float64"),
        (Column("x", "bool"), np.array([1]), r"x: expected values of type bool, was int64"),
        (Column("x", "float32"), np.array(["a"]), r"x: expected real numbers, was <U1"),
        (Column("x", "time"), np.array(["NaT"], "datetime64[ns]"), r"x: expected a time in every row, was NaT"),
        (Column("x", "time"), np.array([1.0]), r"x: expected int64 nanoseconds or datetime64\[ns\], was float64"),
        (Column("x", "float32[]", 2), np.ones((1, 3)), r"x: expected shape \(1, 2\), was \(1, 3\)"),
        (Column("y", "int32"), np.array([1]), r"y: expected an array, was missing"),
    ],
)
def test_values_that_do_not_fit_are_named(column: Column, values: np.ndarray, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        build_copy((column,), {"x": values})


def test_different_lengths_are_refused() -> None:
    columns = (Column("x", "int32"), Column("y", "int32"))
    with pytest.raises(ValueError, match=r"y: expected shape \(2,\), was \(3,\)"):
        build_copy(columns, {"x": np.arange(2), "y": np.arange(3)})


@pytest.mark.parametrize("cut", [1, 18, 19, 25, 30])
def test_truncated_payload_is_refused(cut: int) -> None:
    columns = (Column("x", "int32"),)
    payload = bytes(build_copy(columns, {"x": np.arange(3)}))
    with pytest.raises(ValueError, match="payload"):
        parse_copy(columns, payload[:cut])


def test_null_and_infinite_time_are_refused() -> None:
    columns = (Column("x", "time"),)
    infinite = HEADER + struct.pack(">hiq", 1, 8, 2**63 - 1) + TRAILER
    with pytest.raises(ValueError, match="x: expected times from 1677 to 2262"):
        parse_copy(columns, infinite)
    null = HEADER + struct.pack(">hiq", 1, -1, 0) + TRAILER
    with pytest.raises(ValueError, match="x: expected a time in every row"):
        parse_copy(columns, null)
