"""What the writer is given: batches of rows, and the bounded queue they wait in."""

from __future__ import annotations

import asyncio
import enum
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import msgspec

from storage.checkpoints import Checkpoint
from storage.series import SeriesRows

PAYLOAD_BYTES = 4096
TEXT_LENGTH = 500


class Priority(enum.Enum):
    """Who gives way when the store cannot keep up."""

    TELEMETRY = "telemetry"
    """Dropped, oldest first, when the queue is full."""
    HAZARD = "hazard"
    """Never dropped; whoever offers it waits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceEvent:
    """A row of ``device_event``.

    Attributes
    ----------
    device
        Key from `storage.repositories.devices.register_devices`.
    payload
        JSON text of the message as bytes, or anything that msgspec encodes.

    Raises
    ------
    ValueError
        If a time is naive.
    """

    time: datetime
    received: datetime
    device: int
    kind: str
    stream: str
    seq: int
    payload: object

    def __post_init__(self) -> None:
        _require_aware("time", self.time)
        _require_aware("received", self.received)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A row of ``dead_letter``; texts are cleaned and cut so that it can always be stored.

    Attributes
    ----------
    size_bytes
        Size of the whole message, of which `payload` keeps the first 4 KB.

    Raises
    ------
    ValueError
        If `received` is naive.
    """

    received: datetime
    topic: str
    device: str | None
    field: str
    problem: str
    size_bytes: int
    payload: bytes

    def __post_init__(self) -> None:
        _require_aware("received", self.received)
        for name in ("topic", "device", "field", "problem"):
            text = getattr(self, name)
            if text is not None:
                object.__setattr__(self, name, _storable(text))
        object.__setattr__(self, "size_bytes", min(max(self.size_bytes, 0), 2**31 - 1))
        object.__setattr__(self, "payload", bytes(self.payload[:PAYLOAD_BYTES]))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WriteBatch:
    """Rows that are written in one transaction.

    Attributes
    ----------
    series, events
        Rows that are new for certain; they are appended without a look.
    late, late_events
        Rows that may be in the tables already; each is stored unless one of the same key is, see `storage.late`.
    checkpoint
        How far a journal is contained in the tables once this batch is. Such batches are never dropped, and are
        committed in the order in which they were put; their positions in one journal rise.
    on_durable
        Called once all of them are committed (a row that the database refuses counts as stored with its dead letter).
    on_dropped
        Called instead when the batch had to give way.
    """

    series: tuple[SeriesRows, ...] = ()
    events: tuple[DeviceEvent, ...] = ()
    dead_letters: tuple[DeadLetter, ...] = ()
    late: tuple[SeriesRows, ...] = ()
    late_events: tuple[DeviceEvent, ...] = ()
    checkpoint: Checkpoint | None = None
    priority: Priority = Priority.TELEMETRY
    on_durable: Callable[[], None] | None = None
    on_dropped: Callable[[], None] | None = None

    @property
    def n_row(self) -> int:
        """Number of rows."""
        n_event = len(self.events) + len(self.late_events) + len(self.dead_letters)
        return sum(len(rows) for rows in (*self.series, *self.late)) + n_event

    @property
    def gives_way(self) -> bool:
        """Whether the batch may be dropped."""
        return self.priority is Priority.TELEMETRY and self.checkpoint is None


class BatchQueue:
    """Batches waiting for the store, bounded by rows.

    Hazard batches and those with a checkpoint go first, in their order, and are never dropped; when they need room, the
    oldest telemetry gives way.

    Parameters
    ----------
    max_rows
        Most rows that wait; an empty batch counts as one, and a batch larger than all of it is let in alone.
    plenty_rows
        Rows from which on `plenty` is set.
    """

    def __init__(self, max_rows: int, *, plenty_rows: int) -> None:
        self._max_rows = max_rows
        self._waiting: Mapping[Priority, deque[WriteBatch]] = {priority: deque() for priority in Priority}
        self._rows = 0
        self._room = asyncio.Condition()
        self._turn = asyncio.Lock()  # whoever waits for room is not overtaken: checkpoints come in their order
        self._plenty_rows = plenty_rows
        self._closed = False
        self.arrived = asyncio.Event()
        self.plenty = asyncio.Event()
        self.dropped_rows: dict[Priority, int] = dict.fromkeys(Priority, 0)

    @property
    def rows(self) -> int:
        """Rows that wait."""
        return self._rows

    @property
    def fill_frac(self) -> float:
        """Part of the room in use, 0 to 1."""
        return min(1.0, self._rows / self._max_rows)

    async def put(self, batch: WriteBatch) -> bool:
        """Add a batch; return False when it was dropped. Waits only for one that does not fit and does not give way."""
        if not batch.gives_way:
            async with self._turn, self._room:
                await self._room.wait_for(lambda: self._makes_room(batch))
                self._add(Priority.HAZARD, batch)
            return True
        if not self._makes_room(batch):
            self._drop(batch)
            return False
        self._add(Priority.TELEMETRY, batch)
        return True

    def close(self) -> None:
        """Let nobody wait for more batches any longer."""
        self._closed = True
        self._signal()

    async def take(self, max_rows: int) -> list[WriteBatch]:
        """Remove and return the batches for one transaction: hazards first, at least one batch if there is any."""
        taken: list[WriteBatch] = []
        n_row = 0
        for priority in (Priority.HAZARD, Priority.TELEMETRY):
            waiting = self._waiting[priority]
            while waiting and (not taken or n_row + _cost(waiting[0]) <= max_rows):
                batch = waiting.popleft()
                n_row += _cost(batch)
                taken.append(batch)
        self._rows -= n_row
        self._signal()
        async with self._room:
            self._room.notify_all()
        return taken

    def _add(self, priority: Priority, batch: WriteBatch) -> None:
        self._waiting[priority].append(batch)
        self._rows += _cost(batch)
        self._signal()

    def _signal(self) -> None:
        for event, wanted in ((self.arrived, self._rows > 0), (self.plenty, self._rows >= self._plenty_rows)):
            if wanted or self._closed:
                event.set()
            else:
                event.clear()

    def _makes_room(self, batch: WriteBatch) -> bool:
        telemetry = self._waiting[Priority.TELEMETRY]
        while telemetry and self._rows + _cost(batch) > self._max_rows:
            oldest = telemetry.popleft()
            self._rows -= _cost(oldest)
            self._drop(oldest)
        return self._rows == 0 or self._rows + _cost(batch) <= self._max_rows

    def _drop(self, batch: WriteBatch) -> None:
        self.dropped_rows[batch.priority] += batch.n_row
        if batch.on_dropped is not None:
            batch.on_dropped()


def event_payload(event: DeviceEvent) -> bytes:
    """Return an event's payload as JSON."""
    if isinstance(event.payload, bytes):
        return event.payload
    return msgspec.json.encode(event.payload)


def _require_aware(name: str, time: datetime) -> None:
    if time.tzinfo is None:
        raise ValueError(f"{name}: expected an aware time, was a naive one")


def _cost(batch: WriteBatch) -> int:
    return max(1, batch.n_row)


def _storable(text: str) -> str:
    cut = text[:TEXT_LENGTH].replace("\x00", "\N{REPLACEMENT CHARACTER}")
    return cut.encode("utf-8", "replace").decode("utf-8")
