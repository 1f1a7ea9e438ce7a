"""``python -m tests.ingest.fuzz --count 1000000 --seed N``: a long run, its table of reasons as JSON."""

from __future__ import annotations

import argparse
import random
import sys
import time
from pathlib import Path
from typing import Any

import msgspec

from tests.ingest.fuzz import seeds
from tests.ingest.fuzz.mutator import Mutator
from tests.ingest.fuzz.run import MOST_FAILURES, fuzz
from tests.ingest.fuzz.streams import cuts, problem_with, stream

_WIDTH = 40
_STREAMS_PER_MESSAGE = 0.2
_MOST_BLOCKS = 0.05
"""Growth for each message in the second half of a long run; keeping each takes two and more."""
_LONG_ENOUGH = 200_000


def main(arguments: list[str] | None = None) -> int:
    """Run; return 0 when nothing failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.ingest.fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=1_000_000, help="damaged messages")
    parser.add_argument("--seed", type=int, default=1, help="the same gives the same messages")
    parser.add_argument("--out", type=Path, help="file for the report; without it standard output")
    parsed = parser.parse_args(arguments)
    began_s = time.monotonic()
    report = fuzz(parsed.count, parsed.seed, lambda done: _draw("messages", done, parsed.count))
    _draw("messages", report.messages, parsed.count)
    failures = [
        {
            "problem": failure.problem,
            "times": failure.times,
            "alone": failure.alone,
            "seed_file": _name(seeds.keep(failure.sample, problem, failure.tick, warm=failure.warm))
            if failure.alone
            else None,
        }
        for problem, failure in report.failures.items()
    ]
    n_stream = int(parsed.count * _STREAMS_PER_MESSAGE)
    bad_streams = _streams(n_stream, parsed.seed)
    leaks = report.messages >= _LONG_ENOUGH and report.blocks_per_message > _MOST_BLOCKS
    figures: dict[str, Any] = {
        "seed": parsed.seed,
        "seconds": round(time.monotonic() - began_s, 1),
        "messages": report.messages,
        "taken": report.taken,
        "of_these_duplicates": report.duplicates,
        "of_these_with_u0000_left_to_the_database": report.left_to_database,
        "refused": report.refused,
        "refused_by_the_mqtt_parser": report.broken,
        "blocks_per_message": round(report.blocks_per_message, 4),
        "rss_growth_mib": round(report.rss_growth_mib, 2),
        "streams": n_stream,
        "failures": failures,
        "bad_streams": bad_streams,
        "reasons": dict(report.reasons.most_common()),
    }
    text = msgspec.json.format(msgspec.json.encode(figures), indent=1).decode()
    if parsed.out:
        parsed.out.write_text(text + "\n", encoding="utf-8")
    else:
        print(text)
    if leaks:
        print(f"memory: expected at most {_MOST_BLOCKS} blocks a message, was {report.blocks_per_message:.3f}")
    return int(bool(report.failures or bad_streams or leaks))


def _name(path: Path | None) -> str | None:
    return None if path is None else path.name


def _streams(count: int, seed: int) -> list[str]:
    chooser = random.Random(seed)
    mutator = Mutator(chooser)
    found: list[str] = []
    for number in range(count):
        data = stream(chooser, mutator)
        places = cuts(chooser, len(data))
        problem = problem_with(data, places)
        if problem is not None:
            path = seeds.keep_stream(data, places, problem)
            found.append(f"{problem} ({path.name if path else 'too long to be kept'})")
            if len(found) >= MOST_FAILURES:
                break
        if number % 1_000 == 0:
            _draw("streams", number, count)
    _draw("streams", count, count)
    return found


def _draw(what: str, done: int, count: int) -> None:
    if not (sys.stderr.isatty() or done >= count):
        return
    full = min(_WIDTH, _WIDTH * done // max(count, 1))
    bar = "#" * full + "." * (_WIDTH - full)
    sys.stderr.write(f"\r{what:>9} [{bar}] {min(done, count):>9,} of {count:,}" + "\n" * (done >= count))
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
