"""Many calls side by side: exactly one outcome for each item, however it ends."""

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from functools import partial
from types import TracebackType
from typing import Any, Generic, Literal, Self, TypeVar

import anyio
import anyio.lowlevel

from wootiv.call import Call
from wootiv.engine.crew import BulkPlan, Crew, Job
from wootiv.engine.send import Engine
from wootiv.outcome import BulkCounts, BulkResult, Outcome, sorted_out
from wootiv.run import Run, check_count, check_seconds
from wootiv.window import Window
from wootiv.wire.words import kind_of

I = TypeVar("I")  # noqa: E741 - an item
R = TypeVar("R")


class _Each(Generic[I]):
    """What an iterable gives, for an async reader."""

    def __init__(self, items: Iterable[I]) -> None:
        self._items: Iterator[I] = iter(items)

    async def __anext__(self) -> I:
        await anyio.lowlevel.checkpoint_if_cancelled()
        for item in self._items:
            return item  # noqa: ASYNC910 - it waits where there is no room
        raise StopAsyncIteration


def each(items: Iterable[I] | AsyncIterable[I], name: str) -> "AsyncIterator[I] | _Each[I]":
    """Read an iterable of either kind; raises `TypeError`."""
    if isinstance(items, AsyncIterable):
        return aiter(items)
    if isinstance(items, Iterable):  # pyright: ignore[reportUnnecessaryIsInstance]
        return _Each(items)
    raise TypeError(f"{name}: expected an iterable or an async iterable, got {kind_of(items)}")


class AsyncBulk(Generic[I, R]):
    """A bulk of calls: `async with` owns the tasks, `async for` gives exactly one outcome for each item, as they come.

    Items are read no further ahead than there is room. What reading them raises comes after the outcomes of what was
    read before. After the block, however it ended, `counts` is exact and `unread` has the outcomes of all items that
    were read and that the reader did not get; what was not read from `items` is still there.
    """

    def __init__(self, engine: Engine, plan: BulkPlan[I, R], items: Iterable[I] | AsyncIterable[I]) -> None:
        self._crew = Crew(engine, plan)
        self._items = each(items, "bulk")
        self._read = 0
        self._exhausted = False
        self._error: Exception | None = None
        self._room: anyio.Event
        self._turn = anyio.Lock()
        self._state: Literal["new", "open", "left"] = "new"
        self._taken_back: tuple[Outcome[I, R], ...] = ()

    async def __aenter__(self) -> Self:
        if self._state != "new":
            raise RuntimeError("a bulk can be entered once")
        await self._crew.__aenter__()
        self._state = "open"
        self._room = anyio.Event()
        self._crew.start(self._feed)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        self._state = "left"
        return await self._crew.__aexit__(kind, error, trace)  # noqa: ASYNC102 - it waits for tasks that are cancelled

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Outcome[I, R]:
        if self._state != "open":
            raise RuntimeError("bulk: use it inside its own `async with` block")
        async with self._turn:
            await anyio.lowlevel.checkpoint()
            while not self._crew.done:
                if self._exhausted and self._crew.is_idle:
                    error, self._error = self._error, None
                    raise error or StopAsyncIteration
                await self._crew.change()  # cancelled here, no outcome was taken
            outcome = self._crew.done.popleft()
            self._room.set()
            return outcome

    async def collect(self) -> BulkResult[I, R]:
        """Enter the block, and read all outcomes; raises what reading the items raises, and then all are `unread`."""
        outcomes: list[Outcome[I, R]] = []
        try:
            async with self:
                async for outcome in self:
                    outcomes.append(outcome)  # noqa: PERF401 - what was read is known, however this ends
        except BaseException:
            self._taken_back = tuple(outcomes)
            raise
        return sorted_out(outcomes, self.counts)

    @property
    def counts(self) -> BulkCounts:
        """How many items had which outcome, so far; exact once the block was left."""
        return self._crew.counts

    @property
    def unread(self) -> tuple[Outcome[I, R], ...]:
        """After the block: outcomes that the reader did not get."""
        return (*self._taken_back, *self._crew.done)

    async def _feed(self) -> None:  # noqa: ASYNC910 - the call waits, or nobody waits for this task
        try:
            while True:
                while self._crew.room <= 0:
                    self._room = anyio.Event()
                    await self._room.wait()
                job: Job[I, R] = Job(self._read, await anext(self._items))
                self._read += 1
                self._crew.waiting.append(job)
                self._crew.make(job)
                self._crew.begin_waiting()
        except StopAsyncIteration:
            pass
        except Exception as error:  # noqa: BLE001 - raised where the outcomes have been read
            self._error = error
        self._crew.begin_waiting()
        self._exhausted = True
        self._crew.wake()


async def gather(engine: Engine, calls: Any, concurrency: int, total_timeout: float | None) -> list[Any]:
    """The answers of all calls, in order; raises the first error, in that order, as itself."""
    check_count("concurrency", concurrency)
    check_seconds("total_timeout", total_timeout)
    given = each(calls, "gather")
    run = Run(total_timeout, resend_unknown=False)
    answers: list[Any] = []
    async with Window[Call[Any], Any](concurrency, partial(engine.answer, run=run), ordered=True) as window:
        begun = 0
        while True:
            try:
                call = await anext(given)
            except StopAsyncIteration:
                break
            if not isinstance(call, Call):
                raise TypeError(f"gather: expected calls of wootiv.calls, got {kind_of(call)}")
            if not window.room:
                answers.append(await _next(window))
            window.start(call)
            begun += 1
        while len(answers) < begun:
            answers.append(await _next(window))
    return answers


async def _next(window: Window[Call[Any], Any]) -> Any:
    slot = await window.ready()
    window.take(slot)
    return slot.result
