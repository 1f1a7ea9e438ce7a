"""What waits to be sent over one connection: bounded, with a policy per importance and a counter per loss."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

from simulators.devices.endpoint import Outbound

MOST_TELEMETRY = 300
MOST_EVENTS = 1_000
"""Messages that wait at most while a connection is away: minutes of a gateway's batches, far more events than occur."""


@dataclass
class Losses:
    """Messages given up, by importance."""

    telemetry: int = 0
    events: int = 0


class Outbox:
    """Events first, then states, then telemetry.

    Of telemetry and of events the oldest is dropped when they are too many; a state replaces the one that waits on
    its topic.
    """

    def __init__(self, most_telemetry: int = MOST_TELEMETRY, most_events: int = MOST_EVENTS) -> None:
        self.lost = Losses()
        self._most_telemetry = most_telemetry
        self._most_events = most_events
        self._telemetry: deque[Outbound] = deque()
        self._events: deque[Outbound] = deque()
        self._states: dict[str, Outbound] = {}
        self._some = asyncio.Event()

    def __len__(self) -> int:
        return len(self._telemetry) + len(self._events) + len(self._states)

    def put(self, message: Outbound) -> None:
        """Add a message."""
        if message.importance == "status":
            self._states.pop(message.topic, None)
            self._states[message.topic] = message
        elif message.importance == "event":
            self._events.append(message)
        else:
            self._telemetry.append(message)
        self._bound()

    def put_back(self, message: Outbound) -> None:
        """Return a message that could not be sent to the head of its queue; a newer state stays in its place."""
        if message.importance == "status":
            self._states.setdefault(message.topic, message)
        elif message.importance == "event":
            self._events.appendleft(message)
        else:
            self._telemetry.appendleft(message)
        self._bound()

    async def take(self) -> Outbound:
        """Wait for the next message and remove it."""
        await self._some.wait()
        if self._events:
            message = self._events.popleft()
        elif self._states:
            message = self._states.pop(next(iter(self._states)))
        else:
            message = self._telemetry.popleft()
        if len(self) == 0:
            self._some.clear()
        return message

    def _bound(self) -> None:
        while len(self._telemetry) > self._most_telemetry:
            self._telemetry.popleft()
            self.lost.telemetry += 1
        while len(self._events) > self._most_events:
            self._events.popleft()
            self.lost.events += 1
        self._some.set()
