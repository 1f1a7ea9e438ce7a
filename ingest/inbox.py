"""Queues of accepted messages, bounded by what they bring and not only by their number."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ingest.mqtt.session import Incoming, OversizePublish
from sensors.columns import Received
from sensors.observations import Message
from storage.writer_batches import DeadLetter


class Accepted(NamedTuple):
    """What one MQTT message brought, and the message itself, to be acknowledged when all of it is safe."""

    observations: tuple[Received[Message], ...]
    letters: tuple[DeadLetter, ...]
    source: Incoming | OversizePublish
    lane: int
    """Which session brought it: `ingest.intake.HAZARDS` or `ingest.intake.TELEMETRY`."""

    @property
    def cost(self) -> int:
        """What it counts against a limit: a gateway's message may bring a thousand observations."""
        return max(len(self.observations), 1)


class Inbox:
    """Messages that wait for the engine's next tick, oldest first.

    Parameters
    ----------
    limit
        Observations that it should hold at most; a message without any counts as one. `is_full` is true from the half
        on, so that what was read from the socket already still has a place.
    """

    def __init__(self, limit: int) -> None:
        self.cost = 0
        self._limit = limit
        self._waiting: deque[Accepted] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def __iter__(self) -> Iterator[Accepted]:
        return iter(self._waiting)

    @property
    def is_full(self) -> bool:
        """Whether the session that fills it has to stop reading."""
        return self.cost >= self._limit // 2

    def put(self, messages: Iterable[Accepted]) -> None:
        """Add messages."""
        for message in messages:
            self._waiting.append(message)
            self.cost += message.cost

    def peek(self) -> Accepted:
        """Return the oldest message.

        Raises
        ------
        IndexError
            If there is none.
        """
        return self._waiting[0]

    def pop(self) -> Accepted:
        """Remove and return the oldest message.

        Raises
        ------
        IndexError
            If there is none.
        """
        message = self._waiting.popleft()
        self.cost -= message.cost
        return message

    def take(self, most: int | None = None) -> list[Accepted]:
        """Remove and return messages with at most so many observations, at least one message if there is any."""
        taken: list[Accepted] = []
        cost = 0
        while self._waiting and (not taken or most is None or cost + self._waiting[0].cost <= most):
            taken.append(self.pop())
            cost += taken[-1].cost
        return taken

    def make_room(self) -> int:
        """Let the oldest go that need no acknowledgement while there are too many; return how many messages went.

        What needs one is never let go: its session is held back instead.
        """
        gone = 0
        while self.cost > self._limit and self._waiting and not self._waiting[0].source.qos:
            self.pop()
            gone += 1
        return gone
