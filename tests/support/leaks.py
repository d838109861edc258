"""What async tests leave behind: tasks, sockets and memory streams. A test that leaves any fails."""

import asyncio
import contextlib
import gc
import os
import socket
import sys
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


_STREAMS = (MemoryObjectReceiveStream, MemoryObjectSendStream)
_without_streams = []


def _open_streams():
    # Each instance holds its class: where those are held as often as without any, nothing has to be looked through.
    counts = [sys.getrefcount(kind) for kind in _STREAMS]
    if counts == _without_streams:
        return set()
    alive = {one for one in gc.get_objects() if type(one) in _STREAMS}
    if not alive:
        _without_streams[:] = counts
    return {one for one in alive if _is_open(one)}


def _is_open(stream):
    counts = stream.statistics()
    return counts.open_receive_streams if isinstance(stream, MemoryObjectReceiveStream) else counts.open_send_streams


@pytest.fixture
def _no_stream_left():
    before = _open_streams()
    yield
    left = _open_streams() - before
    assert not left, f"memory streams left open: {left}"


@pytest.fixture
async def _no_task_or_socket_left(_no_stream_left):
    tasks, sockets = _tasks(), _sockets()
    yield
    for _ in range(5):  # what was cancelled or closed last is gone a few steps later
        await anyio.lowlevel.checkpoint()
    left = _tasks() - tasks
    assert not left, f"tasks left: {left}"
    with anyio.move_on_after(CLOSING):  # on the other side of a socket, in a server's thread, it takes longer
        while _sockets() - sockets:
            await anyio.sleep(0.01)  # noqa: ASYNC110 - nobody tells of it
    left = _sockets() - sockets
    assert not left, f"sockets left: {left}"


@pytest.fixture(autouse=True)
def _no_async_test_leaves_anything(request):
    if "anyio_backend" in request.fixturenames and not request.node.get_closest_marker("leaves"):
        request.getfixturevalue("_no_task_or_socket_left")
