"""``python -m benchmarks.incidents``: make corpora of labelled corridors, and score detectors on them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from gwanje.errors import CommandError
from gwanje.progress import Progress


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    top = argparse.ArgumentParser(prog="python -m benchmarks.incidents", description=__doc__)
    commands = top.add_subparsers(dest="command", required=True)
    make = commands.add_parser("make", help="make corridors, one NPZ and one JSON of labels each")
    make.add_argument("--out", type=Path, required=True, help="folder, made when it is missing")
    make.add_argument("--source", choices=("world", "sumo"), default="world")
    make.add_argument("--split", choices=("train", "test"), default="train")
    make.add_argument("--kind", choices=("incidents", "quiet"), default="incidents")
    make.add_argument("--seeds", type=_seeds, default=range(1, 11), help="first-last, such as 1-10")
    make.add_argument("--hours", type=float, default=5.0, help="of each corridor")
    make.add_argument("--again", action="store_true", help="make also what is already there")
    return top


def _seeds(text: str) -> range:
    first, _, last = text.partition("-")
    try:
        return range(int(first), int(last or first) + 1)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected first-last, was {text!r}") from None


def make_corpus(args: argparse.Namespace) -> int:
    """Make corridors that are not there yet."""
    from benchmarks.incidents import sumo, world  # noqa: PLC0415 - the extra for SUMO may be absent
    from benchmarks.incidents.labels import write  # noqa: PLC0415

    args.out.mkdir(parents=True, exist_ok=True)
    make = world.make if args.source == "world" else sumo.make
    with Progress("made", len(args.seeds)) as progress:
        for done, seed in enumerate(args.seeds, start=1):
            name = f"{args.split}_{args.source}_{args.kind}_{seed:04d}"
            if args.again or not (args.out / f"{name}.json").exists():
                arrays, labels = make(seed, args.kind, args.split, args.hours)
                write(args.out, name, arrays, labels)
            progress.show(done)
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status."""
    args = parser().parse_args(argv)
    try:
        return make_corpus(args)
    except CommandError as exc:
        print(exc, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
