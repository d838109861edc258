"""Cancelling an operation at its n-th await, whichever of its tasks makes it, in every way there is."""

import asyncio
import itertools
import math
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import contextmanager

import anyio
import trio

Operation = Callable[[], Awaitable[object]]


class Steps:
    """Counts awaits that suspend a task, and does something at the n-th."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.made = 0
        self.then: Callable[[], object] | None = None
        self.late: asyncio.Task | None = None

    @property
    def reached(self) -> bool:
        return self.made >= self.number

    def step(self) -> None:
        if self.then is not None:
            self.made += 1
            if self.made == self.number:
                self.then()

    @contextmanager
    def counted(self):
        """Count in all tasks of trio, and in those that asyncio makes from now on."""
        if trio.lowlevel.in_trio_run():
            instrument = _Instrument(self)
            trio.lowlevel.add_instrument(instrument)
            try:
                yield
            finally:
                trio.lowlevel.remove_instrument(instrument)
        else:
            loop = asyncio.get_running_loop()
            loop.set_task_factory(lambda loop, made, **named: asyncio.Task(_Counted(made, self), loop=loop, **named))
            try:
                yield
            finally:
                loop.set_task_factory(None)


class _Instrument(trio.abc.Instrument):
    def __init__(self, steps: Steps) -> None:
        self._steps = steps

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        self._steps.step()


class _Counted(Coroutine):
    """A coroutine that tells whenever it is suspended."""

    def __init__(self, inner: Coroutine, steps: Steps) -> None:
        self._inner = inner
        self._steps = steps

    def __getattr__(self, name):
        return getattr(self._inner, name)  # `cr_running` and the like

    def __await__(self):
        return self

    def send(self, value):
        if self._steps.late is asyncio.current_task():
            self._steps.made += 1
            if self._steps.made == self._steps.number:
                # What it waited for has come, and here is a cancellation in its place.
                self._steps.late.cancel()
                return None
        return self._told(self._inner.send(value))

    def throw(self, *error):
        return self._told(self._inner.throw(*error))

    def close(self):
        self._inner.close()

    def _told(self, trap):
        self._steps.step()
        return trap


async def by_scope(steps: Steps, operation: Operation) -> None:
    """By the scope around it."""
    with anyio.CancelScope() as scope:
        steps.then = scope.cancel
        await operation()
    steps.then = None
    assert steps.reached or not scope.cancelled_caught


async def by_outer_scope(steps: Steps, operation: Operation) -> None:
    """By a scope far outside, over a group's and a limit's that stay out of it."""
    with anyio.CancelScope() as scope, anyio.fail_after(3600) as limit:
        async with anyio.create_task_group() as tasks:
            steps.then = scope.cancel
            tasks.start_soon(operation)
    steps.then = None
    assert not limit.cancelled_caught
    assert steps.reached or not scope.cancelled_caught


async def by_limit(steps: Steps, operation: Operation) -> None:
    """By a limit that runs out: the caller's own `TimeoutError`, and no other."""
    caught = None
    try:
        with anyio.fail_after(3600) as limit:
            steps.then = lambda: setattr(limit, "deadline", -math.inf)
            await operation()
    except TimeoutError as error:
        caught = type(error)
    steps.then = None
    assert caught in (TimeoutError, None)
    assert steps.reached or caught is None


async def by_task(steps: Steps, operation: Operation) -> None:
    """By asyncio's own `task.cancel()`: it arrives, and the task ends by it."""
    task = asyncio.create_task(_started(operation))
    steps.then = task.cancel
    await asyncio.wait([task])
    steps.then = None
    assert task.cancelled() == steps.reached, task
    if not task.cancelled():
        task.result()


async def by_task_late(steps: Steps, operation: Operation) -> None:
    """By `task.cancel()` when what the task waited for is there already, but it did not run yet."""
    task = steps.late = asyncio.create_task(_started(operation))
    await asyncio.wait([task])
    steps.late = None
    assert task.cancelled() == steps.reached, task
    if not task.cancelled():
        task.result()


async def _started(operation: Operation) -> None:
    await operation()


WAYS = [by_scope, by_outer_scope, by_limit]
NATIVE_WAYS = [by_task, by_task_late]
"""Of asyncio alone; trio has no such thing."""


async def cancelled_everywhere(way, operation: Operation, stride: int = 1) -> None:
    """Run an operation again and again, each time cancelled so many awaits later, until it ends before."""
    for number in itertools.count(1, stride):
        steps = Steps(number)
        with steps.counted(), anyio.fail_after(30):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(way, steps, operation)
        if not steps.reached:
            break
    assert number > 2, "it was hardly ever cancelled"
