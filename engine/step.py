"""One tick of the engine: state, what arrived, and what time it is, to the next state and what is to be said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from engine.findings import Finding
from engine.fire.fires import FireState, update_fires
from engine.freshness import Freshness, FreshnessState, hear, judge, report
from engine.region import Region
from engine.slopes.level import SlopeState, update_slopes
from engine.thresholds import Thresholds
from engine.traffic.cameras import CameraTrack, follow_camera_events
from engine.traffic.fronts.receipt import Tails
from engine.traffic.live import LiveTraffic, update_traffic
from engine.traffic.queues import Queue, follow_queues
from engine.traffic.stations import StationState, update_stations
from engine.traffic.weather.state import RoadWeatherState
from engine.traffic.weather.warnings import update_road_weather
from sensors.columns import Batch


@dataclass(frozen=True)
class EngineState:
    """All that the engine remembers."""

    freshness: FreshnessState
    stations: StationState
    queues: tuple[Queue, ...]
    cameras: tuple[CameraTrack, ...]
    slopes: SlopeState
    fire: FireState
    traffic: LiveTraffic
    road_weather: RoadWeatherState

    @classmethod
    def initial(cls, region: Region) -> EngineState:
        """Return the state in which nothing was ever heard."""
        return cls(
            freshness=FreshnessState.initial(region.n_device),
            stations=StationState.initial(len(region.stations.ids)),
            queues=(),
            cameras=(),
            slopes=SlopeState.initial(len(region.slopes.ids)),
            fire=FireState(),
            traffic=LiveTraffic.initial(region.scales, region.n_lane),
            road_weather=RoadWeatherState.initial(len(region.weather.ids)),
        )

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Everything that the engine holds to be so now, in its latest wording."""
        cameras = (track.finding for track in self.cameras if track.finding is not None)
        known = (
            *(queue.finding for queue in self.queues),
            *self.traffic.findings,
            *cameras,
            *self.road_weather.findings,
            *self.slopes.findings,
            *self.fire.findings,
        )
        return tuple(finding for finding in known if finding.active)


class Step(NamedTuple):
    """What a tick gives."""

    state: EngineState
    findings: tuple[Finding, ...]
    """Those that opened, changed, closed, or are due to be said again; in a fixed order."""


def step(state: EngineState, batch: Batch, now_ns: int, region: Region, thresholds: Thresholds) -> Step:
    """Carry the engine forward by one tick.

    Parameters
    ----------
    state : EngineState
    batch : Batch
        What arrived since the last tick, without duplicates, in any order within the batch.
    now_ns : int
        Engine time, not before that of the last tick. [ns since 1970 UTC]
    region : Region
    thresholds : Thresholds

    Returns
    -------
    Step

    Notes
    -----
    A pure function: the same states, batches and times give the same findings, byte for byte.
    """
    freshness = state.freshness
    for envelope in (
        batch.vds.envelope,
        batch.slope.envelope,
        batch.weather.envelope,
        batch.bearings.envelope,
        batch.camera_events.envelope,
    ):
        freshness = hear(freshness, envelope)
    freshness = judge(report(freshness, batch.status), region.period_s, now_ns, thresholds.freshness)

    again = thresholds.report_every_s
    stations = update_stations(state.stations, batch.vds, region.stations, thresholds.traffic)
    # Stations are the first kind of the dense index, so their rows are its first entries.
    known = freshness.state[: len(region.stations.ids)] != Freshness.UNKNOWN
    traffic, said_traffic = update_traffic(
        state.traffic,
        batch.vds,
        stations,
        now_ns,
        region.scales,
        region.stations,
        region.utc_offset_s,
        thresholds.cycle,
    )
    tails = Tails(traffic.extents, region.scales.fine)
    queues, said_queues = follow_queues(
        state.queues, stations, known, now_ns, region.stations, thresholds.traffic, again, tails
    )
    cameras, said_cameras = follow_camera_events(
        state.cameras, batch.camera_events, now_ns, region.cameras, thresholds.traffic, again
    )
    slopes, said_slopes = update_slopes(state.slopes, batch.slope, now_ns, region.slopes, thresholds.slope, again)
    fire, said_fire = update_fires(state.fire, batch.bearings, now_ns, region.towers, thresholds.fire, again)
    road_weather, said_weather = update_road_weather(
        state.road_weather,
        batch.weather,
        freshness.state[region.weather_devices] != Freshness.UNKNOWN,
        now_ns,
        region.weather,
        thresholds.road_weather,
        again,
    )
    return Step(
        EngineState(freshness, stations, queues, cameras, slopes, fire, traffic, road_weather),
        (*said_queues, *said_traffic, *said_cameras, *said_weather, *said_slopes, *said_fire),
    )
