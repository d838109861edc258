"""An operation is added in five lines, and is then everywhere: the promise that the whole design is built for."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import wootiv

NEW = '''\
    @GET("/contacts/{id}/card")
    def card(self, id: str, **read: Unpack[Read]) -> Contact:
        """Fetch what is printed on a contact's card."""
        ...

'''
BEFORE = '    @PATCH("/contacts/{id}")\n'  # not after `list`, whose name hides the type that later annotations mean
USE = """\
import inspect

import anyio

import wootiv
from wootiv import Call, Sandbox, calls
from wootiv.api.tree import Api
from wootiv.operation import operations_of
from wootiv.types import Contact

sandbox = Sandbox()
assert "contacts.card" in dict(operations_of(Api))

call = calls.contacts.card("a/b", fields=["email"])
assert isinstance(call, Call)
assert (call.method, call.path, call.query) == ("GET", "/contacts/a%2Fb/card", (("fields", "email"),)), call

with sandbox.client() as client:
    answer = client.contacts.card("1")
    assert isinstance(answer, Contact)
    assert isinstance(answer.email, str)
    assert client.send(call).parse() == answer
    doc = inspect.getdoc(client.contacts.card).partition("\\n")[0]
    assert doc == "Fetch what is printed on a contact's card.", doc
    signature = inspect.signature(client.contacts.card)
    names = list(signature.parameters)
    assert names[0] == "id", names
    assert set(names) >= {"fields", "join", "timeout", "max_retries"}, names
    assert signature.return_annotation is Contact
    assert "card" in dir(client.contacts)
    try:
        client.contacts.card("1", feilds=["email"])
    except TypeError as error:
        assert "contacts.card" in str(error), error
        assert "'fields'" in str(error), error
    else:
        raise AssertionError("a misspelt keyword was taken")


async def main():
    async with sandbox.async_client() as client:
        assert await client.contacts.card("1") == answer
        assert list(inspect.signature(client.contacts.card).parameters) == names


anyio.run(main, backend="asyncio")
anyio.run(main, backend="trio")
print(wootiv.__file__)
"""


@pytest.fixture
def package(tmp_path):
    """A copy of the package, of which the tests may change the files."""
    copy = tmp_path / "wootiv"
    shutil.copytree(Path(wootiv.__file__).parent, copy, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


def run(package, program):
    """What a program prints that finds the copy in place of the package."""
    return subprocess.run(
        [sys.executable, "-P", "-c", program],
        env={**os.environ, "PYTHONPATH": str(package.parent), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_an_operation_is_added_in_five_lines_and_found_everywhere(package):
    page = package / "api" / "contacts.py"
    before = page.read_text(encoding="utf-8")
    assert before.count(BEFORE) == 1
    page.write_text(before.replace(BEFORE, NEW + BEFORE), encoding="utf-8")
    added = page.read_text(encoding="utf-8").splitlines()
    for line in before.splitlines():
        added.remove(line)
    assert len(added) == 5

    done = run(package, USE)
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).parent.samefile(package)


def test_without_the_five_lines_the_operation_is_not_there(package):
    done = run(package, USE)
    assert done.returncode != 0
    assert "AssertionError" in done.stderr
