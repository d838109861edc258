"""The rate that a server is found to take, where it tells of its limit only by refusing. Plain state, on any clock."""

import math
from collections import deque

SLACK = 0.02
"""Seconds' worth of a rate that may go at once: sleeps end late, and what is lost so is made up for."""
_DOUBLINGS = 4
"""How often the rate doubles in the time that a refusal costs, while little is known of it."""
_FEW = 20
"""How many that got through before the first refusal say little: others may have taken most of what there was..."""
_DOUBT = 6
"""...and how many times as long as a refusal costs the rate is kept that more of them have shown, before it doubles."""
_GROWTH = 0.05
"""What is added to the rate that was found..."""
_PATIENCE = 20
"""...after so many times as long as a refusal costs; the longer after, the more, with the third power."""
_LEAST = 0.8
"""How much of the rate is left at least after a refusal, once it does not double any more."""
_KEPT = 60
"""How many times as long it is kept where nobody had to wait for it; a minute at least."""
_TICK = 0.001
"""Seconds; what took less, took so long."""


class Learned:
    """A rate, and what refusals and the time between them say of it.

    At the first refusal, a burst got through, and then nothing for a while. One such burst in that while is what a
    server takes that counts by windows. A bucket takes more, if the server rounds up how long to wait; so if it said
    how long, or if the burst was a small one, of which others may have had the most, the rate doubles until the next
    refusal, which tells; after any other burst it is tried for a while first. From then on it grows slowly until the
    next one.
    """

    def __init__(self) -> None:
        self.rate: float | None = None
        """Requests a second."""
        self.opens_at: float = -math.inf
        self._passed: deque[float] = deque(maxlen=4096)
        """When those went out that got through, since it was last found open."""
        self._refused: float | None = None
        """When the first one went out that was refused, until it is found open again."""
        self._refused_at_last = 0.0
        """When the last one went out that was refused."""
        self._told = False
        """Whether the server said how long to wait."""
        self._burst: tuple[int, float] | None = None
        """How many got through before the first refusal, and in how many seconds."""
        self._found = 0.0
        self._doubles = False
        self._doubt = 0
        """How many times the unit it is kept before it doubles."""
        self._unit = 1.0
        """Seconds in which it does, so and so often."""
        self._cost = 1.0
        """Seconds from the last refusal until it was found open."""
        self._held = 0.0
        """Seconds since then in which the rate held something back."""
        self._held_at = 0.0

    def is_stale(self, now: float) -> bool:
        """Whether nobody has waited for it for so long that it is better forgotten."""
        return self.rate is not None and self._refused is None and now - self._held_at > _KEPT * max(1.0, self._cost)

    def sent(self, now: float) -> None:
        """Count a request that goes out."""
        if self.rate is None:
            return
        if now - self.opens_at <= SLACK:
            self._held += 1 / self.rate
            self._held_at = now
        if self._doubles:
            more = 2 ** (_DOUBLINGS * max(0.0, self._held / self._unit - self._doubt))
        else:
            more = 1 + _GROWTH * (self._held / self._cost / _PATIENCE) ** 3
        self.rate = self._found * more
        self.opens_at = max(self.opens_at, now - SLACK) + 1 / self.rate

    def passed(self, sent: float, *, recent: bool) -> None:
        """Take in that one got through; `recent` if it went out after the last pause."""
        if recent and self._refused is not None:
            self._opened(sent, self._refused)
        self._passed.append(sent)

    def refused(self, sent: float, *, told: bool) -> None:
        """Take in that one was refused, and whether the server said how long to wait."""
        if self._refused is None:
            self._refused = sent
        self._refused_at_last = sent
        self._told |= told

    def _opened(self, now: float, refused: float) -> None:
        """Go on from the last refusal."""
        cost = max(now - refused, _TICK)
        if self._burst is None:
            while self._passed and self._passed[0] < refused - max(1.0, cost):
                self._passed.popleft()  # long before
        if self._passed:
            self._cost, self._held, self._held_at = cost, 0.0, now
            self._find(now, refused)
            self.opens_at = now + 1 / self._found
        self._passed.clear()
        self._refused, self._told = None, False

    def _find(self, now: float, refused: float) -> None:
        # Where nobody says how long to wait, it has opened some time between the last two that went ahead.
        end = now if self._told else (2 * now + self._refused_at_last) / 3
        by_windows = len(self._passed) / max(end - self._passed[0], _TICK)
        before = [sent for sent in self._passed if sent <= refused]
        if self.rate is None or self._burst is None:
            self._found, self._doubles = by_windows, True
            self._unit = self._cost if self._told else max(1.0, self._cost)
            self._doubt = 0 if self._told or len(before) < _FEW else _DOUBT
            self._burst = len(before), refused - self._passed[0]
        else:
            least = max(self._found, self.rate / 4) if self._doubles else self.rate * _LEAST
            found = max(by_windows, _by_bucket(before, refused, *self._burst), least)
            self._found, self._doubles = min(found, self.rate), False
        self.rate = self._found


def _by_bucket(passed: list[float], empty: float, burst: int, seconds: float) -> float:
    """How fast a bucket fills up at least that `burst` emptied in so many seconds, and that was empty again then.

    From any moment on, no more got through than it held at most and was added: the moment that says most is taken.
    """
    until = empty - seconds
    enough = (until - passed[0]) / 4 if passed else 0.0  # in a shorter time one more or less would say too much
    spans = ((len(passed) - number - burst, until - sent) for number, sent in enumerate(passed))
    return max((more / span for more, span in spans if span > enough > 0), default=0.0)
