"""Async blocks that blocking code has open in the client's event loop."""

import contextvars
import os
import weakref
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager, suppress
from functools import partial
from typing import Any, TypeVar

import anyio

from wootiv.caller import Caller
from wootiv.engine.loop import LoopThread, current_loop
from wootiv.engine.portal import Portal
from wootiv.errors import ClientStateError

R = TypeVar("R")


class _Visit:
    """One block in the loop: entered and left by one task of its own, because cancel scopes want that."""

    def __init__(self, block: AbstractAsyncContextManager[Any]) -> None:
        self._block = block
        self.loop: LoopThread | None = None
        self.abandoned = False
        self.error: BaseException | None = None
        self._context: contextvars.Context
        self._leave: anyio.Event
        self._settled: anyio.Event
        self._left: anyio.Event

    async def begin(self) -> None:
        """Enter the block, in the loop."""
        self._leave, self._settled, self._left = anyio.Event(), anyio.Event(), anyio.Event()
        self._context = contextvars.copy_context()
        self.loop = current_loop.get()
        if self.abandoned:  # looked at after the loop was set: `abandon` looks the other way round
            self._leave.set()
        self.loop.keep(self._stay)
        await self._settled.wait()

    async def _stay(self) -> None:  # noqa: ASYNC910 - a task of its own: nobody waits for it
        try:
            async with self._block:
                self._settled.set()
                await self._leave.wait()
        except anyio.get_cancelled_exc_class():
            raise  # noqa: ASYNC120 - the loop ends
        except BaseException as error:  # noqa: BLE001, ASYNC103 - told to whoever opens the block, or closes it
            self.error = error
        finally:
            self._settled.set()
            self._left.set()

    async def left(self) -> None:
        """Wait until the block was left, whatever the caller runs meanwhile raises."""
        with anyio.CancelScope(shield=True):  # the end of the loop leaves the block
            await self._left.wait()

    def post(self, function: Callable[[], None]) -> None:
        """Have a plain function run in the loop; from any thread, never blocking."""
        if self.loop is not None:
            # In the context of the block: in that of the loop itself nothing tells anyio which library runs.
            self.loop.post(partial(self._context.run, function))

    def abandon(self) -> None:
        """Have the block left; from any thread, at any time, never blocking."""
        self.abandoned = True
        if self.loop is not None and self.loop.pid == os.getpid():
            self.post(self._leave.set)

    def raise_error(self) -> None:
        """Raise, once, what entering or leaving raised."""
        error, self.error = self.error, None
        if error is not None:
            raise error


class HostedBlock:
    """An async block, open in the event loop of a blocking client."""

    def __init__(self, portal: Portal, block: AbstractAsyncContextManager[Any]) -> None:
        """Enter it; raises what entering raises."""
        __tracebackhide__ = True
        self._portal = portal
        self._caller = Caller()
        self._visit = _Visit(block)
        self._left = False
        # Who is interrupted before the `with` has begun, or drops the block, leaves it so.
        self._end = weakref.finalize(self, self._visit.abandon)
        self._end.atexit = False
        try:
            portal.call(self._visit.begin, self._caller)
            self._visit.raise_error()
        except BaseException:
            self._visit.abandon()
            raise

    @property
    def is_over(self) -> bool:
        """Whether the block was left."""
        loop = self._visit.loop
        return self._left or loop is None or loop.over or loop.pid != os.getpid()

    def call(self, function: Callable[[], Coroutine[Any, Any, R]]) -> R:
        """Run a function of the block in its loop; raises what it raises."""
        __tracebackhide__ = True
        if self.is_over and not self._portal.closed:
            raise ClientStateError("this block was left already, or belongs to the parent process")
        return self._portal.call(function, self._caller)

    def post(self, function: Callable[[], None]) -> None:
        """Have a plain function of the block run in its loop, without waiting for it."""
        if not self.is_over:
            self._visit.post(function)

    def close(self) -> None:
        """Leave the block, and wait until it is left; raises what leaving raises."""
        __tracebackhide__ = True
        try:
            self._visit.abandon()
            if not self.is_over:
                with suppress(ClientStateError):  # closed meanwhile: the end of the loop has left it
                    self._portal.call(self._visit.left, self._caller)
        except BaseException as raised:  # by what the caller ran, or by a signal handler
            self._visit.abandon()  # once more: a Ctrl-C may have come first
            if not isinstance(raised, KeyboardInterrupt):
                with suppress(ClientStateError):  # as above; the first wait may have been cancelled before it began
                    self._portal.call(self._visit.left)
            raise
        self._left = True
        self._end.detach()
        self._visit.raise_error()
