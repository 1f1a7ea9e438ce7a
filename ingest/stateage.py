"""How old observations are when they have become part of the engine's state: a histogram for monitoring."""

from __future__ import annotations

import numpy as np

from sensors.columns import Batch

BOUNDS_S: tuple[float, ...] = (0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1, 2, 5, 10, 60, 600)
"""Upper bounds of the classes; above the last there is one more. [s]"""


class AgeHistogram:
    """Counts observations by the wall's time at the end of their step less their device time."""

    def __init__(self) -> None:
        self.counts = np.zeros(len(BOUNDS_S) + 1, dtype=np.int64)
        self.sum_s = 0.0

    def note(self, batch: Batch, wall_ns: int) -> None:
        """Count a tick's observations; a device whose clock is ahead counts as age 0."""
        parts = (batch.vds, batch.slope, batch.weather, batch.bearings, batch.camera_events)
        times_ns = np.concatenate([part.envelope.time_ns for part in parts])
        if not len(times_ns):
            return
        ages_s = np.maximum((wall_ns - times_ns) / 1e9, 0.0)
        classes = np.searchsorted(BOUNDS_S, ages_s, side="left")
        self.counts += np.bincount(classes, minlength=len(self.counts))
        self.sum_s += float(ages_s.sum())
