"""Bounds of the embedded broker, and its counters."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

from ingest.mqtt.packets import DEFAULT_MAX_PACKET_BYTES


@dataclass(frozen=True)
class BrokerLimits:
    """Every bound of the broker; all are above zero.

    Attributes
    ----------
    max_connections
        Clients at once. The next one is answered CONNACK 3.
    max_packet_bytes
        Largest packet. A larger PUBLISH is skipped, counted and acknowledged.
    max_outgoing_bytes
        Bytes waiting for one client's socket. Above it QoS 0 is dropped and counted, QoS 1 waits in the queue.
    max_inflight
        QoS 1 messages sent to one client and not yet acknowledged by it; at most 32,767.
    max_queued, max_queued_bytes
        QoS 1 messages that one client's session holds: behind the in-flight window, and in bytes altogether. When
        full, their publishers are paused; at twice as much, disconnected. What a session of an absent client (not a
        keeper) cannot take is dropped and counted instead.
    max_total_queued_bytes
        The same for all sessions together.
    max_unacknowledged
        Messages of one publisher that wait for the broker's acknowledgement before its socket is paused.
    max_retained, max_retained_bytes
        Retained messages. A new topic beyond is passed on but not retained, and counted.
    max_subscriptions, max_filter_levels
        Filters of one client, and levels of a filter; more are refused in SUBACK.
    max_offline_sessions, session_expiry_s
        Persistent sessions of absent clients: how many, and for how long. The oldest go first.
    connect_timeout_s
        Time for a new connection to send CONNECT.
    ack_timeout_s
        A subscriber (not a keeper) that neither acknowledges nor reads for so long is disconnected.
    grace_s
        How long the publishers of what was in flight wait for a dropped subscriber with a persistent session.
    """

    max_connections: int = 10_000
    max_packet_bytes: int = DEFAULT_MAX_PACKET_BYTES
    max_outgoing_bytes: int = 4 << 20
    max_inflight: int = 16_384
    max_queued: int = 20_000
    max_queued_bytes: int = 32 << 20
    max_total_queued_bytes: int = 128 << 20
    max_unacknowledged: int = 4_096
    max_retained: int = 20_000
    max_retained_bytes: int = 32 << 20
    max_subscriptions: int = 1_000
    max_filter_levels: int = 64
    max_offline_sessions: int = 1_000
    session_expiry_s: float = 3_600.0
    connect_timeout_s: float = 10.0
    ack_timeout_s: float = 60.0
    grace_s: float = 10.0

    def __post_init__(self) -> None:
        for entry in fields(self):
            value = getattr(self, entry.name)
            if value <= 0:
                raise ValueError(f"{entry.name}: expected a number above 0, was {value}")
        if self.max_inflight > 32_767:
            raise ValueError(f"max_inflight: expected at most 32767, was {self.max_inflight}")


@dataclass
class BrokerCounters:
    """What the broker has done since it was made. Gauges come last; all else only grows.

    Attributes
    ----------
    received, delivered
        Messages from publishers, and to subscribers (each copy, repeats included).
    acknowledged
        Messages acknowledged to their publishers.
    duplicates
        Repeats of messages that still wait for acknowledgement, not passed on again.
    dropped_qos0
        QoS 0 messages not written because the subscriber's socket was full.
    dropped_full
        QoS 1 messages lost to one subscriber: its session was full, and it was absent and no keeper (or the message
        was a last will, whose publisher cannot send it again).
    oversize
        Messages above the packet limit.
    not_retained
        Retained messages passed on but not kept because the store was full.
    paused
        Times that a publisher's socket was paused.
    overrun
        Connections closed because they published at twice a full queue, or subscribed again without reading.
    refused, protocol_errors, keep_alive_timeouts, connect_timeouts, ack_timeouts, takeovers
        Connections refused or closed, by cause.
    wills
        Last wills published.
    sessions_expired
        Sessions of absent clients forgotten, with what they held.
    connections, queued_bytes
        Gauges: clients connected now; bytes held for QoS 1 subscribers now.
    """

    received: int = 0
    delivered: int = 0
    acknowledged: int = 0
    duplicates: int = 0
    dropped_qos0: int = 0
    dropped_full: int = 0
    oversize: int = 0
    not_retained: int = 0
    paused: int = 0
    overrun: int = 0
    refused: int = 0
    protocol_errors: int = 0
    keep_alive_timeouts: int = 0
    connect_timeouts: int = 0
    ack_timeouts: int = 0
    takeovers: int = 0
    wills: int = 0
    sessions_expired: int = 0
    connections: int = field(default=0, metadata={"gauge": True})
    queued_bytes: int = field(default=0, metadata={"gauge": True})
