"""Synthetic regions: from a recipe and its seed to a whole catalogue.

`load_recipe` reads a recipe, `generate_region` makes the region; the other modules are its parts.
"""

from __future__ import annotations

from config.catalogue.generate.recipe import RECIPE_FILE, Recipe, load_recipe
from config.catalogue.generate.region import GENERATOR_VERSION, generate_region

__all__ = ["GENERATOR_VERSION", "RECIPE_FILE", "Recipe", "generate_region", "load_recipe"]
