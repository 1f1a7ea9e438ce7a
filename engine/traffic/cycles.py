"""From samples as they come to whole periods: a frame is closed when everybody has spoken or its time is up."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engine.traffic.frame import Frame
from engine.traffic.layout import Layout
from sensors.columns import VdsColumns

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

PERIOD_S = 30.0
"""Length of a cycle: what detection stations send by. [s]"""
_NS = 1_000_000_000
_PERIOD_NS = 30 * _NS
_SLOTS = 2
_SHORTEST_S = 1.0
"""A shorter period is none: its count would be that of thousands of vehicles in a cycle. [s]"""
_MOST_CYCLES = 20
"""After a longer silence the cycles between are not made up."""


@dataclass(frozen=True)
class CycleState:
    """The open cycle and the one after it; stations in layout order.

    Attributes
    ----------
    end_ns : int
        End of the open cycle; negative before the first sample. [ns since 1970 UTC]
    time_ns : ndarray, shape (2, n_station), int64
        Device time of the sample held for each; -1 = none. [ns since 1970 UTC]
    volume, speed_kmh, occupancy_pct : ndarray, shape (2, n_station, n_lane), float64
        [veh/period], [km/h], [%]
    expected : ndarray, shape (n_station,), bool
        Spoke in the cycle before: an open cycle waits for it.
    """

    end_ns: int
    time_ns: Ints
    volume: Floats
    speed_kmh: Floats
    occupancy_pct: Floats
    expected: NDArray[np.bool_]

    @classmethod
    def initial(cls, n_station: int, n_lane: int) -> CycleState:
        """Return the state before any sample."""
        nothing = np.full((_SLOTS, n_station, n_lane), np.nan)
        return cls(
            end_ns=-1,
            time_ns=np.full((_SLOTS, n_station), -1, dtype=np.int64),
            volume=nothing,
            speed_kmh=nothing,
            occupancy_pct=nothing,
            expected=np.zeros(n_station, dtype=bool),
        )


def collect(
    state: CycleState, samples: VdsColumns, now_ns: int, layout: Layout, grace_s: float
) -> tuple[CycleState, list[Frame]]:
    """Take in samples and close the cycles whose time has come.

    Parameters
    ----------
    state : CycleState
    samples : VdsColumns
        Any number, in any order. A sample belongs to the cycle in which its period ended, whatever its phase. Those of
        closed cycles are late and left out; those of more than a cycle ahead, whose clock is wrong, too.
    now_ns : int
        Engine time. [ns since 1970 UTC]
    layout : Layout
    grace_s : float
        How long after its end a cycle waits for stations that spoke in the cycle before. [s]

    Returns
    -------
    state : CycleState
    frames : list of Frame
        Closed cycles, oldest first. Counts are those of 30 s. What a station that calls itself faulty says is left out.

    Source
    ------
    Own construction.
    """
    frames: list[Frame] = []
    if state.end_ns < 0:
        if not len(samples.envelope):
            return state, frames
        # A device whose clock is ahead must not open a cycle that nobody else reaches for hours.
        state = replace(state, end_ns=_end_of(min(int(samples.envelope.time_ns.max()), now_ns)))
    state = _filled(_caught_up(state, now_ns), samples, layout)
    while _due(state, now_ns, grace_s):
        frames.append(Frame(state.end_ns, PERIOD_S, state.volume[0], state.speed_kmh[0], state.occupancy_pct[0]))
        heard = state.time_ns[0] >= 0
        # What came for the cycle after the next could not be held; it belongs to the one that opened now.
        state = _filled(_caught_up(_shifted(replace(state, expected=heard)), now_ns), samples, layout)
    return state, frames


def _end_of(time_ns: int) -> int:
    return -(-time_ns // _PERIOD_NS) * _PERIOD_NS


def _open(state: CycleState) -> bool:
    return bool((state.time_ns >= 0).any())


def _caught_up(state: CycleState, now_ns: int) -> CycleState:
    """Return the state with the cycles of a long silence left out, once nothing is held for the open ones."""
    missed = (now_ns - state.end_ns) // _PERIOD_NS
    if missed <= _MOST_CYCLES or _open(state):
        return state
    fresh = CycleState.initial(*state.volume.shape[1:])
    return replace(fresh, end_ns=state.end_ns + missed * _PERIOD_NS)


def _shifted(state: CycleState) -> CycleState:
    """Return the state with the next cycle open."""

    def next_of(array: Floats) -> Floats:
        return np.stack((array[1], np.full_like(array[1], np.nan)))

    return CycleState(
        end_ns=state.end_ns + _PERIOD_NS,
        time_ns=np.stack((state.time_ns[1], np.full_like(state.time_ns[1], -1))),
        volume=next_of(state.volume),
        speed_kmh=next_of(state.speed_kmh),
        occupancy_pct=next_of(state.occupancy_pct),
        expected=state.expected,
    )


def _due(state: CycleState, now_ns: int, grace_s: float) -> bool:
    if now_ns < state.end_ns:
        return False
    waited = now_ns >= state.end_ns + int(grace_s * _NS)
    everybody = state.expected.any() and not (state.expected & (state.time_ns[0] < 0)).any()
    return bool(waited or everybody)


def _filled(state: CycleState, samples: VdsColumns, layout: Layout) -> CycleState:
    envelope = samples.envelope
    slot = -((state.end_ns - envelope.time_ns) // _PERIOD_NS)
    use = (slot >= 0) & (slot < _SLOTS) & ~samples.fault & (samples.period_s >= _SHORTEST_S)
    if not use.any():
        return state
    which = np.flatnonzero(use)
    # Of several samples of a station in one cycle the newest counts: written last, it stays.
    which = which[np.lexsort((envelope.seq[which], envelope.time_ns[which]))]
    slots, places = slot[which], layout.place[envelope.row[which]]
    newer = envelope.time_ns[which] > state.time_ns[slots, places]
    which, slots, places = which[newer], slots[newer], places[newer]
    time_ns = state.time_ns.copy()
    volume, speed, occupancy = state.volume.copy(), state.speed_kmh.copy(), state.occupancy_pct.copy()
    n_lane = min(volume.shape[2], samples.volume.shape[1])
    time_ns[slots, places] = envelope.time_ns[which]
    scale = (PERIOD_S / samples.period_s[which])[:, None]
    volume[slots, places, :n_lane] = samples.volume[which, :n_lane] * scale
    speed[slots, places, :n_lane] = samples.speed_kmh[which, :n_lane]
    occupancy[slots, places, :n_lane] = samples.occupancy_pct[which, :n_lane]
    return replace(state, time_ns=time_ns, volume=volume, speed_kmh=speed, occupancy_pct=occupancy)
