"""What ran with 0.0.1 runs: its names have their row on the migration page, and the examples of its page do as it said.

The nine programs below are those examples in substance, with the imports that some of them left out. Each runs as a
process of its own, its addresses led to a server here.
"""

import json
import re
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

import wootiv
from wootiv import Sandbox
from wootiv.api.tree import Api
from wootiv.operation import operations_of

TESTS = Path(__file__).parent
PAGE = (TESTS.parent / "docs" / "migration.md").read_text()
NAMES = json.loads((TESTS / "data" / "names-0.0.1.json").read_text())

CREATE = """
from wootiv import Wootiv

client = Wootiv(api_key="my api key", environment="environment_1")

aw = client.aws.create_signed_put_url(filename="sunshine.png")
print(aw.url)
"""

CREATE_ASYNC = """
import asyncio

from wootiv import AsyncWootiv

client = AsyncWootiv(api_key="my api key", environment="environment_1")


async def main():
    aw = await client.aws.create_signed_put_url(filename="sunshine.png")
    print(aw.url)


asyncio.run(main())
"""

LIST = """
from wootiv import Wootiv

client = Wootiv()

all_members = []
for member in client.space.members.list("<id>"):
    all_members.append(member)
print(all_members)
"""

LIST_ASYNC = """
import asyncio

from wootiv import AsyncWootiv

client = AsyncWootiv()


async def main() -> None:
    all_members = []
    async for member in client.space.members.list("<id>"):
        all_members.append(member)
    print(all_members)


asyncio.run(main())
"""

NESTED = """
from wootiv import Wootiv

client = Wootiv()

client.root.retrieve(params={})
"""

ERRORS = """
import wootiv
from wootiv import Wootiv

client = Wootiv()

try:
    client.aws.create_signed_put_url(filename="sunshine.png")
except wootiv.APIConnectionError as e:
    print("unreachable")
    print(repr(e.__cause__))
except wootiv.RateLimitError as e:
    print("too fast")
except wootiv.APIStatusError as e:
    print(e.status_code)
    print(e.response)
"""

RETRIES = """
from wootiv import Wootiv

client = Wootiv(max_retries=0)

client.with_options(max_retries=5).root.retrieve()
"""

TIMEOUTS = """
import httpx
from wootiv import Wootiv

client = Wootiv(timeout=20.0)
assert repr(client._engine.settings.timeout.read) == "20.0"

client = Wootiv(timeout=httpx.Timeout(60.0, read=5.0, write=10.0, connect=2.0))
phases = client._engine.settings.timeout
assert (phases.connect, phases.read, phases.write, phases.pool) == (2.0, 5.0, 10.0, 60.0)

client.with_options(timeout=5 * 1000).root.retrieve()
"""

NETWORK = """
import httpx
from wootiv import Wootiv

client = Wootiv(
    base_url="http://my.test.server.example.com:8083",
    proxies="PROXY",
    transport=httpx.HTTPTransport(local_address="0.0.0.0"),
)
"""


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(rows=5).serving() as url:
        yield url


class Dummy(ThreadingHTTPServer):
    """Answers each request with the next status and JSON, and keeps what was asked."""

    def __init__(self, *answers):
        super().__init__(("127.0.0.1", 0), Answering)
        self.answers = list(answers)
        self.asked = []
        self.url = f"http://127.0.0.1:{self.server_port}"

    def __enter__(self):
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


class Answering(BaseHTTPRequestHandler):
    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.asked.append(self.requestline)
        status, content, *headers = self.server.answers.pop(0)
        body = json.dumps(content).encode()
        self.send_response(status)
        for name, value in (("Content-Type", "application/json"), ("Content-Length", len(body)), *headers):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815 - as http.server calls it

    def log_message(self, *_):
        pass


