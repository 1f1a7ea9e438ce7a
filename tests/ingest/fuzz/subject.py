"""The way of a message through the system, from bytes on the wire to rows and dead letters: the one adapter.

Whoever changes the classes of `ingest` changes this file, and no other one of the fuzz.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np

from alerts.gazetteer import Gazetteer
from ingest.batching import Batcher, Tick
from ingest.core import Core
from ingest.inbox import Arrived
from ingest.intake import Intake
from ingest.letters import LetterBox
from ingest.mqtt.codec import Parser
from ingest.mqtt.encode import encode_publish
from ingest.mqtt.errors import ProtocolError
from ingest.mqtt.packets import OversizePublish, Publish
from ingest.mqtt.topics import TopicTable
from ingest.reading import Read, Reader
from ingest.recording import arrived_of, record_of
from ingest.region import engine_region
from ingest.thresholds import load_thresholds
from sensors.columns import to_ns
from sensors.errors import DecodeError
from storage.copy import build_copy
from storage.journal.ticks import decode_tick, encode_tick
from storage.series import SERIES
from storage.writer_batches import DeadLetter, event_payload
from tests.alerts.making import later
from tests.ingest.fuzz.corpus import REGION, REGISTRY, Sample
from tests.ingest.making import PLAUSIBILITY, Clock

POISON = "expected a message that can be dealt with"
"""How the words of a dead letter begin that was made because something raised."""
_TELEMETRY = (b"/vds/", b"/weather/")
_TICK_S = 1.0


@dataclass
class Outcome:
    """What became of some messages."""

    taken: int = 0
    """Observations and other messages that were believed, duplicates among them."""
    refused: list[tuple[str, str]] = field(default_factory=list)
    """Field and problem of each failure that was counted."""
    broken: list[str] = field(default_factory=list)
    """What no MQTT parser lets through; the connection ends."""
    duplicates: int = 0
    left_to_database: int = 0
    """Events with U+0000 in a text: the database refuses the row, and the writer makes a dead letter of it."""
    wrong: list[str] = field(default_factory=list)
    """What must never be: faults of ours, in words."""

    @property
    def explained(self) -> int:
        """Messages, or members of batches, of which it is known what became of them."""
        return self.taken + len(self.refused) + len(self.broken)


class _Letters(LetterBox):
    """A letter box whose every failure is seen, also those beyond its limits."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.seen: list[tuple[str, str]] = []

    def letter(
        self, topic: str, device: str | None, error: DecodeError, payload: bytes, size_bytes: int, *, sender: str
    ) -> tuple[DeadLetter, ...]:
        self.seen.append((error.field, error.problem))
        return super().letter(topic, device, error, payload, size_bytes, sender=sender)


class _Reader(Reader):
    """A reader that tells how much it took."""

    taken = 0

    def read(self, arrived: Sequence[Arrived]) -> Read:
        found = super().read(arrived)
        self.taken += sum(map(len, found.fast.values())) + len(found.rare)
        return found


