"""Socket to database with the engine running, beside a bare COPY of the same rows into the same table."""

from __future__ import annotations

import time
from typing import Any

from benchmarks.rig import LANES, Rig, machine_facts, rate_of, region
from benchmarks.tables import bare_copy_rows_s, count_rows

N_STATION = 10_000
OFFERED_ROWS_S = 360_000.0
"""A fifth more than the goal of 300,000."""
_BATCH = 1_000
_WARM_S = 4.0
_WATCH_S = 10.0
_DRAIN_S = 120.0


def run(
    watch_s: float = _WATCH_S,
    warm_s: float = _WARM_S,
    n_station: int = N_STATION,
    offered_rows_s: float = OFFERED_ROWS_S,
    batch: int = _BATCH,
) -> dict[str, Any]:
    """Measure.

    Returns
    -------
    dict
        ``rows_s`` of lanes that came into the database, with gateways' MessagePack batches of 1,000 × 4 lanes at
        ``offered_rows_s``; ``lane_readings_s`` that came into the engine's state meanwhile. ``drained_s``: how long
        after the last message all of them were in the database, -1 if never; ``rows_sent`` and ``rows_stored``, counted
        there. ``bare_copy_rows_s`` and ``ratio``.
    """
    with Rig(region(n_station, lanes=LANES)) as rig:
        figures: dict[str, Any] = {"machine": machine_facts(), "offered_rows_s": offered_rows_s}
        plan = {"batch": batch, "packed": True, "qos": 1, "rate": offered_rows_s / (batch * LANES)}
        with rig.sending(**plan) as sender:
            time.sleep(warm_s)
            before, cpu_s, began_s = rig.figures(), rig.cpu_s(), time.monotonic()
            time.sleep(watch_s)
            after, spent_s = rig.figures(), time.monotonic() - began_s
            cpu_s = rig.cpu_s() - cpu_s
            sent = sender.end()
        figures |= {
            "rows_s": rate_of(before, after, "rows_written", spent_s),
            "lane_readings_s": rate_of(before, after, "observations", spent_s) * LANES,
            "core_frac": cpu_s / spent_s,
            "behind_mib": after["journal_behind_bytes"] / 2**20,
            "longest_sync_s": after["journal_longest_sync_seconds"],
            "drained_s": _drained_s(rig, sent["observations"] * LANES),
            "rows_sent": sent["observations"] * LANES,
            "rows_stored": float(count_rows(rig.database_url, "vds_lane")),
        }
        rig.stop_system()
        figures["bare_copy_rows_s"] = bare_copy_rows_s(rig.database_url, watch_s, n_station)
        figures["ratio"] = figures["rows_s"] / figures["bare_copy_rows_s"]
    return figures


def _drained_s(rig: Rig, rows: float) -> float:
    began_s = time.monotonic()
    while (spent_s := time.monotonic() - began_s) < _DRAIN_S:
        if rig.figures()["rows_written"] >= rows:
            return spent_s
        time.sleep(0.2)
    return -1.0


if __name__ == "__main__":
    import json

    print(json.dumps(run(), indent=1))
