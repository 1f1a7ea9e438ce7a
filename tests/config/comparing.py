"""Comparing catalogues: an array field has no plain equality."""

from __future__ import annotations

import msgspec
import numpy as np

from config.catalogue.model import Catalogue


def assert_same(left: Catalogue, right: Catalogue) -> None:
    """Fail unless both catalogues hold the same, terrain included."""
    for field in msgspec.structs.fields(Catalogue):
        if field.name != "terrain":
            assert getattr(left, field.name) == getattr(right, field.name), field.name
    if left.terrain is None or right.terrain is None:
        assert left.terrain is right.terrain
        return
    assert left.terrain.elevation_m.dtype == right.terrain.elevation_m.dtype == np.float32
    np.testing.assert_array_equal(left.terrain.elevation_m, right.terrain.elevation_m)
    for name in ("west_deg", "south_deg", "step_lon_deg", "step_lat_deg"):
        assert getattr(left.terrain, name) == getattr(right.terrain, name), name
