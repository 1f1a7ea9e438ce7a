"""Queues under one name while they grow, move, part and join."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.traffic.fronts.extent import QueueExtents

Ints = NDArray[np.int64]

_NOBODY = -1
_NS = 1e9


@dataclass(frozen=True)
class QueueTracks:
    """Which queue each station belongs to.

    Attributes
    ----------
    owner : ndarray, shape (n_station,), int64
        Number of the queue that the station stands in, or stood in until ``forget_s`` ago; -1 = none.
    seen_ns : ndarray, shape (n_station,), int64
        When it last did. [ns since 1970 UTC]
    numbers : ndarray, shape (n_queue,), int64
        Numbers of the present queues, in the order of their extents.
    onset_ns : ndarray, shape (n_queue,), int64
        When each was first seen. [ns since 1970 UTC]
    given : int
        Numbers given so far.
    """

    owner: Ints
    seen_ns: Ints
    numbers: Ints
    onset_ns: Ints
    given: int

    @classmethod
    def initial(cls, n_station: int) -> QueueTracks:
        """Return the state without queues."""
        none = np.zeros(0, dtype=np.int64)
        return cls(
            np.full(n_station, _NOBODY, dtype=np.int64), np.zeros(n_station, dtype=np.int64), none, none.copy(), 0
        )


def track_queues(tracks: QueueTracks, extents: QueueExtents, time_ns: int, forget_s: float) -> QueueTracks:
    """Give every queue its number.

    Parameters
    ----------
    tracks : QueueTracks
    extents : QueueExtents
        Of the same stations, at ``time_ns``.
    time_ns : int
        [ns since 1970 UTC]
    forget_s : float
        A queue that formed again within this time on a station is the same one. [s]

    Returns
    -------
    QueueTracks

    Source
    ------
    Own construction: a queue goes on as the one that it shares most stations with, of equals the older; where one
    parts, the part with the largest share keeps the number.
    """
    owner = np.where(time_ns - tracks.seen_ns > forget_s * _NS, _NOBODY, tracks.owner)
    claims = []
    for place, (first, last) in enumerate(zip(extents.first.tolist(), extents.last.tolist(), strict=True)):
        names, shares = np.unique(owner[first : last + 1], return_counts=True)
        claims += [(-int(share), int(name), place) for name, share in zip(names, shares, strict=True) if name >= 0]
    numbers = np.full(len(extents), _NOBODY, dtype=np.int64)
    taken: set[int] = set()
    for _, name, place in sorted(claims):
        if numbers[place] == _NOBODY and name not in taken:
            numbers[place] = name
            taken.add(name)
    given = tracks.given
    for place in np.flatnonzero(numbers == _NOBODY).tolist():
        numbers[place] = given
        given += 1
    began = dict(zip(tracks.numbers.tolist(), tracks.onset_ns.tolist(), strict=True))
    onset_ns = np.array([began.get(name, time_ns) for name in numbers.tolist()], dtype=np.int64)
    seen_ns = tracks.seen_ns.copy()
    for name, first, last in zip(numbers.tolist(), extents.first.tolist(), extents.last.tolist(), strict=True):
        owner[first : last + 1] = name
        seen_ns[first : last + 1] = time_ns
    return QueueTracks(owner, seen_ns, numbers, onset_ns, given)
