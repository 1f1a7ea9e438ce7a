"""What the bridge and its child process say to each other: MessagePack, each message after its length in four bytes."""

from __future__ import annotations

from typing import IO, TypeVar

import msgspec

from simulators.sumo.tally import LanePeriod

MOST_BYTES = 2**28


class LoopSpec(msgspec.Struct, frozen=True, array_like=True):
    """A loop to read."""

    id: str
    length_m: float


class IncidentSpec(msgspec.Struct, frozen=True, kw_only=True):
    """Lanes on which a vehicle shall stop; times in seconds since the run's begin, lanes by SUMO's index."""

    id: str
    edge: str
    lanes: tuple[int, ...]
    pos_m: float
    at_s: float
    duration_s: float
    upstream: tuple[str, ...]
    """Edges on which a vehicle that will stop may be found, the incident's own first."""


class Begin(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Load a simulation."""

    arguments: tuple[str, ...]
    """Of the program ``sumo``."""
    begin_s: float
    step_s: float
    period_s: float
    loops: tuple[LoopSpec, ...]
    incidents: tuple[IncidentSpec, ...]
    watched: tuple[str, ...]
    """Edges whose vehicles a `Look` lists."""


class Advance(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Go on to an instant, in seconds since the run's begin, not beyond the end of the present period."""

    until_s: float


class Look(msgspec.Struct, frozen=True, tag=True):
    """Say where the vehicles are."""


Request = Begin | Advance | Look


class Ready(msgspec.Struct, frozen=True, tag=True):
    """The simulation is loaded."""


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an incident on one lane."""

    incident: str
    lane: int
    blocked: bool
    """Whether the vehicle came to a stand now, or goes on now."""
    time_s: float


class Advanced(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """How far it went; ``time_s`` in seconds since the run's begin."""

    time_s: float
    ended: bool
    period: tuple[LanePeriod, ...] | None = None
    """Of every loop, when a period ended at ``time_s``."""
    notes: tuple[Note, ...] = ()
    running: int = 0
    teleports: int = 0
    """Vehicles that jumped out of jams and collisions since the last answer: queues hold fewer than they should."""


class Seen(msgspec.Struct, frozen=True, tag=True):
    """The vehicles on the watched edges, one entry a vehicle."""

    edge: tuple[int, ...]
    """Index of the edge in `Begin.watched`."""
    pos_m: tuple[float, ...]
    speed_mps: tuple[float, ...]


class Failed(msgspec.Struct, frozen=True, tag=True):
    """The simulation cannot go on."""

    reason: str


Answer = Ready | Advanced | Seen | Failed
T = TypeVar("T")
REQUESTS: msgspec.msgpack.Decoder[Request] = msgspec.msgpack.Decoder(Request)
ANSWERS: msgspec.msgpack.Decoder[Answer] = msgspec.msgpack.Decoder(Answer)


def put(stream: IO[bytes], message: Request | Answer) -> None:
    """Write a message."""
    data = msgspec.msgpack.encode(message)
    stream.write(len(data).to_bytes(4, "big") + data)
    stream.flush()


def take(stream: IO[bytes], decoder: msgspec.msgpack.Decoder[T]) -> T | None:
    """Read a message, or None when the other side has gone.

    Raises
    ------
    msgspec.MsgspecError
        If it is none that the decoder knows.
    """
    head = stream.read(4)
    size = int.from_bytes(head, "big")
    if len(head) < 4 or size > MOST_BYTES:
        return None
    data = stream.read(size)
    return decoder.decode(data) if len(data) == size else None
