"""What can be true of a message: its time against the clock, its lanes against the station. Alone, and as columns."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from config.catalogue.model import DeviceKind
from config.numbers import Number
from sensors.codec import LATEST
from sensors.columns import Ints, times_ns, to_ns
from sensors.errors import DecodeError
from sensors.lanes import LaneSamples, lane_samples
from sensors.observations import Message, TowerEvent, VdsObservation
from sensors.registry import Registry

OLDEST = datetime(2000, 1, 1, tzinfo=UTC)
"""No device spoke before; a clock that lost its battery begins in 1970 or 1980."""
_NS = 1_000_000_000


class LookedAt(NamedTuple):
    """What had to be laid out to check some observations, for whoever goes on with them."""

    time_ns: Ints
    lanes: LaneSamples | None
    """Of detection stations."""


class Believer:
    """Holds messages against the clock and the region.

    Parameters
    ----------
    registry
        Devices of the region.
    plausibility
        Numbers of ``config/thresholds/plausibility.toml``.
    """

    def __init__(self, registry: Registry, plausibility: dict[str, Number]) -> None:
        self._lanes = registry.lanes.astype(np.int64)
        self._first_station = registry.start["vds"]
        self._max_ahead_ns = int(plausibility["max_ahead_s"].value * _NS)
        self._oldest_ns, self._latest_ns = to_ns(OLDEST), to_ns(LATEST)

    def look_at(
        self, kind: DeviceKind, device: Ints, messages: Sequence[Any], received_ns: Ints
    ) -> tuple[NDArray[np.bool_], LookedAt]:
        """Tell which observations of one kind can be true; the same answer as `check`, for all of them at once.

        Parameters
        ----------
        device, received_ns : ndarray, shape (n,), int64
            Dense index, and arrival. [ns since 1970 UTC]
        messages
            Observations of the kind, n of them.

        Returns
        -------
        good : ndarray, shape (n,), bool
        looked_at : LookedAt
        """
        time_ns = times_ns(messages)
        good: NDArray[np.bool_] = (
            (time_ns - self._max_ahead_ns <= received_ns) & (time_ns >= self._oldest_ns) & (time_ns < self._latest_ns)
        )
        if kind != "vds":
            return good, LookedAt(time_ns, None)
        laid = lane_samples(messages)
        lane = laid.values.lane
        beyond = lane > self._lanes[device - self._first_station][laid.message]
        good[laid.message[beyond]] = False
        # At most sixteen lanes: each pair of message and lane has a number of its own.
        pair = laid.message * 32 + lane
        if not (pair[1:] > pair[:-1]).all():  # nearly all stations name their lanes in order
            pair = np.sort(pair)
            good[pair[1:][pair[1:] == pair[:-1]] // 32] = False
        return good, LookedAt(time_ns, laid)

    def check(self, message: Message, device: int, received_ns: int) -> None:
        """Hold a message against the clock and the region.

        Raises
        ------
        DecodeError
            If it cannot be true.
        """
        self.check_time(message, received_ns)
        if isinstance(message, TowerEvent) and not message.detection.isprintable():
            raise DecodeError("detection", f"expected printable text, was {message.detection!r}")
        if isinstance(message, VdsObservation):
            lanes = int(self._lanes[device - self._first_station])
            numbers = [sample.lane for sample in message.lanes]
            for place, lane in enumerate(numbers):
                if lane > lanes:
                    raise DecodeError(f"lanes[{place}].lane", f"expected a lane out of 1 to {lanes}, was {lane}")
                if lane in numbers[:place]:
                    raise DecodeError(f"lanes[{place}].lane", f"expected each lane once, was {lane} again")

    def check_time(self, message: Message, received_ns: int) -> None:
        """Hold a message's time against its arrival.

        Raises
        ------
        DecodeError
            If it lies too far ahead, or before the first of all devices.
        """
        ahead_ns = to_ns(message.time) - received_ns
        if ahead_ns > self._max_ahead_ns:
            raise DecodeError(
                "time",
                f"expected at most {self._max_ahead_ns / _NS:.0f} s ahead of arrival, was {ahead_ns / _NS:.0f} s ahead",
            )
        if message.time < OLDEST:
            raise DecodeError("time", f"expected a time after {OLDEST:%Y-%m-%d}, was {message.time.isoformat()}")
