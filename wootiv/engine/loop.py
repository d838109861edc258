"""One event loop in one daemon thread, and what crosses to it from other threads.

Rules that it keeps, each found by breaking it:

* the call object is made first, then posted without blocking, so that a Ctrl-C never loses a call that was sent;
* what the two threads share is a deque and one plain lock, which the loop only releases: a `Condition` can be left
  locked by a signal handler, and then the loop's thread hangs for ever;
* finalisers, the end of the process and forked children only signal or forget; nobody but `close()` and the hook at
  exit waits, and those with a limit;
* nothing that a call raises ends the loop.
"""

import atexit
import contextvars
import os
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any

import anyio
import anyio.lowlevel
from anyio.abc import TaskGroup

from wootiv.caller import Caller, current_caller, ring
from wootiv.errors import ClientStateError

try:
    from sniffio import current_async_library_cvar as _library
except ImportError:  # then anyio knows asyncio alone
    _library = None  # type: ignore[assignment]

_EXIT = 3.0
"""Seconds that the end of the process waits for all loops together."""

CLOSED = "this client is closed, make a new one"


class Crossing:
    """One call that crosses to the loop."""

    __slots__ = ("_bell", "_caller", "_cancelled", "_function", "_scope", "context", "done", "error", "result")

    def __init__(self, function: Callable[[], Awaitable[Any]], caller: Caller | None = None) -> None:
        self._function = function
        self._scope: anyio.CancelScope | None = None
        self._cancelled = False
        self._caller = caller
        self._bell = threading.Lock()
        self._bell.acquire()
        self.context: contextvars.Context = contextvars.copy_context()
        if caller is not None:
            # Not this itself: connections keep the context that they are made in.
            self.context.run(current_caller.set, caller)
        self.done: bool = False
        self.result: Any = None
        self.error: BaseException | None = None

    def wait(self) -> None:
        """Wait for the end, and run meanwhile what there is for the caller to run; raises what that raises.

        In short waits, because a signal that comes just before one is seen only after it; and on Windows each of them
        is deaf to Ctrl-C before Python 3.14 (python/cpython#125541).
        """
        while True:
            done = self.done  # asked first: all that was given until then is run
            if self._caller is not None:
                self._caller.run(self._bell)
            if done:
                return
            self._bell.acquire(timeout=0.2)

    def wait_only(self, seconds: float) -> None:
        """Wait for the end, at most so long, and run nothing; in short waits, as above."""
        end = time.monotonic() + seconds
        while not self.done and (left := end - time.monotonic()) > 0:
            self._bell.acquire(timeout=min(left, 0.2))

    async def run(self) -> None:  # noqa: ASYNC910 - a task of its own: nobody waits for it, and a hop has to be cheap
        """Run in a task of the loop."""
        try:
            if self._cancelled:
                return  # noqa: ASYNC910 - as above
            with anyio.CancelScope() as self._scope:  # noqa: ASYNC912 - the function is what can be cancelled
                try:
                    self.result = await self._function()
                except anyio.get_cancelled_exc_class() as error:  # noqa: ASYNC103 - raised again if it is a cancellation
                    if anyio.current_effective_deadline() > float("-inf"):
                        self.error = error  # nobody cancelled: it was raised by hand, and would take the loop with it
                    else:
                        self.error = gone("the client was closed during the call")
                        raise
                except BaseException as error:  # noqa: BLE001 - SystemExit too belongs to the caller, not to the loop
                    self.error = error
        finally:
            self.finish()

    def finish(self, error: BaseException | None = None) -> None:
        """Let the caller go on; a second time changes nothing."""
        if not self.done:
            self.error = error or self.error
            self._scope = None
            self.done = True
            ring(self._bell)  # lost to a signal just before it, the caller sees the end a short wait later

    def cancel(self) -> None:
        """Cancel, in the loop's thread; a call that has not begun never will."""
        self._cancelled = True
        if self._scope is not None:
            self._scope.cancel()


