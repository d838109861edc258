"""A bulk of calls for blocking code: items are read, and calls made, in the caller's thread."""

import threading
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import AbstractAsyncContextManager
from itertools import islice, starmap
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from wootiv.engine.crew import BulkPlan, Crew, Job
from wootiv.engine.hosting import HostedBlock
from wootiv.engine.items import is_many
from wootiv.engine.send import Engine
from wootiv.outcome import BulkCounts, BulkResult, Outcome, sorted_out
from wootiv.wire.words import kind_of

I = TypeVar("I")  # noqa: E741 - an item
R = TypeVar("R")


class Bulk(Generic[I, R]):
    """A bulk of calls: `with` owns the tasks, `for` gives exactly one outcome for each item, as they come.

    The twin of `AsyncBulk` for blocking code. `items` and `make` run in the caller's thread, and may use the client.
    Threads that share it take turns.
    """

    def __init__(
        self,
        engine: Engine,
        host: Callable[[AbstractAsyncContextManager[Any]], HostedBlock],
        plan: BulkPlan[I, R],
        items: Iterable[I],
    ) -> None:
        if not is_many(items):
            raise TypeError(f"bulk: expected an iterable, got {kind_of(items)}")
        self._crew = Crew(engine, plan)
        self._host = host
        self._jobs: Iterator[Job[I, R]] = starmap(Job, enumerate(items))
        self._is_finite = isinstance(items, Sized)
        self._exhausted = False
        self._error: Exception | None = None
        self._turn = threading.Lock()
        self._hosted: HostedBlock | None = None
        self._left = False
        self._taken_back: list[Outcome[I, R]] = []

    def __enter__(self) -> Self:
        __tracebackhide__ = True
        if self._hosted is not None:
            raise RuntimeError("a bulk can be entered once")
        self._hosted = self._host(self._crew)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._left = True
        if self._hosted is not None:
            self._hosted.close()

    def __iter__(self) -> Iterator[Outcome[I, R]]:
        return self

    def __next__(self) -> Outcome[I, R]:
        __tracebackhide__ = True
        while True:
            with self._turn:
                self._await_one()
            taken: Iterator[Outcome[I, R]] = iter(self._crew.done.popleft, None)
            try:
                for outcome in taken:
                    return outcome  # not by a call: what it had taken, a Ctrl-C that came after it would lose
            except IndexError:  # to another thread
                pass

    def _await_one(self) -> None:
        """Wait until there is an outcome; raises `StopIteration`, and what reading the items raised."""
        __tracebackhide__ = True
        while True:
            if self._hosted is None or self._left:
                raise RuntimeError("bulk: use it inside its own `with` block")
            if self._crew.left:
                self._hosted.close()  # raises what has ended it, if it is not the end of the client
            if self._wants_an_item(self._hosted):
                self._read_one(self._hosted)
            ended = self._exhausted and self._crew.is_idle  # asked first: its last outcome is there before it is
            if self._crew.done:
                return
            if ended:
                error, self._error = self._error, None
                raise error or StopIteration
            if not self._wants_an_item(self._hosted):
                self._hosted.call(self._some)

    def _wants_an_item(self, hosted: HostedBlock) -> bool:
        if self._exhausted or hosted.is_over:
            return False
        if self._crew.over is not None and not self._is_finite and self._unmade() is None:
            self._exhausted = True
            return False
        return self._crew.room > 0 or self._unmade() is not None

    def _read_one(self, hosted: HostedBlock) -> None:
        try:
            if self._unmade() is None:
                # Out of the iterator and into the queue in one step, which no Ctrl-C can part.
                self._crew.waiting.extend(islice(self._jobs, 1))
            job = self._unmade()
            if job is not None:
                self._crew.make(job)
            else:
                self._exhausted = True
        except Exception as error:  # noqa: BLE001 - raised where the outcomes have been read
            self._exhausted, self._error = True, error
        hosted.post(self._crew.begin_waiting)

    def _unmade(self) -> Job[I, R] | None:
        """The item that was read last, if there is no call for it yet; the event loop lets it lie."""
        try:
            newest = self._crew.waiting[-1]
        except IndexError:
            return None
        return newest if newest.made is None else None

    async def _some(self) -> None:  # noqa: ASYNC910 - it waits where there is no outcome yet
        """Wait until there is an outcome, or can be none."""
        self._crew.begin_waiting()
        while not self._crew.done and not self._crew.is_idle:
            await self._crew.change()

    def collect(self) -> BulkResult[I, R]:
        """Enter the block, and read all outcomes; raises what reading the items raises, and then all are `unread`."""
        __tracebackhide__ = True
        with self:
            self._taken_back.extend(self)
        result = sorted_out(self._taken_back, self.counts)
        self._taken_back = []
        return result

    @property
    def counts(self) -> BulkCounts:
        """How many items had which outcome, so far; exact once the block was left."""
        self._sweep()
        if self._hosted is None or self._hosted.is_over:
            return self._crew.counts
        return self._hosted.call(self._counts)

    @property
    def unread(self) -> tuple[Outcome[I, R], ...]:
        """After the block: outcomes that the reader did not get."""
        self._sweep()
        return (*self._taken_back, *self._crew.done)

    def _sweep(self) -> None:
        if self._left and self._hosted is not None and not self._hosted.is_over:
            self._hosted.close()  # a Ctrl-C came when it was being left
        if self._crew.left:
            self._crew.sweep()  # what another thread has read since

    async def _counts(self) -> BulkCounts:
        return self._crew.counts  # noqa: ASYNC910 - it crosses to where the clock of its waits is
