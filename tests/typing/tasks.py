"""Operations in task groups, and in asyncio's own functions. Only type checkers read this: nothing here runs."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any, ParamSpec, TypeVar, assert_type

import anyio
import trio

from wootiv import AsyncPage, AsyncWootiv, Wootiv, calls
from wootiv.types import Contact, ContactGroup, NewContact

P = ParamSpec("P")
R = TypeVar("R")


def retried(do: Callable[P, Awaitable[R]]) -> Callable[P, Coroutine[Any, Any, R]]:
    """A decorator such as users bring along."""
    raise NotImplementedError


async def task_groups(client: AsyncWootiv, blocking: Wootiv, new: NewContact) -> None:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(client.contacts.retrieve, "1")
        tasks.start_soon(client.contacts.delete, "1")
        tasks.start_soon(client.send, calls.contacts.retrieve("1"))
        tasks.start_soon(client.get, "/anything")
        tasks.start_soon(client.aclose)
        # keywords go in by partial
        tasks.start_soon(partial(client.contacts.create, **new))
        tasks.start_soon(partial(client.contacts.retrieve, "1", fields=["email"], timeout=3))
        tasks.start_soon(partial(client.aws.buckets.retrieve_file_in_path, pathname="docs"), "a.txt")

        tasks.start_soon(client.contacts.retrieve, 1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        tasks.start_soon(client.contacts.retrieve)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        tasks.start_soon(client.contacts.list)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        tasks.start_soon(blocking.contacts.delete, "1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        tasks.start_soon(partial(client.contacts.create, emial="a"))  # type: ignore[call-arg]  # pyright: ignore[reportArgumentType]
        tasks.start_soon(partial(client.contacts.update, "1", email=1))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        # mypy lets a partial lack required keywords
        tasks.start_soon(partial(client.contacts.create, email="a"))  # pyright: ignore[reportArgumentType]

    async with trio.open_nursery() as nursery:
        nursery.start_soon(client.contacts.retrieve, "1")
        nursery.start_soon(client.contacts.delete, "1")
        nursery.start_soon(client.send, calls.contacts.retrieve("1"))
        nursery.start_soon(partial(client.contacts.create, **new))
        nursery.start_soon(client.contacts.retrieve, 1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        nursery.start_soon(blocking.contacts.delete, "1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def asyncio_alone(client: AsyncWootiv) -> None:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(client.contacts.retrieve("1"))
        _page = group.create_task(client.contacts.list())  # type: ignore[arg-type, var-annotated]  # pyright: ignore[reportArgumentType]
        page = group.create_task(client.contacts.list().first())
    assert_type(task.result(), Contact)
    assert_type(page.result(), AsyncPage[Contact])
    assert_type(await asyncio.create_task(client.contacts.update("1", email="a")), Contact)
    assert_type(await asyncio.wait_for(client.contacts.retrieve("1"), 3), Contact)
    assert_type(await asyncio.wait_for(client.contacts.list(), 3), AsyncPage[Contact])
    assert_type(
        await asyncio.gather(
            client.contacts.retrieve("1"),
            client.contacts.list(),
            client.contacts.delete("1"),
            client.contact_group.retrieve("1"),
            client.get("/contacts/1", cast_to=Contact),
        ),
        tuple[Contact, AsyncPage[Contact], None, ContactGroup, Contact],
    )
    assert_type(await asyncio.gather(*(client.contacts.retrieve(name) for name in "abc")), list[Contact])
    assert_type(
        await asyncio.gather(client.contacts.retrieve("1"), client.contacts.delete("1"), return_exceptions=True),
        tuple[Contact | BaseException, BaseException | None],
    )
    assert_type(await asyncio.to_thread(Wootiv().contacts.retrieve, "1"), Contact)


def runners(client: AsyncWootiv) -> None:
    assert_type(asyncio.run(client.contacts.retrieve("1")), Contact)
    assert_type(anyio.run(client.contacts.retrieve, "1"), Contact)
    assert_type(trio.run(client.contacts.retrieve, "1"), Contact)


async def decorated(client: AsyncWootiv, new: NewContact) -> None:
    create = retried(client.contacts.create)
    assert_type(await create(**new, timeout=3), Contact)
    await create(**new, timout=3)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    ids = ["1", "2"]
    assert_type([await contact for contact in map(client.contacts.retrieve, ids)], list[Contact])
