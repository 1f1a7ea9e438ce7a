"""What can be wrong with a simulated region.

``SimulatorError``
    Base of all.

    ``ScenarioError``
        A scenario's file does not hold a scenario, or the region has no place for what it asks.
    ``TransportError``
        The address of the broker is not one.
"""

from __future__ import annotations


class SimulatorError(ValueError):
    """Base of what can be wrong with a simulated region."""


class ScenarioError(SimulatorError):
    """A scenario that cannot be read, or that has no place in the region."""


class TransportError(SimulatorError):
    """An address of a broker that cannot be used."""
