"""Names and identifiers of what stands beside a road."""

from __future__ import annotations

from config.catalogue.generate.roads import Carriageway
from config.catalogue.model import Link, Name

DIRECTIONS = {"down": ("하행", "down"), "up": ("상행", "up")}


def roadside(carriageway: Carriageway, link: Link, offset_m: float) -> Name:
    """Return the name of a place beside a road: its road, kilometre post and direction."""
    road = carriageway.centreline.recipe
    km = carriageway.post_km(link, offset_m)
    ko, en = DIRECTIONS[carriageway.direction]
    return Name(f"{road.name.ko} {km:.1f}km {ko}", f"{road.name.en} km {km:.1f} {en}")


def roadside_id(kind: str, carriageway: Carriageway, link: Link, offset_m: float, taken: set[str]) -> str:
    """Return an identifier such as ``vds-991-dn-0234``: road, direction, kilometre post in hundreds of metres."""
    direction = "dn" if carriageway.direction == "down" else "up"
    post = round(carriageway.post_km(link, offset_m) * 10)
    stem = identifier = f"{kind}-{carriageway.centreline.recipe.number}-{direction}-{post:04d}"
    number = 1
    while identifier in taken:
        number += 1
        identifier = f"{stem}-{number}"
    taken.add(identifier)
    return identifier
