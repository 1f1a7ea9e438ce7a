"""A recipe to a catalogue."""

from __future__ import annotations

import numpy as np

from config.catalogue.generate.centrelines import lay_roads
from config.catalogue.generate.districts import draw_districts
from config.catalogue.generate.ground import Ground
from config.catalogue.generate.heights import place_towers, place_weather
from config.catalogue.generate.hubs import settle
from config.catalogue.generate.places import place_cells, place_shelters, place_villages
from config.catalogue.generate.recipe import Recipe
from config.catalogue.generate.roads import build_roads
from config.catalogue.generate.roadside import place_cameras, place_signs, place_stations
from config.catalogue.generate.slopes import place_slopes
from config.catalogue.generate.terrain import make_terrain
from config.catalogue.model import Catalogue, Road


def generate_region(recipe: Recipe) -> Catalogue:
    """Make a synthetic region.

    Parameters
    ----------
    recipe
        What is decided by hand, with the seed of everything else.

    Returns
    -------
    Catalogue
        ``synthetic`` is true. The same recipe gives the same catalogue with the same versions of NumPy, SciPy,
        shapely and PROJ. Slopes, towers and weather stations can be fewer than asked where the ground has no
        place for more.

    Raises
    ------
    ValueError
        If a road of the recipe finds no way over the ground.
    """
    # One stream for each part, so that a change in one leaves the others as they are.
    streams = [np.random.default_rng(sequence) for sequence in np.random.SeedSequence(recipe.seed).spawn(8)]
    terrain = make_terrain(recipe, streams[0])
    ground = Ground(terrain)
    seats, anchors = settle(recipe, ground)
    lines, hubs = lay_roads(recipe, ground, anchors)
    jurisdictions = draw_districts(recipe, ground, seats)
    nodes, roads = build_roads(recipe, ground, hubs, seats, lines, jurisdictions)
    villages = place_villages(recipe, ground, seats, lines, jurisdictions, streams[1])
    towers = place_towers(recipe, ground, jurisdictions, streams[2])
    return Catalogue(
        id=recipe.id,
        name=recipe.name,
        timezone=recipe.timezone,
        synthetic=True,
        bbox=recipe.extent,
        districts=jurisdictions.districts,
        roads=tuple(Road(id=road.id, number=road.number, name=road.name, rank=road.rank) for road in recipe.roads),
        nodes=nodes,
        links=tuple(link for road in roads for link in road.links),
        vds=place_stations(recipe, roads, ground),
        cctv=place_cameras(recipe, roads, ground, jurisdictions),
        slope=place_slopes(recipe, roads, villages, ground, jurisdictions, streams[3]),
        tower=towers,
        weather=place_weather(recipe, roads, towers, villages, ground, jurisdictions, streams[4]),
        sign=place_signs(recipe, roads, ground),
        villages=villages,
        shelters=place_shelters(recipe, ground, villages, jurisdictions, streams[5]),
        cells=place_cells(recipe, ground, lines, villages, jurisdictions, streams[6]),
        terrain=terrain,
    )
