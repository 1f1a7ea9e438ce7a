"""What was read to what a tick needs: the engine's batch and the rows to store, without duplicates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from config.numbers import Number
from ingest.dedup import Deduplicator
from ingest.reading import ALONE, Observed, Read
from ingest.rows import Keys, event_row, slope_rows, vds_rows, weather_rows
from sensors.columns import (
    Batch,
    Envelope,
    Floats,
    Ints,
    Received,
    VdsColumns,
    bearing_columns,
    camera_event_columns,
    envelope,
    envelope_of,
    slope_grid,
    status_columns,
    weather_grid,
)
from sensors.lanes import vds_grid
from sensors.observations import CctvEvent, DeviceStatus, Message, SignAck, TowerEvent
from sensors.registry import Registry
from storage.series import SeriesRows
from storage.writer_batches import DeadLetter, DeviceEvent

IMPLAUSIBLE_SPEED = 1
IMPLAUSIBLE_FLOW = 2
REPORTED_FAULT = 4
"""Bits of ``quality`` in the tables."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Tick:
    """What arrived for one tick, without duplicates."""

    batch: Batch
    series: tuple[SeriesRows, ...]
    events: tuple[DeviceEvent, ...]
    letters: tuple[DeadLetter, ...]
    acks: tuple[Received[SignAck], ...]
    statuses: tuple[Received[DeviceStatus], ...]
    faults: dict[tuple[int, int], str]
    """What detection stations say is wrong with them, by device and device time."""
    repeated: Ints
    """Places of messages that brought nothing but duplicates, shape (k,)."""
    skipped: NDArray[np.uint32]
    """Duplicates among the members of gateways' batches, shape (k, 2): place of the message and of the member."""


