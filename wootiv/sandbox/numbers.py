"""What a number that the sandbox is told has to be."""

import math
from typing import Any

from wootiv.wire.words import describe


def check(name: str, value: Any, *, whole: bool = False, least: float = 0, above: float = -math.inf) -> None:
    """Raise `TypeError` for what is no number, and `ValueError` for one that is infinite or too small."""
    if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
        raise TypeError(f"{name} must be a {'whole ' if whole else ''}number, got {describe(value)}")
    if not (least <= value < math.inf and above < value):
        wanted = f"above {above:g}" if above >= least else f"{least:g} or more"
        raise ValueError(f"{name} must be {wanted}{'' if whole else ', and finite'}, got {value}")
