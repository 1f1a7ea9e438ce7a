"""``python -m benchmarks.incidents``: make corpora of labelled corridors, and score detectors on them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from benchmarks.incidents import sumo, world
from benchmarks.incidents.corridors import each, names
from benchmarks.incidents.detectors import COUNTS, detectors
from benchmarks.incidents.follow import follower
from benchmarks.incidents.labels import write
from benchmarks.incidents.match import load_tolerances
from benchmarks.incidents.score import Score
from benchmarks.incidents.table import tables
from benchmarks.incidents.tails import Tails
from gwanje.calc.arrays import add_direction, corridor_of, read_array
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
    make.set_defaults(run=make_corpus)
    score = commands.add_parser("score", help="run detectors on every corridor of folders")
    score.add_argument("folders", type=Path, nargs="+", metavar="DIR", help="searched with all folders in them")
    score.add_argument("--spacing", choices=("1km", "500m"), default="1km", help="of the stations that are used")
    score.add_argument("--detector", choices=("both", "gwanje", "california7"), default="both")
    score.add_argument("--files", default="test_", metavar="PREFIX", help="of the arrays; test_ without it")
    score.add_argument("--no-tails", action="store_true", help="leave out the tails of queues")
    score.add_argument("--json", action="store_true", help="figures, and what was missed or false, as JSON")
    score.set_defaults(run=score_corpus)
    field = commands.add_parser("field", help="run detectors on an array without labels, such as field data")
    field.add_argument("input", type=Path, metavar="IN.npz")
    field.add_argument("--speed-limit", type=float, default=110.0, metavar="KMH", help="of the road, 110 without it")
    add_direction(field)
    field.set_defaults(run=run_on_field)
    return top


def _seeds(text: str) -> range:
    first, _, last = text.partition("-")
    try:
        return range(int(first), int(last or first) + 1)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected first-last, was {text!r}") from None


def make_corpus(args: argparse.Namespace) -> int:
    """Make corridors that are not there yet."""
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


def score_corpus(args: argparse.Namespace) -> int:
    """Score detectors and print tables or JSON."""
    chosen = {name: one for name, one in detectors().items() if args.detector in {"both", name}}
    if not chosen:
        raise CommandError(f"detector: expected one that there is, was {args.detector}")
    follow = None if args.no_tails else follower()
    tolerances = load_tolerances()
    scores, tails = {name: Score() for name in chosen}, Tails()
    paths = names(args.folders, args.files)
    with Progress("scored", len(paths)) as progress:
        for done, one in enumerate(each(paths, args.spacing), start=1):
            for name, detector in chosen.items():
                scores[name].add(one, detector, tolerances)
            if follow is not None:
                tails.add(one, follow(one.corridor), tolerances)
            progress.show(done)
    if args.json:
        report = {name: score.report() for name, score in scores.items()}
        print(msgspec.json.encode(report | {"tails": tails.figures(), "spacing": args.spacing}).decode())
    else:
        print("\n".join(tables(scores, tails.figures())))
    return 0


def run_on_field(args: argparse.Namespace) -> int:
    """Print how many alarms detectors raise on an array, and where and when as JSON lines."""
    corridor = corridor_of(read_array(args.input), args.direction, args.speed_limit)
    hours = float(corridor.time_s[-1] - corridor.time_s[0]) / 3_600.0
    days_100_km = hours * float(corridor.layout.chainage_m[-1]) / 1_000.0 / 2_400.0
    for name, detector in detectors().items():
        alarms = sorted(
            (one for one in detector(corridor) if one.kind == COUNTS), key=lambda one: (one.detected_s, one.chainage_m)
        )
        for one in alarms:
            line = {"detector": name, "detected_s": one.detected_s, "chainage_m": round(one.chainage_m)}
            print(msgspec.json.encode(line).decode())
        total: dict[str, object] = {"detector": name, "alarms": len(alarms), "hours": round(hours, 2)}
        rate = round(len(alarms) / days_100_km, 2) if days_100_km > 0 else None
        print(msgspec.json.encode(total | {"per_day_100_km": rate}).decode())
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status."""
    args = parser().parse_args(argv)
    try:
        return int(args.run(args))
    except CommandError as exc:
        print(exc, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
