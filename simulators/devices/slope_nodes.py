"""The concentrator of a district's landslide sensor nodes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from config.catalogue.model import SlopeNode
from sensors.observations import Message, SlopeObservation
from sensors.topics import Topic
from simulators.devices.endpoint import Outbound, Quiet, Sequencer, Timebase, telemetry
from simulators.devices.faults import FaultTable
from simulators.devices.schedule import GOLDEN, Due, Schedule
from simulators.devices.slope_hardware import (
    ECHO_SHARE,
    FADING_DB,
    LOW_FRAC,
    SAMPLE_J,
    UPLINK_J,
    WET_LEAVES_DB,
    Battery,
    Counter,
    Judgement,
    Radio,
    loss_share,
    restarts,
)
from simulators.world.chance import Keys, normal, uniform
from simulators.world.ground.field import SlopeField
from simulators.world.seeds import stream
from simulators.world.sky.air import Air, Places
from simulators.world.sky.field import WeatherField

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FAST_PERIOD_S = 60.0
SLOW_SLOTS = 10
"""Usual practice of landslide nodes: every 10 min, every minute when something goes on."""
BATCH = 1_000
"""Observations in one message at most, as the protocol has it."""
TILT_NOISE_DEG = 0.002
"""Noise of a MEMS tilt sample, standard deviation; a usual figure for buried units."""
MOISTURE_NOISE_FRAC, PRESSURE_NOISE_KPA, EXTENSION_NOISE_MM = 0.001, 0.05, 0.03
WIRE_MM_C = 0.012
"""Length that 10 m of invar wire gain per degree: 1.2e-6 per °C."""
PROBE_SPREAD_FRAC, PRESSURE_SPREAD_KPA = 0.015, 0.4
"""Lasting errors of moisture probes and piezometers, standard deviation; own construction."""
EXTENSION_FULL_MM = 1_000.0
"""End of an extensometer's wire."""
DEAD_AT_ONCE_SHARE, LAST_WORDS_S = 0.5, 600.0
"""Share of the nodes that a failing slope breaks at once; others talk nonsense for at most so long."""


class SlopeWorld(Protocol):
    """What the nodes need of the world."""

    @property
    def ground(self) -> SlopeField:
        """Slopes, in the catalogue's order."""

    @property
    def sky(self) -> WeatherField:
        """Weather."""

    @property
    def node_places(self) -> Places:
        """Places of the nodes, in the catalogue's order."""

    @property
    def faults(self) -> FaultTable:
        """What is wrong with devices."""

    def node_air(self) -> Air:
        """Return the weather at the nodes now."""


