"""Devices that do not tell the truth."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from config.catalogue.model import DEVICE_KINDS, DeviceKind
from simulators.causes.base import TimedCause
from simulators.causes.fields import EventName, Identifier, PositiveFraction
from simulators.world.happenings import FaultKind

MEASURING: tuple[DeviceKind, ...] = ("vds", "slope", "weather", "tower")
"""Kinds that send numbers which can be wrong."""

FITS: dict[FaultKind, tuple[DeviceKind, ...]] = {
    "dropout": DEVICE_KINDS,
    "stuck": MEASURING,
    "zero": MEASURING,
    "offset": MEASURING,
    "noise": MEASURING,
    "spike": MEASURING,
    "missed_lane": ("vds",),
    "clock_offset": DEVICE_KINDS,
    "stale_frame": ("cctv", "tower"),
    "refuse": ("sign",),
    "dead_pixels": ("sign",),
    "silent": ("sign",),
}
"""Which kinds of device can have which fault."""

SIZED: frozenset[FaultKind] = frozenset({"offset", "noise", "spike", "missed_lane", "clock_offset", "dead_pixels"})
"""Faults with a size; the others take no ``value``."""


class Fault(TimedCause, frozen=True, kw_only=True, tag="fault"):
    """A fault of one device by identifier, or of a ``share`` or a ``count`` of the devices of some kinds.

    Shares and counts are drawn by the seed from devices without another fault at the time; with ``near`` a count takes
    those nearest to another event.
    """

    fault: FaultKind
    value: Annotated[float, Meta(ge=-1e6, le=1e6, description="a number from -1000000 to 1000000")] | None = None
    """Size of the fault in the unit of what is measured; lane of a missed lane; seconds of a clock; share of pixels."""
    device: Identifier | None = None
    devices: Annotated[tuple[DeviceKind, ...], Meta(min_length=1, max_length=len(DEVICE_KINDS))] | None = None
    share: PositiveFraction | None = None
    count: Annotated[int, Meta(ge=1, le=100_000, description="a whole number from 1 to 100000")] | None = None
    near: EventName | None = None
    """Name of an event with a place."""
