from __future__ import annotations

from pathlib import Path

import pytest

from simulators.causes.files import load_scenario, parse_scenario, scenario_names
from simulators.causes.problems import ScenarioProblemsError
from simulators.causes.road import Crash
from simulators.errors import ScenarioError
from tests.simulators.causes.text import HEAD, parse, problems, scenario_text

CRASH = 'kind = "crash"\nname = "first"\nat_s = 60\nduration_s = 1500\nlanes_blocked = 2'
STORM = """\
kind = "storm"
name = "rain"
at_s = 0
over = "slopes"
peak_mm_h = 40
radius_km = 8
heading_deg = 90
speed_kmh = 5"""
SECOND = 'kind = "secondary_crash"\nof = "first"\nafter_s = 60\nduration_s = 60\nlanes_blocked = 1'
FAULT = 'kind = "fault"\nat_s = 0\n'
WEAK = 'kind = "weak_slopes"\nmargin_frac = 0.3\n'
LINK = '\nlink = "1"'


def test_a_scenario_is_read_with_its_defaults() -> None:
    scenario = parse(CRASH, STORM)
    crash = scenario.event[0]
    assert isinstance(crash, Crash)
    assert (crash.side, crash.place, crash.kind) == ("median", None, "crash")
    assert (scenario.date, scenario.day_of_year, scenario.time_of_day_s) == ("04-15", 105, 28_800.0)
    assert (scenario.demand.factor, scenario.demand.weekend) == (1.0, False)
    assert [scenario.timeline.span_s(event) for event in scenario.event] == [(60.0, 1560.0), (0.0, 7200.0)]


