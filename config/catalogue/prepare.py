"""A region by name or by folder, generated the first time that its recipe is seen."""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
from pathlib import Path

import msgspec

import config
from config.catalogue.errors import CatalogueError, RegionNotFoundError, RegionScaleError, shorten
from config.catalogue.files import FORMAT, REGION_FILE
from config.catalogue.generate.plan import PLAN_FILE, SMALLEST_SHARE, Scale, load_plan, scaled_recipe
from config.catalogue.generate.recipe import GENERATOR_VERSION, RECIPE_FILE, Progress, Recipe, load_recipe
from config.catalogue.load import load_region
from config.catalogue.model import Catalogue
from config.catalogue.save import save_region

REGIONS_FOLDER = Path(config.__file__).parent / "regions"
DEFAULT_REGION = "default"
NATIONAL_REGION = "national"

_NAME = re.compile(r"[A-Za-z0-9_-]{1,48}")


def prepare_region(
    name_or_path: str, cache_dir: Path, *, scale: Scale = 1, progress: Progress = lambda _frac, _what: None
) -> Catalogue:
    """Return a region, ready and checked.

    Parameters
    ----------
    name_or_path
        The name of a folder under ``config/regions``, or, when it holds a ``/`` or begins with ``.`` or ``~``, the
        path of any folder. The folder holds the files of a region, a recipe of one, or the plan of a country.
    cache_dir
        Where a generated region is kept, in a folder named after the recipe's id and a hash of its content and of
        the generator's version; made when it is missing. A kept region that is damaged is made anew.
    scale
        1 is the region as it is described. ``national``, or a share of it from 0.02 to below 1, is a country or a
        part of it: that of the plan, or ``national`` when the default region is named.
    progress
        Called while a region is generated with the part that is done, 0 to 1, and what is being done; not called
        when it is there already.

    Raises
    ------
    RegionNotFoundError
        If there is no such region; the text names those that there are.
    RegionScaleError
        If there is no such scale, or the region has none but 1.
    CatalogueError
        If the region, the recipe or the plan is wrong.
    OSError
        If the cache cannot be written.
    """
    folder = _find(name_or_path)
    if scale != 1:
        _check_scale(scale)
        if folder == REGIONS_FOLDER / DEFAULT_REGION:
            folder = REGIONS_FOLDER / NATIONAL_REGION
        elif not _is_plan(folder):
            raise RegionScaleError(
                f"scale: expected 1 for region {name_or_path}, which is no plan of a country, was {scale}"
            )
    if (folder / REGION_FILE).is_file():
        return load_region(folder)
    if (folder / RECIPE_FILE).is_file():
        recipe = load_recipe(folder / RECIPE_FILE)
        return _generate_once(recipe, (folder / RECIPE_FILE).read_bytes(), cache_dir, progress)
    recipe = scaled_recipe("national" if scale == 1 else scale, load_plan(folder / PLAN_FILE))
    return _generate_once(recipe, msgspec.json.encode(recipe), cache_dir, progress)


def parse_scale(text: str) -> Scale:
    """Return what ``--scale`` says: 1, ``national``, or a share of it such as 0.25 or 25%.

    Raises
    ------
    RegionScaleError
        If it is none of them.
    """
    if text == "national":
        return "national"
    try:
        scale = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        raise _no_scale(text) from None
    if scale == 1 and not text.endswith("%"):
        return 1
    _check_scale(scale)
    return scale


def region_names() -> list[str]:
    """Return the names of the regions under ``config/regions``, sorted."""
    return sorted(path.name for path in REGIONS_FOLDER.iterdir() if _holds_region(path))


def _check_scale(scale: Scale) -> None:
    if scale != "national" and not (isinstance(scale, float) and SMALLEST_SHARE <= scale < 1):
        raise _no_scale(scale)


def _no_scale(scale: object) -> RegionScaleError:
    return RegionScaleError(
        f"scale: expected 1, national, or a share of it from {SMALLEST_SHARE:g} to below 1, was {shorten(scale)}"
    )


def _is_plan(folder: Path) -> bool:
    return not ((folder / REGION_FILE).is_file() or (folder / RECIPE_FILE).is_file())


def _find(name_or_path: str) -> Path:
    if name_or_path.startswith((".", "~")) or "/" in name_or_path or "\\" in name_or_path:
        folder = Path(name_or_path).expanduser()
        if not _holds_region(folder):
            raise RegionNotFoundError(
                f"{name_or_path}: expected a folder with {REGION_FILE}, {RECIPE_FILE} or {PLAN_FILE}, was none"
            )
        return folder
    if _NAME.fullmatch(name_or_path) is None or not _holds_region(REGIONS_FOLDER / name_or_path):
        raise RegionNotFoundError(
            f"region: expected one of {', '.join(region_names())}, or the path of a folder (with a /), "
            f"was {shorten(name_or_path)}"
        )
    return REGIONS_FOLDER / name_or_path


def _holds_region(folder: Path) -> bool:
    return any((folder / file).is_file() for file in (REGION_FILE, RECIPE_FILE, PLAN_FILE))


def _generate_once(recipe: Recipe, content: bytes, cache_dir: Path, progress: Progress) -> Catalogue:
    version = f"{GENERATOR_VERSION} {FORMAT}\n".encode()
    kept = cache_dir / f"{recipe.id}-{hashlib.sha256(version + content).hexdigest()[:16]}"
    if (kept / REGION_FILE).is_file():
        try:
            return load_region(kept)
        except CatalogueError:
            # Written before a power failure, or edited: what the recipe says is what counts.
            shutil.rmtree(kept)
    # The generator brings half of scipy along, which a process that finds its region made never needs.
    from config.catalogue.generate.region import generate_region

    cache_dir.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{kept.name}-", dir=cache_dir))
    try:
        save_region(generate_region(recipe, progress), draft)
        try:
            draft.rename(kept)
        except OSError:
            # Another process was first; its region is the same.
            if not (kept / REGION_FILE).is_file():
                raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return load_region(kept)
