"""Calls side by side, and their answers in order."""

from collections.abc import AsyncIterable, Iterable
from functools import partial
from typing import Any, TypeVar

import anyio

from wootiv.call import Call
from wootiv.engine.items import Items, close, each
from wootiv.engine.send import Engine
from wootiv.errors import APITimeoutError
from wootiv.interrupts import notify, undisturbed
from wootiv.run import Run, check_count, check_seconds
from wootiv.tasks import Tasks
from wootiv.wire.words import kind_of

R = TypeVar("R")


@undisturbed
async def gather(
    engine: Engine, calls: Iterable[Call[R]] | AsyncIterable[Call[R]], concurrency: int, total_timeout: float | None
) -> list[R]:
    """The answers of all calls, in order; raises the first error, in that order, as itself."""
    check_count("concurrency", concurrency)
    check_seconds("total_timeout", total_timeout)
    given = each(calls, "gather")
    async with Tasks() as tasks:
        gathering = _Gathering(engine, Run(total_timeout, resend_unknown=False), tasks)
        tasks.start(partial(gathering.read, given, concurrency))
        await gathering.over.wait()
    if gathering.errors:
        raise gathering.errors[min(gathering.errors)]
    return gathering.answers


class _Gathering:
    """The calls that are under way, and what became of the others, by number."""

    def __init__(self, engine: Engine, run: Run, tasks: Tasks) -> None:
        self.answers: list[Any] = []
        self.errors: dict[int, Exception] = {}
        self.over = anyio.Event()
        """Set when all is answered that is before the first error."""
        self._engine = engine
        self._run = run
        self._tasks = tasks
        self._reading = anyio.CancelScope(deadline=run.deadline)
        self._under_way: dict[int, anyio.CancelScope] = {}
        self._changed = anyio.Event()

    async def read(self, calls: Items[Any], concurrency: int) -> None:
        """Send all calls, no more than so many at once, until one fails."""
        with self._reading:  # one scope for all, because a generator may have blocks of its own open between its items
            try:
                while not self.errors:
                    call = await anext(calls)
                    if not self.errors:
                        self._start(call)
                    await self._no_more_than(concurrency - 1)
            except StopAsyncIteration:
                pass
            except Exception as error:  # noqa: BLE001 - raised when all before it has been answered
                self._fail(error, len(self.answers))
            finally:
                await close(calls)  # noqa: ASYNC102 - in no scope of ours, as above
        if self._reading.cancelled_caught and not self.errors:
            late = APITimeoutError(f"gather: total_timeout of {self._run.total_timeout:g} s ran out")
            self._fail(late, len(self.answers))
        await self._no_more_than(0)
        notify(self.over.set)

    def _start(self, call: object) -> None:
        if not isinstance(call, Call):
            raise TypeError(f"gather: expected calls of wootiv.calls, got {kind_of(call)}")
        number = len(self.answers)
        self.answers.append(None)
        self._under_way[number] = anyio.CancelScope()
        self._tasks.start(partial(self._carry_out, number, call))

    def _fail(self, error: Exception, number: int) -> None:
        """Keep an error, and cancel the calls behind it: none of theirs is the first."""
        self.errors[number] = error
        self._reading.cancel()
        for other, scope in self._under_way.items():
            if other > number:
                scope.cancel()

    async def _no_more_than(self, most: int) -> None:  # noqa: ASYNC910 - it waits where there is too much
        """Wait until no more calls than that are under way."""
        while len(self._under_way) > most:
            self._changed = anyio.Event()
            await self._changed.wait()

    async def _carry_out(self, number: int, call: Call[Any]) -> None:  # noqa: ASYNC910 - nobody waits for this task
        with self._under_way[number]:
            try:
                self.answers[number] = await self._engine.answer(call, self._run)
            except Exception as error:  # noqa: BLE001 - not BaseException: cancellation and Ctrl-C end it all
                self._fail(error, number)
        del self._under_way[number]
        notify(self._changed.set)
