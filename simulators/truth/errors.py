"""What can be wrong with the folder of a run."""

from __future__ import annotations

from simulators.errors import SimulatorError


class RunError(SimulatorError):
    """A folder that does not hold a run, or a line in it that cannot be read; the message names file, line, field."""
