"""Many calls side by side: exactly one outcome for each item, however it ends."""

import math
from collections.abc import AsyncIterable, Iterable, Sized
from types import TracebackType
from typing import Generic, Literal, Self, TypeVar

import anyio
import anyio.lowlevel

from wootiv.engine.crew import BulkPlan, Crew, Job
from wootiv.engine.items import close, each
from wootiv.engine.send import Engine
from wootiv.interrupts import undisturbed
from wootiv.outcome import BulkCounts, BulkResult, Outcome, sorted_out

I = TypeVar("I")  # noqa: E741 - an item
R = TypeVar("R")


class AsyncBulk(Generic[I, R]):
    """A bulk of calls: `async with` owns the tasks, `async for` gives exactly one outcome for each item, as they come.

    Items are read no further ahead than there is room. Once nothing more is sent, what has a length is read to its end,
    and an iterator no further. What reading them raises comes after the outcomes of what was read before. After the
    block, however it ended, `counts` is exact and `unread` has the outcomes of all items that were read and that the
    reader did not get. What was not read from `items` is still there; but an async generator is closed, because it may
    have a block open.
    """

    def __init__(self, engine: Engine, plan: BulkPlan[I, R], items: Iterable[I] | AsyncIterable[I]) -> None:
        self._crew = Crew(engine, plan)
        self._items = each(items, "bulk")
        self._is_finite = isinstance(items, Sized)
        self._read = 0
        self._exhausted = False
        self._error: Exception | None = None
        self._room: anyio.Event
        self._state: Literal["new", "open", "left"] = "new"
        self._taken_back: list[Outcome[I, R]] = []

    @undisturbed
    async def __aenter__(self) -> Self:
        if self._state != "new":
            raise RuntimeError("a bulk can be entered once")
        await self._crew.__aenter__()
        self._state = "open"
        self._room = anyio.Event()
        self._crew.start(self._feed)
        return self

    @undisturbed
    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        self._state = "left"
        return await self._crew.__aexit__(kind, error, trace)  # noqa: ASYNC102 - it waits for tasks that are cancelled

    def __aiter__(self) -> Self:
        return self

    @undisturbed
    async def __anext__(self) -> Outcome[I, R]:
        await anyio.lowlevel.checkpoint_if_cancelled()
        done = self._crew.done
        while self._state == "open" and not done:
            if self._exhausted and self._crew.is_idle:
                error, self._error = self._error, None
                raise error or StopAsyncIteration
            await self._crew.change()  # cancelled here, no outcome was taken
        if self._state != "open":
            raise RuntimeError("bulk: use it inside its own `async with` block")
        self._room.set()
        outcome = done[0]
        del done[0]  # and not by a call: what it had taken, a Ctrl-C that came after it would lose
        return outcome  # noqa: ASYNC910 - it waits where there is none

    @undisturbed
    async def collect(self) -> BulkResult[I, R]:
        """Enter the block, and read all outcomes; raises what reading the items raises, and then all are `unread`."""
        async with self:
            async for outcome in self:
                self._taken_back.append(outcome)
        result = sorted_out(self._taken_back, self.counts)
        self._taken_back = []
        return result

    @property
    def counts(self) -> BulkCounts:
        """How many items had which outcome, so far; exact once the block was left."""
        return self._crew.counts

    @property
    def unread(self) -> tuple[Outcome[I, R], ...]:
        """After the block: outcomes that the reader did not get."""
        return (*self._taken_back, *self._crew.done)

    async def _feed(self) -> None:  # noqa: ASYNC910 - the call waits, or nobody waits for this task
        # One scope for all items, and not one for each: a generator may have blocks of its own open between them.
        with anyio.CancelScope(deadline=math.inf if self._is_finite else self._crew.deadline) as scope:
            self._crew.reading = None if self._is_finite else scope
            try:
                await self._read_all()
            finally:
                await close(self._items)  # noqa: ASYNC102 - in no scope of ours, as above
        self._end()

    async def _read_all(self) -> None:  # noqa: ASYNC910 - as above
        while not self._exhausted and (self._is_finite or self._crew.over is None):
            while self._crew.room <= 0:
                self._room = anyio.Event()
                await self._room.wait()
            await self._read_one()

    async def _read_one(self) -> None:  # noqa: ASYNC910 - as above
        job: Job[I, R] = Job(self._read)
        self._crew.waiting.append(job)
        try:
            job.item = await anext(self._items)  # to where it belongs: no Ctrl-C comes between
            self._read += 1
            self._crew.make(job)
        except StopAsyncIteration:
            self._exhausted = True
        except Exception as error:  # noqa: BLE001 - raised where the outcomes have been read
            self._exhausted, self._error = True, error
        else:
            self._crew.begin_waiting()

    def _end(self) -> None:
        """Nothing more is read."""
        self._crew.drop_unread()
        self._crew.begin_waiting()  # what has no call to be sent, too; and it says what is over
        self._exhausted = True
        self._crew.wake()