def test_date_and_weekday() -> None:
    scenario = parse(head=HEAD + 'date = "12-31"\n[demand]\nweekday = "sun"\n')
    assert (scenario.day_of_year, scenario.demand.weekend) == (365, True)


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        (
            [CRASH.replace("lanes_blocked = 2", "lanes_blocked = 0")],
            "mine.toml:11: event[0].lanes_blocked: expected a whole number of lanes from 1 to 8, was 0",
        ),
        ([CRASH + "\ncolour = 3"], "mine.toml:12: event[0].colour: expected no such field"),
        (
            [CRASH.replace("lanes_blocked = 2", "")],
            "mine.toml:6: event[0].lanes_blocked: expected a whole number of lanes from 1",
        ),
        ([CRASH.replace("at_s = 60", "at_s = nan")], "mine.toml:9: event[0].at_s: expected a finite number, was nan"),
        (
            [CRASH.replace("at_s = 60", "at_s = -1")],
            "mine.toml:9: event[0].at_s: expected seconds from the start of the run",
        ),
        ([CRASH.replace('"crash"', '"flood"')], "mine.toml:7: event[0].kind: expected one of crash, secondary_crash,"),
        ([CRASH.replace('kind = "crash"', "")], "mine.toml:6: event[0].kind: expected one of crash"),
        (
            [CRASH.replace('"first"', '"First!"')],
            "mine.toml:8: event[0].name: expected a name of at most 40 small letters",
        ),
        ([CRASH + '\ntitle = { ko = "가" }'], "mine.toml:12: event[0].title.en: expected a text, was missing"),
        ([CRASH + '\nside = "left"'], "mine.toml:12: event[0].side: expected one of median, shoulder, was 'left'"),
        ([CRASH + LINK], "mine.toml:6: event[0].offset_m: expected it together with link, was missing"),
        (
            [CRASH + LINK + '\noffset_m = 3\nplace = "longest_expressway"'],
            "mine.toml:12: event[0].link: expected at most one of place, link, near",
        ),
        ([CRASH, CRASH], "mine.toml:14: event[1].name: expected another name than that of line 6, was 'first'"),
        (
            [CRASH.replace("at_s = 60", "at_s = 7200")],
            "mine.toml:9: event[0].at_s: expected before the end of the rehearsal at 7200 s, was 7200",
        ),
        (
            [CRASH.replace("1500", "7200")],
            "mine.toml:10: event[0].duration_s: expected an end by that of the rehearsal at 7200 s",
        ),
        ([CRASH.replace("1500", "0")], "mine.toml:10: event[0].duration_s: expected seconds, a number greater than 0"),
        (
            [CRASH + '\nnear = "fog"'],
            "mine.toml:12: event[0].near: expected the name of a fog or storm (there are: none), was 'fog'",
        ),
        (
            [STORM + "\nlon_deg = 128\nlat_deg = 37"],
            "mine.toml:15: event[0].lon_deg: expected over, or lon_deg and lat_deg, was over and lon_deg",
        ),
        ([STORM.replace('over = "slopes"', "")], "event[0].over: expected over, or lon_deg and lat_deg, was neither"),
        ([CRASH, SECOND.replace("first", "frist")], "tunnel_fire (there are: first), was"),
        ([STORM, SECOND.replace("first", "rain")], "work_zone or tunnel_fire, was 'rain', a storm"),
        (
            [CRASH, SECOND.replace("after_s = 60", "after_s = -5")],
            "mine.toml:15: event[1].after_s: expected seconds after the other event, greater than 0",
        ),
        (
            [CRASH, SECOND.replace("after_s = 60", "after_s = 1500")],
            "event[1].after_s: expected while first lasts, less than 1500 s after its beginning, was 1500",
        ),
        (
            [CRASH, SECOND.replace("after_s = 60\nduration_s = 60", "after_s = 1400\nduration_s = 6000")],
            "event[1].duration_s: expected an end by that of the rehearsal",
        ),
        (
            ['kind = "fire"\nat_s = 600\nattack_s = 300'],
            "mine.toml:9: event[0].attack_s: expected between the fire's beginning at 600 s",
        ),
        (
            ['kind = "wind"\nat_s = 7000\nover_s = 600\nwind_kmh = 30\nwind_deg = 270'],
            "mine.toml:9: event[0].over_s: expected a change that is over by the end",
        ),
        (
            [FAULT + 'fault = "stuck"\ndevice = "VDS-1"\nvalue = 3'],
            "mine.toml:11: event[0].value: expected no value with the fault stuck, was 3",
        ),
        (
            [FAULT + 'fault = "noise"\ndevice = "VDS-1"'],
            "event[0].value: expected the size of the fault noise, was missing",
        ),
        (
            [FAULT + 'fault = "missed_lane"\nvalue = 1.5\ndevice = "VDS-1"'],
            "mine.toml:10: event[0].value: expected the number of a lane",
        ),
        (
            [FAULT + 'fault = "refuse"\ndevices = ["sign", "vds"]\nshare = 0.1'],
            "mine.toml:10: event[0].devices[1]: expected a kind that can have the fault refuse (sign), was 'vds'",
        ),
        (
            [FAULT + 'fault = "stuck"\ndevices = ["vds"]'],
            "event[0].share: expected devices with share or count, was neither",
        ),
        ([FAULT + 'fault = "stuck"\nshare = 0.1'], "event[0].device: expected device or devices, was neither"),
        ([WEAK + 'nodes = ["S1", "S1"]'], "mine.toml:9: event[0].nodes[1]: expected each node once, was 'S1' again"),
        (
            [WEAK + 'nodes = ["S1"]', WEAK.replace("0.3", "0.2") + 'nodes = ["S1"]'],
            "mine.toml:13: event[1].nodes[0]: expected a node that the event of line 6 does not name",
        ),
        ([STORM, WEAK + 'count = 50\nunder = "rain"'], "event[1].count: expected at most among = 40, was 50"),
    ],
)
def test_a_problem_names_file_line_and_field(events: list[str], expected: str) -> None:
    found = problems(*events)
    assert any(expected in problem for problem in found), found
    assert len(found) == 1


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (
            HEAD.replace('"08:00"', '"24:00"'),
            "mine.toml:1: time_of_day: expected a time of day as \"HH:MM\", was '24:00'",
        ),
        (HEAD.replace("seed = 7", ""), "mine.toml:1: seed: expected a whole number from 0 to 4294967295, was missing"),
        (HEAD.replace("seed = 7", "seed = true"), "mine.toml:2: seed: expected a whole number"),
        (HEAD.replace("7200", "inf"), "mine.toml:3: duration_s: expected a finite number, was inf"),
        (HEAD + 'date = "02-30"\n', 'mine.toml:6: date: expected a day of the year as "MM-DD" (not 02-29), was'),
        (HEAD + "event = 3\n", "mine.toml:6: event: expected [[event]] blocks, was 3"),
        (HEAD + "event = [3]\n", "mine.toml:6: event[0]: expected an [[event]] block, was 3"),
        (HEAD + "lines = 3\n", "mine.toml:6: lines: expected no such field"),
        (HEAD + "[weather]\nrh_pct = 120\n", "mine.toml:7: weather.rh_pct: expected "),
        (HEAD + "[weather]\nfog = 1\n", "mine.toml:7: weather.fog: expected no such field"),
        (HEAD + "[demand]\n\nfactor = 9\n", "mine.toml:8: demand.factor: expected a factor from 0 to 3, was 9"),
        (HEAD.replace("seed = 7", "seed ="), "mine.toml:2: scenario: expected TOML"),
        (HEAD + 'a = """', "mine.toml:6: scenario: expected TOML"),
    ],
)
def test_a_problem_of_the_whole_names_its_line(head: str, expected: str) -> None:
    found = problems(head=head)
    assert any(problem.startswith(expected) for problem in found), found
    assert len(found) == 1


