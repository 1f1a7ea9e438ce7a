"""Reading a run: the lines of its truth put together again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from simulators.truth.errors import RunError
from simulators.truth.folder import TRUTH_FILE, RunHeader, read_header
from simulators.truth.lines import read_lines
from simulators.truth.records import (
    FalseSource,
    Fault,
    Fire,
    FireReach,
    FireSample,
    Incident,
    Line,
    Phones,
    Queue,
    QueueSample,
    Reception,
    RunEnd,
    SlopeFailure,
    TruthLine,
)

L = TypeVar("L", bound=Line)


@dataclass(frozen=True)
class Truth:
    """What happened, each entity once, in the order in which it was first written."""

    incidents: tuple[Incident, ...] = ()
    queues: tuple[Queue, ...] = ()
    queue_samples: dict[str, tuple[QueueSample, ...]] = field(default_factory=dict)
    """By queue, in order of time."""
    slopes: tuple[SlopeFailure, ...] = ()
    fires: tuple[Fire, ...] = ()
    fire_samples: dict[str, tuple[FireSample, ...]] = field(default_factory=dict)
    """By fire, in order of time."""
    reaches: tuple[FireReach, ...] = ()
    false_sources: tuple[FalseSource, ...] = ()
    faults: tuple[Fault, ...] = ()
    phones: tuple[Phones, ...] = ()
    receptions: tuple[Reception, ...] = ()


@dataclass(frozen=True)
class Run:
    """One run."""

    header: RunHeader
    truth: Truth
    end: datetime
    """When it ended, or of what was cut short the newest time in it."""
    complete: bool
    """Whether it came to its own end."""

    @property
    def duration_s(self) -> float:
        """How long it lasted [s]."""
        return max((self.end - self.header.start).total_seconds(), 0.0)


def read_run(folder: Path) -> Run:
    """Read the header and the truth of a run.

    Raises
    ------
    RunError
        If the folder does not hold a run, a line is broken (a last one without its end is left out), a time has no
        offset, or a sample is of something that no line says began; the message names file, line or entity, and field.
    """
    header = read_header(folder)
    path = folder / TRUTH_FILE
    lines: list[Line] = []
    newest = header.start
    for number, line in enumerate(read_lines(path, TruthLine, Line), start=1):
        for name in line.__struct_fields__:
            value = getattr(line, name)
            if isinstance(value, datetime):
                if value.utcoffset() is None:
                    raise RunError(
                        f"{path}: line {number}: {name}: expected a time with its offset, was {value.isoformat()}"
                    )
                newest = max(newest, value)
        lines.append(line)
    ended = [line.time for line in lines if isinstance(line, RunEnd)]
    truth = assemble(lines, str(path))
    return Run(header, truth, ended[-1] if ended else newest, bool(ended))


def assemble(lines: Iterable[Line], source: str = TRUTH_FILE) -> Truth:
    """Put lines together: of each entity the last line, samples by what they are of.

    Raises
    ------
    RunError
        If a sample is of something that no line says began.
    """
    kept: dict[object, Line] = {}
    for line in lines:
        key = _key(line)
        kept[len(kept) if key is None else key] = line
    queues, fires = _of(kept, Queue), _of(kept, Fire)
    queue_samples: dict[str, list[QueueSample]] = {queue.id: [] for queue in queues}
    fire_samples: dict[str, list[FireSample]] = {fire.id: [] for fire in fires}
    for sample in sorted(_of(kept, QueueSample), key=lambda one: one.time):
        _put(queue_samples, sample.queue, sample, f"{source}: queue_sample: queue")
    for state in sorted(_of(kept, FireSample), key=lambda one: one.time):
        _put(fire_samples, state.fire, state, f"{source}: fire_sample: fire")
    reaches = _of(kept, FireReach)
    for reach in reaches:
        if reach.fire not in fire_samples:
            raise RunError(f"{source}: fire_reach: fire: expected a fire that began, was {reach.fire!r}")
    return Truth(
        incidents=_of(kept, Incident),
        queues=queues,
        queue_samples={name: tuple(samples) for name, samples in queue_samples.items()},
        slopes=_of(kept, SlopeFailure),
        fires=fires,
        fire_samples={name: tuple(samples) for name, samples in fire_samples.items()},
        reaches=reaches,
        false_sources=_of(kept, FalseSource),
        faults=_of(kept, Fault),
        phones=_of(kept, Phones),
        receptions=_of(kept, Reception),
    )


def _of(kept: dict[object, Line], kind: type[L]) -> tuple[L, ...]:
    return tuple(line for line in kept.values() if isinstance(line, kind))


def _put(samples: dict[str, list[L]], name: str, sample: L, where: str) -> None:
    if name not in samples:
        raise RunError(f"{where}: expected one that began, was {name!r}")
    samples[name].append(sample)


def _key(line: Line) -> tuple[str, ...] | None:
    """Return what tells an entity from others of its kind; None for lines that add up."""
    match line:
        case Incident() | Queue() | SlopeFailure() | Fire() | FalseSource():
            return type(line).__name__, line.id
        case Fault():
            return "Fault", line.device, line.fault, line.start.isoformat()
        case FireReach():
            return "FireReach", line.fire, line.target_kind, line.target
        case _:
            return None
