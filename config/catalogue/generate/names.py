"""Invented names in Korean and in English (Revised Romanization)."""

from __future__ import annotations

import numpy as np

from config.catalogue.generate.roads import Carriageway
from config.catalogue.model import Link, Name

# First syllables end in a vowel and second ones begin with a consonant that keeps its sound after one, so that the
# romanization of the pair is that of its parts.
_FIRST = (
    ("가", "Ga"), ("나", "Na"), ("다", "Da"), ("두", "Du"), ("마", "Ma"), ("모", "Mo"), ("무", "Mu"), ("버", "Beo"),
    ("보", "Bo"), ("비", "Bi"), ("새", "Sae"), ("소", "So"), ("시", "Si"), ("아", "A"), ("여", "Yeo"), ("이", "I"),
    ("주", "Ju"), ("하", "Ha"), ("호", "Ho"), ("해", "Hae"),
)  # fmt: skip
_SECOND = (
    ("람", "ram"), ("늘", "neul"), ("들", "deul"), ("루", "ru"), ("름", "reum"), ("리내", "rinae"), ("목", "mok"),
    ("별", "byeol"), ("봄", "bom"), ("샘", "saem"), ("솔", "sol"), ("실", "sil"), ("재", "jae"), ("헌", "heon"),
)  # fmt: skip

DIRECTIONS = {"down": ("하행", "down"), "up": ("상행", "up")}


def invent(count: int, rng: np.random.Generator) -> list[tuple[str, str]]:
    """Return so many different pairs of Korean and English stems; beyond 280 they are told apart by a number."""
    size = len(_FIRST) * len(_SECOND)
    stems = []
    for turn in range(-(-count // size)):
        for index in rng.permutation(size).tolist():
            (first_ko, first_en), (second_ko, second_en) = _FIRST[index % len(_FIRST)], _SECOND[index // len(_FIRST)]
            number = str(turn + 1) if turn else ""
            stems.append((f"{first_ko}{second_ko}{number}", f"{first_en}{second_en}{number and ' ' + number}"))
    return stems[:count]


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
