"""A region by name or by folder, generated the first time that its recipe is seen."""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
from pathlib import Path

import config
from config.catalogue.errors import CatalogueError, RegionNotFoundError, shorten
from config.catalogue.files import FORMAT, REGION_FILE
from config.catalogue.generate.recipe import GENERATOR_VERSION, RECIPE_FILE, load_recipe
from config.catalogue.load import load_region
from config.catalogue.model import Catalogue
from config.catalogue.save import save_region

REGIONS_FOLDER = Path(config.__file__).parent / "regions"

_NAME = re.compile(r"[A-Za-z0-9_-]{1,48}")


def prepare_region(name_or_path: str, cache_dir: Path) -> Catalogue:
    """Return a region, ready and checked.

    Parameters
    ----------
    name_or_path
        The name of a folder under ``config/regions``, or, when it holds a ``/`` or begins with ``.`` or ``~``, the
        path of any folder. The folder holds either the files of a region or a recipe of one.
    cache_dir
        Where a generated region is kept, in a folder named after the recipe's id and a hash of its content and of
        the generator's version; made when it is missing. A kept region that is damaged is made anew.

    Raises
    ------
    RegionNotFoundError
        If there is no such region; the text names those that there are.
    CatalogueError
        If the region or the recipe is wrong.
    OSError
        If the cache cannot be written.
    """
    folder = _find(name_or_path)
    if (folder / REGION_FILE).is_file():
        return load_region(folder)
    return _generate_once(folder / RECIPE_FILE, cache_dir)


def region_names() -> list[str]:
    """Return the names of the regions under ``config/regions``, sorted."""
    return sorted(path.name for path in REGIONS_FOLDER.iterdir() if _holds_region(path))


def _find(name_or_path: str) -> Path:
    if name_or_path.startswith((".", "~")) or "/" in name_or_path or "\\" in name_or_path:
        folder = Path(name_or_path).expanduser()
        if not _holds_region(folder):
            raise RegionNotFoundError(
                f"{name_or_path}: expected a folder with {REGION_FILE} or {RECIPE_FILE}, was none"
            )
        return folder
    if _NAME.fullmatch(name_or_path) is None or not _holds_region(REGIONS_FOLDER / name_or_path):
        raise RegionNotFoundError(
            f"region: expected one of {', '.join(region_names())}, or the path of a folder (with a /), "
            f"was {shorten(name_or_path)}"
        )
    return REGIONS_FOLDER / name_or_path


def _holds_region(folder: Path) -> bool:
    return (folder / REGION_FILE).is_file() or (folder / RECIPE_FILE).is_file()


def _generate_once(recipe_file: Path, cache_dir: Path) -> Catalogue:
    recipe = load_recipe(recipe_file)
    content = f"{GENERATOR_VERSION} {FORMAT}\n".encode() + recipe_file.read_bytes()
    kept = cache_dir / f"{recipe.id}-{hashlib.sha256(content).hexdigest()[:16]}"
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
        save_region(generate_region(recipe), draft)
        try:
            draft.rename(kept)
        except OSError:
            # Another process was first; its region is the same.
            if not (kept / REGION_FILE).is_file():
                raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return load_region(kept)
