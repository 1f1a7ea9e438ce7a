"""Rows that may be stored already are told from those that cannot be."""

from __future__ import annotations

import numpy as np

from ingest.batching import Tick
from ingest.lateness import Lateness
from ingest.mqtt.session import Incoming
from sensors.columns import to_ns
from tests.alerts.making import NOW, later
from tests.ingest.making import REGISTRY, arrived, batcher, reader, slope_message, status, vds

KEYS = np.arange(len(REGISTRY), dtype=np.int32)
NODE = REGISTRY.index["SLP-1"]


def tick(*messages: Incoming) -> Tick:
    return batcher().build(reader().read(arrived(*messages, at=later(100))))


def test_only_what_is_newer_than_anything_stored_is_new_for_certain() -> None:
    lateness = Lateness(KEYS, {NODE: to_ns(later(10))})
    made = lateness.sort(
        tick(slope_message(seq=1, time=later(10)), slope_message(seq=2, time=later(11)), slope_message("SLP-2", seq=3))
    )
    assert [rows.columns["time"].tolist() for rows in made.late] == [[to_ns(later(10))]]
    (fresh,) = made.series
    assert fresh.columns["device"].tolist() == [NODE, REGISTRY.index["SLP-2"]]


def test_what_was_sorted_counts_as_stored_for_what_comes_after() -> None:
    lateness = Lateness(KEYS, {})
    first = lateness.sort(tick(vds(seq=1, time=later(30)), status("vds", "VDS-E1up03", seq=2, time=later(60))))
    assert (len(first.series), first.late, len(first.events), first.late_events) == (1, (), 1, ())
    # A state is no reading: the one that is newer does not make a reading late.
    second = lateness.sort(tick(vds(seq=3, time=later(45)), status("vds", "VDS-E1up03", seq=4, time=NOW)))
    assert (len(second.series), second.late, second.events, len(second.late_events)) == (1, (), (), 1)
    again = lateness.sort(tick(vds(seq=3, time=later(45))))
    assert (again.series, len(again.late[0])) == ((), 3)
