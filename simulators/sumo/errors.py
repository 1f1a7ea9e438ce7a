"""What can be wrong with a SUMO simulation.

``SumoError``
    A configuration, network or run that cannot be used.

    ``SumoMissingError``
        The optional extra is not installed.
    ``SumoFileError``
        A file of incidents with everything that is wrong in it.
"""

from __future__ import annotations

from collections.abc import Sequence

from simulators.errors import SimulatorError


class SumoError(SimulatorError):
    """A configuration, network or run that cannot be used."""


class SumoMissingError(SumoError):
    """A package of the optional extra is not installed."""


class SumoFileError(SumoError):
    """A file with everything that is wrong in it; the text has one line a problem."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)
