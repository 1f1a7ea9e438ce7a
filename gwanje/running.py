"""What commands share: settings, folders and asyncio programs that end on a signal or with their parent.

Imported by every command, also by those that only start others: nothing heavy belongs here.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from config.settings import Settings, SettingsError, load_settings
from gwanje.embedded.lifeline import watch_lifeline
from gwanje.errors import CommandError


def settings_from(parsed: argparse.Namespace) -> Settings:
    """Read settings; options given on the command line win.

    Raises
    ------
    CommandError
        If a setting cannot be used.
    """
    names = set(Settings.__struct_fields__)
    given = {name: value for name, value in vars(parsed).items() if name in names}
    try:
        return load_settings(os.environ, **given)
    except SettingsError as exc:
        raise CommandError(str(exc)) from None


def check_seed(seed: int | None) -> None:
    """Hold a seed given on the command line against what the simulators take.

    Raises
    ------
    CommandError
        If it is none of theirs.
    """
    if seed is not None and not 0 <= seed < 2**32:
        raise CommandError(f"--seed: expected a whole number from 0 to {2**32 - 1}, was {seed}")


def data_folder(settings: Settings) -> Path:
    """Make the data folder and return it.

    Raises
    ------
    CommandError
        If it cannot be made or written to.
    """
    path = settings.data_path
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = path / f".probe-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as exc:
        problem = (exc.strerror or str(exc)).lower()
        raise CommandError(
            f"data folder {path}: expected a folder that can be written to, was not ({problem}); "
            "choose another with --data-dir"
        ) from None
    return path


def run_until_signal(program: Callable[[asyncio.Event], Coroutine[Any, Any, None]]) -> None:
    """Run an asyncio program that ends when the event is set: by SIGINT, SIGTERM or the end of the parent process."""

    async def guarded() -> None:
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stopping.set)
        watch_lifeline(stopping.set)
        await program(stopping)

    asyncio.run(guarded())
