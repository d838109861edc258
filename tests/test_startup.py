"""What it costs to import the package, and to check a program that uses it: measured and shown, with no limit.

A limit would be one machine's. What holds on any machine, such as what an import loads, is held in test_exports.py.
"""

import importlib.util
import json
import os
import statistics
import subprocess
import sys

import pytest

RUNS = 7
STATEMENTS = (
    "import wootiv",
    "from wootiv import calls",
    "from wootiv import AsyncWootiv",
    "from wootiv import Wootiv; Wootiv(api_key='key')",
)
TEN_OPERATIONS = """
from wootiv import AsyncWootiv
from wootiv.types import Contact, NewContact


async def main(client: AsyncWootiv, new: NewContact) -> list[Contact]:
    created = await client.contacts.create(**new)
    await client.contacts.update(created.id, first_name="Ada")
    await client.contacts.retrieve(created.id, fields=["email"])
    await client.contacts.delete(created.id)
    group = await client.contact_group.create(group_name="Readers", workspace_id="w1")
    await client.wspaces.retrieve(group.workspace_id)
    await client.aws.buckets.upload(file=b"letter", path="letters")
    await client.mailbox.stream.retrieve("slug", id="m1")
    await client.auth.login(username="ada", password="engine")
    return [contact async for contact in client.contacts.list(filter="email||$ends||@example.com")]
"""


@pytest.fixture
def show(capsys):
    """Write past what pytest holds back, so that it stands in the log of every run."""

    def show(*lines):
        with capsys.disabled():
            sys.stdout.write("\n    ".join(["", *lines, ""]))

    return show


def cpu_milliseconds(statement):
    """The CPU time that a statement takes in a fresh interpreter."""
    script = f"from time import process_time\nbefore = process_time()\n{statement}\nprint(process_time() - before)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    return float(done.stdout) * 1000


def test_the_cpu_time_of_an_import_is_shown(show):
    for statement in STATEMENTS:
        cpu_milliseconds(statement)  # leaves its bytecode behind
    rounds = [[cpu_milliseconds(statement) for statement in STATEMENTS] for _ in range(RUNS)]
    medians = map(statistics.median, zip(*rounds, strict=True))
    show(
        f"CPU milliseconds in a fresh interpreter, median of {RUNS}:",
        *(f"{one:7.1f}  {name}" for one, name in zip(medians, STATEMENTS, strict=True)),
    )


def test_the_time_that_pyright_takes_for_ten_operations_is_shown(show, tmp_path):
    if importlib.util.find_spec("pyright") is None:
        if os.environ.get("WOOTIV_TESTS_EDITOR") == "1":
            pytest.fail("WOOTIV_TESTS_EDITOR asks for this test, and pyright is not installed")
        pytest.skip("needs pyright, which the environment `types` has")
    seconds = {}
    for name, text in (("an empty file", ""), ("ten operations", TEN_OPERATIONS)):
        file = tmp_path / "program.py"
        file.write_text(text)
        command = [sys.executable, "-m", "pyright", "--pythonpath", sys.executable, "--outputjson", file]
        runs = [
            json.loads(
                subprocess.run(
                    command, cwd=tmp_path, stdout=subprocess.PIPE, text=True, timeout=300, check=False
                ).stdout
            )
            for _ in range(3)
        ]
        assert [run["generalDiagnostics"] for run in runs] == [[]] * 3
        seconds[name] = statistics.median(run["summary"]["timeInSec"] for run in runs)
    show(
        "seconds that pyright takes, by its own account, median of 3:",
        *(f"{one:7.2f}  {name}" for name, one in seconds.items()),
    )
