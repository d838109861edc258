"""Each public operation is cancelled at every await that it makes; afterwards its client is as good as new."""

import asyncio
import functools
import io
import operator
import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, is_typeddict
from urllib.parse import parse_qsl

import anyio
import anyio.lowlevel
import httpx
import pytest
import tenacity
import trio
from steps import NATIVE_WAYS, WAYS, cancelled_everywhere

from wootiv import AsyncWootiv, Sandbox, Succeeded, calls
from wootiv.api.tree import Api
from wootiv.operation import operations_of
from wootiv.sandbox.app import route
from wootiv.sandbox.example import example, example_of
from wootiv.sandbox.exchange import ok
from wootiv.wire.encode import fields_of
from wootiv.wire.shape import Shape
from wootiv.wire.words import options_of

OPERATIONS = dict(operations_of(Api))
CONNECTIONS = 3
POOLED = 9
"""Over sockets: a pool of connections, and one of a second."""
PATIENCE = 60.0
"""Seconds for what takes none, unless a rate limit was met before, which is on virtual time."""


class Meeting(httpx.AsyncBaseTransport):
    """Leads to a sandbox in process. Requests with `x-meet: 3` are answered once there are so many of them at once."""

    def __init__(self, inner):
        self.inner = inner
        self.met = 0
        self.all_here = anyio.Event()

    async def handle_async_request(self, request):
        if wanted := int(request.headers.get("x-meet", 0)):
            self.met += 1
            if self.met == wanted:
                self.all_here.set()
            await self.all_here.wait()
        return await self.inner.handle_async_request(request)


async def check_as_good_as_new(client, living, connections):
    """No task is left, 20 plain requests succeed, and all connections can be in use at once: so no slot is lost."""
    assert tasks_living() == living
    with anyio.fail_after(PATIENCE):
        if connections == POOLED:  # there is a server, which knows what is in flight
            assert await client.get("/quiet") is True
        for _ in range(20):
            await client.root.retrieve()
        async with anyio.create_task_group() as tasks:
            for _ in range(connections):
                tasks.start_soon(lambda: client.root.retrieve(extra_headers={"x-meet": str(connections)}))


def tasks_living():
    if trio.lowlevel.in_trio_run():
        return trio.lowlevel.current_statistics().tasks_living
    return len(asyncio.all_tasks())


@pytest.fixture
def ways(anyio_backend_name):
    return WAYS if anyio_backend_name == "trio" else [*WAYS, *NATIVE_WAYS]


# The declared operations, in process


def example_argument(field):
    """Something that an argument may be."""
    if "FileInput" in str(field.hint) or field.name == "file":
        return b"x"
    return _example(field.hint)


def _example(hint: Any) -> Any:
    hint = options_of(hint)[0]
    if get_origin(hint) is Annotated:
        return _example(get_args(hint)[0])
    if is_typeddict(hint):
        return {field.name: example_argument(field) for field in fields_of(hint).values() if field.required}
    if get_origin(hint) is Literal:
        return get_args(hint)[0]
    if isinstance(hint, type) and issubclass(hint, Shape):
        return {}
    plain = {Mapping: {}, Sequence: [], datetime: datetime(2024, 1, 2, tzinfo=UTC), bool: True, int: 1}
    return plain.get(get_origin(hint) or hint, "text")


def arguments_of(operation):
    declaration = operation.declaration
    given = {
        name: [b"x"] if name == "bulk" and name in declaration.files else example_argument(field)
        for name, field in declaration.fields.items()
        if field.required
    }
    if "limit" in declaration.query:
        given["limit"] = 2
    return given


def sandbox_of_examples():
    """A sandbox that answers as declared, whatever was there before: with two pages, where there are pages."""
    sandbox = Sandbox(rows=0)
    sandbox.app.routes[:] = [
        route(one.name, OPERATIONS[one.name], _handler(OPERATIONS[one.name]), stateful=False)
        for one in sandbox.app.routes
    ]
    return sandbox


def _handler(operation):
    return pages(operation) if operation.kind else example(operation)


def pages(operation):
    rows = [example_of(operation.declaration.answer, "value")] * 2

    def serve(incoming):
        query = dict(parse_qsl(incoming.request.query))
        led = "filter" in query  # by key, where the total is of the rest
        page = {"data": rows, "total": 2 if led else 4, "page": int(query.get("page", 1)), "pageCount": 2}
        return ok(page)

    return serve