@dataclass
class SlopeGateway(Quiet):
    """Collects the samples of a district's nodes; ``indices`` are the nodes' places in the catalogue.

    A node wakes every minute and looks at its rain counter; it samples every 10 min, and every minute once its own
    readings say that something goes on. What the radio loses is kept and sent later with its own time. A node whose
    slope fails says a few absurd things, or nothing any more. Payloads are MessagePack, as fits a radio link.

    All that is random depends on seed, node and instant only.
    """

    client_id: str
    district: str
    nodes: Sequence[SlopeNode]
    indices: Sequence[int]
    world: SlopeWorld
    time: Timebase
    seed: int

    def __post_init__(self) -> None:
        n = len(self.nodes)
        self._index: Ints = np.array(self.indices, dtype=np.int64)
        self._schedule = Schedule(np.full(n, FAST_PERIOD_S))
        self._phase: Ints = np.floor(np.arange(n) * GOLDEN % 1.0 * SLOW_SLOTS).astype(np.int64)
        self._begun: NDArray[np.bool_] = np.zeros(n, dtype=np.bool_)
        self._every: Ints = np.arange(n)
        self._places = self.world.node_places.take(self._index)
        self._looked_s = 0.0
        self._seq = [Sequencer.starting(self.time.start) for _ in self.nodes]
        streams = [stream(self.seed, "slope", node.id) for node in self.nodes]
        self._keys: Keys = np.array([rng.integers(2**63, dtype=np.uint64) for rng in streams], dtype=np.uint64)
        u = np.array([rng.random(10) for rng in streams]).reshape(n, 10)
        z = np.array([rng.standard_normal(4) for rng in streams]).reshape(n, 4)
        self._counter = Counter(u[:, :2])
        self._battery = Battery(u[:, 2:5])
        self._rssi_dbm: Floats = -116.0 + 38.0 * u[:, 5]
        # Time from failure to silence, and how the broken node lies.
        self._last_words_s: Floats = np.where(u[:, 6] < DEAD_AT_ONCE_SHARE, 0.0, LAST_WORDS_S * u[:, 7])
        self._fallen_deg: Floats = 300.0 * u[:, 8:10] - 150.0
        self._probe_error: Floats = PROBE_SPREAD_FRAC * z[:, :3]
        self._pressure_error: Floats = PRESSURE_SPREAD_KPA * z[:, 3]
        self._judgement = Judgement(n)
        self._radio = Radio(n)
        self._faults = self.world.faults.of([node.id for node in self.nodes])

    @property
    def dropped(self) -> int:
        """Packets that nodes had to forget because their memory was full."""
        return self._radio.dropped

    def fast(self) -> NDArray[np.bool_]:
        """Return which nodes sample every minute now, shape (node,)."""
        return self._judgement.fast & (self._battery.share(self._every) >= LOW_FRAC)

    def due(self, time_s: float) -> list[Outbound]:
        """Return what gets through up to an instant, in batches of at most 1,000, or nothing."""
        due = self._schedule.due(time_s)
        said: list[Message] = []
        look_s = math.floor(time_s / FAST_PERIOD_S) * FAST_PERIOD_S
        if look_s > self._looked_s:
            before = due.at_s < look_s
            said += self._sample_due(due.which[before], due.at_s[before])
            self._look(look_s)
            due = Due(due.which[~before], due.at_s[~before])
        said += self._sample_due(due.which, due.at_s)
        topic = Topic(self.district, "slope", self.client_id, "obs", gateway=True)
        batches = [said[first : first + BATCH] for first in range(0, len(said), BATCH)]
        return [telemetry(topic, batch, 1, "msgpack") for batch in batches]

    def _look(self, at_s: float) -> None:
        """Let a minute pass in every node: the sun on its panel, tips of its gauge, and rarely a restart."""
        world, ground = self.world, self.world.ground
        every, instants = self._every, np.full(len(self.nodes), at_s)
        tips = self._counter.count(ground.rain_mm[self._index] * ground.mounting.catch[self._index])
        back = self._battery.live(at_s, world.sky.sun(self._places).irradiance_w_m2)
        new = back | restarts(self._keys, instants, at_s - self._looked_s)
        self._counter.reset(every[new])
        self._judgement.forget(every[new])
        counting = ground.mounting.has_gauge[self._index] & ~self._battery.off
        self._judgement.take_rain(every[counting], instants[counting], tips[counting])
        self._looked_s = at_s

    def _sample_due(self, which: Ints, at_s: Floats) -> list[Message]:
        """Return what gets through of those nodes whose minute it is, if it is one in which they sample."""
        slot = np.floor(at_s / FAST_PERIOD_S).astype(np.int64)
        sampling = self.fast()[which] | (slot % SLOW_SLOTS == self._phase[which]) | ~self._begun[which]
        self._begun[which] = True
        # A comparison with NaN is false: slopes that stand are not gone.
        gone = at_s >= self.world.ground.failed_at_s[self._index[which]] + self._last_words_s[which]
        sampling &= ~gone & ~self._battery.off[which]
        which, at_s = which[sampling], at_s[sampling]
        speaking = ~self._faults.silent(which, at_s)
        which, at_s = which[speaking], at_s[speaking]
        return self._sample(which, at_s) if len(which) else []

    def _sample(self, which: Ints, at_s: Floats) -> list[Message]:
        """Return what gets through of the samples of some nodes."""
        read = self._read(which, at_s)
        distorted = {name: self._faults.distort(name, which, at_s, values) for name, values in read.items()}
        tilt = np.stack([distorted["tilt_x_deg"], distorted["tilt_y_deg"]], axis=1)
        self._judgement.take_tilt(which, at_s, tilt)
        self._battery.spend(which, SAMPLE_J + UPLINK_J)
        moisture = _tuples(np.round(distorted.pop("soil_moisture_frac"), MOISTURE_DIGITS))
        columns = {name: _or_none(np.round(values, _DIGITS[name])) for name, values in distorted.items()}
        chance = uniform(self._keys[which], at_s, "slope radio", 2)
        loss = loss_share(read["rssi_dbm"])
        lost = (chance[:, 0] < loss).tolist()
        unheard = (chance[:, 1] < ECHO_SHARE + 0.5 * loss).tolist()
        clock_s = (at_s + self._faults.clock_offset_s(which, at_s)).tolist()
        said: list[Message] = []
        for place, node in enumerate(which.tolist()):
            packet = SlopeObservation(
                device=self.nodes[node].id,
                time=self.time.at(clock_s[place]),
                seq=self._seq[node].take(),
                soil_moisture_frac=moisture[place],
                **{name: column[place] for name, column in columns.items()},
            )
            said += self._radio.send(node, packet, lost[place], unheard[place])
        return said

    def _read(self, which: Ints, at_s: Floats) -> dict[str, Floats]:
        """Return what healthy sensors say, shape (n,), soil moisture (n, 3); NaN where there is no sensor."""
        ground, rows = self.world.ground, self._index[which]
        mounting = ground.mounting
        noise = normal(self._keys[which], at_s, "slope readings", 9)
        air = self.world.node_air().take(rows)
        warmth = ground.ground_temp_c[rows]
        warmth = np.where(np.isnan(warmth), air.temp_c, warmth)
        failed = at_s >= ground.failed_at_s[rows]

        moved = ground.tilt_deg[rows, np.newaxis] * mounting.downhill[rows]
        tilt = mounting.tilt_deg[rows] + moved + mounting.drift_deg_c[rows] * (warmth[:, np.newaxis] - 13.0)
        tilt = np.where(failed[:, np.newaxis], self._fallen_deg[which], tilt) + TILT_NOISE_DEG * noise[:, :2]
        moisture = ground.moisture_frac[rows] + self._probe_error[which] + MOISTURE_NOISE_FRAC * noise[:, 2:5]
        probed = mounting.has_probe[rows] & ~failed[:, np.newaxis]
        pressure = ground.pore_pressure_kpa[rows] + self._pressure_error[which] + PRESSURE_NOISE_KPA * noise[:, 5]
        extension = np.minimum(ground.displacement_mm[rows], EXTENSION_FULL_MM) + WIRE_MM_C * (warmth - 13.0)
        extension += EXTENSION_NOISE_MM * noise[:, 6]
        soaked_db = WET_LEAVES_DB * np.minimum(air.rain_mm_h / 30.0, 1.0)
        return {
            "rain_mm_total": np.where(mounting.has_gauge[rows], self._counter.total_mm(which), np.nan),
            "tilt_x_deg": np.clip(tilt[:, 0], -180.0, 180.0),
            "tilt_y_deg": np.clip(tilt[:, 1], -180.0, 180.0),
            "soil_moisture_frac": np.where(probed, np.clip(moisture, 0.0, 1.0), np.nan),
            "pore_pressure_kpa": np.where(mounting.has_piezometer[rows] & ~failed, pressure, np.nan),
            "extension_mm": np.where(mounting.has_extensometer[rows], extension, np.nan),
            "battery_v": self._battery.volts(which) + 0.004 * noise[:, 8],
            "rssi_dbm": np.clip(self._rssi_dbm[which] - soaked_db + FADING_DB * noise[:, 7], -140.0, -30.0),
        }


MOISTURE_DIGITS = 3
_DIGITS = {
    "rain_mm_total": 1,
    "tilt_x_deg": 4,
    "tilt_y_deg": 4,
    "pore_pressure_kpa": 2,
    "extension_mm": 2,
    "battery_v": 2,
    "rssi_dbm": 0,
}


def _or_none(values: Floats) -> list[float | None]:
    return [None if math.isnan(value) else value for value in values.tolist()]


def _tuples(values: Floats) -> list[tuple[float | None, ...] | None]:
    """Return rows of shape (n, depth) as tuples, None for a row without any value."""
    rows = [tuple(None if math.isnan(value) else value for value in row) for row in values.tolist()]
    return [None if all(value is None for value in row) else row for row in rows]
