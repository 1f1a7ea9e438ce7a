"""From safe ticks to the database: out of memory while it keeps up, out of the journal when it does not."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Literal, NamedTuple

from ingest.batching import Batcher, Tick
from ingest.core import TickBuilder
from ingest.lateness import Lateness
from ingest.letters import LetterBox
from ingest.reading import Reader
from ingest.recording import arrived_of
from ingest.safekeeping import Kept
from sensors.columns import from_ns
from storage.checkpoints import Checkpoint
from storage.errors import JournalError
from storage.journal.frames import Kind
from storage.journal.log import Journal
from storage.journal.read import read_frames
from storage.journal.ticks import decode_tick
from storage.writer_batches import Priority, WriteBatch

FeedMode = Literal["live", "catching up"]
_RETRY_S = 1.0
_CHUNK_ROWS = 20_000
_CHUNK_BYTES = 8 << 20


class _Chunk(NamedTuple):
    ticks: list[Tick]
    end: int


class Decoder:
    """Reads ticks out of the journal, as they were read the first time.

    Parameters
    ----------
    make
        Makes a reader and a batcher that have seen nothing; the reader's clock is that of the tick.
    """

    def __init__(self, make: Callable[[LetterBox], tuple[Reader, Batcher]]) -> None:
        self._now_ns = 0
        self._builder = TickBuilder(*make(LetterBox(self._clock)))

    def _clock(self) -> datetime:
        return from_ns(self._now_ns)

    def tick_of(self, body: bytes) -> Tick:
        """Return the tick of a frame's body.

        Raises
        ------
        ValueError
            If it is not one.
        """
        record = decode_tick(body)
        self._now_ns = record.now_ns
        return self._builder.build(arrived_of(record), record.skipped)


class StoreFeed:
    """Hands ticks to the writer in the order of the journal, each with its checkpoint, and only when they are safe.

    Parameters
    ----------
    journal
        Where ticks are, too.
    put
        Hands rows to the store's writer; waits when there is no room.
    decoder
        Reads ticks of the journal.
    busy
        Whether the engine has more to do than it can: then catching up waits.
    max_rows
        Rows of ticks that may wait in memory; with more, they are read out of the journal later.

    Attributes
    ----------
    mode
        ``live``: out of memory. ``catching up``: out of the journal.
    position
        Position up to which everything was handed to the writer.
    stored
        Position up to which everything is in the database.
    frames_lost
        Gaps in the journal, and frames of it that could not be read.
    fault
        Why the journal cannot be read now; None when it can.
    """

    def __init__(
        self,
        journal: Journal,
        put: Callable[[WriteBatch], Awaitable[bool]],
        decoder: Decoder,
        *,
        busy: Callable[[], bool] = lambda: False,
        max_rows: int = 200_000,
    ) -> None:
        self.mode: FeedMode = "catching up"
        self.position = self.stored = 0
        self.frames_lost = 0
        self.fault: str | None = None
        self._journal = journal
        self._put = put
        self._decoder = decoder
        self._busy = busy
        self._max_rows = max_rows
        self._lateness: Lateness | None = None
        self._offered: deque[Kept] = deque()
        self._offered_rows = 0
        self._more = asyncio.Event()

    def begin(self, position: int, lateness: Lateness) -> None:
        """Begin behind what the database has.

        Parameters
        ----------
        position
            Its checkpoint.
        """
        self.position = self.stored = position
        self._lateness = lateness

    def offer(self, kept: Kept) -> None:
        """Take a tick that the journal has; never waits."""
        self._offered.append(kept)
        self._offered_rows += _rows_of(kept.tick)
        if self._offered_rows > self._max_rows:
            # They are in the journal: forget them here, and read them there.
            self._offered.clear()
            self._offered_rows = 0
            self.mode = "catching up"
        self._more.set()

    def advanced(self) -> None:
        """Say that the journal is durable up to a later position."""
        self._more.set()

    @property
    def rows_waiting(self) -> int:
        """Rows in memory."""
        return self._offered_rows

    @property
    def behind_bytes(self) -> int:
        """How much of the journal is not in the database."""
        return max(self._journal.end - self.stored, 0)

    async def run(self) -> None:
        """Feed the writer until cancelled; a journal that cannot be read is tried again: nothing may be left out."""
        while True:
            try:
                fed = await self.feed_once()
                self.fault = None
            except JournalError as exc:
                self.fault, fed = str(exc), True
                await asyncio.sleep(_RETRY_S)
            if not fed:
                self._more.clear()
                if not self._has_more():
                    await self._more.wait()

    async def drain(self) -> None:
        """Hand over what is safe, in good order at the end."""
        while await self.feed_once():
            pass

    async def feed_once(self) -> bool:
        """Hand over the next batch; False when there is none yet."""
        if self.mode == "live":
            return await self._feed_live()
        return await self._catch_up()

    def _has_more(self) -> bool:
        if self.mode == "live":
            return bool(self._offered) and self._offered[0].end <= self._journal.durable
        joins = bool(self._offered) and self._offered[0].start <= self.position
        return joins or self.position < self._journal.durable

    async def _feed_live(self) -> bool:
        kept = self._next_safe()
        if kept is None:
            return False
        ticks, end, rows = [kept.tick], kept.end, _rows_of(kept.tick)
        while rows < _CHUNK_ROWS and (more := self._next_safe()) is not None:
            ticks.append(more.tick)
            end = more.end
            rows += _rows_of(more.tick)
        await self._hand_over(_Chunk(ticks, end))
        return True

    def _next_safe(self) -> Kept | None:
        if not self._offered or self._offered[0].end > self._journal.durable:
            return None
        kept = self._offered.popleft()
        self._offered_rows -= _rows_of(kept.tick)
        return kept

    async def _catch_up(self) -> bool:
        """Read on in the journal; go over to memory where it begins with what comes next."""
        while self._offered and self._offered[0].end <= self.position:
            self._offered_rows -= _rows_of(self._offered.popleft().tick)
        if self._offered and self._offered[0].start <= self.position:
            self.mode = "live"
            return True
        durable = self._journal.durable
        if self.position >= durable:
            if not self._offered and self.position >= self._journal.end:
                self.mode = "live"
            return False
        if self._busy():
            await asyncio.sleep(0.05)
        chunk = await asyncio.to_thread(self._read, self.position, durable)
        await self._hand_over(chunk)
        return True

    def _read(self, start: int, end: int) -> _Chunk:
        ticks: list[Tick] = []
        rows = size = 0
        at = start
        for frame in read_frames(self._journal.folder, start, end):
            self.frames_lost += frame.start != at
            at = frame.end
            if frame.kind is not Kind.TICK:
                continue
            try:
                ticks.append(self._decoder.tick_of(frame.body))
            except ValueError:
                self.frames_lost += 1
                continue
            rows += _rows_of(ticks[-1])
            size += len(frame.body)
            if rows >= _CHUNK_ROWS or size >= _CHUNK_BYTES:
                return _Chunk(ticks, at)
        return _Chunk(ticks, end)

    async def _hand_over(self, chunk: _Chunk) -> None:
        if self._lateness is None:
            raise RuntimeError("feed: expected to be told where to begin, was not")
        parts = [self._lateness.sort(tick) for tick in chunk.ticks]
        batch = WriteBatch(
            series=tuple(rows for part in parts for rows in part.series),
            late=tuple(rows for part in parts for rows in part.late),
            events=tuple(event for part in parts for event in part.events),
            late_events=tuple(event for part in parts for event in part.late_events),
            dead_letters=tuple(letter for tick in chunk.ticks for letter in tick.letters),
            checkpoint=Checkpoint(self._journal.identity, chunk.end),
            priority=Priority.HAZARD,
            on_durable=lambda: self._note_stored(chunk.end),
        )
        await self._put(batch)
        self.position = chunk.end

    def _note_stored(self, position: int) -> None:
        self.stored = max(self.stored, position)
        self._journal.release(self.stored)


def _rows_of(tick: Tick) -> int:
    return sum(len(rows) for rows in tick.series) + len(tick.events) + len(tick.letters)
