"""Reading the journal, while it is written or afterwards: from a position on, over all segments."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from storage.errors import JournalError
from storage.journal.frames import Frame
from storage.journal.segments import list_segments, read_segment


def read_frames(folder: Path, start: int, end: int | None = None) -> Iterator[Frame]:
    """Yield the frames from a position on, in order.

    Parameters
    ----------
    start
        Position of a frame, or of one whose segment is gone already: then the oldest there is comes first.
    end
        Position up to which to read, such as `Journal.durable`; None for all there is.

    Notes
    -----
    A gap (damage, or segments that are gone) shows as a `Frame.start` that is not the `Frame.end` before it.

    Raises
    ------
    JournalError
        If a file cannot be read.
    """
    at = start
    while end is None or at < end:
        segments = list_segments(folder)
        segment = next((one for one in reversed(segments) if one.start <= at), segments[0] if segments else None)
        if segment is None:
            return
        at = max(at, segment.start)
        if at > segment.end:
            raise JournalError(f"{folder}: expected a position up to {segment.end}, was {at}")
        for frame in read_segment(segment, at):
            if end is not None and frame.end > end:
                return
            at = frame.end
            yield frame
        # A segment ends where the next begins, unless its last frames are damaged: the next one is what counts.
        later = [one.start for one in list_segments(folder) if one.start > segment.start]
        if not later:
            return
        at = later[0]


def first_position(folder: Path) -> int | None:
    """Return the position of the oldest frame that is kept; None when there is none."""
    segments = list_segments(folder)
    return segments[0].start if segments else None


def last_segment_start(folder: Path, before: int | None = None) -> int | None:
    """Return where the newest segment begins, or the newest that begins before a position; None when there is none."""
    starts = [one.start for one in list_segments(folder) if before is None or one.start < before]
    return starts[-1] if starts else None
