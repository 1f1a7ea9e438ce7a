"""``gwanje picture``: plots of a recorded run."""

from __future__ import annotations

import argparse
from importlib.util import find_spec
from pathlib import Path

from config.catalogue.digest import catalogue_digest
from gwanje.errors import CommandError
from gwanje.regions import region_of
from gwanje.rehearsal.said import read_said
from gwanje.rehearsal.said_records import SaidSituation
from gwanje.running import settings_from
from simulators.errors import SimulatorError
from simulators.truth.folder import MESSAGES_FILE, PICTURES_FOLDER
from simulators.truth.reader import read_run


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("folder", type=Path, metavar="RUN", help="folder of a run, by `gwanje rehearse … --record`")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder for the PNG files; the run's own without it")
    parser.add_argument("--region", help="name or folder of the region")
    parser.add_argument("--scale", help="the run's, if it had one")
    parser.add_argument("--data-dir", help="folder for generated regions")
    parser.set_defaults(run=run)


def run(parsed: argparse.Namespace) -> int:
    """Draw and name what was drawn."""
    if find_spec("matplotlib") is None:
        raise CommandError("expected matplotlib, was not installed: pip install 'gwanje[pictures]'")
    from gwanje.pictures.run import pictures_of

    folder: Path = parsed.folder
    catalogue = region_of(settings_from(parsed))
    out: Path = parsed.out or folder / PICTURES_FOLDER
    try:
        found = read_run(folder)
        if found.header.digest != catalogue_digest(catalogue):
            raise CommandError(
                f"{folder}: it was run in another version of region {found.header.region}; give the folder of that one "
                "with --region"
            )
        if not (folder / MESSAGES_FILE).is_file():
            raise CommandError(f"{folder / MESSAGES_FILE}: expected a recording, was none: rehearse with --record")
        said = [one for one in read_said(folder) if isinstance(one, SaidSituation)]
        out.mkdir(parents=True, exist_ok=True)
        for name, figure in pictures_of(folder, found, said, catalogue):
            path = out / f"{name}.png"
            figure.savefig(path, dpi=110)
            print(path)
    except SimulatorError as exc:
        raise CommandError(str(exc)) from None
    except OSError as exc:
        raise CommandError(f"--out: expected a folder that can be written, was {out} ({exc.strerror})") from None
    return 0
