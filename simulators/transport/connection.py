"""One MQTT connection that comes back when it is lost."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime

import aiomqtt
import numpy as np
import structlog

from simulators.devices.endpoint import Endpoint, Outbound
from simulators.transport.address import BrokerAddress
from simulators.transport.outbox import Outbox

KEEP_ALIVE_S = 30
KEEP_ALIVE_CHECKED_S = 5.0
"""How often a connection looks whether it has to ping; the broker gives up after one and a half keep-alives [s]."""
TIMEOUT_S = 10.0
GOODBYE_S = 20.0
"""Longest farewell; thousands of connections of one process that end together take seconds [s]."""
BACKOFF_FIRST_S = 0.5
BACKOFF_LONGEST_S = 30.0
MOST_INCOMING = 64
"""Commands that wait to be read; aiomqtt drops what comes above, and without a bound it would grow for ever."""

_log = structlog.get_logger("simulators")
_library_log = logging.getLogger("simulators.aiomqtt")


class _Client(aiomqtt.Client):
    """The library's client, but for its look after the keep-alive every second: thousands would do nothing else."""

    async def _misc_loop(self) -> None:
        # Its code for success is 0.
        while self._client.loop_misc() == 0:  # noqa: ASYNC110 - paho has no event for it
            await asyncio.sleep(KEEP_ALIVE_CHECKED_S)


class Connection:
    """The connection of one endpoint.

    Parameters
    ----------
    endpoint
        What speaks over it.
    address
        Broker.
    clock
        Source of device time.
    sleep
        Waits for a number of seconds.
    rng
        Jitter of the waits between attempts.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        address: BrokerAddress,
        clock: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]],
        rng: np.random.Generator,
    ) -> None:
        self.endpoint = endpoint
        self.outbox = Outbox()
        self.sent = 0
        self.connects = 0
        self._address = address
        self._clock = clock
        self._sleep = sleep
        self._rng = rng
        self._session_over = False
        self._stopping = False

    def stop(self) -> None:
        """Let `run` end at its next step; cancel its task as well, which wakes it.

        Until Python 3.12 ``asyncio.wait_for``, in which aiomqtt waits for every acknowledgement, forgets a cancellation
        that comes together with the answer. This mark is what is left of it then.
        """
        self._stopping = True

    async def run(self, connected: Callable[[], None], delay_s: float = 0.0) -> None:
        """Connect, speak, and connect again when the connection is lost, until cancelled.

        Parameters
        ----------
        connected
            Called after each connect.
        delay_s
            Wait before the first attempt, so that a region does not connect all at once. [s]
        """
        await self._sleep(delay_s)
        failures = 0
        while not self._stopping:
            before = self.connects
            try:
                await self._connect_and_speak(connected)
            except aiomqtt.MqttError as exc:
                failures = 0 if self.connects > before else failures + 1
                if failures <= 1:
                    _log.warning("connection lost", client=self.endpoint.client_id, reason=str(exc), **self._figures())
            await self._sleep(backoff_s(failures, float(self._rng.random())))

    async def _connect_and_speak(self, connected: Callable[[], None]) -> None:
        now = self._clock()
        client = _Client(
            self._address.host,
            self._address.port,
            username=self._address.username,
            password=self._address.password,
            identifier=self.endpoint.client_id,
            will=_as_will(self.endpoint.will(now)),
            clean_session=True,
            keepalive=KEEP_ALIVE_S,
            timeout=TIMEOUT_S,
            max_queued_incoming_messages=MOST_INCOMING,
            max_inflight_messages=20,
            tls_context=self._address.tls_context(),
            logger=_library_log,
        )
        async with client:
            try:
                for topic in self.endpoint.filters:
                    await client.subscribe(topic, qos=1)
                if self._stopping:
                    raise asyncio.CancelledError
                for message in self.endpoint.hello(self._clock()):
                    self.outbox.put(message)
                self.connects += 1
                connected()
                await self._speak(client)
            except asyncio.CancelledError:
                await self._say_goodbye(client)
                raise

    async def _speak(self, client: aiomqtt.Client) -> None:
        """Send and receive until the connection is lost."""
        self._session_over = False
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._send(client))
                group.create_task(self._receive(client))
                try:
                    await asyncio.Event().wait()
                finally:
                    self._session_over = True
        except BaseExceptionGroup as group_error:
            lost, rest = group_error.split(aiomqtt.MqttError)
            if lost is None or rest is not None:
                raise
            raise aiomqtt.MqttError(str(lost.exceptions[0])) from None

    async def _send(self, client: aiomqtt.Client) -> None:
        while not (self._session_over or self._stopping):
            message = await self.outbox.take()
            try:
                await self._publish(client, message)
            except (aiomqtt.MqttError, asyncio.CancelledError):
                # It may have arrived; sent again it has the same number and is known as a duplicate.
                self.outbox.put_back(message)
                raise

    async def _receive(self, client: aiomqtt.Client) -> None:
        # Without subscriptions nothing comes, but the iterator tells when the connection is lost.
        async for message in client.messages:
            payload = message.payload if isinstance(message.payload, bytes) else str(message.payload).encode()
            for answer in self.endpoint.receive(message.topic.value, payload, self._clock()):
                self.outbox.put(answer)

    async def _publish(self, client: aiomqtt.Client, message: Outbound) -> None:
        await client.publish(message.topic, message.payload, qos=message.qos, retain=message.retain)
        self.sent += 1

    async def _say_goodbye(self, client: aiomqtt.Client) -> None:
        with contextlib.suppress(aiomqtt.MqttError, TimeoutError):
            async with asyncio.timeout(GOODBYE_S):
                for message in self.endpoint.goodbye(self._clock()):
                    await self._publish(client, message)

    def _figures(self) -> dict[str, int]:
        return {
            "waiting": len(self.outbox),
            "lost_telemetry": self.outbox.lost.telemetry,
            "lost_events": self.outbox.lost.events,
        }


def backoff_s(failures: int, chance: float) -> float:
    """Return the wait after some failures in a row: doubling to half a minute, between half and whole [s]."""
    whole = min(BACKOFF_FIRST_S * 2.0 ** min(failures, 16), BACKOFF_LONGEST_S)
    return whole * (0.5 + chance / 2)


def _as_will(message: Outbound | None) -> aiomqtt.Will | None:
    if message is None:
        return None
    return aiomqtt.Will(message.topic, message.payload, qos=message.qos, retain=message.retain)
