"""Each message once: against a plain set, as long as nothing is older than the window."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ingest.dedup import WINDOW, Deduplicator

DEVICES = 3


@st.composite
def arrivals(draw: st.DrawFn) -> list[list[tuple[int, int, int]]]:
    """Batches of (device, seq, time) in which no message of a device is WINDOW or more behind its newest."""
    newest = [0] * DEVICES
    batches: list[list[tuple[int, int, int]]] = [[]]
    for _ in range(draw(st.integers(0, 60))):
        device = draw(st.integers(0, DEVICES - 1))
        seq = max(newest[device] + draw(st.integers(-WINDOW + 5, 4)), 0)
        newest[device] = max(newest[device], seq)
        batches[-1].append((device, seq, 1_000_000 * seq))
        if draw(st.booleans()):
            batches.append([])
    return batches


def fresh(table: Deduplicator, batch: list[tuple[int, int, int]]) -> list[bool]:
    columns = np.array(batch, dtype=np.int64).reshape(-1, 3).T
    return table.fresh(*columns).tolist()


@given(arrivals())
def test_it_agrees_with_a_set(batches: list[list[tuple[int, int, int]]]) -> None:
    table = Deduplicator(DEVICES)
    known: set[tuple[int, int, int]] = set()
    duplicates = 0
    for batch in batches:
        expected = []
        for one in batch:
            expected.append(one not in known)
            known.add(one)
        duplicates += expected.count(False)
        assert fresh(table, batch) == expected
    assert table.duplicates == duplicates


def test_a_device_that_counts_from_the_beginning_again_is_heard() -> None:
    table = Deduplicator(1)
    assert fresh(table, [(0, 0, 100), (0, 1, 200)]) == [True, True]
    assert fresh(table, [(0, 0, 9_000), (0, 1, 200), (0, 1, 9_100)]) == [True, False, True]


def test_the_first_of_duplicates_in_a_batch_is_new() -> None:
    table = Deduplicator(2)
    assert fresh(table, [(0, 5, 1), (1, 5, 1), (0, 5, 1), (0, 5, 1)]) == [True, True, False, False]
    assert table.duplicates == 2


def test_the_table_does_not_grow() -> None:
    table = Deduplicator(1)
    before = table._seq.nbytes + table._time_ns.nbytes
    for seq in range(0, 10_000, 100):
        fresh(table, [(0, seq, seq)])
    assert table._seq.nbytes + table._time_ns.nbytes == before
    assert fresh(table, []) == []
