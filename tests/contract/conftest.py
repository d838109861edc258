"""Servers that others wrote, to hold the client against: Prism, and the engine that the service is made of.

Collected only if WOOTIV_TESTS_CONTRACT is set, as `tox run -e contract` does: they want Node.js 18, npm and bash.
Their packages go to the folder WOOTIV_TESTS_NODE, and stay there.
"""

import functools
import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

collect_ignore_glob = [] if os.environ.get("WOOTIV_TESTS_CONTRACT") else ["*"]

TESTS = Path(__file__).parents[1]
REFSERVER = TESTS / "refserver"
INSTALL = ("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")


@pytest.fixture(scope="session")
def node_packages():
    """The folder in which each server has a folder of its packages."""
    if missing := [name for name in ("node", "npm", "bash") if shutil.which(name) is None]:
        pytest.exit(f"these tests want Node.js 18 or later, npm and bash; not found: {', '.join(missing)}", 2)
    home = Path(os.environ.get("WOOTIV_TESTS_NODE") or Path.home() / ".cache" / "wootiv-tests")
    home.mkdir(parents=True, exist_ok=True)
    return home


@contextmanager
def _started(command, ready, **options):
    """Start a server, give its address once it says that it is ready, end it afterwards.

    It ends with its standard input too, so that it does not outlive a test run that was killed.
    """
    pipe = subprocess.PIPE
    environment = {**os.environ, **options}
    with subprocess.Popen(
        command, env=environment, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, text=True
    ) as process:
        too_long = threading.Timer(60, process.kill)
        rest = threading.Thread(target=process.stdout.read)  # else a server that writes much comes to a stop
        too_long.start()
        try:
            heard = ""
            while not (found := re.search(ready, heard)):
                line = process.stdout.readline()
                assert line, f"{command[0]} ended with {process.wait()}:\n{heard}"
                heard += line
            too_long.cancel()
            rest.start()
            yield f"http://127.0.0.1:{found[1]}"
        finally:
            too_long.cancel()
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
            if rest.ident:
                rest.join()


def _installed(folder, home):
    """Install what a folder's lock file names, once, and give the folder where it is."""
    lock = hashlib.sha256((folder / "package-lock.json").read_bytes()).hexdigest()[:12]
    place = home / f"{folder.name}-{lock}"
    if not place.is_dir():
        with tempfile.TemporaryDirectory(dir=home, ignore_cleanup_errors=True) as stage:
            for name in ("package.json", "package-lock.json"):
                shutil.copy(folder / name, stage)
            subprocess.run(INSTALL, cwd=stage, stdin=subprocess.DEVNULL, timeout=300, check=True)
            if not place.exists():  # another test run may have been quicker
                Path(stage).rename(place)  # in one step, so that a half-done install is never used
    return place


def _closed(description):
    """The description, with no field allowed in a body that it does not name: as published, any is."""
    for methods in description["paths"].values():
        for operation in methods.values():
            for content in operation.get("requestBody", {}).get("content", {}).values():
                content["schema"]["additionalProperties"] = False
    return description


@pytest.fixture(scope="session")
def prism(node_packages, tmp_path_factory):
    """The address of a Prism that serves our copy of the API description, and refuses what does not fit it."""
    folder = Path(__file__).parent / "prism"
    cli = _installed(folder, node_packages) / "node_modules/@stoplight/prism-cli/dist/index.js"
    description = tmp_path_factory.mktemp("prism") / "openapi.json"
    published = json.loads((TESTS / "data" / "openapi.json").read_text(encoding="utf-8"))
    description.write_text(json.dumps(_closed(published)), encoding="utf-8")
    command = ["node", "--require", folder / "end_with_stdin.js", cli, "mock", "--errors", "--port", "0", description]
    with _started(command, r"Prism is listening on http://127\.0\.0\.1:(\d+)") as address:
        yield address


@pytest.fixture(scope="session")
def _engine_home(node_packages):
    """Where the engine's packages are installed; below it, the folder that `setup.sh` prints."""
    home = node_packages / "refserver"
    options = {**os.environ, "REFSERVER_HOME": str(home)}
    done = subprocess.run(
        [REFSERVER / "setup.sh"], env=options, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, timeout=300,
        check=True,
    )  # fmt: skip
    return home, Path(done.stdout.splitlines()[-1])


@pytest.fixture(scope="session")
def engine(_engine_home):
    """Start a reference server with options of its README; give its address. It lasts as long as the test run."""
    options = {"REFSERVER_HOME": str(_engine_home[0]), "PORT": "0", "WATCH_STDIN": "1"}
    return lambda **given: _started([REFSERVER / "run.sh"], r"ready on (\d+)\n", **options, **given)


@pytest.fixture(scope="session")
def read_query(_engine_home):
    """Ask the engine's own parser, in one process for the whole test run, what it makes of a query string."""
    environment = {**os.environ, "NODE_PATH": str(_engine_home[1] / "node_modules")}
    command = ["node", Path(__file__).parent / "read_queries.js"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, text=True, encoding="utf-8") as process:

        def read(query):
            process.stdin.write(f"{json.dumps(query)}\n")
            process.stdin.flush()
            answer = process.stdout.readline()
            assert answer, f"the parser ended with {process.wait()} at {query!r}"
            return json.loads(answer)

        yield read
        process.stdin.close()
        process.wait(10)


@pytest.fixture(scope="session")
def _refserver(engine):
    with engine() as address:
        yield address


def reset(address, rows=250):
    """Have a reference server hold its first rows again."""
    httpx.post(f"{address}/__reset", json={"rows": rows}).raise_for_status()


@pytest.fixture
def refserver(_refserver):
    """The address of a reference server that holds its first rows."""
    reset(_refserver)
    return _refserver


@pytest.fixture
def large_refserver(_refserver):
    """The same with 1,234 contacts, more than twice as many as it gives at once."""
    reset(_refserver, 1234)
    return _refserver


@pytest.fixture(scope="session")
def seeded():
    """Read the rows that a reference server holds at first, by name of the table."""

    @functools.cache
    def rows(entity, count=250):
        command = ["node", REFSERVER / "seed.js", "--rows", str(count), "--entity", entity]
        lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        return [json.loads(line) for line in lines.splitlines()]

    return rows
