"""Pools of connections, and what they are made of: httpx's own, proxies, or a transport of the caller's."""

import os
import ssl
import weakref
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias, cast
from urllib.request import getproxies, proxy_bypass

import anyio
import anyio.lowlevel
import anyio.to_thread
import httpcore
import httpx
from msgspec import Struct

from wootiv.engine.streams import ListeningBackend

Transport: TypeAlias = httpx.AsyncBaseTransport | httpx.BaseTransport
Proxy: TypeAlias = str | httpx.URL | httpx.Proxy
Proxies: TypeAlias = Proxy | Mapping[str, Proxy | None]
Verify: TypeAlias = bool | str | ssl.SSLContext

CLOSING = 5.0
"""Seconds that closing connections may take."""


class NetworkOptions(Struct, frozen=True):
    """What the connections of a client are made of."""

    transport: Transport | None = None
    proxies: Proxies | None = None
    verify: Verify = True
    max_connections: int = 64


def check_network(transport: Any, proxies: Any, verify: Any) -> None:
    """Raise `TypeError` or `ValueError` for what no connection can be made of."""
    if not isinstance(transport, Transport | None):
        raise TypeError(f"transport must be an httpx transport, got {_kind(transport)}")
    each: Mapping[str, Any] = routes(proxies)
    for address, proxy in each.items():
        if not isinstance(proxy, Proxy | None):
            raise TypeError(f"proxies must be an address, or URL patterns with their addresses, got {_kind(proxy)}")
        _check_proxy(address, proxy)
    if not isinstance(verify, bool | str | ssl.SSLContext):
        raise TypeError(f"verify must be True, False, a path or an ssl.SSLContext, got {_kind(verify)}")
    if isinstance(verify, str) and not Path(verify).exists():
        raise ValueError(f"verify: there is no file {verify!r}")


def _check_proxy(address: str, proxy: Proxy | None) -> None:
    try:
        httpx.AsyncClient(mounts={address: None}, verify=_no_context(), trust_env=False)
        if proxy is not None:
            httpx.AsyncHTTPTransport(proxy=proxy, verify=_no_context())
    except ImportError:
        raise ValueError("proxies: a socks proxy wants one more package: pip install 'httpx[socks]'") from None
    except (ValueError, httpx.InvalidURL):
        # Not the text of httpx: an address may hold a password.
        message = (
            f"proxies: {address!r} must be a pattern such as all://, its proxy an address such as http://host:port"
        )
        raise ValueError(message) from None


def _kind(value: object) -> str:
    return f"another {type(value).__name__}"


def routes(proxies: Proxies | None) -> Mapping[str, Proxy | None]:
    """Proxies by the pattern of the addresses that they serve."""
    if isinstance(proxies, Mapping):
        return proxies
    return {} if proxies is None else {"all://": proxies}


def is_direct(options: NetworkOptions, host: str) -> bool:
    """Whether requests to a host go there by connections of ours, and by no proxy."""
    if options.transport is not None or options.proxies is not None:
        return False
    return not getproxies() or bool(proxy_bypass(host))


