"""The fixture of every async test that tells of what the test leaves behind: it sees each kind, on each backend."""

from pathlib import Path

pytest_plugins = ["pytester"]

LEAKING = """
import asyncio
import socket

import anyio
import pytest
import trio
import uvloop

kept = []


async def test_nothing():
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(anyio.lowlevel.checkpoint)
    with socket.socket():
        pass
    for stream in anyio.create_memory_object_stream(1):
        stream.close()


async def test_task(anyio_backend_name):
    if anyio_backend_name == "trio":
        trio.lowlevel.spawn_system_task(trio.sleep_forever)
    else:
        kept.append(asyncio.create_task(asyncio.sleep(60)))


async def test_socket():
    kept.append(socket.socket())


async def test_stream():
    sending, receiving = anyio.create_memory_object_stream(1)
    sending.close()
    kept.append(receiving)


@pytest.mark.virtual_time
async def test_task_on_virtual_time(anyio_backend_name):
    await test_task(anyio_backend_name)


@pytest.mark.leaves("it is allowed to")
async def test_allowed():
    kept.append(socket.socket())


async def test_nothing_of_its_own():
    assert kept
"""


def test_a_test_that_leaves_something_behind_fails_and_no_other(pytester):
    for path in (Path(__file__).with_name("conftest.py"), *Path(__file__).with_name("support").glob("*.py")):
        (pytester.path / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    with (pytester.path / "conftest.py").open("a") as conftest:
        conftest.write("import leaks\nleaks.CLOSING = 0.1\n")
    pytester.makepyfile(LEAKING)
    pytester.makeini("[pytest]\nanyio_mode = auto\npythonpath = .\n")
    done = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-rE")
    done.assert_outcomes(passed=20, errors=11)
    told = [line for line in done.outlines if line.startswith("E ")]
    assert sum("tasks left" in line for line in told) == 5
    assert sum("sockets left" in line for line in told) == 3
    assert sum("memory streams left open" in line for line in told) == 3
