"""Frames of the journal: a head with length and checksum, then the body. No input or output.

::

    "GJ"  kind  version  length of the body  CRC-32 of kind, version, length and body
     2     1       1            4 LE                    4 LE

The checksum begins with a seed that is drawn at random when a journal is begun (0 for heads of segments, which tell
it). So a payload cannot pose as a frame when the one around it was torn.
"""

from __future__ import annotations

import enum
import struct
import zlib
from collections.abc import Sequence
from typing import NamedTuple

_HEAD = struct.Struct("<2sBBII")
_CHECKED = struct.Struct("<BBI")
MAGIC = b"GJ"
_VERSION = 1
HEAD_BYTES = _HEAD.size
MAX_BODY_BYTES = 1 << 30

Bytes = bytes | bytearray | memoryview


class Kind(enum.IntEnum):
    """What a frame holds."""

    HEAD = 1
    """First frame of a segment: which journal it belongs to and where it begins."""
    TICK = 2
    """The messages of one tick of the engine and its time."""
    FINDINGS = 3
    """What the engine said in the tick before it."""
    STATE = 4
    """All that the engine remembers before the next tick."""


class Frame(NamedTuple):
    """One frame as it was read."""

    kind: Kind
    start: int
    """Where its head begins."""
    end: int
    """Where the next one begins."""
    body: bytes


def seed_of(identity: str) -> int:
    """Return the seed of a journal's checksums."""
    return zlib.crc32(identity.encode())


def build(kind: Kind, parts: Sequence[Bytes], seed: int = 0) -> list[Bytes]:
    """Return the buffers of a frame, to be written one after the other; the parts are not copied.

    Raises
    ------
    ValueError
        If the body is longer than a frame can hold.
    """
    length = sum(len(part) for part in parts)
    if length > MAX_BODY_BYTES:
        raise ValueError(f"frame: expected a body of at most {MAX_BODY_BYTES} bytes, was {length}")
    checksum = zlib.crc32(_CHECKED.pack(kind, _VERSION, length), seed)
    for part in parts:
        checksum = zlib.crc32(part, checksum)
    return [_HEAD.pack(MAGIC, kind, _VERSION, length, checksum), *parts]


def length_of(head: Bytes) -> int | None:
    """Return the length of the body that a head announces; None when it is no head."""
    if len(head) < HEAD_BYTES:
        return None
    magic, _, version, length, _ = _HEAD.unpack_from(head)
    return int(length) if magic == MAGIC and version == _VERSION and length <= MAX_BODY_BYTES else None


def kind_of(head: Bytes, body: Bytes, seed: int = 0) -> Kind | None:
    """Return the kind of a whole frame; None when it is cut off, damaged or of no kind that is known."""
    length = length_of(head)
    if length is None or length != len(body):
        return None
    _, kind, version, _, checksum = _HEAD.unpack_from(head)
    if zlib.crc32(body, zlib.crc32(_CHECKED.pack(kind, version, length), seed)) != checksum:
        return None
    try:
        return Kind(kind)
    except ValueError:
        return None


def find_frame(data: bytes, at: int = 0, seed: int = 0) -> int:
    """Return where the next whole, undamaged frame begins in some bytes, or their length when there is none."""
    while (at := data.find(MAGIC, at)) >= 0:
        head = data[at : at + HEAD_BYTES]
        length = length_of(head)
        if length is not None and kind_of(head, data[at + HEAD_BYTES : at + HEAD_BYTES + length], seed):
            return at
        at += 1
    return len(data)