class Pool:
    """A few connections; those with TLS are made apart, because a context of certificates costs 15 ms."""

    def __init__(self, options: NetworkOptions, size: int) -> None:
        self._options = options
        # As many are kept as are made: httpx closes live ones where it keeps fewer.
        self._limits = httpx.Limits(max_connections=size, max_keepalive_connections=size, keepalive_expiry=30.0)
        self._doors: dict[bool, httpx.AsyncBaseTransport | httpcore.AsyncConnectionPool] = {}

    def door(self, *, secure: bool) -> httpx.AsyncBaseTransport | httpcore.AsyncConnectionPool:
        """What a request goes through."""
        if secure not in self._doors:
            self._doors[secure] = self._open(secure=secure)
        return self._doors[secure]

    def _open(self, *, secure: bool) -> httpx.AsyncBaseTransport | httpcore.AsyncConnectionPool:
        given, proxies = self._options.transport, self._options.proxies
        base = None if given is None else _Given(given, self._options.max_connections)
        if proxies is None and base is not None:
            return base
        if proxies is None and not getproxies():
            return httpcore.AsyncConnectionPool(
                ssl_context=_context(self._options.verify, secure=secure),
                max_connections=self._limits.max_connections,
                max_keepalive_connections=self._limits.max_keepalive_connections,
                keepalive_expiry=self._limits.keepalive_expiry,
                network_backend=ListeningBackend(),
            )
        # Which proxy serves which address, the environment's included, is httpx's own rule: ask a client of its.
        context = _context(self._options.verify, secure=True)
        mounts = {
            address: self._through(proxy, context) if proxy else None for address, proxy in routes(proxies).items()
        }
        return _Routed(
            httpx.AsyncClient(
                transport=base, mounts=mounts, verify=context, limits=self._limits, trust_env=proxies is None
            )
        )

    def _through(self, proxy: Proxy, context: ssl.SSLContext) -> httpx.AsyncHTTPTransport:
        return httpx.AsyncHTTPTransport(proxy=proxy, verify=context, limits=self._limits)

    async def aclose(self) -> None:  # noqa: ASYNC910 - where nothing was opened there is nothing to close
        """Close the connections."""
        for door in self._doors.values():
            await door.aclose()


class _Quiet(httpx.URL):
    """An address whose text leaves out the query: httpx logs it, and a signature may stand there."""

    def __str__(self) -> str:
        return str(self.copy_with(query=None))


def _aloud(request: httpx.Request) -> httpx.Request:
    """A request whose address is whole, for who may look at its text."""
    address = httpx.URL(request.url)
    loud = httpx.Request(
        request.method, address, headers=request.headers, stream=request.stream, extensions=request.extensions
    )
    if isinstance(loud.stream, httpx.ByteStream):
        loud.read()
    return loud


class _Routed(httpx.AsyncBaseTransport):
    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        request.url = _Quiet(request.url)
        return await self._client.send(request, auth=None, follow_redirects=False, stream=True)

    async def aclose(self) -> None:
        await self._client.aclose()


class _Given(httpx.AsyncBaseTransport):
    """A transport of the caller's own. It outlives the loop; a blocking one runs in a worker thread."""

    def __init__(self, transport: Transport, threads: int) -> None:
        self._transport = transport
        self._limiter = anyio.CapacityLimiter(threads)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if isinstance(request.url, _Quiet):
            request = _aloud(request)
        if isinstance(self._transport, httpx.AsyncBaseTransport):
            return await self._transport.handle_async_request(request)
        await request.aread()
        # Whole, because a worker thread cannot be interrupted: a limit ends the waiting, not the request.
        return await anyio.to_thread.run_sync(self._handle, request, abandon_on_cancel=True, limiter=self._limiter)

    def _handle(self, request: httpx.Request) -> httpx.Response:
        transport = cast("httpx.BaseTransport", self._transport)
        response = transport.handle_request(request)
        try:
            content = b"".join(cast("httpx.SyncByteStream", response.stream))
        finally:
            response.close()
        # Anew: httpx's async client, which stands before it where there are proxies, takes no blocking stream.
        return httpx.Response(response.status_code, headers=response.headers, stream=httpx.ByteStream(content))

    async def aclose(self) -> None:
        """Leave it open: the client closes it, the loop's end does not."""


def close_with(owner: object, transport: Transport | None) -> None:
    """Close a blocking transport of the caller's own when its owner is gone, or the process ends.

    Not at a loop's end, as our connections are: it may serve several. And not in a forked child: it is the parent's.
    """
    if isinstance(transport, httpx.BaseTransport) and not isinstance(transport, httpx.AsyncBaseTransport):
        weakref.finalize(owner, _close_in, os.getpid(), transport)


def _close_in(pid: int, transport: httpx.BaseTransport) -> None:
    if pid == os.getpid():
        transport.close()


async def close_given(transport: Transport | None) -> None:
    """Close a transport of the caller's own."""
    with anyio.move_on_after(CLOSING, shield=True):
        if isinstance(transport, httpx.AsyncBaseTransport):
            await transport.aclose()
        elif transport is not None:
            await anyio.to_thread.run_sync(transport.close)
        await anyio.lowlevel.checkpoint()


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
