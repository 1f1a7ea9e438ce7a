"""The courier: carries approved alerts from the outbox to their channels, until each is sent."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

import msgspec
import structlog

from alerts.desk import Desk, StoreUnavailableError
from alerts.model import Alert, ChannelName, DeliveryState
from config.catalogue.model import Catalogue
from sensors.codec import encode
from sensors.observations import SignCommand
from sensors.topics import Topic, format_topic

log = structlog.get_logger(__name__)
Publish = Callable[[str, bytes, int, bool], Awaitable[None]]
"""Topic, payload, quality of service, retain; returns when the broker has it."""


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """A posting that waits in the outbox."""

    number: int
    alert: str
    channel: ChannelName
    target: str
    attempts: int


class Outbox(Protocol):
    """Postings that survive the process."""

    async def claim(self, limit: int) -> Sequence[Waiting]:
        """Take the oldest postings that are due, counting a try for each.

        Raises
        ------
        StoreUnavailableError
            When the store is away.
        """

    async def settle(self, number: int, state: DeliveryState, detail: str | None = None) -> None:
        """Note that a posting is sent, or can never be; raises as `claim` does."""


class UndeliverableError(ValueError):
    """A posting that no repetition will send."""


class Channel(Protocol):
    """One way to people."""

    async def send(self, posting: Waiting, alert: Alert, now: datetime) -> None:
        """Send; raise `UndeliverableError` for good, anything of `OSError` or `TimeoutError` to be tried again."""


class SignChannel:
    """Variable message signs, over MQTT."""

    def __init__(self, catalogue: Catalogue, publish: Publish, priority: int, shown_for: timedelta) -> None:
        self._districts = {sign.id: sign.district for sign in catalogue.sign}
        self._publish = publish
        self._priority = priority
        self._shown_for = shown_for

    async def send(self, posting: Waiting, alert: Alert, now: datetime) -> None:
        """Publish the sign's command; its number is that of the outbox, so that a repetition is known as one."""
        multi = next((one.multi for one in alert.signs if one.sign == posting.target), None)
        district = self._districts.get(posting.target)
        if multi is None or district is None:
            raise UndeliverableError(f"sign {posting.target}: expected a sign of the alert and the region, was neither")
        expires = (alert.decided or now) + self._shown_for
        if now >= expires:
            raise UndeliverableError(
                f"sign {posting.target}: expected to send before {expires.isoformat()}, was too late"
            )
        command = SignCommand(
            device=posting.target,
            time=now,
            seq=posting.number,
            message=message_id(posting.number),
            multi=multi,
            priority=self._priority,
            expires=expires,
        )
        topic = format_topic(Topic(district, "sign", posting.target, "command"))
        await self._publish(topic, encode(command), 1, False)


def message_id(number: int) -> str:
    """Name the message of a posting, as a sign acknowledges it."""
    return f"m{number}"


def posting_of(message: str) -> int | None:
    """Return the number of the posting that a message belongs to, or None when it is not one of ours."""
    digits = message.removeprefix("m")
    return int(digits) if message.startswith("m") and digits.isdecimal() and len(digits) < 19 else None


class Courier:
    """Carries postings, several at a time, oldest first; wakes when something is posted and looks round regularly."""

    def __init__(
        self,
        desk: Desk,
        outbox: Outbox,
        channels: dict[ChannelName, Channel],
        clock: Callable[[], datetime],
        *,
        at_once: int = 50,
        look_every_s: float = 2.0,
    ) -> None:
        self._desk = desk
        self._outbox = outbox
        self._channels = channels
        self._clock = clock
        self._at_once = at_once
        self._look_every_s = look_every_s
        self._posted = asyncio.Event()

    def wake(self) -> None:
        """Say that something was posted."""
        self._posted.set()

    async def run(self) -> None:
        """Carry until cancelled."""
        while True:
            carried = 0
            try:
                carried = await self.carry_once()
            except* StoreUnavailableError as group:
                log.warning("courier.outbox_unavailable", problem=str(group.exceptions[0]))
            if carried < self._at_once:
                try:
                    async with asyncio.timeout(self._look_every_s):
                        await self._posted.wait()
                except TimeoutError:
                    pass
                self._posted.clear()

    async def carry_once(self) -> int:
        """Try every posting that is due once; return how many left the outbox."""
        batch = await self._outbox.claim(self._at_once)
        async with asyncio.TaskGroup() as tasks:
            carried = [tasks.create_task(self._carry(one)) for one in batch]
        return sum(task.result() for task in carried)

    async def _carry(self, posting: Waiting) -> bool:
        alert = self._desk.alerts.get(posting.alert)
        now = self._clock()
        try:
            if alert is None:
                raise UndeliverableError(f"alert {posting.alert}: expected one that is known, was forgotten")
            await self._channels[posting.channel].send(posting, alert, now)
        except UndeliverableError as exc:
            await self._outbox.settle(posting.number, "failed", str(exc))
            self._desk.deliver(posting.alert, posting.channel, posting.target, "failed", now, str(exc))
            return True
        except (OSError, TimeoutError) as exc:
            log.warning("courier.retry", channel=posting.channel, target=posting.target, problem=str(exc))
            return False
        await self._outbox.settle(posting.number, "sent")
        self._desk.deliver(posting.alert, posting.channel, posting.target, "sent", now)
        return True