class LoopThread:
    """The loop and its thread. It knows nothing of the portal, so that a portal that is dropped can end it."""

    def __init__(self, backend: str, options: dict[str, Any]) -> None:
        self.pid: int = os.getpid()
        self.over: bool = False
        self._backend, self._options = backend, options
        self._posted: deque[Crossing | Callable[[], None]] = deque()
        self._wake: Callable[[Callable[[], None]], object] | None = None
        self._calls: TaskGroup
        self._stopped: anyio.Event
        self._last: Crossing | None = None
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="wootiv", daemon=True)

    def start(self) -> None:
        """Start the thread; raises `ClientStateError`."""
        _loops.add(self)
        try:
            self._thread.start()
        except BaseException as error:
            _loops.discard(self)
            self.stop()  # a Ctrl-C may come when the thread runs already
            if isinstance(error, RuntimeError):  # no memory, or too late: the interpreter is shutting down
                message = f"no thread can be started for the client's event loop: {error}"
                raise ClientStateError(message) from error  # noqa: ASYNC104 - no coroutine, so no cancellation
            raise

    def post(self, work: "Crossing | Callable[[], None]") -> None:
        """Hand work to the loop; from any thread, at any time, never blocking."""
        self._posted.append(work)
        if self._wake is not None:  # else the loop is only starting, and will look
            with suppress(RuntimeError):  # it has ended
                self._wake(self._work)
        if self.over:
            self._refuse()

    def keep(self, function: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run a function in a task of the loop's own, which ends with it at the latest; from the loop."""
        self._calls.start_soon(function)

    def stop(self, last: Crossing | None = None) -> None:
        """Ask the loop to end; `last` is run after all else."""
        if self.pid != os.getpid():
            return  # the parent's
        if last is not None:
            self._last = last
        self.post(self._end)

    def _end(self) -> None:
        self._stopped.set()

    def join(self, seconds: float) -> None:
        """Wait for the end, at most so long."""
        self._thread.join(seconds)

    def _refuse(self) -> None:
        # Nothing is taken out: whoever is interrupted here would lose calls of other threads.
        for work in (*self._posted.copy(), self._last):
            if isinstance(work, Crossing):
                work.finish(self._failure or gone(CLOSED))

    def _run(self) -> None:
        _serving.add(threading.get_ident())
        try:
            anyio.run(self._main, backend=self._backend, backend_options=self._options)
        except BaseException as error:  # noqa: BLE001, ASYNC103 - the callers are told; the thread ends here
            self._failure = error
        finally:
            _serving.discard(threading.get_ident())
            _loops.discard(self)
            self.over = True
            self._refuse()

    async def _main(self) -> None:
        self._stopped = anyio.Event()
        # asyncio's and trio's ways to reach a loop from anywhere; anyio's own wait for an answer.
        native: Any = anyio.lowlevel.current_token().native_token
        mine = current_loop.set(self)
        wake = getattr(native, "call_soon_threadsafe", None) or native.run_sync_soon
        async with anyio.create_task_group() as self._calls:
            self._wake = wake
            self._work()  # what was posted until now
            await self._stopped.wait()
            self._calls.cancel_scope.cancel()
        if self._last is not None:
            await self._last.run()
        current_loop.reset(mine)  # else what belongs to the loop keeps it, and neither is ever freed

    def _work(self) -> None:
        while self._posted and not self._stopped.is_set():  # what comes after the stop is refused at the end
            work = self._posted.popleft()
            if isinstance(work, Crossing):
                self._begin(work)
            else:
                work()

    def _begin(self, call: Crossing) -> None:
        try:
            if _library is not None:
                # The caller's context may name the library of the caller's own loop, and here no task tells it.
                call.context.run(_library.set, self._backend)
            _ = call.context.run(self._calls.start_soon, call.run)
        except BaseException as error:  # noqa: BLE001, ASYNC103 - else the caller would wait for ever
            call.finish(error)


current_loop: anyio.lowlevel.RunVar[LoopThread] = anyio.lowlevel.RunVar("wootiv_loop")
"""The loop that serves blocking calls, for what runs in it."""


async def caller_is_through() -> None:
    """Wait until the caller of this task has run all that it was given; for ever, if any of that raised."""
    caller, loop = current_caller.get(), current_loop.get(None)
    if caller is None or loop is None:  # what is told runs where it is told, or nobody listens
        await anyio.lowlevel.checkpoint()
    else:
        through = anyio.Event()
        caller.give(lambda: loop.post(through.set))
        await through.wait()


_loops: set[LoopThread] = set()
_inherited: list[LoopThread] = []
_ending = threading.Event()
_serving: set[int] = set()


def process_is_ending() -> bool:
    """Whether the hook at exit has run, so that no loop can be started any more."""
    return _ending.is_set()


def in_a_loop_thread() -> bool:
    """Whether this thread runs a loop that serves blocking calls: one that waits for another can wait for ever."""
    return threading.get_ident() in _serving


def gone(message: str) -> BaseException:
    """What a caller meets whose loop has ended."""
    if not _ending.is_set():
        return ClientStateError(message)
    if threading.current_thread() is threading.main_thread():
        return ClientStateError("the process is ending, no call can be made any more")
    # Only daemon threads are left, and the interpreter is about to end them. This does so without a word, and lets
    # those go on that wait for them.
    return SystemExit()


@atexit.register
def _end_all_loops() -> None:
    _ending.set()
    mine = list(_loops)
    for loop in mine:
        loop.stop()
    end = time.monotonic() + _EXIT
    for loop in mine:
        loop.join(max(0.0, end - time.monotonic()))


def _start_anew_in_child() -> None:
    _inherited.extend(_loops)  # kept, because what is collected is closed, and that would reach the parent
    _loops.clear()
    _serving.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_anew_in_child)
