"""The door on a socket: an ASGI application, and a server around it (the extra `sandbox`)."""

import socket
import threading
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import contextmanager
from typing import Any

import anyio

from wootiv.sandbox.app import App
from wootiv.sandbox.exchange import Answer, Request

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]


class Asgi:
    """The app as an ASGI application. `latency` is in seconds."""

    def __init__(self, app: App, latency: float = 0.0) -> None:
        self._app = app
        self._latency = latency

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        request = await _read(scope, receive)
        if request is None:
            return  # cut off half-way: no server carries out half a request
        if self._latency:
            await anyio.sleep(self._latency)
        await _write(self._app.handle(request), send)


async def _read(scope: Scope, receive: Receive) -> Request | None:
    pieces: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        pieces.append(message.get("body", b""))
        if not message.get("more_body"):
            break
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    path = scope.get("raw_path") or scope["path"].encode()
    return Request(scope["method"], path.decode(), scope["query_string"].decode("latin-1"), headers, b"".join(pieces))


async def _write(answer: Answer, send: Send) -> None:
    headers = [(name.encode(), value.encode()) for name, value in answer.headers]
    headers.append((b"content-length", str(len(answer.body)).encode()))
    if answer.content_type:
        headers.append((b"content-type", answer.content_type.encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


def listen(port: int, host: str = "127.0.0.1") -> socket.socket:
    """A listening socket; port 0 takes any that is free. Raises `OSError`."""
    listening = socket.create_server((host, port), backlog=512)
    # Inherited by each connection: without it, headers and body sent apart wait 40 ms for each other.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def address(listening: socket.socket) -> str:
    """The base URL of a listening socket."""
    host, port = listening.getsockname()[:2]
    return f"http://{host}:{port}"


def serve(app: App, listening: socket.socket, latency: float = 0.0) -> None:
    """Serve until SIGTERM or Ctrl-C. Raises `ModuleNotFoundError` without the extra `sandbox`."""
    _server(app, latency).run(sockets=[listening])


@contextmanager
def serving(app: App, listening: socket.socket, latency: float = 0.0) -> Generator[str, None, None]:
    """Serve from a thread, as long as the block lasts; gives the base URL."""
    server = _server(app, latency)
    # What connects before the server runs waits in the socket's backlog: nobody has to poll.
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, name="wootiv-sandbox", daemon=True)
    thread.start()
    try:
        yield address(listening)
    finally:
        server.should_exit = True
        thread.join(10)


def _server(app: App, latency: float) -> Any:
    import uvicorn

    config = uvicorn.Config(
        Asgi(app, latency),
        log_level="warning",
        lifespan="off",
        access_log=False,
        timeout_graceful_shutdown=2,
        ws="none",
    )
    return uvicorn.Server(config)
