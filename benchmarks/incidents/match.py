"""Which alarm belongs to which incident, and what the others are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from benchmarks.incidents.corridors import Labelled
from benchmarks.incidents.detectors import COUNTS, Alarm
from benchmarks.incidents.labels import WORK, Incident, Queue, Slowing
from config.numbers import Number, NumberError

_FILE = Path(__file__).parent / "tolerances.toml"


@dataclass(frozen=True)
class Tolerances:
    """The numbers of ``tolerances.toml``. Lengths in metres, times in seconds."""

    place_m: float
    early_s: float
    late_s: float
    queue_time_s: float
    tail_length_m: float
    tail_place_m: float
    tail_bridge_m: float


def load_tolerances() -> Tolerances:
    """Read them.

    Raises
    ------
    NumberError
        If the table is not as it should be.
    """
    try:
        numbers = msgspec.toml.decode(_FILE.read_bytes(), type=dict[str, Number])
        return Tolerances(**{name: one.value for name, one in numbers.items()})
    except (msgspec.MsgspecError, TypeError) as exc:
        raise NumberError(f"{_FILE}: expected tables of numbers with unit and source ({exc})") from None


@dataclass(frozen=True)
class Outcome:
    """One incident and the first alarm of it."""

    source: str
    corridor: str
    incident: Incident
    delay_s: float | None
    """From the true onset to the alarm; None when there was none. [s]"""
    place_error_m: float | None
    onset_error_s: float | None


@dataclass(frozen=True)
class FalseAlarm:
    """An alarm of nothing; ``of`` says what was there instead."""

    corridor: str
    source: str
    detected_s: float
    mile: float
    of: str


@dataclass(frozen=True)
class Matched:
    """Everything about one corridor."""

    outcomes: tuple[Outcome, ...]
    false_alarms: tuple[FalseAlarm, ...]
    duplicates: int
    work_zones: int
    """Alarms of planned work, which the control room knows of."""


def match(one: Labelled, alarms: Iterable[Alarm], tolerances: Tolerances) -> Matched:
    """Match the alarms of a corridor with its incidents.

    An alarm within the place and time of an incident is of the nearest such; the first is its detection, later ones are
    duplicates, as are alarms in or just ahead of a queue that stands behind an incident. Of the rest, those at planned
    work are counted apart and all others are false.
    """
    first: dict[str, Alarm] = {}
    false: list[FalseAlarm] = []
    duplicates = work = 0
    spans = _Spans(one, tolerances)
    for alarm in sorted((each for each in alarms if each.kind == COUNTS), key=lambda each: each.detected_s):
        of = spans.incident(alarm)
        if of is not None and of.id not in first:
            first[of.id] = alarm
        elif of is not None or spans.in_queue_of_incident(alarm):
            duplicates += 1
        elif spans.at(alarm, "work_zone") or spans.in_queue_of_work(alarm):
            work += 1
        else:
            false.append(
                FalseAlarm(one.name, one.labels.source, alarm.detected_s, spans.mile(alarm), spans.reason(alarm))
            )
    outcomes = tuple(_outcome(one, incident, first.get(incident.id)) for incident in one.labels.incidents)
    return Matched(outcomes, tuple(false), duplicates, work)


def _outcome(one: Labelled, incident: Incident, alarm: Alarm | None) -> Outcome:
    if alarm is None:
        return Outcome(one.labels.source, one.name, incident, None, None, None)
    return Outcome(
        one.labels.source,
        one.name,
        incident,
        alarm.detected_s - incident.onset_s,
        abs(alarm.chainage_m - one.chainage_m(incident.milemarker)),
        alarm.onset_s - incident.onset_s,
    )


class _Spans:
    """Where and when an alarm may be of what."""

    def __init__(self, one: Labelled, tolerances: Tolerances) -> None:
        self._one, self._tolerances = one, tolerances
        self._known = {incident.id for incident in one.labels.incidents}

    def mile(self, alarm: Alarm) -> float:
        """Return the milemarker of an alarm."""
        sign = 1.0 if self._one.labels.rising else -1.0
        return round(float(self._one.corridor.milemarker[0]) + sign * alarm.chainage_m / 1_609.344, 3)

    def incident(self, alarm: Alarm) -> Incident | None:
        """Return the nearest incident that an alarm may be of."""
        near = [
            (abs(alarm.chainage_m - self._one.chainage_m(incident.milemarker)), place, incident)
            for place, incident in enumerate(self._one.labels.incidents)
            if incident.onset_s - self._tolerances.early_s
            <= alarm.detected_s
            <= incident.end_s + self._tolerances.late_s
        ]
        near = [each for each in near if each[0] <= self._tolerances.place_m]
        return min(near)[2] if near else None

    def in_queue_of_incident(self, alarm: Alarm) -> bool:
        """Whether an alarm is in a queue of an incident, also of one that is over or stands on the shoulder."""
        return any(
            (queue.cause in self._known or self._heads_at_incident(queue)) and self._inside(alarm, queue)
            for queue in self._one.labels.queues
        )

    def in_queue_of_work(self, alarm: Alarm) -> bool:
        """Whether an alarm is in the queue before planned work."""
        return any(queue.cause.startswith(WORK) and self._inside(alarm, queue) for queue in self._one.labels.queues)

    def _heads_at_incident(self, queue: Queue) -> bool:
        head_m = self._one.chainage_m(queue.head_mile)
        return any(
            incident.onset_s <= queue.time_s <= incident.end_s + self._tolerances.late_s
            and abs(self._one.chainage_m(incident.milemarker) - head_m) <= self._tolerances.place_m
            for incident in self._one.labels.incidents
        )

    def _inside(self, alarm: Alarm, queue: Queue) -> bool:
        if abs(queue.time_s - alarm.detected_s) > self._tolerances.queue_time_s:
            return False
        head, tail = self._one.chainage_m(queue.head_mile), self._one.chainage_m(queue.tail_mile)
        return tail - self._tolerances.place_m <= alarm.chainage_m <= head + self._tolerances.place_m

    def at(self, alarm: Alarm, cause: str) -> bool:
        """Whether there was something of such a cause."""
        return any(self._during(alarm, each) for each in self._one.labels.others if each.cause == cause)

    def _during(self, alarm: Alarm, each: Slowing) -> bool:
        late_s = self._tolerances.late_s
        head, tail = self._one.chainage_m(each.head_mile), self._one.chainage_m(each.tail_mile)
        return (
            each.onset_s - self._tolerances.early_s <= alarm.detected_s <= each.end_s + late_s
            and tail - self._tolerances.place_m <= alarm.chainage_m <= head + self._tolerances.place_m
        )

    def reason(self, alarm: Alarm) -> str:
        """Return what was there: ``recurrent``, a faulty detector, a slowing, or nothing."""
        if any(self._inside(alarm, queue) for queue in self._one.labels.queues):
            return "recurrent"
        for fault in self._one.labels.faults:
            if fault.start_s <= alarm.detected_s <= fault.end_s + self._tolerances.late_s:
                mile = self._fault_mile(fault.station)
                if mile is not None and abs(self._one.chainage_m(mile) - alarm.chainage_m) < self._tolerances.place_m:
                    return f"fault {fault.kind}"
        others = [each.cause for each in self._one.labels.others if self._during(alarm, each)]
        return others[0] if others else "nothing"

    def _fault_mile(self, station: int) -> float | None:
        """Milemarker of a faulty station of the file, None when it is one that was left out."""
        miles = sorted(self._one.corridor.milemarker.tolist())
        step = self._one.step
        return miles[station // step] if station % step == 0 and station // step < len(miles) else None