class Subject:
    """A parser, the queues, reader, batcher and engine of a small region, as `gwanje serve` has them.

    Parameters
    ----------
    ticks
        How many there were before it, by which its clock is set.
    """

    def __init__(self, ticks: int = 0) -> None:
        self.ticks = ticks
        self._clock = Clock()
        self._topics = TopicTable()
        self._intake = Intake(self._clock)
        self._letters = _Letters(self._clock)
        self._centre = 0
        self._reader = _Reader(REGISTRY, PLAUSIBILITY, self._letters, on_centre=self._note_centre)
        self._batcher = _batcher()
        region = engine_region(REGION, Gazetteer(REGION))
        self._core = Core(self._reader, self._batcher, region, load_thresholds())

    @property
    def now(self) -> datetime:
        """Time of the next arrival."""
        return later(self.ticks * _TICK_S)

    def take(self, samples: Sequence[Sample], *, read_back: bool = False) -> Outcome:
        """Send messages through, as one tick's.

        Parameters
        ----------
        read_back
            Read the tick out of the journal again as well, and compare.

        Raises
        ------
        Exception
            Whatever the system raises; it must not.
        """
        self._clock.now = self.now
        self.ticks += 1
        outcome = Outcome()
        for sample in samples:
            self._receive(sample, outcome)
        arrived = [*self._intake.hazard.take(), *self._intake.telemetry.take()]
        before = (self._reader.taken + self._centre, self._letters.count, self._batcher.deduplicator.duplicates)
        self._letters.seen.clear()
        now_ns = to_ns(self._clock.now)
        computed = self._core.run(arrived, now_ns)
        outcome.refused += self._letters.seen
        outcome.taken = self._reader.taken + self._centre - before[0]
        outcome.duplicates = self._batcher.deduplicator.duplicates - before[2]
        if self._letters.count - before[1] != len(outcome.refused):
            outcome.wrong.append("a failure was not counted")
        if computed.fault is not None:
            outcome.wrong.append(f"the engine failed: {computed.fault}")
        self._check_rows(computed.tick, outcome)
        if read_back:
            self._check_journal(arrived, computed.tick, now_ns, outcome)
        return outcome

    @property
    def dropped(self) -> int:
        """Messages that gave way to others."""
        return self._intake.counters.telemetry_dropped

    def _note_centre(self, *_: Any) -> None:
        self._centre += 1

    def _receive(self, sample: Sample, outcome: Outcome) -> None:
        parser = Parser(topics=self._topics)
        try:
            packets = parser.feed(encode_publish(sample.topic, sample.payload, 1, sample.retain, packet_id=1))
        except ProtocolError as exc:
            outcome.broken.append(str(exc))
            return
        for packet in packets:
            if isinstance(packet, OversizePublish):
                self._intake.take_oversize(packet, 0)
            elif isinstance(packet, Publish):
                is_telemetry = any(kind in sample.topic for kind in _TELEMETRY)
                take = self._intake.take_telemetry if is_telemetry else self._intake.take_hazards
                take([packet])

    def _check_rows(self, tick: Tick, outcome: Outcome) -> None:
        """Hold the tick against what was believed, and everything in it against the database's rules."""
        commands = outcome.taken - outcome.duplicates - len(tick.batch) - len(tick.acks)
        if commands < 0:
            outcome.wrong.append(f"{-commands} more rows than messages")
        for rows in tick.series:
            build_copy(SERIES[rows.name], rows.columns)
            columns = rows.columns.values()
            if any(column.dtype.kind == "f" and np.isinf(column).any() for column in columns):
                outcome.wrong.append(f"{rows.name}: infinity in a row")
        for event in tick.events:
            outcome.left_to_database += b"\\u0000" in event_payload(event)
        for letter in tick.letters:
            _check_letter(letter, outcome)
        outcome.wrong += [f"{name}: {problem}" for name, problem in outcome.refused if not (name and problem)]
        outcome.wrong += [problem for _, problem in outcome.refused if problem.startswith(POISON)]

    def _check_journal(self, arrived: Sequence[Arrived], tick: Tick, now_ns: int, outcome: Outcome) -> None:
        record = decode_tick(b"".join(bytes(part) for part in encode_tick(record_of(arrived, tick, now_ns))))
        reader = Reader(REGISTRY, PLAUSIBILITY, LetterBox(self._clock))
        again = _batcher().build(reader.read(arrived_of(record)), record.skipped)
        for name in SERIES:
            first, second = (_rows_of(one, name) for one in (tick, again))
            if first != second:
                outcome.wrong.append(f"other rows of {name} out of the journal")
        if tick.events != again.events:
            outcome.wrong.append("other events out of the journal")


def _rows_of(tick: Tick, name: str) -> list[dict[str, str]]:
    """Return a table's rows in a form in which NaN equals itself."""
    return [
        {column: repr(values.tolist()) for column, values in rows.columns.items()}
        for rows in tick.series
        if rows.name == name
    ]


def _batcher() -> Batcher:
    return Batcher(REGISTRY, np.arange(len(REGISTRY), dtype=np.int32), PLAUSIBILITY)


def _check_letter(letter: DeadLetter, outcome: Outcome) -> None:
    for name in ("topic", "device", "field", "problem"):
        text = getattr(letter, name)
        if text is not None and (len(text) > 500 or "\x00" in text or not _is_utf8(text)):
            outcome.wrong.append(f"dead letter: {name} cannot be stored: {text[:60]!r}")
    if len(letter.payload) > 4_096:
        outcome.wrong.append(f"dead letter: payload of {len(letter.payload)} bytes")


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