def client_of(transport, **options):
    """A client of a sandbox in process."""
    given = {"api_key": "key", "base_url": "http://wootiv.test", "max_connections": CONNECTIONS, "transport": transport}
    return AsyncWootiv(**{**given, **options})


async def check(client, ways, use, stride=1, connections=CONNECTIONS):
    async with client:
        living = tasks_living()
        for way in ways:
            await cancelled_everywhere(way, use, stride)
        await check_as_good_as_new(client, living, connections)


EXAMPLES = sandbox_of_examples()


@pytest.mark.parametrize("name", OPERATIONS)
async def test_an_operation_that_is_cancelled_anywhere_leaves_its_client_as_it_was(name, ways):
    operation = OPERATIONS[name]
    given = arguments_of(operation)
    client = client_of(Meeting(EXAMPLES.transport()))
    do = operator.attrgetter(name)(client)

    async def use():
        answer = do(**given)
        if operation.kind:
            assert len([item async for item in answer]) == (2 if operation.kind == "whole" else 4)
        else:
            await answer

    await check(client, ways, use)


# What else a client does


async def next_page(client):
    page = await client.contacts.list(limit=2)
    assert len((await page.get_next_page()).data) == 2


async def pages_of_a_list(client):
    assert [len(page.data) async for page in client.contacts.list(limit=8).pages()] == [8, 8, 4]


async def view(client):
    await client.with_options(total_timeout=100).root.retrieve()


async def queue(client, connections=CONNECTIONS):
    """More calls than connections: some wait, and are handed the slot of another; then one more, on its own."""
    async with anyio.create_task_group() as tasks:
        for _ in range(2 * connections):
            tasks.start_soon(client.root.retrieve)
        await anyio.lowlevel.checkpoint()
        await client.root.retrieve()


async def side_by_side(client):
    async with client.contacts.list(limit=5).concurrent(3) as contacts:
        assert len([contact async for contact in contacts]) == 20


async def side_by_side_as_they_come(client):
    async with client.contacts.list(limit=5).concurrent(3, ordered=False) as contacts:
        assert sum([len(rows) async for rows in contacts.pages()]) == 20


async def side_by_side_and_left(client):
    async with client.contacts.list(limit=5).concurrent(3) as contacts:
        async for _ in contacts:
            break


async def collect(client):
    assert len(await client.contacts.list(limit=5).collect(3)) == 20


async def bulk(client):
    read, seen = [], []
    items = (read.append(name) or name for name in "abcdef")
    outcomes = client.bulk(lambda name: calls.roles.create(name=name, description=""), items, concurrency=3)
    try:
        async with outcomes:
            async for outcome in outcomes:
                seen.append(outcome)  # noqa: PERF401 - it is looked at when the loop was cancelled, too
    finally:
        assert sorted(outcome.item for outcome in (*seen, *outcomes.unread)) == read  # exactly one for each
    assert [type(outcome) for outcome in seen] == [Succeeded] * 6


async def bulk_that_is_collected(client):
    result = await client.bulk(calls.roles.delete, [], concurrency=3).collect()
    assert not result.counts.items
    made = lambda name: calls.roles.create(name=name, description="")  # noqa: E731 - as users write it
    assert len((await client.bulk(made, [*"abcdef"], concurrency=3).collect()).succeeded) == 6


async def gather(client):
    assert len(await client.gather([calls.root.retrieve()] * 6, concurrency=3)) == 6


