"""The present state of everything, in memory, and the frames that bring it to the control-room pages.

Rows are encoded once, when they are applied; a frame only joins them. A change is in the view before anybody is told of
it, so a page that asks after a frame finds what the frame said. Subscribers have no queue of their own: each has a
place (`seq`) in the common history, and subscribers at the same place share the encoded frame.

Telemetry (``devices``, ``parts``, ``counters``) is latest-wins. Every change of a situation or an alert reaches every
subscriber, in order, also when several concern one row; who falls too far behind for that is told so (`SlowClient`).

Frames are those of ``/ws/operations`` in docs/protocol/dashboard.md. There is no clock in here. Not thread-safe: it
belongs to one event loop.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Literal, NamedTuple

import msgspec

from storage.errors import SlowClient

Mode = Literal["live", "exercise", "test"]

TELEMETRY: Final = ("devices", "parts")
CRITICAL: Final = ("situations", "alerts")

_ORDER: Final = ("devices", "situations", "alerts", "parts")
_SHARED_FRAMES = 16
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """Rows that are new or changed, whole, by their ``id``.

    A row is a struct or a dict that msgspec encodes to the row of the protocol.

    Attributes
    ----------
    counters
        Numbers by name.
    """

    devices: Mapping[str, object] = field(default_factory=dict)
    situations: Mapping[str, object] = field(default_factory=dict)
    alerts: Mapping[str, object] = field(default_factory=dict)
    parts: Mapping[str, object] = field(default_factory=dict)
    counters: Mapping[str, float] = field(default_factory=dict)


class SubscriptionLimits(NamedTuple):
    """How far a subscriber may fall behind in changes of situations and alerts."""

    max_changes: int = 1_000
    max_bytes: int = 8_000_000


class _Row(NamedTuple):
    seq: int
    encoded: bytes


class _CriticalChange(NamedTuple):
    seq: int
    table: str
    encoded: bytes


class LiveView:
    """Latest state by identifier, with a history long enough for subscribers within their limits.

    Parameters
    ----------
    epoch
        Name of this run of the server.
    mode
        What every frame says about itself.
    history
        The loosest limits that a subscription may have; the memory for changes of situations and alerts is bounded by
        them.
    """

    def __init__(self, epoch: str, mode: Mode, *, history: SubscriptionLimits | None = None) -> None:
        self.epoch = epoch
        self._mode = mode
        self._history_limits = history or SubscriptionLimits()
        self._seq = 0
        self._now = b"null"
        self._rows: dict[str, OrderedDict[str, _Row]] = {table: OrderedDict() for table in (*_ORDER, "counters")}
        self._history: deque[_CriticalChange] = deque()
        self._n_change = 0
        self._n_byte = 0
        self._history_bytes = 0
        self._subscriptions: set[Subscription] = set()
        self._frames: dict[int, bytes] = {}
        self._snapshot_rows: bytes | None = None

    @property
    def seq(self) -> int:
        """Number of the latest change."""
        return self._seq

    @property
    def subscriber_count(self) -> int:
        """Number of open subscriptions."""
        return len(self._subscriptions)

    def apply(self, changes: Changes, *, now: datetime) -> int:
        """Take changes into the view, then wake the subscribers.

        Parameters
        ----------
        changes
            May be empty; then nothing happens.
        now
            Time of the change, aware.

        Returns
        -------
        int
            Number of this change.

        Raises
        ------
        ValueError
            If `now` is naive.
        TypeError
            If a row cannot be encoded; nothing is changed then.
        """
        stamp = _time(now)
        encoded = {table: {key: _encode(row) for key, row in getattr(changes, table).items()} for table in self._rows}
        if not any(encoded.values()):
            return self._seq
        self._seq += 1
        self._now = stamp
        self._frames.clear()
        self._snapshot_rows = None
        for table, rows in encoded.items():
            stored = self._rows[table]
            for key, row in rows.items():
                stored[key] = _Row(self._seq, row)
                stored.move_to_end(key)
                if table in CRITICAL:
                    self._remember(_CriticalChange(self._seq, table, row))
        self._forget()
        for subscription in self._subscriptions:
            subscription._changed()  # noqa: SLF001  view and subscription are two halves of one thing
        return self._seq

    def retire(self, table: Literal["situations", "alerts"], keys: Iterable[str]) -> None:
        """Leave rows out of future snapshots, such as situations closed long ago.

        The protocol has no removal: pages that show them keep them until they take a new snapshot.
        """
        for key in keys:
            self._rows[table].pop(key, None)
        self._snapshot_rows = None

    def snapshot(self, now: datetime) -> bytes:
        """Return a ``snapshot`` frame of the present state."""
        if self._snapshot_rows is None:
            parts = [_list(table, [row.encoded for row in self._rows[table].values()]) for table in _ORDER]
            counters = {key: row.encoded for key, row in self._rows["counters"].items()}
            self._snapshot_rows = b"".join([*parts, _object("counters", counters), b"}"])
        head = b'{"type":"snapshot","epoch":%b,"seq":%d,"now":%b,"mode":%b' % (
            _encode(self.epoch),
            self._seq,
            _time(now),
            _encode(self._mode),
        )
        return head + self._snapshot_rows

    def heartbeat(self, now: datetime) -> bytes:
        """Return a ``heartbeat`` frame of the view's latest change."""
        return b'{"type":"heartbeat","epoch":%b,"seq":%d,"now":%b}' % (_encode(self.epoch), self._seq, _time(now))

    def subscribe(self, now: datetime, limits: SubscriptionLimits | None = None) -> Subscription:
        """Open a subscription, whose first frame is a snapshot as of its `next_frame`, stamped `now`.

        Raises
        ------
        ValueError
            If the limits are looser than the view's history.
        """
        limits = limits or self._history_limits
        if limits.max_changes > self._history_limits.max_changes or limits.max_bytes > self._history_limits.max_bytes:
            raise ValueError(f"limits: expected at most {self._history_limits}, was {limits}")
        subscription = Subscription(self, now, limits)
        self._subscriptions.add(subscription)
        return subscription

    def _remember(self, change: _CriticalChange) -> None:
        self._history.append(change)
        self._n_change += 1
        self._n_byte += len(change.encoded)
        self._history_bytes += len(change.encoded)

    def _forget(self) -> None:
        """Drop the oldest of the history beyond its limits, but nothing of the latest change."""
        limits = self._history_limits
        while self._history and self._history[0].seq < self._seq:
            if len(self._history) <= limits.max_changes and self._history_bytes <= limits.max_bytes:
                break
            self._history_bytes -= len(self._history.popleft().encoded)

    def _delta(self, seq_from: int) -> bytes:
        """Return the ``delta`` frame from a place in the history to the present."""
        frame = self._frames.get(seq_from)
        if frame is None:
            head = b'{"type":"delta","epoch":%b,"seq_from":%d,"seq":%d,"now":%b,"mode":%b' % (
                _encode(self.epoch),
                seq_from,
                self._seq,
                self._now,
                _encode(self._mode),
            )
            critical: dict[str, list[bytes]] = {table: [] for table in CRITICAL}
            for change in reversed(self._history):
                if change.seq <= seq_from:
                    break
                critical[change.table].append(change.encoded)
            parts = [
                _list(
                    table,
                    list(critical[table][::-1] if table in critical else self._changed_rows(table, seq_from).values()),
                )
                for table in _ORDER
            ]
            counters = _object("counters", self._changed_rows("counters", seq_from))
            frame = b"".join([head, *parts, counters, b"}"])
            if len(self._frames) < _SHARED_FRAMES:
                self._frames[seq_from] = frame
        return frame

    def _changed_rows(self, table: str, seq_from: int) -> dict[str, bytes]:
        changed: dict[str, bytes] = {}
        for key, row in reversed(self._rows[table].items()):
            if row.seq <= seq_from:
                break
            changed[key] = row.encoded
        return changed


