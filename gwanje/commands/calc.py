"""``gwanje calc``: one computation of the engine on a file."""

from __future__ import annotations

import argparse
from importlib import import_module

CALCULATIONS: dict[str, str] = {
    "asm": "the speed field of a detector array by adaptive smoothing",
    "detours": "which signs should send whom round a closure or a loss of capacity, and why not",
    "health": "which lanes of a detector array cannot be believed, why and since when",
    "incidents": "alarms on a detector array, as a live system would have raised them",
    "predict": "speed and flow of every station in 15, 30 and 60 minutes",
    "queues": "heads, tails, growth and predicted tails of queues in a detector array",
    "state": "flow, speed, density, level of service, status and delay of every station and period",
    "travel-time": "times through a corridor, instantaneous and predicted, with percentiles",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the calculations; all their modules are loaded, which is cheap."""
    calculations = parser.add_subparsers(dest="calculation", required=True, metavar="CALCULATION")
    for name, text in CALCULATIONS.items():
        command = calculations.add_parser(name, help=text, description=text)
        import_module(f"gwanje.calc.{name.replace('-', '_')}").configure(command)
