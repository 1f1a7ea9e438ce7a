"""The control room's MQTT session: bounded, acknowledges when told to, reconnects for ever."""

from __future__ import annotations

import asyncio
import random
import ssl
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence

from ingest.mqtt.address import BrokerAddress, describe, parse_url
from ingest.mqtt.backlog import LOOK_S, Backlog
from ingest.mqtt.encode import encode, encode_pubacks, encode_publish
from ingest.mqtt.errors import MqttUnavailable, PublishTimeoutError
from ingest.mqtt.link import Link
from ingest.mqtt.outbox import Letter, Outbox
from ingest.mqtt.packets import (
    DEFAULT_MAX_PACKET_BYTES,
    SUBSCRIPTION_REFUSED,
    OversizePublish,
    Publish,
    Suback,
    Subscribe,
)
from ingest.mqtt.session_state import Backoff, SessionCounters, SessionState
from ingest.mqtt.topics import TopicTable, check_filter, check_topic

__all__ = ["Backoff", "Incoming", "MqttSession", "OversizePublish", "SessionCounters", "SessionState"]

Incoming = Publish
"""A message received; its ``connection`` says on which connection of the session."""


class MqttSession:
    """A persistent MQTT 3.1.1 session.

    Parameters
    ----------
    url
        ``mqtt://[user:password@]host[:port]``, or ``mqtts://`` for TLS.
    client_id
        Identifier under which the broker keeps the session; not empty.
    filters
        Topic filters and the QoS wanted, 0 or 1.
    on_messages
        Called once for each read of the socket with all its messages, in order. An error out of it ends `run`.
    on_state
        Called on every change of `state`.
    on_oversize
        Called for each PUBLISH above the limit, which then is for the caller to acknowledge; without it the session
        acknowledges it itself.
    keep_alive_s
        Keep-alive promised to the broker; a ping goes out every half of it. 1 to 65,535.
    max_packet_bytes
        Largest packet taken.
    max_inflight
        How many QoS 1 messages of ours may wait for the broker's acknowledgement.
    max_waiting
        How many calls of `publish` may wait at all; more raise at once.
    publish_timeout_s, connect_timeout_s
        Default limits of `publish` and of each attempt to connect.
    backoff, sleep, jitter
        Delays between attempts, and what waits and what is random in them.
    tls
        TLS settings for ``mqtts``; the system's defaults when None.
    backlog
        Decides when the broker is so far behind with QoS 0 that the session begins a new connection, on which the
        broker goes on with what is new: of a connection that has ended it forgets QoS 0 and keeps QoS 1. Never when
        None.

    Raises
    ------
    ValueError
        If an argument is out of its range; the text names it.

    Notes
    -----
    The standard wants a client to acknowledge in the order of receipt (MQTT-4.6.0-2): pass messages to `acknowledge`
    in the order in which they came. While paused, the session reads nothing, PUBACKs of its own messages included: a
    process that publishes at QoS 1 while it is paused needs a second session for that.
    """

    def __init__(
        self,
        url: str,
        *,
        client_id: str,
        filters: Sequence[tuple[str, int]] = (),
        on_messages: Callable[[list[Incoming]], None],
        on_state: Callable[[SessionState], None] | None = None,
        on_oversize: Callable[[OversizePublish], None] | None = None,
        keep_alive_s: int = 30,
        max_packet_bytes: int = DEFAULT_MAX_PACKET_BYTES,
        max_inflight: int = 1_000,
        max_waiting: int = 5_000,
        publish_timeout_s: float = 10.0,
        connect_timeout_s: float = 10.0,
        backoff: Backoff | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,  # noqa: S311 - spreads reconnects, guards nothing
        tls: ssl.SSLContext | None = None,
        backlog: Backlog | None = None,
    ) -> None:
        if not client_id:
            raise ValueError("client_id: expected an identifier for the persistent session, was empty")
        if not 1 <= keep_alive_s <= 65_535:
            raise ValueError(f"keep_alive_s: expected 1 to 65535, was {keep_alive_s}")
        for topic_filter, qos in filters:
            check_filter(topic_filter)
            if qos not in {0, 1}:
                raise ValueError(f"filters: expected a QoS of 0 or 1 for {topic_filter!r}, was {qos}")
        self.address: BrokerAddress = parse_url(url)
        self.counters = SessionCounters()
        self.state = SessionState(connected=False, reason="not started", connection=0)
        self._hello = self.address.connect_packet(client_id, clean_session=False, keep_alive_s=keep_alive_s)
        self._filters = tuple(filters)
        self._on_messages = on_messages
        self._on_state = on_state
        self._on_oversize = on_oversize
        self._keep_alive_s = keep_alive_s
        self._max_packet_bytes = max_packet_bytes
        self._max_waiting = max_waiting
        self._publish_timeout_s = publish_timeout_s
        self._connect_timeout_s = connect_timeout_s
        self._backoff = backoff or Backoff()
        self._sleep = sleep
        self._jitter = jitter
        self._tls = tls
        self.backlog = backlog
        self._renewing = False
        self._topics = TopicTable()
        self._link: Link | None = None
        self._resend: deque[Letter] = deque()
        self._connections = 0
        self._was_connected = False
        self._paused = False
        self._can_write = asyncio.Event()
        self._outbox = Outbox(max_inflight)
        self._waiting = 0

    async def run(self) -> None:
        """Connect, subscribe, stay connected; begin again whenever that ends, until cancelled.

        Raises
        ------
        Exception
            Only what a callback raised.
        """
        attempt = 0
        delay_s = 0.0
        clock = asyncio.get_running_loop().time
        while True:
            started_s = clock()
            try:
                reason = await self._connect_and_stay()
            except MqttUnavailable as error:
                reason = str(error)
            # A broker that accepts and then drops us at once must not be asked at full pace.
            if clock() - started_s > self._connect_timeout_s + delay_s:
                attempt = 0
            renewing, self._renewing = self._renewing, False
            self._change_state(connected=False, reason=reason, renewing=renewing)
            if renewing:
                continue
            delay_s = self._backoff.delay_s(attempt, self._jitter())
            attempt += 1
            await self._sleep(delay_s)

    async def _connect_and_stay(self) -> str:
        """Return why the connection ended."""
        self._connections += 1
        link = Link(
            self,
            self._hello,
            number=self._connections,
            max_packet_bytes=self._max_packet_bytes,
            topics=self._topics,
        )
        self._link = link
        try:
            link.want_reading(not self._paused)
            await self._connect(link)
            self.counters.reconnects += self._was_connected
            self._was_connected = True
            self._greet(link)
            if self.backlog is not None:
                self.backlog.begin()
            await self._watch(link)
            return await link.closed
        finally:
            self._link = None
            self._can_write.clear()
            self._resend.clear()
            self._outbox.connection_lost()
            await link.finish()

    async def _connect(self, link: Link) -> None:
        address = self.address
        context = self._tls or ssl.create_default_context() if address.tls else None
        try:
            async with asyncio.timeout(self._connect_timeout_s):
                await asyncio.get_running_loop().create_connection(
                    lambda: link, address.host, address.port, ssl=context
                )
                await link.accepted
        except MqttUnavailable as error:
            raise address.unavailable(str(error)) from error
        except OSError as error:
            raise address.unavailable(describe(error)) from error

    def _greet(self, link: Link) -> None:
        """Subscribe and send again what was in flight."""
        if self._filters:
            # Identifiers of SUBSCRIBE and of PUBLISH share one space; the outbox hands out the low ones first.
            link.write(encode(Subscribe(65_535, self._filters)))
        else:
            self._change_state(connected=True, reason="connected")
        self._resend.extend(self._outbox.pending())
        self.link_writable()

    async def _watch(self, link: Link) -> None:
        """Ping until the connection ends; drop it when nothing is heard from the broker."""
        pinged = False
        while not link.closed.done():
            await self._stay(link, self._keep_alive_s / 2)
            # Who does not read cannot hear: while paused, silence says nothing.
            if pinged and not link.heard and not self._paused:
                link.abort(f"nothing heard from the MQTT broker at {self.address} for {self._keep_alive_s / 2:g} s")
                return
            pinged = not self._paused
            link.ping()

    async def _stay(self, link: Link, seconds: float) -> None:
        """Wait until the connection ends, at most so long; meanwhile let go what the broker is too far behind with."""
        backlog = self.backlog
        if backlog is None:
            await asyncio.wait((link.closed,), timeout=seconds)
            return
        clock = asyncio.get_running_loop().time
        end_s = clock() + seconds
        while not link.closed.done() and (left_s := end_s - clock()) > 0.0:
            await asyncio.wait((link.closed,), timeout=min(left_s, LOOK_S))
            if not link.closed.done() and backlog.look(link.pongs, link.sound, reading=not self._paused):
                self._renewing = True
                link.abort(f"let go what the MQTT broker at {self.address} was behind with")

    def acknowledge(self, messages: Iterable[Incoming | OversizePublish]) -> int:
        """Acknowledge QoS 1 messages in one write and return how many.

        Those at QoS 0 need none and those of an earlier connection cannot be acknowledged any more (the broker sends
        them again): both are passed over.
        """
        link = self._link
        if link is None:
            return 0
        number = link.number
        packet_ids = [message.packet_id for message in messages if message.qos and message.connection == number]
        if packet_ids:
            link.write(encode_pubacks(packet_ids))
            self.counters.acknowledged += len(packet_ids)
        return len(packet_ids)

    def pause(self) -> None:
        """Stop reading: the broker and then the devices are held back. Calls do not nest."""
        if not self._paused:
            self._paused = True
            self.counters.paused += 1
            if self._link is not None:
                self._link.want_reading(False)

    def resume(self) -> None:
        """Read again."""
        if self._paused:
            self._paused = False
            if self._link is not None:
                # A ping sent while paused may have been answered unheard.
                self._link.heard = True
                self._link.want_reading(True)

    @property
    def paused(self) -> bool:
        """Whether reading is stopped."""
        return self._paused

    async def publish(
        self, topic: str, payload: bytes, *, qos: int = 0, retain: bool = False, timeout_s: float | None = None
    ) -> None:
        """Publish a message; at QoS 1 return when the broker has acknowledged it.

        While disconnected it waits for the connection. A QoS 1 message is sent again, marked DUP, after a reconnect.

        Raises
        ------
        ValueError
            If topic, QoS or size cannot be sent.
        MqttUnavailable
            If too many calls wait already.
        PublishTimeoutError
            If ``timeout_s`` passed first. A QoS 1 message may or may not have arrived then. [s]
        """
        check_topic(topic)
        if qos not in {0, 1}:
            raise ValueError(f"qos: expected 0 or 1, was {qos}")
        name = topic.encode()
        size = len(name) + len(payload) + 9
        if size > self._max_packet_bytes:
            raise ValueError(f"payload: expected a packet of at most {self._max_packet_bytes} bytes, was {size}")
        if self._waiting >= self._max_waiting:
            raise MqttUnavailable(f"{self._waiting} publishes to the MQTT broker at {self.address} already wait")
        limit_s = self._publish_timeout_s if timeout_s is None else timeout_s
        self._waiting += 1
        try:
            async with asyncio.timeout(limit_s):
                if qos:
                    await self._publish_acknowledged(name, payload, retain)
                else:
                    (await self._writable_link()).write(encode_publish(name, payload, 0, retain))
        except TimeoutError as error:
            where = "connected" if self.state.connected else f"not connected: {self.state.reason}"
            raise PublishTimeoutError(f"publish to {topic} was not done within {limit_s:g} s ({where})") from error
        finally:
            self._waiting -= 1
        self.counters.published += 1

    async def _publish_acknowledged(self, name: bytes, payload: bytes, retain: bool) -> None:
        letter = await self._outbox.add(name, payload, retain)
        try:
            while not letter.sent:
                link = await self._writable_link()
                if not letter.sent:
                    link.write(letter.encode())
            await letter.acknowledged
        finally:
            self._outbox.give_up(letter)

    async def _writable_link(self) -> Link:
        while self._link is None or not self._link.writable or not self._can_write.is_set():
            self._can_write.clear()
            await self._can_write.wait()
        return self._link

    def link_messages(self, messages: list[Publish]) -> None:
        """Pass on what was read."""
        self.counters.received += len(messages)
        if self.backlog is not None:
            self.backlog.note(messages)
        self._on_messages(messages)

    def link_oversize(self, report: OversizePublish) -> None:
        """Count and report what was skipped."""
        self.counters.oversize += 1
        if self._on_oversize is not None:
            self._on_oversize(report)
        else:
            self.acknowledge((report,))

    def link_puback(self, packet_id: int) -> None:
        """Settle a publish."""
        self._outbox.acknowledge(packet_id)

    def link_suback(self, packet: Suback) -> None:
        """Become connected, or drop a connection on which a filter was refused."""
        refused = [
            name for (name, _), code in zip(self._filters, packet.codes, strict=False) if code == SUBSCRIPTION_REFUSED
        ]
        if self._link is None:
            return
        if refused or len(packet.codes) != len(self._filters):
            self._link.abort(f"the MQTT broker at {self.address} refused the subscription to {', '.join(refused)}")
        else:
            self._change_state(connected=True, reason="connected")

    def link_writable(self) -> None:
        """Send again what is left of an earlier connection; then let publishers go on."""
        link = self._link
        while link is not None and link.writable and self._resend:
            letter = self._resend.popleft()
            if letter in self._outbox:
                link.write(letter.encode())
        if not self._resend:
            self._can_write.set()

    def _change_state(self, *, connected: bool, reason: str, renewing: bool = False) -> None:
        state = SessionState(connected, reason, self._connections, renewing)
        if state != self.state:
            self.state = state
            if self._on_state is not None:
                self._on_state(state)
