"""Many calls that belong together: what they share of time, and what is counted of them."""

import math
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import anyio

MAX_WAIT = 600.0
"""Seconds that one run waits for the server's rate limit, all in all."""


class Run:
    """One list read side by side, or one bulk of calls; its clock is the event loop's."""

    def __init__(self, total_timeout: float | None = None, *, resend_unknown: bool = True) -> None:
        self.total_timeout = total_timeout
        self.resend_unknown = resend_unknown
        """Whether to send a create again whose answer is not known."""
        self.deadline: float = math.inf if total_timeout is None else anyio.current_time() + total_timeout
        self.requests = 0
        self.retries = 0
        self._waited = 0.0
        self._waiting = 0
        self._since = 0.0

    @property
    def waited(self) -> float:
        """Seconds for which at least one call waited for the rate limit: eight that wait for one second are one."""
        return self._waited + (anyio.current_time() - self._since if self._waiting else 0.0)

    def affords(self, seconds: float) -> bool:
        """Whether the run may wait so much longer for the rate limit."""
        return self.waited + seconds <= MAX_WAIT

    @contextmanager
    def waiting(self) -> Generator[None, None, None]:
        """Count a wait, however it ends."""
        if not self._waiting:
            self._since = anyio.current_time()
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1
            if not self._waiting:
                self._waited += anyio.current_time() - self._since


def check_count(name: str, value: Any, least: int = 1) -> None:
    """Raise `TypeError` or `ValueError` for what is no number of things."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name}: expected an int, {least} or more, got {value!r}")
    if value < least:
        raise ValueError(f"{name}: expected {least} or more, got {value}")


def check_flag(name: str, value: Any) -> None:
    """Raise `TypeError` for what is neither true nor false."""
    if not isinstance(value, bool):
        raise TypeError(f"{name}: expected True or False, got {value!r}")


def check_seconds(name: str, value: Any) -> None:
    """Raise `TypeError` or `ValueError` for what is no limit of time."""
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name}: expected a number of seconds or None, got {value!r}")
    if not value >= 0:
        raise ValueError(f"{name}: expected a number of seconds, 0 or more, got {value!r}")
