"""When the next request may go out: the rate limit that all calls of a client share. Plain state, on any clock."""

import math
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Literal, NamedTuple, Protocol, TypeAlias

from msgspec import Struct

from wootiv.engine.learned import Learned
from wootiv.message import Reply
from wootiv.wire.decode import retry_after
from wootiv.wire.quota import Quota, quotas

Reason: TypeAlias = Literal["refused", "spent", "turn", "news"]
"""What a request waits for: the end of a pause that the server asked for; the end of a window of which nothing remains;
those before it, and its own place in an even row; or, at the latest until then, what an answer under way says."""

_SPREAD = 0.35
"""Where n remain, the next one waits for this to the power of n of the time to the reset.

So many go at once where many remain; and a bucket that fills up while it is drawn from settles where it is drawn from
as fast as it fills up: at 50 a second, where 4 remain."""
_TRIAL = 0.1
"""Seconds that one waits so at most, until the limit is seen to fill up: a window may be spent at once."""
_FIRST_WAIT = 0.1
"""Seconds to wait after a 429 that does not say how long."""
_GROWTH = 1.2
"""How much longer each such wait is than the one before, if nothing got through in between."""
_LONGEST_WAIT = 60.0
_STUCK = 1.0
"""Seconds after which a request that has no answer yet may be a large upload. Those behind it wait no longer for what
its answer says, and the server has counted it."""
_AHEAD = 8
"""How many single calls go at once before there was an answer; of a run, one does."""
_WIDE = 100
"""Requests under way at which no more care is taken."""


class Terms(NamedTuple):
    """Which limits a client, or a view of it, keeps to."""

    account: tuple[str, str | None]
    """Address and key: each has a limit of its own."""
    max_rate: float | None
    """Requests a second."""


class Patient(Protocol):
    """Who waits for a turn."""

    @property
    def run(self) -> object | None:
        """What it is one of many calls in, if it is: then it is worth having one go ahead."""
        ...

    @property
    def attempts(self) -> Sequence[object]:
        """What it has been through: who was sent before goes before those that were not."""
        ...

    def patience(self, seconds: float, reason: Reason, /) -> AbstractContextManager[None] | None:
        """What to wait within for so many seconds, or `None` to go out at once; raises if there is no such time."""
        ...


class Sent(Struct, frozen=True, gc=False):
    """A request under way."""

    number: int
    """From 1."""
    at: float


class RateLimit(Struct, frozen=True):
    """What is known of the service's rate limit, and what the client makes of it. Times are in seconds from now."""

    limit: int | None = None
    """How many requests the service lets through in one go, as its headers say; `None` if they do not."""
    remaining: int | None = None
    """How many of them are left, without those that are under way; `None` if the headers do not say."""
    reset: float | None = None
    """When there are more; `None` if the headers do not say."""
    paused: float = 0.0
    """How long calls wait because the service said so, with a 429 or with a 503 and `Retry-After`.

    One that may not wait so long, for its `max_retry_after` or its retries, goes out at once and takes what it gets."""
    learned_rate: float | None = None
    """Requests a second that it was found to take by its 429s; `None` if it tells its limit, or none was met."""
    max_rate: float | None = None
    """Requests a second that are sent at most, as the option of this name says."""
    waiting: int = 0
    """How many calls wait for their turn."""


class _Budget:
    """What remains of one limit that the server tells of."""

    __slots__ = ("fills", "heard_at", "limit", "remaining", "resets_at")

    def __init__(self, quota: Quota, now: float) -> None:
        self.limit = quota.limit
        self.remaining = quota.remaining
        self.resets_at = now + quota.reset
        self.heard_at = now
        self.fills = False
        """Whether more is added all the time, and not all at once."""

    def update(self, quota: Quota, sent: Sent, now: float) -> None:
        """Take in another answer."""
        self.limit = quota.limit
        later = sent.at >= self.heard_at  # else nobody knows which of the two the server counted first
        added = later and quota.remaining >= self.remaining  # it has itself taken one
        self.fills |= added and sent.at < self.resets_at
        if later or quota.remaining < self.remaining:
            self.remaining, self.heard_at = quota.remaining, now
        # Seconds are rounded, mostly up: of what is said of one window's end, the earliest is right.
        end = now + quota.reset
        self.resets_at = end if added else min(self.resets_at, end)

    def opens(self, last: float, now: float, not_counted: int) -> tuple[float, Reason]:
        """When the next one may go out, the last one having gone then."""
        if now >= self.resets_at:
            return -math.inf, "turn"
        level = self.remaining - not_counted
        if level < 1:
            return self.resets_at, "spent" if self.remaining < 1 else "news"
        gap = (self.resets_at - last) * _SPREAD**level
        return last + (gap if self.fills else min(gap, _TRIAL)), "news"


