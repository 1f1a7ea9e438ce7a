"""The small region among forested hills, with tunnels, slopes above roads, masts and enough villages: each kind of
cause has a place in it."""

from __future__ import annotations

from functools import cache

from msgspec.structs import replace

from config.catalogue.model import Camera, Catalogue, Sign, Village
from tests.simulators.receivers.masts import region_with_masts
from tests.simulators.region import DISTRICTS, name, spot
from tests.simulators.wildfire.stage import hills


@cache
def valley() -> Catalogue:
    """Links 8 and 9 of the expressway are in one tunnel; its western end and a village lie downwind of forest."""
    flat = region_with_masts()
    tunnels = {f"E1{way}{step:02d}" for way in ("up", "down") for step in (8, 9)}
    national = tuple(link for link in flat.links if link.road == "N7" and link.direction == "up")
    cameras = tuple(
        Camera(
            id=f"CAM-N{step}", district=link.district, position=link.line[0], name=name("camera"),
            ground_elevation_m=300.0, mast_m=15.0, range_m=1_200.0,
        )
        for step, link in enumerate(national)
    )  # fmt: skip
    signs = tuple(
        Sign(
            id=f"VMS-{link.id}", district=link.district, position=link.line[0], name=name("sign"), link=link.id,
            offset_m=100.0, width_px=192, height_px=32, colour="limited",
        )
        for link in flat.links
        if link.road == "E1"
    )  # fmt: skip
    return replace(
        flat,
        terrain=hills(),
        links=tuple(replace(link, tunnel=link.id in tunnels) for link in flat.links),
        slope=tuple(
            replace(node, link=f"E1up{index + 1:02d}" if index < 5 else "N7up05")
            for index, node in enumerate(flat.slope)
        ),
        cctv=(*flat.cctv, *cameras),
        sign=signs,
        tower=tuple(replace(tower, ground_elevation_m=600.0) for tower in flat.tower),
        villages=(
            *flat.villages,
            Village(id="V2", district=DISTRICTS[0], name=name("village"), position=spot(1_000, 300), population=90),
        ),
    )
