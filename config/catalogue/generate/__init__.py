"""Synthetic regions: from a recipe and its seed to a whole catalogue.

`recipe.load_recipe` reads a recipe, `region.generate_region` makes the region; the other modules are its parts.
"""
