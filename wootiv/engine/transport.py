"""The seam to httpx: connections that a client and its views share, and one attempt over them."""

import os
import ssl
import weakref
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias, cast
from urllib.request import getproxies

import anyio
import anyio.lowlevel
import anyio.to_thread
import httpx
from msgspec import Struct, structs

from wootiv.engine.limits import POOL_SIZE, Slots, pools_for
from wootiv.engine.upload import FormBody
from wootiv.errors import APIConnectionError, APIError, APITimeoutError, ClientStateError
from wootiv.message import Form, Headers, Outgoing, Reply, Timeouts

Transport: TypeAlias = httpx.AsyncBaseTransport | httpx.BaseTransport
Proxy: TypeAlias = str | httpx.URL | httpx.Proxy
Proxies: TypeAlias = Proxy | Mapping[str, Proxy | None]
Verify: TypeAlias = bool | str | ssl.SSLContext

_CLOSING = 5.0
"""Seconds that closing connections may take."""


class NetworkOptions(Struct, frozen=True):
    """What the connections of a client are made of."""

    transport: Transport | None = None
    proxies: Proxies | None = None
    verify: Verify = True
    max_connections: int = 64


class Network:
    """The connections of a client and its views. They are made in the event loop that uses them, at first use."""

    def __init__(self, options: NetworkOptions) -> None:
        self.options = options
        self.closed = False
        self._session: _Session | None = None

    async def attempt(
        self, outgoing: Outgoing, secret: Mapping[str, str], timeouts: Timeouts, sent: Callable[[], None]
    ) -> Reply:
        """Send a request and read its reply whole; `sent` is called once it has a connection to go to.

        Raises `APIConnectionError`, `APITimeoutError`, `ClientStateError`, and what a file or a transport of the
        caller's own raises.
        """
        session = self._here()
        await session.open()
        number, pool = await session.slots.take()
        try:
            sent()
            return await _isolated(lambda: _send(pool, outgoing, secret, timeouts))
        finally:
            session.slots.give_back(number)

    def _here(self) -> "_Session":
        """The session of the running event loop."""
        if self.closed:
            message = "this client is closed, make a new one"
            raise ClientStateError(message)
        native = anyio.lowlevel.current_token().native_token
        session = self._session
        if session is None or session.native is not native or session.pid != os.getpid():
            session = self._session = self._enter(native, session)
        return session

    def _enter(self, native: object, old: "_Session | None") -> "_Session":
        if old is not None and old.pid != os.getpid():
            _inherited.append(old)  # closing it here would cut the parent's connections
            if old.native is native:
                message = "a forked child cannot use the event loop of its parent, start a new one"
                raise ClientStateError(message)
        elif old is not None and not old.over and _alive(old.native):
            message = "this client is in use by another event loop that still runs, make one client for each"
            raise ClientStateError(message)
        session = _Session(native, self.options)
        # The loop keeps the session: a client that is dropped inside it is swept later, or closed at the loop's end.
        weakref.finalize(self, session.abandon).atexit = False
        return session

    async def aclose(self) -> None:
        """Close the connections, and a transport that the caller gave."""
        if self.closed:
            return
        self.closed = True
        session, self._session = self._session, None
        if session is not None and session.native is anyio.lowlevel.current_token().native_token:
            await session.aclose()
        given = self.options.transport
        with anyio.move_on_after(_CLOSING, shield=True):
            if isinstance(given, httpx.AsyncBaseTransport):
                await given.aclose()
            elif given is not None:
                await anyio.to_thread.run_sync(given.close)


_inherited: list["_Session"] = []
_sessions = anyio.lowlevel.RunVar[list["_Session"]]("wootiv_sessions")


def _alive(native: Any) -> bool:
    if hasattr(native, "is_closed"):
        return not native.is_closed()
    try:
        native.run_sync_soon(lambda: None)
    except RuntimeError:
        return False
    return True


class _Session:
    """The connections of one event loop."""

    def __init__(self, native: object, options: NetworkOptions) -> None:
        self.native = native
        self.pid = os.getpid()
        self.over = False
        self._abandoned = False
        count = 1 if options.transport is not None else pools_for(options.max_connections)
        self._pools = [_Pool(options, min(POOL_SIZE, options.max_connections)) for _ in range(count)]
        self._life: AsyncGenerator[None, None] | None = None
        self.slots = Slots(self._pools, options.max_connections)

    async def open(self) -> None:
        """Bind the connections to the loop's own end, and close those of clients that were dropped in it."""
        if self._life is not None:
            return
        self._life = _until_the_loop_ends(self)
        await anext(self._life)
        sessions = _sessions.get([])
        _sessions.set([*(session for session in sessions if not session.over), self])
        for session in sessions:
            if session._abandoned:  # noqa: SLF001 - another of the same class
                await session.aclose()

    def abandon(self) -> None:
        """Say that no client uses these connections any more; from any thread."""
        self._abandoned = True

    async def aclose(self) -> None:
        """Close the connections."""
        if self._life is not None:
            await self._life.aclose()

    async def close_pools(self) -> None:
        """Close the connections, whoever is being cancelled meanwhile."""
        self.over = True
        with anyio.move_on_after(_CLOSING, shield=True):
            for pool in self._pools:
                await pool.aclose()


async def _until_the_loop_ends(session: _Session) -> AsyncGenerator[None, None]:  # noqa: ASYNC900
    # Event loops close async generators when they end: the one public hook for "the last thing in this loop",
    # on asyncio, uvloop and trio. So a program that never closes its client leaves no socket and no warning.
    try:
        yield
    finally:
        await session.close_pools()


class _Pool:
    """A few connections; those with TLS are made apart, because a context of certificates costs 15 ms."""

    def __init__(self, options: NetworkOptions, size: int) -> None:
        self._options = options
        self._limits = httpx.Limits(max_connections=size, max_keepalive_connections=size, keepalive_expiry=30.0)
        self._doors: dict[bool, httpx.AsyncBaseTransport] = {}

    async def send(self, request: httpx.Request) -> httpx.Response:
        """Send a request; the response's body is still to be read."""
        secure = request.url.scheme == "https"
        if secure not in self._doors:
            self._doors[secure] = self._open(secure=secure)
        return await self._doors[secure].handle_async_request(request)

    def _open(self, *, secure: bool) -> httpx.AsyncBaseTransport:
        given, proxies = self._options.transport, self._options.proxies
        base = None if given is None else _Given(given, self._options.max_connections)
        if proxies is None and (base is not None or not getproxies()):
            context = _context(self._options.verify, secure=secure)
            return base or httpx.AsyncHTTPTransport(verify=context, limits=self._limits)
        # Which proxy serves which address, the environment's included, is httpx's own rule: ask a client of its.
        context = _context(self._options.verify, secure=True)
        routes = proxies if isinstance(proxies, Mapping) else {} if proxies is None else {"all://": proxies}
        mounts = {address: self._through(proxy, context) if proxy else None for address, proxy in routes.items()}
        return _Routed(
            httpx.AsyncClient(
                transport=base, mounts=mounts, verify=context, limits=self._limits, trust_env=proxies is None
            )
        )

    def _through(self, proxy: Proxy, context: ssl.SSLContext) -> httpx.AsyncHTTPTransport:
        return httpx.AsyncHTTPTransport(proxy=proxy, verify=context, limits=self._limits)

    async def aclose(self) -> None:
        """Close the connections."""
        for door in self._doors.values():
            await door.aclose()


class _Routed(httpx.AsyncBaseTransport):
    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await self._client.send(request, auth=None, follow_redirects=False, stream=True)

    async def aclose(self) -> None:
        await self._client.aclose()


class _Given(httpx.AsyncBaseTransport):
    """A transport of the caller's own. It outlives the loop; a blocking one runs in a worker thread."""

    def __init__(self, transport: Transport, threads: int) -> None:
        self._transport = transport
        self._limiter = anyio.CapacityLimiter(threads)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if isinstance(self._transport, httpx.AsyncBaseTransport):
            return await self._transport.handle_async_request(request)
        await request.aread()
        # Whole, because a worker thread cannot be interrupted: a limit ends the waiting, not the request.
        return await anyio.to_thread.run_sync(self._handle, request, abandon_on_cancel=True, limiter=self._limiter)

    def _handle(self, request: httpx.Request) -> httpx.Response:
        transport = cast("httpx.BaseTransport", self._transport)
        response = transport.handle_request(request)
        try:
            response.read()
        finally:
            response.close()
        return response

    async def aclose(self) -> None:
        """Leave it open: the client closes it, the loop's end does not."""


def _context(verify: Verify, *, secure: bool) -> ssl.SSLContext:
    if isinstance(verify, ssl.SSLContext):
        return verify
    return _made_context(verify) if secure else _no_context()


@cache
def _made_context(verify: bool | str) -> ssl.SSLContext:  # noqa: FBT001 - httpx has it so
    if isinstance(verify, str):
        folder = Path(verify).is_dir()
        return ssl.create_default_context(cafile=None if folder else verify, capath=verify if folder else None)
    return httpx.create_ssl_context(verify=verify)


@cache
def _no_context() -> ssl.SSLContext:
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # trusts nobody: never asked where there is no TLS


async def _isolated(send: Callable[[], Awaitable[Reply]]) -> Reply:
    """Run an attempt in a child task, where a scope's cancellation is all that it can meet.

    asyncio's own `task.cancel()` gets past the shields of httpcore, and then connections are lost for good; here it
    ends the task group, which cancels the child by its scope.
    """
    outcome: list[Reply | BaseException] = []

    async def child() -> None:
        try:
            outcome.append(await send())
        except anyio.get_cancelled_exc_class():
            raise
        except BaseException as error:  # noqa: BLE001 - handed to the parent as a value, so that no group wraps it
            outcome.append(error)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(child)
    match outcome[0]:
        case Reply() as reply:
            return reply
        case error:
            raise error


async def _send(pool: _Pool, outgoing: Outgoing, secret: Mapping[str, str], timeouts: Timeouts) -> Reply:
    started = anyio.current_time()
    async with AsyncExitStack() as stack:
        headers = {**dict(outgoing.headers), **secret}
        content: bytes | AsyncIterable[bytes] | None
        if isinstance(outgoing.body, Form):
            content = body = await stack.enter_async_context(FormBody(outgoing.body))
            headers["Content-Type"] = body.content_type
            if body.length is not None:
                headers["Content-Length"] = str(body.length)
        else:
            content = outgoing.body
        extensions = {"timeout": structs.asdict(timeouts)}
        request = httpx.Request(outgoing.method, outgoing.url, headers=headers, content=content, extensions=extensions)
        try:
            response = await pool.send(request)
            try:
                content = await response.aread()
            finally:
                with anyio.move_on_after(_CLOSING, shield=True):
                    await response.aclose()
        except httpx.TimeoutException as error:
            raise APITimeoutError(_timed_out(error, timeouts)) from error
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise APIConnectionError(str(error) or type(error).__name__) from error
    pairs = ((name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers.raw)
    return Reply(response.status_code, Headers(pairs), content, anyio.current_time() - started)


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
