"""The embedded MQTT 3.1.1 broker: in-process, bounded, and *acknowledged means safe*.

A QoS 1 (or 2) message is acknowledged to its publisher only after every connected QoS 1 subscriber has acknowledged
it; for one that is absent with a persistent session it is enough that the message waits in that session, except for
a *keeper*: the client whose answer means that the message is stored. See ``docs/adr/0004-embedded-broker.md``.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
import socket
from collections.abc import Callable, Mapping, Sequence

from ingest.mqtt.address import describe
from ingest.mqtt.client import Client, Shared
from ingest.mqtt.encode import encode, encode_publish
from ingest.mqtt.errors import MqttUnavailable
from ingest.mqtt.limits import BrokerCounters, BrokerLimits
from ingest.mqtt.packets import (
    SUBSCRIPTION_REFUSED,
    Connack,
    Connect,
    OversizePublish,
    Publish,
    Suback,
    Subscribe,
    Unsuback,
    Unsubscribe,
)
from ingest.mqtt.peer import Peer
from ingest.mqtt.retained import RetainedStore
from ingest.mqtt.subscriptions import SubscriptionTree
from ingest.mqtt.topics import TopicTable, check_filter

_SWEEP_S = 0.25
_MAX_CLIENT_ID = 256
_PUBREC = 0x5002_0000
_PUBACK = 0x4002_0000
_SPARE_CONNECTIONS = 64


class Broker:
    """An MQTT 3.1.1 listener.

    Parameters
    ----------
    host, port
        Where to listen; port 0 takes a free one, see `port`.
    username, password
        What every client must present; both or neither.
    keepers
        Client identifiers whose answer makes a message safe, each with the filters and QoS (0 or 1) that hold before
        it first connects. Their sessions exist from the start and never expire.
    limits
        Bounds; see `BrokerLimits`.
    on_oversize
        Called with client identifier and report for each message above the packet limit.
    listener
        Socket that listens already, in place of host and port; it stays open when the broker stops.

    Raises
    ------
    ValueError
        If an argument is not as described.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        username: str | None = None,
        password: str | None = None,
        keepers: Mapping[str, Sequence[tuple[str, int]]] | None = None,
        limits: BrokerLimits | None = None,
        on_oversize: Callable[[str, OversizePublish], None] | None = None,
        listener: socket.socket | None = None,
    ) -> None:
        if (username is None) != (password is None):
            raise ValueError("username, password: expected both or neither, was one of them")
        self.limits = limits or BrokerLimits()
        self.counters = BrokerCounters()
        self.shared = Shared(self.limits, self.counters, self._now_s)
        self.topics = TopicTable()
        self._host = host
        self._port = port
        self._given = listener
        self._credentials = None if username is None or password is None else (username.encode(), password.encode())
        self._on_oversize = on_oversize
        self._loop: asyncio.AbstractEventLoop | None = None
        self._server: asyncio.Server | None = None
        self._sweeper: asyncio.TimerHandle | None = None
        self._listening = False
        self._peers: set[Peer] = set()
        self._all_closed = asyncio.Event()
        self._all_closed.set()
        self._dirty: list[Peer] = []
        self._clients: dict[str, Client] = {}
        self._tree: SubscriptionTree[Client] = SubscriptionTree()
        self._retained = RetainedStore(self.limits.max_retained, self.limits.max_retained_bytes)
        for client_id, filters in (keepers or {}).items():
            self._add_keeper(client_id, filters)

    def _add_keeper(self, client_id: str, filters: Sequence[tuple[str, int]]) -> None:
        if not client_id:
            raise ValueError("keepers: expected a client identifier, was empty")
        client = Client(client_id, persistent=True, keeper=True, shared=self.shared)
        self._clients[client_id] = client
        for topic_filter, qos in filters:
            check_filter(topic_filter)
            if qos not in {0, 1}:
                raise ValueError(f"keepers: expected a QoS of 0 or 1 for {topic_filter!r}, was {qos}")
            client.subscriptions[topic_filter] = qos
            self._tree.add(topic_filter, client, qos)

    def _now_s(self) -> float:
        return 0.0 if self._loop is None else self._loop.time()

    async def start(self) -> None:
        """Listen.

        Raises
        ------
        MqttUnavailable
            If the address cannot be had; the text says why and what to do.
        """
        self._loop = asyncio.get_running_loop()
        self._listening = True
        try:
            # The server closes what it is given: it gets a duplicate.
            where = {"sock": self._given.dup()} if self._given else {"host": self._host, "port": self._port}
            self._server = await self._loop.create_server(lambda: Peer(self), backlog=512, **where)
        except OSError as error:
            raise MqttUnavailable(
                f"the embedded MQTT broker cannot listen on {self._host}:{self._port} ({describe(error)}): "
                "choose another port, or 0 for any free one"
            ) from error
        self._sweeper = self._loop.call_later(_SWEEP_S, self._sweep)

    @property
    def port(self) -> int:
        """The port that is listened on.

        Raises
        ------
        RuntimeError
            If the broker does not run.
        """
        if self._server is None:
            raise RuntimeError("broker: expected it to be started, was not")
        listener: socket.socket = self._server.sockets[0]
        return int(listener.getsockname()[1])

    async def stop(self) -> None:
        """Stop listening and close all connections; sessions and retained messages stay in this object."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        if self._server is None:
            return
        self._listening = False
        self._server.close()
        self._server = None
        for peer in list(self._peers):
            peer.close()
        try:
            async with asyncio.timeout(1.0):
                await self._all_closed.wait()
        except TimeoutError:
            for peer in list(self._peers):
                peer.drop()
            await self._all_closed.wait()

    # -- what connections ask for

    def peer_made(self, peer: Peer) -> bool:
        """Register a connection. A few above the limit are kept until they can be told that they are too many."""
        if not self._listening or len(self._peers) >= self.limits.max_connections + _SPARE_CONNECTIONS:
            self.counters.refused += 1
            return False
        peer.over_limit = len(self._peers) >= self.limits.max_connections
        self._peers.add(peer)
        self._all_closed.clear()
        return True

    def peer_connect(self, peer: Peer, packet: Connect) -> Connack:
        """Judge a CONNECT, take over the client's state and, when accepted, answer and send what waits."""
        if code := self._refusal(peer, packet):
            return Connack(False, code)
        client_id = packet.client_id or f"auto-{secrets.token_hex(12)}"
        client = self._clients.get(client_id)
        if client is not None and client.peer is not None:
            self.counters.takeovers += 1
            client.peer.drop()
            client = self._clients.get(client_id)
        if client is not None and packet.clean_session:
            self._forget(client)
            client = None
        present = client is not None
        if client is None:
            client = Client(client_id, persistent=not packet.clean_session, keeper=False, shared=self.shared)
            self._clients[client_id] = client
        peer.client = client
        peer.will = packet.will
        peer.keep_alive_s = packet.keep_alive_s
        self.counters.connections += 1
        peer.write(encode(Connack(present, 0)))
        client.attach(peer)
        client.pump()
        return Connack(present, 0)

    def _refusal(self, peer: Peer, packet: Connect) -> int:
        """Return the CONNACK code: 0 to accept."""
        if peer.over_limit and self.counters.connections >= self.limits.max_connections:
            return 3
        if self._credentials is not None:
            if packet.username is None:
                return 5
            username, password = self._credentials
            same_name = hmac.compare_digest(packet.username.encode(), username)
            if not (hmac.compare_digest(packet.password or b"", password) and same_name):
                return 4
        known = self._clients.get(packet.client_id)
        # A keeper's state must not be wiped by a client that asks for a clean session under its name.
        wipes_keeper = known is not None and known.keeper and packet.clean_session
        unnamed = not packet.client_id and not packet.clean_session
        return 2 if wipes_keeper or unnamed or len(packet.client_id) > _MAX_CLIENT_ID else 0

    def peer_publish(self, client: Client, message: Publish) -> None:
        """Route a message; acknowledge it once everyone who has to has answered."""
        self.counters.received += 1
        if message.qos == 2 and message.packet_id in client.released_later:
            if client.peer is not None:
                client.peer.write_number(_PUBREC, message.packet_id)
            return
        self._distribute(message, client)

    def _distribute(self, message: Publish, client: Client | None) -> None:
        """Retain, deliver to each subscriber once, and settle the publisher's receipt."""
        receipt = None
        if message.qos and client is not None:
            receipt = client.admit(message)
            if receipt is None:
                return
        if message.retain and not self._retained.keep(message):
            self.counters.not_retained += 1
        targets = self._tree.match(message.topic)
        if targets:
            name = message.topic.encode()
            plain = b""
            for target, granted in targets:
                if granted and message.qos:
                    target.deliver(name, message, receipt)
                elif target.peer is not None:
                    plain = plain or encode_publish(name, message.payload)
                    target.peer.write_droppable(plain)
        if receipt is not None and client is not None:
            receipt.settle()
            if len(client.unacknowledged) >= self.limits.max_unacknowledged and client.peer is not None:
                client.peer.hold(None)

    def peer_oversize(self, client: Client, report: OversizePublish) -> None:
        """Count, report and acknowledge what was skipped: unacknowledged, it would come again for ever."""
        self.counters.oversize += 1
        if self._on_oversize is not None:
            self._on_oversize(client.client_id, report)
        if report.qos and client.peer is not None:
            client.peer.write_number(_PUBREC if report.qos == 2 else _PUBACK, report.packet_id)
            if report.qos == 2:
                client.released_later.add(report.packet_id)

    def peer_subscribe(self, client: Client, packet: Subscribe) -> None:
        """Subscribe (at most QoS 1), answer, then send the retained messages."""
        codes = []
        for topic_filter, qos in packet.filters:
            known = topic_filter in client.subscriptions
            if not known and (
                len(client.subscriptions) >= self.limits.max_subscriptions
                or topic_filter.count("/") >= self.limits.max_filter_levels
            ):
                codes.append(SUBSCRIPTION_REFUSED)
                continue
            granted = min(qos, 1)
            codes.append(granted)
            client.subscriptions[topic_filter] = granted
            self._tree.add(topic_filter, client, granted)
        peer = client.peer
        if peer is None:
            return
        peer.write(encode(Suback(packet.packet_id, tuple(codes))))
        for (topic_filter, _), code in zip(packet.filters, codes, strict=True):
            if code == SUBSCRIPTION_REFUSED:
                continue
            for message in self._retained.select(topic_filter):
                client.deliver_retained(message, code)
            client.pump()
            if len(client.queue) > self.limits.max_queued + 2 * self.limits.max_retained:
                # It subscribes again and again without reading what it asked for.
                self.counters.overrun += 1
                peer.drop()
                return

    def peer_unsubscribe(self, client: Client, packet: Unsubscribe) -> None:
        """Unsubscribe and answer."""
        for topic_filter in packet.filters:
            if client.subscriptions.pop(topic_filter, None) is not None:
                self._tree.remove(topic_filter, client)
        if client.peer is not None:
            client.peer.write(encode(Unsuback(packet.packet_id)))

    def peer_gone(self, peer: Peer) -> None:
        """Part a connection from its client: keep a persistent session, forget a clean one, publish the will."""
        client = peer.client
        if client is None or client.peer is not peer:
            return
        self.counters.connections -= 1
        client.detach()
        if not client.persistent:
            self._forget(client)
        elif peer.said_goodbye and not client.keeper:
            client.end_grace()
        will, peer.will = peer.will, None
        if will is not None:
            self.counters.wills += 1
            self._distribute(Publish(will.topic, will.payload, will.qos, will.retain), None)

    def peer_lost(self, peer: Peer) -> None:
        """Forget a closed connection."""
        self._peers.discard(peer)
        if not self._peers:
            self._all_closed.set()

    def mark_dirty(self, peer: Peer) -> None:
        """Note a connection for `flush`."""
        self._dirty.append(peer)

    def flush(self) -> None:
        """Write what has been collected for all connections."""
        while self._dirty:
            self._dirty.pop().flush()

    # -- time

    def _sweep(self) -> None:
        """Close what has been silent or unresponsive for too long; expire sessions of absent clients."""
        if self._loop is None:
            return
        now_s = self._now_s()
        for peer in list(self._peers):
            if peer.gone:
                # It was told to close, but does not read what is still to be written.
                if now_s - peer.heard_s > self.limits.connect_timeout_s:
                    peer.drop()
                continue
            if peer.client is None:
                if now_s - peer.heard_s > self.limits.connect_timeout_s:
                    self.counters.connect_timeouts += 1
                    peer.drop()
            elif peer.is_silent(now_s):
                self.counters.keep_alive_timeouts += 1
                peer.drop()
            elif peer.is_stuck(now_s) or peer.client.is_stalled(now_s):
                self.counters.ack_timeouts += 1
                peer.drop()
        self._sweep_sessions(now_s)
        self.flush()
        self._sweeper = self._loop.call_later(_SWEEP_S, self._sweep)

    def _sweep_sessions(self, now_s: float) -> None:
        absent = []
        for client in list(self._clients.values()):
            client.release_publishers()
            if client.peer is not None or client.keeper:
                continue
            absent_s = now_s - client.detached_s
            if client.grace and absent_s > self.limits.grace_s:
                client.end_grace()
            if absent_s > self.limits.session_expiry_s:
                self._expire(client)
            else:
                absent.append(client)
        surplus = len(absent) - self.limits.max_offline_sessions
        if surplus > 0:
            for client in sorted(absent, key=lambda one: one.detached_s)[:surplus]:
                self._expire(client)

    def _expire(self, client: Client) -> None:
        self.counters.sessions_expired += 1
        self._forget(client)

    def _forget(self, client: Client) -> None:
        if self._clients.get(client.client_id) is client:
            del self._clients[client.client_id]
        for topic_filter in client.subscriptions:
            self._tree.remove(topic_filter, client)
        client.subscriptions.clear()
        client.discard()
