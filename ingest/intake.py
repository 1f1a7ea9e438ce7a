"""From MQTT messages to accepted observations: decoding, the registry, the clock; dead letters for all that fails."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from config.numbers import Number
from ingest.mqtt.session import Incoming, OversizePublish
from sensors.codec import Decoded, decode, decode_members
from sensors.columns import Received, to_ns
from sensors.errors import DecodeError
from sensors.observations import Message, VdsObservation
from sensors.registry import Registry
from storage.writer_batches import DeadLetter

HAZARDS = 0
TELEMETRY = 1
_LETTERS_PER_MINUTE = 20
"""Dead letters of one device kept in a minute, own construction; all are counted."""
_MAX_NAMES = 10_000


class Accepted(NamedTuple):
    """What one MQTT message brought, and the message itself, to be acknowledged when all of it is safe."""

    observations: tuple[Received[Message], ...]
    letters: tuple[DeadLetter, ...]
    source: Incoming | OversizePublish
    lane: int
    """Which session brought it: `HAZARDS` or `TELEMETRY`."""


@dataclass
class IntakeCounters:
    """What came in since the start; each only grows."""

    messages: int = 0
    observations: int = 0
    dead_letters: int = 0
    dead_letters_by_device: Counter[str] = field(default_factory=Counter)
    telemetry_dropped: int = 0


class Intake:
    """Decodes and checks messages and keeps them in one bounded queue per class until the engine's next tick.

    Parameters
    ----------
    registry
        Devices of the region.
    plausibility
        Numbers of ``config/thresholds/plausibility.toml``.
    clock
        Time of arrival, aware UTC.
    hazard_limit, telemetry_limit
        Messages that each queue holds. A full queue of telemetry lets the oldest go that needs no acknowledgement;
        the reader has to be held back by `hazard_is_full` before the hazard queue overflows.
    by_device_time
        In a replay a message arrives, as far as the engine is told, at the newest device time seen so far.
    """

    def __init__(
        self,
        registry: Registry,
        plausibility: dict[str, Number],
        clock: Callable[[], datetime],
        hazard_limit: int = 20_000,
        telemetry_limit: int = 50_000,
        *,
        by_device_time: bool = False,
    ) -> None:
        self.counters = IntakeCounters()
        self.hazard: deque[Accepted] = deque()
        self.telemetry: deque[Accepted] = deque()
        self._registry = registry
        self._max_ahead = timedelta(seconds=plausibility["max_ahead_s"].value)
        self._clock = clock
        self._hazard_limit = hazard_limit
        self._telemetry_limit = telemetry_limit
        self._by_device_time = by_device_time
        self._newest: datetime | None = None
        self._letters_kept: Counter[str] = Counter()
        self._letters_minute: datetime | None = None

    def take_hazards(self, messages: Iterable[Incoming]) -> None:
        """Accept messages of the classes that never give way."""
        self.hazard.extend(self._accept(message, HAZARDS) for message in messages)

    def take_telemetry(self, messages: Iterable[Incoming]) -> None:
        """Accept detector and weather samples; when there are too many, the oldest unacknowledged ones give way."""
        self.telemetry.extend(self._accept(message, TELEMETRY) for message in messages)
        while len(self.telemetry) > self._telemetry_limit and not self.telemetry[0].source.qos:
            self.telemetry.popleft()
            self.counters.telemetry_dropped += 1

    def take_oversize(self, report: OversizePublish, lane: int) -> None:
        """Turn a message that was too large to be read into a dead letter."""
        error = DecodeError("payload", f"expected at most 1 MiB, was {report.size} bytes")
        letter = self._letter(report.topic, None, error, b"", report.size)
        self.hazard.append(Accepted((), letter, report, lane))

    @property
    def hazard_is_full(self) -> bool:
        """Whether the hazard session has to stop reading."""
        return len(self.hazard) >= self._hazard_limit // 2

    @property
    def telemetry_is_full(self) -> bool:
        """Whether the telemetry session has to stop reading."""
        return len(self.telemetry) >= self._telemetry_limit // 2

    def drain(self, queue: deque[Accepted], limit: int) -> list[Accepted]:
        """Take up to ``limit`` messages off a queue, oldest first."""
        return [queue.popleft() for _ in range(min(limit, len(queue)))]

    def _accept(self, message: Incoming, lane: int) -> Accepted:
        self.counters.messages += 1
        now = self._clock()
        letters: list[DeadLetter] = []
        try:
            topic, members = decode(message.topic, message.payload)
        except DecodeError as exc:
            saved, letters = self._salvage(message, exc)
            if saved is None:
                return Accepted((), tuple(letters), message, lane)
            topic, members = saved
        accepted: list[Received[Message]] = []
        for member in members:
            try:
                device = self._registry.resolve(topic, member.device)
                self._check(member, device, now)
            except DecodeError as exc:
                letters += self._letter(message.topic, member.device, exc, message.payload, len(message.payload))
                continue
            accepted.append(Received(device, member, to_ns(self._arrival(member, message, now))))
        self.counters.observations += len(accepted)
        return Accepted(tuple(accepted), tuple(letters), message, lane)

    def _arrival(self, member: Message, message: Incoming, now: datetime) -> datetime:
        if self._by_device_time:
            self._newest = member.time if self._newest is None else max(self._newest, member.time)
            return self._newest
        # A retained state is as old as it says; its arrival tells only that we connected.
        return min(now, member.time) if message.retain else now

    def _salvage(self, message: Incoming, error: DecodeError) -> tuple[Decoded | None, list[DeadLetter]]:
        """Save the members of a gateway's batch that fit."""
        size = len(message.payload)
        try:
            saved, bad = decode_members(message.topic, message.payload)
        except DecodeError:
            device = _device_level(message.topic)
            return None, [*self._letter(message.topic, device, error, message.payload, size)]
        return saved, [
            letter for _, exc in bad for letter in self._letter(message.topic, None, exc, message.payload, size)
        ]

    def _check(self, message: Message, device: int, now: datetime) -> None:
        ahead = message.time - now
        if ahead > self._max_ahead:
            raise DecodeError(
                "time",
                f"expected at most {self._max_ahead.total_seconds():.0f} s ahead of arrival, "
                f"was {ahead.total_seconds():.0f} s ahead",
            )
        if isinstance(message, VdsObservation):
            lanes = int(self._registry.lanes[device - self._registry.start["vds"]])
            numbers = [sample.lane for sample in message.lanes]
            for place, lane in enumerate(numbers):
                if lane > lanes:
                    raise DecodeError(f"lanes[{place}].lane", f"expected a lane out of 1 to {lanes}, was {lane}")
                if lane in numbers[:place]:
                    raise DecodeError(f"lanes[{place}].lane", f"expected each lane once, was {lane} again")

    def _letter(
        self, topic: str, device: str | None, error: DecodeError, payload: bytes, size: int
    ) -> tuple[DeadLetter, ...]:
        """Count a failure, and keep it unless its sender filled its share of this minute."""
        self.counters.dead_letters += 1
        sender = device or topic
        by_device = self.counters.dead_letters_by_device
        by_device[sender if sender in by_device or len(by_device) < _MAX_NAMES else "others"] += 1
        now = self._clock()
        minute = now.replace(second=0, microsecond=0)
        if minute != self._letters_minute:
            self._letters_kept.clear()
            self._letters_minute = minute
        if len(self._letters_kept) >= _MAX_NAMES or self._letters_kept[sender] >= _LETTERS_PER_MINUTE:
            return ()
        self._letters_kept[sender] += 1
        return (
            DeadLetter(
                received=now,
                topic=topic,
                device=device,
                field=error.field,
                problem=error.problem,
                size_bytes=size,
                payload=payload,
            ),
        )


def _device_level(topic: str) -> str | None:
    levels = topic.split("/")
    return levels[4][:48] if len(levels) == 6 else None
