"""A tick's record is read as it was written, whatever the messages hold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.journal.ticks import TickRecord, decode_tick, encode_tick

messages = st.lists(
    st.tuples(st.text(max_size=20), st.binary(max_size=30), st.integers(0, 31), st.integers(-(2**62), 2**62)),
    max_size=8,
)


def record_of(rows: list[tuple[str, bytes, int, int]], skipped: list[tuple[int, int]], now_ns: int) -> TickRecord:
    return TickRecord(
        now_ns=now_ns,
        topics=[row[0] for row in rows],
        payloads=[row[1] for row in rows],
        flags=np.array([row[2] for row in rows], dtype=np.uint8),
        received_ns=np.array([row[3] for row in rows], dtype=np.int64),
        skipped=np.array(skipped, dtype=np.uint32).reshape(-1, 2),
    )


@given(
    rows=messages,
    skipped=st.lists(st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 999)), max_size=5),
    now_ns=st.integers(0, 2**62),
)
def test_there_and_back(rows: list[tuple[str, bytes, int, int]], skipped: list[tuple[int, int]], now_ns: int) -> None:
    written = record_of(rows, skipped, now_ns)
    read = decode_tick(b"".join(encode_tick(written)))
    assert read.now_ns == now_ns
    assert list(read.topics) == [row[0] for row in rows]
    assert list(read.payloads) == [row[1] for row in rows]
    assert read.flags.tolist() == [row[2] for row in rows]
    assert read.received_ns.tolist() == [row[3] for row in rows]
    assert [tuple(pair) for pair in read.skipped.tolist()] == skipped


@given(rows=messages, cut=st.integers(1, 50))
def test_a_body_that_is_cut_off_is_refused(rows: list[tuple[str, bytes, int, int]], cut: int) -> None:
    body = b"".join(encode_tick(record_of(rows, [], 1)))
    with pytest.raises(ValueError, match="tick: expected the body of a tick"):
        decode_tick(body[: max(len(body) - cut, 0)])


def test_columns_of_different_lengths_are_refused() -> None:
    record = record_of([("a", b"b", 0, 0)], [], 1)
    with pytest.raises(ValueError, match="expected columns of 1 messages"):
        encode_tick(TickRecord(1, record.topics, [], record.flags, record.received_ns, record.skipped))
