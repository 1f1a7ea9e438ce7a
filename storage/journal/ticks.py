"""The body of a tick: engine time, and the messages that went into it, as they came. No input or output."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from storage.journal.frames import Bytes

_FIXED = struct.Struct("<qIIQ")
Text = TypeVar("Text", str, bytes)
RETAINED = 4
"""Bit of `TickRecord.flags`: the broker had kept the message. The lowest two are its quality of service."""
TELEMETRY = 8
"""Bit of `TickRecord.flags`: it came on the session of telemetry."""
OVERSIZE = 16
"""Bit of `TickRecord.flags`: it was too large to be read; the payload is its size, as text."""


@dataclass(frozen=True, eq=False)
class TickRecord:
    """One tick's input.

    Attributes
    ----------
    now_ns
        Engine time. [ns since 1970 UTC]
    topics, payloads
        Of each message, in the order in which they were taken.
    flags : ndarray, shape (n,), uint8
        QoS and the bits above.
    received_ns : ndarray, shape (n,), int64
        Arrival. [ns since 1970 UTC]
    skipped : ndarray, shape (k, 2), uint32
        Members of gateways' batches that were duplicates: place of the message, and of the member in it.
    """

    now_ns: int
    topics: Sequence[str]
    payloads: Sequence[bytes]
    flags: NDArray[np.uint8]
    received_ns: NDArray[np.int64]
    skipped: NDArray[np.uint32]

    def __len__(self) -> int:
        return len(self.topics)


def encode_tick(record: TickRecord) -> list[Bytes]:
    """Return the parts of a tick's body.

    Raises
    ------
    ValueError
        If the columns have different lengths.
    """
    count = len(record)
    lengths = {count, len(record.payloads), len(record.flags), len(record.received_ns)}
    if len(lengths) != 1:
        raise ValueError(f"tick: expected columns of {count} messages, were {sorted(lengths)} long")
    # Topics are ASCII by the protocol; one that is not (it becomes a dead letter) is written as UTF-8 all the same.
    names = "".join(record.topics).encode()
    sizes = np.empty((2, count), dtype="<u4")
    sizes[0] = np.fromiter(map(len, record.topics), dtype=np.uint32, count=count)
    sizes[1] = np.fromiter(map(len, record.payloads), dtype=np.uint32, count=count)
    return [
        _FIXED.pack(record.now_ns, count, len(record.skipped), len(names)),
        sizes.tobytes(),
        record.received_ns.astype("<i8", copy=False).tobytes(),
        record.flags.astype(np.uint8, copy=False).tobytes(),
        record.skipped.astype("<u4", copy=False).tobytes(),
        names,
        b"".join(record.payloads),
    ]


def decode_tick(body: bytes) -> TickRecord:
    """Read a tick's body.

    Raises
    ------
    ValueError
        If it is not one; a frame's checksum has vouched for it, so this means another version or a fault of ours.
    """
    try:
        now_ns, count, n_skipped, name_bytes = _FIXED.unpack_from(body)
        at = _FIXED.size
        columns: list[NDArray[np.generic]] = []
        for dtype, number in (("<u4", 2 * count), ("<i8", count), ("u1", count), ("<u4", 2 * n_skipped)):
            columns.append(np.frombuffer(body, dtype=dtype, count=number, offset=at))
            at += columns[-1].nbytes
        names = body[at : at + name_bytes].decode()
        at += name_bytes
        sizes, received_ns, flags, skipped = columns
        topic_ends, payload_ends = np.cumsum(sizes.reshape(2, count).astype(np.int64), axis=1)
        if (int(topic_ends[-1]) if count else 0) != len(names) or at + (payload_ends[-1] if count else 0) != len(body):
            raise ValueError("tick: expected topics and payloads to fill the body, were of another length")
    except (struct.error, ValueError, UnicodeDecodeError) as exc:
        raise ValueError(f"tick: expected the body of a tick, was not ({exc})") from None
    payloads = body[at:]
    return TickRecord(
        now_ns=now_ns,
        topics=_cut(names, topic_ends),
        payloads=_cut(payloads, payload_ends),
        flags=flags.astype(np.uint8),
        received_ns=received_ns.astype(np.int64),
        skipped=skipped.astype(np.uint32).reshape(-1, 2),
    )


def _cut(joined: Text, ends: NDArray[np.int64]) -> list[Text]:
    stops: list[int] = ends.tolist()
    return [joined[start:stop] for start, stop in zip([0, *stops[:-1]], stops, strict=True)] if stops else []
