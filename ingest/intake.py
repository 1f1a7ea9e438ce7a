"""What the sessions bring, kept as it came in one bounded queue per class until the engine's next tick."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from ingest.inbox import Arrived, Inbox
from ingest.mqtt.session import Incoming, OversizePublish
from sensors.columns import to_ns

HAZARDS = 0
TELEMETRY = 1


@dataclass
class IntakeCounters:
    """What came in since the start; each only grows."""

    messages: int = 0
    telemetry_dropped: int = 0
    """Messages of detectors and weather stations that gave way."""


class Intake:
    """Keeps messages; nothing is decoded here, so that what has to give way costs next to nothing.

    Parameters
    ----------
    clock
        Time of arrival, aware UTC.
    hazard_bytes, telemetry_bytes
        What each queue holds in memory. A full queue of telemetry lets the oldest go that needs no acknowledgement, so
        that what is left is new; of a queue that is full all the same, the session has to be held back. [bytes]
    """

    def __init__(
        self, clock: Callable[[], datetime], hazard_bytes: int = 32 << 20, telemetry_bytes: int = 32 << 20
    ) -> None:
        self.counters = IntakeCounters()
        self.hazard = Inbox(hazard_bytes)
        self.telemetry = Inbox(telemetry_bytes)
        self._clock = clock

    def take_hazards(self, messages: Sequence[Incoming]) -> None:
        """Take messages of the classes that never give way."""
        self._put(self.hazard, messages, HAZARDS)

    def take_telemetry(self, messages: Sequence[Incoming]) -> None:
        """Take detector and weather samples; when there are too many, the oldest unacknowledged ones give way."""
        self._put(self.telemetry, messages, TELEMETRY)
        if self.telemetry.is_full:
            self.counters.telemetry_dropped += self.telemetry.make_room()

    def take_oversize(self, report: OversizePublish, lane: int) -> None:
        """Take note of a message that was too large to be read; it becomes a dead letter."""
        self._put(self.hazard, [report], lane)

    def _put(self, inbox: Inbox, messages: Sequence[Incoming | OversizePublish], lane: int) -> None:
        self.counters.messages += len(messages)
        inbox.put(Arrived(messages, to_ns(self._clock()), lane))
