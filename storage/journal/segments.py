"""The files of the journal: each a run of frames under the position of its first byte.

::

    journal/                       0700
        lock                       held (flock) by the one process that writes
        00000000000000000000.journal
        00000000000067108912.journal

A position counts the bytes of all segments since the journal was begun; it never changes, also when old segments go.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec

from storage.errors import JournalError
from storage.journal.frames import HEAD_BYTES, Frame, Kind, build, find_frame, kind_of, length_of, seed_of

_LONGEST_HEAD = 4096
_NAME = re.compile(r"(\d{20})\.journal")


class SegmentHead(msgspec.Struct, frozen=True, kw_only=True):
    """First frame of a segment."""

    journal: str
    """Identity of the journal, made when it was begun."""
    start: int
    """Position of this frame."""
    made_ns: int
    """[ns since 1970 UTC]"""
    region: str
    """What the messages are to be read with: name and digest of the region's catalogue."""


class Segment(NamedTuple):
    """A file of the journal."""

    path: Path
    start: int
    """Position of its first byte."""
    size: int
    """[bytes]"""

    @property
    def end(self) -> int:
        """Position behind its last byte, whole or not."""
        return self.start + self.size


def list_segments(folder: Path) -> list[Segment]:
    """Return the segments of a folder in their order; an empty folder, or none, has none.

    Raises
    ------
    JournalError
        If the folder cannot be read.
    """
    found = []
    try:
        for path in folder.iterdir() if folder.is_dir() else ():
            match = _NAME.fullmatch(path.name)
            if match is not None:
                found.append(Segment(path, int(match[1]), path.stat().st_size))
    except OSError as exc:
        raise JournalError(f"{folder}: expected a folder of the journal, cannot be read ({exc.strerror})") from None
    return sorted(found, key=lambda one: one.start)


def segment_path(folder: Path, start: int) -> Path:
    """Return the file of the segment that begins at a position."""
    return folder / f"{start:020d}.journal"


def head_frame(head: SegmentHead) -> bytes:
    """Return the first frame of a segment."""
    return b"".join(build(Kind.HEAD, [msgspec.msgpack.encode(head)]))


def read_head(segment: Segment) -> SegmentHead:
    """Return the head of a segment.

    Raises
    ------
    JournalError
        If it has none, or one of another place, or cannot be read.
    """
    with _opened(segment) as file:
        return _head(segment, file)


def read_segment(segment: Segment, start: int | None = None) -> Iterator[Frame]:
    """Yield the undamaged frames of a segment, its head included, one in memory at a time.

    Damage is passed over: whoever reads sees it as a `Frame.start` that is not the `Frame.end` before it. What a kill
    left unfinished at the end is not there at all.

    Parameters
    ----------
    start
        Position of the first frame; None for the whole segment.

    Raises
    ------
    JournalError
        If the file cannot be read or has no head, or the position lies outside of it.
    """
    with _opened(segment) as file:
        if start is not None and not segment.start <= start <= segment.start + os.fstat(file.fileno()).st_size:
            raise JournalError(f"{segment.path}: expected a position in this file, was {start}")
        head = _head(segment, file)
        seed = seed_of(head.journal)
        at = segment.start + file.tell()
        if start is None or start < at:
            yield Frame(Kind.HEAD, segment.start, at, msgspec.msgpack.encode(head))
        else:
            at = start
            file.seek(at - segment.start)
        while begun := file.read(HEAD_BYTES):
            length = length_of(begun)
            body = b"" if length is None else file.read(length)
            kind = kind_of(begun, body, seed)
            if kind is None:
                at += find_frame(begun + body + file.read(), 1, seed)
                file.seek(at - segment.start)
                continue
            end = at + HEAD_BYTES + len(body)
            yield Frame(kind, at, end, body)
            at = end


@contextlib.contextmanager
def _opened(segment: Segment) -> Iterator[BinaryIO]:
    try:
        with segment.path.open("rb") as file:
            yield file
    except OSError as exc:
        problem = (exc.strerror or str(exc)).lower()
        raise JournalError(f"{segment.path}: expected a segment of the journal, cannot be read ({problem})") from None


def _head(segment: Segment, file: BinaryIO) -> SegmentHead:
    """Read the first frame, which leaves the file behind it."""
    head = file.read(HEAD_BYTES)
    body = file.read(min(length_of(head) or 0, _LONGEST_HEAD))
    found = _decoded(body) if kind_of(head, body) is Kind.HEAD else None
    if found is None or found.start != segment.start:
        raise JournalError(f"{segment.path}: expected a segment of the journal, was something else")
    return found


def has_head(segment: Segment) -> bool:
    """Tell whether a segment's head was finished; without one it holds nothing."""
    try:
        read_head(segment)
    except JournalError:
        return False
    return True


def whole_end(segment: Segment) -> int:
    """Return the position behind the last undamaged frame of a segment.

    Raises
    ------
    JournalError
        If the file cannot be read or has no head.
    """
    with _opened(segment) as file:
        _head(segment, file)
        end = segment.start + file.tell()
    for frame in read_segment(segment):
        end = frame.end
    return end


def _decoded(body: bytes) -> SegmentHead | None:
    try:
        return msgspec.msgpack.decode(body, type=SegmentHead)
    except msgspec.MsgspecError:
        return None
