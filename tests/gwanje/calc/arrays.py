"""Detector arrays for tests of the calculations, and the field data where it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

FIELD = Path(__file__).parents[4] / "shared" / "data" / "traffic" / "i24" / "i24_rds_first_1001.npz"
needs_field_data = pytest.mark.skipif(not FIELD.exists(), reason="../shared/data is absent")


def free_traffic(n_time: int = 120, n_station: int = 9, n_lane: int = 3, seed: int = 1) -> dict[str, Any]:
    """Free traffic of 1,500 veh/h/lane towards falling milemarkers, Poisson counts, stations 1 km apart."""
    rng = np.random.default_rng(seed)
    shape = (n_lane, n_station, n_time)
    volume = rng.poisson(12.5, shape).astype(np.float64)
    speed = rng.normal(62.0, 2.0, shape)
    speed[volume == 0] = np.nan
    return {
        "raw_speed_mph": speed,
        "raw_occ_pct": volume * 3600.0 / 30.0 / (np.nan_to_num(speed, nan=62.0) * 1.609) * 0.65,
        "raw_vol_veh30s": volume,
        "milemarker": 50.0 + np.arange(n_station) / 1.609344,
        "time_s": 30.0 * np.arange(1, n_time + 1),
    }


def written(folder: Path, arrays: dict[str, Any], name: str = "in.npz") -> Path:
    """Write a file and return its path."""
    path = folder / name
    np.savez(path, **arrays)
    return path
