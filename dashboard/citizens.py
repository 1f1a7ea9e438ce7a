"""Citizens' live subscriptions: every alert of a district once, in one language, with recovery by offset."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

import msgspec

from alerts.courier import Waiting
from alerts.model import Alert
from alerts.spoken import spoken
from config.settings import Mode
from storage.database import Database
from storage.desk_store import available
from storage.repositories.citizens import CitizenEntry, CitizenMessage, Recovery, append_messages, recover

LANGUAGES = ("ko", "en")
QUEUE = 100
"""Alerts that may wait for one reader; who falls behind by more is closed and recovers by offset."""


class Reader:
    """One subscriber: what waits for them, in order."""

    def __init__(self, district: str, language: str) -> None:
        self.district = district
        self.language = language
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
    settles the posting, and then showing it to whoever reads.
    """

    def __init__(self, database: Database, epoch: str, mode: Mode, clock: Callable[[], datetime]) -> None:
        self.epoch = epoch
        self.mode = mode
        self.sent_frames = 0
        self._database = database
        self._clock = clock
        self._readers: dict[tuple[str, str], set[Reader]] = {}

    @property
    def reader_count(self) -> int:
        """Number of open subscriptions."""
        return sum(len(readers) for readers in self._readers.values())

    def open(self, district: str, language: str) -> Reader:
        """Open a subscription; from now on nothing is missed."""
        reader = Reader(district, language)
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
        """Return what a reader missed since an offset of an epoch."""
        async with available(self._database) as connection:
            return await recover(connection, epoch, offset, district=district, language=language)

    async def newest_offset(self) -> int:
        """Return the newest offset of the present epoch."""
        async with available(self._database) as connection:
            found = await recover(connection, self.epoch, 0, district="", language="")
        return found.offset

    async def send(self, posting: Waiting, alert: Alert, now: datetime) -> None:
        """Append an alert to the log and show it; a repetition of what was settled does nothing."""
        text = spoken(alert).text
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
        async with available(self._database) as connection:
            cursor = await connection.execute(
                "UPDATE gwanje.outbox SET state = 'sent', updated = %s WHERE id = %s AND state = 'waiting'",
                [now, posting.number],
            )
            if cursor.rowcount != 1:
                return
            offsets = await append_messages(connection, self.epoch, messages)
        self._show(CitizenEntry(offset, message) for offset, message in zip(offsets, messages, strict=True))

    def _show(self, entries: Iterable[CitizenEntry]) -> None:
        for entry in entries:
            frame = self.frame(entry)
            for reader in self._readers.get((entry.message.district, entry.message.language), ()):
                reader.offer(entry.offset, frame)
                self.sent_frames += 1

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
