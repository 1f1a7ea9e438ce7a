"""The courier: carries approved alerts from the outbox to their channels, until each is sent or out of date."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

import msgspec
import structlog

from alerts.desk import Desk
from alerts.desk_store import StoreUnavailableError
from alerts.model import Alert, ChannelName, DeliveryState
from alerts.spoken import WrongModeError

log = structlog.get_logger(__name__)
MAX_UNDER_WAY = 1_000
"""Postings of one channel that are claimed and not done with."""


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """A posting that waits in the outbox."""

    number: int
    alert: str
    channel: ChannelName
    target: str
    attempts: int


class Outbox(Protocol):
    """Postings that survive the process; every method raises `StoreUnavailableError` when the store is away."""

    async def claim(self, channel: ChannelName, limit: int) -> Sequence[Waiting]:
        """Take the oldest postings of a channel that are due, counting a try for each."""

    async def settle(self, number: int, state: DeliveryState, detail: str | None = None) -> None:
        """Note what became of a posting; what is known already is not taken back."""


class UndeliverableError(ValueError):
    """A posting that no repetition will send."""


class Channel(Protocol):
    """One way to people."""

    async def send(self, posting: Waiting, alert: Alert, now: datetime) -> None:
        """Send.

        A repetition of what was sent must do no harm.

        Raises
        ------
        UndeliverableError, WrongModeError
            If it can never be sent.
        OSError, TimeoutError, StoreUnavailableError
            If it has to be tried again.
        """


class _Outcome(NamedTuple):
    state: DeliveryState
    detail: str | None


class Courier:
    """Carries the postings of each channel, several at a time, oldest first; no channel waits for another.

    Wakes when something is posted, and looks round regularly.

    Parameters
    ----------
    desk, outbox, channels, clock
    valid_for
        How long after its approval an alert is still sent.
    at_once
        Postings of one channel taken at a time.
    look_every_s
        Time between looks without being woken. [s]
    """

    def __init__(
        self,
        desk: Desk,
        outbox: Outbox,
        channels: Mapping[ChannelName, Channel],
        clock: Callable[[], datetime],
        *,
        valid_for: timedelta,
        at_once: int = 50,
        look_every_s: float = 2.0,
    ) -> None:
        self._desk = desk
        self._outbox = outbox
        self._channels = dict(channels)
        self._clock = clock
        self._valid_for = valid_for
        self._at_once = at_once
        self._look_every_s = look_every_s
        self._stopping = False
        self._posted = {channel: asyncio.Event() for channel in channels}
        # Claimed and not done with: they do not wait until the outbox takes them for forgotten.
        self._again: dict[ChannelName, dict[int, Waiting]] = {channel: {} for channel in channels}
        self._under_way: set[int] = set()
        # Done but not noted in the outbox: only the note is tried again.
        self._unsettled: dict[int, _Outcome] = {}

    def wake(self) -> None:
        """Say that something was posted."""
        for event in self._posted.values():
            event.set()

    def stop(self) -> None:
        """Ask `run` to begin nothing more and to return when what is under way is done."""
        self._stopping = True
        self.wake()

    async def run(self) -> None:
        """Carry until `stop` or cancellation; what is under way then stays in the outbox."""
        async with asyncio.TaskGroup() as tasks:
            for channel in self._channels:
                tasks.create_task(self._run(channel), name=f"courier {channel}")

    async def carry_once(self, channel: ChannelName) -> int:
        """Try every posting of a channel that is due, and wait for all; return how many the outbox gave.

        Raises
        ------
        StoreUnavailableError
            If the outbox cannot be read; what was taken out of it before waits.
        """
        async with asyncio.TaskGroup() as tasks:
            return await self._start_due(channel, tasks)

    async def _run(self, channel: ChannelName) -> None:
        away = False
        async with asyncio.TaskGroup() as tasks:
            while not self._stopping:
                given = 0
                try:
                    given = await self._start_due(channel, tasks)
                    away = False
                except StoreUnavailableError as exc:
                    if not away:
                        log.warning("courier.outbox_unavailable", channel=channel, problem=str(exc))
                    away = True
                if given < self._at_once and not self._stopping:
                    try:
                        async with asyncio.timeout(self._look_every_s):
                            await self._posted[channel].wait()
                    except TimeoutError:
                        pass
                    self._posted[channel].clear()

    async def _start_due(self, channel: ChannelName, tasks: asyncio.TaskGroup) -> int:
        """Begin with every posting that is due; one that takes long keeps no other waiting."""
        again = self._again[channel]
        room = min(self._at_once, MAX_UNDER_WAY - len(again))
        claimed = await self._outbox.claim(channel, room) if room > 0 else ()
        again |= {one.number: one for one in claimed}
        for posting in again.values():
            if posting.number not in self._under_way:
                self._under_way.add(posting.number)
                tasks.create_task(self._carry(posting))
        return len(claimed)

    async def _carry(self, posting: Waiting) -> None:
        now = self._clock()
        try:
            if posting.number not in self._unsettled:
                outcome = await self._try(posting, now)
                if outcome is None:
                    return
                self._unsettled[posting.number] = outcome
            state, detail = self._unsettled[posting.number]
            await self._outbox.settle(posting.number, state, detail)
        except StoreUnavailableError as exc:
            self._wait(posting, now, exc)
            return
        finally:
            self._under_way.discard(posting.number)
        del self._unsettled[posting.number]
        self._forget(posting)
        self._desk.deliver(posting.alert, posting.channel, posting.target, state, now, detail)

    async def _try(self, posting: Waiting, now: datetime) -> _Outcome | None:
        """Return what became of it, or None when it has to be tried again."""
        alert = self._desk.alerts.get(posting.alert)
        if alert is not None and alert.state == "draft":
            return None  # its approval is saved, and counts once the desk knows that
        try:
            if alert is None or alert.state != "approved" or alert.decided is None:
                was = "forgotten" if alert is None else alert.state
                raise UndeliverableError(f"alert {posting.alert}: expected an approved one, was {was}")
            if now >= alert.decided + self._valid_for:
                until = (alert.decided + self._valid_for).isoformat(timespec="seconds")
                raise UndeliverableError(f"alert {posting.alert}: expected to send before {until}, was too late")
            await self._channels[posting.channel].send(posting, alert, now)
        except (UndeliverableError, WrongModeError) as exc:
            log.error("courier.undeliverable", channel=posting.channel, target=posting.target, problem=str(exc))
            return _Outcome("failed", str(exc))
        except (OSError, TimeoutError) as exc:
            self._forget(posting)  # the outbox gives it again after its own delay
            self._wait(posting, now, exc)
            return None
        return _Outcome("sent", None)

    def _wait(self, posting: Waiting, now: datetime, why: Exception) -> None:
        log.warning("courier.retry", channel=posting.channel, target=posting.target, problem=str(why))
        self._desk.deliver(posting.alert, posting.channel, posting.target, "waiting", now, str(why))

    def _forget(self, posting: Waiting) -> None:
        self._again[posting.channel].pop(posting.number, None)
