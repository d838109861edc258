"""When the next request may go out: what one client makes of the rate limit that all its calls share. No I/O."""

import math
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Literal, NamedTuple, TypeAlias

from msgspec import Struct

from wootiv.engine.learned import Learned
from wootiv.message import Headers, Reply
from wootiv.wire.decode import retry_after
from wootiv.wire.quota import Quota, quotas

Reason: TypeAlias = Literal["refused", "spent", "turn"]
"""Why a request waits: the server said 429, or that nothing remains; or others go first, or `max_rate` says so."""

_SPREAD = 0.35
"""Of the time to the reset, how much there is to the next request where one remains; where n remain, its n-th power.

So many go at once where many remain, and a bucket that fills up while it is drawn from settles where both are even:
at 50 a second where 4 remain, long before it is empty."""
_FIRST_WAIT = 0.1
"""Seconds to wait after a 429 that names none."""
_GROWTH = 1.2
"""How much longer the next one is, if nothing went through in between."""
_LONGEST_WAIT = 60.0
_STUCK = 1.0
"""Seconds after which one that goes ahead to see how things are is not waited for any more: it may be an upload."""


_WIDE = 100
"""How many under way need no more care."""


class Terms(NamedTuple):
    """On which terms one call waits for its turn."""

    account: tuple[str, str | None]
    """Address and key: each has a limit of its own."""
    max_rate: float | None
    in_a_run: bool
    again: bool
    """Whether it was sent before, and goes ahead of those that were not."""
    patience: Callable[[float, Reason], AbstractContextManager[object] | None]
    """What to wait within for so many seconds; `None` to go out at once. Raises if the wait would not end in time."""


class Sent(NamedTuple):
    """A request that is under way."""

    number: int
    at: float


class RateLimit(Struct, frozen=True):
    """What is known of the service's rate limit, and what the client makes of it; times are in seconds from now."""

    limit: int | None = None
    """How many requests the service lets through until it counts anew, as its headers say; `None` if they do not."""
    remaining: int | None = None
    """How many of them are left, without those under way; `None` as above."""
    reset: float | None = None
    """When there are more; `None` as above."""
    paused: float = 0.0
    """How long nothing goes out, because the service answered 429."""
    learned_rate: float | None = None
    """Requests a second, found out from 429s of a service that does not tell its limit; `None` if there is no need."""
    max_rate: float | None = None
    """Requests a second, as `max_rate` says."""
    waiting: int = 0
    """How many calls wait for their turn."""


class _Budget:
    """What remains of one limit."""

    __slots__ = ("limit", "newest", "remaining", "resets_at")

    def __init__(self, quota: Quota, sent: Sent, now: float) -> None:
        self.limit = quota.limit
        self.remaining = quota.remaining
        self.resets_at = now + quota.reset
        self.newest = sent.number

    def update(self, quota: Quota, sent: Sent, now: float, *, rose: bool) -> None:
        """Take in a later answer, or an earlier one that comes late."""
        self.limit = quota.limit
        if sent.number < self.newest:
            self.remaining = min(self.remaining, quota.remaining)
            return
        self.newest, self.remaining = sent.number, quota.remaining
        # Seconds are rounded, mostly up: of one window, the earliest end is right. What fills up while it is drawn
        # from has no end.
        end = now + quota.reset
        self.resets_at = end if rose else min(self.resets_at, end)


