"""``gwanje bench``: run a benchmark and print its figures as JSON."""

from __future__ import annotations

import argparse
import json
from importlib import import_module
from importlib.resources import files
from pathlib import Path


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("name", choices=names(), help="which one")
    parser.set_defaults(run=run)


def names() -> list[str]:
    """Return the names of the benchmarks."""
    folder = Path(str(files("benchmarks")))
    return sorted(path.stem for path in folder.glob("*.py") if not path.name.startswith("_"))


def run(parsed: argparse.Namespace) -> int:
    """Run it."""
    # By name: benchmarks know the parts of the system, nothing of the system knows them.
    print(json.dumps(import_module(f"benchmarks.{parsed.name}").run(), indent=2))
    return 0