USES = {
    "await a list": lambda client: client.contacts.list().first(),
    "pages": pages_of_a_list,
    "next page": next_page,
    "send": lambda client: client.send(calls.root.retrieve()),
    "get": lambda client: client.get("/contacts"),
    "post": lambda client: client.post("/role", body={"name": "a", "description": "b"}),
    "a time limit": lambda client: client.root.retrieve(total_timeout=100),
    "view": view,
    "queue": queue,
    "side by side": side_by_side,
    "side by side as they come": side_by_side_as_they_come,
    "side by side and left": side_by_side_and_left,
    "collect": collect,
    "bulk": bulk,
    "bulk that is collected": bulk_that_is_collected,
    "gather": gather,
    "an upload from memory": lambda client: client.aws.buckets.upload(file=("a", io.BytesIO(b"x" * 600_000))),
    "an upload from a path": lambda client: client.aws.buckets.upload(file=Path(__file__)),
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
async def test_a_use_that_is_cancelled_anywhere_leaves_its_client_as_it_was(use, ways):
    client = client_of(Meeting(Sandbox(rows=20).transport()))
    await check(client, ways, lambda: use(client))


class Failing(Meeting):
    """Fails the first attempt of each write with what `fail` gives."""

    def __init__(self, inner, fail):
        super().__init__(inner)
        self.fail = fail
        self.known = set()

    async def handle_async_request(self, request):
        key = request.headers.get("idempotency-key")
        if key not in {*self.known, None}:
            self.known.add(key)
            await anyio.lowlevel.checkpoint()
            return self.fail()
        return await super().handle_async_request(request)


def broken():
    raise httpx.ReadError("broken")


@pytest.mark.virtual_time
@pytest.mark.parametrize(
    "fail",
    [
        broken,
        lambda: httpx.Response(503),
        lambda: httpx.Response(429, headers={"retry-after-ms": "1"}),
        lambda: httpx.Response(307, headers={"location": "/role"}),
    ],
    ids=["broken", "503", "429", "redirect"],
)
async def test_a_call_that_is_cancelled_anywhere_in_its_attempts_leaves_its_client_as_it_was(fail, ways):
    at_once = tenacity.AsyncRetrying(wait=tenacity.wait_none(), stop=tenacity.stop_after_attempt(9))
    for way in ways:  # each with a client of its own: of many 429s a client learns to be slow
        client = client_of(Failing(EXAMPLES.transport(), fail), retrying=at_once)
        await check(client, [way], functools.partial(client.roles.create, name="a", description="b"))


class Blocking(httpx.BaseTransport):
    """A blocking transport of the caller's own; where many are to meet, they meet."""

    def __init__(self, inner):
        self.inner = inner
        self.meeting = threading.Barrier(CONNECTIONS, timeout=10)

    def handle_request(self, request):
        if "x-meet" in request.headers:
            self.meeting.wait()
        return self.inner.handle_request(request)


async def test_a_call_over_a_blocking_transport_that_is_cancelled_anywhere_leaves_its_client_as_it_was(ways):
    client = client_of(Blocking(EXAMPLES.transport()))
    await check(client, ways, lambda: client.contacts.retrieve("c1"))


async def test_closing_that_is_cancelled_anywhere_closes_all_the_same(ways, watched):
    with watched(Sandbox(rows=3)) as server:

        async def use():
            client = AsyncWootiv(api_key="key", base_url=server.url)
            try:
                with anyio.CancelScope(shield=True):
                    await client.root.retrieve()
            finally:
                await client.aclose()
                assert client.is_closed()

        for way in ways:
            await cancelled_everywhere(way, use)


# Over sockets


async def items_of_a_list(client):
    assert len([contact async for contact in client.contacts.list(limit=8)]) == 20


SOCKET_USES = {
    "retrieve": lambda client: client.root.retrieve(),
    "create": lambda client: client.roles.create(name="a", description="b"),
    "list": items_of_a_list,
    "send": lambda client: client.send(calls.roles.list()),
    "upload": lambda client: client.aws.buckets.upload(file=("a", io.BytesIO(b"x" * 600_000))),
    "upload from a path": lambda client: client.aws.buckets.upload(file=Path(__file__)),
}
CROWDS = {
    "queue": lambda client: queue(client, POOLED),
    "side by side": side_by_side,
    "side by side as they come": side_by_side_as_they_come,
    "collect": collect,
    "bulk": bulk,
    "gather": gather,
}
"""Dozens of tasks: here one instant in several has to do, in process it is each."""


@pytest.mark.parametrize(
    ("use", "stride"),
    [*((use, 1) for use in SOCKET_USES.values()), *((use, 7) for use in CROWDS.values())],
    ids=[*SOCKET_USES, *CROWDS],
)
async def test_a_use_of_sockets_that_is_cancelled_anywhere_leaves_its_client_as_it_was(use, stride, ways, watched):
    with watched(Sandbox(rows=20)) as server:
        client = AsyncWootiv(api_key="key", base_url=server.url, max_connections=POOLED, max_retries=0)
        await check(client, ways, lambda: use(client), stride, POOLED)
