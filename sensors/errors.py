"""What can be wrong with a message from a device.

``DecodeError``
    The one kind of error that a codec raises: it names the field, what was expected and what was there.
"""

from __future__ import annotations


class DecodeError(ValueError):
    """A message that does not fit the wire protocol.

    Parameters
    ----------
    field
        Path of the field, such as ``lanes[0].speed_kmh``, ``topic`` or ``payload``.
    problem
        What was expected and what was there, in plain words.
    """

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem
