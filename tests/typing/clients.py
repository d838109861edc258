"""Clients, views and the sandbox: options and types. Only type checkers read this: nothing here runs."""

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any, assert_type

import httpx
import tenacity

import wootiv
from wootiv import (
    APIConnectionError,
    APIError,
    APIResponse,
    APIResponseValidationError,
    APIStatusError,
    APITimeoutError,
    AsyncWootiv,
    Attempt,
    Downloaded,
    NotFoundError,
    RateLimitError,
    Sandbox,
    SentRequest,
    Succeeded,
    Uploaded,
    Wootiv,
)
from wootiv.types import Contact


class Crm(AsyncWootiv):
    """A client of a user's own."""

    async def everyone(self) -> list[Contact]:
        return [contact async for contact in self.contacts.list()]


class BlockingCrm(Wootiv):
    """A blocking client of a user's own."""


def made_with_options() -> None:
    assert_type(AsyncWootiv(), AsyncWootiv)
    assert_type(Wootiv(), Wootiv)
    Wootiv(
        api_key="key",
        base_url="http://localhost:3001",
        timeout=httpx.Timeout(5, connect=1),
        total_timeout=None,
        max_retries=4,
        max_retry_after=10,
        retrying=tenacity.AsyncRetrying(stop=tenacity.stop_after_attempt(3)),
        default_headers={"x-a": "b", "x-c": None},
        default_query={"a": [1, 2]},
        strict=True,
        transport=httpx.HTTPTransport(),
        proxies={"all://": httpx.Proxy("http://localhost:8080"), "http://": None},
        verify=ssl.create_default_context(),
        max_connections=8,
        backend="trio",
    )
    AsyncWootiv(anonymous=True, environment="environment_1", timeout=None, proxies="http://localhost", verify=False)
    AsyncWootiv(transport=httpx.MockTransport(lambda request: httpx.Response(200)))
    AsyncWootiv(transport=httpx.ASGITransport(app=None), timeout=3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    Wootiv(object())  # type: ignore[call-arg, arg-type]  # pyright: ignore[reportCallIssue]
    Wootiv(timout=3)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    Wootiv(timeout="3")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Wootiv(backend="curio")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    AsyncWootiv(timout=3)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    AsyncWootiv(max_retries="2")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    AsyncWootiv(backend="trio")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


async def in_blocks() -> None:
    async with AsyncWootiv() as client:
        assert_type(client, AsyncWootiv)
    async with Crm() as crm:
        assert_type(crm, Crm)
    with Wootiv() as blocking:
        assert_type(blocking, Wootiv)
    async with Wootiv():  # type: ignore[attr-defined]  # pyright: ignore[reportGeneralTypeIssues]
        pass
    with AsyncWootiv():  # type: ignore[attr-defined]  # pyright: ignore[reportGeneralTypeIssues]
        pass


async def views(client: AsyncWootiv, blocking: Wootiv, crm: Crm, blocking_crm: BlockingCrm) -> None:
    view = client.with_options(timeout=3, max_retries=0, set_default_headers={})
    assert_type(view, AsyncWootiv)
    assert_type(await view.contacts.retrieve("1"), Contact)
    assert_type(client.copy(strict=True), AsyncWootiv)
    assert_type(blocking.with_options(total_timeout=3, default_query={"a": 1}), Wootiv)
    assert_type(blocking.copy(api_key="other").contacts.retrieve("1"), Contact)
    # a view is of its client's own class
    assert_type(await crm.with_options(timeout=3).everyone(), list[Contact])
    assert_type(crm.copy(), Crm)
    assert_type(blocking_crm.with_options(), BlockingCrm)
    _taken_for_its_base: AsyncWootiv = crm

    client.with_options(timout=3)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    blocking.with_options(max_connections=3)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    blocking.with_options(default_headers={"a": 1})  # type: ignore[dict-item]  # pyright: ignore[reportArgumentType]


def sandboxes() -> None:
    sandbox = Sandbox(rows=3, seed=2, latency=0.1, errors="rockets")
    assert_type(sandbox.client(backend="trio"), Wootiv)
    assert_type(sandbox.async_client(max_retries=0), AsyncWootiv)
    Wootiv(transport=sandbox.transport())
    with sandbox.serving() as base_url:
        assert_type(base_url, str)
    Sandbox(row=3)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    sandbox.client(timout=3)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def errors(client: Wootiv) -> None:
    try:
        client.contacts.retrieve("1")
    except NotFoundError as error:
        assert_type(error.status_code, int)
        assert_type(error.response, APIResponse[Any])
        assert_type(error.retry_after, float | None)
    except APITimeoutError as error:
        assert_type(error.maybe_applied, bool)
    except APIResponseValidationError as error:
        assert_type(error.status_code, int)
    except APIError as error:
        assert_type(error.attempts, tuple[Attempt, ...])
        assert_type(error.request, SentRequest | None)
        assert_type(error.body, Any)
        assert_type(error.message, str)
    _status_error: type[APIStatusError] = RateLimitError
    _no_answer: type[TimeoutError] = APITimeoutError
    _connection_error: type[APIConnectionError] = APITimeoutError


assert_type(wootiv.__version__, str)
assert_type(wootiv.ENVIRONMENTS, dict[str, str])
headers: Mapping[str, str] = wootiv.Headers([("a", "b")])
wootiv.nothing  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]


async def files(client: AsyncWootiv, blocking: Wootiv) -> None:
    """Files that go straight to S3."""
    assert_type(await client.upload("a", filename="b", on_progress=print), Uploaded)
    assert_type(blocking.upload(Path("a")), Uploaded)
    assert_type(await client.download("a", to=Path()), Downloaded)
    assert_type(blocking.download("a", to="b", on_progress=print), Downloaded)
    async with client.upload_many(["a", Path("b"), ("c", b"c")], concurrency=2) as outcomes:
        async for outcome in outcomes:
            if isinstance(outcome, Succeeded):
                assert_type(outcome.value, Uploaded)
    for done in blocking.upload_many([Path("a")]).collect().succeeded:
        assert_type(done.value, Uploaded)
