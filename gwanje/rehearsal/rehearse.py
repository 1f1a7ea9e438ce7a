"""Simulation and control room under one device time, as fast as they go: the same every time, byte for byte."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from config.catalogue.model import Catalogue
from config.numbers import THRESHOLDS
from gwanje.rehearsal.autopilot import Autopilot
from gwanje.rehearsal.control_room import ControlRoom
from gwanje.rehearsal.said import SaidLog
from ingest.mqtt.topics import matches
from simulators.devices.endpoint import Endpoint, Outbound
from simulators.recording import FORMAT as RECORDING_FORMAT
from simulators.recording import VERSION as RECORDING_VERSION
from simulators.recording import Header, Recorded, RecordingWriter
from simulators.truth.folder import MESSAGES_FILE, RunHeader, begin_run
from simulators.truth.recorder import TruthRecorder, TruthSource
from simulators.truth.writer import TruthWriter

TICK_S = 1.0
"""Device time between two steps: a hazard is heard up to this much later than in operation, where it wakes the engine
at once. Own construction. [s]"""
OBSERVE_EVERY_S = 10.0
"""Device time between two looks at the truth: a queue's onset is known to this. Own construction. [s]"""


class Rehearsable(Protocol):
    """What a rehearsal needs of a simulation."""

    @property
    def endpoints(self) -> Sequence[Endpoint]:
        """The connections, in a fixed order."""

    def advance(self, time_s: float) -> list[tuple[int, Outbound]]:
        """Move on to an instant of simulation time; return index of the endpoint and message, in order of sending."""


@dataclass(frozen=True)
class Rehearsed:
    """What a rehearsal came to."""

    ticks: int
    messages: int
    dead_letters: int
    truth_lines: int
    said_lines: int
    approved: int


@dataclass(frozen=True)
class Plan:
    """How a rehearsal is run.

    ``approve_after_s`` None leaves every draft a draft; ``findings`` writes those too; ``record`` keeps every message;
    ``thresholds`` is the folder of the tables.
    """

    folder: Path
    header: RunHeader
    duration_s: float
    approve_after_s: float | None = None
    findings: bool = False
    record: bool = False
    thresholds: Path = THRESHOLDS
    again: bool = False


async def rehearse(
    catalogue: Catalogue,
    simulation: Rehearsable,
    truth: TruthSource,
    plan: Plan,
    progress: Callable[[float], None] = lambda _: None,
) -> Rehearsed:
    """Run a scenario against the control room and write what happened and what was said.

    Parameters
    ----------
    catalogue
        The region of both.
    simulation
        At simulation time 0, which is ``plan.header.start``.
    truth
        What is so in that simulation.
    plan
    progress
        Called with the simulation time reached, after each tick. [s]

    Returns
    -------
    Rehearsed

    Raises
    ------
    RunError, OSError
        If the folder cannot be used.
    NumberError, WordsError
        If thresholds or texts cannot be used.

    Notes
    -----
    Every message is carried as topic and bytes through the same intake, batching, engine and desk as in operation;
    only MQTT and the database are left out. It arrives in the second in which it is sent. Commands to signs reach
    them in that second too, and their answers arrive in the next.
    """
    begin_run(plan.folder, plan.header, again=plan.again)
    said = SaidLog(plan.folder, findings=plan.findings)
    start = plan.header.start
    post = _PostOffice(simulation.endpoints)
    room = ControlRoom(
        catalogue,
        plan.header.mode,
        start=start,
        send=lambda topic, payload: post.deliver(topic, payload, room.now),
        on_said=said.note,
        on_findings=said.note_findings,
        thresholds=plan.thresholds,
    )
    autopilot = None if plan.approve_after_s is None else Autopilot(plan.approve_after_s)
    messages = approved = 0
    with contextlib.ExitStack() as stack:
        writer = stack.enter_context(TruthWriter(plan.folder))
        recording = stack.enter_context(_recording(plan, catalogue)) if plan.record else None
        recorder = TruthRecorder(writer, start)
        recorder.observe(truth.snapshot(0.0), 0.0)
        await room.desk.open(start)
        waiting = [message for endpoint in simulation.endpoints for message in endpoint.hello(start)]
        for time_s in _seconds(plan.duration_s):
            outbound = [*waiting, *(message for _, message in simulation.advance(time_s))]
            room.now = start + timedelta(seconds=time_s)
            for message in outbound:
                room.arrive(message.topic, message.payload, message.qos)
                if recording is not None:
                    recording.add(Recorded(at=room.now, topic=message.topic, payload=message.payload))
            messages += len(outbound)
            room.tick(room.now)
            if autopilot is not None:
                approved += await autopilot.look(room.desk, room.now)
            await room.carry()
            waiting = post.collect()
            if time_s % OBSERVE_EVERY_S == 0.0 or time_s == plan.duration_s:
                recorder.observe(truth.snapshot(time_s), time_s)
            progress(time_s)
        recorder.close(plan.duration_s)
    return Rehearsed(room.ticks, messages, room.letters.count, writer.count, said.count, approved)


def _recording(plan: Plan, catalogue: Catalogue) -> RecordingWriter:
    header = Header(
        format=RECORDING_FORMAT,
        version=RECORDING_VERSION,
        region=catalogue.id,
        digest=plan.header.digest,
        started=plan.header.start,
    )
    return RecordingWriter(plan.folder / MESSAGES_FILE, header)


def _seconds(duration_s: float) -> Iterator[float]:
    """Give the times of the ticks; the last is the end."""
    for number in range(1, int(duration_s // TICK_S) + 1):
        yield number * TICK_S
    if duration_s % TICK_S:
        yield duration_s


class _PostOffice:
    """Brings commands to the endpoints that subscribed to their topics, and keeps the answers until the next tick."""

    def __init__(self, endpoints: Sequence[Endpoint]) -> None:
        self._exact: dict[str, list[Endpoint]] = {}
        self._wild: list[tuple[str, Endpoint]] = []
        for endpoint in endpoints:
            for wanted in endpoint.filters:
                if "+" in wanted or "#" in wanted:
                    self._wild.append((wanted, endpoint))
                else:
                    self._exact.setdefault(wanted, []).append(endpoint)
        self._answers: list[Outbound] = []

    def deliver(self, topic: str, payload: bytes, now: datetime) -> None:
        """Hand a message to everyone who subscribed to it."""
        takers = [*self._exact.get(topic, ()), *(one for wanted, one in self._wild if matches(wanted, topic))]
        for taker in takers:
            self._answers += taker.receive(topic, payload, now)

    def collect(self) -> list[Outbound]:
        """Return the answers since the last call."""
        answers, self._answers = self._answers, []
        return answers
