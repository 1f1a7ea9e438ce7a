"""The small region with tunnels, slopes above roads, and two more towers."""

from __future__ import annotations

from functools import cache

from msgspec.structs import replace

from config.catalogue.model import Catalogue
from tests.simulators.region import small_region


@cache
def hilly_region() -> Catalogue:
    """Links 8 and 9 of the expressway are in one tunnel, link 5 of the national road in another one."""
    flat = small_region()
    tunnels = {f"E1{way}{step:02d}" for way in ("up", "down") for step in (8, 9)} | {"N7up05", "N7down05"}
    return replace(
        flat,
        links=tuple(replace(link, tunnel=link.id in tunnels) for link in flat.links),
        slope=tuple(
            replace(node, link=f"E1up{index + 1:02d}" if index < 5 else None) for index, node in enumerate(flat.slope)
        ),
    )
