"""What async tests leave behind: tasks, sockets and memory streams. A test that leaves any fails."""

import asyncio
import contextlib
import functools
import os
import socket
import weakref
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest
import trio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

CLOSING = 5.0
"""Seconds that sockets have to close after a test."""


def pytest_configure(config):
    config.addinivalue_line("markers", "leaves(what): the test leaves something behind, and has to")


def _tasks():
    if trio.lowlevel.in_trio_run():
        return {*_at_and_below(trio.lowlevel.current_root_task())}
    # But for those in which the pytest plugin runs fixtures and tests.
    return {task for task in asyncio.all_tasks() if "TestRunner." not in task.get_coro().__qualname__}


def _at_and_below(task):
    yield task
    for nursery in task.child_nurseries:
        for child in nursery.child_tasks:
            yield from _at_and_below(child)


def _sockets():
    """Inodes of this process's sockets, but for the pairs by which event loops wake themselves."""
    found = set()
    folder = Path("/dev/fd")
    for number in folder.iterdir() if folder.is_dir() else ():
        with contextlib.suppress(OSError):  # closed meanwhile, or no socket
            copy = os.dup(int(number.name))
            try:
                one = socket.socket(fileno=copy)
            except OSError:
                os.close(copy)
                raise
            with one:
                if one.family in (socket.AF_INET, socket.AF_INET6):
                    found.add(os.fstat(copy).st_ino)
    return found


_streams = weakref.WeakSet()


def _noted(kind):
    made = kind.__init__

    @functools.wraps(made)
    def init(self, *args, **given):
        made(self, *args, **given)
        _streams.add(self)

    return init


# Nothing tells of streams, and to look for them among all objects takes 15 ms each time.
for _kind in (MemoryObjectReceiveStream, MemoryObjectSendStream):
    _kind.__init__ = _noted(_kind)


def _open_streams():
    return weakref.WeakSet(one for one in list(_streams) if _is_open(one))


def _is_open(stream):
    counts = stream.statistics()
    return counts.open_receive_streams if isinstance(stream, MemoryObjectReceiveStream) else counts.open_send_streams


@pytest.fixture
async def _nothing_left():
    tasks, sockets, streams = _tasks(), _sockets(), _open_streams()
    yield
    for _ in range(5):  # what was cancelled or closed last is gone a few steps later
        await anyio.lowlevel.checkpoint()
    left = _tasks() - tasks
    assert not left, f"tasks left: {left}"
    left = {*_open_streams()} - {*streams}
    assert not left, f"memory streams left open: {left}"
    with anyio.move_on_after(CLOSING):  # on the other side of a socket, in a server's thread, it takes longer
        while _sockets() - sockets:  # noqa: ASYNC110 - nobody tells of it
            await anyio.sleep(0.01)
    left = _sockets() - sockets
    assert not left, f"sockets left: {left}"


@pytest.fixture(autouse=True)
def _no_async_test_leaves_anything(request):
    if "anyio_backend" in request.fixturenames and not request.node.get_closest_marker("leaves"):
        request.getfixturevalue("_nothing_left")
