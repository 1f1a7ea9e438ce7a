"""QoS 1 messages that we sent and that the broker has not taken yet: bounded, re-sent after a reconnect."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

from ingest.mqtt.encode import encode_publish


@dataclass(eq=False, slots=True)
class Letter:
    """One message in flight; ``sent`` once it has been written to any connection."""

    packet_id: int
    name: bytes
    payload: bytes
    retain: bool
    acknowledged: asyncio.Future[None]
    sent: bool = False
    abandoned: bool = False

    def encode(self) -> bytes:
        """Return the PUBLISH, with DUP when it was written before, and note that it is written now."""
        data = encode_publish(self.name, self.payload, 1, self.retain, self.sent, self.packet_id)
        self.sent = True
        return data


class Outbox:
    """At most ``limit`` letters, by packet identifier and in the order in which they were added.

    A letter whose sender has given up keeps its identifier until the broker answers or the connection ends, so that
    a late PUBACK cannot be taken for the answer to another message.
    """

    def __init__(self, limit: int) -> None:
        if not 1 <= limit <= 65_535:
            raise ValueError(f"max_inflight: expected 1 to 65535, was {limit}")
        self._letters: dict[int, Letter] = {}
        self._room = asyncio.Semaphore(limit)
        self._last_id = 0

    def __len__(self) -> int:
        return len(self._letters)

    def __contains__(self, letter: Letter) -> bool:
        return self._letters.get(letter.packet_id) is letter

    async def add(self, name: bytes, payload: bytes, retain: bool) -> Letter:
        """Wait for room and return the new letter, not yet sent."""
        await self._room.acquire()
        packet_id = self._last_id % 65_535 + 1
        while packet_id in self._letters:
            packet_id = packet_id % 65_535 + 1
        self._last_id = packet_id
        letter = Letter(packet_id, name, payload, retain, asyncio.get_running_loop().create_future())
        self._letters[packet_id] = letter
        return letter

    def acknowledge(self, packet_id: int) -> bool:
        """Settle a letter; false when there is none of that identifier."""
        letter = self._letters.get(packet_id)
        if letter is None:
            return False
        self._remove(letter)
        if not letter.acknowledged.done():
            letter.acknowledged.set_result(None)
        return True

    def give_up(self, letter: Letter) -> None:
        """Note that nobody waits for the letter any more."""
        if letter not in self:
            return
        if letter.sent:
            letter.abandoned = True
        else:
            self._remove(letter)

    def connection_lost(self) -> None:
        """Forget the letters that were given up."""
        for letter in [letter for letter in self._letters.values() if letter.abandoned]:
            self._remove(letter)

    def pending(self) -> Iterator[Letter]:
        """Yield the letters to send on a new connection, oldest first."""
        yield from list(self._letters.values())

    def _remove(self, letter: Letter) -> None:
        del self._letters[letter.packet_id]
        self._room.release()
