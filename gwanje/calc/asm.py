"""``gwanje calc asm``: the speed field of a detector array by adaptive smoothing."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from engine.traffic.smoothing import SmoothingParameters, smooth
from gwanje.calc.arrays import KMH_PER_MPH, add_direction, corridor_of, read_array
from gwanje.errors import CommandError
from ingest.thresholds import load_group

PRESETS = {"i24": "traffic_smoothing_i24", "treiber": "traffic_smoothing", "kesting": "traffic_smoothing_kesting"}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("input", type=Path, metavar="IN.npz", help="detector array")
    parser.add_argument("output", type=Path, metavar="OUT.npz", help="gets speed_mph, of the shape of the input")
    parser.add_argument("--preset", choices=sorted(PRESETS), default="i24", help="parameters, i24 without it")
    add_direction(parser)
    parser.set_defaults(run=run, direction=None)


def run(parsed: argparse.Namespace) -> int:
    """Smooth and write."""
    array = read_array(parsed.input)
    parameters = load_group(SmoothingParameters, PRESETS[parsed.preset])
    # The published field takes falling milemarkers for granted, also where nothing in the data would tell.
    direction = parsed.direction or ("falling" if parsed.preset == "i24" else "auto")
    corridor = corridor_of(array, direction, parameters.empty_kmh.value)
    field_kmh = smooth(corridor.series.speed_kmh, corridor.time_s, corridor.layout, parameters)
    in_file_order = np.empty_like(field_kmh)
    in_file_order[:, corridor.layout.row] = field_kmh
    speed_mph = in_file_order.transpose(2, 1, 0) / KMH_PER_MPH
    try:
        with parsed.output.open("wb") as file:
            np.savez_compressed(
                file,
                speed_mph=speed_mph.reshape(array.shape),
                milemarker=array.milemarker,
                time_s=array.time_s,
                direction=np.array("rising" if corridor.rising else "falling"),
            )
    except OSError as exc:
        raise CommandError(f"{parsed.output}: expected a file that can be written ({exc.strerror})") from None
    return 0
