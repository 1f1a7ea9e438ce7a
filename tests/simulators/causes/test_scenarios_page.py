"""The page for those who write scenarios: its example is one, its tables and messages are those of the language."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from config.catalogue.model import DEVICE_KINDS, Catalogue
from config.catalogue.prepare import prepare_region
from simulators.causes.base import Cause, TimedCause
from simulators.causes.decode import MOST_EVENTS, describe
from simulators.causes.device import FITS, SIZED
from simulators.causes.events import EVENT_KINDS
from simulators.causes.fields import EventName, Identifier
from simulators.causes.files import LONGEST_FILE, load_scenario, parse_scenario, scenario_names
from simulators.causes.overlap import CRASH_LENGTH_M, DEBRIS_LENGTH_M
from simulators.causes.problems import SHOWN_PROBLEMS, ScenarioProblemsError
from simulators.causes.scenario import DayDemand, ScenarioFile
from simulators.placement.false_smoke import AWAY_DEG, DRIFT_DEG_MIN
from simulators.placement.fires import APART_M
from simulators.placement.ignition import CLEARANCE_M, SMOKE_SEEN_M, UPWIND_M, VILLAGE_CLEARANCE_M
from simulators.placement.places import place_scenario
from simulators.placement.spots import ROOM_DOWNSTREAM_M, ROOM_UPSTREAM_M, SPACING_M
from simulators.world.roads.closures import WORK_ZONE_PC_H
from simulators.world.sky.climate import Climate
from simulators.world.wildfire.mistakes import FOG_SUN_DEG, SUNSET_DEG

PAGE = Path(__file__).parents[3] / "docs" / "scenarios.md"
TEXT = PAGE.read_text(encoding="utf-8")
ONE_LINE = " ".join(TEXT.split())
(EXAMPLE,) = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
FILE = "wet_evening.toml"
_REFUSED = re.compile(r"^\| `([^`]+)` \| `([^`]+)` \| `([^`]+)` \|$", re.MULTILINE)
REFUSED = [row for row in _REFUSED.findall(TEXT) if row[2].startswith(FILE)]

SHORT = {
    describe(EventName): "the name of an event",
    describe(Identifier): "an identifier of the region",
    f"a list, each {describe(Identifier)}": "a list of identifiers",
}
"""What the page says in fewer words than the messages."""


def fields(kind: type[msgspec.Struct]) -> list[msgspec.structs.FieldInfo]:
    """Fields that the table of a kind has; the page tells of the others once for all kinds."""
    if kind is ScenarioFile:
        elsewhere = {"title", "about", "demand", "weather", "event"}
        return [field for field in msgspec.structs.fields(kind) if field.name not in elsewhere]
    if kind in {DayDemand, Climate}:
        return list(msgspec.structs.fields(kind))
    base = TimedCause if issubclass(kind, TimedCause) else Cause
    common = {(field.name, describe(field.type), field.required) for field in msgspec.structs.fields(base)}
    return [
        field
        for field in msgspec.structs.fields(kind)
        if (field.name, describe(field.type), field.required) not in common
    ]


def row(field: msgspec.structs.FieldInfo) -> str:
    """Cells of a field's row up to its meaning."""
    wanted = describe(field.type)
    return f"| `{field.name}` | {SHORT.get(wanted, wanted)} | {_without(field)} |"


def _without(field: msgspec.structs.FieldInfo) -> str:
    default: Any = field.default
    if field.required:
        return "needed"
    if default is None:
        return "–"
    if isinstance(default, bool):
        return str(default).lower()
    return default if isinstance(default, str) else f"{default:g}"


def table_after(mark: str) -> list[str]:
    """Rows of the first table after a line, without its head."""
    lines = TEXT.split("\n")
    at = next(place for place, line in enumerate(lines) if line == mark or line.startswith(f"{mark}, "))
    rows = []
    for line in lines[at + 1 :]:
        if line.startswith("|"):
            rows.append(line)
        elif rows:
            break
    return rows[2:]


HEADINGS = {"## The file": ScenarioFile, "`[demand]`": DayDemand, "`[weather]`": Climate} | {
    f"### {name}": kind for name, kind in EVENT_KINDS.items() if name != "debris"
}


