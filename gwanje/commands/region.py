"""``gwanje region``: check a region folder, or generate one from a recipe."""

from __future__ import annotations

import argparse
from pathlib import Path

from config.catalogue.model import DEVICE_KINDS, Catalogue
from config.catalogue.save import save_region
from gwanje.errors import CommandError
from gwanje.progress import show_part
from gwanje.regions import region_of
from gwanje.running import settings_from


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "region", nargs="?", help="name or folder of a region or recipe; the one that is set without it"
    )
    parser.add_argument("--save", type=Path, metavar="FOLDER", help="write the region's files there")
    parser.add_argument("--brief", action="store_true", help="of what is wrong, say the first only")
    parser.add_argument("--scale", help="national, or a share of it such as 0.25: a country in place of the region")
    parser.add_argument("--data-dir", help="folder for generated regions")
    parser.set_defaults(run=run)


def run(parsed: argparse.Namespace) -> int:
    """Load, which checks everything, and say what there is."""
    catalogue = region_of(settings_from(parsed), every_problem=not parsed.brief, progress=show_part)
    print(f"{catalogue.id}: {catalogue.name.ko} · {catalogue.name.en}")
    for name, number in counts(catalogue).items():
        print(f"{name:>10} {number}")
    if parsed.save is not None:
        try:
            save_region(catalogue, parsed.save)
        except OSError as exc:
            raise CommandError(f"--save: cannot write to {parsed.save} ({exc.strerror})") from None
        print(f"written to {parsed.save}")
    return 0


def counts(catalogue: Catalogue) -> dict[str, int]:
    """Return how many of each thing a region has."""
    names = ("districts", "roads", "nodes", "links", *DEVICE_KINDS, "villages", "shelters", "cells")
    return {name: len(getattr(catalogue, name)) for name in names}
