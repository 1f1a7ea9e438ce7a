"""When a tick is due, what belongs to it, and what time it is: by the wall, or by the devices of a replay."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from ingest.inbox import Accepted
from ingest.intake import Intake
from sensors.columns import from_ns, to_ns


class Due(NamedTuple):
    """One tick."""

    accepted: Sequence[Accepted]
    now_ns: int
    """Engine time, never before that of an earlier tick. [ns since 1970 UTC]"""


class Timekeeper(Protocol):
    """Decides about ticks."""

    def now(self) -> datetime:
        """Return engine time."""

    async def next_tick(self) -> Due:
        """Wait until a tick is due."""

    def arrived(self, *, hazard: bool) -> None:
        """Say that something was put into the intake."""

    def acknowledged(self, count: int) -> None:
        """Say that so many messages of earlier ticks are safe."""


class WallTicks:
    """A tick every so often, and at once when a hazard arrives.

    Parameters
    ----------
    intake
        Whose queues are emptied, hazards first.
    clock
        Aware UTC.
    interval_s
        Time between ticks. [s]
    telemetry_per_tick
        Observations of detectors taken at once; what is left waits for the next tick.
    gather_s
        How long a hazard waits for others that come with it. [s]
    sleep
        Waits for a number of seconds.
    """

    def __init__(
        self,
        intake: Intake,
        clock: Callable[[], datetime],
        interval_s: float,
        telemetry_per_tick: int = 20_000,
        gather_s: float = 0.02,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._intake = intake
        self._clock = clock
        self._interval_s = interval_s
        self._telemetry_per_tick = telemetry_per_tick
        self._gather_s = gather_s
        self._sleep = sleep
        self._wake = asyncio.Event()
        self._last_ns = 0

    def now(self) -> datetime:
        """Return the wall's time, which here never goes back."""
        return from_ns(max(to_ns(self._clock()), self._last_ns))

    def arrived(self, *, hazard: bool) -> None:
        """Wake at once for a hazard; telemetry waits for its tick."""
        if hazard:
            self._wake.set()

    def acknowledged(self, count: int) -> None:
        """Do nothing: the wall's time goes on."""

    async def next_tick(self) -> Due:
        """Wait for the interval or a hazard, then take what arrived."""
        try:
            async with asyncio.timeout(self._interval_s):
                await self._wake.wait()
        except TimeoutError:
            pass
        else:
            await self._sleep(self._gather_s)
        self._wake.clear()
        intake = self._intake
        accepted = [*intake.hazard.take(), *intake.telemetry.take(self._telemetry_per_tick)]
        self._last_ns = to_ns(self.now())
        return Due(accepted, self._last_ns)


class DeviceTicks:
    """Ticks by the devices' own time: for replays, as fast as the messages come, and the same each time.

    The time is the newest device time seen so far. A tick ends when a message arrives that belongs to a later interval,
    or when it has ``most`` messages, so its content depends on the order of the messages alone. At the end of a replay,
    when everything before is safe and nothing arrives for ``idle_s``, what waits is taken as it stands. All messages
    have to come through one session, in one quality of service, to keep their order.

    Parameters
    ----------
    intake
        Whose one queue is emptied in order.
    interval_s
        Length of a tick in device time. [s]
    idle_s
        Wall time without a message after which the last tick is taken. [s]
    most
        Messages of a tick at most. A sender has to have more than these on the way, for none of them is acknowledged
        before the tick is over.
    """

    def __init__(self, intake: Intake, interval_s: float, idle_s: float = 3.0, most: int = 250) -> None:
        self._intake = intake
        self._interval_ns = int(interval_s * 1e9)
        self._idle_s = idle_s
        self._most = most
        self._watermark_ns = 0
        self._pending: list[Accepted] = []
        self._unsafe = 0
        self._wake = asyncio.Event()

    def now(self) -> datetime:
        """Return the newest device time so far."""
        return from_ns(self._watermark_ns)

    def arrived(self, *, hazard: bool) -> None:
        """Look at what arrived; here hazards and telemetry are equal, for the order is what counts."""
        del hazard
        self._wake.set()

    def acknowledged(self, count: int) -> None:
        """Note that the sender may go on."""
        self._unsafe -= count
        self._wake.set()

    async def next_tick(self) -> Due:
        """Wait until a message of a later interval closes the tick."""
        inbox = self._intake.hazard
        while True:
            while inbox:
                later_ns = max(_newest_ns(inbox.peek()), self._watermark_ns)
                ended = later_ns // self._interval_ns > self._watermark_ns // self._interval_ns
                if self._pending and (ended or len(self._pending) >= self._most):
                    return self._close()
                self._watermark_ns = later_ns
                self._pending.append(inbox.pop())
            # While something is not safe yet, its sender may be waiting for us: silence then says nothing.
            try:
                async with asyncio.timeout(self._idle_s if self._pending and self._unsafe <= 0 else None):
                    await self._wake.wait()
            except TimeoutError:
                return self._close()
            self._wake.clear()

    def _close(self) -> Due:
        accepted, self._pending = self._pending, []
        self._unsafe += sum(1 for one in accepted if one.source.qos)
        return Due(accepted, self._watermark_ns)


def _newest_ns(accepted: Accepted) -> int:
    return max((to_ns(item.message.time) for item in accepted.observations), default=0)
