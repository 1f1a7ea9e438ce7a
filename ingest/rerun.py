"""A past hour once more: out of the journal, through the engine as it is today, with its thresholds or others."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from engine.findings import Finding
from ingest.core import Core
from ingest.recording import arrived_of
from ingest.recovery import findings_of
from ingest.state_codec import MemoryFormatError, decode_memory
from sensors.columns import from_ns
from storage.errors import JournalError
from storage.journal.frames import Frame, Kind
from storage.journal.read import read_frames
from storage.journal.segments import Segment, list_segments, read_head
from storage.journal.ticks import decode_tick


class Span(msgspec.Struct, frozen=True):
    """Engine times that the journal holds, in nanoseconds since 1970 UTC."""

    first_ns: int
    last_ns: int


@dataclass
class Rerun:
    """What came of it.

    Attributes
    ----------
    was
        What was said then, out of the journal, in its order.
    found
        What the engine says now.
    begun_from
        ``memory``: from what the engine remembered then, so that the same thresholds must give the same findings.
        ``nothing``: nothing older is kept, or it is of another version; findings that began before are found anew.
    unreadable
        Ticks whose findings of then are of another version of the engine.
    """

    was: list[Finding] = field(default_factory=list)
    found: list[Finding] = field(default_factory=list)
    begun_from: str = "nothing"
    ticks: int = 0
    messages: int = 0
    first_ns: int = 0
    last_ns: int = 0
    unreadable: int = 0
    gaps: int = 0

    @property
    def is_same(self) -> bool:
        """Whether the engine says now, byte for byte, what it said then."""
        return digest_of(self.was) == digest_of(self.found)


def digest_of(findings: list[Finding]) -> str:
    """Return SHA-256 of findings in their order, hexadecimal."""
    return hashlib.sha256(msgspec.msgpack.encode(findings)).hexdigest()


def span_of(folder: Path) -> Span | None:
    """Return the engine times that a journal holds; None when it holds none.

    Raises
    ------
    JournalError
        If it cannot be read.
    """
    segments = list_segments(folder)
    first = next((tick for segment in segments for tick in _ticks(folder, segment)), None)
    last = None
    for segment in reversed(segments):
        for tick in _ticks(folder, segment):
            last = tick
        if last is not None:
            break
    if first is None or last is None:
        return None
    return Span(decode_tick(first.body).now_ns, decode_tick(last.body).now_ns)


def regions_of(folder: Path) -> set[str]:
    """Return the regions, as `SegmentHead.region`, that a journal was written in."""
    return {read_head(segment).region for segment in list_segments(folder)}


def rerun(
    folder: Path,
    since_ns: int,
    until_ns: int,
    core: Core,
    progress: Callable[[int], None] = lambda _now_ns: None,
) -> Rerun:
    """Run the ticks of a time through a core that has seen nothing.

    Parameters
    ----------
    folder
        The journal; it may be in use.
    since_ns, until_ns
        Engine times: the first not before, the last before. [ns since 1970 UTC]
    core
        With today's engine and the thresholds wanted; its letters' clock is set to the ticks' own.
    progress
        Called with engine time after every tick. [ns since 1970 UTC]

    Notes
    -----
    The engine begins from its own memory nearest before ``since_ns`` and goes on silently up to there. A memory holds
    what was found with the thresholds of then: with others, what began before stays as it was until it ends.

    Raises
    ------
    JournalError
        If the journal cannot be read.
    """
    done = Rerun()
    now_ns = since_ns
    core.reader.letters.clock = lambda: from_ns(now_ns)
    said_now = False
    before: int | None = None
    for frame in _from_memory(folder, since_ns, core, done):
        done.gaps += before is not None and frame.start != before
        before = frame.end
        if frame.kind is Kind.TICK:
            record = decode_tick(frame.body)
            now_ns = record.now_ns
            if now_ns >= until_ns:
                break
            computed = core.run(arrived_of(record), now_ns, record.skipped)
            said_now = now_ns >= since_ns
            if said_now:
                done.first_ns = done.first_ns or now_ns
                done.last_ns = now_ns
                done.ticks += 1
                done.messages += len(record)
                done.found += computed.findings
            progress(now_ns)
        elif frame.kind is Kind.FINDINGS and said_now:
            try:
                done.was += findings_of(frame.body)
            except ValueError:
                done.unreadable += 1
    return done


def _from_memory(folder: Path, since_ns: int, core: Core, done: Rerun) -> Iterator[Frame]:
    """Set the core to the newest readable memory before a time, and yield the frames behind it."""
    segments = list_segments(folder)
    for segment in reversed(segments):
        behind = None
        for frame in _frames(folder, segment):
            if frame.kind is not Kind.STATE:
                continue
            try:
                memory = decode_memory(frame.body, core.region)
            except MemoryFormatError:
                continue
            if memory.now_ns > since_ns:
                break
            core.state, behind = memory.state, frame.end
        if behind is not None:
            done.begun_from = "memory"
            yield from read_frames(folder, behind)
            return
    if segments:
        yield from read_frames(folder, segments[0].start)


def _ticks(folder: Path, segment: Segment) -> Iterator[Frame]:
    return (frame for frame in _frames(folder, segment) if frame.kind is Kind.TICK)


def _frames(folder: Path, segment: Segment) -> Iterator[Frame]:
    try:
        yield from read_frames(folder, segment.start, segment.end)
    except JournalError:
        return  # dropped meanwhile: history goes while somebody reads it
