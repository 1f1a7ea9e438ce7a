"""The engine's memory is read as it was written, and refused when it is not this engine's or this region's."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from alerts.gazetteer import Gazetteer
from engine.step import EngineState, step
from ingest.region import engine_region
from ingest.state_codec import Memory, MemoryFormatError, decode_memory, encode_memory
from ingest.thresholds import load_thresholds
from sensors.columns import to_ns
from tests.alerts.making import NOW, azimuth_to, later, two_districts
from tests.ingest.making import REGION, arrived, batcher, reader, slope_message, tower, vds
from tests.simulators.region import spot

TABLES = engine_region(REGION, Gazetteer(REGION))


def lived() -> EngineState:
    """An engine that has seen fire, creep and a jam."""
    state, thresholds = EngineState.initial(TABLES), load_thresholds()
    making, reading = batcher(), reader()
    for number in range(1, 40):
        towers = {one.id: azimuth_to(one.position, spot(8_000, 1_500)) for one in REGION.tower}
        lanes = [{"lane": lane, "volume": 3, "speed_kmh": 9.0, "occupancy_pct": 60.0} for lane in (1, 2)]
        stream = [
            slope_message(seq=number, time=later(300.0 * number), tilt_x_deg=0.01 * number),
            vds(seq=number, time=later(300.0 * number), lanes=lanes),
            *(tower(name, seq=number, time=later(300.0 * number), azimuth_deg=at) for name, at in towers.items()),
        ]
        tick = making.build(reading.read(arrived(*stream, at=later(300.0 * number))))
        state, _ = step(state, tick.batch, to_ns(later(300.0 * number)), TABLES, thresholds)
    assert state.findings
    return state


def test_there_and_back_and_the_engine_goes_on_as_if_nothing_had_been() -> None:
    state = lived()
    memory = Memory(now_ns=7, state=state, unsaved=state.findings)
    data = encode_memory(memory)
    again = decode_memory(data, TABLES)
    assert encode_memory(again) == data
    assert again.unsaved == state.findings
    tick = batcher().build(reader().read(arrived(slope_message(seq=99, time=later(20_000)), at=later(20_000))))
    for now_s in (20_000, 30_000):
        one, other = (
            step(which, tick.batch, to_ns(later(now_s)), TABLES, load_thresholds()) for which in (state, again.state)
        )
        assert one.findings == other.findings


def test_a_memory_of_another_region_is_refused() -> None:
    fewer = two_districts()
    fewer = msgspec.structs.replace(fewer, slope=fewer.slope[:-1])
    tables = engine_region(fewer, Gazetteer(fewer))
    with pytest.raises(MemoryFormatError, match="expected freshness of this region's devices"):
        decode_memory(encode_memory(Memory(now_ns=1, state=EngineState.initial(TABLES))), tables)


@pytest.mark.parametrize("data", [b"", b"\xc0", b"\x80", b"junk"])
def test_what_is_no_memory_is_refused(data: bytes) -> None:
    with pytest.raises(MemoryFormatError, match="expected one of this version of the engine"):
        decode_memory(data, TABLES)


def test_an_array_of_anything_but_numbers_is_refused() -> None:
    state = EngineState.initial(TABLES)
    odd = replace(state, stations=replace(state.stations, flow_veh_h=np.array(["x"])))
    with pytest.raises(MemoryFormatError, match="expected an array of numbers"):
        decode_memory(encode_memory(Memory(now_ns=to_ns(NOW), state=odd)), TABLES)
