"""What is tried again, when, and how often: with tenacity's own objects, entered only after a first failure."""

import random
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import anyio
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt, stop_any, wait_exponential
from tenacity.stop import stop_base
from tenacity.wait import wait_base

from wootiv.errors import APIConnectionError, APIError, APIStatusError

R = TypeVar("R")

RETRIED_STATUSES = (408, 409, 429)
"""Beside 500 and above."""


class _Jittered(wait_base):
    """`min(0.5 * 2**n, 8) * (1 - 0.25 * random())` seconds before retry n, from 0."""

    _full = wait_exponential(multiplier=0.5, max=8.0)

    def __call__(self, retry_state: RetryCallState) -> float:
        return self._full(retry_state) * (1 - 0.25 * random.random())  # noqa: S311 - jitter, not a secret


BACKOFF = _Jittered()


class _Stop(stop_base):
    def __init__(self, asked: Callable[[RetryCallState], bool]) -> None:
        self._asked = asked

    def __call__(self, retry_state: RetryCallState) -> bool:
        return self._asked(retry_state)


def worth_retrying(error: BaseException) -> bool:
    """Whether a failure may pass: no answer, or a status of the list. A server's `x-should-retry` wins."""
    if isinstance(error, APIStatusError):
        asked = error.response.headers.get("x-should-retry")
        if asked in ("true", "false"):
            return asked == "true"
        return error.status_code in RETRIED_STATUSES or error.status_code >= 500
    return isinstance(error, APIConnectionError)


def asked_wait(error: BaseException | None) -> float:
    """Seconds that the server asks to wait, 0 if it does not say."""
    return (isinstance(error, APIStatusError) and error.retry_after) or 0.0


async def again(
    attempt: Callable[[], Awaitable[R]],
    first: APIError,
    *,
    max_retries: int,
    max_retry_after: float,
    deadline: float,
    given: AsyncRetrying | None,
    before_wait: Callable[[APIError, float], None],
) -> R:
    """Go on after a first failure; raises the last one as itself.

    `deadline` is on the loop's clock: a wait that does not end before it is not begun. `given` are the caller's own
    tenacity objects; what may be retried at all, and what the server asks for, they cannot change.
    """
    failure: APIError | None = first

    async def step() -> R:
        nonlocal failure
        if failure is not None:
            error, failure = failure, None
            raise error  # the first attempt, replayed
        return await attempt()

    def wait(state: RetryCallState) -> float:
        own = (given.wait if given else BACKOFF)(state)
        return max(asked_wait(_failure(state)), float(own))

    def too_late(state: RetryCallState) -> bool:
        if asked_wait(_failure(state)) > max_retry_after:
            return True
        return anyio.current_time() + state.upcoming_sleep >= deadline

    def tell(state: RetryCallState) -> None:
        error = _failure(state)
        if isinstance(error, APIError):
            before_wait(error, state.upcoming_sleep)

    stop: Any = given.stop if given else stop_after_attempt(max_retries + 1)
    retry: Any = given.retry if given else retry_if_exception(worth_retrying)
    # Only what is listed here is ever retried: a predicate of the caller's may be one that takes in a cancellation.
    listed = retry_if_exception(lambda error: isinstance(error, APIConnectionError | APIStatusError))
    retrying = AsyncRetrying(
        sleep=anyio.sleep,
        stop=stop_any(stop, _Stop(too_late)),
        wait=wait,
        retry=listed & retry,
        before_sleep=tell,
        reraise=True,
    )
    try:
        return await retrying(step)
    except APIError as error:
        error.__context__ = None  # the replay chained the first failure to it
        raise


def _failure(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None
