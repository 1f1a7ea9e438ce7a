"""The cell broadcast centre of a district: takes messages for phones, repeats them on air, says which cells send."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sensors.codec import decode
from sensors.errors import DecodeError
from sensors.observations import CellAck, CellBroadcast, DeviceStatus
from sensors.topics import Stream, Topic, centre_of, format_topic
from simulators.devices.endpoint import Outbound, Quiet, Sequencer, Timebase, event, status
from simulators.devices.faults import FaultTable
from simulators.devices.schedule import Schedule
from simulators.world.people import People
from simulators.world.seeds import stream

Bools = NDArray[np.bool_]

STATUS_PERIOD_S = 60.0
OUT_OF_SERVICE_SHARE = 0.005
"""Share of the cells that send nothing in a whole run, drawn by the seed; own construction [-]."""
MOST_ON_AIR = 64
"""Messages that a centre keeps on air at once; own construction."""
MOST_RECEPTIONS = 2_000
"""Receptions kept until somebody takes them; the oldest give way."""
MOST_NAMED = 1_000
"""Failed cells that an acknowledgement names."""
MOST_ANSWERS = 256
"""Answers that a centre knows again, to answer a repetition the same way; the oldest give way."""
_UPDATE_BITS = 4


class _Answer(NamedTuple):
    """What an acknowledgement says."""

    cells_ok: int
    cells_failed: tuple[str, ...] = ()
    reason: str | None = None


class Reception(NamedTuple):
    """What one broadcast of a message reached."""

    message: str
    message_id: int
    serial: int
    time_s: float
    """Simulation time. [s]"""
    phones: dict[str, float]
    """Persons whose phones showed it now, by the identifier of the cell."""
    repeated: float
    """Persons whose phones had shown it before and dropped it."""


@dataclass
class _OnAir:
    """A message that is being repeated."""

    command: CellBroadcast
    cells: Bools
    """Which cells of the region send it."""
    first_s: float
    until_s: float
    done: int = 0

    @property
    def next_s(self) -> float:
        """When it is sent next; infinite when it is over."""
        at_s = self.first_s + self.done * self.command.repetition_s
        over = self.command.broadcasts is not None and self.done >= self.command.broadcasts
        return float("inf") if over or at_s >= self.until_s or not self.cells.any() else at_s


@dataclass
class CellBroadcastCentre(Quiet):
    """One district's centre with its own connection.

    Faults of the centre: one that `refuse`s does nothing and says so; one that is `silent` or in a `dropout` takes
    nothing and says nothing, and the base stations go on with what they have. Faults of a cell, under its own
    identifier: `silent` or `dropout` keep it from sending, from the next broadcast on.
    """

    district: str
    people: People
    time: Timebase
    faults: FaultTable
    seed: int
    time_of_day_s: Callable[[float], float]
    """Local time of day at an instant of simulation time. [s]"""
    receptions_dropped: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        sectors = self.people.sectors
        self._mine = sectors.in_district(self.district)
        self._index = {sectors.ids[cell]: cell for cell in np.flatnonzero(self._mine).tolist()}
        draws = stream(self.seed, "cell broadcast", self.district).random(len(self._index))
        self._broken = np.zeros(len(sectors), dtype=np.bool_)
        self._broken[self._mine] = draws < OUT_OF_SERVICE_SHARE
        self._own = self.faults.of([self.client_id])
        self._of_cells = self.faults.of(list(self._index))
        self._places = np.arange(len(self._index))
        self._seq = Sequencer.starting(self.time.start)
        self._status = Schedule([STATUS_PERIOD_S], early=False)
        self._on_air: dict[tuple[int, int], _OnAir] = {}
        self._answered: dict[str, _Answer] = {}
        self._receptions: deque[Reception] = deque(maxlen=MOST_RECEPTIONS)
        self._misread: str | None = None

    @property
    def client_id(self) -> str:
        """MQTT client identifier: the centre's own."""
        return centre_of(self.district)

    @property
    def filters(self) -> tuple[str, ...]:
        """The centre's own command topic."""
        return (format_topic(self._topic("command")),)

    def take_receptions(self) -> list[Reception]:
        """Return what was received since the last call, in order of time."""
        taken = list(self._receptions)
        self._receptions.clear()
        return taken

    def will(self, now: datetime) -> Outbound | None:
        """Return the state that the broker tells when the centre falls silent."""
        return self._say_status(now, online=False, fault="connection lost")

    def hello(self, now: datetime) -> list[Outbound]:
        """Say that the centre is there, unless it cannot."""
        return [] if self._is_away(self._at_s(now)) else [self._say_status(now, fault=self._fault(self._at_s(now)))]

    def goodbye(self, now: datetime) -> list[Outbound]:
        """Say that the centre goes offline, unless it cannot."""
        return [] if self._is_away(self._at_s(now)) else [self._say_status(now, online=False)]

    def due(self, time_s: float) -> list[Outbound]:
        """Let the cells send what is due, and say the status."""
        self._send(time_s)
        return [
            self._say_status(self.time.at(at_s), fault=self._fault(at_s))
            for at_s in self._status.due(time_s).at_s.tolist()
            if not self._is_away(at_s)
        ]

    def receive(self, topic: str, payload: bytes, now: datetime) -> list[Outbound]:
        """Take a command in, do it and acknowledge.

        What cannot be read is complained of in the status, which the next readable command clears.
        """
        at_s = self._at_s(now)
        if self._is_away(at_s):
            return []
        self._send(at_s)
        try:
            (command,) = decode(topic, payload).messages
        except DecodeError as exc:
            return self._not_understood(str(exc), now)
        if not isinstance(command, CellBroadcast):
            return self._not_understood(f"topic: expected a command, was {topic!r}", now)
        cleared = []
        if self._misread is not None:
            self._misread = None
            cleared.append(self._say_status(now, fault=self._fault(at_s)))
        answer = self._answered.get(command.message)
        if answer is None:
            answer = self._obey(command, at_s)
        return [*cleared, self._ack(command.message, answer, now)]

    def _obey(self, command: CellBroadcast, at_s: float) -> _Answer:
        refusal = self._refusal(command, at_s)
        if refusal is not None:
            # Not remembered: the same command may be welcome later.
            return _Answer(0, (), refusal)
        answer = self._cancel(command) if command.cancel else self._start(command, at_s)
        self._answered[command.message] = answer
        while len(self._answered) > MOST_ANSWERS:
            del self._answered[next(iter(self._answered))]
        return answer

    def _start(self, command: CellBroadcast, at_s: float) -> _Answer:
        cells, unknown = self._named(command)
        dead = cells & (self._broken | self._faulty_cells(at_s))
        failed = [*unknown, *np.array(self.people.sectors.ids)[dead].tolist()]
        self._replace(command, cells)
        until_s = float("inf") if command.expires is None else self._at_s(command.expires)
        self._on_air[command.message_id, command.serial] = _OnAir(command, cells & ~self._broken, at_s, until_s)
        self._send(at_s)
        reason = None
        if failed:
            reason = f"{failed[0]}: " + ("expected a cell of the district" if unknown else "out of service")
            reason += f", and {len(failed) - 1} more" if len(failed) > 1 else ""
        return _Answer(int(cells.sum() - dead.sum()), tuple(failed[:MOST_NAMED]), reason)

    def _cancel(self, command: CellBroadcast) -> _Answer:
        cells, _ = self._named(command)
        running = self._on_air.get((command.message_id, command.serial))
        stopped = 0
        if running is not None and running.next_s < float("inf"):
            stopped = int((running.cells & cells).sum())
            running.cells = running.cells & ~cells
        self._tidy()
        reason = None if stopped else f"expected a message on air, was none with serial {command.serial}"
        return _Answer(stopped, (), reason)

    def _named(self, command: CellBroadcast) -> tuple[Bools, list[str]]:
        """Return which cells a command means, and those of its identifiers that the district has not."""
        if command.cells is None:
            return self._mine.copy(), []
        wanted = dict.fromkeys(command.cells)
        cells = np.zeros(len(self._mine), dtype=np.bool_)
        cells[[self._index[name] for name in wanted if name in self._index]] = True
        return cells, [name for name in wanted if name not in self._index]

    def _replace(self, command: CellBroadcast, cells: Bools) -> None:
        """Take what this message updates off the air in its cells."""
        for (message_id, serial), running in self._on_air.items():
            same = serial >> _UPDATE_BITS == command.serial >> _UPDATE_BITS and serial != command.serial
            if message_id == command.message_id and same:
                running.cells = running.cells & ~cells
        self._tidy()

    def _refusal(self, command: CellBroadcast, at_s: float) -> str | None:
        if self._own.active("refuse", 0, at_s)[0]:
            return "centre fault: expected a sound centre, was out of order"
        if command.cancel:
            return None
        if not command.text:
            return "text: expected words, was empty"
        if command.broadcasts is None and command.expires is None:
            return "broadcasts: expected a number, or a time in expires, was neither"
        if command.expires is not None and self._at_s(command.expires) <= at_s:
            return f"expires: expected a time after {self.time.at(at_s).isoformat()}, was {command.expires.isoformat()}"
        if (command.message_id, command.serial) in self._on_air:
            return f"serial: expected one that is not on air, was {command.serial}"
        if len(self._on_air) >= MOST_ON_AIR:
            return f"message: expected at most {MOST_ON_AIR} on air, was one more"
        return None

    def _send(self, time_s: float) -> None:
        """Broadcast everything that is due up to an instant, in order of time."""
        turns = [(one.next_s, number, one) for number, one in enumerate(self._on_air.values())]
        heapq.heapify(turns)
        while turns and turns[0][0] <= time_s:
            at_s, number, one = heapq.heappop(turns)
            self._broadcast(one, at_s)
            one.done += 1
            heapq.heappush(turns, (one.next_s, number, one))
        self._tidy()

    def _broadcast(self, one: _OnAir, at_s: float) -> None:
        command, of_day_s = one.command, self.time_of_day_s(at_s)
        cells = one.cells & ~self._faulty_cells(at_s)
        shown = self.people.hear(command.message_id, command.serial, cells, at_s, of_day_s)
        if len(self._receptions) == MOST_RECEPTIONS:
            self.receptions_dropped += 1
        self._receptions.append(
            Reception(
                message=command.message,
                message_id=command.message_id,
                serial=command.serial,
                time_s=at_s,
                phones=self.people.count_by_cell(shown.new, of_day_s),
                repeated=self.people.count(shown.repeated),
            )
        )

    def _tidy(self) -> None:
        for key in [key for key, one in self._on_air.items() if one.next_s == float("inf")]:
            del self._on_air[key]

    def _faulty_cells(self, at_s: float) -> Bools:
        faulty = np.zeros(len(self._mine), dtype=np.bool_)
        if self._of_cells:
            faulty[self._mine] = self._of_cells.silent(self._places, at_s)
        return faulty

    def _is_away(self, at_s: float) -> bool:
        return bool(self._own) and bool(self._own.silent(0, at_s)[0])

    def _at_s(self, now: datetime) -> float:
        return (now - self.time.start).total_seconds()

    def _fault(self, at_s: float) -> str | None:
        if self._misread is not None:
            return self._misread
        out = int((self._mine & (self._broken | self._faulty_cells(at_s))).sum())
        return f"{out} of {len(self._index)} cells out of service" if out else None

    def _not_understood(self, problem: str, now: datetime) -> list[Outbound]:
        self._misread = f"command not understood: {problem}"[:500]
        return [self._say_status(now, fault=self._misread)]

    def _ack(self, message: str, answer: _Answer, now: datetime) -> Outbound:
        ack = CellAck(device=self.client_id, time=now, seq=self._seq.take(), message=message, **answer._asdict())
        return event(self._topic("ack"), ack)

    def _say_status(self, now: datetime, *, online: bool = True, fault: str | None = None) -> Outbound:
        message = DeviceStatus(device=self.client_id, time=now, seq=self._seq.take(), online=online, fault=fault)
        return status(self._topic("status"), message)

    def _topic(self, name: Stream) -> Topic:
        return Topic(self.district, "cell", self.client_id, name)
