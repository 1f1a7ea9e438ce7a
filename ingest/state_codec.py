"""The engine's memory to bytes and back: what a restart takes up, and what a re-run begins with.

MessagePack of the state's dataclasses; an array is its type, its shape and its bytes. Nothing in it can run.
"""

from __future__ import annotations

from operator import attrgetter
from typing import Any, get_origin

import msgspec
import numpy as np

from engine.findings import Finding
from engine.region import Region
from engine.step import EngineState

_KINDS = frozenset("biuf")
_BY_DEVICE = (
    "freshness",
    "stations",
    "slopes",
    "traffic.cycle",
    "traffic.health",
    "traffic.fronts",
    "traffic.incidents",
    "road_weather",
)
"""Parts of the state whose arrays have the shape of the region's devices."""


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept between two processes."""

    now_ns: int
    """Engine time of the last tick in it. [ns since 1970 UTC]"""
    state: EngineState
    unsaved: tuple[Finding, ...] = ()
    """Findings that the database did not have yet."""


class MemoryFormatError(ValueError):
    """The bytes are no memory of this version of the engine, or of another region."""


def encode_memory(memory: Memory) -> bytes:
    """Return a memory as bytes."""
    return _encoder.encode(memory)


def decode_memory(data: bytes, region: Region) -> Memory:
    """Read a memory.

    Raises
    ------
    MemoryFormatError
        If it was written by another version of the engine, or for a region with other devices.
    """
    try:
        memory: Memory = _decoder.decode(data)
    except (msgspec.MsgspecError, ValueError, TypeError) as exc:
        raise MemoryFormatError(f"memory: expected one of this version of the engine, was not ({exc})") from None
    fresh = EngineState.initial(region)
    for name in _BY_DEVICE:
        part = attrgetter(name)
        wanted, found = _shapes(part(fresh)), _shapes(part(memory.state))
        if wanted != found:
            raise MemoryFormatError(f"memory: expected {name} of this region's devices, was of others")
    return memory


def _shapes(part: Any) -> list[tuple[str, tuple[int, ...], str]]:
    shapes: list[tuple[str, tuple[int, ...], str]] = []
    for name, value in vars(part).items():
        if isinstance(value, np.ndarray):
            shapes.append((name, value.shape, value.dtype.str))
        elif hasattr(value, "__dataclass_fields__"):
            shapes += [(f"{name}.{inner}", shape, kind) for inner, shape, kind in _shapes(value)]
    return shapes


def _encode_array(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return (value.dtype.str, value.shape, np.ascontiguousarray(value).tobytes())
    raise TypeError(f"memory: expected arrays and plain values, was {type(value).__name__}")


def _decode_array(kind: type, value: Any) -> Any:
    if (get_origin(kind) or kind) is not np.ndarray:
        raise TypeError(f"memory: expected an array, was to be {kind}")
    dtype, shape, data = value
    if np.dtype(dtype).kind not in _KINDS:
        raise ValueError(f"memory: expected an array of numbers, was of {dtype}")
    return np.frombuffer(data, dtype=dtype).reshape(shape).copy()


_encoder = msgspec.msgpack.Encoder(enc_hook=_encode_array)
_decoder = msgspec.msgpack.Decoder(Memory, dec_hook=_decode_array)
