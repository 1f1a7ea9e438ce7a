"""The page about the simulated region says the numbers that are in force."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulators.devices.broadcast import OUT_OF_SERVICE_SHARE
from simulators.devices.camera_hub import CONFIDENCE, FOGGED_SHARE, FOUND_SHARE, LOOK_PERIOD_S, REPEAT_S
from simulators.devices.detection import DEAF_SHARE, LEAST_DOUBLED, LEAST_MISSED, MOST_DOUBLED, MOST_MISSED
from simulators.devices.slope_hardware import (
    BACKLOG,
    COUNTER_TIPS,
    FAST_RAIN_MM_H,
    FAST_TILT_DEG_H,
    HALF_LOST_DBM,
    NEAR_END_SHARE,
    STEP_DEG,
    TIP_MM,
)
from simulators.devices.watchtower import POSE_SHARE
from simulators.transport.connection import MOST_INCOMING
from simulators.transport.outbox import MOST_EVENTS, MOST_TELEMETRY
from simulators.world.dynamic import OPEN_ABOVE_M, SHUT_BELOW_M, THIN_FOR_S
from simulators.world.ground.creep import PATIENCE_S
from simulators.world.ground.mounting import EXTENSOMETER_SHARE, GAUGE_SHARE, PIEZOMETER_SHARE, PROBE_SHARE
from simulators.world.ground.soil import SOUND_SATURATED
from simulators.world.people import ON_SHARE, PHONES, ROAD_SHARE
from simulators.world.region import LONGEST_STEP_S, SLOW_STEP_S
from simulators.world.roads.advice import LONGEST_DETOUR, LONGEST_EXTRA_S, REACH_M
from simulators.world.roads.closures import RUBBERNECKING_LOSS, RUBBERNECKING_SPEED, WORK_ZONE_PC_H
from simulators.world.roads.demand import HIGHEST_PEAK, LOWEST_PEAK
from simulators.world.roads.drivers import INFORMED_AFTER_S, INFORMED_SHARE
from simulators.world.roads.facts import FREE_OVER_LIMIT, WAVE_KMH
from simulators.world.roads.grid import CELL_LENGTH_M
from simulators.world.roads.plan import MOST_COMMODITIES
from simulators.world.roads.routes import LONGEST_DETOUR as LONGEST_WAY
from simulators.world.sky.rain import UPLIFT_PER_KM
from simulators.world.sky.regimes import DRY_LAPSE_C_PER_KM, LAPSE_C_PER_KM
from simulators.world.wildfire.smoke import CONVECTED_SHARE, EXTINCTION_M2_KG, HEAT_MJ_KG, PARTICLES_KG_KG
from simulators.world.wildfire.spotting import LONGEST_M, SPOT_MOISTURE_PCT, SPOT_WIND_KMH

TEXT = " ".join((Path(__file__).parents[2] / "docs" / "simulators.md").read_text(encoding="utf-8").split())


@pytest.mark.parametrize(
    "said",
    [
        f"in steps of {LONGEST_STEP_S:g} s",
        f"everything else in steps of {SLOW_STEP_S:g} s",
        f"less than {SHUT_BELOW_M:g} m of sight closes a link, until there have been more than {OPEN_ABOVE_M:g} m for "
        f"{THIN_FOR_S / 60:g} min",
        f"at most {MOST_COMMODITIES} of them; cells of about {CELL_LENGTH_M:g} m",
        f"free speed {FREE_OVER_LIMIT:g} × limit; queues grow at most with {WAVE_KMH:g} km/h",
        f"shares {LOWEST_PEAK:g}–{HIGHEST_PEAK:g}",
        f"ways above {LONGEST_WAY:g} × the shortest",
        f"after {INFORMED_AFTER_S / 60:g} min of a full closure {INFORMED_SHARE:.0%}".replace("%", " %"),
        f"beside a work zone {WORK_ZONE_PC_H:,.0f} pc/h a lane",
        f"loses {RUBBERNECKING_LOSS:.0%} and {1 - RUBBERNECKING_SPEED:.0%} of free speed".replace("%", " %"),
        f"{LAPSE_C_PER_KM:g} °C/km (ISO 2533); {DRY_LAPSE_C_PER_KM:g} in a föhn",
        f"+{UPLIFT_PER_KM:.0%} per km".replace("%", " %"),
        f"factor of safety of {SOUND_SATURATED:g} even full of water",
        f"after {PATIENCE_S / 60:g} min below 1",
        f"above {SPOT_WIND_KMH:g} km/h and below {SPOT_MOISTURE_PCT:g} % moisture; up to {LONGEST_M / 1000:g} km",
        f"{HEAT_MJ_KG:g} MJ/kg, {CONVECTED_SHARE:.0%} into the plume, {PARTICLES_KG_KG * 1000:g} g".replace("%", " %"),
        f"extinction {EXTINCTION_M2_KG:,.0f} m²/kg",
        f"About {PHONES:,} phones",
        f"{ROAD_SHARE:.0%} on roads".replace("%", " %"),
        f"{ON_SHARE:.0%} are on".replace("%", " %"),
        f"at most {MOST_TELEMETRY} batches and {MOST_EVENTS:,} events wait",
        f"holds {MOST_INCOMING} commands",
        f"misses {100 * LEAST_MISSED:g}–{100 * MOST_MISSED:g} % of the vehicles and counts "
        f"{100 * LEAST_DOUBLED:g}–{100 * MOST_DOUBLED:g} % twice",
        f"gauge {GAUGE_SHARE:.0%}, moisture probes {PROBE_SHARE:.0%}, piezometer {PIEZOMETER_SHARE:.0%}, extensometer "
        f"{EXTENSOMETER_SHARE:.0%}".replace("%", " %"),
        f"rolls over at {COUNTER_TIPS * TIP_MM:,.1f} mm, for {NEAR_END_SHARE:.0%} of the nodes".replace("%", " %"),
        f"from {FAST_RAIN_MM_H:g} mm/h, {FAST_TILT_DEG_H:g}°/h fitted over an hour",
        f"a jump of {STEP_DEG:g}°",
        f"lost at −{-HALF_LOST_DBM:g} dBm",
        f"({BACKLOG} at most",
        f"looks every {LOOK_PERIOD_S:g} s",
        f"in {FOUND_SHARE['stopped_vehicle']:.0%} of the looks".replace("%", " %"),
        f"nothing beyond {FOGGED_SHARE:g} of the visibility",
        f"then every {REPEAT_S / 60:g} min; confidence {', '.join(f'{sure:g}' for sure in CONFIDENCE)}",
        f"{POSE_SHARE**2:.0%} of its variance stays".replace("%", " %"),
        f"{100 * OUT_OF_SERVICE_SHARE:g} % of the cells are out of service",
        f"counts {DEAF_SHARE:.0%} of that lane".replace("%", " %"),
        f"up to {REACH_M / 1000:g} km past the sign",
        f"{LONGEST_EXTRA_S / 60:g} min more",
    ],
)
def test_a_number_on_the_page_is_the_one_in_force(said):
    assert said in TEXT


def test_words_for_numbers():
    assert LONGEST_DETOUR == 2.0
    assert "unless that takes more than twice as long" in TEXT