def run(program, url, *, warnings="error"):
    """Run a program with every environment led to a URL; what it printed, and what it wrote to standard error."""
    redirect = f"import wootiv\nwootiv.ENVIRONMENTS.update(dict.fromkeys(wootiv.ENVIRONMENTS, {url!r}))\n"
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", warnings, "-c", redirect + program],
        env={"WOOTIV_API_KEY": "my-key", "PYTHONSAFEPATH": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    errors = re.sub(r"^Executing <.*> took .* seconds\n", "", done.stderr, flags=re.MULTILINE)  # a slow machine
    return done.stdout, errors


@pytest.mark.parametrize("program", [CREATE, CREATE_ASYNC], ids=["blocking", "async"])
def test_a_call_of_the_old_page_prints_the_address_that_it_asks_for(program, sandbox):
    printed, errors = run(program, sandbox)
    assert printed.startswith("http")
    assert errors == ""


@pytest.mark.parametrize("program", [LIST, LIST_ASYNC], ids=["blocking", "async"])
def test_a_list_of_the_old_page_fetches_page_after_page(program, sandbox):
    one = {"data": [{"id": "u1"}], "count": 1, "total": 2, "page": 1, "pageCount": 2}
    two = {"data": [{"id": "u2"}], "count": 1, "total": 2, "page": 2, "pageCount": 2}
    with Dummy((200, one), (200, two)) as server:
        assert run(program, server.url) == ("[Member(id='u1'), Member(id='u2')]\n", "")
    assert [line.split()[1].partition("?")[0] for line in server.asked] == ["/space/%3Cid%3E/members"] * 2
    with wootiv.Wootiv(base_url=sandbox, api_key="any") as client:
        workspace = client.contacts.list(limit=1).data[0].workspace_id
    assert run(program.replace("<id>", workspace), sandbox)[0].startswith("[Member(id='")


def test_nested_arguments_of_the_old_page_are_taken(sandbox):
    assert run(NESTED, sandbox) == ("", "")


def test_the_error_handling_of_the_old_page_tells_failures_apart(sandbox):
    assert run(ERRORS, sandbox) == ("", "")
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    printed, _ = run(ERRORS, f"http://127.0.0.1:{port}")
    assert printed.startswith("unreachable\nConnectError(")
    with Dummy((429, {}, ("x-should-retry", "false"))) as server:
        assert run(ERRORS, server.url)[0] == "too fast\n"
    with Dummy((403, {"message": "not yours"})) as server:
        printed, _ = run(ERRORS, server.url)
    assert printed.startswith("403\n<APIResponse 403 to POST ")


def test_the_retries_of_the_old_page_are_those_of_the_client_or_of_the_view(sandbox):
    assert run(RETRIES, sandbox) == ("", "")
    then = "\ntry:\n    client.root.retrieve()\nexcept wootiv.InternalServerError as e:\n    print(len(e.attempts))\n"
    with Dummy((503, {}), (200, {}), (503, {})) as server:
        assert run(RETRIES + then, server.url) == ("1\n", "")
    assert len(server.asked) == 3


def test_the_time_limits_of_the_old_page_hold(sandbox):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = "http://127.0.0.1:{1}".format(*silent.getsockname())
        then = f"""
try:
    client.with_options(timeout=0.05, max_retries=1, base_url={address!r}).root.retrieve()
except wootiv.APITimeoutError as e:
    print(len(e.attempts))
"""
        assert run(TIMEOUTS + then, sandbox) == ("2\n", "")


def test_the_proxy_of_the_old_page_is_asked_and_the_client_says_what_is_odd_about_it():
    with Dummy((200, {})) as proxy:
        then = "client.root.retrieve()\n"
        _, errors = run(NETWORK.replace("PROXY", proxy.url) + then, "http://localhost:1", warnings="default")
    assert proxy.asked == ["GET http://my.test.server.example.com:8083/ HTTP/1.1"]
    assert "UserWarning: transport= is never used" in errors
    assert "UserWarning: my.test.server.example.com is asked over plain http" in errors


def rows(module):
    """The table below the heading of a module: what each old name is now."""
    section = PAGE.partition(f"\n### {module}\n")[2].partition("\n### ")[0]
    return dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", section, re.MULTILINE))


@pytest.mark.parametrize("module", NAMES)
def test_every_name_of_the_old_package_has_its_row(module):
    assert list(rows(module)) == NAMES[module]


@pytest.mark.parametrize("module", NAMES)
def test_what_a_row_names_instead_is_there(module):
    for now in rows(module).values():
        if now.startswith(("gone", "none")):
            continue
        for name in re.findall(r"`([A-Z]\w+)`", now.partition(";")[0]):
            assert hasattr(wootiv, name) or hasattr(wootiv.types, name), name


def test_names_that_are_the_same_have_a_row_that_says_so():
    kept = {name for name in NAMES["wootiv"] if hasattr(wootiv, name)}
    assert {name for name, now in rows("wootiv").items() if now.startswith(f"`{name}`")} == kept


def test_the_page_names_every_operation_that_gives_plain_data():
    told = re.search(r"plain data comes from (.+?), and in", PAGE)
    plain = {name for name, operation in operations_of(Api) if operation.declaration.answer is Any}
    assert set(re.findall(r"`([\w.]+)`", told[1])) == plain
