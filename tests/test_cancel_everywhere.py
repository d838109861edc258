"""Each public operation is cancelled at every await that it makes; afterwards its client is as good as new."""

import asyncio
import operator
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, get_args, get_origin, is_typeddict

import anyio
import httpx
import pytest
import tenacity
import trio
from steps import NATIVE_WAYS, WAYS, cancelled_everywhere

from wootiv import AsyncWootiv, Sandbox, calls
from wootiv.api.tree import Api
from wootiv.operation import operations_of
from wootiv.sandbox.app import App, route
from wootiv.sandbox.example import example
from wootiv.wire.encode import fields_of
from wootiv.wire.shape import Shape
from wootiv.wire.words import options_of

OPERATIONS = dict(operations_of(Api))
CONNECTIONS = 9
"""A pool, and one connection of a second."""


class Meeting(httpx.AsyncBaseTransport):
    """Leads to an app in process. Requests with `x-meet: 9` are answered once there are so many of them at once."""

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


async def check_as_good_as_new(client, living):
    """No task is left, 20 plain requests succeed, and all connections can be in use at once: so no slot is lost."""
    assert tasks_living() == living
    with anyio.fail_after(20):
        for _ in range(20):
            await client.root.retrieve()
        async with anyio.create_task_group() as tasks:
            for _ in range(CONNECTIONS):
                tasks.start_soon(lambda: client.root.retrieve(extra_headers={"x-meet": str(CONNECTIONS)}))


def tasks_living():
    if trio.lowlevel.in_trio_run():
        return trio.lowlevel.current_statistics().tasks_living
    return len(asyncio.all_tasks())


@pytest.fixture(params=[*WAYS, *NATIVE_WAYS], ids=lambda way: way.__name__)
def way(request):
    return request.param


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


def app_of_examples():
    """A sandbox that answers all but lists as declared, whatever was there and has become of it."""
    served = []
    for one in Sandbox(rows=5).app.routes:
        operation = OPERATIONS[one.name]
        handler = one.handler if operation.kind else example(operation)
        served.append(route(one.name, operation, handler, stateful=False))
    return App(served, accepts=lambda _: True)


@pytest.mark.parametrize("name", OPERATIONS)
async def test_an_operation_that_is_cancelled_anywhere_leaves_its_client_as_it_was(name, ways):
    operation = OPERATIONS[name]
    given = arguments_of(operation)
    transport = Meeting(transport_of(app_of_examples()))
    client = AsyncWootiv(api_key="key", base_url="http://wootiv.test", transport=transport, max_connections=CONNECTIONS)
    async with client:
        do = operator.attrgetter(name)(client)

        async def use():
            answer = do(**given)
            if operation.kind:
                assert [item async for item in answer]
            else:
                await answer

        living = tasks_living()
        for way in ways:
            await cancelled_everywhere(way, use)
        await check_as_good_as_new(client, living)


def transport_of(app):
    from wootiv.sandbox.transport import SandboxTransport

    return SandboxTransport(app)
