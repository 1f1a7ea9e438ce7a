"""The database away for a while under traffic: nothing is lost, and how soon everything is stored when it is back."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import psycopg

from benchmarks.rig import Rig, machine_facts, region

RATE = 5_000.0
AWAY_S = 60.0
_MOST_S = 300.0


def run(away_s: float = AWAY_S, rate: float = RATE) -> dict[str, Any]:
    """Measure at QoS 1 with 5,000 messages a second of one observation.

    Returns
    -------
    dict
        ``acknowledged_away``: messages acknowledged while there was no database. ``caught_up_s``: from its return
        until the database had everything. ``missing``: acknowledged and not stored, ``doubled``: stored twice; both
        have to be 0. ``memory_mib``: the most that the system took. ``journal_mib``: the farthest that the database
        was behind.
    """
    with Rig(region(10_000, lanes=1)) as rig:
        memory_mib = behind = 0.0
        with rig.sending(qos=1, rate=rate) as sender:
            time.sleep(5.0)
            rig.stop_database()
            before = rig.figures()
            end_s = time.monotonic() + away_s
            while time.monotonic() < end_s:
                time.sleep(1.0)
                memory_mib = max(memory_mib, rig.memory_mib)
            behind = rig.figures()["journal_behind_bytes"]
            away = rig.figures()
            rig.start_database()
            back_s = time.monotonic()
            while (left := rig.figures()["journal_behind_bytes"]) > rate * 600 and time.monotonic() - back_s < _MOST_S:
                time.sleep(0.25)
                memory_mib = max(memory_mib, rig.memory_mib)
            caught_up_s = time.monotonic() - back_s
            sent = sender.end()
        end_s = time.monotonic() + 60.0
        rows = distinct = 0
        while time.monotonic() < end_s and rows < sent["acknowledged"]:
            time.sleep(0.5)
            rows, distinct = _count(rig)
    return {
        "machine": machine_facts(),
        "away_s": away_s,
        "sent": sent["sent"],
        "acknowledged": sent["acknowledged"],
        "acknowledged_away": away["session_telemetry_acknowledged"] - before["session_telemetry_acknowledged"],
        "caught_up_s": caught_up_s,
        "left_bytes": left,
        "missing": sent["acknowledged"] - distinct,
        "doubled": float(rows - distinct),
        "memory_mib": memory_mib,
        "journal_mib": behind / 2**20,
    }


def _count(rig: Rig) -> tuple[int, int]:
    with psycopg.connect(rig.database_url, autocommit=True) as connection:
        row = connection.execute("SELECT count(*), count(DISTINCT (device, time)) FROM gwanje.vds_lane").fetchone()
    return (0, 0) if row is None else (int(row[0]), int(row[1]))


if __name__ == "__main__":
    print(json.dumps(run(float(sys.argv[1]) if len(sys.argv) > 1 else AWAY_S), indent=1))
