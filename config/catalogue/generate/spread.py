"""Ways to spread a given number of things over places."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from config.catalogue.generate.ground import FloatArray


def apportion(count: int, weights: ArrayLike) -> list[int]:
    """Return whole shares of a count in proportion to weights (largest remainder)."""
    share = np.asarray(weights, dtype=np.float64)
    if not share.size or share.sum() <= 0:
        return [0] * share.size
    exact = count * share / share.sum()
    whole = np.floor(exact).astype(int)
    rest = np.argsort(whole - exact, kind="stable")[: count - int(whole.sum())]
    whole[rest] += 1
    return [int(number) for number in whole]


def pick_apart(positions: FloatArray, score: FloatArray, count: int, apart_m: float) -> list[int]:
    """Return the indices of up to ``count`` positions of the highest score that keep apart.

    When there is no room for all at ``apart_m``, the rest are chosen at a smaller distance, down to a tenth.
    """
    order = np.argsort(-score, kind="stable").tolist()
    chosen: list[int] = []
    distance_m = apart_m
    while len(chosen) < count and distance_m >= apart_m / 10:
        boxes: dict[tuple[int, int], list[int]] = {}
        for index in chosen:
            boxes.setdefault(_box(positions[index], distance_m), []).append(index)
        done = set(chosen)
        for index in order:
            if len(chosen) >= count:
                break
            if index in done:
                continue
            x, y = _box(positions[index], distance_m)
            near = [other for i in (-1, 0, 1) for j in (-1, 0, 1) for other in boxes.get((x + i, y + j), ())]
            if near and np.hypot(*(positions[near] - positions[index]).T).min() < distance_m:
                continue
            chosen.append(index)
            boxes.setdefault((x, y), []).append(index)
        distance_m *= 0.6
    return chosen


def pick_far(features: FloatArray, count: int, first: int) -> list[int]:
    """Return the indices of up to ``count`` rows, each the one farthest from those before it."""
    chosen: list[int] = []
    distance = np.full(len(features), np.inf)
    index = first
    while len(chosen) < min(count, len(features)):
        chosen.append(index)
        distance = np.minimum(distance, ((features - features[index]) ** 2).sum(axis=1))
        index = int(np.argmax(distance))
    return chosen


def fill_gaps(
    lengths_m: Sequence[float], weights: Sequence[float], marks_m: Sequence[Sequence[float]], count: int
) -> list[list[float]]:
    """Return ``count`` further marks on lines, each in the middle of what is then the longest weighted gap."""
    lines = [sorted({0.0, length_m, *marks}) for length_m, marks in zip(lengths_m, marks_m, strict=True)]
    added: list[list[float]] = [[] for _ in lines]
    gaps = np.array([weight * float(np.diff(line).max()) for line, weight in zip(lines, weights, strict=True)])
    for _ in range(count if lines else 0):
        longest = int(np.argmax(gaps))
        line = lines[longest]
        at = int(np.argmax(np.diff(line)))
        middle = (line[at] + line[at + 1]) / 2
        line.insert(at + 1, middle)
        gaps[longest] = weights[longest] * float(np.diff(line).max())
        added[longest].append(middle)
    return added


def _box(position: FloatArray, size_m: float) -> tuple[int, int]:
    return int(position[0] // size_m), int(position[1] // size_m)
