"""Who goes next: the calls that wait for one limit, first come, first served."""

import math
from collections import OrderedDict
from typing import Generic, TypeVar

import anyio
import anyio.lowlevel

from wootiv.engine.limits import Slots
from wootiv.engine.learned import SLACK
from wootiv.engine.pace import Pace, Reason, Sent, Terms

Pool = TypeVar("Pool")


class Line:
    """The calls with one `max_rate`. Only the first of them waits for a time, the others wait for their turn."""

    def __init__(self, rate: float | None) -> None:
        self.rate = rate
        self.opens_at = -math.inf
        self.waiting: OrderedDict[Waiter, None] = OrderedDict()

    def send(self, now: float) -> None:
        """Count a request that goes out."""
        if self.rate is not None:
            self.opens_at = max(self.opens_at, now - SLACK) + 1 / self.rate

    def first(self) -> "Waiter | None":
        """Whose turn it is."""
        return next(iter(self.waiting), None)

    def ring(self) -> None:
        """Have the first look again."""
        if (first := self.first()) is not None:
            first.bell.set()


class Waiter:
    """A call in a line."""

    __slots__ = ("bell",)

    def __init__(self) -> None:
        self.bell = anyio.Event()

    async def rung(self, seconds: float) -> None:
        """Wait so long at most."""
        with anyio.move_on_after(seconds):
            await self.bell.wait()
        if self.bell.is_set():
            self.bell = anyio.Event()


class Turns(Generic[Pool]):
    """The lines before one limit; the first of each compete."""

    def __init__(self, slots: Slots[Pool]) -> None:
        self.pace = Pace()
        self.pace.changed = self._ring
        self._slots = slots
        self._lines: dict[float | None, Line] = {}

    async def take(self, terms: Terms, limit: float | None) -> tuple[Sent, int, Pool]:
        """Wait for a turn and then for a slot, `limit` seconds for that; raises `APITimeoutError`, and what `patience` does.

        What comes back is to be handed to `give_back`, whatever happens.
        """
        line = self._lines.get(terms.max_rate) or self._lines.setdefault(terms.max_rate, Line(terms.max_rate))
        if self._is_open(line, terms):
            number, pool = await self._slots.take(limit)
            if self._is_open(line, terms):
                return self._sent(line), number, pool
            self._slots.give_back(number)
        waiter = Waiter()
        line.waiting[waiter] = None
        try:
            while True:
                goes = await self._turn(line, waiter, terms)
                number, pool = await self._slots.take(limit)  # first in line meanwhile: nobody gets ahead
                now = anyio.current_time()
                if not goes or self._opens(line, terms, now)[0] <= now:
                    return self._sent(line), number, pool
                self._slots.give_back(number)  # it has closed meanwhile: no slot is held over a wait
        finally:
            del line.waiting[waiter]
            line.ring()

    def _is_open(self, line: Line, terms: Terms) -> bool:
        if line.waiting:
            return False
        if line.rate is None and self.pace.is_free:
            return True
        now = anyio.current_time()
        return self._opens(line, terms, now)[0] <= now

    def _sent(self, line: Line) -> Sent:
        now = anyio.current_time()
        line.send(now)
        return self.pace.send(now)

    def _opens(self, line: Line, terms: Terms, now: float) -> tuple[float, Reason]:
        opens, reason = self.pace.opens(now, gently=terms.in_a_run)
        return (line.opens_at, "turn") if line.opens_at > opens else (opens, reason)

    async def _turn(self, line: Line, waiter: Waiter, terms: Terms) -> bool:
        """Wait until it is open; false to go out all the same."""
        while True:
            now = anyio.current_time()
            opens, reason = self._opens(line, terms, now)
            if opens <= now:
                if line.first() is waiter:
                    return True
                opens, reason = math.inf, "turn"
            elif reason == "turn" and line.first() is not waiter:
                opens = math.inf
            within = terms.patience(opens - now if opens < math.inf else 0.0, reason)
            if within is None:
                return False
            with within:
                await self._until(line, waiter, terms, opens, reason)

    async def _until(self, line: Line, waiter: Waiter, terms: Terms, until: float, reason: Reason) -> None:
        """Wait as long as it is closed for the same reason, and no longer than until then."""
        now = anyio.current_time()
        while now < until:
            await waiter.rung(until - now)
            now = anyio.current_time()
            opens, why = self._opens(line, terms, now)
            if why != reason or (opens <= now or reason == "turn"):
                return
            until = min(until, opens)

    def _ring(self) -> None:
        for line in self._lines.values():
            line.ring()
