"""From a tick to the journal, and from the journal's word back to those who wait for an acknowledgement."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from engine.findings import Finding
from ingest.batching import Tick
from ingest.core import Computed
from ingest.inbox import Arrived
from ingest.mqtt.session import Incoming, OversizePublish
from ingest.recording import record_of
from ingest.state_codec import Memory, encode_memory
from storage.journal.frames import Kind
from storage.journal.log import Journal
from storage.journal.ticks import encode_tick

Acknowledge = Callable[[int, Sequence[Incoming | OversizePublish]], None]
"""Lane, and the messages of it that are safe."""
_NS = 1_000_000_000
_LOOK_S = 0.01


class Kept(NamedTuple):
    """A tick as the journal has it."""

    tick: Tick
    start: int
    """Position of its frame."""
    end: int
    """Position behind it; safe when the journal is durable up to here."""


class Safekeeper:
    """Writes ticks to the journal, in the engine's thread, and acknowledges what is safe, in the loop's.

    Parameters
    ----------
    journal
        Opened already.
    acknowledge
        Called with messages that are safe.
    unsaved
        Returns the findings that the database does not have yet.
    memory_every_s, memory_every_bytes
        How long at most, and how much at least, between two memories of the engine in the journal: a restart takes up
        the last one and goes through what came after it. [s], [bytes]
    """

    def __init__(
        self,
        journal: Journal,
        acknowledge: Acknowledge,
        unsaved: Callable[[], Sequence[Finding]] = tuple,
        memory_every_s: float = 300.0,
        memory_every_bytes: int = 4 << 20,
    ) -> None:
        self.journal = journal
        self.not_journaled = 0
        self._acknowledge = acknowledge
        self._unsaved = unsaved
        self._memory_every_ns = int(memory_every_s * _NS)
        self._memory_every_bytes = memory_every_bytes
        self._shortest_ns = 10 * _NS
        self._remembered_ns: int | None = None
        self._remembered_at = 0
        self._waiting: deque[tuple[int, dict[int, list[Incoming | OversizePublish]]]] = deque()

    def keep(self, arrived: Sequence[Arrived], computed: Computed, now_ns: int) -> Kept:
        """Write a tick and what was found in it. While the disk refuses, only what waits for an acknowledgement.

        Raises
        ------
        RuntimeError
            If nobody writes the journal any more: the process has to start anew.
        """
        journal = self.journal
        if not journal.is_alive:
            raise RuntimeError(journal.status.reason or "the journal is closed")
        self._remember(computed, now_ns)
        careful = journal.status.state != "up"
        if careful:
            self.not_journaled += sum(not message.qos for group in arrived for message in group.messages)
        record = record_of(arrived, computed.tick, now_ns, careful=careful)
        urgent = any(message.qos for group in arrived for message in group.messages)
        start = journal.end
        end = journal.append(Kind.TICK, encode_tick(record), urgent=urgent)
        if computed.findings:
            journal.append(Kind.FINDINGS, [msgspec.msgpack.encode(computed.findings)], urgent=urgent)
        return Kept(computed.tick, start, end)

    def _remember(self, computed: Computed, now_ns: int) -> None:
        """Write the engine's memory as it was before this tick, now and then, and first of all in a new segment."""
        journal = self.journal
        since_ns = None if self._remembered_ns is None else now_ns - self._remembered_ns
        grown = journal.end - self._remembered_at
        new_segment = since_ns is None or journal.wants_segment
        if not new_segment and since_ns is not None:
            due = since_ns >= self._memory_every_ns or (
                grown >= self._memory_every_bytes and since_ns >= self._shortest_ns
            )
            if not due:
                return
        memory = Memory(now_ns=now_ns, state=computed.before, unsaved=tuple(self._unsaved()))
        journal.append(Kind.STATE, [encode_memory(memory)], new_segment=new_segment, urgent=False)
        self._remembered_ns, self._remembered_at = now_ns, journal.end

    def await_safety(self, arrived: Sequence[Arrived], kept: Kept) -> None:
        """Acknowledge a tick's messages as soon as it is safe."""
        waiting: dict[int, list[Incoming | OversizePublish]] = {}
        for group in arrived:
            careful = [message for message in group.messages if message.qos]
            if careful:
                waiting.setdefault(group.lane, []).extend(careful)
        if waiting:
            self._waiting.append((kept.end, waiting))
            self.settle(self.journal.durable)

    def settle(self, position: int) -> int:
        """Acknowledge what is safe up to a position; return how many messages."""
        count = 0
        while self._waiting and self._waiting[0][0] <= position:
            for lane, messages in self._waiting.popleft()[1].items():
                self._acknowledge(lane, messages)
                count += len(messages)
        return count

    async def all_safe(self) -> None:
        """Wait until everything taken is safe and acknowledged."""
        while self.journal.durable < self.journal.end:  # noqa: ASYNC110 - the journal's thread
            await asyncio.sleep(_LOOK_S)
        self.settle(self.journal.durable)

    @property
    def waiting(self) -> int:
        """Messages that wait for their acknowledgement."""
        return sum(len(messages) for _, lanes in self._waiting for messages in lanes.values())
