"""What is wrong with a scenario, each problem with its file, line and field."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from simulators.causes.lines import KeyPath, Lines
from simulators.errors import ScenarioError

SHOWN_PROBLEMS = 50
"""How many problems the text of an error lists."""


@dataclass(frozen=True, order=True)
class Problem:
    """One thing that is wrong.

    Attributes
    ----------
    file
        Name of the scenario's file.
    line
        Line in it, from 1.
    field
        Path of the field, such as ``event[1].lanes_blocked`` (counted from 0); ``scenario`` for the whole.
    text
        What was expected and what was there.
    """

    file: str
    line: int
    field: str
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.field}: {self.text}"


class ScenarioProblemsError(ScenarioError):
    """A scenario that cannot be used, with every reason.

    Parameters
    ----------
    problems
        At least one; the text lists the first 50, one a line.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        shown = [str(problem) for problem in self.problems[:SHOWN_PROBLEMS]]
        hidden = len(self.problems) - len(shown)
        super().__init__("\n".join([*shown, *([f"… and {hidden} more"] if hidden else [])]))


class Report:
    """Collects the problems of one file."""

    def __init__(self, file: str, lines: Lines) -> None:
        self.file = file
        self.lines = lines
        self.found: list[Problem] = []

    def add(self, path: KeyPath, text: str) -> None:
        """Note a problem of the field at a path."""
        self.found.append(Problem(self.file, self.lines.of(path), field_text(path), text))

    def raise_any(self) -> None:
        """Raise what was found, if anything.

        Raises
        ------
        ScenarioProblemsError
            With every problem noted so far.
        """
        if self.found:
            raise ScenarioProblemsError(self.found)


def field_text(path: KeyPath) -> str:
    """Return a path as it is written: ``("event", 1, "at_s")`` as ``event[1].at_s``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text or "scenario"
