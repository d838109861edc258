"""What the pages show runs, and does so against the sandbox; what they link to is there; all is documented."""

import argparse
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import msgspec
import pytest

import wootiv
from wootiv import Sandbox, cli
from wootiv.api.tree import Api
from wootiv.call import Options
from wootiv.cursor import Kind
from wootiv.engine.settings import ClientOptions, WithOptions
from wootiv.operation import operations_of

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
REFERENCE = DOCS / "reference"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
OPERATIONS = dict(operations_of(Api))
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
    errors = re.sub(r"^Executing <.*> took .* seconds\n", "", done.stderr, flags=re.MULTILINE)  # a slow machine
    assert (done.returncode, errors) == (0, "")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_a_page_links_only_to_what_is_there(page):
    links = re.findall(r"\]\((?!https?://)([^)#]+)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_site_has_every_page_in_its_menu():
    def pages(entry):
        if isinstance(entry, str):
            return [entry]
        return [page for below in (entry.values() if isinstance(entry, dict) else entry) for page in pages(below)]

    menu = tomllib.loads((ROOT / ".zensical.toml").read_text())["project"]["nav"]
    assert sorted(pages(menu)) == sorted(page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md"))


def test_the_reference_is_what_the_declarations_say(tmp_path):
    subprocess.run([sys.executable, DOCS / "write_reference", tmp_path], check=True, timeout=60, capture_output=True)
    made, written = ({page.name: page.read_text() for page in folder.glob("*.md")} for folder in (tmp_path, REFERENCE))
    stale = [name for name in made.keys() | written.keys() if made.get(name) != written.get(name)]
    assert stale == [], "run: python docs/write_reference"


def section(heading):
    """What stands below a heading of the reference, up to the next one of its level."""
    level = heading.partition(" ")[0]
    found = [
        text.partition(f"\n{heading}\n")[2]
        for page in sorted(REFERENCE.glob("*.md"))
        if f"\n{heading}\n" in (text := page.read_text())
    ]
    assert len(found) == 1, f"{heading}: {len(found)} sections"
    return re.split(rf"\n#{{1,{len(level)}}} ", found[0])[0]


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_is_documented(name):
    operation = OPERATIONS[name]
    text = section(f"### {name}")
    assert operation.__doc__.strip().splitlines()[0] in text
    assert f"`{operation.method} {operation.template}`" in text
    assert f"client.{name}(" in text
    own = [argument for argument in operation.declaration.fields if argument not in Options.__annotations__]
    assert [argument for argument in own if f"| `{argument}` |" not in text] == []
    assert f"#{name.replace('.', '')})<br>" in (REFERENCE / "operations.md").read_text()


@pytest.mark.parametrize("name", wootiv.types.__all__)
def test_every_shape_and_dictionary_is_documented_with_its_fields(name):
    kind = getattr(wootiv.types, name)
    text = section(f"## {name}")
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        assert [field for field in kind.__struct_fields__ if f"| `{field}` |" not in text] == []
    else:
        keys = getattr(kind, "__annotations__", {}).keys() - Options.__annotations__.keys()
        assert [key for key in keys if f"| `{key}` |" not in text] == []


def test_every_command_is_documented_with_its_options():
    def commands(parser):
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                for name, below in action.choices.items():
                    yield name, below
                    yield from ((f"{name} {more}", parser) for more, parser in commands(below))

    found = dict(commands(cli._parser()))
    assert found
    for name, parser in found.items():
        text = section(f"## {name}")
        named = [action.option_strings for action in parser._actions if not isinstance(action, argparse._HelpAction)]
        assert [options for options in named if f"`{', '.join(options)}`" not in text and options] == []


@pytest.mark.parametrize("name", sorted({*wootiv.__all__} - {"Options"}))
def test_every_public_name_is_documented(name):
    assert section(f"## {name}").strip()


def test_every_setting_is_documented():
    text = (REFERENCE / "settings.md").read_text()
    options = ClientOptions.__annotations__ | WithOptions.__annotations__ | Options.__annotations__
    assert [name for name in options if f"| `{name}` |" not in text] == []


@pytest.mark.parametrize("kind", [*Kind.__args__, None])
def test_every_list_stands_beside_its_kind(kind):
    row = next(
        line
        for line in (REFERENCE / "lists.md").read_text().splitlines()
        if line.startswith(f"| `{kind}` |" if kind else "| plain |")
    )
    lists = {name for name, one in OPERATIONS.items() if one.kind or name.endswith(".list")}
    assert set(re.findall(r"\[`([\w.]+)`\]", row)) == {name for name in lists if OPERATIONS[name].kind == kind}


def test_the_readme_names_every_setting_of_the_clients():
    text = (ROOT / "README.md").read_text()
    assert [name for name in ClientOptions.__annotations__ if f"`{name}`" not in text] == []
