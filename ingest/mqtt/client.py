"""One client as the broker knows it, connected or not: subscriptions, deliveries, acknowledgements owed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ingest.mqtt.encode import encode_publish
from ingest.mqtt.limits import BrokerCounters, BrokerLimits
from ingest.mqtt.packets import Publish

if TYPE_CHECKING:
    from ingest.mqtt.peer import Peer

_OVERHEAD_BYTES = 256


@dataclass(frozen=True)
class Shared:
    """What all clients of one broker share; ``clock`` is monotonic, in seconds."""

    limits: BrokerLimits
    counters: BrokerCounters
    clock: Callable[[], float]


class Receipt:
    """The acknowledgement that a publisher waits for, until every session that has to answer has done so."""

    __slots__ = ("client", "message", "waiting")

    def __init__(self, client: Client, message: Publish) -> None:
        self.client = client
        self.message = message
        self.waiting = 1

    def void(self) -> None:
        """Never acknowledge: the message could not be taken everywhere and has to come again, as a new one."""
        self.waiting += 1
        if self.client.unacknowledged.get(self.message.packet_id) is self:
            del self.client.unacknowledged[self.message.packet_id]

    def settle(self) -> None:
        """Note one answer; the last one acknowledges the message to its publisher."""
        self.waiting -= 1
        if not self.waiting:
            self.client.receipt_settled(self)


class Delivery:
    """One message for one client. ``qos`` and ``retain`` are those of the delivery."""

    __slots__ = ("message", "name", "qos", "receipt", "retain")

    def __init__(self, name: bytes, message: Publish, qos: int, retain: bool, receipt: Receipt | None) -> None:
        self.name = name
        self.message = message
        self.qos = qos
        self.retain = retain
        self.receipt = receipt

    def size(self) -> int:
        """Return what it is counted as, in bytes; what the store of retained messages holds anyway counts nothing."""
        return 0 if self.retain else len(self.name) + len(self.message.payload) + _OVERHEAD_BYTES

    def encode(self, packet_id: int, dup: bool) -> bytes:
        """Return the PUBLISH."""
        return encode_publish(self.name, self.message.payload, self.qos, self.retain, dup, packet_id)


class Client:
    """State of one client identifier.

    Parameters
    ----------
    client_id
        The identifier.
    persistent
        Whether the state outlives the connection (clean session 0).
    keeper
        Whether this client is one whose answer alone makes a message safe: nothing is acknowledged to a publisher
        because it merely waits here, nothing held here is dropped, and it is given any time to answer.
    shared
        Limits, counters and clock of the broker.

    Notes
    -----
    Outgoing: ``inflight`` (sent, by packet identifier, in order) before ``queue`` (not sent). Incoming:
    ``unacknowledged`` (receipts by the publisher's packet identifier) and ``released_later`` (QoS 2 identifiers
    between PUBREC and PUBREL).
    """

    def __init__(self, client_id: str, *, persistent: bool, keeper: bool, shared: Shared) -> None:
        self.client_id = client_id
        self.persistent = persistent
        self.keeper = keeper
        self.peer: Peer | None = None
        self.subscriptions: dict[str, int] = {}
        self.inflight: dict[int, Delivery] = {}
        self.queue: deque[Delivery] = deque()
        self.unacknowledged: dict[int, Receipt] = {}
        self.released_later: set[int] = set()
        self.detached_s = shared.clock()
        self.grace = False
        self._again: deque[int] = deque()
        self._shared = shared
        self._limits = shared.limits
        self._counters = shared.counters
        self._held_bytes = 0
        self._last_id = 0
        self._progress_s = 0.0
        self._held_publishers: set[Peer] = set()

    # -- as a publisher

    def admit(self, message: Publish) -> Receipt | None:
        """Return a new receipt for a QoS 1 or 2 message, or None for the repeat of one that is still open."""
        packet_id = message.packet_id
        known = self.unacknowledged.get(packet_id)
        if known is not None and message.dup:
            first = known.message
            if first.qos == message.qos and first.topic == message.topic and first.payload == message.payload:
                self._counters.duplicates += 1
                return None
        receipt = Receipt(self, message)
        self.unacknowledged[packet_id] = receipt
        return receipt

    def receipt_settled(self, receipt: Receipt) -> None:
        """Acknowledge a message to this client, unless its identifier means another message by now."""
        message = receipt.message
        packet_id = message.packet_id
        if self.unacknowledged.get(packet_id) is not receipt:
            return
        del self.unacknowledged[packet_id]
        if message.qos == 2:
            self.released_later.add(packet_id)
        if self.peer is not None:
            self._counters.acknowledged += 1
            self.peer.write_number(0x5002_0000 if message.qos == 2 else 0x4002_0000, packet_id)
            if self.peer.held and len(self.unacknowledged) <= self._limits.max_unacknowledged // 2:
                self.peer.release(None)

    # -- as a subscriber

    def is_full(self, share: int = 1) -> bool:
        """Tell whether more is held than the limits, times ``share``, allow."""
        limits = self._limits
        return (
            len(self.queue) >= limits.max_queued * share
            or self._held_bytes >= limits.max_queued_bytes * share
            or self._counters.queued_bytes >= limits.max_total_queued_bytes * share
        )

    def deliver(self, name: bytes, message: Publish, receipt: Receipt | None) -> None:
        """Send a QoS 1 message, or hold it until it can be sent."""
        peer = self.peer
        if peer is None and not self.keeper:
            if self.is_full():
                self._counters.dropped_full += 1
                return
            receipt = None
        elif self.is_full(2):
            self._refuse(receipt)
            return
        delivery = Delivery(name, message, 1, False, receipt)
        if receipt is not None:
            receipt.waiting += 1
        self._account(delivery.size())
        if peer is None or self.queue or self._again or not self._send(peer, delivery):
            self.queue.append(delivery)
            if peer is not None and peer.held:
                peer.apply_reading()
            if receipt is not None and self.is_full():
                publisher = receipt.client.peer
                if publisher is not None:
                    self._held_publishers.add(publisher)
                    publisher.hold(self)

    def _refuse(self, receipt: Receipt | None) -> None:
        """Take no more: holding publishers back was not enough, because they came back or could not be held."""
        if receipt is None:
            self._counters.dropped_full += 1
            return
        publisher = receipt.client.peer
        receipt.void()
        if publisher is not None:
            self._counters.overrun += 1
            publisher.drop()

    def forget_publisher(self, publisher: Peer) -> None:
        """Forget a publisher whose connection is gone."""
        self._held_publishers.discard(publisher)

    def deliver_retained(self, message: Publish, granted: int) -> None:
        """Queue a retained message for a new subscription; call `pump` afterwards."""
        delivery = Delivery(message.topic.encode(), message, min(message.qos, granted), True, None)
        self._account(delivery.size())
        self.queue.append(delivery)

    def _send(self, peer: Peer, delivery: Delivery) -> bool:
        """Write a message if socket and window have room."""
        if not peer.has_room():
            return False
        packet_id = 0
        if delivery.qos:
            if len(self.inflight) >= self._limits.max_inflight:
                return False
            if not self.is_owed:
                self._progress_s = self._shared.clock()
            packet_id = self._last_id % 65_535 + 1
            while packet_id in self.inflight:
                packet_id = packet_id % 65_535 + 1
            self._last_id = packet_id
            self.inflight[packet_id] = delivery
            if peer.held:
                peer.apply_reading()
        else:
            self._account(-delivery.size())
        peer.write(delivery.encode(packet_id, dup=False))
        self._counters.delivered += 1
        return True

    def pump(self) -> None:
        """Send what waits, repeats first, as far as socket and window have room."""
        peer = self.peer
        if peer is None:
            return
        while self._again and peer.has_room():
            packet_id = self._again.popleft()
            delivery = self.inflight.get(packet_id)
            if delivery is not None:
                peer.write(delivery.encode(packet_id, dup=True))
                self._counters.delivered += 1
        if self._again:
            return
        while self.queue and self._send(peer, self.queue[0]):
            self.queue.popleft()
            self._progress_s = self._shared.clock()

    @property
    def has_more(self) -> bool:
        """Whether something waits that could be sent if socket and window had room."""
        return bool(self._again or (self.queue and len(self.inflight) < self._limits.max_inflight))

    @property
    def is_owed(self) -> bool:
        """Whether anything was sent or is to be sent that this client has to answer or to read."""
        return bool(self.inflight or self.queue)

    def acknowledge(self, packet_id: int) -> None:
        """Take the client's PUBACK; unknown identifiers are passed over."""
        delivery = self.inflight.pop(packet_id, None)
        if delivery is None:
            return
        self._progress_s = self._shared.clock()
        self._account(-delivery.size())
        if delivery.receipt is not None:
            delivery.receipt.settle()
        if self.queue:
            self.pump()
        if self._held_publishers:
            self.release_publishers()
        if self.peer is not None and self.peer.held:
            self.peer.apply_reading()

    def is_stalled(self, now_s: float) -> bool:
        """Tell whether a connected client has left messages unread or unanswered for longer than allowed."""
        return not self.keeper and self.is_owed and now_s - self._progress_s > self._limits.ack_timeout_s

    def attach(self, peer: Peer) -> None:
        """Continue on a new connection: what was sent and not acknowledged goes first, marked DUP."""
        self.peer = peer
        self.grace = True
        self._progress_s = self._shared.clock()
        self._again = deque(self.inflight)

    def detach(self) -> None:
        """Note that the connection is gone; what QoS 0 was left is forgotten."""
        self.peer = None
        self.detached_s = self._shared.clock()
        self._again.clear()
        for delivery in self.queue:
            if not delivery.qos:
                self._account(-delivery.size())
        self.queue = deque(delivery for delivery in self.queue if delivery.qos)
        # A keeper's queue goes on holding publishers back; any other absent client only loses messages.
        self.release_publishers(everyone=not self.keeper)

    def end_grace(self) -> None:
        """Stop making publishers wait for this absent client: that its session holds a message is enough now."""
        self.grace = False
        for delivery in (*self.inflight.values(), *self.queue):
            receipt, delivery.receipt = delivery.receipt, None
            if receipt is not None:
                receipt.settle()

    def discard(self) -> None:
        """Forget everything held for this client; no publisher waits for it any more."""
        self.end_grace()
        self._account(-self._held_bytes)
        self.inflight.clear()
        self.queue.clear()
        self._again.clear()
        self.release_publishers(everyone=True)

    def release_publishers(self, *, everyone: bool = False) -> None:
        """Let publishers go on that were held back because of this client, once it has drained to half."""
        limits = self._limits
        if not self._held_publishers:
            return
        if not everyone and (
            len(self.queue) > limits.max_queued // 2
            or self._held_bytes > limits.max_queued_bytes // 2
            or self._counters.queued_bytes > limits.max_total_queued_bytes * 3 // 4
        ):
            return
        for publisher in self._held_publishers:
            publisher.release(self)
        self._held_publishers.clear()

    def _account(self, size: int) -> None:
        self._held_bytes += size
        self._counters.queued_bytes += size
