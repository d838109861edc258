"""Bulks and gather: what `make` and items may be, what outcomes hold. Only type checkers read this: nothing runs."""

from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import assert_never, assert_type

from wootiv import (
    APIError,
    AsyncBulk,
    AsyncWootiv,
    Attempt,
    Bulk,
    BulkCounts,
    BulkResult,
    Call,
    Failed,
    NotSent,
    Outcome,
    PageData,
    Succeeded,
    Unknown,
    Wootiv,
    calls,
)
from wootiv.types import Contact, NewContact, Role


def from_row(row: dict[str, str]) -> Call[Contact]:
    return calls.contacts.update(row["id"], email=row["email"])


async def outcomes_awaited(client: AsyncWootiv, rows: list[dict[str, str]]) -> None:
    bulk = client.bulk(from_row, rows, concurrency=16, on_error="stop", resend_unknown=True, total_timeout=60)
    assert_type(bulk, AsyncBulk[dict[str, str], Contact])
    async with bulk as outcomes:
        assert_type(outcomes, AsyncBulk[dict[str, str], Contact])
        async for outcome in outcomes:
            match outcome:
                case Succeeded(item=item, value=value, index=index, attempts=attempts):
                    assert_type(item, dict[str, str])
                    assert_type(value, Contact)
                    assert_type(index, int)
                    assert_type(attempts, tuple[Attempt, ...])
                case Failed(item=item, error=error):
                    assert_type(item, dict[str, str])
                    assert_type(error, Exception)
                case Unknown(item=item, error=error):
                    assert_type(item, dict[str, str])
                    assert_type(error, APIError)
                case NotSent(item=item, error=error):
                    assert_type(item, dict[str, str])
                    assert_type(error, APIError)
                case _:
                    assert_never(outcome)
    assert_type(bulk.counts, BulkCounts)
    assert_type(
        bulk.unread,
        tuple[
            Succeeded[dict[str, str], Contact]
            | Failed[dict[str, str]]
            | Unknown[dict[str, str]]
            | NotSent[dict[str, str]],
            ...,
        ],
    )
    result = await client.bulk(from_row, rows).collect()
    assert_type(result, BulkResult[dict[str, str], Contact])
    assert_type([one.value for one in result.succeeded], list[Contact])
    assert_type([one.error for one in result.unknown], list[APIError])


def outcomes_for_threads(client: Wootiv, ids: Iterator[str]) -> int | None:
    with client.bulk(calls.contacts.delete, ids) as outcomes:
        assert_type(outcomes, Bulk[str, None])
        for outcome in outcomes:
            if isinstance(outcome, Succeeded):
                assert_type(outcome, Succeeded[str, None])
            elif isinstance(outcome, Failed):
                assert_type(outcome, Failed[str])
            else:
                assert_type(outcome, Unknown[str] | NotSent[str])
    with client.bulk(calls.contacts.retrieve, ids) as found:
        for contact in found:
            match contact:
                case Succeeded():
                    return contact.value.email.count("@")
                case Failed() | Unknown() | NotSent():
                    return None
    return None


def told(outcome: Outcome[str, Contact]) -> str:
    """A match that leaves one out is told of it."""
    match outcome:
        case Succeeded():
            return outcome.value.id
        case Failed() | NotSent():
            return f"{outcome.item}: {outcome.error}"
        case _:
            assert_never(outcome)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def ways_to_make(client: AsyncWootiv, blocking: Wootiv, ids: list[str], new: list[NewContact]) -> None:
    assert_type(client.bulk(calls.contacts.delete, ids), AsyncBulk[str, None])
    assert_type(client.bulk(calls.contacts.retrieve, ids), AsyncBulk[str, Contact])
    assert_type(client.bulk(lambda name: calls.roles.create(name=name, description=""), ids), AsyncBulk[str, Role])
    assert_type(client.bulk(lambda one: calls.contacts.create(**one), new), AsyncBulk[NewContact, Contact])
    assert_type(client.bulk(partial(calls.contacts.update, first_name="Ada"), ids), AsyncBulk[str, Contact])
    assert_type(client.bulk(lambda page: calls.contacts.list(page=page), range(9)), AsyncBulk[int, PageData[Contact]])
    assert_type(blocking.bulk(calls.contacts.delete, ids), Bulk[str, None])
    assert_type(blocking.bulk(lambda one: calls.contacts.create(**one), new), Bulk[NewContact, Contact])


async def items_of_every_kind(client: AsyncWootiv, blocking: Wootiv, more: AsyncIterator[str]) -> None:
    assert_type(client.bulk(calls.contacts.delete, more), AsyncBulk[str, None])
    assert_type(client.bulk(calls.contacts.delete, (name for name in "abc")), AsyncBulk[str, None])
    contacts = client.contacts.list()
    assert_type(client.bulk(lambda one: calls.contacts.delete(one.id), contacts), AsyncBulk[Contact, None])
    pages = blocking.contacts.list()
    assert_type(blocking.bulk(lambda one: calls.contacts.delete(one.id), pages), Bulk[Contact, None])
    assert_type(blocking.bulk(calls.contacts.delete, {"a": 1}), Bulk[str, None])


async def answers_in_order(client: AsyncWootiv, blocking: Wootiv, ids: list[str], more: AsyncIterator[str]) -> None:
    assert_type(await client.gather([calls.contacts.retrieve(id) for id in ids]), list[Contact])
    assert_type(await client.gather(map(calls.contacts.retrieve, ids), concurrency=4, total_timeout=9), list[Contact])
    assert_type(await client.gather(calls.contacts.delete(id) async for id in more), list[None])
    assert_type(blocking.gather(calls.contacts.retrieve(id) for id in ids), list[Contact])
    mixed: list[Call[Contact] | Call[Role]] = [calls.contacts.retrieve("1"), calls.roles.retrieve("2")]
    _both: list[Contact | Role] = await client.gather(mixed)


async def what_is_refused(client: AsyncWootiv, blocking: Wootiv, ids: list[str], more: AsyncIterator[str]) -> None:
    client.bulk(client.contacts.delete, ids)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    blocking.bulk(blocking.contacts.delete, ids)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.bulk(calls.contacts.delete, [1, 2])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.bulk(calls.contacts.delete, range(3))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.bulk(calls.contacts.delete("1"), ids)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.bulk(lambda one: one, ids)  # type: ignore[arg-type, return-value]  # pyright: ignore[reportArgumentType]
    client.bulk(calls.contacts.delete, 5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.bulk(calls.contacts.delete, ids, 8)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    client.bulk(calls.contacts.delete, ids, on_error="abort")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    blocking.bulk(calls.contacts.delete, more)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await client.gather(ids)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await client.gather([client.contacts.retrieve("1")])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    blocking.gather(calls.contacts.delete(id) async for id in more)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.gather([calls.contacts.delete("1")])  # type: ignore[unused-coroutine]  # pyright: ignore[reportUnusedCoroutine]
    for _ in client.bulk(calls.contacts.delete, ids):  # type: ignore[attr-defined]  # pyright: ignore[reportGeneralTypeIssues]
        pass
    outcome = Succeeded(0, "a", None)
    outcome.index = 1  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
