"""Rate limits of the sandbox, as plain objects on whatever clock the doors go by.

Headers are those of @nestjs/throttler 6, which rounds seconds up. All requests share one count; the real one keeps a
count for each route and each caller's address.
"""

import math
import re
from abc import ABC, abstractmethod

from msgspec import Struct

from wootiv.sandbox.numbers import check

_NAME = re.compile(r"[\w-]*", re.ASCII)
_EARLY = 1e-6  # seconds: nobody is refused for what a clock's digits lose
_BACK = 1.0
"""Seconds: threads may come in another order than they have read the clock. Who comes earlier goes by another clock."""


class Verdict(Struct, frozen=True):
    """What a throttle says of one request."""

    admitted: bool
    headers: tuple[tuple[str, str], ...]
    """For the answer, whichever it is."""


class _Left(Struct, frozen=True):
    """What is left after a request; times in seconds from now."""

    requests: int
    reset: float
    """Until all is there again."""
    wait: float
    """Until the next request is let in; 0 if this one was."""


def _whole(seconds: float) -> int:
    return math.ceil(seconds - _EARLY)


class Throttle(ABC):
    """Lets so many requests in, and has the others answered 429.

    `headers=False` says nothing of the limit, not even how long to wait. `suffix` is the name of a named throttler,
    and ends the name of each header. `ietf=True` adds the fields `RateLimit-Policy` and `RateLimit`.
    """

    def __init__(self, *, headers: bool, suffix: str, ietf: bool) -> None:
        if not _NAME.fullmatch(suffix):
            raise ValueError(f"suffix must be letters, digits and hyphens, got {suffix!r}")
        self.admitted: int = 0
        self.refused: int = 0
        self._headers = headers
        self._suffix = f"-{suffix}" if suffix else ""
        self._name = suffix or "default"
        self._ietf = ietf

    def ask(self, now: float) -> Verdict:
        """Judge a request that comes at `now`, in seconds; a clock that has gone back starts the limit anew."""
        left = self._take(now)
        if left.wait:
            self.refused += 1
        else:
            self.admitted += 1
        return Verdict(not left.wait, (*self._of_nest(left), *self._of_ietf(left)))

    @abstractmethod
    def _take(self, now: float) -> _Left: ...

    @property
    @abstractmethod
    def _quota(self) -> tuple[int, float]:
        """How many requests, in how many seconds."""

    def _of_nest(self, left: _Left) -> tuple[tuple[str, str], ...]:
        if not self._headers:
            return ()
        if left.wait:  # nothing else then: the guard throws before it comes to the others
            return ((f"Retry-After{self._suffix}", f"{_whole(left.wait)}"),)
        limit = f"{self._quota[0]}"
        return (
            (f"X-RateLimit-Limit{self._suffix}", limit),
            (f"X-RateLimit-Remaining{self._suffix}", f"{left.requests}"),
            (f"X-RateLimit-Reset{self._suffix}", f"{_whole(left.reset)}"),
        )

    def _of_ietf(self, left: _Left) -> tuple[tuple[str, str], ...]:
        """Source: draft-ietf-httpapi-ratelimit-headers-10."""
        if not self._ietf:
            return ()
        quota, seconds = self._quota
        until = _whole(left.wait or left.reset)
        return (
            ("RateLimit-Policy", f'"{self._name}";q={quota};w={_whole(seconds)}'),
            ("RateLimit", f'"{self._name}";r={left.requests};t={until}'),
        )


class TokenBucket(Throttle):
    """`rate` requests a second, and `burst` of them at once where there was a pause."""

    def __init__(
        self, rate: float, burst: int = 1, *, headers: bool = True, suffix: str = "", ietf: bool = False
    ) -> None:
        check("rate", rate, above=0)
        check("burst", burst, whole=True, least=1)
        super().__init__(headers=headers, suffix=suffix, ietf=ietf)
        self._rate, self._burst = rate, burst
        self._tokens = float(burst)
        self._at = -math.inf

    @property
    def _quota(self) -> tuple[int, float]:
        return self._burst, self._burst / self._rate

    def _take(self, now: float) -> _Left:
        if now < self._at - _BACK:
            self._at = -math.inf
        self._tokens = min(self._burst, self._tokens + max(0.0, now - self._at) * self._rate)
        self._at = max(now, self._at)
        wait = (1 - self._tokens) / self._rate
        if wait > _EARLY:
            return _Left(0, (self._burst - self._tokens) / self._rate, wait)
        self._tokens -= 1
        whole = int(self._tokens + self._rate * _EARLY)
        return _Left(whole, (self._burst - self._tokens) / self._rate, 0.0)


class FixedWindow(Throttle):
    """`limit` requests in each window of so many `seconds`; a window begins with the first request after the last one.

    Whoever is refused waits for the window's end; with `block` that many seconds, from the first refusal of the
    window. The real throttler does so from its version 6 on, where `block` is as long as the window unless it is
    told otherwise.
    """

    def __init__(
        self,
        limit: int,
        seconds: float,
        *,
        block: float | None = None,
        headers: bool = True,
        suffix: str = "",
        ietf: bool = False,
    ) -> None:
        check("limit", limit, whole=True, least=1)
        check("seconds", seconds, above=0)
        if block is not None:
            check("block", block, above=0)
        super().__init__(headers=headers, suffix=suffix, ietf=ietf)
        self._limit, self._seconds, self._block = limit, seconds, block
        self._begun = self._ends = -math.inf
        self._hits = 0

    @property
    def _quota(self) -> tuple[int, float]:
        return self._limit, self._seconds

    def _take(self, now: float) -> _Left:
        if not self._begun - _BACK <= now < self._ends - _EARLY:
            self._begun, self._ends, self._hits = now, now + self._seconds, 0
        self._hits += 1
        if self._hits <= self._limit:
            return _Left(self._limit - self._hits, self._ends - now, 0.0)
        if self._block and self._hits == self._limit + 1:
            self._ends = now + self._block
        return _Left(0, self._ends - now, self._ends - now)
