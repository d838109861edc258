"""Whose turn it is: calls that wait for one limit, first come, first served."""

import math
from collections import OrderedDict
from typing import Generic, TypeVar

import anyio

from wootiv.engine.learned import SLACK
from wootiv.engine.limits import Slots
from wootiv.engine.pace import Pace, Patient, RateLimit, Reason, Sent
from wootiv.interrupts import notify
from wootiv.message import Reply

Pool = TypeVar("Pool")


class _Waiter:
    """A request in a line."""

    __slots__ = ("bell",)

    def __init__(self) -> None:
        self.bell = anyio.Event()

    async def rung(self, seconds: float) -> None:
        """Wait for the bell, but no longer."""
        with anyio.move_on_after(seconds):
            await self.bell.wait()
        if self.bell.is_set():
            self.bell = anyio.Event()


class _Line:
    """Requests with one `max_rate`, in even distance. Those that were sent before stand in front."""

    def __init__(self, rate: float | None) -> None:
        self.rate = rate
        self.opens_at: float = -math.inf
        self._again: OrderedDict[_Waiter, None] = OrderedDict()
        self._anew: OrderedDict[_Waiter, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._again) + len(self._anew)

    def join(self, waiter: _Waiter, *, again: bool) -> None:
        """Stand in line."""
        (self._again if again else self._anew)[waiter] = None

    def leave(self, waiter: _Waiter) -> None:
        """Stand there no more: whoever is first now looks."""
        self._again.pop(waiter, None)
        self._anew.pop(waiter, None)
        self.ring()

    def first(self) -> _Waiter | None:
        """Whose turn it is."""
        return next(iter(self._again or self._anew), None)

    def ring(self) -> None:
        """Have the first one look again."""
        first = self.first()
        if first is not None:
            notify(first.bell.set)

    def send(self, now: float) -> None:
        """Count one that goes out."""
        if self.rate is not None:
            self.opens_at = max(self.opens_at, now - SLACK) + 1 / self.rate


class Turns(Generic[Pool]):
    """The lines before one limit. They share its pace, and each has a first one who watches it."""

    def __init__(self, slots: Slots[Pool]) -> None:
        self._slots = slots
        self._pace = Pace()
        self._lines: dict[float | None, _Line] = {}
        self._waiting = 0

    async def take(self, max_rate: float | None, who: Patient, limit: float | None) -> tuple[Sent, int, Pool]:
        """Wait for a turn, and for a slot, for that up to `limit` seconds; no slot is held over a wait.

        What comes back goes to `give_back`, whatever happens. Raises `APITimeoutError`, and what `who.patience` does.
        """
        if max_rate is None and self._pace.is_free and not self._waiting and (slot := self._slots.take_at_once()):
            return self._pace.send(anyio.current_time()), *slot  # noqa: ASYNC910 - it goes out now
        line = self._lines.get(max_rate)
        if line is None:
            line = self._lines[max_rate] = _Line(max_rate)
        if not line and self._is_open(line, who):
            number, pool = await self._slots.take(limit)
            if not line and self._is_open(line, who):
                return self._sent(line), number, pool
            self._slots.give_back(number)
        return await self._queue(line, who, limit)

    def give_back(self, sent: Sent, number: int, reply: Reply | None) -> None:
        """Make room again, and take in the reply, if there is one."""
        self._slots.give_back(number)
        if reply is None or not self._pace.ended_freely(sent, reply):
            self._pace.ended(sent, reply, anyio.current_time())
        if self._waiting:
            for line in self._lines.values():
                line.ring()

    def state(self, now: float, max_rate: float | None) -> RateLimit:
        """What is known of the limit; from any thread."""
        return self._pace.state(now, max_rate, self._waiting)

    def is_forgettable(self, now: float) -> bool:
        """Whether nobody would miss it."""
        return not self._waiting and self._pace.is_forgettable(now)

    async def _queue(self, line: _Line, who: Patient, limit: float | None) -> tuple[Sent, int, Pool]:
        waiter = _Waiter()
        line.join(waiter, again=bool(who.attempts))
        self._waiting += 1
        try:
            while True:
                in_turn = await self._turn(line, waiter, who)
                number, pool = await self._slots.take(limit)  # nobody else gets past the first one meanwhile
                if not in_turn or self._is_open(line, who):
                    return self._sent(line), number, pool
                self._slots.give_back(number)
        finally:
            self._waiting -= 1
            line.leave(waiter)

    async def _turn(self, line: _Line, waiter: _Waiter, who: Patient) -> bool:
        """Wait for the turn; false to go out although it has not come."""
        while True:
            now = anyio.current_time()
            opens, reason = self._opens(line, who, now)
            if line.first() is not waiter and (opens <= now or reason in ("turn", "news")):
                opens, reason = math.inf, "turn"
            if opens <= now:
                return True  # noqa: ASYNC910 - what takes a slot and goes out follows
            within = who.patience(0.0 if opens == math.inf or reason == "news" else opens - now, reason)
            if within is None:
                return False  # noqa: ASYNC910 - as above
            with within:
                await self._wait(line, waiter, who, opens, reason)

    async def _wait(self, line: _Line, waiter: _Waiter, who: Patient, until: float, reason: Reason) -> None:
        """Wait until then, or until there is something else to wait for."""
        while True:
            await waiter.rung(until - anyio.current_time())
            opens, other = self._opens(line, who, anyio.current_time())
            if reason in ("turn", "news") or other != reason or opens > until:
                return
            until = opens

    def _is_open(self, line: _Line, who: Patient) -> bool:
        now = anyio.current_time()
        return self._opens(line, who, now)[0] <= now

    def _opens(self, line: _Line, who: Patient, now: float) -> tuple[float, Reason]:
        opens, reason = self._pace.opens(now, in_a_run=who.run is not None)
        return (opens, reason) if opens >= line.opens_at else (line.opens_at, "turn")

    def _sent(self, line: _Line) -> Sent:
        now = anyio.current_time()
        line.send(now)
        return self._pace.send(now)