class Batcher:
    """Drops duplicates and builds columns.

    Parameters
    ----------
    registry
        Devices of the region.
    keys : ndarray, shape (n_device,), int32
        Keys of the devices in the database.
    plausibility
        Numbers of ``config/thresholds/plausibility.toml``.
    """

    def __init__(self, registry: Registry, keys: Keys, plausibility: dict[str, Number]) -> None:
        self.deduplicator = Deduplicator(len(registry))
        self._plausibility = plausibility
        self._registry = registry
        self._keys = keys
        self._speed_max_kmh = plausibility["speed_kmh_max"].value
        self._flow_max_veh_h = plausibility["flow_veh_h_lane_max"].value
        self._max_frame_age_s = plausibility["max_frame_age_s"].value
        self._n_lane = int(registry.lanes.max(initial=1))

    def unremembering(self) -> Batcher:
        """Return one for the same devices that has seen nothing, to try something out."""
        return Batcher(self._registry, self._keys, self._plausibility)

    def build(self, read: Read, skipped: NDArray[np.uint32] | None = None) -> Tick:
        """Build a tick from what was read.

        Parameters
        ----------
        read
            In order of arrival.
        skipped : ndarray, shape (k, 2), uint32
            Members of gateways' batches that are duplicates (`Tick.skipped` of the first time); everything else then is
            taken to be new. None: duplicates are looked for.
        """
        start = self._registry.start
        heads = {
            kind: envelope_of(one.messages, one.device, one.looked_at.time_ns, one.received_ns, start[kind])
            for kind, one in read.fast.items()
        }
        stations = self._vds(read.fast["vds"], heads["vds"])
        nodes = slope_grid(read.fast["slope"].messages, heads["slope"])
        skies = weather_grid(read.fast["weather"].messages, heads["weather"])
        # Only now is anything remembered: what cannot be laid out has not been seen.
        fresh, fresh_rare = self._fresh(read, heads, skipped)
        vds = stations if fresh["vds"].all() else stations.take(fresh["vds"])
        believed, quality = self._plausible(vds)
        slope, weather = nodes.take(fresh["slope"]), skies.take(fresh["weather"])
        road_states = [
            message.road_state
            for message, new in zip(read.fast["weather"].messages, fresh["weather"].tolist(), strict=True)
            if new
        ]
        rare = [item for item, new in zip(read.rare, fresh_rare.tolist(), strict=True) if new]

        def of(*kinds: type[Message]) -> list[Received[Any]]:
            return [item for item in rare if isinstance(item.message, kinds)]

        statuses = of(DeviceStatus)
        batch = Batch(
            vds=believed,
            slope=slope,
            weather=weather,
            bearings=bearing_columns(of(TowerEvent), start["tower"]),
            camera_events=camera_event_columns(of(CctvEvent), start["cctv"]),
            status=status_columns(statuses, self._max_frame_age_s),
        )
        keys = self._keys
        series = (vds_rows(vds, quality, keys), slope_rows(slope, keys), weather_rows(weather, road_states, keys))
        repeated, again = _duplicates(read, fresh, fresh_rare)
        return Tick(
            batch=batch,
            series=tuple(rows for rows in series if len(rows)),
            events=tuple(
                event_row(item, self._registry, keys) for item in of(TowerEvent, CctvEvent, DeviceStatus, SignAck)
            ),
            letters=tuple(read.letters),
            acks=tuple(of(SignAck)),
            statuses=tuple(statuses),
            faults=_faults(read.fast["vds"], stations),
            repeated=repeated,
            skipped=again,
        )

    def _fresh(
        self, read: Read, heads: dict[Any, Envelope], skipped: NDArray[np.uint32] | None
    ) -> tuple[dict[Any, Mask], Mask]:
        """Tell of every observation, by kind, and of every rare message whether it is new."""
        rare = envelope(read.rare, 0)
        parts = [*heads.values(), rare]
        device, seq, time_ns = (
            np.concatenate([getattr(part, name) for part in parts]) for name in ("device", "seq", "time_ns")
        )
        new = self.deduplicator.fresh(device, seq, time_ns)
        if skipped is not None:
            new[:] = True
            place, member = (
                np.concatenate([getattr(one.origin, name) for one in read.fast.values()])
                for name in ("place", "member")
            )
            pairs = skipped.astype(np.int64)
            new[: len(place)] = ~np.isin((place << 20) + member, (pairs[:, 0] << 20) + pairs[:, 1])
        ends = np.cumsum([len(part) for part in parts])[:-1]
        *fast, last = np.split(new, ends)
        return dict(zip(heads, fast, strict=True)), last

    def _vds(self, observed: Observed, head: Envelope) -> VdsColumns:
        laid = observed.looked_at.lanes
        assert laid is not None
        return vds_grid(observed.messages, head, laid, self._n_lane)

    def _plausible(self, vds: VdsColumns) -> tuple[VdsColumns, NDArray[np.int16]]:
        """Keep from the engine what no road can bring; the tables keep it, with its mark."""
        fast = vds.speed_kmh > self._speed_max_kmh
        dense = vds.volume * 3600.0 > self._flow_max_veh_h * vds.period_s[:, None]
        quality = fast * IMPLAUSIBLE_SPEED + dense * IMPLAUSIBLE_FLOW + vds.fault[:, None] * REPORTED_FAULT
        doubtful = fast | dense
        if not doubtful.any():
            return vds, quality.astype(np.int16)

        def kept(column: Floats) -> Floats:
            return np.where(doubtful, np.nan, column)

        believed = VdsColumns(
            envelope=vds.envelope,
            period_s=vds.period_s,
            fault=vds.fault,
            volume=kept(vds.volume),
            speed_kmh=kept(vds.speed_kmh),
            occupancy_pct=kept(vds.occupancy_pct),
            heavy=kept(vds.heavy),
        )
        return believed, quality.astype(np.int16)


def _duplicates(read: Read, fresh: dict[Any, Mask], fresh_rare: Mask) -> tuple[Ints, NDArray[np.uint32]]:
    """Return the places of repeated messages, and those of repeated members of batches."""
    repeated = [np.array(read.rare_place, dtype=np.int64)[~fresh_rare]]
    skipped = []
    for kind, observed in read.fast.items():
        again = ~fresh[kind]
        if again.any():
            place, member = observed.origin.place[again], observed.origin.member[again]
            repeated.append(place[member == ALONE])
            skipped.append(np.stack([place, member], axis=1)[member != ALONE])
    pairs = np.concatenate(skipped) if skipped else np.zeros((0, 2), dtype=np.int64)
    return np.concatenate(repeated), pairs.astype(np.uint32)


def _faults(observed: Observed, stations: VdsColumns) -> dict[tuple[int, int], str]:
    head = stations.envelope
    return {
        (int(head.device[at]), int(head.time_ns[at])): observed.messages[at].fault
        for at in np.flatnonzero(stations.fault).tolist()
    }
