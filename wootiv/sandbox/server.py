"""The door on a socket: an ASGI application, and a server around it (the extra `sandbox`)."""

import signal
import socket
import threading
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import contextmanager
from typing import Any

import anyio

from wootiv.message import Headers
from wootiv.sandbox.exchange import Request
from wootiv.sandbox.faults import Delivery
from wootiv.sandbox.gate import Gate

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]

_HANG_UP = "wootiv.hang_up"
_LARGEST_HEAD = 1 << 20
"""Bytes that are read of a head before the server gives up; what is too large for the service is answered earlier."""


class Asgi:
    """The sandbox as an ASGI application. It wants a server that lets it hang up, which ASGI has no word for."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        request = await _read(scope, receive)
        if request is None:
            return  # cut off half-way: no server carries out half a request
        visit = self._gate.arrive(request, anyio.current_time())
        if await _gone_within(visit.before, receive):
            return
        delivery = visit.act()
        if await _gone_within(visit.after, receive):
            return
        if delivery is not None:
            visit.answered(delivery.answer.status)
            await _write(delivery, receive, send)
        if delivery is None or delivery.torn:
            scope["extensions"][_HANG_UP]()
            await _gone(receive)  # else the server takes it for an oversight of ours, and answers 500


async def _gone_within(seconds: float, receive: Receive) -> bool:
    """Wait; whether the caller went away meanwhile."""
    if not seconds:
        return False  # noqa: ASYNC910 - a wait of no time: what reads before it and writes after it checkpoints
    with anyio.move_on_after(seconds):
        await _gone(receive)
        return True
    return False


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _read(scope: Scope, receive: Receive) -> Request | None:
    pieces: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        pieces.append(message.get("body", b""))
        if not message.get("more_body"):
            break
    headers = Headers((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"])
    path = scope.get("raw_path") or scope["path"].encode()
    return Request(scope["method"], path.decode(), scope["query_string"].decode("latin-1"), headers, b"".join(pieces))


async def _write(delivery: Delivery, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": delivery.answer.status, "headers": delivery.headers()})
    pieces = delivery.pieces()
    for left, piece in zip(range(len(pieces) - 1, -1, -1), pieces, strict=True):
        if await _gone_within(delivery.pause, receive):
            return
        await send({"type": "http.response.body", "body": piece, "more_body": delivery.torn or left > 0})


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


def serve(gate: Gate, listening: socket.socket, begin: Callable[[], object]) -> None:
    """Serve until SIGTERM or Ctrl-C, from when `begin` is called. `ModuleNotFoundError` without the extra `sandbox`."""
    server = _server(gate)
    # Its own handlers come too late, and send the signal on once it has ended: to these, which then do nothing more.
    for one in (signal.SIGINT, signal.SIGTERM):
        signal.signal(one, server.handle_exit)
    begin()
    server.run(sockets=[listening])


@contextmanager
def serving(gate: Gate, listening: socket.socket) -> Generator[str, None, None]:
    """Serve from a thread, as long as the block lasts; gives the base URL."""
    server = _server(gate)
    # What connects before the server runs waits in the socket's backlog: nobody has to poll.
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, name="wootiv-sandbox", daemon=True)
    thread.start()
    try:
        yield address(listening)
    finally:
        server.should_exit = True
        thread.join(10)


def _server(gate: Gate) -> Any:
    import uvicorn

    config = uvicorn.Config(
        Asgi(gate),
        log_level="warning",
        lifespan="off",
        access_log=False,
        timeout_graceful_shutdown=2,
        h11_max_incomplete_event_size=_LARGEST_HEAD,
        ws="none",
    )
    config.load()
    config.http_protocol_class = _with_hang_up(config.http_protocol_class)
    return uvicorn.Server(config)


def _with_hang_up(protocol: Any) -> Any:
    """A server's protocol, and with it a way for the application to close the connection.

    When the server ends it hangs up, so that no answer that is still to come holds the end up.
    """

    def connection_made(self: Any, transport: Any) -> None:
        protocol.connection_made(self, transport)
        serve = self.app

        async def with_hang_up(scope: dict[str, Any], receive: Receive, send: Send) -> None:
            scope.setdefault("extensions", {})[_HANG_UP] = transport.close
            await serve(scope, receive, send)

        self.app = with_hang_up

    def shutdown(self: Any) -> None:
        self.transport.abort()  # to the application: the caller has gone

    return type("Protocol", (protocol,), {"connection_made": connection_made, "shutdown": shutdown})
