"""One connection of a session to a broker: an asyncio Protocol on the codec."""

from __future__ import annotations

import asyncio
from operator import attrgetter
from typing import Protocol

from ingest.mqtt.address import refusal
from ingest.mqtt.codec import Parser
from ingest.mqtt.encode import DISCONNECT, PINGREQ, encode
from ingest.mqtt.errors import MqttUnavailable, ProtocolError
from ingest.mqtt.packets import Connack, Connect, OversizePublish, Packet, Pingresp, Puback, Publish, Suback
from ingest.mqtt.topics import TopicTable

WRITE_BUFFER_BYTES = 1 << 20
_ONLY_MESSAGES = {Publish}
_qos_of = attrgetter("qos")


class LinkOwner(Protocol):
    """What a link tells the session."""

    def link_messages(self, messages: list[Publish]) -> None:
        """Hand over all messages of one read, in order."""

    def link_oversize(self, report: OversizePublish) -> None:
        """Report a PUBLISH above the limit."""

    def link_puback(self, packet_id: int) -> None:
        """Report that the broker took one of our messages."""

    def link_suback(self, packet: Suback) -> None:
        """Report the answer to our SUBSCRIBE."""

    def link_writable(self) -> None:
        """Report that the write buffer has room again."""


class Link(asyncio.Protocol):
    """One connection.

    Parameters
    ----------
    owner
        Who gets the packets.
    hello
        The CONNECT sent at once.
    number
        Number of the connection, stamped on every message.
    max_packet_bytes
        Limit of the parser.
    topics
        Table of known topic names, kept over connections.

    Attributes
    ----------
    accepted
        Future of the CONNACK, or `MqttUnavailable`.
    closed
        Future of the reason why the connection ended: a text, or the error of a callback of the owner.
    heard
        Whether anything has come since it was last set to false.
    pings, pongs
        How many pings went out, and how many were answered.
    writable
        Whether the write buffer has room.
    """

    def __init__(
        self, owner: LinkOwner, hello: Connect, *, number: int, max_packet_bytes: int, topics: TopicTable
    ) -> None:
        loop = asyncio.get_running_loop()
        self.number = number
        self.accepted: asyncio.Future[Connack] = loop.create_future()
        self.closed: asyncio.Future[str] = loop.create_future()
        self.heard = False
        self.pings = self.pongs = 0
        self.writable = False
        self._owner = owner
        self._hello = encode(hello)
        self._parser = Parser(max_packet_bytes, connection=number, topics=topics)
        self._transport: asyncio.Transport | None = None
        self._reason: str | None = None
        self._reading_wanted = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say hello."""
        if not isinstance(transport, asyncio.Transport):
            raise TypeError(f"transport: expected a stream, was {type(transport).__name__}")
        self._transport = transport
        transport.set_write_buffer_limits(high=WRITE_BUFFER_BYTES)
        self.writable = True
        transport.write(self._hello)

    def data_received(self, data: bytes) -> None:
        """Parse one read; the owner gets its messages in one call."""
        self.heard = True
        failure = None
        packets: list[Packet]
        try:
            packets = self._parser.feed(data)
        except ProtocolError as error:
            packets = list(error.packets)
            failure = str(error)
        messages: list[Publish] = []
        # Nearly always there is nothing but messages; QoS 2 was not asked for, and is looked for all the same.
        if set(map(type, packets)) == _ONLY_MESSAGES and max(map(_qos_of, packets)) < 2:
            messages, packets = packets, []  # type: ignore[assignment]
        for packet in packets:
            if type(packet) is Publish and packet.qos < 2:
                messages.append(packet)
            elif not self._control(packet):
                failure = f"unexpected packet {type(packet).__name__}"
                break
        if messages:
            if not self._accepted():
                failure = "messages before CONNACK"
            else:
                self._owner.link_messages(messages)
        if failure is not None:
            self.abort(f"protocol error: {failure}")

    def _accepted(self) -> bool:
        return self.accepted.done() and not self.accepted.cancelled() and self.accepted.exception() is None

    def _control(self, packet: Packet) -> bool:
        """Handle anything but a message; false when the broker should not have sent it."""
        if isinstance(packet, Connack):
            if self.accepted.done():
                return False
            if packet.code:
                self.accepted.set_exception(MqttUnavailable(refusal(packet.code)))
            else:
                self.accepted.set_result(packet)
                self._apply_reading()
            return True
        if not self._accepted():
            return False
        match packet:
            case Puback():
                self._owner.link_puback(packet.packet_id)
            case OversizePublish():
                self._owner.link_oversize(packet)
            case Suback():
                self._owner.link_suback(packet)
            case Pingresp():
                self.pongs += 1
            case _:
                return False
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """Settle the futures. An error that is not the network's came out of a callback and is passed on."""
        self.writable = False
        self._transport = None
        reason = self._reason or (str(exc) if exc else "the broker closed the connection")
        if not self.accepted.done():
            self.accepted.set_exception(MqttUnavailable(reason))
        if not self.accepted.cancelled():
            self.accepted.exception()
        if self.closed.done():
            return
        if exc is not None and not isinstance(exc, OSError):
            self.closed.set_exception(exc)
            self.closed.exception()
        else:
            self.closed.set_result(reason)

    def pause_writing(self) -> None:
        """Stop: the broker does not read."""
        self.writable = False

    def resume_writing(self) -> None:
        """Go on."""
        self.writable = True
        self._owner.link_writable()

    def write(self, data: bytes) -> None:
        """Write; nothing happens once the connection is gone."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def ping(self) -> None:
        """Ask for a sign of life; ``heard`` becomes true when there is one."""
        self.heard = False
        self.sound()

    def sound(self) -> int:
        """Send a ping, only to see when it is answered; return which of this connection's it is, from 1."""
        self.pings += 1
        self.write(PINGREQ)
        return self.pings

    def want_reading(self, wanted: bool) -> None:
        """Read or stop reading. The CONNACK is always waited for."""
        self._reading_wanted = wanted
        if self._accepted():
            self._apply_reading()

    def _apply_reading(self) -> None:
        transport = self._transport
        if transport is None or transport.is_closing() or transport.is_reading() == self._reading_wanted:
            return
        if self._reading_wanted:
            transport.resume_reading()
        else:
            transport.pause_reading()

    def abort(self, reason: str) -> None:
        """Drop the connection at once."""
        self._reason = self._reason or reason
        if self._transport is not None:
            self._transport.abort()

    async def finish(self) -> None:
        """Send DISCONNECT and close; return when the socket is closed, which takes at most about a second."""
        transport = self._transport
        if transport is None:
            return
        self.write(DISCONNECT)
        transport.close()
        await asyncio.wait((self.closed,), timeout=1.0)
        transport.abort()
        await asyncio.sleep(0)
