"""What stops a command: one clear line and an exit status."""

from __future__ import annotations


class CommandError(Exception):
    """A command cannot go on; the text is one line that says what is wrong and how to mend it."""


def first_of(error: BaseException) -> BaseException:
    """Return the error itself, or of a group the first one in it that is none."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
