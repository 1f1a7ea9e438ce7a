"""Lanes of detection stations: samples laid out one behind the other, and spread over a (message, lane) grid."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from operator import attrgetter
from typing import NamedTuple

import numpy as np

from sensors.columns import Envelope, Floats, Ints, Received, VdsColumns, envelope
from sensors.observations import LaneSample, VdsObservation

_lanes_of = attrgetter("lanes")


class LaneSamples(NamedTuple):
    """The lanes of some stations' samples, one behind the other; shape (n_sample,)."""

    message: Ints
    """Place of the message."""
    lane: Ints
    """Number of the lane, from 1."""
    samples: list[LaneSample]


def lane_samples(messages: Sequence[VdsObservation]) -> LaneSamples:
    """Lay the lanes of some messages out one behind the other."""
    lanes = list(map(_lanes_of, messages))
    counts = np.fromiter(map(len, lanes), dtype=np.int64, count=len(lanes))
    samples = list(chain.from_iterable(lanes))
    lane = np.fromiter(map(attrgetter("lane"), samples), dtype=np.int64, count=len(samples))
    return LaneSamples(np.repeat(np.arange(len(lanes)), counts), lane, samples)


def vds_grid(messages: Sequence[VdsObservation], head: Envelope, laid: LaneSamples, n_lane: int) -> VdsColumns:
    """Spread lane samples over a (message, lane) grid.

    Raises
    ------
    IndexError
        If a lane number is above ``n_lane``; whoever accepts messages holds them against the station's lanes first.
    """
    count = len(laid.samples)
    at = (laid.message, laid.lane - 1)

    def grid(name: str, *, complete: bool) -> Floats:
        values = map(attrgetter(name), laid.samples)
        # numpy reads None as NaN out of a list, but not out of an iterator.
        column = np.fromiter(values, np.float64, count) if complete else np.array(list(values), dtype=np.float64)
        spread = np.full((len(messages), n_lane), np.nan)
        spread[at] = column
        return spread

    return VdsColumns(
        envelope=head,
        period_s=np.fromiter(map(attrgetter("period_s"), messages), np.float64, len(messages)),
        fault=np.array([message.fault is not None for message in messages], dtype=np.bool_),
        volume=grid("volume", complete=True),
        speed_kmh=grid("speed_kmh", complete=False),
        occupancy_pct=grid("occupancy_pct", complete=True),
        heavy=grid("heavy", complete=False),
    )


def vds_columns(items: Sequence[Received[VdsObservation]], start: int, n_lane: int) -> VdsColumns:
    """Columns of detection stations' samples.

    Raises
    ------
    IndexError
        As `vds_grid`.
    """
    messages = [item.message for item in items]
    return vds_grid(messages, envelope(items, start), lane_samples(messages), n_lane)
