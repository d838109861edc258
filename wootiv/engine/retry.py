"""What is tried again, when, and how often: by tenacity's own objects, made only after a first failure."""

import inspect
import random
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import anyio
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt, wait_exponential
from tenacity.wait import wait_base

from wootiv.errors import APIConnectionError, APIError, APIStatusError, APITimeoutError
from wootiv.message import Reply

R = TypeVar("R")

RETRIED_STATUSES = (408, 409, 429)
"""Beside 500 and above."""


class _Jittered(wait_base):
    """`min(0.5 * 2**n, 8) * (1 - 0.25 * random())` seconds before retry n, from 0."""

    _full = wait_exponential(multiplier=0.5, max=8.0)

    def __call__(self, retry_state: RetryCallState) -> float:
        return self._full(retry_state) * (1 - 0.25 * random.random())  # noqa: S311 - jitter, not a secret


BACKOFF = _Jittered()


def worth_retrying(error: BaseException) -> bool:
    """Whether a failure may pass: no answer, or a status of the list. A server's `x-should-retry` wins."""
    if isinstance(error, APIStatusError):
        asked = error.response.headers.get("x-should-retry")
        if asked in ("true", "false"):
            return asked == "true"
        if isinstance(error.body, dict) and error.body.get("Code") == "RequestTimeout":
            return True  # of S3, which gives it 400: too little came for too long
        return error.status_code in RETRIED_STATUSES or error.status_code >= 500
    return isinstance(error, APIConnectionError)


def is_throttled(error: BaseException) -> bool:
    """Whether the server said no more than: later."""
    return isinstance(error, APIStatusError) and (
        error.status_code == 429 or (error.status_code == 503 and error.retry_after is not None)
    )


def maybe_carried_out(reply: Reply) -> bool:
    """Whether a failing server, or a proxy before it that lost patience, may have carried out what it was asked.

    With a time to come back at, a 503 says that it did not.
    """
    return reply.status == 408 or (reply.status >= 500 and not (reply.status == 503 and "retry-after" in reply.headers))


def rules(given: AsyncRetrying | None, max_retries: int | None) -> AsyncRetrying:
    """The caller's own rules, or ours; how often to retry is the caller's too, where a number is given."""
    if given is None:
        given = AsyncRetrying(wait=BACKOFF, retry=retry_if_exception(worth_retrying))
    return given if max_retries is None else given.copy(stop=stop_after_attempt(max_retries + 1))


async def again(
    attempt: Callable[[], Awaitable[R]],
    failure: APIConnectionError | APIStatusError,
    *,
    by: AsyncRetrying,
    max_retry_after: float,
    deadline: float,
    may_try_again: Callable[[APIError], bool],
    too_late: Callable[[], APITimeoutError],
    before_wait: Callable[[APIError, float], None],
) -> R:
    """Go on after a first failure; raises the last one as itself.

    A wait that does not end before `deadline`, on the loop's clock, is not begun: what `too_late` makes is raised.

    A loop of our own over tenacity's objects, and not `AsyncRetrying` itself: that one hands whatever is raised to
    the predicate, a cancellation too. Here only failures of a call are ever caught, whatever the predicate is.
    """
    state = RetryCallState(by, None, (), {})
    state.start_time -= sum(
        tried.started + tried.elapsed for tried in failure.attempts[-1:]
    )  # of the call, not of this
    while True:
        state.set_exception((type(failure), failure, failure.__traceback__))
        asked = (isinstance(failure, APIStatusError) and failure.retry_after) or 0.0
        if asked > max_retry_after:
            failure.message += f" (it asks to wait {asked:g} s, above max_retry_after of {max_retry_after:g} s)"
            raise failure
        if not await _hook(by.retry, state):
            raise failure
        state.upcoming_sleep = seconds = max(asked, float(await _hook(by.wait, state)))
        if await _hook(by.stop, state):
            raise failure
        if anyio.current_time() + seconds >= deadline:
            raise too_late() from failure
        before_wait(failure, seconds)
        await anyio.sleep(seconds)
        state.idle_for += seconds
        state.prepare_for_next_attempt()
        try:
            return await attempt()
        except (APIConnectionError, APIStatusError) as error:
            if not may_try_again(error):
                raise
            failure = error


async def _hook(ask: Callable[[RetryCallState], Any] | None, state: RetryCallState) -> Any:
    """What one of the rules says; tenacity lets each be plain or async."""
    answer = ask(state) if ask else None
    return await answer if inspect.isawaitable(answer) else answer  # noqa: ASYNC910 - a sleep or an attempt follows