class Pace:
    """What is known of one limit. Times are those of one event loop's clock."""

    def __init__(self) -> None:
        self.is_free: bool = False
        """Whether there is nothing to heed: as long as no limit is met, all this costs next to nothing."""
        self.paused_until: float = -math.inf
        self._under_way: dict[int, float] = {}
        """When each went out that has not ended, in that order."""
        self._count = 0
        self._last: float = -math.inf
        """When the last request went out."""
        self._heard = False
        """Whether there was an answer yet."""
        self._budgets: dict[str, _Budget] = {}
        self._learned = Learned()
        self._tells = False
        """Whether the server tells of its limit."""
        self._crowded = False
        """Whether the server refused although it had told that something remains: others have the same key."""
        # After a pause, and where a window ends, one goes ahead to see how things are, and each that gets through lets
        # two more go: of those who wait all at once would meet a bucket that holds one.
        self._cut = 0
        """The number of the last request before that."""
        self._width = math.inf
        """How many may be under way of those after it."""
        self._out = 0
        """How many are."""
        self._strikes = 0
        """Pauses since one got through."""

    def opens(self, now: float, *, in_a_run: bool) -> tuple[float, Reason]:
        """When the next one may go out, and what it waits for until then."""
        if now < self.paused_until:
            return self.paused_until, "refused"
        opens: float = -math.inf
        reason: Reason = "turn"
        if self._out >= self._width:
            opens, reason = self._last + _STUCK, "news"
        elif not self._heard and len(self._under_way) >= (1 if in_a_run else _AHEAD):
            opens, reason = next(iter(self._under_way.values())) + _STUCK, "news"
        if self._learned.rate is not None and self._learned.opens_at > opens:
            opens, reason = self._learned.opens_at, "turn"
        for budget in self._budgets.values():
            at, why = budget.opens(self._last, now, self._not_counted(now))
            if at > opens:
                opens, reason = at, why
        return opens, reason

    def send(self, now: float) -> Sent:
        """Count a request that goes out."""
        if not self.is_free:
            self._heed(now)
        self._count += 1
        self._last = self._under_way[self._count] = now
        return Sent(self._count, now)

    def ended_freely(self, sent: Sent, reply: Reply) -> bool:
        """Whether that was all that there is to take in of an answer."""
        if not self.is_free or reply.status in (429, 503) or "limit" in "\n".join(reply.headers):
            return False
        del self._under_way[sent.number]
        self._learned.passed(sent.at, recent=True)
        return True

    def ended(self, sent: Sent, reply: Reply | None, now: float) -> None:
        """Take in how a request ended: with an answer, or without one."""
        del self._under_way[sent.number]
        recent = sent.number > self._cut
        self._out -= recent
        if reply is None:
            for budget in self._budgets.values():
                budget.remaining -= 1  # the server may have counted it
            return
        wait = retry_after(reply, datetime.now(UTC)) if reply.status in (429, 503) else None
        if reply.status == 429 or wait is not None:
            self._refused(sent, reply, wait or 0.0, now)
        else:
            self._passed(sent, reply, now, recent=recent)
        self._heard = True
        self.is_free = self._width == math.inf and not self._budgets and self._learned.rate is None

    def state(self, now: float, max_rate: float | None, waiting: int) -> RateLimit:
        """What to tell of it; from any thread."""
        known = [budget for budget in list(self._budgets.values()) if now < budget.resets_at]
        least = min(known, key=lambda budget: budget.remaining, default=None)
        return RateLimit(
            limit=None if least is None else least.limit,
            remaining=None if least is None else max(0, least.remaining - self._not_counted(now)),
            reset=None if least is None else least.resets_at - now,
            paused=max(0.0, self.paused_until - now),
            learned_rate=self._learned.rate,
            max_rate=max_rate,
            waiting=waiting,
        )

    def is_forgettable(self, now: float) -> bool:
        """Whether it may be forgotten: nothing is under way, and nothing is held back."""
        over = all(now >= budget.resets_at for budget in self._budgets.values())
        return not self._under_way and now >= self.paused_until and over and self._learned.rate is None

    def _not_counted(self, now: float) -> int:
        """How many are under way that what remains may not account for yet."""
        times = list(self._under_way.values())
        counted = next((number for number, at in enumerate(times) if at > now - _STUCK), len(times))
        return len(times) - counted

    def _heed(self, now: float) -> None:
        """Take in that one goes out."""
        over = [name for name, budget in self._budgets.items() if now >= budget.resets_at]
        for name in over:
            del self._budgets[name]
        if over:
            self._start_gently()
        self._out += 1
        if self._learned.is_stale(now):
            self._learned = Learned()
        self._learned.sent(now)

    def _start_gently(self) -> None:
        self._cut, self._width, self._out = self._count, 1, 0

    def _passed(self, sent: Sent, reply: Reply, now: float, *, recent: bool) -> None:
        told = quotas(reply.headers, time.time())
        for quota in told:
            if quota.name in self._budgets:
                self._budgets[quota.name].update(quota, sent, now)
            elif recent:
                self._budgets[quota.name] = _Budget(quota, now)
        if recent:
            self._strikes = 0
            self._width = math.inf if told or self._width >= _WIDE else self._width + 1
        if told and not self._tells:
            self._tells, self._learned = True, Learned()  # there is no need to find out
        self._learned.passed(sent.at, recent=recent)

    def _refused(self, sent: Sent, reply: Reply, asked: float, now: float) -> None:
        if not asked:
            spent = [quota.reset for quota in quotas(reply.headers, time.time()) if not quota.remaining]
            asked = max(spent, default=0.0)
        wait = asked
        if sent.number > self._cut:  # else it is no news: what was under way when it paused is refused too
            wait = asked or min(_FIRST_WAIT * _GROWTH ** min(self._strikes, 100), _LONGEST_WAIT)
            self._strikes += 1
            self._crowded |= bool(self._budgets)
            self._budgets.clear()
            self._start_gently()
            if reply.status == 429 and (self._crowded or not self._tells):
                self._learned.refused(sent.at, told=asked > 0)
        self.paused_until = max(self.paused_until, now + wait)
