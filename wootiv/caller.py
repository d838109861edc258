"""The user's code: what runs in its own thread, and how it is warned at its own line."""

import contextvars
import inspect
import threading
import warnings
from collections import deque
from collections.abc import Callable
from functools import partial


class Caller:
    """What the loop has for a caller to run in the caller's own thread: of one call, or of all calls of one block."""

    __slots__ = ("_bell", "_is_running", "_work")

    def __init__(self) -> None:
        self._work: deque[Callable[[], object]] = deque()
        self._is_running = False
        self._bell: threading.Lock | None = None

    def give(self, work: Callable[[], object]) -> None:
        """Have something run; from any thread, at any time, never blocking. Between two calls it waits for the next."""
        self._work.append(work)
        if self._bell is not None:
            ring(self._bell)

    def run(self, bell: threading.Lock) -> None:
        """Run, in order, what there is, and have the bell rung when there is more; raises what it raises.

        What is run may make calls of the same block: these run nothing.
        """
        self._bell = bell  # before each look: what is given later rings
        while self._work and not self._is_running:
            try:
                self._is_running = True
                self._work.popleft()()
            finally:
                self._is_running = False
            self._bell = bell


current_caller: contextvars.ContextVar[Caller | None] = contextvars.ContextVar("wootiv_caller", default=None)
"""For whom a task of a blocking client's event loop runs."""


def ring(bell: threading.Lock) -> None:
    """Let go on who waits for a bell; it may ring already."""
    try:  # noqa: SIM105 - `suppress` takes longer than all the rest
        bell.release()
    except RuntimeError:
        pass


def run_in_caller(work: Callable[[], object]) -> None:
    """Have something run by the caller of this task, or of the task that began it, in the caller's own thread."""
    caller = current_caller.get()
    if caller is not None:  # else nobody listened when the call began
        caller.give(work)


def warn(text: str, category: type[Warning] = UserWarning) -> None:
    """Warn, at the first line that is not of this package: the user's."""
    caller = current_caller.get()
    if caller is not None:  # the user's line waits in another thread
        caller.give(partial(_warn, text, category))
    else:
        _warn(text, category)


def _warn(text: str, category: type[Warning]) -> None:
    depth, frame = 1, inspect.currentframe()
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "wootiv":
        depth, frame = depth + 1, frame.f_back
    warnings.warn(text, category, stacklevel=depth)
