"""What the pages show runs, and does so against the sandbox; what they link to is there."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from wootiv import Sandbox

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCKS = [
    pytest.param(block, id=f"{page.relative_to(ROOT).as_posix()}-{number}")
    for page in PAGES
    for number, block in enumerate(re.findall(r"^```python\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL), 1)
]


@pytest.fixture(scope="module")
def served():
    with Sandbox(rows=1_000).serving() as url:
        yield url


@pytest.mark.parametrize("block", BLOCKS)
def test_a_block_of_python_runs_silently_without_closing_anything(block, served, tmp_path):
    environment = {"WOOTIV_BASE_URL": served, "WOOTIV_API_KEY": "any-key", "PYTHONSAFEPATH": "1"}
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", block]
    done = subprocess.run(
        command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_a_page_links_only_to_what_is_there(page):
    links = re.findall(r"\]\((?!https?://)([^)#]+)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_readme_names_every_setting_of_the_clients():
    from wootiv.engine.settings import ClientOptions

    text = (ROOT / "README.md").read_text() + (ROOT / "docs" / "clients.md").read_text()
    assert [name for name in ClientOptions.__annotations__ if f"`{name}`" not in text] == []
