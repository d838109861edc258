"""How far a file is, told to whoever wants to know."""

from collections.abc import Callable
from typing import TypeAlias

from wootiv.engine.events import Work, check_plain

OnProgress: TypeAlias = Callable[[int], object]
"""Called with the bytes that are there, in all."""


class Progress:
    """Tells of bytes, each time more than the last. What nobody has heard yet is not kept, but for the newest.

    `run` runs what is the caller's own, where the caller expects it.
    """

    def __init__(self, heard: OnProgress, run: Callable[[Work], object]) -> None:
        self._heard = heard
        self._run = run
        self._done = 0
        self._told = -1
        self._asked = False

    def __call__(self, done: int) -> None:
        """Take in how far it is; an attempt that begins anew changes nothing until it gets further."""
        self._done = max(done, self._done)
        if self._done > self._told and not self._asked:
            self._asked = True
            self._run(self._tell)

    def _tell(self) -> None:
        self._asked = False  # first: what comes from now on is told after this
        done = self._done
        if done > self._told:
            self._told = done
            self._heard(done)


def progress(place: str, heard: OnProgress | None, run: Callable[[Work], object]) -> Progress | None:
    """What a caller's function is told by; raises `TypeError`."""
    if heard is None:
        return None
    check_plain(f"{place}: on_progress", "function of a number of bytes", heard)
    return Progress(heard, run)
