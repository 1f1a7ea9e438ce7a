"""What is inside a slope node besides its sensors: rain counter, judgement of its own readings, battery, radio.

Own construction, in the manner of battery nodes on a long-range radio. Arrays have shape (node,) of one gateway.
"""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from sensors.observations import SlopeObservation
from simulators.world.chance import Keys, uniform

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

TIP_MM = 0.2
"""Rain per tip of the gauge's bucket, a usual size."""
COUNTER_TIPS = 32_768
"""Tips after which a counter of 15 bits begins again, at 6,553.6 mm."""
NEAR_END_SHARE = 0.08
"""Share of the nodes whose counter is about to roll over."""
RESET_EACH_S = 60 * 86_400.0
"""Mean time between restarts of a node, by its watchdog or a hand."""

FAST_RAIN_MM_H = 10.0
FAST_TILT_DEG_H = 0.01
"""Own readings from which a node samples fast; the tilt rate is the precaution level of Uchimura et al. 2015."""
CALM_TILT_DEG_H = 0.005
CALM_RAIN_MM_H = 3.0
CALM_FOR_S = 1_800.0
"""Readings below which it is calm again, and for how long they have to last."""
STEP_DEG = 0.05
"""Tilt between two samples that wakes a node at once: many times its noise."""
RAIN_SLOTS = 10
"""Minutes over which a node takes its rain rate."""
MEMORY = 64
WINDOW_S = 3_630.0
LEAST_SPAN_S = 3_500.0
"""Samples that a node keeps, the time over which it fits its tilt rate, and the least that it fits over: with seven
samples of an hour the noise of the rate is 0.0023 deg/h, with four it would pass the limit every few times."""

PANEL_W, IDLE_W, SAMPLE_J, UPLINK_J = 0.5, 0.006, 0.3, 0.5
"""Small solar panel in full sun; sleeping node; one sample; one packet at a slow data rate."""
FULL_J = 34_000.0
"""A lithium cell of 2.6 Ah."""
AGED_SHARE = 0.1
LOW_FRAC, OFF_FRAC, ON_FRAC = 0.12, 0.02, 0.08
"""Charge below which a node stays slow, goes off, and comes on again."""
_CURVE_FRAC = np.array([0.0, 0.05, 0.2, 0.5, 0.8, 1.0])
_CURVE_V = np.array([3.0, 3.40, 3.62, 3.75, 3.97, 4.15])
"""Voltage of a lithium cell over its charge, in the usual shape."""

FADING_DB = 2.5
WET_LEAVES_DB = 4.0
"""What heavy rain and wet leaves take."""
HALF_LOST_DBM, LOSS_WIDTH_DB = -118.0, 1.6
"""Signal at which half of the packets get lost, and how sharply it falls off."""
ECHO_SHARE = 0.004
"""Share of the packets whose acknowledgement alone gets lost on a good link: they are sent again."""
BACKLOG = 144
RESENT_AT_ONCE = 8
"""Packets that a node keeps for later, a day's at the slow rate, and how many it sends at once when it gets through."""


class Counter:
    """Rain counters: tips since the last reset, of 15 bits."""

    def __init__(self, u: Floats) -> None:
        """Draw where counters stand, from uniform numbers of shape (node, 2)."""
        near_end = u[:, 0] < NEAR_END_SHARE
        early = u[:, 1] * 0.7 * COUNTER_TIPS
        late = COUNTER_TIPS - 5 - u[:, 1] * 500
        self._offset: Ints = np.floor(np.where(near_end, late, early)).astype(np.int64)
        self._tips: Ints = np.zeros(len(u), dtype=np.int64)

    def count(self, caught_mm: Floats) -> Ints:
        """Take in the rain caught since the start [mm] and return the tips since then, shape (node,)."""
        self._tips = np.floor(caught_mm / TIP_MM + 1e-9).astype(np.int64)
        return self._tips

    def reset(self, which: Ints) -> None:
        """Set counters to 0."""
        self._offset[which] = -self._tips[which]

    def total_mm(self, which: Ints) -> Floats:
        """Return what counters say [mm], shape (n,)."""
        return np.round((self._offset[which] + self._tips[which]) % COUNTER_TIPS * TIP_MM, 1)


