"""A loop of one's own for blocking code: one event loop in one daemon thread, shared by all threads that call it.

Rules that it keeps, each found by breaking it:

* the call object is made first, then posted without blocking, so that a Ctrl-C never loses a call that was sent;
* what the two threads share is one plain lock, which the loop only releases: a `Condition` can be left locked by a
  signal handler, and then the loop's thread hangs for ever;
* finalisers, the end of the process and forked children only signal or forget; nobody but `close()` and the hook at
  exit waits, and those with a limit;
* nothing that a call raises ends the loop.
"""

import atexit
import contextvars
import os
import socket
import sys
import threading
import time
import warnings
import weakref
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, TypeVar

import anyio
import anyio.lowlevel

from wootiv.errors import ClientStateError

try:
    from sniffio import current_async_library_cvar as _library
except ImportError:  # then anyio knows asyncio alone
    _library = None  # type: ignore[assignment]

R = TypeVar("R")

_PATIENCE = 0.05
"""Seconds that a Ctrl-C waits for its call to be cancelled on the loop's side."""
_EXIT = 3.0
"""Seconds that the end of the process waits for all loops together."""

_CLOSED = "this client is closed, make a new one"


class BlockedLoopWarning(RuntimeWarning):
    """A blocking call inside a running event loop stops that loop until it returns."""


class _Call:
    """One call that crosses to the loop."""

    __slots__ = ("_cancelled", "_function", "_scope", "context", "done", "error", "finished", "result")

    def __init__(self, function: Callable[[], Awaitable[Any]]) -> None:
        self._function = function
        self._scope: anyio.CancelScope | None = None
        self._cancelled = False
        self.context = contextvars.copy_context()
        self.finished = threading.Lock()
        self.finished.acquire()
        self.done = False
        self.result: Any = None
        self.error: BaseException | None = None

    async def run(self) -> None:
        """Run in a task of the loop."""
        try:
            if self._cancelled:
                return
            with anyio.CancelScope() as self._scope:
                try:
                    self.result = await self._function()
                except anyio.get_cancelled_exc_class():
                    self.error = ClientStateError("the client was closed during the call")
                    raise
                except BaseException as error:  # noqa: BLE001 - SystemExit too belongs to the caller, not to the loop
                    self.error = error
        finally:
            self.finish()

    def finish(self, error: BaseException | None = None) -> None:
        """Let the caller go on."""
        self.error = error or self.error
        self.done = True
        self._scope = None
        self.finished.release()

    def cancel(self) -> None:
        """Cancel, in the loop's thread; a call that has not begun never will."""
        self._cancelled = True
        if self._scope is not None:
            self._scope.cancel()


class _Loop:
    """The loop and its thread. It knows nothing of the portal, so that a portal that is dropped can end it."""

    def __init__(self, backend: str, options: dict[str, Any]) -> None:
        self.pid = os.getpid()
        self.over = False
        self._backend, self._options = backend, options
        self._posted: deque[_Call | Callable[[], None]] = deque()
        self._reader, self._writer = socket.socketpair()
        self._reader.settimeout(0)
        self._writer.settimeout(0)
        self._stopping = False
        self.thread = threading.Thread(target=self._run, name="wootiv", daemon=True)
        self.thread.start()

    def post(self, work: "_Call | Callable[[], None]") -> None:
        """Hand work to the loop; from any thread, at any time, never blocking."""
        self._posted.append(work)
        with suppress(OSError):  # full: the loop is awake anyway; closed: nobody reads any more
            self._writer.send(b"\0")
        if self.over:
            self._refuse()

    def stop(self) -> None:
        """Ask the loop to end."""
        self.post(self._stop)

    def _stop(self) -> None:
        self._stopping = True

    def _refuse(self) -> None:
        while self._posted:
            work = self._posted.popleft()
            if isinstance(work, _Call):
                work.finish(ClientStateError(_CLOSED))

    def _run(self) -> None:
        _blocking_loops.add(threading.get_ident())
        try:
            anyio.run(self._main, backend=self._backend, backend_options=self._options)
        finally:
            _blocking_loops.discard(threading.get_ident())
            self.over = True
            self._refuse()
            self._reader.close()
            self._writer.close()

    async def _main(self) -> None:
        async with anyio.create_task_group() as calls:
            while not self._stopping:
                await anyio.wait_readable(self._reader)
                self._drain()
                while self._posted:
                    work = self._posted.popleft()
                    if isinstance(work, _Call):
                        if _library is not None:
                            # The caller's context may name the library of the caller's own loop.
                            work.context.run(_library.set, self._backend)
                        _ = work.context.run(calls.start_soon, work.run)
                    else:
                        work()
            calls.cancel_scope.cancel()

    def _drain(self) -> None:
        with suppress(BlockingIOError):
            self._reader.recv(65536)


