"""Villages, shelters and the sectors of the mobile network."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.spatial import KDTree

from config.catalogue.generate.centrelines import Centreline
from config.catalogue.generate.districts import Jurisdictions
from config.catalogue.generate.ground import FloatArray, Ground
from config.catalogue.generate.hubs import EDGE_M
from config.catalogue.generate.recipe import Recipe
from config.catalogue.generate.spread import apportion, pick_apart
from config.catalogue.generate.syllables import invent
from config.catalogue.model import Cell, Coordinate, Name, Shelter, Village

_APART_M = 1_600.0
_TOWN_SHELTERS = (
    ("시민체육관", "Civic Gymnasium"), ("초등학교", "Elementary School"), ("중학교", "Middle School"),
    ("고등학교", "High School"), ("문화회관", "Cultural Centre"), ("복지관", "Welfare Centre"),
    ("도서관", "Library"), ("공설운동장", "Public Stadium"),
)  # fmt: skip
_VILLAGE_SHELTERS = (("마을회관", "Village Hall"), ("경로당", "Senior Centre"), ("분교", "Branch School"))
_SECTOR_DEG = 120.0


def place_villages(
    recipe: Recipe,
    ground: Ground,
    seats: FloatArray,
    lines: Sequence[Centreline],
    jurisdictions: Jurisdictions,
    rng: np.random.Generator,
) -> tuple[Village, ...]:
    """Return settlements: the district seats first, then villages on low and even ground, mostly near a road."""
    towns = recipe.districts[: recipe.counts.villages]
    rows, columns = ground.elevation_m.shape
    grid = np.stack(np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij"), axis=-1).reshape(-1, 2)
    west, south, east, north = ground.bounds(EDGE_M)
    cells = ground.cells_to_plane(grid)
    fits = (cells[:, 0] > west) & (cells[:, 0] < east) & (cells[:, 1] > south) & (cells[:, 1] < north)
    fits &= (ground.elevation_m.ravel() > 2) & (ground.slope_deg.ravel() < 9)
    fits &= KDTree(seats).query(cells)[0] > 1.5 * _APART_M
    cells = cells[fits]
    elevation_m, slope_deg = ground.elevation_m.ravel()[fits], ground.slope_deg.ravel()[fits]
    road_m = _distance_to(lines, cells)
    # Close to the road, but not on it.
    near = np.exp(-road_m / 2_500) * (road_m > 150)
    appeal = np.log(near + 1e-3) - elevation_m / 400 - slope_deg / 6
    score = appeal + rng.gumbel(size=len(cells))
    picked = pick_apart(cells, score, recipe.counts.villages - len(towns), _APART_M)
    positions = np.concatenate([seats[: len(towns)], cells[picked].reshape(-1, 2)])
    populations = np.round(np.exp(rng.normal(5.3, 0.8, len(picked))), -1).clip(30, 3_000).astype(int).tolist()
    stems = invent(len(picked), rng)
    # Half of a district's people live in its seat; own choice.
    populations = [district.population // 2 for district in towns] + populations
    names = [district.town for district in towns] + [Name(f"{ko}리", f"{en}-ri") for ko, en in stems]
    lon_lat = ground.to_wgs84(positions) if len(positions) else np.empty((0, 2))
    owners = jurisdictions.of(lon_lat)
    return tuple(
        Village(
            id=f"village-{number:04d}",
            district=district,
            name=name,
            position=(lon, lat),
            population=population,
        )
        for number, (district, name, (lon, lat), population) in enumerate(
            zip(owners, names, lon_lat.tolist(), populations, strict=True), start=1
        )
    )


def place_shelters(
    recipe: Recipe,
    ground: Ground,
    villages: Sequence[Village],
    jurisdictions: Jurisdictions,
    rng: np.random.Generator,
) -> tuple[Shelter, ...]:
    """Return shelters: one in every village, the largest first, and the rest in the towns by population."""
    ranked = sorted(villages, key=lambda village: -village.population)
    hosts = ranked[: recipe.counts.shelters]
    towns = ranked[: len(recipe.districts)]
    shares = apportion(recipe.counts.shelters - len(hosts), [max(town.population, 1) ** 0.5 for town in towns])
    hosts = hosts + [town for town, share in zip(towns, shares, strict=True) for _ in range(share)]
    town_ids = {town.id for town in towns}
    used: dict[str, int] = {}
    shelters = []
    for number, village in enumerate(hosts, start=1):
        is_town = village.id in town_ids
        turn = used[village.id] = used.get(village.id, -1) + 1
        kinds = _TOWN_SHELTERS if is_town else _VILLAGE_SHELTERS
        ko, en = kinds[turn % len(kinds) if is_town else int(rng.integers(len(kinds)))]
        again = f" {turn // len(kinds) + 1}" if turn >= len(kinds) else ""
        position = _beside(village.position, ground, 1_000.0 if is_town else 250.0, rng)
        capacity = int(rng.integers(8, 30)) * 50 if is_town else max(30, round(village.population * 0.8 / 10) * 10)
        shelters.append(
            Shelter(
                id=f"shelter-{number:04d}",
                district=jurisdictions.of(np.array([position]))[0],
                name=Name(f"{village.name.ko} {ko}{again}", f"{village.name.en} {en}{again}"),
                position=position,
                capacity=capacity,
            )
        )
    return tuple(shelters)


def place_cells(
    recipe: Recipe,
    ground: Ground,
    lines: Sequence[Centreline],
    villages: Sequence[Village],
    jurisdictions: Jurisdictions,
    rng: np.random.Generator,
) -> tuple[Cell, ...]:
    """Return mobile sectors, three to a site: dense in towns, along the roads, and one site at most villages."""
    sites = -(-recipe.counts.cells // 3)
    towns, rural = villages[: len(recipe.districts)], villages[len(recipe.districts) :]
    in_town, on_road, in_village = apportion(sites, (0.42 if towns else 0, 0.36, 0.22 if rural else 0))
    shares = apportion(in_town, [village.population**0.7 for village in towns])
    lengths_m = [line.along_m[-1] for line in lines]
    found: list[tuple[FloatArray, float]] = []
    for village, share in zip(towns, shares, strict=True):
        centre = ground.to_plane([village.position])[0]
        spread_m = 500.0 * max(share, 1) ** 0.4
        found += [(centre + rng.normal(0, spread_m, 2), rng.uniform(900, 2_000)) for _ in range(share)]
    for line, share in zip(lines, apportion(on_road, lengths_m), strict=True):
        at_m = (np.arange(share) + rng.uniform(0.2, 0.8, share)) * line.along_m[-1] / max(share, 1)
        beside = np.stack([np.interp(at_m, line.along_m, axis) for axis in line.positions.T], axis=-1)
        found += [(place + rng.normal(0, 150, 2), rng.uniform(2_500, 5_000)) for place in beside]
    for number in range(in_village):
        centre = ground.to_plane([rural[number % len(rural)].position])[0]
        found.append((centre + rng.normal(0, 250, 2), rng.uniform(2_000, 4_500)))
    bounds = ground.bounds(100.0)
    places = np.clip(np.array([place for place, _ in found]).reshape(-1, 2), bounds[:2], bounds[2:])
    # A site that fell into the sea goes to the nearest grid point on land.
    wet = np.flatnonzero(ground.sample(ground.elevation_m, places) <= 0) if len(places) else np.array([], dtype=int)
    if len(wet):
        land = ground.cells_to_plane(np.argwhere(ground.land))
        places[wet] = np.clip(land[KDTree(land).query(places[wet])[1]], bounds[:2], bounds[2:])
    lon_lat = ground.to_wgs84(places) if len(places) else np.empty((0, 2))
    owners = jurisdictions.of(lon_lat)
    turns_deg = rng.integers(0, 120, len(places)).tolist()
    cells = [
        Cell(
            id=f"cell-{number:05d}-{sector + 1}",
            district=district,
            position=(lon, lat),
            azimuth_deg=float(turn_deg + sector * _SECTOR_DEG),
            beamwidth_deg=_SECTOR_DEG,
            range_m=float(round(range_m, -1)),
        )
        for number, ((lon, lat), district, turn_deg, (_, range_m)) in enumerate(
            zip(lon_lat.tolist(), owners, turns_deg, found, strict=True), start=1
        )
        for sector in range(3)
    ]
    return tuple(cells[: recipe.counts.cells])


def _distance_to(lines: Sequence[Centreline], positions: FloatArray) -> FloatArray:
    nearest, _ = KDTree(np.concatenate([line.positions for line in lines])).query(positions)
    return np.asarray(nearest, dtype=np.float64)


def _beside(position: Coordinate, ground: Ground, spread_m: float, rng: np.random.Generator) -> Coordinate:
    centre = ground.to_plane([position])[0]
    bounds = ground.bounds(100.0)
    for _ in range(20):
        place = np.clip(centre + rng.normal(0, spread_m, 2), bounds[:2], bounds[2:])
        dry = ground.sample(ground.elevation_m, [place])[0] > 1
        if dry and ground.sample(ground.slope_deg, [place])[0] < 12:
            break
    else:
        place = centre
    lon, lat = ground.to_wgs84([place])[0].tolist()
    return lon, lat
