"""Plain data: what JSON can hold, of the very types that it is made of."""

import enum
import math
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from wootiv.wire.words import Misfit, Unfit, kind_of

_DEEPEST = 64
"""Levels that a fault is looked for in."""


def exact(value: Any) -> Any:
    """Text and numbers of a subclass, such as `numpy.str_`, as their own type; all else as it is.

    An enum stays one: msgspec takes its value, which need not be what it is a subclass of.
    """
    if type(value) in (str, int, float, bool) or isinstance(value, enum.Enum):
        return value
    match value:
        case str():
            return str.__str__(value)
        case int():
            return int.__int__(value)
        case float():
            return float.__float__(value)
        case _:
            return value


def plain(value: Any, path: str) -> Any:
    """A value as plain data; raises `Misfit` with the path of what is none, or `Unfit`."""
    try:
        built = _built(value)
    except _FAULTS:
        at, culprit = _culprit(value, path)
        raise Misfit(at, "plain data that JSON can hold", f"{kind_of(culprit)}{_why(culprit)}") from None
    return holdable(built, path)


def built(value: Any) -> Any:
    """A value as plain data, or `None` for what is none."""
    try:
        return _built(exact(value))
    except _FAULTS:
        return None


_FAULTS = (TypeError, ValueError, RecursionError)


def _built(value: Any) -> Any:
    return msgspec.to_builtins(value, str_keys=True, enc_hook=_own)


def _own(value: Any) -> Any:
    """What msgspec does not know, as what it does."""
    if isinstance(value, Mapping):
        return dict(value)
    if (known := exact(value)) is value:
        raise TypeError("JSON has nothing like it")
    return known


def _culprit(value: Any, path: str) -> tuple[str, Any]:
    """The innermost value that is no plain data, and its path."""
    at, culprit = path, value
    for _ in range(_DEEPEST):
        inner = next(((within, item) for within, item in _items(culprit, at) if _why(item)), None)
        if inner is None:
            return at, culprit
        at, culprit = inner
    return path, value  # it holds itself


def _items(value: Any, path: str) -> Iterable[tuple[str, Any]]:
    match value:
        case Mapping():
            return [(f"{path}.{name}", item) for name, item in value.items()]
        case Struct():
            return [(f"{path}.{name}", item) for name, item in msgspec.structs.asdict(value).items()]
        case list() | tuple():
            return [(f"{path}[{number}]", item) for number, item in enumerate(value)]
        case _:
            return []


def _why(value: Any) -> str:
    """What is wrong with it, as the end of a message; empty if nothing is."""
    try:
        _built(value)
    except _FAULTS as error:
        return f": {error}"
    return ""


def holdable(value: Any, path: str) -> Any:
    """Plain data that JSON can hold: msgspec would write NaN as null, and chokes on half a surrogate pair."""
    match value:
        case float() if not math.isfinite(value):
            raise Unfit(path, "a number that JSON can hold", str(value))
        case str() if not is_text(value):
            raise Unfit(path, "text that UTF-8 can hold", ascii(value))
        case dict():
            for name, item in value.items():
                holdable(item, f"{path}.{holdable(name, path)}")
        case list() | tuple():
            for number, item in enumerate(value):
                holdable(item, f"{path}[{number}]")
        case _:
            pass
    return value


def is_text(value: str) -> bool:
    """Whether UTF-8 can hold it: Python's text may have halves of surrogate pairs."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
