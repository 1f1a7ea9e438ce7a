"""When the devices of a set are due, spread so that their load is even."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

GOLDEN = 0.6180339887498949
FIRST_FROM_S = 2.0
FIRST_UNTIL_S = 3.0
"""The first samples of a set fall between these instants [s]."""


class Due(NamedTuple):
    """Devices that are due, shape (n,): their indices, and the instants of their sampling [s]."""

    which: Ints
    at_s: Floats


_NOTHING = Due(np.zeros(0, dtype=np.int64), np.zeros(0))


class Schedule:
    """Instants of sampling of a set of devices.

    Each device has a slot in its period, spread over the set by the golden ratio. A first, additional sample falls
    within 3 s of the start; the next one follows in the device's slot, at least a sixth of a period later.

    Parameters
    ----------
    period_s
        Period of each device, shape (device,). [s]
    early
        Whether there is a first sample within 3 s of the start.

    Attributes
    ----------
    soonest_s
        Instant before which nobody is due. [s]
    """

    def __init__(self, period_s: ArrayLike, *, early: bool = True) -> None:
        self.period_s: Floats = np.array(period_s, dtype=np.float64)
        n = len(self.period_s)
        self._slot: Floats = np.asarray(np.arange(n) * GOLDEN % 1.0, dtype=np.float64)
        spread = (np.arange(n) + 0.5) / max(n, 1) * (FIRST_UNTIL_S - FIRST_FROM_S)
        first = np.asarray(np.round(FIRST_FROM_S + spread, 3), dtype=np.float64)
        self._next: Floats = first if early else self._after(np.zeros(n), np.arange(n))
        self.soonest_s = float(self._next.min(initial=np.inf))

    def _after(self, time_s: Floats, which: Ints) -> Floats:
        """First slot of each device that lies at least a sixth of its period after an instant."""
        period = self.period_s[which]
        offset = self._slot[which] * period
        turn = np.ceil((time_s + period / 6 - offset) / period)
        after: Floats = np.round(offset + turn * period, 3)
        return after

    def due(self, time_s: float) -> Due:
        """Return the devices whose instant has come, and move them on; after a pause each is due once only."""
        if time_s < self.soonest_s:
            return _NOTHING
        which = np.flatnonzero(self._next <= time_s)
        late = np.floor((time_s - self._next[which]) / self.period_s[which])
        at_s = self._next[which] + late * self.period_s[which]
        self._next[which] = self._after(at_s, which)
        self.soonest_s = float(self._next.min(initial=np.inf))
        order = np.argsort(at_s, kind="stable")
        return Due(which[order], at_s[order])

    def set_period(self, period_s: Floats, time_s: float) -> None:
        """Give every device a new period [s]; one that grows faster is due within its new period."""
        faster = np.flatnonzero(period_s < self.period_s)
        self.period_s = period_s.copy()
        self._next[faster] = np.minimum(self._next[faster], self._after(np.full(len(faster), time_s), faster))
        self.soonest_s = float(self._next.min(initial=np.inf))
