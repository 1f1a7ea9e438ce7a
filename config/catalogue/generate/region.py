"""A recipe to a catalogue."""

from __future__ import annotations

import logging

import msgspec
import numpy as np

from config.catalogue.generate.centrelines import lay_roads
from config.catalogue.generate.districts import draw_districts
from config.catalogue.generate.ground import Ground
from config.catalogue.generate.heights import place_towers, place_weather
from config.catalogue.generate.hubs import settle
from config.catalogue.generate.places import place_cells, place_shelters, place_villages
from config.catalogue.generate.recipe import Progress, Recipe
from config.catalogue.generate.roads import build_roads
from config.catalogue.generate.roadside import place_cameras, place_signs, place_stations
from config.catalogue.generate.slopes import place_slopes
from config.catalogue.generate.terrain import make_terrain
from config.catalogue.model import Catalogue, Road


def generate_region(recipe: Recipe, progress: Progress = lambda _frac, _what: None) -> Catalogue:
    """Make a synthetic region.

    Parameters
    ----------
    recipe
        What is decided by hand, with the seed of everything else.
    progress
        Called before each part of the work, with growing fractions of the time that it takes.

    Returns
    -------
    Catalogue
        ``synthetic`` is true. The same recipe gives the same catalogue with the same versions of NumPy, SciPy,
        shapely and PROJ. There can be fewer of some things than asked where the ground has no place for more; this is
        logged as a warning, and `shortfalls` tells it.

    Raises
    ------
    ValueError
        If a road of the recipe finds no way over the ground.
    """
    # One stream for each part, so that a change in one leaves the others as they are.
    streams = [np.random.default_rng(sequence) for sequence in np.random.SeedSequence(recipe.seed).spawn(8)]
    progress(0.00, "ground")
    terrain = make_terrain(recipe, streams[0])
    ground = Ground(terrain)
    seats, anchors = settle(recipe, ground)
    progress(0.09, "roads")
    lines, hubs = lay_roads(recipe, ground, anchors, lambda frac: progress(0.09 + 0.11 * frac, "roads"))
    progress(0.20, "districts")
    jurisdictions = draw_districts(recipe, ground, seats)
    progress(0.28, "links")
    nodes, roads = build_roads(recipe, ground, hubs, seats, lines, jurisdictions)
    progress(0.42, "villages")
    villages = place_villages(recipe, ground, seats, lines, jurisdictions, streams[1])
    progress(0.46, "towers")
    towers = place_towers(recipe, ground, jurisdictions, streams[2])
    progress(0.70, "detection stations")
    stations = place_stations(recipe, roads, ground)
    progress(0.72, "cameras and signs")
    cameras, signs = place_cameras(recipe, roads, ground, jurisdictions), place_signs(recipe, roads, ground)
    progress(0.76, "slopes")
    slopes = place_slopes(recipe, roads, villages, ground, jurisdictions, streams[3], streams[7])
    progress(0.88, "weather stations, shelters, mobile cells")
    catalogue = Catalogue(
        id=recipe.id,
        name=recipe.name,
        timezone=recipe.timezone,
        synthetic=True,
        bbox=recipe.extent,
        districts=jurisdictions.districts,
        roads=tuple(Road(id=road.id, number=road.number, name=road.name, rank=road.rank) for road in recipe.roads),
        nodes=nodes,
        links=tuple(link for road in roads for link in road.links),
        vds=stations,
        cctv=cameras,
        slope=slopes,
        tower=towers,
        weather=place_weather(recipe, roads, towers, villages, ground, jurisdictions, streams[4]),
        sign=signs,
        villages=villages,
        shelters=place_shelters(recipe, ground, villages, jurisdictions, streams[5]),
        cells=place_cells(recipe, ground, lines, villages, jurisdictions, streams[6]),
        terrain=terrain,
    )
    progress(1.0, "done")
    for shortfall in shortfalls(recipe, catalogue):
        logging.getLogger(__name__).warning("region %s: %s", recipe.id, shortfall)
    return catalogue


def shortfalls(recipe: Recipe, catalogue: Catalogue) -> list[str]:
    """Return a line for everything of which the region has fewer than its recipe asks for, empty when nothing."""
    asked = msgspec.structs.asdict(recipe.counts)
    found = {name: len(getattr(catalogue, name)) for name in asked}
    return [
        f"{name}: expected {asked[name]}, found places for {found[name]} only"
        for name in asked
        if found[name] < asked[name]
    ]