class Judgement:
    """When a node samples fast: by its own rain counter and by a line through its own tilts of the last hour."""

    def __init__(self, count: int) -> None:
        self.fast: Bools = np.zeros(count, dtype=np.bool_)
        self._tips: Ints = np.full((count, RAIN_SLOTS), -1, dtype=np.int64)
        self._time_s: Floats = np.full((count, MEMORY), -np.inf)
        self._tilt_deg: Floats = np.zeros((count, MEMORY, 2))
        self._busy_s: Floats = np.full(count, -np.inf)
        self._rate_deg_h: Floats = np.zeros(count)

    def forget(self, which: Ints) -> None:
        """Forget everything, as after a restart."""
        self.fast[which] = False
        self._tips[which] = -1
        self._time_s[which] = -np.inf
        self._rate_deg_h[which] = 0.0

    def take_rain(self, which: Ints, at_s: Floats, tips: Ints) -> None:
        """Take in the counters of one minute, once each minute."""
        oldest = self._tips[which, 0]
        risen = np.where(oldest >= 0, tips - oldest, 0)
        self._tips[which] = np.concatenate([self._tips[which, 1:], tips[:, np.newaxis]], axis=1)
        rain_mm_h = risen * TIP_MM * 60.0 / RAIN_SLOTS
        self._decide(which, at_s, rain_mm_h >= FAST_RAIN_MM_H, rain_mm_h >= CALM_RAIN_MM_H)

    def take_tilt(self, which: Ints, at_s: Floats, tilt_deg: Floats) -> None:
        """Take in tilts of shape (n, 2) [deg], NaN where none was read."""
        read = ~np.isnan(tilt_deg).any(axis=1)
        which, at_s, tilt_deg = which[read], at_s[read], tilt_deg[read]
        known = self._time_s[which, -1] > -np.inf
        jump = np.where(known, np.hypot(*(tilt_deg - self._tilt_deg[which, -1]).T), 0.0)
        self._time_s[which] = np.concatenate([self._time_s[which, 1:], at_s[:, np.newaxis]], axis=1)
        self._tilt_deg[which] = np.concatenate([self._tilt_deg[which, 1:], tilt_deg[:, np.newaxis]], axis=1)
        rate = self._fitted_deg_h(which, at_s)
        self._rate_deg_h[which] = rate
        moving = (rate >= FAST_TILT_DEG_H) | (jump >= STEP_DEG)
        self._decide(which, at_s, moving, rate >= CALM_TILT_DEG_H)

    def _fitted_deg_h(self, which: Ints, at_s: Floats) -> Floats:
        """Rate of the least-squares line through the window; 0 while it is too short to tell."""
        since_s = self._time_s[which] - at_s[:, np.newaxis]
        used = since_s >= -WINDOW_S
        hours = np.where(used, since_s, 0.0) / 3_600.0
        n = used.sum(axis=1)
        centred = (hours - (hours.sum(axis=1) / np.maximum(n, 1))[:, np.newaxis]) * used
        spread = (centred**2).sum(axis=1)
        long_enough = (-hours.min(axis=1) * 3_600.0 >= LEAST_SPAN_S) & (n >= 4)
        slope = np.einsum("nk,nkc->nc", centred, self._tilt_deg[which]) / np.where(spread > 0, spread, 1.0)[:, None]
        return np.where(long_enough, np.hypot(slope[:, 0], slope[:, 1]), 0.0)

    def _decide(self, which: Ints, at_s: Floats, wakes: Bools, keeps: Bools) -> None:
        awake = wakes | (self.fast[which] & keeps)
        self._busy_s[which] = np.where(awake, at_s, self._busy_s[which])
        self.fast[which] = wakes | (self.fast[which] & (at_s - self._busy_s[which] < CALM_FOR_S))


