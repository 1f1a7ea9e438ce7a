"""Which rows are new for certain, and which may be in the tables already."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ingest.batching import Tick
from sensors.columns import to_ns
from storage.series import SeriesRows
from storage.writer_batches import DeviceEvent

_NEVER = np.iinfo(np.int64).min


class Sorted(NamedTuple):
    """Rows by how they are to be written."""

    series: tuple[SeriesRows, ...]
    late: tuple[SeriesRows, ...]
    events: tuple[DeviceEvent, ...]
    late_events: tuple[DeviceEvent, ...]


class Lateness:
    """Remembers the newest time stored of every device; what is not newer than that may be a repetition.

    Parameters
    ----------
    keys : ndarray, shape (n_device,), int32
        Keys of the devices in the database.
    newest
        Newest device time by key, of what is stored. [ns since 1970 UTC]
    """

    def __init__(self, keys: NDArray[np.int32], newest: Mapping[int, int]) -> None:
        self._series_ns = np.full(int(keys.max(initial=0)) + 1, _NEVER, dtype=np.int64)
        for key, time_ns in newest.items():
            if key < len(self._series_ns):
                self._series_ns[key] = time_ns
        self._event_ns = self._series_ns.copy()

    def sort(self, tick: Tick) -> Sorted:
        """Sort the rows of a tick, and remember their times; ticks come in the order of the journal."""
        fresh, late = [], []
        for rows in tick.series:
            device = rows.columns["device"].astype(np.int64)
            time_ns = rows.columns["time"].astype(np.int64)
            old = time_ns <= self._series_ns[device]
            if old.any():
                late.append(rows.where(old))
                fresh.append(rows.where(~old))
            else:
                fresh.append(rows)
            np.maximum.at(self._series_ns, device, time_ns)
        events: list[DeviceEvent] = []
        late_events: list[DeviceEvent] = []
        for event in tick.events:
            at_ns = to_ns(event.time)
            (events if at_ns > self._event_ns[event.device] else late_events).append(event)
            self._event_ns[event.device] = max(self._event_ns[event.device], at_ns)
        return Sorted(tuple(rows for rows in fresh if len(rows)), tuple(late), tuple(events), tuple(late_events))