def test_every_problem_is_told_at_once() -> None:
    found = problems(
        CRASH.replace("lanes_blocked = 2", "lanes_blocked = 9"),
        STORM.replace('over = "slopes"', ""),
        SECOND.replace("lanes_blocked = 1", 'lanes_blocked = "two"'),
        'kind = "fault"\nat_s = 9000\nfault = "stuck"\ndevice = "x"',
        head=HEAD.replace("seed = 7", "seed = 7.5"),
    )
    fields = [problem.split(": ")[1] for problem in found]
    assert fields == ["seed", "event[0].lanes_blocked", "event[1].over", "event[2].lanes_blocked"]


def test_a_reference_to_an_event_that_cannot_be_read_is_no_second_problem() -> None:
    found = problems(CRASH.replace("at_s = 60", 'at_s = "soon"'), SECOND)
    assert [problem.split(": ")[1] for problem in found] == ["event[0].at_s"]


def at(link: str, offset_m: int, start_s: int, *more: str) -> str:
    return "\n".join(
        ['kind = "crash"', f'link = "{link}"', f"offset_m = {offset_m}", f"at_s = {start_s}", "duration_s = 600", *more]
    )


@pytest.mark.parametrize(
    ("first", "second", "overlaps"),
    [
        (at("A", 500, 0, "lanes_blocked = 1"), at("A", 550, 300, "lanes_blocked = 2"), True),
        (at("A", 500, 0, "lanes_blocked = 1"), at("A", 600, 300, "lanes_blocked = 2"), False),
        (at("A", 500, 0, "lanes_blocked = 1"), at("A", 550, 600, "lanes_blocked = 2"), False),
        (at("A", 500, 0, "lanes_blocked = 1"), at("B", 550, 300, "lanes_blocked = 2"), False),
        (at("A", 500, 0, "lanes_blocked = 1"), at("A", 550, 300, "lanes_blocked = 1", 'side = "shoulder"'), False),
        (at("A", 500, 0, "lanes_blocked = 1"), 'kind = "tunnel_fire"\nlink = "A"\nat_s = 300', True),
        ('kind = "tunnel_fire"\nat_s = 0', 'kind = "tunnel_fire"\nplace = "longest_tunnel"\nat_s = 300', True),
        ('kind = "tunnel_fire"\nat_s = 0\nduration_s = 300', 'kind = "tunnel_fire"\nat_s = 300', False),
    ],
)
def test_two_events_that_want_the_same_lanes(first: str, second: str, overlaps: bool) -> None:
    for events in ((first, second), (second, first)):
        found = problems(*events)
        assert bool(found) == overlaps, found
        assert all("of line 6" in problem and "event[1]." in problem for problem in found)


@pytest.mark.parametrize(
    ("kind", "start_s", "overlaps"), [("stuck", 300, True), ("stuck", 600, False), ("dropout", 300, False)]
)
def test_two_faults_of_one_kind_in_one_device(kind: str, start_s: int, overlaps: bool) -> None:
    fault = 'kind = "fault"\ndevice = "VDS-1"\nduration_s = 600\nfault = "{}"\nat_s = {}'
    found = problems(fault.format("stuck", 0), fault.format(kind, start_s))
    assert bool(found) == overlaps
    assert all("mine.toml:14: event[1].device: expected no second fault stuck" in problem for problem in found)


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(scenario_text(CRASH), encoding="utf-8")
    assert load_scenario(path) == parse(CRASH)
    path.write_bytes(b"a = 1\n# \xff")
    with pytest.raises(ScenarioProblemsError, match=r"^mine\.toml:2: scenario: expected text in UTF-8, was byte 0xff$"):
        load_scenario(str(path))
    path.write_text("#" * 1_000_001, encoding="utf-8")
    with pytest.raises(ScenarioError, match="expected at most 1000000 bytes, was 1000001"):
        load_scenario(path)


def test_unknown_names_and_missing_files() -> None:
    with pytest.raises(ScenarioError, match=r"expected one of calm, crash, .*was 'flod'"):
        load_scenario("flod")
    with pytest.raises(ScenarioError, match=r"nowhere\.toml: expected a file that can be read"):
        load_scenario("nowhere.toml")


def test_nesting_without_end_is_refused() -> None:
    with pytest.raises(ScenarioProblemsError, match=r"deep\.toml:1: "):
        parse_scenario("a = " + "[" * 100_000, "deep.toml")


def test_what_comes_along() -> None:
    assert set(scenario_names()) == {
        "calm", "crash", "everything", "fire", "fog", "landslides", "liars", "rush", "tunnel_fire", "wildfire",
        "work_zone",
    }  # fmt: skip
    for name in scenario_names():
        scenario = load_scenario(name)
        assert 3_600 <= scenario.duration_s <= 6 * 3_600
        assert all(text for said in (scenario.title, scenario.about) for text in (said.ko, said.en))
        assert any("가" <= letter <= "힣" for letter in scenario.title.ko)
