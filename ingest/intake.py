"""From MQTT messages to accepted observations: decoding, the registry, the clock; dead letters for all that fails."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from config.numbers import Number
from ingest.inbox import Accepted, Inbox
from ingest.letters import LetterBox
from ingest.mqtt.packets import DEFAULT_MAX_PACKET_BYTES
from ingest.mqtt.session import Incoming, OversizePublish
from sensors.codec import Decoded, decode, decode_members
from sensors.columns import Received, to_ns
from sensors.errors import DecodeError
from sensors.observations import Message, TowerEvent, VdsObservation
from sensors.registry import Registry
from sensors.topics import Topic
from storage.writer_batches import DeadLetter

HAZARDS = 0
TELEMETRY = 1
OLDEST = datetime(2000, 1, 1, tzinfo=UTC)
"""No device spoke before; a clock that lost its battery begins in 1970 or 1980."""


@dataclass
class IntakeCounters:
    """What came in since the start; each only grows."""

    messages: int = 0
    observations: int = 0
    telemetry_dropped: int = 0
    """Messages of detectors and weather stations that gave way."""


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
        Observations that each queue holds. A full queue of telemetry lets the oldest go that needs no acknowledgement;
        the reader has to be held back by `Inbox.is_full` before the hazard queue overflows.
    by_device_time
        In a replay a message arrives, as far as the engine is told, at the newest device time seen so far.
    on_centre
        Called with every message of a cell broadcast centre and its time of arrival; the engine hears none of them.
    """

    def __init__(
        self,
        registry: Registry,
        plausibility: dict[str, Number],
        clock: Callable[[], datetime],
        hazard_limit: int = 100_000,
        telemetry_limit: int = 200_000,
        *,
        by_device_time: bool = False,
        on_centre: Callable[[Message, datetime], None] | None = None,
    ) -> None:
        self.counters = IntakeCounters()
        self.letters = LetterBox(clock)
        self.hazard = Inbox(hazard_limit)
        self.telemetry = Inbox(telemetry_limit)
        self._registry = registry
        self._max_ahead = timedelta(seconds=plausibility["max_ahead_s"].value)
        self._clock = clock
        self._by_device_time = by_device_time
        self._on_centre = on_centre
        self._newest: datetime | None = None

    def take_hazards(self, messages: Iterable[Incoming]) -> None:
        """Accept messages of the classes that never give way."""
        self.hazard.put(self._accept(message, HAZARDS) for message in messages)

    def take_telemetry(self, messages: Iterable[Incoming]) -> None:
        """Accept detector and weather samples; when there are too many, the oldest unacknowledged ones give way."""
        self.telemetry.put(self._accept(message, TELEMETRY) for message in messages)
        self.counters.telemetry_dropped += self.telemetry.make_room()

    def take_oversize(self, report: OversizePublish, lane: int) -> None:
        """Turn a message that was too large to be read into a dead letter."""
        self.counters.messages += 1
        error = DecodeError(
            "payload", f"expected a message of at most {DEFAULT_MAX_PACKET_BYTES} bytes, was {report.size}"
        )
        letter = self.letters.letter(report.topic, None, error, b"", report.size, sender=report.topic)
        self.hazard.put([Accepted((), letter, report, lane)])

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
                if topic.kind == "cell":
                    self._take_centre(topic, member, message, now)
                    continue
                device = self._registry.resolve(topic, member.device)
                self._check(member, device, now)
            except DecodeError as exc:
                letters += self._letter(message, member.device, exc)
                continue
            accepted.append(Received(device, member, to_ns(self._arrival(member, message, now))))
        self.counters.observations += len(accepted)
        return Accepted(tuple(accepted), tuple(letters), message, lane)

    def _take_centre(self, topic: Topic, member: Message, message: Incoming, now: datetime) -> None:
        self._registry.check_centre(topic, member.device)
        self._check_time(member, now)
        if self._on_centre is not None:
            self._on_centre(member, self._arrival(member, message, now))

    def _arrival(self, member: Message, message: Incoming, now: datetime) -> datetime:
        if self._by_device_time:
            self._newest = member.time if self._newest is None else max(self._newest, member.time)
            return self._newest
        # A retained state is as old as it says; its arrival tells only that we connected.
        return min(now, member.time) if message.retain else now

    def _salvage(self, message: Incoming, error: DecodeError) -> tuple[Decoded | None, list[DeadLetter]]:
        """Save the members of a gateway's batch that fit."""
        try:
            saved, bad = decode_members(message.topic, message.payload)
        except DecodeError:
            return None, [*self._letter(message, _device_level(message.topic), error)]
        return saved, [letter for _, exc in bad for letter in self._letter(message, None, exc)]

    def _check(self, message: Message, device: int, now: datetime) -> None:
        """Hold a message against the clock and the region.

        Raises
        ------
        DecodeError
            If it cannot be true.
        """
        self._check_time(message, now)
        if isinstance(message, TowerEvent) and not message.detection.isprintable():
            raise DecodeError("detection", f"expected printable text, was {message.detection!r}")
        if isinstance(message, VdsObservation):
            lanes = int(self._registry.lanes[device - self._registry.start["vds"]])
            numbers = [sample.lane for sample in message.lanes]
            for place, lane in enumerate(numbers):
                if lane > lanes:
                    raise DecodeError(f"lanes[{place}].lane", f"expected a lane out of 1 to {lanes}, was {lane}")
                if lane in numbers[:place]:
                    raise DecodeError(f"lanes[{place}].lane", f"expected each lane once, was {lane} again")

    def _check_time(self, message: Message, now: datetime) -> None:
        ahead = message.time - now
        if ahead > self._max_ahead:
            raise DecodeError(
                "time",
                f"expected at most {self._max_ahead.total_seconds():.0f} s ahead of arrival, "
                f"was {ahead.total_seconds():.0f} s ahead",
            )
        if message.time < OLDEST:
            raise DecodeError("time", f"expected a time after {OLDEST:%Y-%m-%d}, was {message.time.isoformat()}")

    def _letter(self, message: Incoming, device: str | None, error: DecodeError) -> tuple[DeadLetter, ...]:
        known = device is not None and device in self._registry.index
        return self.letters.letter(
            message.topic,
            device,
            error,
            message.payload,
            len(message.payload),
            sender=device if known and device is not None else message.topic,
        )


def _device_level(topic: str) -> str | None:
    levels = topic.split("/")
    return levels[4][:48] if len(levels) == 6 else None
