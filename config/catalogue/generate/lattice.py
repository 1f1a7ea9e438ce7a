"""Where the roads of a made-up country cross."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

HubKind = Literal["junction", "interchange", "end"]


class Spot(NamedTuple):
    """A place of the lattice, in half steps: even numbers are national roads, odd ones the gaps between them."""

    row: int
    """Northwards."""
    column: int
    """Eastwards."""

    @property
    def key(self) -> str:
        """Name of the hub there."""
        return f"{self.row}.{self.column}"


class Lattice:
    """National roads in rows and columns, and expressways in every second gap between them.

    Parameters
    ----------
    rows, columns
        Numbers of national roads from west to east and from south to north, at least 3 and 2.
    """

    def __init__(self, rows: int, columns: int) -> None:
        if rows < 3 or columns < 2:
            raise ValueError(f"rows, columns: expected at least 3 and 2, was {rows} and {columns}")
        self.rows, self.columns = rows, columns
        self.north = 2 * rows - 1
        """Row of the north edge; that of the south edge is -1."""
        self.east = 2 * columns - 2
        """Last column."""
        # Counted back from the last gap, so that a country with one gap has an expressway too.
        self.expressway_columns = tuple(range(self.east - 1, 0, -4))[::-1]
        self.expressway_rows = tuple(range(self.north - 2, 0, -4))[::-1]

    def crossings(self) -> list[Spot]:
        """Return where national roads cross, row by row."""
        return [Spot(row, column) for row in range(0, self.north, 2) for column in range(0, self.east + 1, 2)]

    def kind(self, spot: Spot) -> HubKind | None:
        """Return what is at a spot, None where nothing has to be; a town can stand there on a national road."""
        row, column = spot
        by_column, by_row = column in self.expressway_columns, row in self.expressway_rows
        if row in (-1, self.north):
            return "end" if column % 2 == 0 or by_column else None
        if row % 2 == 0 and column % 2 == 0:
            return "junction"
        return "interchange" if by_column or by_row else None

    def connectors(self) -> Iterator[tuple[Spot, Spot]]:
        """Yield each interchange where an expressway meets no other road, and the place in between that it serves.

        The place lies on the national road on one side or, in turns, on the other.
        """
        for row in range(1, self.north - 1, 2):
            for column in range(1, self.east, 2):
                by_column, by_row = column in self.expressway_columns, row in self.expressway_rows
                side = 1 if (row + column) // 2 % 2 else -1
                if by_column and not by_row:
                    yield Spot(row, column), Spot(row, column + side)
                elif by_row and not by_column:
                    yield Spot(row, column), Spot(row + side, column)

    def between(self) -> list[Spot]:
        """Return the places halfway between two crossings where a national road meets nothing."""
        spots = (Spot(row, column) for row in range(self.north) for column in range(self.east + 1))
        return [spot for spot in spots if (spot.row + spot.column) % 2 == 1 and self.kind(spot) is None]

    def column(self, column: int) -> list[Spot]:
        """Return all spots of a column from edge to edge."""
        return [Spot(row, column) for row in range(-1, self.north + 1)]

    def row(self, row: int) -> list[Spot]:
        """Return all spots of a row from west to east."""
        return [Spot(row, column) for column in range(self.east + 1)]
