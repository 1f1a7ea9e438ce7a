"""Citizens' live subscriptions: every alert of a district once, in one language, with recovery by offset."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec
import structlog

from alerts.courier import Waiting
from alerts.desk_store import StoreUnavailableError
from alerts.model import Alert
from alerts.spoken import spoken
from config.settings import Mode
from config.words import LANGUAGES
from storage.database import Connection, Database
from storage.desk_store import available
from storage.repositories.citizens import CitizenEntry, CitizenMessage, Recovery, append_messages, recover

log = structlog.get_logger(__name__)
QUEUE = 100
"""Alerts that may wait for one reader; who falls behind by more is closed and recovers by offset."""
MOST_READERS = 10_000
_RETRY_S = 1.0
_PAGE = 500


class TooManyReadersError(RuntimeError):
    """There is no room for another subscription."""


class Reader:
    """One subscriber: what waits for them, in order, and the offset that they begin behind."""

    def __init__(self, district: str, language: str, after: int) -> None:
        self.district = district
        self.language = language
        self.after = after
        self.waiting: asyncio.Queue[tuple[int, bytes]] = asyncio.Queue(QUEUE)
        self.overrun = asyncio.Event()

    def offer(self, offset: int, frame: bytes) -> None:
        """Queue a frame; one too many ends the subscription."""
        try:
            self.waiting.put_nowait((offset, frame))
        except asyncio.QueueFull:
            self.overrun.set()


class CitizenHub:
    """Readers by district and language, and the log that they recover from.

    It is also the channel ``subscribers``: sending an alert is appending it to the log, once, in the transaction that
    settles its posting. What readers are shown is always the log, in its order and without a gap, also when the answer
    to a commit was lost on the way.

    Parameters
    ----------
    database
        For the log.
    reading
        For readers who recover; another pool, so that a crowd of them keeps no alert waiting.
    epoch, mode
        Of the log, and of the alerts that are taken.
    """

    def __init__(self, database: Database, reading: Database, epoch: str, mode: Mode) -> None:
        self.epoch = epoch
        self.mode: Mode = mode
        self.sent_frames = 0
        self.readers_overrun = 0
        self.shown = 0
        """Offset up to which the log was shown."""
        self._database = database
        self._reading = reading
        self._readers: dict[tuple[str, str], set[Reader]] = {}
        self._behind = asyncio.Event()
        self._showing = asyncio.Lock()

    @property
    def reader_count(self) -> int:
        """Number of open subscriptions."""
        return sum(len(readers) for readers in self._readers.values())

    async def begin(self) -> None:
        """Find the end of the log: what is in it was shown by an earlier process, or is recovered.

        Raises
        ------
        StoreUnavailableError
        """
        async with available(self._database) as connection:
            self.shown = (await recover(connection, self.epoch, 0, district="", language="")).offset

    def open(self, district: str, language: str) -> Reader:
        """Open a subscription; from now on nothing is missed.

        Raises
        ------
        TooManyReadersError
            At 10,000 of them.
        """
        if self.reader_count >= MOST_READERS:
            raise TooManyReadersError(f"readers: expected fewer than {MOST_READERS}, was full")
        reader = Reader(district, language, self.shown)
        self._readers.setdefault((district, language), set()).add(reader)
        return reader

    def close(self, reader: Reader) -> None:
        """End a subscription."""
        key = (reader.district, reader.language)
        readers = self._readers.get(key, set())
        readers.discard(reader)
        if not readers:
            self._readers.pop(key, None)

    async def recover(self, epoch: str, offset: int, district: str, language: str) -> Recovery:
        """Return what a reader missed since an offset of an epoch.

        Raises
        ------
        StoreUnavailableError
        """
        async with available(self._reading) as connection:
            return await recover(connection, epoch, offset, district=district, language=language)

    async def send(self, posting: Waiting, alert: Alert, now: datetime) -> None:
        """Append an alert to the log and show it; a repetition of what was settled appends nothing.

        Raises
        ------
        WrongModeError
            If the alert is of another mode.
        StoreUnavailableError
            If the log does not answer. What it took all the same is shown by `run`.
        """
        text = spoken(alert, self.mode).text
        messages = [
            CitizenMessage(
                alert=alert.id,
                district=posting.target,
                language=language,
                created=now,
                body={"level": alert.level.name.lower(), "mode": alert.mode, "text": getattr(text, language)},
            )
            for language in LANGUAGES
        ]
        offsets: list[int] = []
        try:
            async with available(self._database) as connection:
                cursor = await connection.execute(
                    "UPDATE gwanje.outbox SET state = 'sent', updated = %s WHERE id = %s AND state = 'waiting'",
                    [now, posting.number],
                )
                if cursor.rowcount == 1:
                    offsets = await append_messages(connection, self.epoch, messages)
            if offsets and offsets[0] == self.shown + 1:
                self._show([CitizenEntry(offset, message) for offset, message in zip(offsets, messages, strict=True)])
        finally:
            self._behind.set()

    async def run(self) -> None:
        """Show what got into the log without being shown, until cancelled."""
        while True:
            await self._behind.wait()
            self._behind.clear()
            try:
                await self.catch_up()
            except StoreUnavailableError as exc:
                log.warning("citizens.log_unavailable", problem=str(exc))
                self._behind.set()
                await asyncio.sleep(_RETRY_S)

    async def catch_up(self) -> None:
        """Show what is in the log behind what was shown.

        Raises
        ------
        StoreUnavailableError
        """
        async with self._showing:
            while True:
                async with available(self._database) as connection:
                    entries = await _entries_after(connection, self.epoch, self.shown)
                # Another may have been shown while these were read.
                self._show([one for one in entries if one.offset > self.shown])
                if len(entries) < _PAGE:
                    return

    def frame(self, entry: CitizenEntry) -> bytes:
        """Return the frame of an entry, the same bytes for every reader."""
        message = entry.message
        body: dict[str, Any] = {
            "type": "alert",
            "epoch": self.epoch,
            "offset": entry.offset,
            "id": message.alert,
            "mode": message.body["mode"],
            "district": message.district,
            "level": message.body["level"],
            "language": message.language,
            "text": message.body["text"],
            "time": message.created,
        }
        return msgspec.json.encode(body)

    def _show(self, entries: Iterable[CitizenEntry]) -> None:
        for entry in entries:
            frame = self.frame(entry)
            for reader in self._readers.get((entry.message.district, entry.message.language), ()):
                behind = reader.overrun.is_set()
                reader.offer(entry.offset, frame)
                self.sent_frames += 1
                self.readers_overrun += reader.overrun.is_set() and not behind
            self.shown = entry.offset


async def _entries_after(connection: Connection, epoch: str, offset: int) -> list[CitizenEntry]:
    """Return the next entries of the log; commits are in the order of offsets, so none appears before these later."""
    cursor = await connection.execute(
        'SELECT "offset", alert, district, language, created, body FROM gwanje.citizen_log'
        ' WHERE epoch = %s AND "offset" > %s ORDER BY "offset" LIMIT %s',
        [epoch, offset, _PAGE],
    )
    return [CitizenEntry(row[0], CitizenMessage(*row[1:])) for row in await cursor.fetchall()]
