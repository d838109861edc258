"""A loop of one's own for blocking code, started at the first call, in each process anew."""

import os
import sys
import threading
import weakref
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import anyio.lowlevel

from wootiv.caller import Caller, warn
from wootiv.engine.loop import CLOSED, Crossing, LoopThread, gone, in_a_loop_thread, process_is_ending
from wootiv.errors import APIError, ClientStateError

R = TypeVar("R")

_PATIENCE = 0.05
"""Seconds that a Ctrl-C waits for its call to end on the loop's side, where it is cancelled."""
_ENDING = 10.0
"""Seconds that anything else waits for it; what cleans up in the loop takes half as long at most."""
_CLOSING = 3.0
"""Seconds that `close()` waits for the loop to end."""


class BlockedLoopWarning(RuntimeWarning):
    """A blocking call inside a running event loop stops that loop until it returns."""


class Portal:
    """Runs coroutine functions for blocking code. The loop is started by the first call, in each process."""

    def __init__(
        self,
        backend: str = "asyncio",
        options: dict[str, Any] | None = None,
        is_heard: Callable[[], bool] = lambda: False,
    ) -> None:
        self._backend, self._options = backend, options or {}
        self._is_heard = is_heard
        self._loop: LoopThread | None = None
        self._start = threading.Lock()
        self._warned = False
        self.closed: bool = False
        _portals.add(self)

    def call(self, function: Callable[[], Awaitable[R]], caller: Caller | None = None) -> R:
        """Run the function in the loop and wait for it; raises what it raises.

        What it hands to `run_in_caller` is run here, in this thread, while this waits; if that raises, or a Ctrl-C
        comes, the function is cancelled, and has ended before this raises: but a Ctrl-C waits for no more than an
        instant. Who counts on that brings a caller, unless there are handlers of events. The calls of a block share
        one, so that its tasks, which go on between them, have somebody to hand things to.
        """
        __tracebackhide__ = True
        _refuse_in_a_loop()
        if not self._warned:
            self._warn_of_a_running_loop()
        loop = self._loop
        if loop is None or loop.over or self.closed or loop.pid != os.getpid():
            loop = self._ready()
        call = Crossing(function, Caller() if caller is None and self._is_heard() else caller)
        try:
            loop.post(call)
            call.wait()
        except BaseException as raised:  # by what was run here, or by a signal handler
            if not call.done:
                loop.post(call.cancel)
                call.wait_only(_PATIENCE if isinstance(raised, KeyboardInterrupt) else _ENDING)
            raise
        error, call.error = call.error, None
        if error is not None:
            if isinstance(error, APIError):
                error.__traceback__ = None  # a dozen frames of ours: its cause and its attempts tell more
            try:
                raise error
            finally:
                del error, call  # no cycle of frame and exception
        result: R = call.result
        return result

    def _ready(self) -> LoopThread:
        with self._start:
            if self.closed or process_is_ending():
                raise gone(CLOSED)
            return self._running()

    def _running(self) -> LoopThread:
        if self._loop is None or self._loop.over or self._loop.pid != os.getpid():
            loop = LoopThread(self._backend, self._options)
            loop.start()
            self._loop = loop
            weakref.finalize(self, loop.stop).atexit = False
        return self._loop

    def close(self, last: Callable[[], Awaitable[None]] | None = None) -> None:
        """End the loop; calls of other threads end with `ClientStateError`. Closing twice does nothing.

        `last` is run after all else, in a loop started for it if there is none.
        """
        _refuse_in_a_loop()
        with self._start:
            if self.closed or process_is_ending():
                return
            self.closed = True
            loop = self._running() if last or self._started() else None
        if loop is not None:
            call = Crossing(last or anyio.lowlevel.checkpoint)
            loop.stop(call)
            loop.join(_CLOSING)
            if call.error is not None:
                raise call.error

    def _started(self) -> bool:
        return self._loop is not None and self._loop.pid == os.getpid() and not self._loop.over

    def _warn_of_a_running_loop(self) -> None:
        try:
            anyio.lowlevel.current_token()
        except RuntimeError:
            return
        self._warned = True
        if "ipykernel" not in sys.modules:  # a notebook has a loop always, and nothing else to do meanwhile
            text = "a blocking Wootiv call stops the running event loop: use AsyncWootiv, or anyio.to_thread.run_sync"
            warn(text, BlockedLoopWarning)

    def forget(self) -> None:
        """Start anew in a forked child; what was inherited is kept, because closing it would reach the parent."""
        _inherited.append(self._loop)
        self._loop = None
        self._start = threading.Lock()


_portals: "weakref.WeakSet[Portal]" = weakref.WeakSet()
_inherited: list[LoopThread | None] = []


def _refuse_in_a_loop() -> None:
    if in_a_loop_thread():
        raise ClientStateError("a blocking call from Wootiv's own event loop would wait for itself: use AsyncWootiv")


def _start_anew_in_child() -> None:
    for portal in list(_portals):
        portal.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_anew_in_child)
