"""Bounds and state of the journal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

JournalState = Literal["up", "degraded", "down"]


@dataclass(frozen=True)
class JournalLimits:
    """Bounds of the journal; all are our own construction.

    Attributes
    ----------
    segment_bytes
        Size from which on a new segment is wanted.
    keep_bytes
        Size of all segments from which on the oldest go, of those that nobody needs any more.
    most_bytes
        Size from which on nothing is taken, for everything is still needed.
    min_free_bytes
        Space on the disk that is left to others; with less, nothing is taken.
    pending_bytes
        Bytes that wait for the disk from which on the journal is *behind*.
    sync_s
        Longest time that a frame which nobody waits for stays unsynced. [s]
    """

    segment_bytes: int = 64 << 20
    keep_bytes: int = 2 << 30
    most_bytes: int = 8 << 30
    min_free_bytes: int = 256 << 20
    pending_bytes: int = 64 << 20
    sync_s: float = 1.0


@dataclass(frozen=True)
class JournalStatus:
    """How the journal is.

    Attributes
    ----------
    state
        ``down``: nothing can be written; ``degraded``: the disk does not keep up.
    reason
        Why it is not up; None when it is.
    end, durable
        Positions up to which frames were taken, and are safe.
    kept_bytes, segments
        On the disk.
    longest_sync_s
        Of all so far. [s]
    """

    state: JournalState
    reason: str | None
    end: int
    durable: int
    kept_bytes: int
    segments: int
    longest_sync_s: float
