"""After a kill: the engine's last memory out of the journal, and everything that came after it once more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import structlog

from engine.findings import Finding
from ingest.core import Computed, Core
from ingest.recording import arrived_of
from ingest.state_codec import Memory, MemoryFormatError, decode_memory
from sensors.columns import from_ns
from storage.errors import JournalError
from storage.journal.frames import Kind
from storage.journal.read import read_frames
from storage.journal.segments import list_segments, read_segment
from storage.journal.ticks import decode_tick

log = structlog.get_logger(__name__)


@dataclass
class Recovered:
    """What was taken up.

    Attributes
    ----------
    ticks
        How many were gone through; 0 when nothing was found.
    now_ns
        Engine time of the last of them, or of the memory. [ns since 1970 UTC]
    findings
        The newest wording of each finding since the memory, those that the database did not have then, and those that
        stand: a database that was put back to an earlier time has to hear of them again.
    """

    ticks: int = 0
    now_ns: int | None = None
    findings: dict[str, Finding] = field(default_factory=dict)


def recover(
    folder: Path,
    end: int,
    core: Core,
    now_ns: int,
    on_tick: Callable[[Computed], None] = lambda _computed: None,
    most_bytes: int = 256 << 20,
) -> Recovered:
    """Bring the engine to where it was when the process ended.

    Parameters
    ----------
    folder, end
        The journal, and the position up to which it is whole.
    core
        Whose state is set; it has seen nothing yet.
    now_ns
        Present time; a memory that is later is of another clock. [ns since 1970 UTC]
    on_tick
        Called with each tick that is gone through.
    most_bytes
        Without a memory this close to the end, the engine begins with nothing.

    Notes
    -----
    A journal that cannot be read, or a memory of another version or region, is said in the log and costs the memory: a
    control room without one must still start.
    """
    recovered = Recovered()
    live = core.reader.letters.clock
    core.reader.letters.clock = lambda: from_ns(recovered.now_ns or 0)
    try:
        at = _last_memory(folder, end, core, recovered, now_ns, most_bytes)
        for frame in () if at is None else read_frames(folder, at, end):
            if frame.kind is Kind.TICK:
                record = decode_tick(frame.body)
                recovered.now_ns = record.now_ns
                computed = core.run(arrived_of(record), record.now_ns, record.skipped)
                on_tick(computed)
                recovered.ticks += 1
                recovered.findings |= {finding.id: finding for finding in computed.findings}
    except (JournalError, ValueError) as exc:
        log.error("journal.not_taken_up", problem=str(exc))
    finally:
        core.reader.letters.clock = live
    recovered.findings = {finding.id: finding for finding in core.state.findings} | recovered.findings
    return recovered


def _last_memory(folder: Path, end: int, core: Core, recovered: Recovered, now_ns: int, most_bytes: int) -> int | None:
    """Set the core's state to the newest memory that can be read, and return the position behind it."""
    for segment in reversed(list_segments(folder)):
        if segment.end < end - most_bytes:
            return None
        found: tuple[Memory, int] | None = None
        for frame in read_segment(segment):
            if frame.end > end:
                break
            if frame.kind is Kind.STATE:
                try:
                    found = decode_memory(frame.body, core.region), frame.end
                except MemoryFormatError as exc:
                    log.warning("journal.memory_of_another_version", problem=str(exc))
        if found is not None:
            memory, at = found
            if memory.now_ns > now_ns:
                log.warning("journal.memory_of_another_clock", memory=from_ns(memory.now_ns).isoformat())
                return None
            core.state = memory.state
            recovered.now_ns = memory.now_ns
            recovered.findings |= {finding.id: finding for finding in memory.unsaved}
            return at
    return None


def findings_of(body: bytes) -> tuple[Finding, ...]:
    """Return what the engine said, out of a frame of findings.

    Raises
    ------
    ValueError
        If it is no such frame's body.
    """
    try:
        return msgspec.msgpack.decode(body, type=tuple[Finding, ...])
    except msgspec.MsgspecError as exc:
        raise ValueError(f"findings: expected those of this version of the engine, were not ({exc})") from None
