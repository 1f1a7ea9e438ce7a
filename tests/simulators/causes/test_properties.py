"""Any scenario is placed, or refused with lines and fields."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.causes.files import parse_scenario
from simulators.causes.problems import Problem, ScenarioProblemsError
from simulators.causes.scenario import Scenario
from simulators.placement.places import place_scenario
from simulators.world.happenings import Happenings
from tests.simulators.causes.hills import hilly_region
from tests.simulators.causes.text import HEAD, scenario_text

ResultT = TypeVar("ResultT")
PROBLEM = re.compile(
    r"mine\.toml:(?P<line>\d+): (?P<field>[a-z_]+|event\[\d+\](\.[a-z_]+(\[\d+\])?)?): expected .+, was .+", re.DOTALL
)
WITHOUT_PLACE = re.compile(r"mine\.toml:\d+: event\[\d+\]\.[a-z_]+: expected .+(region small has none|, was .+)")

AT = st.integers(0, 7_400)
LONG = st.integers(60, 5_000)
LINKS = st.sampled_from(["E1up02", "E1up08", "E1down10", "N7up05", "N7down01", "E1up77"])
NAMES = st.sampled_from(["one", "two", "three"])
LANES = st.integers(1, 4)
SIDE = st.sampled_from(["median", "shoulder"])
HERE = st.sampled_from(
    [{}, {"place": "longest_expressway"}, {"place": "longest_national_road"}, {"near": "one"}, {"link": "E1up03"}]
) | st.fixed_dictionaries({"link": LINKS, "offset_m": st.integers(0, 2_100)})


def event(kind: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"kind": st.just(kind), **fields}, optional={"name": NAMES, "duration_s": LONG})


def at_places(kind: str, places: st.SearchStrategy[Any], **fields: Any) -> st.SearchStrategy[dict[str, Any]]:
    return st.tuples(event(kind, at_s=AT, **fields), places).map(lambda both: both[0] | both[1])


EVENTS = st.one_of(
    at_places("crash", HERE, lanes_blocked=LANES, side=SIDE),
    at_places("debris", HERE, lanes_blocked=LANES),
    at_places(
        "work_zone",
        st.just({}) | st.fixed_dictionaries({"link": LINKS, "offset_m": st.integers(0, 1_500)}),
        lanes_blocked=LANES,
        length_m=st.integers(50, 2_500),
        speed_limit_kmh=st.just(60),
    ),
    at_places("tunnel_fire", st.sampled_from([{}, {"link": "E1up08"}, {"link": "N7up05"}, {"link": "N7up01"}])),
    event("secondary_crash", of=NAMES, after_s=st.integers(1, 3_000), lanes_blocked=LANES),
    event("surge", at_s=AT, factor=st.floats(0, 5), road=st.sampled_from(["E1", "N7", "X"])),
    at_places(
        "storm",
        st.sampled_from([{"over": "slopes"}, {"over": "region"}, {"over": "expressway"}, {"lon_deg": 128}]),
        peak_mm_h=st.integers(1, 100),
        radius_km=st.integers(1, 20),
        heading_deg=st.integers(0, 360),
        speed_kmh=st.integers(0, 40),
    ),
    at_places("fog", st.just({"over": "expressway"}), radius_km=st.integers(1, 9), visibility_m=st.integers(20, 500)),
    event("weak_slopes", count=st.integers(1, 5), under=NAMES, margin_frac=st.floats(0.01, 0.6)),
    event("slope_creep", at_s=AT, place=st.just("road_slope"), rate_deg_h=st.floats(0.01, 2)),
    at_places("fire", st.fixed_dictionaries({"lon_deg": st.floats(127.8, 128.4), "lat_deg": st.floats(36.9, 37.2)})),
    event(
        "false_detection",
        at_s=AT,
        cause=st.sampled_from(["dust", "fog", "sunset", "cloud"]),
        confidence=st.floats(0, 1),
    ),
    event(
        "fault",
        at_s=AT,
        fault=st.sampled_from(["stuck", "dropout", "stale_frame", "silent"]),
        devices=st.lists(st.sampled_from(["vds", "cctv", "sign", "slope"]), min_size=1, max_size=2),
        share=st.floats(0.05, 1),
    ),
)  # fmt: skip


def block(fields: dict[str, Any]) -> str:
    def written(value: Any) -> str:
        if isinstance(value, list):
            return "[" + ", ".join(written(item) for item in value) + "]"
        return f'"{value}"' if isinstance(value, str) else repr(value)

    return "\n".join(f"{key} = {written(value)}" for key, value in fields.items())


@settings(max_examples=120, deadline=None)
@given(st.lists(EVENTS, max_size=5))
def test_a_scenario_is_placed_or_refused_with_lines_and_fields(events: list[dict[str, Any]]) -> None:
    text = scenario_text(*map(block, events))
    scenario = outcome(lambda: parse_scenario(text, "mine.toml"))
    if not isinstance(scenario, Scenario):
        assert scenario
        for problem in scenario:
            assert PROBLEM.fullmatch(str(problem)), problem
            names_what_its_line_has(text, problem.line, problem.field)
        return
    happenings = outcome(lambda: place_scenario(scenario, hilly_region()))
    if not isinstance(happenings, Happenings):
        assert happenings
        for problem in happenings:
            assert WITHOUT_PLACE.match(str(problem)), problem
            names_what_its_line_has(text, problem.line, problem.field)
        return
    check(happenings)
    assert len(happenings.storms) == sum(event["kind"] == "storm" for event in events)
    assert len(happenings.secondary) == sum(event["kind"] == "secondary_crash" for event in events)
    assert place_scenario(scenario, hilly_region()) == happenings


def outcome(call: Callable[[], ResultT]) -> ResultT | tuple[Problem, ...]:
    try:
        return call()
    except ScenarioProblemsError as error:
        return error.problems


def names_what_its_line_has(text: str, line: int, field: str) -> None:
    """The line holds the field's last key, or opens the block that should have it."""
    written = text.splitlines()[line - 1]
    key = re.sub(r"\[\d+\]$", "", field).rpartition(".")[2]
    assert written.startswith((key + " =", "[[event]]")), (written, field)


