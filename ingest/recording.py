"""A tick's messages to the journal and back."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from ingest.batching import Tick
from ingest.inbox import Arrived
from ingest.intake import HAZARDS, TELEMETRY
from ingest.mqtt.packets import Publish
from ingest.mqtt.session import Incoming, OversizePublish
from storage.journal import ticks
from storage.journal.ticks import TickRecord

_topic_of, _payload_of, _qos_of, _retain_of = map(attrgetter, ("topic", "payload", "qos", "retain"))


def record_of(arrived: Sequence[Arrived], tick: Tick, now_ns: int, *, careful: bool = False) -> TickRecord:
    """Return a tick's input as the journal keeps it: what repeated something is left out.

    Parameters
    ----------
    careful
        Leave out everything that needs no acknowledgement as well.
    """
    messages = [message for group in arrived for message in group.messages]
    count = len(messages)
    received_ns = np.repeat(
        np.array([group.received_ns for group in arrived], dtype=np.int64),
        np.array([len(group.messages) for group in arrived], dtype=np.int64),
    )
    flags = _flags(messages)
    lanes = np.repeat(
        np.array([ticks.TELEMETRY * (group.lane == TELEMETRY) for group in arrived], dtype=np.uint8),
        np.array([len(group.messages) for group in arrived], dtype=np.int64),
    )
    flags |= lanes
    skipped = tick.skipped
    kept = (flags & 3) > 0 if careful else np.ones(count, dtype=np.bool_)
    kept[tick.repeated] = False
    if not kept.all():
        messages = [message for message, keep in zip(messages, kept.tolist(), strict=True) if keep]
        received_ns, flags = received_ns[kept], flags[kept]
        place = skipped[:, 0].astype(np.int64)
        skipped = np.stack([(np.cumsum(kept) - 1)[place], skipped[:, 1]], axis=1)[kept[place]]
    return TickRecord(
        now_ns=now_ns,
        topics=list(map(_topic_of, messages)),
        payloads=list(map(_payload_of, messages)),
        flags=flags,
        received_ns=received_ns,
        skipped=skipped,
    )


def arrived_of(record: TickRecord) -> list[Arrived]:
    """Return what a record was made of, in groups of one arrival and session."""
    flags = record.flags.tolist()
    rows = zip(record.received_ns.tolist(), flags, record.topics, record.payloads, strict=True)
    return [
        Arrived(
            [_message(topic, payload, flag) for _, flag, topic, payload in group],
            received_ns,
            TELEMETRY if telemetry else HAZARDS,
        )
        for (received_ns, telemetry), group in groupby(rows, lambda row: (row[0], bool(row[1] & ticks.TELEMETRY)))
    ]


def _flags(messages: Sequence[Incoming | OversizePublish]) -> NDArray[np.uint8]:
    count = len(messages)
    flags = np.fromiter(map(_qos_of, messages), dtype=np.uint8, count=count)
    flags |= np.fromiter(map(_retain_of, messages), dtype=np.uint8, count=count) * np.uint8(ticks.RETAINED)
    if OversizePublish in set(map(type, messages)):
        flags |= np.array([ticks.OVERSIZE * isinstance(one, OversizePublish) for one in messages], dtype=np.uint8)
    return flags


def _message(topic: str, payload: bytes, flags: int) -> Incoming | OversizePublish:
    qos = flags & 3
    if flags & ticks.OVERSIZE:
        return OversizePublish(topic, int(payload), qos)
    return Publish(topic, payload, qos, bool(flags & ticks.RETAINED))
