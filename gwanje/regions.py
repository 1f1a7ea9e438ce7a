"""Regions for commands: loaded or generated, with every problem as one line."""

from __future__ import annotations

from config.catalogue.errors import CatalogueError, RegionError
from config.catalogue.generate.recipe import Progress
from config.catalogue.model import Catalogue
from config.catalogue.prepare import parse_scale, prepare_region
from config.settings import Settings
from gwanje.errors import CommandError


def region_of(
    settings: Settings, *, every_problem: bool = False, progress: Progress = lambda _frac, _what: None
) -> Catalogue:
    """Load or generate the region.

    Parameters
    ----------
    settings
    every_problem
        Whether the error lists all that is wrong, one line each, instead of the first of it.
    progress
        Called while a region is generated with the part that is done, 0 to 1, and what is being done.

    Raises
    ------
    CommandError
        If it is unknown or wrong.
    """
    try:
        scale = parse_scale(settings.scale)
        return prepare_region(settings.region, settings.data_path / "regions", scale=scale, progress=progress)
    except CatalogueError as exc:
        problem = str(exc) if every_problem else _first_problem(exc, settings.region)
        raise CommandError(f"region {settings.region}: {problem}") from None
    except RegionError as exc:
        raise CommandError(str(exc)) from None
    except OSError as exc:
        problem = (exc.strerror or str(exc)).lower()
        raise CommandError(
            f"region {settings.region}: expected to keep it in {settings.data_path / 'regions'}, was not possible "
            f"({problem}); choose another folder with --data-dir"
        ) from None


def _first_problem(error: CatalogueError, region: str) -> str:
    more = len(error.problems) - 1
    return f"{error.problems[0]}" + (f" (and {more} more: `gwanje region {region}` lists them)" if more else "")
