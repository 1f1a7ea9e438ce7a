"""Device identifiers to dense indices, so that everything behind the codec works on arrays."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from config.catalogue.model import DEVICE_KINDS, Catalogue, DeviceKind
from sensors.errors import DecodeError
from sensors.topics import Topic, centre_of


@dataclass(frozen=True)
class Registry:
    """Every device of a region under one dense index; the devices of a kind are one contiguous range of it.

    Attributes
    ----------
    ids : tuple of str
        Identifier by index.
    kind : ndarray, shape (n_device,), int8
        Position in ``DEVICE_KINDS``.
    start : dict
        First index of each kind.
    count : dict
        Number of devices of each kind.
    district : tuple of str
        District by index.
    lanes : ndarray, shape (n_vds,), int16
        Lanes of each detection station.
    index : dict
        Index by identifier.
    centres : dict
        District of each cell broadcast centre by its identifier; centres have no index, for nothing is computed of
        what they say. A district without cells has none.
    """

    ids: tuple[str, ...]
    kind: NDArray[np.int8]
    start: dict[DeviceKind, int]
    count: dict[DeviceKind, int]
    district: tuple[str, ...]
    lanes: NDArray[np.int16]
    index: dict[str, int]
    centres: dict[str, str] = field(default_factory=dict)

    @classmethod
    def from_catalogue(cls, catalogue: Catalogue) -> Registry:
        """Build a registry that numbers the devices of a region in catalogue order, kind after kind."""
        ids: list[str] = []
        district: list[str] = []
        kinds: list[int] = []
        start: dict[DeviceKind, int] = {}
        count: dict[DeviceKind, int] = {}
        for code, kind in enumerate(DEVICE_KINDS):
            devices = catalogue.devices(kind)
            start[kind], count[kind] = len(ids), len(devices)
            ids += [device.id for device in devices]
            district += [device.district for device in devices]
            kinds += [code] * len(devices)
        return cls(
            ids=tuple(ids),
            kind=np.array(kinds, dtype=np.int8),
            start=start,
            count=count,
            district=tuple(district),
            lanes=np.array([station.lanes for station in catalogue.vds], dtype=np.int16),
            index={device: position for position, device in enumerate(ids)},
            centres={centre_of(name): name for name in sorted({cell.district for cell in catalogue.cells})},
        )

    def __len__(self) -> int:
        return len(self.ids)

    def resolve(self, topic: Topic, device: str) -> int:
        """Return the dense index of a device that wrote on a topic.

        Raises
        ------
        DecodeError
            If the region has no such device, or it is of another kind or district than the topic says.
        """
        position = self.index.get(device)
        if position is None:
            raise DecodeError("device", f"expected a device of the region, was {device!r}")
        kind = DEVICE_KINDS[self.kind[position]]
        if kind != topic.kind:
            raise DecodeError("topic", f"expected kind {kind!r} for {device}, was {topic.kind!r}")
        if self.district[position] != topic.district:
            raise DecodeError(
                "topic", f"expected district {self.district[position]!r} for {device}, was {topic.district!r}"
            )
        return position

    def check_centre(self, topic: Topic, device: str) -> None:
        """Hold a message of a cell broadcast centre against the region.

        Raises
        ------
        DecodeError
            If the region has no such centre, or it is another district's.
        """
        district = self.centres.get(device)
        if district is None:
            raise DecodeError("device", f"expected a cell broadcast centre of the region, was {device!r}")
        if topic.kind != "cell":
            raise DecodeError("topic", f"expected kind 'cell' for {device}, was {topic.kind!r}")
        if topic.district != district:
            raise DecodeError("topic", f"expected district {district!r} for {device}, was {topic.district!r}")
