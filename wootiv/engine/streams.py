"""Connections that hear an answer while they still send.

Who refuses a large body may answer before it was sent, and close: S3 does, and so do proxies. asyncio, and TLS under
trio, read nothing any more once they could not write, so the reason would be lost, and the body sent again.
"""

from collections.abc import Iterable
from contextlib import suppress
from ssl import SSLContext
from typing import Any

import anyio
import anyio.lowlevel
import httpcore

from wootiv.interrupts import on_trio

_LARGE = 16_384
"""Bytes; who sends less is done before an answer comes."""
_SHORTLY = 0.01
"""Seconds in which what has come can be read."""
_MOST = 1_048_576
"""Bytes of an answer that are kept until the request is sent."""


class ListeningBackend(httpcore.AsyncNetworkBackend):
    """Makes connections as httpcore does."""

    def __init__(self) -> None:
        inner: Any = httpcore.TrioBackend() if on_trio() else httpcore.AnyIOBackend()
        self._inner: httpcore.AsyncNetworkBackend = inner

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore has it so
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to a port."""
        return _Stream(await self._inner.connect_tcp(host, port, timeout, local_address, socket_options))

    async def sleep(self, seconds: float) -> None:
        """Sleep."""
        await self._inner.sleep(seconds)


class _Stream(httpcore.AsyncNetworkStream):
    def __init__(self, inner: httpcore.AsyncNetworkStream) -> None:
        self._inner = inner
        self._heard = bytearray()

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - as above
        if not self._heard:
            return await self._inner.read(max_bytes, timeout)
        await anyio.lowlevel.checkpoint()
        first = bytes(self._heard[:max_bytes])
        del self._heard[:max_bytes]
        return first

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 - as above
        if len(buffer) < _LARGE:
            await self._write(buffer, timeout)
            return
        if self.get_extra_info("is_readable"):
            with suppress(httpcore.ReadTimeout):  # of TLS itself, and no answer
                await self._listen(_SHORTLY)
        failure: Exception | None = None
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._listen)
            await anyio.lowlevel.checkpoint()  # from here on it does
            try:
                await self._write(buffer, timeout)
            except (httpcore.NetworkError, httpcore.TimeoutException) as error:
                failure = error  # raised below, where no group wraps it
            tasks.cancel_scope.cancel()
        if failure is not None:
            raise failure

    async def _write(self, buffer: bytes, timeout: float | None) -> None:  # noqa: ASYNC109 - as above
        try:
            await self._inner.write(buffer, timeout)
        except anyio.EndOfStream:  # of anyio's TLS, where httpcore does not expect it
            raise httpcore.WriteError("the server has closed the connection") from None

    async def _listen(self, timeout: float | None = None) -> None:  # noqa: ASYNC109, ASYNC910 - as above; it waits, or is done
        with suppress(httpcore.NetworkError):  # whoever writes, or reads next, meets it too
            while len(self._heard) < _MOST and (heard := await self._inner.read(65_536, timeout)):
                self._heard += heard

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def start_tls(
        self,
        ssl_context: SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - as above
    ) -> httpcore.AsyncNetworkStream:
        return _Stream(await self._inner.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)
