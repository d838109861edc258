"""The seam to httpx: one request over a pool of connections, and what became of it."""

import re
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from functools import lru_cache
from inspect import isasyncgen
from typing import Any, Self, cast

import anyio
import h11
import httpcore
import httpx
from msgspec import Struct, structs

from wootiv.engine.pools import CLOSING, Pool
from wootiv.engine.upload import CutShort, FormBody, SourceError
from wootiv.errors import APIConnectionError, APIError, APITimeoutError
from wootiv.message import Form, Headers, Outgoing, Pairs, Reply, SentRequest, Sink, Timeouts


class _Address(Struct, frozen=True):
    """An address as httpx reads it; the target is path and query."""

    scheme: bytes
    host: bytes
    port: int | None
    netloc: bytes
    target: bytes


class _Prepared(Struct, frozen=True):
    """A request with every header that it needs."""

    method: str
    url: str
    address: _Address
    headers: list[tuple[bytes, bytes]]
    body: bytes | FormBody
    take: Callable[[int, Headers], Sink | None] | None


async def exchange(pool: Pool, outgoing: Outgoing, secret: Pairs, timeouts: Timeouts) -> Reply:
    """Send a request and read its reply whole, or into what the request says that takes it.

    Raises `APIConnectionError`, `APITimeoutError`, `APIError` for what HTTP cannot carry, and what a file or a
    transport of the caller's own raises.
    """
    try:
        if isinstance(outgoing.body, Form):
            async with FormBody(outgoing.body, f"{outgoing.method} {outgoing.template}") as form:
                return await _exchange(pool, _prepared(outgoing, secret, form), timeouts)
        return await _exchange(pool, _prepared(outgoing, secret, outgoing.body or b""), timeouts)
    except (CutShort, h11.LocalProtocolError, httpx.LocalProtocolError, httpx.InvalidURL) as error:
        # h11's own: httpcore names anew what is wrong with a head, and lets through what is wrong with a body.
        names = tuple(dict.fromkeys(name for name, _ in outgoing.headers))
        asked = SentRequest(outgoing.method, outgoing.shown_url, names)
        raise APIError(f"cannot be sent: {error}", request=asked) from error
    except SourceError as failure:
        raise failure.error  # noqa: B904 - as if there were nothing between the iterator and its owner


async def _exchange(pool: Pool, request: _Prepared, timeouts: Timeouts) -> Reply:
    door = pool.door(secure=request.address.scheme == b"https")
    extensions = {"timeout": structs.asdict(timeouts)}
    try:
        if isinstance(door, httpcore.AsyncConnectionPool):
            return await _directly(door, request, extensions)
        return await _through_httpx(door, request, extensions)
    except httpx.TimeoutException as error:
        raise APITimeoutError(_timed_out(error, timeouts)) from error
    except httpx.LocalProtocolError:
        raise  # not the network's fault: another attempt would meet it too
    except httpx.RequestError as error:
        raise APIConnectionError(str(error) or type(error).__name__) from error


_PATH = r"[\w\-.~!$&'()*+,;=:@]*(?:%[0-9A-Fa-f]{2}[\w\-.~!$&'()*+,;=:@]*)*"
_QUERY = _PATH.replace(":@", ":@/?")
_PLAIN_TARGET = re.compile(rf"(?:/(?!\.){_PATH})+(?:\?{_QUERY})?", re.ASCII)


@lru_cache(64)
def _read(url: str) -> _Address:
    parsed = httpx.URL(url)
    return _Address(parsed.raw_scheme, parsed.raw_host, parsed.port, parsed.netloc, parsed.raw_path)


def _address(url: str) -> _Address:
    """The parts of a URL; what httpx would leave as it is, it is not asked about each time."""
    start = url.find("/", url.find("://") + 3)
    if start > 0 and _PLAIN_TARGET.fullmatch(url, start):
        return structs.replace(_read(url[:start]), target=url[start:].encode())
    return _read(url)


def _prepared(outgoing: Outgoing, secret: Pairs, body: bytes | FormBody) -> _Prepared:
    address = _address(outgoing.url)
    fields = {"host": (b"Host", address.netloc)}
    if isinstance(body, FormBody):
        fields["content-type"] = (b"Content-Type", body.content_type.encode())
        size = None if body.length is None else (b"Content-Length", b"%d" % body.length)
        fields["content-length"] = size or (b"Transfer-Encoding", b"chunked")
    elif body or outgoing.method not in ("GET", "DELETE"):
        fields["content-length"] = (b"Content-Length", b"%d" % len(body))
    for name, value in (*secret, *outgoing.headers):
        fields[name.lower()] = (name.encode(), value.encode("latin-1"))
    return _Prepared(outgoing.method, outgoing.url, address, list(fields.values()), body, outgoing.take)