class Battery:
    """Charge of the nodes' cells: the sun fills them, sleeping, sampling and sending empties them."""

    def __init__(self, u: Floats) -> None:
        """Draw cells and panels from uniform numbers of shape (node, 3)."""
        aged = u[:, 0] < AGED_SHARE
        self._full_j: Floats = FULL_J * np.where(aged, 0.03 + 0.05 * u[:, 0] / AGED_SHARE, 1.0)
        self._panel_w: Floats = PANEL_W * (0.15 + 0.6 * u[:, 1])
        self._charge_j: Floats = self._full_j * (0.55 + 0.4 * u[:, 2])
        self._at_s = 0.0
        self.off: Bools = np.zeros(len(u), dtype=np.bool_)

    def live(self, at_s: float, irradiance_w_m2: Floats) -> Bools:
        """Charge and discharge every cell up to now and return which nodes just came on again, shape (node,)."""
        elapsed_s = at_s - self._at_s
        self._at_s = at_s
        charge = self._charge_j + elapsed_s * (self._panel_w * irradiance_w_m2 / 1_000.0 - IDLE_W * ~self.off)
        self._charge_j = np.clip(charge, 0.0, self._full_j)
        share = self._charge_j / self._full_j
        was_off = self.off
        self.off = np.where(was_off, share < ON_FRAC, share < OFF_FRAC)
        return was_off & ~self.off

    def spend(self, which: Ints, energy_j: float) -> None:
        """Take energy for a sample or a packet of each node [J]."""
        self._charge_j[which] = np.maximum(self._charge_j[which] - energy_j, 0.0)

    def share(self, which: Ints) -> Floats:
        """Return the charge over that of a full cell, shape (n,)."""
        return np.asarray(self._charge_j[which] / self._full_j[which], dtype=np.float64)

    def volts(self, which: Ints) -> Floats:
        """Return the cells' voltage, shape (n,) [V]."""
        return np.asarray(np.interp(self.share(which), _CURVE_FRAC, _CURVE_V), dtype=np.float64)


class Radio:
    """Packets that get lost, wait, come late, twice and out of order."""

    def __init__(self, count: int) -> None:
        self._waiting: list[deque[SlopeObservation]] = [deque(maxlen=BACKLOG) for _ in range(count)]
        self.dropped = 0
        """Packets that gave way to newer ones in a full memory."""

    def send(self, which: int, packet: SlopeObservation, lost: bool, unheard: bool) -> list[SlopeObservation]:
        """Return what of a node gets through now: the new packet first, then some that waited.

        Parameters
        ----------
        which
            The node.
        packet
            What it has to say.
        lost
            Whether nothing gets through this time.
        unheard
            Whether it does, but the node does not learn of it, and will send the packet again.
        """
        waiting = self._waiting[which]
        if lost or unheard:
            self.dropped += len(waiting) == BACKLOG
            waiting.append(packet)
            return [] if lost else [packet]
        return [packet, *(waiting.popleft() for _ in range(min(len(waiting), RESENT_AT_ONCE)))]


def loss_share(rssi_dbm: Floats) -> Floats:
    """Return the share of the packets that get lost at a signal strength, shape (n,)."""
    return np.asarray(1.0 / (1.0 + np.exp((rssi_dbm - HALF_LOST_DBM) / LOSS_WIDTH_DB)), dtype=np.float64)


def restarts(keys: Keys, at_s: Floats, slot_s: float) -> Bools:
    """Return which nodes restart in their slot, shape (n,)."""
    return np.asarray(uniform(keys, at_s, "slope restart", 1)[:, 0] < slot_s / RESET_EACH_S)
