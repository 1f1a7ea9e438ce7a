"""What signs answer, back to the alert that it belongs to."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Literal

import structlog

from alerts.desk import Desk
from alerts.desk_store import StoreUnavailableError
from alerts.lifecycle import clean
from alerts.signs import posting_of
from sensors.observations import SignAck
from storage.desk_store import PostgresOutbox

log = structlog.get_logger(__name__)
_RETRY_S = 1.0


class SignAnswers:
    """A bounded queue of answers and the loop that notes them.

    What overflows is counted; it is stored with the events of the sign all the same, and the next start takes it from
    there.
    """

    def __init__(self, outbox: PostgresOutbox, desk: Desk, limit: int = 1_000) -> None:
        self.dropped = 0
        self._outbox = outbox
        self._desk = desk
        self._queue: asyncio.Queue[SignAck] = asyncio.Queue(limit)

    def offer(self, answer: SignAck, _received: datetime) -> None:
        """Queue an answer; those to messages that are not ours are passed over."""
        if posting_of(answer.message) is None:
            return
        try:
            self._queue.put_nowait(answer)
        except asyncio.QueueFull:
            self.dropped += 1

    async def run(self) -> None:
        """Note answers until cancelled; while the store is away, wait for it."""
        while True:
            answer = await self._queue.get()
            away = False
            while True:
                try:
                    await self._note(answer)
                    break
                except StoreUnavailableError as exc:
                    if not away:
                        log.warning("answers.store_unavailable", problem=str(exc))
                    away = True
                    await asyncio.sleep(_RETRY_S)

    async def _note(self, answer: SignAck) -> None:
        number = posting_of(answer.message)
        found = None if number is None else await self._outbox.alert_of(number)
        if number is None or found is None or found[1] != answer.device:
            return
        state: Literal["shown", "refused"] = "shown" if answer.shown else "refused"
        reason = None if answer.reason is None else clean(answer.reason)
        await self._outbox.settle(number, state, reason)
        self._desk.deliver(found[0], "sign", answer.device, state, answer.time, reason)
