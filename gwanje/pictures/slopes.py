"""What slope nodes measured, with what really happened to the slope and what was said of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from sensors.codec import decode
from sensors.errors import DecodeError
from sensors.observations import SlopeObservation
from sensors.topics import parse_topic
from simulators.recording import Recorded
from simulators.truth.records import SlopeFailure

Floats = NDArray[np.float64]

HOUR_S = 3600.0
RATE_OVER_S = 1800.0
"""Time over which the tilt's rate is drawn: three samples of a node at rest [s]."""


@dataclass(frozen=True)
class NodeSeries:
    """Samples of one node in order of device time, each once; arrays of shape (sample,), NaN where null.

    Attributes
    ----------
    time_s
        Since the start. [s]
    rain_mm
        Since the first sample, roll-overs and resets of the counter taken out. [mm]
    tilt_deg
        Change of the composite tilt since the first sample. [deg]
    pore_pressure_kpa, extension_mm
        As sent. [kPa], [mm]
    """

    time_s: Floats
    rain_mm: Floats
    tilt_deg: Floats
    pore_pressure_kpa: Floats
    extension_mm: Floats


def read_nodes(messages: Iterable[Recorded], nodes: Iterable[str], start: datetime) -> dict[str, NodeSeries]:
    """Collect the samples of some slope nodes; duplicates are dropped, late ones put in order."""
    wanted = set(nodes)
    found: dict[str, dict[int, SlopeObservation]] = {}
    for message in messages:
        for sample in _samples(message):
            if sample.device in wanted:
                found.setdefault(sample.device, {})[sample.seq] = sample
    return {node: _series(sorted(rows.values(), key=lambda one: one.time), start) for node, rows in found.items()}


def _samples(message: Recorded) -> list[SlopeObservation]:
    try:
        if parse_topic(message.topic).kind != "slope":
            return []
        decoded = decode(message.topic, message.payload).messages
    except (DecodeError, ValueError):
        return []
    return [one for one in decoded if isinstance(one, SlopeObservation)]


def _series(rows: Sequence[SlopeObservation], start: datetime) -> NodeSeries:
    def column(name: str) -> Floats:
        return np.array([np.nan if (value := getattr(row, name)) is None else value for row in rows], dtype=np.float64)

    counter = column("rain_mm_total")
    steps = np.diff(counter, prepend=counter[:1])
    # A counter that goes back was reset or rolled over: what fell in that step is unknown and left out.
    rain = np.nancumsum(np.where(steps >= 0.0, steps, 0.0))
    tilt_x, tilt_y = column("tilt_x_deg"), column("tilt_y_deg")
    return NodeSeries(
        time_s=np.array([(row.time - start).total_seconds() for row in rows]),
        rain_mm=np.asarray(rain),
        tilt_deg=np.hypot(tilt_x - tilt_x[0], tilt_y - tilt_y[0]),
        pore_pressure_kpa=column("pore_pressure_kpa"),
        extension_mm=column("extension_mm"),
    )


def inverse_rate_h_deg(series: NodeSeries) -> tuple[Floats, Floats]:
    """Return times [s] and inverse rates of the tilt [h/deg], over `RATE_OVER_S`; rates in the noise are left out."""
    time_s, tilt = series.time_s, series.tilt_deg
    before = np.searchsorted(time_s, time_s - RATE_OVER_S)
    span_h = (time_s - time_s[before]) / HOUR_S
    rate = np.divide(tilt - tilt[before], span_h, out=np.full(len(tilt), np.nan), where=span_h > 0)
    shown = rate > 0.02
    return time_s[shown], 1.0 / rate[shown]


def slope_picture(
    series: NodeSeries, truth: SlopeFailure | None, warned: Sequence[tuple[datetime, int]], start: datetime, title: str
) -> Figure:
    """Draw rain, pore pressure, tilt and inverse rate over time, with onset, failure and the levels that were said.

    Parameters
    ----------
    series
        What the node measured.
    truth
        What happened, None when nothing did.
    warned
        Times and hazard levels of what was said.
    start
        Begin of the run.
    title
        Of the picture.
    """
    figure = Figure(figsize=(10, 9), layout="constrained")
    rain, pressure, tilt, inverse = figure.subplots(4, 1, sharex=True)
    hours = series.time_s / HOUR_S
    rain.plot(hours, series.rain_mm, color="tab:blue")
    rain.set_ylabel("rain since start [mm]")
    pressure.plot(hours, series.pore_pressure_kpa, color="tab:cyan")
    pressure.set_ylabel("pore pressure [kPa]")
    tilt.plot(hours, series.tilt_deg, color="tab:brown")
    tilt.set_ylabel("tilt [deg]")
    at_s, value = inverse_rate_h_deg(series)
    inverse.plot(at_s / HOUR_S, value, ".", color="tab:purple")
    inverse.set(ylabel="1 / tilt rate [h/deg]", xlabel="hours since the start", ylim=(0, 50))
    lines: list[tuple[float, str, str]] = []
    if truth is not None:
        lines.append(((truth.creep_onset - start).total_seconds(), "tab:orange", "tertiary creep begins"))
        if truth.failure is not None:
            lines.append(((truth.failure - start).total_seconds(), "tab:red", "failure"))
    lines += [((time - start).total_seconds(), "black", f"said: level {level}") for time, level in warned]
    for axes in (rain, pressure, tilt, inverse):
        for seconds, colour, label in lines:
            style = "--" if label.startswith("said") else "-"
            axes.axvline(seconds / HOUR_S, color=colour, linestyle=style, label=label)
        axes.grid(alpha=0.3)
    if lines:
        rain.legend(loc="upper left", fontsize=8)
    figure.suptitle(title)
    return figure
