"""``gwanje bench``: run benchmarks and print their figures as JSON."""

from __future__ import annotations

import argparse
import json
import sys
from importlib import import_module

BENCHMARKS = {
    "first_light": "`gwanje up` as a whole: start, memory, processor time, stop (about 90 s)",
    "engine": "one engine step, default and national",
    "mqtt": "codec, broker and session (about 20 s)",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    names = "; ".join(f"{name}: {text}" for name, text in BENCHMARKS.items())
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{names}; all without a name")
    parser.set_defaults(run=run)


def run(parsed: argparse.Namespace) -> int:
    """Run them one after another."""
    chosen = parsed.names or list(BENCHMARKS)
    unknown = [name for name in chosen if name not in BENCHMARKS]
    if unknown:
        print(f"gwanje bench: expected {', '.join(BENCHMARKS)}, was {unknown[0]}", file=sys.stderr)
        return 2
    figures = {}
    for place, name in enumerate(chosen, start=1):
        print(f"[{place}/{len(chosen)}] {name}: {BENCHMARKS[name]} …", file=sys.stderr)
        result: dict[str, float] = import_module(f"benchmarks.{name}").run()
        figures[name] = {key: round(value, 3) for key, value in result.items()}
    print(json.dumps(figures, indent=2))
    return 0
