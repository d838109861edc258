"""Backends, virtual time, and one way to hold a promise against both clients."""

import asyncio
import selectors
import socket
from collections.abc import AsyncIterable, Awaitable, Callable

import anyio
import httpx
import pytest
import trio.testing
from hypothesis import settings

from wootiv import AsyncWootiv, Sandbox, Wootiv

pytest_plugins = ["leaks", "watched"]  # of tests/support

settings.register_profile("untimed", deadline=None)  # how long an example takes is the machine's business
settings.load_profile("untimed")

ADDRESS = "http://wootiv.test"


class _JumpSelector(selectors.DefaultSelector):
    """Where a loop would sleep, its clock jumps; only for threads and sockets does it really wait."""

    def __init__(self):
        super().__init__()
        self.now = 0.0

    def select(self, timeout=None):
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            return super().select(None)
        self.now += timeout
        return []


class JumpLoop(asyncio.SelectorEventLoop):
    """An asyncio loop on virtual time."""

    def __init__(self):
        self._jumping = _JumpSelector()
        super().__init__(self._jumping)

    def time(self):
        return self._jumping.now + 1e-9


BACKENDS = {
    "asyncio": ("asyncio", {}),
    "uvloop": ("asyncio", {"use_uvloop": True}),
    "trio": ("trio", {}),
}
VIRTUAL = {
    "asyncio-virtual": lambda: ("asyncio", {"loop_factory": JumpLoop}),
    "trio-virtual": lambda: ("trio", {"clock": trio.testing.MockClock(autojump_threshold=0)}),
}


def pytest_configure(config):
    config.addinivalue_line("markers", "virtual_time: the loop's clock jumps over every wait (no sockets, no threads)")


def pytest_generate_tests(metafunc):
    if "anyio_backend" in metafunc.fixturenames:
        virtual = metafunc.definition.get_closest_marker("virtual_time")
        metafunc.parametrize("anyio_backend", VIRTUAL if virtual else BACKENDS, indirect=True)


@pytest.fixture
def anyio_backend(request):
    return VIRTUAL[request.param]() if request.param in VIRTUAL else BACKENDS[request.param]


@pytest.fixture(autouse=True)
def _no_surroundings(monkeypatch):
    """Neither proxies nor keys of whoever runs the tests."""
    for name in (
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "NO_PROXY",
        "WOOTIV_API_KEY",
        "WOOTIV_BASE_URL",
        "WOOTIV_LOG",
    ):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def sandbox():
    return Sandbox(rows=250)


class Face:
    """One of the clients on one of the backends: a promise is written once, and holds for all of them.

    `face(do, **options)` makes a client, calls `do(client)`, resolves what it gives (an answer, or all items of a
    list), and closes the client. `face.session(do, **options)` is for more than one call: `do(client, get)` where
    `get(thing)` resolves.
    """

    def __init__(self, name, backend):
        self.name = name
        self._backend = backend

    def __repr__(self):
        return self.name

    def __call__(self, do: Callable, **options):
        return self.session(lambda client, get: get(do(client)), **options)

    def session(self, do: Callable, **options):
        raise NotImplementedError

    def with_sandbox(self, do: Callable, sandbox: Sandbox, **options):
        return self(do, transport=sandbox.transport(), **options)


class AsyncFace(Face):
    def session(self, do, **options):
        """`do` runs in a worker thread, so that it can be written as plain code."""

        async def main():
            async with AsyncWootiv(**{"api_key": "key", "base_url": ADDRESS, **options}) as client:
                return await anyio.to_thread.run_sync(
                    do, client, lambda thing: anyio.from_thread.run(self._resolve, thing)
                )

        return anyio.run(main, backend=self._backend)

    @staticmethod
    async def _resolve(thing):
        if isinstance(thing, AsyncIterable):
            return [item async for item in thing]
        return await thing if isinstance(thing, Awaitable) else thing


class BlockingFace(Face):
    def session(self, do, **options):
        with Wootiv(**{"api_key": "key", "base_url": ADDRESS, "backend": self._backend, **options}) as client:
            return do(client, lambda thing: list(thing) if hasattr(thing, "get_next_page") else thing)


FACES = [
    AsyncFace("async-asyncio", "asyncio"),
    AsyncFace("async-trio", "trio"),
    BlockingFace("blocking-asyncio", "asyncio"),
    BlockingFace("blocking-trio", "trio"),
]


@pytest.fixture(params=FACES, ids=repr)
def face(request):
    """Each client on each backend."""
    return request.param


class Recorder:
    """A transport that answers as told and keeps what it was asked. Answers are responses, errors to raise, or
    functions of the request; the last one is repeated."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []

    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self.answer)

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        if callable(answer):
            return answer(request)
        # A response is spent once it is read: each request gets one of its own.
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)


@pytest.fixture
def recorder():
    """Make a `Recorder`."""
    return Recorder


@pytest.fixture
def contact():
    """The arguments of a contact to create."""
    return {
        "contact_group_id": "g1",
        "email": "ada@example.com",
        "first_name": "Ada",
        "last_name": "Lovelace",
        "metadata": {"likes": ["engines"]},
        "phone_number": "+44 1",
        "workspace_id": "w1",
    }


@pytest.fixture
def unused_address():
    """A base URL at which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    return f"http://127.0.0.1:{port}"
