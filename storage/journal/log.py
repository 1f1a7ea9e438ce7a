"""Writing the journal: one thread, group commit, repair at the start, disk full as a state and not a crash."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from storage.errors import JournalError
from storage.journal.frames import Bytes, Kind, build, seed_of
from storage.journal.model import JournalLimits, JournalState, JournalStatus
from storage.journal.segments import (
    Segment,
    SegmentHead,
    has_head,
    head_frame,
    list_segments,
    read_head,
    segment_path,
    whole_end,
)

_RETRY_S = 0.5
_IOV = 512
"""Buffers in one call of ``writev``; the kernel takes 1,024."""


class _Frame(NamedTuple):
    new_segment: bool
    buffers: list[Bytes]
    size: int


class Journal:
    """The one writer of a journal.

    Parameters
    ----------
    folder
        Made when missing.
    region
        What `SegmentHead.region` says.
    now_ns
        The wall's time, for heads. [ns since 1970 UTC]
    on_durable
        Called in the journal's thread with the position up to which all is safe, each time it has grown.
    limits
        Bounds.

    Notes
    -----
    `append` never waits for the disk. Frames are written in the order of their appending; each group that has come
    together while the disk was busy is written and synced at once. When the disk refuses, the frames stay in memory,
    the state says why, and it is tried again twice a second: `is_behind` tells callers to stop.
    """

    def __init__(
        self,
        folder: Path,
        *,
        region: str,
        now_ns: Callable[[], int] = time.time_ns,
        on_durable: Callable[[int], None] = lambda _position: None,
        limits: JournalLimits | None = None,
    ) -> None:
        self.folder = folder
        self.limits = limits or JournalLimits()
        self.identity = ""
        self._seed = 0
        self._anew = False
        self._region = region
        self._now_ns = now_ns
        self._on_durable = on_durable
        self._lock: int | None = None
        self._file: int | None = None
        self._segments: list[Segment] = []
        self._kept_bytes = 0
        self._written = 0
        self._waiting: list[_Frame] = []
        self._waiting_bytes = 0
        self._more = threading.Condition()
        self._urgent = False
        self._closing = False
        self._thread: threading.Thread | None = None
        self._needed = self._segment_start = 0
        self._end = self._durable = 0
        self._fault: str | None = None
        self._longest_sync_s = 0.0

    def open(self) -> None:
        """Take the folder, cut off what a kill left unfinished, and start the thread.

        Raises
        ------
        JournalError
            If the folder cannot be used, another process writes there, or its files are no journal.
        """
        self._take_folder()
        try:
            self._take_up()
        except OSError as exc:
            self._let_go()
            raise JournalError(f"{self.folder}: expected to be writable, was not ({_word(exc)})") from None
        except JournalError:
            self._let_go()
            raise
        self._thread = threading.Thread(target=self._work, name="journal", daemon=True)
        self._thread.start()

    def _take_folder(self) -> None:
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._let_go()
            raise JournalError(f"{self.folder}: expected a journal of our own, another process writes to it") from None
        except OSError as exc:
            self._let_go()
            raise JournalError(
                f"{self.folder}: expected a folder that can be written, was not ({_word(exc)})"
            ) from None

    def _take_up(self) -> None:
        self._segments = list_segments(self.folder)
        # A segment whose head was not finished holds nothing: it was being begun.
        while len(self._segments) > 1 and not has_head(self._segments[-1]):
            self._segments.pop().path.unlink()
        if self._segments and self._segments[-1].start == 0 and not self._segments[-1].size:
            self._segments.pop().path.unlink()
        self.identity = read_head(self._segments[-1]).journal if self._segments else uuid.uuid4().hex
        self._seed = seed_of(self.identity)
        if self._segments:
            last = self._segments[-1]
            end = whole_end(last)
            self._segments[-1] = last._replace(size=end - last.start)
            self._reopen()
            self._written = self._end = self._durable = end
            self._segment_start = last.start
        self._kept_bytes = sum(one.size for one in self._segments)

    def append(self, kind: Kind, parts: Sequence[Bytes], *, new_segment: bool = False, urgent: bool = True) -> int:
        """Take a frame and return the position behind it; safe once `on_durable` has been called with that.

        Parameters
        ----------
        new_segment
            Begin a segment with this frame.
        urgent
            Sync as soon as the disk is free; otherwise within ``sync_s`` or with the next urgent one.

        Raises
        ------
        ValueError
            If the frame is too long.
        """
        buffers = build(kind, parts, self._seed)
        size = sum(len(part) for part in buffers)
        with self._more:
            if new_segment or self._anew or not self._end:
                self._anew = False
                self._segment_start = self._end
                head = head_frame(
                    SegmentHead(journal=self.identity, start=self._end, made_ns=self._now_ns(), region=self._region)
                )
                buffers, size, new_segment = [head, *buffers], size + len(head), True
            self._end += size
            self._waiting.append(_Frame(new_segment, buffers, size))
            self._waiting_bytes += size
            self._urgent |= urgent
            if urgent:
                self._more.notify()
            return self._end

    @property
    def end(self) -> int:
        """Position behind the last frame taken."""
        return self._end

    @property
    def durable(self) -> int:
        """Position up to which all is safe."""
        return self._durable

    @property
    def is_behind(self) -> bool:
        """Whether so much waits for the disk that nothing more should be appended."""
        return self._waiting_bytes >= self.limits.pending_bytes

    @property
    def wants_segment(self) -> bool:
        """Whether the present segment is long enough."""
        return self._end - self._segment_start >= self.limits.segment_bytes

    @property
    def status(self) -> JournalStatus:
        """How it is now."""
        state: JournalState = "down" if self._fault else "degraded" if self.is_behind else "up"
        reason = self._fault or (f"{self._waiting_bytes} bytes wait for the disk" if self.is_behind else None)
        return JournalStatus(
            state,
            reason,
            self._end,
            self._durable,
            self._kept_bytes,
            len(self._segments),
            self._longest_sync_s,
        )

    def begin_anew(self) -> None:
        """Go on under another identity, from the next frame on, which begins a segment. Nothing may wait by now."""
        self.identity = uuid.uuid4().hex
        self._seed = seed_of(self.identity)
        self._anew = True

    def release(self, position: int) -> None:
        """Say that nothing before a position is needed any more, except as history."""
        self._needed = max(self._needed, position)

    def close(self) -> None:
        """Write what waits, if the disk takes it at once, and let the folder go."""
        with self._more:
            self._closing = True
            self._more.notify()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self._let_go()

    def _let_go(self) -> None:
        self._close_file()
        descriptor, self._lock = self._lock, None
        if descriptor is not None:
            os.close(descriptor)

    @property
    def is_alive(self) -> bool:
        """Whether somebody writes; not so when the thread ended by a fault of ours, or before `open`."""
        return self._thread is not None and self._thread.is_alive()

    def _work(self) -> None:
        try:
            self._write_groups()
        except BaseException as exc:
            self._fault = f"the journal's thread ended: {exc!r}"
            raise

    def _write_groups(self) -> None:
        while True:
            with self._more:
                if not self._urgent and not self._closing:
                    self._more.wait(self.limits.sync_s)
                group, self._waiting = self._waiting, []
                self._urgent = False
                closing = self._closing
            if not group:
                if closing:
                    return
                continue
            while group and not self._try(group):
                if self._closing:
                    return
                with self._more:
                    self._more.wait(_RETRY_S)

    def _try(self, group: list[_Frame]) -> bool:
        """Write and sync a group; when the disk refuses, take all of it back: a failed sync may have lost any part."""
        began_s = time.monotonic()
        before = (list(self._segments), self._written, self._kept_bytes)
        try:
            self._check_room(sum(frame.size for frame in group))
            place = 0
            while place < len(group):
                stop = place + 1
                while stop < len(group) and not group[stop].new_segment:
                    stop += 1
                if group[place].new_segment:
                    self._begin_segment()
                self._write(group[place:stop])
                place = stop
            self._sync()
        except OSError as exc:
            self._fault = _word(exc)
            with contextlib.suppress(OSError):
                self._roll_back(*before)
            return False
        self._fault = None
        self._longest_sync_s = max(self._longest_sync_s, time.monotonic() - began_s)
        with self._more:
            self._waiting_bytes -= sum(frame.size for frame in group)
        self._durable = self._written
        self._on_durable(self._durable)
        self._drop_old()
        return True

    def _sync(self) -> None:
        if self._file is not None:
            os.fdatasync(self._file)

    def _check_room(self, size: int) -> None:
        self._drop_old()
        if self._kept_bytes + size > self.limits.most_bytes:
            raise OSError(errno.EDQUOT, f"the journal holds {self._kept_bytes} bytes that are still needed")
        free = shutil.disk_usage(self.folder).free
        if free - size < self.limits.min_free_bytes:
            raise OSError(errno.ENOSPC, f"only {free} bytes are free on the disk of {self.folder}")

    def _begin_segment(self) -> None:
        self._sync()
        self._close_file()
        path = segment_path(self.folder, self._written)
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        directory = os.open(self.folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(directory)  # the name must survive as well as what is in it
        finally:
            os.close(directory)
        self._segments = [*self._segments, Segment(path, self._written, 0)]

    def _write(self, frames: Sequence[_Frame]) -> None:
        if self._file is None:
            raise OSError(errno.EBADF, "no segment is open")
        buffers = [buffer for frame in frames for buffer in frame.buffers]
        for at in range(0, len(buffers), _IOV):
            part = buffers[at : at + _IOV]
            done = os.writev(self._file, part)
            if done < sum(len(one) for one in part):  # a disk that fills up takes less; what is left then says why
                rest = memoryview(b"".join(part))[done:]
                while rest:
                    rest = rest[os.write(self._file, rest) :]
        size = sum(frame.size for frame in frames)
        last = self._segments[-1]
        self._segments = [*self._segments[:-1], last._replace(size=last.size + size)]
        self._kept_bytes += size
        self._written += size

    def _roll_back(self, segments: list[Segment], written: int, kept_bytes: int) -> None:
        """Return to what was safe before a group was tried."""
        for begun in self._segments:
            if begun.start >= written:
                begun.path.unlink(missing_ok=True)
        self._segments, self._written, self._kept_bytes = segments, written, kept_bytes
        self._reopen()

    def _reopen(self) -> None:
        """Open the last segment for writing behind what is safe of it, and cut off the rest."""
        self._close_file()
        if self._segments:
            last = self._segments[-1]
            self._file = os.open(last.path, os.O_WRONLY | os.O_CLOEXEC)
            os.ftruncate(self._file, last.size)
            os.lseek(self._file, last.size, os.SEEK_SET)
            os.fsync(self._file)

    def _close_file(self) -> None:
        descriptor, self._file = self._file, None
        if descriptor is not None:
            os.close(descriptor)

    def _drop_old(self) -> None:
        while (
            len(self._segments) > 1
            and self._kept_bytes > self.limits.keep_bytes
            and self._segments[1].start <= self._needed
        ):
            oldest = self._segments[0]
            oldest.path.unlink(missing_ok=True)
            self._kept_bytes -= oldest.size
            self._segments = self._segments[1:]


def _word(exc: OSError) -> str:
    return (exc.strerror or str(exc)).strip()
