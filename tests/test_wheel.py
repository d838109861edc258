"""What the tests import is the wheel that users install, whole and nothing else."""

import importlib.metadata
import os
import sysconfig
import tomllib
from pathlib import Path

import pytest

import wootiv

ROOT = Path(__file__).resolve().parents[1]

# tox installs the wheel and says so; who runs pytest on an editable install has none to look at.
on_the_wheel = pytest.mark.skipif(os.environ.get("WOOTIV_TESTS_WHEEL") != "1", reason="tox runs it, on the wheel")


@on_the_wheel
def test_the_package_under_test_is_the_installed_one() -> None:
    assert Path(wootiv.__file__).is_relative_to(sysconfig.get_path("purelib"))


@on_the_wheel
def test_the_wheel_holds_the_package_and_nothing_else() -> None:
    installed = {
        file.as_posix()
        for file in importlib.metadata.files("wootiv") or []
        if "__pycache__" not in file.parts and not file.parts[0].endswith(".dist-info")
    }
    written = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "wootiv").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert installed == written


def test_the_version_is_the_one_in_pyproject() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert wootiv.__version__ == project["version"]
