"""``gwanje bench``: run benchmarks and give their figures as JSON."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from gwanje.errors import CommandError


@dataclass(frozen=True)
class Benchmark:
    """What there is to measure.

    Attributes
    ----------
    about
        In a few words.
    brief
        Arguments with which it takes part in a run of all; None when it is too long for that and has to be named.
    """

    about: str
    brief: dict[str, Any] | None = field(default=None)


BENCHMARKS = {
    "engine": Benchmark("one step of the engine, default and national", {}),
    "ingest": Benchmark("socket to engine state, beside a bare parser", {"watch_s": 2.0, "warm_s": 1.5}),
    "storage": Benchmark("socket to database, beside a bare COPY", {"watch_s": 5.0, "warm_s": 2.0}),
    "latency": Benchmark(
        "publish to engine state and to a page, beside a bare subscriber", {"watch_s": 4.0, "warm_s": 2.0}
    ),
    "plain": Benchmark(
        "into the database, beside aiomqtt, json and executemany",
        {"watch_s": 4.0, "warm_s": 2.0, "cases": ("single",)},
    ),
    "fanout": Benchmark("an alert to thousands of citizens, beside a bare broadcast", {"counts": (1_000,)}),
    "overload": Benchmark("ten times what can be taken, for a minute"),
    "away": Benchmark("the database away for a minute under traffic"),
    "mqtt": Benchmark("the MQTT parser and session alone"),
    "network": Benchmark(
        "ways of all signs to all destinations, and detours, region and national", {"sizes": ("region",)}
    ),
    "first_light": Benchmark("the embedded system from start to page"),
    "traffic_cycle": Benchmark("one cycle of the whole traffic engine, part by part", {}),
    "traffic_state": Benchmark("detector health, substitution, state, links and cost of one cycle", {}),
    "detector_faults": Benchmark("faults put into field data: found how soon, false flags, what stands in"),
    "world": Benchmark("the simulators at both scales"),
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    known = "\n".join(
        f"  {name:<12} {one.about}{'' if one.brief is not None else ' (only when named)'}"
        for name, one in BENCHMARKS.items()
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = f"{parser.description}\n\nWithout names a brief run of:\n{known}"
    parser.add_argument("names", nargs="*", metavar="NAME", help="which ones, in full length")
    parser.add_argument("--out", type=Path, metavar="FILE", help="file for the figures; standard output without it")
    parser.set_defaults(run=run)


def run(parsed: argparse.Namespace) -> int:
    """Run them one after the other; one that fails says so in its place, and the others go on."""
    unknown = [name for name in parsed.names if name not in BENCHMARKS]
    if unknown:
        raise CommandError(f"NAME: expected some of {', '.join(BENCHMARKS)}, was {unknown[0]!r}")
    chosen: dict[str, dict[str, Any]] = (
        {name: {} for name in parsed.names}
        if parsed.names
        else {name: one.brief for name, one in BENCHMARKS.items() if one.brief is not None}
    )
    # A benchmark's processes end with its `with`: a signal has to leave it in good order.
    signal.signal(signal.SIGTERM, _stop)
    figures: dict[str, Any] = {}
    for name, arguments in chosen.items():
        print(f"{name}: {BENCHMARKS[name].about} …", file=sys.stderr, flush=True)
        began_s = time.monotonic()
        try:
            # By name: benchmarks know the parts of the system, nothing of the system knows them.
            figures[name] = dict(import_module(f"benchmarks.{name}").run(**arguments))
        except Exception as exc:
            figures[name] = {"failed": f"{type(exc).__name__}: {exc}"}
        figures[name]["took_s"] = round(time.monotonic() - began_s, 1)
        if parsed.out is not None:
            _write(parsed.out, figures)
    if parsed.out is None:
        print(json.dumps(figures, indent=1))
    return int(any("failed" in one for one in figures.values()))


def _stop(*_: object) -> None:
    raise KeyboardInterrupt


def _write(path: Path, figures: dict[str, Any]) -> None:
    """Write what there is so far: a long run that is ended keeps what it has measured."""
    try:
        path.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    except OSError as exc:
        raise CommandError(f"--out: expected a file that can be written, was {path} ({exc.strerror})") from None
