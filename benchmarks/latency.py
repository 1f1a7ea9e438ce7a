"""From a device's word to the engine's state, and to an operator's page; each beside a bare subscriber's."""

from __future__ import annotations

import time
from typing import Any

from benchmarks.bare import subscriber
from benchmarks.reader import page
from benchmarks.rig import Rig, machine_facts, quantile_s, rate_of, region

N_STATION = 10_000
STATE_RATE = 10_000.0
PAGE_RATE = 2_000.0
_STATE_GOAL_MS, _PAGE_GOAL_MS = 100.0, 300.0
_WARM_S = 3.0
_WATCH_S = 8.0


def run(
    watch_s: float = _WATCH_S,
    warm_s: float = _WARM_S,
    n_station: int = N_STATION,
    state_rate: float = STATE_RATE,
    page_rate: float = PAGE_RATE,
) -> dict[str, Any]:
    """Measure.

    Returns
    -------
    dict
        ``state``: age of observations, by the time in the message, when their step of the engine has ended, out of the
        system's own histogram; null without it. ``page``: age of the readings of devices when a page on
        ``/ws/operations`` has decoded the frame. Each with ``messages_s``, ``p50_ms``, ``p99_ms``, ``goal_p99_ms`` and
        ``bare``, the same of a subscriber that does nothing else, on the same broker and senders.
    """
    with Rig(region(n_station, lanes=1)) as rig:
        figures: dict[str, Any] = {"machine": machine_facts()}
        with rig.sending(rate=state_rate, qos=0):
            figures["state"] = _state(rig, watch_s, warm_s)
        with rig.sending(rate=page_rate, qos=0, first_seq=2_000_000_000, name="page"), page(rig.port) as reader:
            before, began_s = rig.figures(), time.monotonic()
            seen = reader.watch(warm_s, watch_s)
            sent_s = rate_of(before, rig.figures(), "observations", time.monotonic() - began_s)
            figures["page"] = {"messages_s": sent_s, "goal_p99_ms": _PAGE_GOAL_MS} | seen
        rig.stop_system()
        for name, rate in (("state", state_rate), ("page", page_rate)):
            with subscriber(rig.mqtt_port) as bare, rig.sending(rate=rate, qos=0, name=f"bare-{name}"):
                figures[name]["bare"] = bare.watch(warm_s, watch_s)
    return figures


def _state(rig: Rig, watch_s: float, warm_s: float) -> dict[str, Any]:
    time.sleep(warm_s)
    before, cpu_s, began_s = rig.figures(), rig.cpu_s(), time.monotonic()
    time.sleep(watch_s)
    after, spent_s = rig.figures(), time.monotonic() - began_s
    told = any(name.startswith("state_age_seconds_bucket") for name in after)
    return {
        "messages_s": rate_of(before, after, "observations", spent_s),
        "p50_ms": quantile_s(before, after, 0.5) * 1e3 if told else None,
        "p99_ms": quantile_s(before, after, 0.99) * 1e3 if told else None,
        "goal_p99_ms": _STATE_GOAL_MS,
        "core_frac": (rig.cpu_s() - cpu_s) / spent_s,
    }


if __name__ == "__main__":
    import json

    print(json.dumps(run(), indent=1))
