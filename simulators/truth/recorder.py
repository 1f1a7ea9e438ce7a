"""From what is so at each instant to lines: what began, what changed, what ended, and samples in between."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, Protocol

import msgspec

from config.catalogue.model import Coordinate
from simulators.truth.records import (
    RECURRENT,
    FalseSource,
    Fault,
    Fire,
    FireReach,
    FireSample,
    Incident,
    Phones,
    Queue,
    QueueSample,
    Reception,
    RunEnd,
    SlopeFailure,
    Spot,
    TruthLine,
)
from simulators.truth.writer import TruthWriter

SAMPLE_EVERY_S = 30.0
"""Time between two samples of a queue or a fire: a tail moves at most 170 m in it, at 20 km/h. Own construction. [s]"""


@dataclass(frozen=True)
class QueueNow:
    """A queue at one instant."""

    id: str
    cause: str | None
    """Identifier of the incident at its head; None for a recurrent queue."""
    road: str
    direction: Literal["up", "down"]
    head: Spot
    tail: Spot
    length_m: float
    speed_kmh: float


@dataclass(frozen=True)
class FireNow:
    """A fire at one instant, with all that it has reached so far."""

    fire: Fire
    """Without its end."""
    area_ha: float
    perimeter: tuple[Coordinate, ...] = ()
    reached: tuple[FireReach, ...] = ()
    smoke: tuple[Coordinate, ...] = ()
    """Places on roads where its smoke leaves little sight."""


@dataclass(frozen=True)
class Snapshot:
    """All that is so at one instant. What is no longer in it is over.

    Incidents, false sources and faults are given without an end; slopes from the onset of their creep on, and for ever
    after. ``phones`` and ``receptions`` are new lines.
    """

    incidents: tuple[Incident, ...] = ()
    queues: tuple[QueueNow, ...] = ()
    slopes: tuple[SlopeFailure, ...] = ()
    fires: tuple[FireNow, ...] = ()
    false_sources: tuple[FalseSource, ...] = ()
    faults: tuple[Fault, ...] = ()
    phones: tuple[Phones, ...] = ()
    receptions: tuple[Reception, ...] = ()


class TruthSource(Protocol):
    """A simulation that knows what is so."""

    def snapshot(self, time_s: float) -> Snapshot:
        """Return what is so at an instant of simulation time, that of the last step or later [s]."""


Lasting = Incident | Queue | FalseSource | Fault
"""What begins, lasts and ends."""


@dataclass
class TruthRecorder:
    """Writes the truth of a run, snapshot after snapshot.

    Parameters
    ----------
    writer
        Where to.
    start
        Device time at simulation time 0.
    """

    writer: TruthWriter
    start: datetime
    _open: dict[tuple[str, ...], Lasting] = field(default_factory=dict, init=False)
    _starts: dict[tuple[str, ...], datetime] = field(default_factory=dict, init=False)
    _slopes: dict[str, SlopeFailure] = field(default_factory=dict, init=False)
    _fires: dict[str, Fire] = field(default_factory=dict, init=False)
    _reached: set[tuple[str, str, str]] = field(default_factory=set, init=False)
    _sampled_s: dict[tuple[str, str], float] = field(default_factory=dict, init=False)

    def observe(self, snapshot: Snapshot, time_s: float) -> None:
        """Write what is new since the last snapshot.

        Parameters
        ----------
        snapshot
            What is so now.
        time_s
            Simulation time, not before that of the last call. [s]
        """
        now = self.start + timedelta(seconds=time_s)
        lines: list[TruthLine] = []
        queues = [
            Queue(id=one.id, cause=one.cause or RECURRENT, road=one.road, direction=one.direction, start=now)
            for one in snapshot.queues
        ]
        there: list[Lasting] = [*snapshot.incidents, *queues, *snapshot.false_sources, *snapshot.faults]
        lines += self._changes(there, now)
        lines += self._samples(snapshot.queues, now, time_s)
        for slope in snapshot.slopes:
            if self._slopes.get(slope.id) != slope:
                self._slopes[slope.id] = slope
                lines.append(slope)
        lines += self._burning(snapshot.fires, now, time_s)
        self.writer.add([*lines, *snapshot.phones, *snapshot.receptions])

    def close(self, time_s: float) -> None:
        """Write that the run is over; what goes on then has no end."""
        self.writer.add([RunEnd(time=self.start + timedelta(seconds=time_s))])

    def _changes(self, there: Iterable[Lasting], now: datetime) -> list[TruthLine]:
        """Return a line for all that began, changed or ended.

        Something keeps the start of its first line, also when it comes back after it was over: a line of the same name
        takes the place of the one before.
        """
        lines: list[TruthLine] = []
        seen = set()
        for one in there:
            name = _name(one)
            seen.add(name)
            start = self._starts.setdefault(name, one.start)
            same = msgspec.structs.replace(one, start=start)
            if self._open.get(name) != same:
                self._open[name] = same
                lines.append(same)
        over = [name for name in self._open if name not in seen]
        return lines + [msgspec.structs.replace(self._open.pop(name), end=now) for name in over]

    def _samples(self, queues: Iterable[QueueNow], now: datetime, time_s: float) -> list[TruthLine]:
        return [
            QueueSample(
                queue=one.id,
                time=now,
                head=one.head,
                tail=one.tail,
                length_m=one.length_m,
                speed_kmh=one.speed_kmh,
            )
            for one in queues
            if self._is_due("queue", one.id, time_s)
        ]

    def _burning(self, fires: Iterable[FireNow], now: datetime, time_s: float) -> list[TruthLine]:
        lines: list[TruthLine] = []
        there = set()
        for one in fires:
            name = one.fire.id
            there.add(name)
            if name not in self._fires:
                self._fires[name] = one.fire
                lines.append(one.fire)
            if self._is_due("fire", name, time_s):
                sample = FireSample(fire=name, time=now, area_ha=one.area_ha, perimeter=one.perimeter, smoke=one.smoke)
                lines.append(sample)
            for reach in one.reached:
                what = (reach.fire, reach.target_kind, reach.target)
                if what not in self._reached:
                    self._reached.add(what)
                    lines.append(reach)
        for name in [name for name, fire in self._fires.items() if name not in there and fire.out is None]:
            self._fires[name] = msgspec.structs.replace(self._fires[name], out=now)
            lines.append(self._fires[name])
        return lines

    def _is_due(self, kind: str, name: str, time_s: float) -> bool:
        last_s = self._sampled_s.get((kind, name))
        if last_s is not None and time_s - last_s < SAMPLE_EVERY_S:
            return False
        self._sampled_s[kind, name] = time_s
        return True


def _name(one: Lasting) -> tuple[str, ...]:
    """Return what tells something from all else; a fault has no name of its own."""
    if isinstance(one, Fault):
        return "Fault", one.device, one.fault, one.start.isoformat()
    return type(one).__name__, one.id