def check(happenings: Happenings) -> None:
    links = {link.id: link for link in hilly_region().links}
    for closure in happenings.closures:
        link = links[closure.link]
        assert closure.lanes
        assert closure.lanes <= set(range(1, link.lanes + 1))
        assert 0.0 <= closure.offset_m < link.length_m
        assert closure.offset_m + closure.length_m <= link.length_m + 0.1
        assert 0.0 <= closure.from_s < closure.until_s <= 7_200.0
        for other in happenings.closures:
            if other is not closure and other.link == closure.link and other.lanes & closure.lanes:
                in_time = other.from_s < closure.until_s and closure.from_s < other.until_s
                in_place = (
                    other.offset_m < closure.offset_m + closure.length_m
                    and closure.offset_m < other.offset_m + other.length_m
                )
                assert not (in_time and in_place)
    known = {closure.id for closure in happenings.closures}
    assert all(crash.behind in known for crash in happenings.secondary)
    assert len({slope.node for slope in happenings.weak_slopes}) == len(happenings.weak_slopes)
    for fault in happenings.faults:
        same = [other for other in happenings.faults if other.device == fault.device and other.kind == fault.kind]
        assert all(other is fault or other.until_s <= fault.from_s or fault.until_s <= other.from_s for other in same)


@settings(max_examples=150, deadline=None)
@given(st.text("[]{}=\"'#.,\n evntkidasc_109-", max_size=80))
def test_any_text_is_refused_with_a_line(text: str) -> None:
    whole = HEAD + text
    read = outcome(lambda: parse_scenario(whole, "mine.toml"))
    problems = () if isinstance(read, Scenario) else read
    assert isinstance(read, Scenario) or problems
    assert all(1 <= problem.line <= whole.count("\n") + 1 for problem in problems)
