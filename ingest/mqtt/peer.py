"""One connection of the embedded broker: handshake, parsing, bounded writing, holding a publisher back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from ingest.mqtt.client import Client, Shared
from ingest.mqtt.codec import Parser
from ingest.mqtt.encode import CONNACK_V5_UNSUPPORTED, PINGRESP, encode
from ingest.mqtt.errors import ProtocolError, UnsupportedVersionError
from ingest.mqtt.packets import (
    Connack,
    Connect,
    Disconnect,
    OversizePublish,
    Packet,
    Pingreq,
    Puback,
    Pubcomp,
    Publish,
    Pubrel,
    Subscribe,
    Unsubscribe,
    Will,
)
from ingest.mqtt.topics import TopicTable


class PeerOwner(Protocol):
    """What a connection asks of the broker."""

    shared: Shared
    topics: TopicTable

    def peer_made(self, peer: Peer) -> bool:
        """Register a connection; false when there are too many even to be told so."""

    def peer_connect(self, peer: Peer, packet: Connect) -> Connack:
        """Judge a CONNECT; when it is accepted, ``peer.client`` is set."""

    def peer_publish(self, client: Client, message: Publish) -> None:
        """Route a message."""

    def peer_oversize(self, client: Client, report: OversizePublish) -> None:
        """Account for a message above the packet limit."""

    def peer_subscribe(self, client: Client, packet: Subscribe) -> None:
        """Subscribe and answer."""

    def peer_unsubscribe(self, client: Client, packet: Unsubscribe) -> None:
        """Unsubscribe and answer."""

    def peer_gone(self, peer: Peer) -> None:
        """Part the connection from its client and publish its will; repeated calls do nothing."""

    def peer_lost(self, peer: Peer) -> None:
        """Forget a connection whose socket is closed."""

    def flush(self) -> None:
        """Write what has been collected for all connections."""

    def mark_dirty(self, peer: Peer) -> None:
        """Note that a connection has something to write."""


class Peer(asyncio.Protocol):
    """One connection. Output is collected and written once for each event, see `write` and `flush`."""

    def __init__(self, owner: PeerOwner) -> None:
        shared = owner.shared
        self.client: Client | None = None
        self.will: Will | None = None
        self.keep_alive_s = 0
        self.heard_s = shared.clock()
        self.gone = False
        self.over_limit = False
        self.said_goodbye = False
        self._owner = owner
        self._clock: Callable[[], float] = shared.clock
        self._counters = shared.counters
        self._limits = shared.limits
        self._parser = Parser(shared.limits.max_packet_bytes, topics=owner.topics)
        self._transport: asyncio.Transport | None = None
        self._out: list[bytes] = []
        self._pending_bytes = 0
        self._full_since_s: float | None = None
        self._held_by: set[Client | None] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Register."""
        if not isinstance(transport, asyncio.Transport):
            raise TypeError(f"transport: expected a stream, was {type(transport).__name__}")
        self._transport = transport
        # Half of the limit, so that whoever finds the limit reached is told when there is room again.
        transport.set_write_buffer_limits(high=self._limits.max_outgoing_bytes // 2)
        if not self._owner.peer_made(self):
            transport.abort()

    def data_received(self, data: bytes) -> None:
        """Handle all packets of one read, then write all answers."""
        self.heard_s = self._clock()
        failure: ProtocolError | None = None
        packets: list[Packet]
        try:
            packets = self._parser.feed(data)
        except ProtocolError as error:
            packets = list(error.packets)
            failure = error
        owner = self._owner
        for packet in packets:
            client = self.client
            if self.gone:
                break
            if client is None:
                self._handshake(packet)
            elif type(packet) is Publish:
                owner.peer_publish(client, packet)
            elif type(packet) is Puback:
                client.acknowledge(packet.packet_id)
            else:
                self._control(client, packet)
        if failure is not None and not self.gone:
            self._malformed(failure)
        owner.flush()

    def _handshake(self, packet: Packet) -> None:
        if not isinstance(packet, Connect):
            self._malformed(ProtocolError(f"expected CONNECT first, was {type(packet).__name__}"))
            return
        answer = self._owner.peer_connect(self, packet)
        if answer.code:
            self._counters.refused += 1
            self._leave(encode(answer))

    def _control(self, client: Client, packet: Packet) -> None:
        match packet:
            case Pingreq():
                self.write(PINGRESP)
            case Subscribe():
                self._owner.peer_subscribe(client, packet)
            case Unsubscribe():
                self._owner.peer_unsubscribe(client, packet)
            case Pubrel():
                client.released_later.discard(packet.packet_id)
                self.write(encode(Pubcomp(packet.packet_id)))
            case OversizePublish():
                self._owner.peer_oversize(client, packet)
            case Disconnect():
                self.will = None
                self.said_goodbye = True
                self._leave(b"")
            case _:
                self._malformed(ProtocolError(f"unexpected packet {type(packet).__name__}"))

    def _malformed(self, error: ProtocolError) -> None:
        if self.client is None and isinstance(error, UnsupportedVersionError):
            self._counters.refused += 1
            self._leave(CONNACK_V5_UNSUPPORTED if error.level >= 5 else encode(Connack(False, 1)))
            return
        self._counters.protocol_errors += 1
        self.drop()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Part from the client; the will is published unless it has said goodbye."""
        self._part()
        self._transport = None
        self._owner.peer_lost(self)
        self._owner.flush()

    def pause_writing(self) -> None:
        """Note since when the client does not read."""
        self._full_since_s = self._clock()
        self.apply_reading()

    def resume_writing(self) -> None:
        """Send what has waited for room."""
        self._full_since_s = None
        self._refresh_pending()
        self.apply_reading()
        if self.client is not None:
            self.client.pump()
        self._owner.flush()

    def has_room(self) -> bool:
        """Tell whether QoS 1 may be written."""
        return self._pending_bytes < self._limits.max_outgoing_bytes

    def write(self, data: bytes) -> None:
        """Collect output until the next `flush`."""
        if not self._out:
            self._refresh_pending()
            self._owner.mark_dirty(self)
        self._out.append(data)
        self._pending_bytes += len(data)

    def write_number(self, head: int, packet_id: int) -> None:
        """Collect a packet of two fixed bytes and an identifier."""
        self.write((head | packet_id).to_bytes(4, "big"))

    def write_droppable(self, data: bytes) -> None:
        """Collect a QoS 0 message, or drop and count it when too much is waiting."""
        if not self._out:
            self._refresh_pending()
        if self._out and self._pending_bytes + len(data) > self._limits.max_outgoing_bytes:
            self.flush()
        if self._pending_bytes + len(data) > self._limits.max_outgoing_bytes:
            self._counters.dropped_qos0 += 1
        else:
            self.write(data)
            self._counters.delivered += 1

    def flush(self) -> None:
        """Write what was collected; go on with what waited for room while the socket takes it at once."""
        while self._out:
            data = b"".join(self._out)
            self._out.clear()
            if self._transport is not None and not self._transport.is_closing():
                self._transport.write(data)
            self._refresh_pending()
            client = self.client
            if client is not None and client.peer is self and client.has_more:
                client.pump()

    def _refresh_pending(self) -> None:
        self._pending_bytes = 0 if self._transport is None else self._transport.get_write_buffer_size()

    @property
    def held(self) -> bool:
        """Whether there is a reason to hold this publisher back."""
        return bool(self._held_by)

    def hold(self, subscriber: Client | None) -> None:
        """Hold this publisher back because a subscriber is full, or (None) too much of its own is unacknowledged."""
        self._held_by.add(subscriber)
        self.apply_reading()
        client = self.client
        if self.is_paused or self.gone or client is None:
            return
        if len(client.unacknowledged) >= 2 * self._limits.max_unacknowledged:
            self._counters.overrun += 1
            self.drop()

    def release(self, subscriber: Client | None) -> None:
        """Take back one reason."""
        self._held_by.discard(subscriber)
        self.apply_reading()

    @property
    def is_paused(self) -> bool:
        """Whether the socket is not read."""
        return self._transport is not None and not self._transport.is_closing() and not self._transport.is_reading()

    def apply_reading(self) -> None:
        """Pause or resume the socket.

        A client that owes us answers, or does not read, is never paused: with its PUBACKs unread, or with a blocking
        client stuck in its own write, two clients that publish to each other would wait for ever.
        """
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        owed = self._full_since_s is not None or (self.client is not None and self.client.is_owed)
        pause = bool(self._held_by) and not owed
        if pause == (not transport.is_reading()):
            return
        if pause:
            self._counters.paused += 1
            transport.pause_reading()
        else:
            self.heard_s = self._clock()
            transport.resume_reading()

    def is_silent(self, now_s: float) -> bool:
        """Tell whether one and a half times the keep-alive has passed with nothing heard though we listened."""
        return bool(self.keep_alive_s) and not self.is_paused and now_s - self.heard_s > 1.5 * self.keep_alive_s

    def is_stuck(self, now_s: float) -> bool:
        """Tell whether the client (no keeper) has left its socket full for longer than it may leave messages."""
        since_s = self._full_since_s
        keeper = self.client is not None and self.client.keeper
        return since_s is not None and not keeper and now_s - since_s > self._limits.ack_timeout_s

    def _part(self) -> None:
        self._owner.peer_gone(self)
        self.gone = True
        for subscriber in self._held_by:
            if subscriber is not None:
                subscriber.forget_publisher(self)
        self._held_by.clear()

    def drop(self) -> None:
        """Close at once; the will is published."""
        self._part()
        if self._transport is not None:
            self._transport.abort()

    def close(self) -> None:
        """Close after what is waiting has been written; the will is forgotten."""
        self.will = None
        self._leave(b"")

    def _leave(self, last: bytes) -> None:
        self.flush()
        self._part()
        if self._transport is not None:
            if last and not self._transport.is_closing():
                self._transport.write(last)
            self._transport.close()