class Subscription:
    """One subscriber's place in the history of a `LiveView`. Made by `LiveView.subscribe`; close it in the end."""

    def __init__(self, view: LiveView, opened: datetime, limits: SubscriptionLimits) -> None:
        self._view = view
        self._opened: datetime | None = opened
        self._limits = limits
        self._arrived = asyncio.Event()
        self._too_slow = asyncio.Event()
        self._catch_up()

    @property
    def seq(self) -> int:
        """The change that the last frame led up to."""
        return self._seq

    async def next_frame(self) -> bytes:
        """Return the snapshot first; then wait for changes and return the delta from the last frame to the present.

        Cancelling the wait loses nothing. The longer a subscriber waits with the next call, the more telemetry is
        merged into one frame.

        Raises
        ------
        SlowClient
            If it fell behind its limits; the subscription is of no more use.
        """
        if self._opened is not None:
            frame = self._view.snapshot(self._opened)
            self._opened = None
        else:
            await self._arrived.wait()
            self._raise_if_slow()
            frame = self._view._delta(self._seq)  # noqa: SLF001
        self._catch_up()
        return frame

    async def until_too_slow(self) -> None:
        """Wait until this subscriber falls behind its limits, then raise; to end a send that does not come to an end.

        Raises
        ------
        SlowClient
            When it happens.
        """
        await self._too_slow.wait()
        self._raise_if_slow()

    def close(self) -> None:
        """End the subscription."""
        self._view._subscriptions.discard(self)  # noqa: SLF001

    def _raise_if_slow(self) -> None:
        if self._too_slow.is_set():
            raise SlowClient(
                f"too slow: expected to take {self._limits.max_changes} changes of situations and alerts in time, "
                f"was at {self._seq} of {self._view.seq}"
            )

    def _catch_up(self) -> None:
        view = self._view
        self._seq = view.seq
        self._n_change, self._n_byte = view._n_change, view._n_byte  # noqa: SLF001
        self._arrived.clear()

    def _changed(self) -> None:
        view = self._view
        self._arrived.set()
        if self._opened is not None or self._seq == view.seq - 1:
            return  # one change, however large, makes nobody slow who was in step before it
        behind_changes = view._n_change - self._n_change  # noqa: SLF001
        behind_bytes = view._n_byte - self._n_byte  # noqa: SLF001
        if behind_changes > self._limits.max_changes or behind_bytes > self._limits.max_bytes:
            self._too_slow.set()


def _time(now: datetime) -> bytes:
    if now.tzinfo is None:
        raise ValueError("now: expected an aware time, was a naive one")
    return _encode(now.astimezone(UTC))


def _list(name: str, rows: list[bytes]) -> bytes:
    return b',"%b":[%b]' % (name.encode(), b",".join(rows))


def _object(name: str, values: Mapping[str, bytes]) -> bytes:
    return b',"%b":{%b}' % (name.encode(), b",".join(b"%b:%b" % (_encode(key), value) for key, value in values.items()))
