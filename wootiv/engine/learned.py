"""The rate that a server is found to take, where it tells of its limit only by refusing."""

import math
from collections import deque

SLACK = 0.02
"""Seconds' worth of a rate that may go at once: sleeps end late, and what is lost so is made up for."""
_BURST = 1.0
"""Seconds before the first refusal in which what went through was a burst, if the server takes any."""
_DOUBLINGS = 4
"""How often the rate doubles, while little is known of it, in the time that a refusal costs."""
_PLATEAU = 10
"""How much longer than a refusal costs it takes to come back to the rate that was found, and to go beyond it."""
_BELOW = 0.05
"""How far below that rate it starts again."""
_FORGOTTEN = 60.0
"""Seconds after which a rate that nobody had to wait for is forgotten."""


class Learned:
    """A rate between refusals, and what they say of it.

    At the first one nothing is known: a burst went through, then the server refused for a while. The rate starts with
    one such burst in that while, which is right where a server counts by windows, and doubles until the next refusal,
    for a bucket fills up much faster. Then it goes to and fro about the rate that went through, flat near it.
    """

    def __init__(self) -> None:
        self.rate: float | None = None
        self.opens_at = -math.inf
        self._passed: deque[float] = deque(maxlen=1024)
        """When those were sent that went through, since it opened until it opens again."""
        self._refused: float | None = None
        """When the first one was sent that was refused, until it opens again."""
        self._first: int | None = None
        """How many went through before the first refusal: no bucket holds more."""
        self._top = 0.0
        self._doubling = False
        self._cost = 0.0
        """Seconds that the last refusal held everything up."""
        self._pressed = 0.0
        """Seconds since then in which the rate held something back."""
        self._pressed_at = -math.inf

    def forget(self) -> None:
        """Let everything through again."""
        self.__init__()  # type: ignore[misc]

    def sent(self, now: float) -> None:
        """Count a request that goes out."""
        if self.rate is None:
            return
        if now - self.opens_at <= SLACK:
            self._pressed += 1 / self.rate
            self._pressed_at = now
        elif now - self._pressed_at > _FORGOTTEN:
            self.forget()
            return
        t = self._pressed / self._cost
        if self._doubling:
            self.rate = self._top * 2 ** (_DOUBLINGS * t)
        else:
            self.rate = self._top * (1 + _BELOW * (t / _PLATEAU - 1) ** 3)
        self.opens_at = max(self.opens_at, now - SLACK) + 1 / self.rate

    def passed(self, sent: float, *, recent: bool) -> None:
        """Take in that one went through that was sent then, since the last refusal or before it."""
        if recent and self._refused is not None:
            self._opened(sent, self._refused)
        self._passed.append(sent)

    def refused(self, sent: float) -> None:
        """Take in a refusal of one that was sent then."""
        if self._refused is None:
            self._refused = sent

    def _opened(self, now: float, refused: float) -> None:
        """Go on after a refusal."""
        if self._first is None:
            while self._passed and self._passed[0] < refused - _BURST:
                self._passed.popleft()
            self._first = len(self._passed)
        if self._passed:
            taken = len(self._passed) / (now - self._passed[0])
            if self.rate is None:
                self._top, self._doubling = taken, True
            else:
                best = max(taken, self._fullest(refused, self._first), self._top if self._doubling else 0.0)
                self._top, self._doubling = min(best, self.rate), False
            self.rate = self._top
            self._cost = now - refused
            self._pressed = 0.0
            self._pressed_at = now
            self.opens_at = now + 1 / self.rate
        self._passed.clear()
        self._refused = None

    def _fullest(self, empty: float, most: int) -> float:
        """What a bucket must be filled up with at least that holds no more than `most`, and was empty then."""
        taken = len(self._passed) - most - 1
        spans = ((number, empty - sent) for number, sent in enumerate(self._passed) if sent < empty)
        return max(((taken - number) / span for number, span in spans), default=0.0)
