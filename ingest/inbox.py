"""Queues of messages as they came, not yet decoded: cheap to fill, cheap to let go, bounded by bytes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from operator import attrgetter
from typing import NamedTuple

from ingest.mqtt.session import Incoming, OversizePublish

_payload_of = attrgetter("payload")
OVERHEAD_BYTES = 250
"""What a message takes in memory beside its payload, measured with `sys.getsizeof` of its parts [bytes]."""


class Arrived(NamedTuple):
    """Messages that arrived together, out of one read of a socket."""

    messages: Sequence[Incoming | OversizePublish]
    received_ns: int
    """[ns since 1970 UTC]"""
    lane: int
    """Which session brought them: `ingest.intake.HAZARDS` or `ingest.intake.TELEMETRY`."""

    @property
    def size_bytes(self) -> int:
        """What they take in memory."""
        return OVERHEAD_BYTES * len(self.messages) + sum(map(len, map(_payload_of, self.messages)))


class Inbox:
    """Messages that wait for the engine's next tick, oldest first.

    Parameters
    ----------
    limit_bytes
        What it should hold at most; it is exceeded by what comes with one read of a socket.
    """

    def __init__(self, limit_bytes: int) -> None:
        self.size_bytes = 0
        self.count = 0
        self._limit_bytes = limit_bytes
        self._waiting: deque[tuple[Arrived, int]] = deque()

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[Arrived]:
        return (arrived for arrived, _ in self._waiting)

    @property
    def is_full(self) -> bool:
        """Whether the session that fills it has to stop reading."""
        return self.size_bytes > self._limit_bytes

    @property
    def oldest_ns(self) -> int | None:
        """Arrival of what has waited longest [ns since 1970 UTC]."""
        return self._waiting[0][0].received_ns if self._waiting else None

    def put(self, arrived: Arrived) -> None:
        """Add messages."""
        if not arrived.messages:
            return
        size = arrived.size_bytes
        self._waiting.append((arrived, size))
        self.size_bytes += size
        self.count += len(arrived.messages)

    def take(self, most_bytes: int | None = None) -> list[Arrived]:
        """Remove and return what takes at most so many bytes, at least one read's messages if there are any."""
        taken: list[Arrived] = []
        size = 0
        while self._waiting and (not taken or most_bytes is None or size + self._waiting[0][1] <= most_bytes):
            arrived, one = self._waiting.popleft()
            size += one
            self.count -= len(arrived.messages)
            taken.append(arrived)
        self.size_bytes -= size
        return taken

    def take_one(self) -> Arrived | None:
        """Remove and return the oldest message alone, or None when there is none."""
        if not self._waiting:
            return None
        arrived, size = self._waiting.popleft()
        first = arrived._replace(messages=arrived.messages[:1])
        own = first.size_bytes
        if len(arrived.messages) > 1:
            self._waiting.appendleft((arrived._replace(messages=arrived.messages[1:]), size - own))
        self.size_bytes -= own
        self.count -= 1
        return first

    def make_room(self) -> int:
        """Let the oldest go that need no acknowledgement while there are too many; return how many messages went.

        What needs one is never let go: its session is held back instead.
        """
        gone = 0
        kept: list[tuple[Arrived, int]] = []
        while self.size_bytes > self._limit_bytes and self._waiting:
            arrived, size = self._waiting.popleft()
            careful = [message for message in arrived.messages if message.qos]
            gone += len(arrived.messages) - len(careful)
            left = arrived._replace(messages=careful)
            left_bytes = left.size_bytes
            self.size_bytes -= size - left_bytes
            if careful:
                kept.append((left, left_bytes))
        self._waiting.extendleft(reversed(kept))
        self.count -= gone
        return gone
