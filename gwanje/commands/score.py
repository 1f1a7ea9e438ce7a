"""``gwanje score``: what was said in runs held against what happened in them."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import msgspec

from config.numbers import NumberError
from config.words import WordsError
from gwanje.errors import CommandError
from gwanje.rehearsal.said import read_said
from gwanje.rehearsal.said_records import SaidSituation
from gwanje.score.document import document_of
from gwanje.score.score import RunScore, score_run
from gwanje.score.table import Table
from gwanje.score.tolerances import FILE, Tolerances, load_tolerances
from simulators.truth.errors import RunError
from simulators.truth.reader import read_run

_STDOUT = "-"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="folder of a run, by `gwanje rehearse`")
    parser.add_argument("--json", metavar="FILE", help="write everything as JSON there; - for the standard output")
    parser.add_argument("--language", choices=("ko", "en"), default="ko", help="of the table, ko without it")
    parser.add_argument("--tolerances", type=Path, default=FILE, help="another table of tolerances")
    parser.set_defaults(run=run)


def run(parsed: argparse.Namespace) -> int:
    """Score and print."""
    try:
        tolerances = load_tolerances(parsed.tolerances)
        table = Table(parsed.language)
        scores = [_scored(folder, tolerances) for folder in parsed.runs]
    except (RunError, NumberError, WordsError) as exc:
        raise CommandError(str(exc)) from None
    if parsed.json is not None:
        text = msgspec.json.format(msgspec.json.encode(document_of(scores, tolerances)), indent=2)
        if parsed.json == _STDOUT:
            sys.stdout.write(text.decode() + "\n")
            return 0
        try:
            Path(parsed.json).write_bytes(text + b"\n")
        except OSError as exc:
            raise CommandError(
                f"--json: expected a file that can be written, was {parsed.json} ({exc.strerror})"
            ) from None
    tables = [table.run(score) for score in scores]
    if len(scores) > 1:
        tables.append(table.total(scores))
    print("\n\n".join("\n".join(lines) for lines in tables))
    return 0


def _scored(folder: Path, tolerances: Tolerances) -> RunScore:
    found = read_run(folder)
    # A situation that was open before the run is of something else than the run.
    said = [one for one in read_said(folder) if isinstance(one, SaidSituation) and one.opened >= found.header.start]
    return score_run(found, said, tolerances)
