"""The door in process: an httpx transport with no sockets, for both backends and for blocking code."""

import time
from collections.abc import AsyncIterator, Iterator

import anyio
import anyio.lowlevel
import httpx

from wootiv.message import Headers
from wootiv.sandbox.exchange import Request
from wootiv.sandbox.faults import Delivery
from wootiv.sandbox.gate import Gate, Visit


class SandboxTransport(httpx.AsyncBaseTransport, httpx.BaseTransport):
    """Hands requests to the sandbox. Its waits are silence, which the limit of reading limits."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request."""
        await request.aread()
        visit = self._gate.arrive(_request(request), anyio.current_time())
        silence = _Silence(request)
        await anyio.sleep(silence.add(visit.before))  # cancelled here, it has had no effect
        silence.end_if_too_long()
        delivery = visit.act()
        if visit.after:
            await anyio.sleep(silence.add(visit.after))  # cancelled here, it has had its effect
            silence.end_if_too_long()
        return _response(visit, delivery, request)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request, blocking."""
        request.read()
        visit = self._gate.arrive(_request(request), time.monotonic())
        silence = _Silence(request)
        time.sleep(silence.add(visit.before))
        silence.end_if_too_long()
        delivery = visit.act()
        time.sleep(silence.add(visit.after))
        silence.end_if_too_long()
        return _response(visit, delivery, request)


class _Silence:
    """How long nothing has come, held against the limit that the request sets."""

    def __init__(self, request: httpx.Request) -> None:
        self._request = request
        self._limit: float | None = request.extensions.get("timeout", {}).get("read")
        self._lasted = 0.0

    def add(self, seconds: float) -> float:
        """As much of these seconds as the limit leaves."""
        before = self._lasted
        self._lasted += seconds
        return seconds if self._limit is None else min(seconds, self._limit - before)

    def end_if_too_long(self) -> None:
        """Raise what httpx raises."""
        if self._limit is not None and self._lasted > self._limit:
            message = f"the sandbox sent nothing for {self._limit:g} s"
            raise httpx.ReadTimeout(message, request=self._request)


class _Body(httpx.AsyncByteStream, httpx.SyncByteStream):
    """A body that comes slowly, or not whole. No generator, which a reader that stops would leave open."""

    def __init__(self, delivery: Delivery, request: httpx.Request) -> None:
        self._delivery = delivery
        self._request = request
        self._pieces = iter(delivery.pieces())
        self._sent = 0

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    def __iter__(self) -> Iterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        piece = self._next()
        if piece is None:
            await anyio.lowlevel.checkpoint()
            raise StopAsyncIteration
        silence = _Silence(self._request)
        await anyio.sleep(silence.add(self._delivery.pause))
        silence.end_if_too_long()
        return piece

    def __next__(self) -> bytes:
        piece = self._next()
        if piece is None:
            raise StopIteration
        silence = _Silence(self._request)
        time.sleep(silence.add(self._delivery.pause))
        silence.end_if_too_long()
        return piece

    def _next(self) -> bytes | None:
        """The next piece; raises what httpx raises if the connection ends before the body does."""
        piece = next(self._pieces, None)
        if piece is None and self._delivery.torn:
            seen = f"received {self._sent} bytes, expected {self._delivery.announced}"
            message = f"peer closed connection without sending complete message body ({seen})"
            raise httpx.RemoteProtocolError(message, request=self._request)
        self._sent += len(piece or b"")
        return piece


def _request(request: httpx.Request) -> Request:
    path, _, query = request.url.raw_path.decode().partition("?")
    headers = Headers((name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw)
    return Request(request.method, path, query, headers, request.content)


def _response(visit: Visit, delivery: Delivery | None, request: httpx.Request) -> httpx.Response:
    """The answer as it begins; raises what httpx raises if there is none."""
    if delivery is None:
        message = "Server disconnected without sending a response."
        raise httpx.RemoteProtocolError(message, request=request)
    status = delivery.answer.status
    visit.answered(status)
    if delivery.slow or delivery.torn:
        return httpx.Response(status, headers=delivery.headers(), stream=_Body(delivery, request))
    return httpx.Response(status, headers=delivery.headers(), content=b"".join(delivery.pieces()))
