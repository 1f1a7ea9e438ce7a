"""What stands behind one MQTT connection, and what all devices share."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, NamedTuple, Protocol

from sensors.codec import Encoding, encode
from sensors.observations import Message
from sensors.topics import Topic, format_topic

Importance = Literal["telemetry", "status", "event"]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Outbound(NamedTuple):
    """One MQTT message on its way out; ``importance`` says what may be dropped first."""

    topic: str
    payload: bytes
    qos: Literal[0, 1]
    retain: bool
    importance: Importance


class Endpoint(Protocol):
    """One MQTT connection's devices. Calls never block; times within a run come in order."""

    @property
    def client_id(self) -> str:
        """MQTT client identifier."""

    @property
    def filters(self) -> tuple[str, ...]:
        """Topics to subscribe to."""

    def will(self, now: datetime) -> Outbound | None:
        """Return what the broker shall say when the connection breaks, or None."""

    def hello(self, now: datetime) -> list[Outbound]:
        """Return what to say after every connect."""

    def due(self, time_s: float) -> list[Outbound]:
        """Return what is due up to an instant of simulation time [s]."""

    def receive(self, topic: str, payload: bytes, now: datetime) -> list[Outbound]:
        """Take a message in and return the answers."""

    def goodbye(self, now: datetime) -> list[Outbound]:
        """Return what to say before an orderly disconnect."""


@dataclass
class Sequencer:
    """Message numbers of one device over all its streams.

    The first number is the run's start in milliseconds since 1970: a device sends fewer than one message per
    millisecond, so a restart never uses a number again as long as the clock does not go back.
    """

    next_seq: int

    @classmethod
    def starting(cls, start: datetime) -> Sequencer:
        """Return the numbering of a run that starts at a time."""
        return cls((start - _EPOCH) // timedelta(milliseconds=1))

    def take(self) -> int:
        """Return the next number."""
        self.next_seq += 1
        return self.next_seq - 1


@dataclass(frozen=True)
class Timebase:
    """When a run started: the devices' clocks, which are right."""

    start: datetime

    def at(self, time_s: float) -> datetime:
        """Return the time of an instant of simulation time, to the millisecond."""
        return self.start + timedelta(milliseconds=round(time_s * 1_000))

    @staticmethod
    def earlier(time: datetime, by_s: float) -> datetime:
        """Return the time that lies ``by_s`` seconds before another."""
        return time - timedelta(seconds=by_s)


def telemetry(topic: Topic, messages: list[Message], qos: Literal[0, 1], encoding: Encoding = "json") -> Outbound:
    """Return a gateway's batch of samples."""
    return Outbound(format_topic(topic), encode(messages, encoding), qos, False, "telemetry")


def event(topic: Topic, message: Message) -> Outbound:
    """Return an event or an acknowledgement: QoS 1, not retained."""
    return Outbound(format_topic(topic), encode(message), 1, False, "event")


def status(topic: Topic, message: Message) -> Outbound:
    """Return a device's state: QoS 1, retained."""
    return Outbound(format_topic(topic), encode(message), 1, True, "status")


class Quiet:
    """What an endpoint without subscriptions, will or farewell does: nothing."""

    @property
    def filters(self) -> tuple[str, ...]:
        """Subscribe to nothing."""
        return ()

    def will(self, now: datetime) -> Outbound | None:  # noqa: ARG002
        """Return no last will."""
        return None

    def hello(self, now: datetime) -> list[Outbound]:  # noqa: ARG002
        """Say nothing after a connect."""
        return []

    def receive(self, topic: str, payload: bytes, now: datetime) -> list[Outbound]:  # noqa: ARG002
        """Leave what comes in unanswered."""
        return []

    def goodbye(self, now: datetime) -> list[Outbound]:  # noqa: ARG002
        """Say nothing before a disconnect."""
        return []