async def _directly(door: httpcore.AsyncConnectionPool, request: _Prepared, extensions: dict[str, Any]) -> Reply:
    """Send it as httpx's own transport does, without the models of request and response: they cost an eighth."""
    at = request.address
    url = httpcore.URL(scheme=at.scheme, host=at.host, port=at.port, target=at.target)
    body = _Content(request.body) if isinstance(request.body, bytes) else request.body
    try:
        response = await door.handle_async_request(
            httpcore.Request(request.method, url, headers=request.headers, content=body, extensions=extensions)
        )
        return await _reply(request, response.status, response.headers, response.aiter_stream(), response.aclose)
    except _CORE_ERRORS as error:
        # Each has a namesake, which is what users of httpx know.
        raise getattr(httpx, type(error).__name__)(str(error)) from error


_CORE_ERRORS = (
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.UnsupportedProtocol,
)


class _Content(httpx.ByteStream):
    """Bytes to send. Not as httpx and httpcore go over them: by a generator, which a cancelled attempt leaves open."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        return _Pieces(iter(self))


class _Pieces:
    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        for piece in self._pieces:
            return piece  # noqa: ASYNC910 - it is sent, which is a checkpoint
        raise StopAsyncIteration


class _FormStream(httpx.AsyncByteStream):
    """Not what httpx makes of it: a generator, as above."""

    def __init__(self, form: FormBody) -> None:
        self._form = form

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._form


_BUFFERED = 16
"""Pieces that a connection may have read and not given yet."""


async def _through_httpx(door: httpx.AsyncBaseTransport, request: _Prepared, extensions: dict[str, Any]) -> Reply:
    body = request.body
    stream = _FormStream(body) if isinstance(body, FormBody) else _Content(body)
    sent = httpx.Request(request.method, request.url, headers=request.headers, stream=stream, extensions=extensions)
    if not isinstance(body, FormBody):
        sent.read()  # a transport of the caller's own may look at its `content`
    response = await door.handle_async_request(sent)
    pieces = cast("AsyncIterable[bytes]", response.stream)
    if response.is_stream_consumed and (request.take is None or not isinstance(pieces, httpx.ByteStream)):
        content = await response.aread()  # decompressed already
        if request.take is None:
            return Reply(response.status_code, _headers(response.headers.raw), content)
        pieces = _Pieces(iter([content]))
    return await _reply(request, response.status_code, response.headers.raw, pieces, response.aclose)


async def _reply(
    request: _Prepared,
    status: int,
    raw: list[tuple[bytes, bytes]],
    pieces: AsyncIterable[bytes],
    close: Callable[[], Awaitable[None]],
) -> Reply:
    # Not httpx's aread(): it costs three more generators, and leaves them open where a body cannot be decompressed.
    headers = _headers(raw)
    try:
        sink = None if request.take is None else request.take(status, headers)
        content = b"".join([piece async for piece in pieces]) if sink is None else await _pour(pieces, sink, close)
    except BaseException:
        with anyio.move_on_after(CLOSING, shield=True):
            await close()
        raise
    await close()
    if content and (encoding := headers.get("content-encoding")) is not None:
        content = httpx.Response(status, headers={"Content-Encoding": encoding}, content=content).content
    return Reply(status, headers, content)


async def _pour(pieces: AsyncIterable[bytes], sink: Sink, close: Callable[[], Awaitable[None]]) -> bytes:
    """Have a sink take in the pieces; nothing is left of them."""
    source = aiter(pieces)
    async for piece in source:
        try:
            await sink.write(piece)
        except BaseException:
            with anyio.move_on_after(CLOSING, shield=True):
                await close()
                # httpcore's generators, one inside the other, stand where they gave the piece, and nobody else would
                # end them: a closed connection does, once what it had read before is spent.
                with suppress(Exception):
                    for _ in range(_BUFFERED if isasyncgen(source) else 0):
                        await anext(source)
            raise
    sink.ended()
    return b""


def _headers(raw: list[tuple[bytes, bytes]]) -> Headers:
    return Headers((name.decode("latin-1"), value.decode("latin-1")) for name, value in raw)


def _timed_out(error: httpx.TimeoutException, timeouts: Timeouts) -> str:
    match error:
        case httpx.ConnectTimeout():
            return f"no connection within {timeouts.connect} s"
        case httpx.WriteTimeout():
            return f"the server took nothing in for {timeouts.write} s"
        case httpx.ReadTimeout():
            return f"the server sent nothing for {timeouts.read} s"
        case _:
            return f"no free connection within {timeouts.pool} s"


_UNSENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol, httpx.ProxyError)


def never_sent(error: APIError) -> bool:
    """Whether the request surely did not reach the server."""
    return isinstance(error.__cause__, _UNSENT)


def unreachable(error: APIError) -> bool:
    """Whether nothing listens there."""
    return isinstance(error.__cause__, httpx.ConnectError)
