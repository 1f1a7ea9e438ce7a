"""End to end into the database, beside what a user would otherwise assemble: aiomqtt, json, one INSERT a row."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import psutil
import psycopg

from benchmarks.plain_consumer import SCHEMA
from benchmarks.rig import LANES, SYSTEM_CORE, Rig, machine_facts, region
from benchmarks.tables import count_rows

N_STATION = 10_000
GOAL = 20.0
_WARM_S = 4.0
_WATCH_S = 8.0
_CASES: dict[str, dict[str, Any]] = {"single": {}, "gateway_100": {"batch": 100}, "gateway_1000": {"batch": 1_000}}


def run(
    watch_s: float = _WATCH_S,
    warm_s: float = _WARM_S,
    n_station: int = N_STATION,
    cases: tuple[str, ...] = tuple(_CASES),
    rate: float = 0.0,
) -> dict[str, Any]:
    """Measure.

    Returns
    -------
    dict
        For messages of single stations of 4 lanes and for gateways' batches of 100 and 1,000 of them, JSON at QoS 1, as
        many as the broker takes: ``rows_s`` counted in the database, ours and ``plain_rows_s``, and ``plain_ratio``;
        ``goal_ratio``. Both on the same broker, senders, database and core; each sends anew. ``plain_relaxed_rows_s``:
        with commits that do not wait for the disk, which loses readings when the database is killed; ours waits.
    """
    figures: dict[str, Any] = {"machine": machine_facts(), "goal_ratio": GOAL}
    for name in cases:
        plan = _CASES[name] | {"qos": 1, "rate": rate}
        with Rig(region(n_station, lanes=LANES)) as rig:
            ours = _rows_s(rig, plan, ("gwanje", "vds_lane"), warm_s, watch_s)
            rig.stop_system()
            with psycopg.connect(rig.database_url) as connection:
                connection.execute(SCHEMA)
            plain = {}
            for way in ("plain", "plain_relaxed"):
                with _plain(rig, way.removeprefix("plain_")):
                    plain[way] = _rows_s(rig, plan | {"name": way}, ("public", "plain_reading"), warm_s, watch_s)
        figures[name] = {
            "rows_s": ours,
            **{f"{way}_rows_s": rows_s for way, rows_s in plain.items()},
            **{f"{way}_ratio": ours / rows_s if rows_s else None for way, rows_s in plain.items()},
        }
    return figures


def _rows_s(rig: Rig, plan: dict[str, Any], table: tuple[str, str], warm_s: float, watch_s: float) -> float:
    schema, name = table
    with rig.sending(**plan):
        time.sleep(warm_s)
        # Counting takes a moment: the time between two counts is that between their ends.
        before, began_s = count_rows(rig.database_url, name, schema), time.monotonic()
        time.sleep(watch_s)
        after, spent_s = count_rows(rig.database_url, name, schema), time.monotonic() - began_s
    return (after - before) / spent_s


@contextlib.contextmanager
def _plain(rig: Rig, way: str) -> Iterator[None]:
    command = [sys.executable, "-m", "benchmarks.plain_consumer", str(rig.mqtt_port), rig.database_url, way]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    psutil.Process(process.pid).cpu_affinity(sorted(SYSTEM_CORE))
    try:
        assert process.stdout is not None
        if process.stdout.readline() != b"ready\n":
            raise RuntimeError("the plain consumer did not start")
        yield
    finally:
        process.terminate()
        process.communicate(timeout=20.0)


if __name__ == "__main__":
    import json

    print(json.dumps(run(), indent=1))
