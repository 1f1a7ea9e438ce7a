"""When a tick is due, what belongs to it, and what time it is: by the wall, or by the devices of a replay."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from ingest.inbox import Arrived
from ingest.intake import Intake
from ingest.mqtt.session import Incoming, OversizePublish
from sensors.columns import from_ns, to_ns


class Due(NamedTuple):
    """One tick."""

    arrived: Sequence[Arrived]
    now_ns: int
    """Engine time, never before that of an earlier tick. [ns since 1970 UTC]"""


class Timekeeper(Protocol):
    """Decides about ticks."""

    is_wall: bool
    """Whether its time is the wall's, and goes on by itself."""

    def now(self) -> datetime:
        """Return engine time."""

    async def next_tick(self) -> Due:
        """Wait until a tick is due."""

    def arrived(self, *, hazard: bool) -> None:
        """Say that something was put into the intake."""

    def acknowledged(self, count: int) -> None:
        """Say that so many messages of earlier ticks are safe."""


class WallTicks:
    """A tick soon after something arrived, sooner when it is a hazard, and every so often when nothing does.

    Parameters
    ----------
    intake
        Whose queues are emptied, hazards first.
    clock
        Aware UTC.
    interval_s
        Time between ticks when nothing arrives. [s]
    gather_s, hazard_gather_s
        How long a sample, or a hazard, waits for others that come with it. [s]
    monotonic
        Seconds that only grow.
    hazard_bytes, telemetry_bytes
        What one tick takes at most of each queue; what is left waits for the next.

    Notes
    -----
    When ticks take long, the next gathers for as long as the last one took: the engine then does fewer and larger
    steps instead of falling behind. Hazards do not wait for that.
    """

    is_wall = True

    def __init__(
        self,
        intake: Intake,
        clock: Callable[[], datetime],
        interval_s: float,
        *,
        gather_s: float = 0.04,
        hazard_gather_s: float = 0.02,
        monotonic: Callable[[], float] = time.monotonic,
        hazard_bytes: int = 8 << 20,
        telemetry_bytes: int = 4 << 20,
    ) -> None:
        self._intake = intake
        self._clock = clock
        self._interval_s = interval_s
        self._gather_s = min(gather_s, interval_s)
        self._hazard_gather_s = min(hazard_gather_s, interval_s)
        self._monotonic = monotonic
        self._hazard_bytes = hazard_bytes
        self._telemetry_bytes = telemetry_bytes
        self._due_s = float("inf")
        self._sooner = asyncio.Event()
        self._took_s = 0.0
        self._given_s: float | None = None
        self._last_ns = 0

    def now(self) -> datetime:
        """Return the wall's time, which here never goes back."""
        return from_ns(max(to_ns(self._clock()), self._last_ns))

    def arrived(self, *, hazard: bool) -> None:
        """Note that a tick is due: soon for a hazard, a little later for telemetry."""
        wait_s = self._hazard_gather_s if hazard else max(self._gather_s, min(self._took_s, self._interval_s))
        due_s = self._monotonic() + wait_s
        if due_s < self._due_s:
            self._due_s = due_s
            self._sooner.set()

    def acknowledged(self, count: int) -> None:
        """Do nothing: the wall's time goes on."""

    async def next_tick(self) -> Due:
        """Wait until something that arrived is due, or the interval is over, then take what there is."""
        asked_s = self._monotonic()
        if self._given_s is not None:
            self._took_s = asked_s - self._given_s
        end_s = asked_s + self._interval_s
        while (left_s := min(self._due_s, end_s) - self._monotonic()) > 0.0:
            self._sooner.clear()
            try:
                async with asyncio.timeout(left_s):
                    await self._sooner.wait()
            except TimeoutError:
                break
        self._due_s = float("inf")
        intake = self._intake
        arrived = [*intake.hazard.take(self._hazard_bytes), *intake.telemetry.take(self._telemetry_bytes)]
        if intake.hazard or intake.telemetry:
            self._due_s = self._monotonic()
        self._last_ns = to_ns(self.now())
        self._given_s = self._monotonic()
        return Due(arrived, self._last_ns)


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
    newest_ns
        Returns the newest device time in a message; 0 when it has none that is believed. [ns since 1970 UTC]
    idle_s
        Wall time without a message after which the last tick is taken. [s]
    most
        Messages of a tick at most. A sender has to have more than these on the way, for none of them is acknowledged
        before the tick is over.
    """

    is_wall = False

    def __init__(
        self,
        intake: Intake,
        interval_s: float,
        newest_ns: Callable[[Incoming | OversizePublish], int],
        idle_s: float = 3.0,
        most: int = 250,
    ) -> None:
        self._intake = intake
        self._newest_ns = newest_ns
        self._interval_ns = int(interval_s * 1e9)
        self._idle_s = idle_s
        self._most = most
        self._watermark_ns = 0
        self._pending: list[Arrived] = []
        self._ahead: Arrived | None = None
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
            while (one := self._ahead or inbox.take_one()) is not None:
                later_ns = max(self._newest_ns(one.messages[0]), self._watermark_ns)
                ended = later_ns // self._interval_ns > self._watermark_ns // self._interval_ns
                if self._pending and (ended or len(self._pending) >= self._most):
                    self._ahead = one
                    return self._close()
                self._watermark_ns = later_ns
                self._pending.append(one)
                self._ahead = None
            # While something is not safe yet, its sender may be waiting for us: silence then says nothing.
            try:
                async with asyncio.timeout(self._idle_s if self._pending and self._unsafe <= 0 else None):
                    await self._wake.wait()
            except TimeoutError:
                return self._close()
            self._wake.clear()

    def _close(self) -> Due:
        arrived, self._pending = self._pending, []
        self._unsafe += sum(1 for one in arrived for message in one.messages if message.qos)
        return Due(arrived, self._watermark_ns)
