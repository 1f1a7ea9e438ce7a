"""A small SUMO simulation through the bridge: conserved, repeatable, with true incidents, gone at the end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
import xml.etree.ElementTree as ET
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest

from config.catalogue.geometry import GEOD
from config.catalogue.load import load_region
from sensors.codec import decode
from sensors.observations import VdsObservation
from simulators.sumo.bridge import Prepared, SumoSimulation, prepare
from simulators.sumo.errors import SumoError
from simulators.sumo.example import EXAMPLES, build_example
from simulators.sumo.extra import program
from simulators.sumo.region import IDS_FILE, save_sumo_region
from tests.simulators.sumo.making import needs_sumo

pytestmark = [pytest.mark.integration, needs_sumo]
START = datetime(2026, 4, 8, 7, 0, tzinfo=UTC)
STOP = 'edge = "bc"\nlanes = [0, 1]\npos_m = 700.0\nat_s = 60.0\nduration_s = 120.0\n'


def payloads(prepared: Prepared, steps_s: list[float], seed: int | None = 7) -> list[bytes]:
    with SumoSimulation(prepared, START, seed=seed) as simulation:
        return [message.payload for at_s in steps_s for _, message in simulation.advance(at_s)]


def observations(prepared: Prepared, until_s: float = 300.0) -> list[VdsObservation]:
    found: list[VdsObservation] = []
    with SumoSimulation(prepared, START, seed=7) as simulation:
        for _, message in simulation.advance(until_s):
            found += [one for one in decode(message.topic, message.payload).messages if isinstance(one, VdsObservation)]
    return found


def test_the_region_passes_our_checks(prepared: Prepared, tmp_path: Path) -> None:
    save_sumo_region(prepared.region, tmp_path / "region")
    catalogue = load_region(tmp_path / "region")
    assert catalogue == prepared.catalogue
    assert catalogue.synthetic
    assert [(road.name.en, road.rank) for road in catalogue.roads] == [
        ("Long road", "expressway"),
        ("Side road", "local"),
    ]
    links = {edge: prepared.region.links[edge] for edge in ("ab", "bc", "-bc", "-ab", "db")}
    assert {links["ab"].direction, links["-ab"].direction} == {"up", "down"}
    assert links["bc"].chainage_m == pytest.approx(900.0, rel=0.01)
    assert "walk" not in prepared.region.links
    assert (tmp_path / "region" / IDS_FILE).is_file()
    assert (prepared.region.left_out, prepared.region.doubled) == (1, 1)
    # SUMO counts lanes from the right, we from the median.
    station = next(one for one in prepared.region.stations if one.station.link == links["ab"].id)
    assert [(lane, loop.id) for lane, loop in station.loops] == [(1, "A1"), (2, "A0")]


def test_every_vehicle_that_sumo_counts_is_reported(prepared: Prepared, folder: Path) -> None:
    found = observations(prepared)
    loops = {(one.station.id, lane): loop.id for one in prepared.region.stations for lane, loop in one.loops}
    told = {interval.get("id", ""): defaultdict(dict) for interval in ET.parse(folder / "e1.xml").getroot()}
    for interval in ET.parse(folder / "e1.xml").getroot():
        told[interval.get("id", "")][float(interval.get("end", "nan"))] = interval.attrib
    heavy = total = 0
    for observation in found:
        end_s = (observation.time - START).total_seconds() + 100.0
        for lane in observation.lanes:
            theirs = told[loops[observation.device, lane.lane]][end_s]
            assert lane.volume == int(theirs["nVehContrib"])
            assert lane.occupancy_pct == pytest.approx(float(theirs["occupancy"]), abs=0.011)
            speed_kmh = None if lane.speed_kmh is None else lane.speed_kmh / 3.6
            assert (speed_kmh or -1.0) == pytest.approx(float(theirs["speed"]), abs=0.011)
            heavy += lane.heavy or 0
            total += lane.volume
    assert len(found) == 10 * len(prepared.catalogue.vds)
    assert total > 100
    assert 0.05 * total < heavy < 0.4 * total


def test_the_same_seed_says_the_same_whatever_the_calls(prepared: Prepared) -> None:
    often = payloads(prepared, [float(at_s) for at_s in range(1, 61)])
    assert often == payloads(prepared, [17.3, 31.0, 60.0])
    assert len(often) == 2
    assert often != payloads(prepared, [60.0], seed=8)


def test_messages_are_a_concentrators(prepared: Prepared) -> None:
    with SumoSimulation(prepared, START) as simulation:
        assert [endpoint.client_id for endpoint in simulation.endpoints] == ["gw-vds-99902"]
        assert simulation.advance(29.9) == []
        ((index, message),) = simulation.advance(30.0)
        assert (index, message.qos, message.retain) == (0, 0, False)
        assert message.topic == "gwanje/v1/99902/vds/_gateway/gw-vds-99902/obs"
        assert simulation.advance(10.0) == []
        assert {one.time for one in decode(message.topic, message.payload).messages} == {START + timedelta(seconds=30)}
        assert len(simulation.advance(10_000.0)) == 9
        assert simulation.ended
        assert simulation.time_s == 300.0


def test_a_vehicle_stops_where_and_as_long_as_asked(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "i.toml"
    path.write_text("[[incident]]\n" + STOP)
    prepared = prepare(folder / "small.sumocfg", incidents=path)
    seen = []
    with SumoSimulation(prepared, START, seed=7) as simulation:
        for at_s in range(10, 301, 10):
            simulation.advance(float(at_s))
            seen.append(simulation.snapshot(float(at_s)))
        assert simulation.teleports == 0
    (truth,) = simulation.truth.incidents.values()
    started_s = (truth.start - START).total_seconds()
    assert 60.0 < started_s < 120.0
    assert truth.end is not None
    assert (truth.end - truth.start).total_seconds() == pytest.approx(120.0, abs=1.0)
    assert (truth.link, truth.lanes, truth.all_lanes) == (prepared.region.links["bc"].id, (1, 2), True)
    assert truth.offset_m == pytest.approx(700.0, abs=15.0)
    assert truth.flow_veh_h_lane is not None
    during = [snapshot for snapshot in seen if snapshot.incidents]
    assert len(during) in (11, 12, 13)
    queues = [queue for snapshot in during for queue in snapshot.queues]
    assert {queue.cause for queue in queues} == {truth.id}
    assert max(queue.length_m for queue in queues) >= 400.0


def test_loops_are_placed_where_a_network_has_none(folder: Path) -> None:
    bare = folder / "bare.sumocfg"
    text = (folder / "small.sumocfg").read_text()
    bare.write_text(text.replace('<additional-files value="small.add.xml"/>', ""))
    with pytest.raises(SumoError, match="--loops-every M places them"):
        prepare(bare)
    placed = prepare(bare, loops_every_m=300.0)
    assert {prepared_station.station.lanes for prepared_station in placed.region.stations} == {2}
    found = observations(placed, 60.0)
    assert len(found) == 2 * len(placed.catalogue.vds)
    assert sum(lane.volume for one in found for lane in one.lanes) > 0


def test_what_sumo_refuses_is_said(folder: Path) -> None:
    broken = folder / "broken.sumocfg"
    broken.write_text((folder / "small.sumocfg").read_text().replace("small.rou.xml", "small.edg.xml,nothing.xml"))
    with pytest.raises(SumoError, match=r"SUMO: .*nothing\.xml"):
        SumoSimulation(prepare(broken), START)
    with pytest.raises(SumoError, match="start: expected an aware time"):
        SumoSimulation(prepare(folder / "small.sumocfg"), datetime(2026, 4, 8))  # noqa: DTZ001
    text = (folder / "small.sumocfg").read_text().replace('"0.5"', '"0.7"')
    broken.write_text(text)
    with pytest.raises(SumoError, match=r"expected a step that divides the 30 s of the stations, was 0\.7"):
        prepare(broken)


def test_closed_is_closed(prepared: Prepared) -> None:
    simulation = SumoSimulation(prepared, START)
    child = psutil.Process(simulation.pid)
    simulation.close()
    simulation.close()
    assert not child.is_running()
    with pytest.raises(SumoError, match="expected a running simulation, was closed"):
        simulation.advance(30.0)


def test_a_killed_sumo_is_said(prepared: Prepared) -> None:
    with SumoSimulation(prepared, START) as simulation:
        os.kill(simulation.pid, signal.SIGKILL)
        with pytest.raises(SumoError, match="its process ended"):
            simulation.advance(30.0)


def test_sumo_ends_with_its_parent(folder: Path) -> None:
    program = textwrap.dedent(f"""
        import time
        from datetime import UTC, datetime
        from pathlib import Path
        from simulators.sumo.bridge import SumoSimulation, prepare
        simulation = SumoSimulation(prepare(Path({str(folder / "small.sumocfg")!r})), datetime.now(UTC))
        print(simulation.pid, flush=True)
        time.sleep(60)
    """)
    root = Path(__file__).parents[3]
    with subprocess.Popen([sys.executable, "-c", program], cwd=root, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    end_s = time.monotonic() + 20.0
    while child.is_running() and child.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < end_s
        time.sleep(0.05)


def test_the_example_builds_and_runs(tmp_path: Path) -> None:
    configuration = build_example("motorway", tmp_path)
    prepared = prepare(configuration, incidents=EXAMPLES / "motorway" / "incident.toml")
    assert len(prepared.catalogue.vds) == 23
    assert max(prepared.catalogue.links, key=lambda link: link.chainage_m).chainage_m > 8_000.0
    assert sum(lane.volume for one in observations(prepared, 60.0) for lane in one.lanes) > 20
    with pytest.raises(SumoError, match="expected one of motorway, was 'city'"):
        build_example("city", tmp_path)


def test_a_network_that_knows_its_place_is_put_there(tmp_path: Path) -> None:
    (tmp_path / "geo.nod.xml").write_text(
        '<nodes><node id="a" x="128.60" y="37.70"/><node id="b" x="128.65" y="37.71"/></nodes>'
    )
    (tmp_path / "geo.edg.xml").write_text('<edges><edge id="ab" from="a" to="b" numLanes="2" speed="60"/></edges>')
    (tmp_path / "geo.sumocfg").write_text('<configuration><net-file value="geo.net.xml"/></configuration>')
    arguments = [
        str(program("netconvert")),
        "-n",
        "geo.nod.xml",
        "-e",
        "geo.edg.xml",
        "--proj.utm",
        "-o",
        "geo.net.xml",
    ]
    subprocess.run(arguments, cwd=tmp_path, check=True, capture_output=True)
    catalogue = prepare(tmp_path / "geo.sumocfg", loops_every_m=1_000.0).catalogue
    assert not catalogue.synthetic
    (link,) = catalogue.links
    assert link.line[0] == pytest.approx((128.60, 37.70), abs=1e-4)
    assert link.length_m == pytest.approx(GEOD.inv(128.60, 37.70, 128.65, 37.71)[2], rel=1e-3)
    assert link.speed_limit_kmh == 200.0
    assert [station.offset_m for station in catalogue.vds] == pytest.approx([500, 1_500, 2_500, 3_500, 4_500], abs=1.0)
