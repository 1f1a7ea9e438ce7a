"""Ten times what can be taken, for a minute: what memory does, who gives way, what is kept, how long it lasts."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil

from benchmarks.hazards import HazardDevices
from benchmarks.rig import Rig, machine_facts, region
from benchmarks.tables import count_rows

N_STATION = 10_000
HELD_TO = 0.1
"""Part of a core that the system is left with."""
HAZARDS_S = 50.0
GOAL_RECOVERED_S = 5.0
_OVERLOAD_S = 60.0
_CALM_S = 4.0
_CYCLE_S = 0.05
_LOOK_S = 0.5
_FRESH_S = 1.0
_TRICKLE_S = 20.0
_GIVE_UP_S = 180.0
_MOST_BROKER_MIB = 8_000.0


def run(
    overload_s: float = _OVERLOAD_S,
    n_station: int = N_STATION,
    rate: float = 0.0,
    give_up_s: float = _GIVE_UP_S,
    picture: Path | None = None,
) -> dict[str, Any]:
    """Measure.

    The system is held to a tenth of a core by stopping it for 45 of every 50 ms, which is ten times overload of
    whatever it can do; detectors speak at QoS 0 as fast as the broker takes it, slopes and towers at QoS 1, 50 a
    second. A few detectors go on speaking afterwards.

    Returns
    -------
    dict
        ``memory``: rows of seconds, MiB of the system, MiB of the broker; ``most_mib`` and ``calm_mib`` of the system.
        ``detectors_sent`` to the broker, of which ``detectors_let_go`` at the broker: what did not come over our
        session (mosquitto's own count of drops leaves out what it forgets with a connection); ``let_go_times``: new
        connections for that. Of the rest ``detectors_taken`` into the state, ``detectors_shed`` out of our queue,
        ``detectors_repeated``; ``detectors_unaccounted``: none of these. ``hazards_sent``, ``hazards_acknowledged`` by
        the broker, ``hazards_stored``, counted in the database; ``hazards_lost``. ``recovered_s`` from the end of the
        overload until our queues were empty and the newest reading was less than a second old; -1 if never.
        ``cut_short``: the broker's own memory passed its limit. ``picture``: name of a PNG, if one was wanted.
    """
    catalogue = region(n_station, n_slope=100, n_tower=4, lanes=1)
    with Rig(catalogue) as rig:
        figures: dict[str, Any] = {"machine": machine_facts(), "held_to_core_frac": HELD_TO}
        with (
            _Memory(rig) as memory,
            HazardDevices(rig.mqtt_port, catalogue, HAZARDS_S) as hazards,
            rig.sending(rate=_TRICKLE_S, name="trickle", first_seq=2_000_000_000) as trickle,
        ):
            time.sleep(_CALM_S)
            figures["calm_mib"] = rig.memory_mib
            with rig.sending(rate=rate) as flood, _held(rig.system.pid):
                figures["overload_s"], figures["cut_short"] = _wait(memory, overload_s)
                sent = flood.end()["sent"]
            figures["recovered_s"] = _recovered_s(rig, give_up_s)
            sent += trickle.end()["sent"]
            hazards.end()
            figures |= _hazards(rig, hazards, give_up_s) | {"goal_recovered_s": GOAL_RECOVERED_S}
        figures |= _detectors(rig, sent, figures["hazards_stored"])
    figures |= {
        "most_mib": max(row[1] for row in memory.rows),
        "most_broker_mib": max(row[2] for row in memory.rows),
        "memory": memory.rows,
        "picture": _draw(memory.rows, figures["overload_s"], picture) if picture else None,
    }
    return figures


class _Memory:
    """Notes the memory of system and broker until the end of the ``with``."""

    def __init__(self, rig: Rig) -> None:
        self.rows: list[tuple[float, float, float]] = []
        self._system = psutil.Process(rig.system.pid)
        self._broker = next(
            one for one in psutil.Process().children() if one.name() == "mosquitto" and one.is_running()
        )
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._look, name="memory", daemon=True)

    def __enter__(self) -> _Memory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def _look(self) -> None:
        began_s = time.monotonic()
        while True:
            system, broker = (one.memory_info().rss / 2**20 for one in (self._system, self._broker))
            self.rows.append((round(time.monotonic() - began_s, 2), round(system, 1), round(broker, 1)))
            if self._stopping.wait(_LOOK_S):
                return


@contextlib.contextmanager
def _held(pid: int) -> Iterator[None]:
    """Let a process run for a tenth of the time only."""
    stopping = threading.Event()

    def hold() -> None:
        while not stopping.is_set():
            os.kill(pid, signal.SIGSTOP)
            time.sleep(_CYCLE_S * (1.0 - HELD_TO))
            os.kill(pid, signal.SIGCONT)
            time.sleep(_CYCLE_S * HELD_TO)

    thread = threading.Thread(target=hold, name="holding", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()
        os.kill(pid, signal.SIGCONT)


def _wait(memory: _Memory, overload_s: float) -> tuple[float, bool]:
    began_s = time.monotonic()
    while (spent_s := time.monotonic() - began_s) < overload_s:
        time.sleep(_LOOK_S)
        # The broker is not what is measured, and has no bound of its own here.
        if memory.rows[-1][2] > _MOST_BROKER_MIB:
            return spent_s, True
    return spent_s, False


def _recovered_s(rig: Rig, give_up_s: float) -> float:
    """Wait until the queues are empty and readings are fresh; return how long that took [s]."""
    began_s = time.monotonic()
    before = rig.figures()
    while time.monotonic() - began_s < give_up_s:
        time.sleep(0.1)
        now = rig.figures()
        waiting = now["telemetry_queue"] + now["hazard_queue"]
        fresh, every = (_up_to(now, bound) - _up_to(before, bound) for bound in (_FRESH_S, float("inf")))
        # Everything that came since the last look was fresh: nothing old is on its way any more.
        if waiting < _TRICKLE_S and fresh == every > 0:
            return time.monotonic() - began_s
        before = now
    return -1.0


def _up_to(figures: dict[str, float], bound_s: float) -> float:
    """Return how many observations were at most so old when they became part of the state."""
    counts = [
        value
        for name, value in figures.items()
        if name.startswith("state_age_seconds_bucket") and _bound_s(name) <= bound_s
    ]
    return max(counts, default=0.0)


def _bound_s(name: str) -> float:
    text = name.split('"')[1]
    return float("inf") if text == "+Inf" else float(text)


def _detectors(rig: Rig, sent: float, hazards: int) -> dict[str, float]:
    """Say what became of the detectors' messages: what was let go at the broker has never come to us."""
    after = rig.figures()
    received = after["session_telemetry_received"]
    taken = after["observations"] - hazards
    shed = after["telemetry_dropped"]
    repeated = after["duplicates"]
    return {
        "detectors_sent": sent,
        "detectors_let_go": sent - received,
        "let_go_times": after["session_telemetry_let_go"],
        "detectors_taken": taken,
        "detectors_shed": shed,
        "detectors_repeated": repeated,
        "detectors_unaccounted": received - taken - shed - repeated,
    }


def _hazards(rig: Rig, hazards: HazardDevices, give_up_s: float) -> dict[str, float]:
    """Count hazard messages in the database, waiting for those that are on their way."""
    sent = hazards.slope_sent + hazards.tower_sent
    end_s = time.monotonic() + give_up_s
    while True:
        stored = count_rows(rig.database_url, "slope_reading") + count_rows(rig.database_url, "device_event")
        if stored >= sent or time.monotonic() > end_s:
            break
        time.sleep(0.5)
    return {
        "hazards_sent": sent,
        "hazards_acknowledged": hazards.acknowledged,
        "hazards_stored": stored,
        "hazards_lost": sent - stored,
    }


def _draw(rows: list[tuple[float, float, float]], overload_s: float, path: Path) -> str | None:
    if find_spec("matplotlib") is None:
        return None
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.0, 4.5), layout="constrained")
    axes = figure.subplots()
    times_s = [row[0] for row in rows]
    axes.plot(times_s, [row[1] for row in rows], label="gwanje serve")
    axes.plot(times_s, [row[2] for row in rows], label="mosquitto", color="0.6")
    axes.axvspan(_CALM_S, _CALM_S + overload_s, alpha=0.15, label="overload")
    axes.set(xlabel="time [s]", ylabel="resident memory [MiB]", ylim=(0.0, None))
    axes.legend()
    figure.savefig(path, dpi=120)
    return path.name


if __name__ == "__main__":
    import json

    print(json.dumps(run(), indent=1))
