"""What can be wrong with a region.

``RegionError``
    Base of the others.

    ``CatalogueError``
        A region's files were read and do not hold a region; carries every problem found.
    ``RegionNotFoundError``
        There is no region of that name, or no region in that folder.
    ``RegionScaleError``
        There is no such scale of a region.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

SHOWN_PROBLEMS = 50
"""How many problems the text of an error lists."""


class Problem(msgspec.Struct, frozen=True):
    """One thing that is wrong with a region, on one line."""

    file: str
    id: str
    """Identifier of the row, ``#n`` for the n-th row of a file when it has none, empty for the file as a whole."""
    field: str
    """Path of the field, empty for the row as a whole."""
    problem: str
    """What was expected and what was there."""
    noun: str = "row"
    """What kind of row it is, in a word."""

    def __str__(self) -> str:
        row = f"{self.noun} {self.id}: " if self.id else ""
        field = f"field {self.field}: " if self.field else ""
        return f"{self.file}: {row}{field}{self.problem}"


class RegionError(ValueError):
    """Base of what can be wrong with a region."""


class CatalogueError(RegionError):
    """The files of a region do not hold a region.

    Parameters
    ----------
    where
        The folder or file, for the first line of the text.
    problems
        Everything that is wrong, at least one; the text lists the first 50.
    """

    def __init__(self, where: str, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        lines = [str(problem) for problem in self.problems[:SHOWN_PROBLEMS]]
        hidden = len(self.problems) - len(lines)
        if hidden:
            lines.append(f"… and {hidden} more")
        count = f"{len(self.problems)} problem{'s' if len(self.problems) != 1 else ''}"
        super().__init__("\n".join([f"{where}: {count}", *lines]))


class RegionNotFoundError(RegionError):
    """No region of that name, or no region in that folder."""


class RegionScaleError(RegionError):
    """No such scale of a region."""


def shorten(value: object, limit: int = 60) -> str:
    """Return the value as an error text quotes it, at most ``limit`` characters long."""
    text = repr(value)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
