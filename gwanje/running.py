"""What commands share: settings, regions and asyncio programs that end on a signal or with their parent."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from config.catalogue.errors import RegionError
from config.catalogue.model import Catalogue
from config.catalogue.prepare import prepare_region
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


def region_of(settings: Settings) -> Catalogue:
    """Load or generate the region.

    Raises
    ------
    CommandError
        If it is unknown or wrong.
    """
    try:
        return prepare_region(settings.region, settings.data_path / "regions")
    except RegionError as exc:
        raise CommandError(f"region {settings.region}: {exc}") from None
    except OSError as exc:
        raise CommandError(f"region {settings.region}: cannot be kept in {settings.data_path} ({exc})") from None


def data_folder(settings: Settings) -> Path:
    """Make the data folder and return it.

    Raises
    ------
    CommandError
        If it cannot be made.
    """
    path = settings.data_path
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as exc:
        raise CommandError(f"data folder {path}: {exc.strerror}; choose another with --data-dir") from None
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
