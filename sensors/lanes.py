"""Lanes of detection stations: samples laid out one behind the other, and spread over a (message, lane) grid."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from operator import attrgetter
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sensors.columns import Envelope, Floats, Ints, Received, VdsColumns, envelope
from sensors.observations import VdsObservation
from sensors.unpacking import LaneColumns, lane_columns

_lanes_of = attrgetter("lanes")
_period_of = attrgetter("period_s")
_fault_of = attrgetter("fault")


class LaneSamples(NamedTuple):
    """The lanes of some stations' samples, one behind the other; shape (n_sample,)."""

    message: Ints
    """Place of the message."""
    values: LaneColumns


def lane_samples(messages: Sequence[VdsObservation]) -> LaneSamples:
    """Lay the lanes of some messages out one behind the other."""
    lanes = list(map(_lanes_of, messages))
    counts = np.fromiter(map(len, lanes), dtype=np.int64, count=len(lanes))
    return LaneSamples(np.repeat(np.arange(len(lanes)), counts), lane_columns(list(chain.from_iterable(lanes))))


def vds_grid(messages: Sequence[VdsObservation], head: Envelope, laid: LaneSamples, n_lane: int) -> VdsColumns:
    """Spread lane samples over a (message, lane) grid.

    Raises
    ------
    IndexError
        If a lane number is above ``n_lane``; whoever accepts messages holds them against the station's lanes first.
    """
    values = laid.values
    shape = (len(messages), n_lane)
    at = laid.message * n_lane + (values.lane - 1)
    if len(at) and values.lane.max() > n_lane:
        raise IndexError(f"lane: expected 1 to {n_lane}, was {values.lane.max()}")
    # Every station with all its lanes in order is a grid already.
    complete = len(at) == shape[0] * n_lane and bool((at[1:] > at[:-1]).all())

    def grid(column: Floats) -> Floats:
        if complete:
            return column.reshape(shape)
        spread = np.full(shape, np.nan)
        spread.reshape(-1)[at] = column
        return spread

    return VdsColumns(
        envelope=head,
        period_s=np.fromiter(map(_period_of, messages), np.float64, len(messages)),
        fault=_faulty(messages),
        volume=grid(values.volume),
        speed_kmh=grid(values.speed_kmh),
        occupancy_pct=grid(values.occupancy_pct),
        heavy=grid(values.heavy),
    )


def _faulty(messages: Sequence[VdsObservation]) -> NDArray[np.bool_]:
    """Tell which stations call themselves faulty."""
    said = list(map(_fault_of, messages))
    if said.count(None) == len(said):
        return np.zeros(len(said), dtype=np.bool_)
    return np.array([words is not None for words in said], dtype=np.bool_)


def vds_columns(items: Sequence[Received[VdsObservation]], start: int, n_lane: int) -> VdsColumns:
    """Columns of detection stations' samples.

    Raises
    ------
    IndexError
        As `vds_grid`.
    """
    messages = [item.message for item in items]
    return vds_grid(messages, envelope(items, start), lane_samples(messages), n_lane)
