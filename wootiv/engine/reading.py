"""A thread for the files of one body: it blocks where they do, and can be left behind."""

import queue
import threading
from collections.abc import Callable
from functools import partial
from typing import Any, Generic, TypeVar, cast

import anyio
import anyio.lowlevel

from wootiv.interrupts import notify

T = TypeVar("T")


class _Work(Generic[T]):
    """A function, and what became of it."""

    def __init__(self, function: Callable[[], T]) -> None:
        self.function = function
        self.result: T | None = None
        self.error: BaseException | None = None
        self.done = anyio.Event()

    def run(self) -> None:
        try:
            self.result = self.function()
        except BaseException as error:  # noqa: BLE001, ASYNC103 - handed to the task that waits, as it is
            self.error = error


class Reading:
    """Runs functions one after the other, each awaited, until it is left; `last` closes what they opened.

    Not anyio's worker threads: those of asyncio are no daemons, so one that waits for a pipe would keep the program
    from its end; and they share a limit, so 40 such would keep all others from their start.
    """

    def __init__(self, last: Callable[[], None]) -> None:
        self._last = last
        self._given: queue.SimpleQueue[_Work[Any] | None] = queue.SimpleQueue()
        self._busy = False
        self._ended = anyio.Event()
        # asyncio's and trio's ways to reach a loop from anywhere; anyio's own wait for an answer.
        native: Any = anyio.lowlevel.current_token().native_token
        self._wake = getattr(native, "call_soon_threadsafe", None) or native.run_sync_soon
        threading.Thread(target=self._run, name="wootiv reading", daemon=True).start()

    async def run(self, function: Callable[[], T]) -> T:
        """What the function gives or raises."""
        work = _Work(function)
        self._busy = True
        self._given.put(work)
        await work.done.wait()  # cancelled here, the thread is still busy: it is left to end by itself
        self._busy = False
        if work.error is not None:
            raise work.error
        return cast("T", work.result)

    def leave(self) -> None:
        """End the thread and close the files: now, or under a function that still runs as soon as it returns."""
        if not self._busy:
            self._last()
        self._given.put(None)

    async def ended(self) -> None:
        """Wait until the thread was left and has closed the files."""
        await self._ended.wait()

    def _run(self) -> None:
        is_heard = True
        while is_heard and (work := self._given.get()) is not None:
            work.run()
            is_heard = self._tell(work.done)
            del work
        self._last()
        self._tell(self._ended)

    def _tell(self, event: anyio.Event) -> bool:
        try:
            self._wake(partial(notify, event.set))
        except RuntimeError:  # the loop is over
            return False
        return True
