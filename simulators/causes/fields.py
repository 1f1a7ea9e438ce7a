"""Kinds of values that scenarios are made of; each says in words what it expects, for the texts of problems."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

LONGEST_S = 604_800.0
"""A rehearsal lasts a week at most [s]."""

EventName = Annotated[
    str,
    Meta(
        pattern=r"^[a-z][a-z0-9_-]{0,39}$",
        description="a name of at most 40 small letters, digits, - and _ that begins with a letter",
    ),
]
Identifier = Annotated[str, Meta(min_length=1, max_length=80, description="an identifier of the region")]
AtSeconds = Annotated[
    float, Meta(ge=0, le=LONGEST_S, description="seconds from the start of the run, a number from 0 to 604800")
]
BURNING_BEFORE_S = 3_600.0
"""How long a fire may burn already when the run begins [s]."""
FireSeconds = Annotated[
    float,
    Meta(
        ge=-BURNING_BEFORE_S,
        le=LONGEST_S,
        description="seconds from the start of the run, a number from -3600 (it burns already) to 604800",
    ),
]
Duration = Annotated[float, Meta(gt=0, le=LONGEST_S, description="seconds, a number greater than 0 and at most 604800")]
AfterSeconds = Annotated[
    float, Meta(gt=0, le=LONGEST_S, description="seconds after the other event, greater than 0 and at most 604800")
]
LaneCount = Annotated[int, Meta(ge=1, le=8, description="a whole number of lanes from 1 to 8")]
Offset = Annotated[float, Meta(ge=0, le=100_000, description="metres from the start of the link, 0 to 100000")]
Longitude = Annotated[float, Meta(ge=-180, le=180, description="a longitude from -180 to 180 degrees")]
Latitude = Annotated[float, Meta(ge=-90, le=90, description="a latitude from -90 to 90 degrees")]
Azimuth = Annotated[float, Meta(ge=0, le=360, description="degrees clockwise from north, a number from 0 to 360")]
Fraction = Annotated[float, Meta(ge=0, le=1, description="a share from 0 to 1")]
PositiveFraction = Annotated[float, Meta(gt=0, le=1, description="a share greater than 0 and at most 1")]
SpeedLimit = Annotated[float, Meta(ge=10, le=120, description="a speed limit from 10 to 120 km/h")]
