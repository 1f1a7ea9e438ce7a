"""Keys of devices: small integers that the tables of measured values use in place of identifiers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from storage.database import Connection


class DeviceRow(NamedTuple):
    """A device of the catalogue."""

    id: str
    kind: str
    district: str


async def register_devices(connection: Connection, devices: Sequence[DeviceRow]) -> NDArray[np.int32]:
    """Give every device a key, for ever, and record its kind and district.

    Parameters
    ----------
    connection
        The database.
    devices
        With different identifiers.

    Returns
    -------
    ndarray, shape (device,), int32
        Key of each device, in the order given: 1, 2, … without gaps as long as devices are only added.

    Raises
    ------
    ValueError
        If an identifier appears twice.
    """
    ids = [device.id for device in devices]
    if len(set(ids)) != len(ids):
        twice = next(one for one in ids if ids.count(one) > 1)
        raise ValueError(f"devices: expected different identifiers, was {twice!r} twice")
    columns = [ids, [device.kind for device in devices], [device.district for device in devices]]
    async with connection.transaction():
        await connection.execute("LOCK TABLE gwanje.device IN SHARE ROW EXCLUSIVE MODE")
        await connection.execute(
            "WITH given AS (SELECT * FROM unnest(%s::text[], %s::text[], %s::text[])"
            " WITH ORDINALITY AS g(id, kind, district, place)),"
            " updated AS (UPDATE gwanje.device d SET kind = g.kind, district = g.district FROM given g"
            "  WHERE d.id = g.id AND (d.kind, d.district) <> (g.kind, g.district))"
            " INSERT INTO gwanje.device (key, id, kind, district)"
            " SELECT (SELECT coalesce(max(key), 0) FROM gwanje.device) + row_number() OVER (ORDER BY place),"
            "  id, kind, district FROM given WHERE id NOT IN (SELECT id FROM gwanje.device)",
            columns,
        )
        cursor = await connection.execute("SELECT id, key FROM gwanje.device WHERE id = ANY(%s)", [ids])
        keys: dict[str, int] = dict(await cursor.fetchall())
    return np.array([keys[one] for one in ids], dtype=np.int32)
