"""How old each device's newest word is: fresh, stale or unknown. Unknown is not fine."""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engine.thresholds import FreshnessThresholds
from sensors.columns import Envelope, Ints, StatusColumns

NEVER: int = np.iinfo(np.int64).min
"""Stands in a column of times for a time that has not been yet."""
_NS = 1_000_000_000


class Freshness(enum.IntEnum):
    """State of knowledge about one device."""

    UNKNOWN = 0
    STALE = 1
    FRESH = 2


@dataclass(frozen=True)
class FreshnessState:
    """Columns of shape (n_device,) over the dense index of all kinds.

    Attributes
    ----------
    time_ns, received_ns : ndarray, int64
        Device time and arrival of the newest sample by device time; ``NEVER`` before the first. [ns since 1970 UTC]
    seq : ndarray, int64
        Sequence number of that sample.
    online : ndarray, int8
        1, 0, or -1 when the device never said.
    state : ndarray, int8
        A `Freshness` as of the last step.
    """

    time_ns: Ints
    received_ns: Ints
    seq: Ints
    online: NDArray[np.int8]
    state: NDArray[np.int8]

    @classmethod
    def initial(cls, n_device: int) -> FreshnessState:
        """Return the state in which nothing was ever heard."""
        return cls(
            time_ns=np.full(n_device, NEVER, dtype=np.int64),
            received_ns=np.full(n_device, NEVER, dtype=np.int64),
            seq=np.full(n_device, -1, dtype=np.int64),
            online=np.full(n_device, -1, dtype=np.int8),
            state=np.zeros(n_device, dtype=np.int8),
        )


def hear(state: FreshnessState, envelope: Envelope) -> FreshnessState:
    """Note samples that carry a fresh value; one older than the newest known changes nothing.

    Parameters
    ----------
    state : FreshnessState
    envelope : Envelope
        Of shape (n_message,), several per device allowed, in any order.

    Returns
    -------
    FreshnessState

    Notes
    -----
    Of samples with one device time the one that arrived last counts, then the one with the highest number.

    Source
    ------
    Own construction.
    """
    if len(envelope) == 0:
        return state
    order = np.lexsort((envelope.seq, envelope.received_ns, envelope.time_ns, envelope.device))
    device = envelope.device[order]
    last = np.append(device[1:] != device[:-1], True)
    device, newest = device[last], order[last]
    newer = envelope.time_ns[newest] > state.time_ns[device]
    device, newest = device[newer], newest[newer]
    time_ns, received_ns, seq = state.time_ns.copy(), state.received_ns.copy(), state.seq.copy()
    time_ns[device] = envelope.time_ns[newest]
    received_ns[device] = envelope.received_ns[newest]
    seq[device] = envelope.seq[newest]
    return replace(state, time_ns=time_ns, received_ns=received_ns, seq=seq)


def report(state: FreshnessState, status: StatusColumns) -> FreshnessState:
    """Note what devices say of themselves; a status with a new frame also counts as being heard.

    Parameters
    ----------
    state : FreshnessState
    status : StatusColumns
        Of shape (n_message,); of several of one device the one that arrived last says whether it is online.

    Returns
    -------
    FreshnessState

    Notes
    -----
    Arrival and not device time decides, for a last will bears the time of the connection that died, which is older than
    all that was sent over it. A device that is offline stays so until a status says otherwise.

    Source
    ------
    Own construction; that liveness must hang on a fresh frame and not on a repeated one is the lesson of a
    heartbeat fault in an open fire-camera system.
    """
    if len(status.envelope) == 0:
        return state
    online = state.online.copy()
    envelope = status.envelope
    order = np.lexsort((envelope.seq, envelope.time_ns, envelope.received_ns, envelope.device))
    device = envelope.device[order]
    last = np.append(device[1:] != device[:-1], True)
    online[device[last]] = status.online[order[last]]
    state = replace(state, online=online)
    speaks = status.online & status.fresh
    return hear(state, status.envelope.take(speaks))


def judge(
    state: FreshnessState, period_s: NDArray[np.float64], now_ns: int, thresholds: FreshnessThresholds
) -> FreshnessState:
    """Say of each device whether what it told is fresh, stale or unknown.

    Parameters
    ----------
    state : FreshnessState
    period_s : ndarray, shape (n_device,), float64
        How often each should speak, > 0. [s]
    now_ns : int
        Engine time. [ns since 1970 UTC]
    thresholds : FreshnessThresholds

    Returns
    -------
    FreshnessState
        With ``state`` filled in: unknown when never heard, offline, or silent for ``unknown_after_periods``;
        stale when silent for ``stale_after_periods``; else fresh.

    Notes
    -----
    Silence counts from arrival, or from device time plus ``clock_slack_s`` if that is earlier: a clock that is a little
    off does no harm, and what a device kept for hours and sends now is as old as it says.

    Source
    ------
    Own construction.
    """
    heard = state.received_ns != NEVER
    believed_ns = np.where(heard, state.time_ns, 0) + int(thresholds.clock_slack_s.value * _NS)
    age_s = np.where(heard, (now_ns - np.minimum(state.received_ns, believed_ns)) / _NS, np.inf)
    result = np.full(period_s.shape, Freshness.FRESH, dtype=np.int8)
    result[age_s > thresholds.stale_after_periods.value * period_s] = Freshness.STALE
    result[(age_s > thresholds.unknown_after_periods.value * period_s) | (state.online == 0)] = Freshness.UNKNOWN
    return replace(state, state=result)
