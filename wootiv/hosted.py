"""Async blocks for blocking code: each runs in the client's event loop, entered and left there by one task."""

from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, Generic, Protocol, Self, TypeVar

from wootiv.concurrent import AsyncConcurrentList
from wootiv.seams import Stats

T = TypeVar("T")
R = TypeVar("R")


class Hosted(Protocol):
    """An async block, open in the event loop of a blocking client."""

    @property
    def is_over(self) -> bool:
        """Whether the block was left."""
        ...

    def call(self, function: Callable[[], Coroutine[Any, Any, R]]) -> R:
        """Run a function of the block in its loop."""
        ...

    def close(self) -> None:
        """Leave the block, and wait until it is left."""
        ...


class ConcurrentList(Generic[T]):
    """A list whose pages are fetched side by side: `with` owns the tasks, `for` gives the rows.

    The twin of `AsyncConcurrentList` for blocking code. It crosses to the event loop once a page, and what has crossed
    is kept there until it is given out, so that a Ctrl-C on the way loses none. Threads that share it take turns.
    """

    def __init__(
        self, twin: AsyncConcurrentList[T], host: Callable[[AbstractAsyncContextManager[Any]], Hosted]
    ) -> None:
        self._twin = twin
        self._host = host
        self._hosted: Hosted | None = None

    def __enter__(self) -> Self:
        __tracebackhide__ = True
        self._hosted = self._host(self._twin)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._hosted is not None:
            self._hosted.close()

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        __tracebackhide__ = True
        while True:
            for row in (rows := self._twin.at_hand):
                return row
            if not self._go_on(rows):
                raise StopIteration

    def pages(self) -> Iterator[list[T]]:
        """The rows page by page, but for those that were given out before; none of the lists is empty."""
        return iter(self.next_rows, None)

    def next_rows(self) -> list[T] | None:
        """The rows of the next page; `None` after the last."""
        __tracebackhide__ = True
        while not (rows := list(spent := self._twin.at_hand)):
            if not self._go_on(spent):
                return None
        return rows

    @property
    def stats(self) -> Stats:
        """What it came to, so far."""
        return self._twin.stats if self._hosted is None or self._hosted.is_over else self._hosted.call(self._stats)

    async def _stats(self) -> Stats:
        return self._twin.stats  # noqa: ASYNC910 - it crosses to where the clock of its waits is

    def _go_on(self, spent: Iterator[T]) -> bool:
        __tracebackhide__ = True
        if self._hosted is None:
            raise RuntimeError("a list read side by side: use it inside its own `with` block")
        return self._hosted.call(lambda: self._twin.go_on(spent))
