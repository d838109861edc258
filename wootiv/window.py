"""Work side by side, never more of it than its reader has room for."""

from collections import deque
from collections.abc import Callable, Coroutine
from functools import partial
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

import anyio
import anyio.lowlevel

from wootiv.interrupts import notify
from wootiv.tasks import Tasks

T = TypeVar("T")
W = TypeVar("W")


class Slot(Generic[W, T]):
    """One piece of work: what it is, and what became of it."""

    def __init__(self, work: W) -> None:
        self.work = work
        self.result: T
        self.error: Exception | None = None
        self.done = False
        self.told = False
        """Whether the reader has met the error."""
        self.taken = False
        self.scope: anyio.CancelScope = anyio.CancelScope()


class Window(Generic[W, T]):
    """Slots of work, in flight or waiting for the reader, who alone makes room for more.

    An error waits in its slot until the reader gets there, and so comes out as itself. It is no end: the reader who
    asks again has that piece of work done again.
    """

    def __init__(self, width: int, do: Callable[[W], Coroutine[Any, Any, T]], *, ordered: bool) -> None:
        self._width = width
        self._do = do
        self._ordered = ordered
        self._slots: deque[Slot[W, T]] = deque()
        self._tasks = Tasks()
        self._changed = anyio.Event()
        self._left = False
        # What was given up goes on until it is cancelled, and is in flight as long.
        self._in_flight = anyio.Semaphore(width, fast_acquire=True)

    @property
    def room(self) -> int:
        """How much more can be started."""
        return self._width - len(self._slots)

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        self._left = True
        notify(self._changed.set)  # another task, or a thread, may wait for what will not come any more
        return await self._tasks.__aexit__(kind, error, trace)  # noqa: ASYNC102 - it waits for tasks that are cancelled

    def start(self, work: W) -> Slot[W, T]:
        """Begin a piece of work; there must be room."""
        slot: Slot[W, T] = Slot(work)
        self._slots.append(slot)
        self._tasks.start(partial(self._run, slot))
        return slot

    def put(self, work: W, result: T) -> Slot[W, T]:
        """Take in a piece of work that is done."""
        slot: Slot[W, T] = Slot(work)
        slot.result, slot.done = result, True
        self._slots.append(slot)
        return slot

    async def do(self, work: W) -> T:
        """Do a piece of work at once, for the reader who waits for it; it has no slot, and counts as in flight."""
        await self._in_flight.acquire()
        try:
            return await self._do(work)
        finally:
            notify(self._in_flight.release)

    async def ready(self) -> Slot[W, T]:
        """Wait for the first slot, or for whichever is done first; it stays in the window until it is taken.

        Raises what its work raised, and `RuntimeError` once the block was left. Cancelled here, nothing has changed.
        """
        await anyio.lowlevel.checkpoint()
        self._check_open()
        for slot in [slot for slot in self._slots if slot.told]:
            slot.error, slot.done, slot.told, slot.scope = None, False, False, anyio.CancelScope()
            self._tasks.start(partial(self._run, slot))
        while (ready := self._first_done()) is None:
            self._changed = anyio.Event()
            await self._changed.wait()
            self._check_open()
        if ready.error is not None:
            ready.told = True
            raise ready.error
        return ready

    def take(self, slot: Slot[W, T]) -> None:
        """Make room."""
        self._slots.remove(slot)
        slot.taken = True

    def drop(self) -> None:
        """Give up all that is in flight or waits."""
        for slot in self._slots:
            slot.scope.cancel()
        self._slots.clear()

    def _check_open(self) -> None:
        if self._left:
            raise RuntimeError("the block was left meanwhile: use it inside its own `with` block")

    def _first_done(self) -> Slot[W, T] | None:
        candidates = list(self._slots)[:1] if self._ordered else self._slots
        return next((slot for slot in candidates if slot.done), None)

    async def _run(self, slot: Slot[W, T]) -> None:  # noqa: ASYNC910 - a task of its own: nobody waits for it
        try:
            with slot.scope:  # noqa: ASYNC912 - the work is what can be cancelled
                slot.result = await self.do(slot.work)
        except Exception as error:  # noqa: BLE001 - not BaseException: cancellation and Ctrl-C end the block
            slot.error = error
        slot.done = True
        notify(self._changed.set)