@pytest.mark.parametrize("mark", HEADINGS)
def test_a_table_has_the_fields_of_its_kind(mark):
    rows, expected = table_after(mark), [row(field) for field in fields(HEADINGS[mark])]
    assert len(rows) == len(expected)
    for said, wanted in zip(rows, expected, strict=True):
        assert said.startswith(wanted)


def test_debris_is_told_of_with_the_crash():
    assert "### crash, debris" in TEXT
    assert [row(field) for field in fields(EVENT_KINDS["debris"])] == [
        row(field) for field in fields(EVENT_KINDS["crash"])
    ]


def test_the_table_of_faults_is_that_of_the_language():
    rows = [line.split(" | ") for line in TEXT.split("\n") if line.startswith("| `") and line.count(" | ") == 3]
    faults = {cells[0].removeprefix("| ").strip("`"): cells[1:3] for cells in rows}
    for fault, kinds in FITS.items():
        said_kinds, said_value = faults[fault]
        assert said_kinds == ("all" if kinds == DEVICE_KINDS else ", ".join(kinds))
        assert (said_value != "–") == (fault in SIZED)


@pytest.fixture(scope="module")
def region(request) -> Catalogue:
    # Kept between runs: making the region takes seconds.
    return prepare_region("default", request.config.cache.mkdir("regions"))


def test_the_example_has_its_places_in_the_region_that_comes_along(region):
    happenings = place_scenario(parse_scenario(EXAMPLE, FILE), region)
    assert [closure.id for closure in happenings.closures] == ["in-the-rain"]
    assert [(crash.id, crash.behind) for crash in happenings.secondary] == [("secondary_crash-4", "in-the-rain")]
    assert len(happenings.weak_slopes) == 2
    assert [fault.kind for fault in happenings.faults] == ["stale_frame"]


def test_there_are_messages():
    assert len(REFUSED) >= 8


@pytest.mark.parametrize(("there", "instead", "message"), REFUSED)
def test_a_message_reads_as_the_page_says(there, instead, message, region):
    assert EXAMPLE.count(there) == 1
    with pytest.raises(ScenarioProblemsError) as caught:
        place_scenario(parse_scenario(EXAMPLE.replace(there, instead), FILE), region)
    assert str(caught.value) == message


def test_the_scenarios_that_come_along_are_listed():
    for name in scenario_names():
        scenario = load_scenario(name)
        hours = scenario.duration_s / 3_600.0
        assert f"| `{name}` | {scenario.date} {scenario.time_of_day} | {hours:g} h | " in TEXT


def test_the_numbers_on_the_page_are_the_ones_in_force():
    drifts = DRIFT_DEG_MIN
    for said in (
        f"{CRASH_LENGTH_M:g} m of road by a `crash`, {DEBRIS_LENGTH_M:g} m by `debris`",
        f"{ROOM_UPSTREAM_M / 1_000:g} km of road and a detection station behind",
        f"{ROOM_DOWNSTREAM_M / 1_000:g} km of road ahead",
        f"{SPACING_M / 1_000:g} km from what else blocks that road",
        f"carries {WORK_ZONE_PC_H:,.0f} passenger cars an hour",
        f"smoke of {SMOKE_SEEN_M:g} m in sight",
        f"no nearer than {VILLAGE_CLEARANCE_M:g} m",
        f"{UPWIND_M[0] / 1_000:g} to {UPWIND_M[1] / 1_000:g} km upwind",
        f"{CLEARANCE_M / 1_000:g} km from any",
        f"at least {APART_M / 1_000:g} km apart",
        f"looking {AWAY_DEG:g}° away",
        f"dust {drifts['dust']:g}, cloud {drifts['cloud']:g}, fog {drifts['fog']:g}",
        f"between {-FOG_SUN_DEG[0]:g}° below and {FOG_SUN_DEG[1]:g}° above the horizon",
        f"between {-SUNSET_DEG[0]:g}° below and {SUNSET_DEG[1]:g}° above",
        f"{MOST_EVENTS:,} at most",
        f"above {LONGEST_FILE:,} bytes",
        f"first {SHOWN_PROBLEMS} problems",
    ):
        assert said in ONE_LINE
