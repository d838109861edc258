"""The door in process: an httpx transport with no sockets, for both backends and for blocking code."""

import time

import anyio
import httpx

from wootiv.sandbox.app import App
from wootiv.sandbox.exchange import Answer, Request


class SandboxTransport(httpx.AsyncBaseTransport, httpx.BaseTransport):
    """Hands requests to the app. `latency` is in seconds, and counts against the limit of reading."""

    def __init__(self, app: App, latency: float = 0.0) -> None:
        self._app = app
        self._latency = latency

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request."""
        await request.aread()
        limit = request.extensions.get("timeout", {}).get("read")
        if limit is not None and limit < self._latency:
            await anyio.sleep(limit)
            message = "the sandbox's latency is above the limit"
            raise httpx.ReadTimeout(message, request=request)
        await anyio.sleep(self._latency)
        return _response(self._app.handle(_request(request)))

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request, blocking."""
        request.read()
        time.sleep(self._latency)
        return _response(self._app.handle(_request(request)))


def _request(request: httpx.Request) -> Request:
    path, _, query = request.url.raw_path.decode().partition("?")
    return Request(request.method, path, query, dict(request.headers), request.content)


def _response(answer: Answer) -> httpx.Response:
    headers = [*answer.headers, ("Content-Length", str(len(answer.body)))]
    if answer.content_type:
        headers.append(("Content-Type", answer.content_type))
    return httpx.Response(answer.status, headers=headers, content=answer.body)