class Pace:
    """The state of one limit. Times are of the event loop's clock."""

    def __init__(self) -> None:
        self.in_flight = 0
        self.paused_until = -math.inf
        self._count = 0
        self._budgets: dict[str, _Budget] = {}
        self._heard = False
        self._last = -math.inf
        self._cut = 0
        """The number of the last request that the latest pause holds for: its 429s are no news."""
        self._strikes = 0
        """Pauses since something went through."""
        self._width = math.inf
        """How many may be under way of those sent since the last pause."""
        self._out = 0
        self._widened = -math.inf
        self._learned = Learned()
        self.changed: Callable[[], None] = lambda: None

    @property
    def is_free(self) -> bool:
        """Whether there is nothing to heed."""
        return self._heard and self._width == math.inf and not self._budgets and self._learned.rate is None

    def opens(self, now: float, *, gently: bool) -> tuple[float, Reason]:
        """When the next one may go out, and what for."""
        if now < self.paused_until:
            return self.paused_until, "refused"
        opens: float = -math.inf
        reason: Reason = "turn"
        if gently and not self._heard and self.in_flight:
            opens = self._last + _STUCK
        if self._out >= self._width:
            opens = max(self._last, self._widened) + _STUCK
        if self._learned.rate is not None and not self._budgets:
            opens = max(opens, self._learned.opens_at)
        for budget in self._budgets.values():
            level = budget.remaining - self.in_flight
            at, why = self._next_of(budget, level, now)
            if at > opens:
                opens, reason = at, why
        return opens, reason

    def _next_of(self, budget: _Budget, level: int, now: float) -> tuple[float, Reason]:
        if now >= budget.resets_at:
            return -math.inf, "turn"
        if level < 1:
            return budget.resets_at, "spent"
        return self._last + (budget.resets_at - self._last) * _SPREAD**level, "turn"

    def send(self, now: float) -> Sent:
        """Count a request that goes out."""
        over = [name for name, budget in self._budgets.items() if now >= budget.resets_at]
        for name in over:
            del self._budgets[name]
        if over and not self._budgets:
            self._start_gently()
        self.in_flight += 1
        self._out += 1
        self._count += 1
        self._last = now
        self._learned.sent(now)
        return Sent(self._count, now)

    def _start_gently(self) -> None:
        """Let one go ahead, and the others after it by twos: what is open again may hold no more than one."""
        self._cut, self._width, self._out, self._widened = self._count, 1, 0, -math.inf

    def _back(self, sent: Sent) -> bool:
        """Count one less under way; whether it was sent since the last pause."""
        self.in_flight -= 1
        recent = sent.number > self._cut
        self._out -= recent
        return recent

    def ended(self, sent: Sent, reply: Reply | None, now: float) -> None:
        """A request is no longer under way: it was answered, or failed."""
        if reply is None:
            self._lost(sent)
        else:
            self._answered(sent, reply, now)

    def _lost(self, sent: Sent) -> None:
        self._back(sent)
        for budget in self._budgets.values():
            budget.remaining -= 1  # the server may have counted it
        self.changed()

    def _answered(self, sent: Sent, reply: Reply, now: float) -> None:
        recent = self._back(sent)
        wait = retry_after(reply, datetime.now(UTC)) if reply.status in (429, 503) else None
        if reply.status == 429 or wait is not None:
            self._refused(sent, now, reply.headers, wait or 0.0, recent=recent)
        else:
            self._passed(sent, now, reply.headers, recent=recent)
        self._heard = True
        self.changed()

    def _passed(self, sent: Sent, now: float, headers: Headers, *, recent: bool) -> None:
        if recent:
            self._strikes = 0
            if self._width < math.inf:
                self._width = self._width + 1 if self._width < _WIDE else math.inf
                self._widened = now
        told = quotas(headers, time.time())
        for quota in told:
            budget = self._budgets.get(quota.name)
            if budget is None:
                if recent or not self._heard:
                    self._budgets[quota.name] = _Budget(quota, sent, now)
            else:
                level = budget.remaining - self.in_flight - 1
                budget.update(quota, sent, now, rose=quota.remaining - self.in_flight > level)
        if self._budgets:
            self._width = math.inf
            self._learned.forget()
        else:
            self._learned.passed(sent.at, recent=recent)

    def _refused(self, sent: Sent, now: float, headers: Headers, asked: float, *, recent: bool) -> None:
        wait = asked
        for quota in quotas(headers, time.time()):
            if not quota.remaining and not asked:
                wait = max(wait, quota.reset)
        if sent.number > self._cut or not self._heard:
            self._strikes += 1
            wait = max(wait, min(_FIRST_WAIT * _GROWTH ** (self._strikes - 1), _LONGEST_WAIT))
            self._learned.refused(sent.at)
            self._budgets.clear()
            self._start_gently()
        self.paused_until = max(self.paused_until, now + wait)
