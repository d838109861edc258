"""What an iterable of either kind gives, for an async reader."""

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable, Iterator
from typing import Any, Generic, TypeAlias, TypeVar

import anyio.lowlevel

from wootiv.interrupts import interruptible
from wootiv.wire.words import kind_of

I = TypeVar("I")  # noqa: E741 - an item


class _Each(Generic[I]):
    def __init__(self, items: Iterable[I]) -> None:
        self._items: Iterator[I] = iter(items)

    @interruptible
    async def __anext__(self) -> I:
        await anyio.lowlevel.checkpoint_if_cancelled()
        for item in self._items:
            return item  # noqa: ASYNC910 - its reader waits where there is no room
        raise StopAsyncIteration


Items: TypeAlias = AsyncIterator[I] | _Each[I]


def each(items: Iterable[I] | AsyncIterable[I], name: str) -> Items[I]:
    """Read an iterable of either kind; raises `TypeError`."""
    if isinstance(items, AsyncIterable):
        return aiter(items)
    if is_many(items):
        return _Each(items)
    raise TypeError(f"{name}: expected an iterable or an async iterable, got {kind_of(items)}")


def is_many(items: object) -> bool:
    """Whether these are items, and not a text, whose letters nobody means."""
    return isinstance(items, Iterable) and not isinstance(items, str | bytes)


async def close(items: Items[Any]) -> None:  # noqa: ASYNC910 - there is nothing to wait for but what a generator does
    """Close an async generator, in the task that has read it: between two items it may have a block open."""
    if isinstance(items, AsyncGenerator):
        await items.aclose()
