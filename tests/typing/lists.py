"""Lists read side by side, with both clients. Only type checkers read this: nothing here runs."""

from collections.abc import AsyncIterator, Iterator
from typing import assert_type

from wootiv import AsyncConcurrentList, AsyncWootiv, ConcurrentList, Stats, Wootiv
from wootiv.types import Contact, Mailbox, Member, RegistryEntry, Role, StreamRegistryEntry


async def side_by_side(client: AsyncWootiv) -> None:
    contacts = client.contacts.list(limit=100).concurrent(8, ordered=True, max_items=None)
    assert_type(contacts, AsyncConcurrentList[Contact])
    async with contacts as entered:
        assert_type(entered, AsyncConcurrentList[Contact])
        async for contact in entered:
            assert_type(contact, Contact)
        assert_type(await anext(entered), Contact)
        assert_type(entered.pages(), AsyncIterator[list[Contact]])
        async for rows in entered.pages():
            assert_type(rows, list[Contact])
        assert_type(await entered.next_rows(), list[Contact] | None)
        assert_type(entered.stats, Stats)
    async with client.contacts.list().concurrent(raw=True, total_timeout=3) as lines:
        assert_type(lines, AsyncConcurrentList[bytes])
        async for line in lines:
            assert_type(line, bytes)
    page = await client.contacts.list()
    assert_type(page.concurrent(ordered=False), AsyncConcurrentList[Contact])
    assert_type(page.concurrent(raw=True), AsyncConcurrentList[bytes])
    assert_type(page.concurrent(raw=False, max_items=3), AsyncConcurrentList[Contact])


async def short_forms(client: AsyncWootiv) -> None:
    assert_type(await client.contacts.list().collect(8), list[Contact])
    assert_type(await client.contacts.list().collect(max_items=3, total_timeout=60), list[Contact])
    assert_type(await client.contacts.list().collect(raw=True), list[bytes])
    assert_type(await (await client.contacts.list()).collect(), list[Contact])
    assert_type(await client.contacts.list(after="1").count(), int)


def blocking_side_by_side(client: Wootiv) -> None:
    with client.contacts.list(limit=100).concurrent(8, ordered=True, max_items=None) as contacts:
        assert_type(contacts, ConcurrentList[Contact])
        for contact in contacts:
            assert_type(contact, Contact)
        assert_type(next(contacts), Contact)
        assert_type(contacts.pages(), Iterator[list[Contact]])
        assert_type(contacts.next_rows(), list[Contact] | None)
        assert_type(contacts.stats, Stats)
    with client.contacts.list().concurrent(raw=True, total_timeout=3) as lines:
        assert_type(lines, ConcurrentList[bytes])
    assert_type(client.contacts.list().collect(8), list[Contact])
    assert_type(client.contacts.list().collect(raw=True), list[bytes])
    assert_type(client.contacts.list().count(), int)


async def every_kind_of_list(client: AsyncWootiv, blocking: Wootiv) -> None:
    assert_type(client.roles.list().concurrent(), AsyncConcurrentList[Role])
    assert_type(client.mailbox.list().concurrent(), AsyncConcurrentList[Mailbox])
    assert_type(client.mailbox.registry.retrieve("1").concurrent(), AsyncConcurrentList[RegistryEntry])
    assert_type(client.space.members.list("1").concurrent(), AsyncConcurrentList[Member])
    stream = blocking.mailbox.stream.registry.retrieve("s", id="1")
    assert_type(stream.concurrent(), ConcurrentList[StreamRegistryEntry])
    assert_type(await client.mailbox.registry.action.retrieve("1").collect(), list[RegistryEntry])


def what_became_of_it(stats: Stats) -> None:
    assert_type(stats.pages, int)
    assert_type(stats.items, int)
    assert_type(stats.repaired, int)
    assert_type(stats.unmatched, int)
    assert_type(stats.repeats, int)
    assert_type(stats.requests, int)
    assert_type(stats.retries, int)
    assert_type(stats.waited, float)


async def what_is_refused(client: AsyncWootiv, blocking: Wootiv) -> None:
    client.contacts.list().concurrent("8")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
    client.contacts.list().concurrent(8, orderd=True)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    blocking.contacts.list().concurrent(8, False)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    await client.contacts.list().collect(8, ordered=False)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    client.contacts.list().collect(8)  # type: ignore[unused-coroutine]  # pyright: ignore[reportUnusedCoroutine]
    with client.contacts.list().concurrent(8):  # type: ignore[attr-defined]  # pyright: ignore[reportGeneralTypeIssues]
        pass
    async with blocking.contacts.list().concurrent(8):  # type: ignore[attr-defined]  # pyright: ignore[reportGeneralTypeIssues]
        pass