class Portal:
    """Runs coroutine functions for blocking code. The loop is started by the first call, in each process."""

    def __init__(self, backend: str = "asyncio", options: dict[str, Any] | None = None) -> None:
        self._backend, self._options = backend, options or {}
        self._loop: _Loop | None = None
        self._start = threading.Lock()
        self._closed = False
        self._warned = False
        _portals.add(self)

    def call(self, function: Callable[[], Awaitable[R]]) -> R:
        """Run the function in the loop and wait for it; raises what it raises."""
        __tracebackhide__ = True
        loop = self._ready()
        call = _Call(function)
        try:
            loop.post(call)
            _wait(call.finished)
        except BaseException:  # a KeyboardInterrupt, or whatever else a signal handler raises
            if not call.done:
                loop.post(call.cancel)
                call.finished.acquire(timeout=_PATIENCE)
            raise
        if call.error is not None:
            try:
                raise call.error
            finally:
                del call  # no cycle of frame and exception
        result: R = call.result
        return result

    def _ready(self) -> _Loop:
        if self._closed:
            raise ClientStateError(_CLOSED)
        if threading.get_ident() in _blocking_loops:
            raise ClientStateError(
                "a blocking call from Wootiv's own event loop would wait for itself: use AsyncWootiv"
            )
        if not self._warned:
            self._warn_of_a_running_loop()
        loop = self._loop
        if loop is None or loop.pid != os.getpid():
            loop = self._begin()
        return loop

    def _begin(self) -> _Loop:
        with self._start:
            if self._loop is None or self._loop.pid != os.getpid():
                self._loop = loop = _Loop(self._backend, self._options)
                _loops[:] = [other for other in _loops if not other.over]
                _loops.append(loop)
                weakref.finalize(self, _stop, loop).atexit = False
            return self._loop

    def _warn_of_a_running_loop(self) -> None:
        try:
            anyio.lowlevel.current_token()
        except RuntimeError:
            return
        self._warned = True
        if "ipykernel" not in sys.modules:  # a notebook has a loop always, and nothing else to do meanwhile
            text = "a blocking Wootiv call stops the running event loop: use AsyncWootiv, or anyio.to_thread.run_sync"
            warnings.warn(text, BlockedLoopWarning, stacklevel=6)

    @property
    def started(self) -> bool:
        """Whether there is a loop in this process."""
        return self._loop is not None and self._loop.pid == os.getpid()

    def close(self) -> None:
        """End the loop; calls of other threads end with `ClientStateError`."""
        self._closed = True
        loop = self._loop
        if loop is not None and loop.pid == os.getpid():
            loop.stop()
            if threading.get_ident() != loop.thread.ident:
                loop.thread.join(_EXIT)

    def forget(self) -> None:
        """Start anew in a forked child; what was inherited is kept, because closing it would reach the parent."""
        _inherited.append(self._loop)
        self._loop = None
        self._start = threading.Lock()


if sys.platform == "win32" and sys.version_info < (3, 14):

    def _wait(lock: threading.Lock) -> None:
        while not lock.acquire(timeout=0.2):
            pass  # Lock.acquire() is deaf to Ctrl-C there: python/cpython#125541
else:

    def _wait(lock: threading.Lock) -> None:
        lock.acquire()


_portals: "weakref.WeakSet[Portal]" = weakref.WeakSet()
_loops: list[_Loop] = []
_inherited: list[Any] = []
_blocking_loops: set[int] = set()
"""Idents of the threads whose loops serve blocking calls: one that waits for another can wait for ever."""


def _stop(loop: _Loop) -> None:
    if loop.pid == os.getpid() and not loop.over:
        loop.stop()


@atexit.register
def _end_all_loops() -> None:
    mine = [loop for loop in _loops if loop.pid == os.getpid()]
    for loop in mine:
        _stop(loop)
    end = time.monotonic() + _EXIT
    for loop in mine:
        loop.thread.join(max(0.0, end - time.monotonic()))


def _start_anew_in_child() -> None:
    _inherited.extend(_loops)
    _loops.clear()
    _blocking_loops.clear()
    for portal in list(_portals):
        portal.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_anew_in_child)
