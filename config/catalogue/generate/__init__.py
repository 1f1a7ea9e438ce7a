"""Synthetic regions: from a recipe and its seed to a whole catalogue.

`recipe.load_recipe` reads a recipe, `plan.scaled_recipe` makes one of a whole country or a part of it, and
`region.generate_region` makes the region; the other modules are its parts.
"""
