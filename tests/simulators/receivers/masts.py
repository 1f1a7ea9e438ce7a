"""The small region with a mast of three sectors every 2 km, for tests of phones."""

from __future__ import annotations

from config.catalogue.model import Catalogue, Cell, District
from tests.simulators.region import DISTRICTS, name, small_region, spot


def region_with_masts(population: int = 10_000) -> Catalogue:
    cells = tuple(
        Cell(
            id=f"c{step}-{sector}",
            district=DISTRICTS[step >= 6],
            position=spot(2_000.0 * step, 1_000.0),
            azimuth_deg=120.0 * sector,
            beamwidth_deg=120.0,
            range_m=2_500.0,
        )
        for step in range(12)
        for sector in range(3)
    )
    middle = spot(11_000.0, 0.0)[0]
    districts = tuple(
        District(
            id=key,
            name=name(key),
            population=population,
            boundary=((west, 36.9), (east, 36.9), (east, 37.1), (west, 37.1), (west, 36.9)),
        )
        for key, west, east in zip(DISTRICTS, (127.9, middle), (middle, 128.3), strict=True)
    )
    return small_region(cells=cells, districts=districts)
