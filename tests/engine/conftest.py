"""A server of bare sockets that does as it is told, and ways to watch what it meets."""

import asyncio
import threading
from contextlib import contextmanager, suppress
from typing import NamedTuple

import pytest

HANG = object()
"""In an answer: say no more, until the client goes away."""


class Asked(NamedTuple):
    method: str
    target: str
    headers: dict[str, str]
    body: bytes


def reply(body=b"{}", status="200 OK", **headers):
    """The bytes of an answer."""
    lines = {"content-type": "application/json", "content-length": str(len(body))}
    lines |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value is not None)
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body


class Server:
    """Answers each request with what `answer(asked)` gives: bytes, or a list of bytes, seconds to wait, and HANG.

    `None` at the end of a list hangs up.
    """

    def __init__(self, answer):
        self.answer = answer
        self.asked: list[Asked] = []
        self.accepted = 0
        self.open = 0
        self.changed = threading.Condition()
        self.url = ""

    def wait_until(self, ready, seconds=5.0):
        """Wait in real time until `ready(self)`; what the server sees lags behind what the client does."""
        with self.changed:
            return self.changed.wait_for(lambda: ready(self), seconds)

    def _count(self, accepted, change):
        with self.changed:
            self.accepted += accepted
            self.open += change
            self.changed.notify_all()

    async def connected(self, reader, writer):
        self._count(1, 1)
        try:
            while asked := await self._read(reader):
                with self.changed:
                    self.asked.append(asked)
                    self.changed.notify_all()
                if not await self._write(self.answer(asked), reader, writer):
                    break
        except ConnectionError:
            pass
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()  # close() alone only asks for it: the client would not see it yet
            self._count(0, -1)

    async def _read(self, reader):
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        except asyncio.IncompleteReadError:
            return None
        first, *lines = head.split("\r\n")[:-2]
        method, target, _ = first.split(" ")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        while headers.get("transfer-encoding") == "chunked":
            size = int(await reader.readuntil(b"\r\n"), 16)
            body += (await reader.readexactly(size + 2))[:-2]
            if not size:
                break
        return Asked(method, target, headers, body)

    async def _write(self, answer, reader, writer):
        for step in answer if isinstance(answer, list) else [answer]:
            if step is None:
                return False
            if step is HANG:
                await reader.read()
                return False
            if isinstance(step, bytes):
                writer.write(step)
                await writer.drain()
            else:
                await asyncio.sleep(step)
        return True


@contextmanager
def running(server):
    started = threading.Event()
    loop = asyncio.new_event_loop()

    async def main():
        listening = await asyncio.start_server(server.connected, "127.0.0.1", 0, backlog=512)
        host, port = listening.sockets[0].getsockname()
        server.url = f"http://{host}:{port}"
        started.set()
        async with listening:
            await stopped.wait()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    stopped = asyncio.Event()
    thread = threading.Thread(target=lambda: (loop.run_until_complete(main()), loop.close()), daemon=True)
    thread.start()
    started.wait(5)
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(stopped.set)
        thread.join(5)


@pytest.fixture
def serve():
    """Start a `Server` with an answer: `with serve(lambda asked: reply()) as server`."""
    return lambda answer: running(Server(answer))


@pytest.fixture
def reply_bytes():
    """Make the bytes of an answer."""
    return reply


@pytest.fixture
def hang():
    """What an answer holds where it says no more."""
    return HANG
