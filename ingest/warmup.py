"""A warm start: the last hours of slope samples, from the store into the engine."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from sensors.columns import SLOPE_FIELDS, SOIL_DEPTHS, Envelope, SlopeColumns
from sensors.registry import Registry
from storage.database import Database
from storage.queries import readings_since

_REACH = timedelta(hours=76)
"""Longest duration of the rain threshold; a tilt rate needs an hour."""


async def stored_slopes(database: Database, registry: Registry, keys: NDArray[np.int32], now: datetime) -> SlopeColumns:
    """Return the stored samples of slope nodes, without their numbers, which are not kept (-1).

    Parameters
    ----------
    keys : ndarray, shape (n_device,), int32
        Keys of the devices in the database; rows of devices that the region no longer has are left out.
    """
    async with database.connection() as connection:
        rows = await readings_since(connection, "slope_reading", now - _REACH)
    order = np.argsort(keys)
    place = np.searchsorted(keys, rows["device"], sorter=order).clip(max=len(keys) - 1)
    device = order[place]
    start, count = registry.start["slope"], registry.count["slope"]
    known = (keys[device] == rows["device"]) & (device >= start) & (device < start + count)
    device = device[known].astype(np.int64)
    return SlopeColumns(
        envelope=Envelope(
            device=device,
            row=device - start,
            seq=np.full(len(device), -1, dtype=np.int64),
            time_ns=rows["time"][known].astype(np.int64),
            received_ns=rows["received"][known].astype(np.int64),
        ),
        values={name: rows[name][known].astype(np.float64) for name in SLOPE_FIELDS},
        soil_moisture_frac=rows["soil_moisture_frac"][known, :SOIL_DEPTHS].astype(np.float64),
    )
