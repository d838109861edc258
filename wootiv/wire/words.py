"""How types and values are called in messages, and the errors that call them so."""

import reprlib
import types
from collections.abc import Iterable, Mapping
from datetime import datetime
from difflib import get_close_matches
from typing import Annotated, Any, Literal, NotRequired, Required, Union, get_args, get_origin
from typing import is_typeddict as _is_typeddict

import msgspec

from wootiv.message import FileInput

_CONTENT = "bytes, a path, a file opened in binary mode"
_NAMED = "or (filename, one of these[, content type[, headers]])"
A_FILE = f"{_CONTENT}, an iterator of bytes, {_NAMED}"
A_SIZED_FILE = f"{_CONTENT}, {_NAMED}"

_short = reprlib.Repr()
_short.maxstring = _short.maxother = 60


class Misfit(Exception):  # noqa: N818 - never leaves the package: the operation turns it into a TypeError
    """A value that is not what its place wants."""

    def __init__(self, path: str, expected: str, seen: str) -> None:
        super().__init__(f"{path} must be {expected}, got {seen}")
        self.path = path
        self.seen = seen


class Unfit(Misfit):
    """A value of the right type that its place cannot take: a `ValueError`, where a misfit is a `TypeError`."""


class UnknownName(Exception):  # noqa: N818 - as above
    """A name that its place does not have."""


class MissingName(Exception):  # noqa: N818 - as above
    """A name that its place wants."""


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of a message that names the known name nearest to an unknown one; empty if none is near."""
    names = list(known)
    near = (
        get_close_matches(name, names, n=1, cutoff=0.8)
        # One says more than the other: `group_id` for `contact_group_id`, or `contact_id` for `id`.
        or sorted((one for one in names if one.endswith(f"_{name}")), key=len)
        or sorted((one for one in names if name.endswith(f"_{one}")), key=len, reverse=True)
        or get_close_matches(name, names, n=1, cutoff=0.5)
    )
    return f", did you mean '{near[0]}'?" if near else ""


def describe(value: object) -> str:
    """A value and its type, short enough for a message."""
    return f"{_short.repr(value)} ({type(value).__name__})"


def kind_of(value: object) -> str:
    """What a value is, without showing it."""
    return "None" if value is None else f"a value of type {type(value).__name__}"


def spell(hint: Any) -> str:  # noqa: PLR0911 - one line for each kind of type
    """A type in words: `str`, `a list of str`, `int or None`."""
    if get_origin(hint) in (Annotated, Required, NotRequired):
        least = next((m.ge for m in getattr(hint, "__metadata__", ()) if isinstance(m, msgspec.Meta)), None)
        return spell(get_args(hint)[0]) + (f" of {least} or more" if least is not None else "")
    if hint is FileInput:
        return "a file"
    options = options_of(hint)
    if datetime in options:
        return "a datetime or ISO 8601 text" + (" or None" if type(None) in options else "")
    if len(options) > 1:
        return " or ".join(dict.fromkeys(spell(option) for option in options))
    origin = get_origin(hint)
    if origin is Literal:
        return " or ".join(map(repr, get_args(hint)))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return "a mapping"
    if isinstance(origin, type) and issubclass(origin, Iterable):
        return f"a list of {spell(get_args(hint)[0])}"
    if _is_typeddict(hint):
        return f"a mapping such as {hint.__name__}"
    return "None" if hint is type(None) else getattr(hint, "__name__", str(hint))


def options_of(hint: Any) -> tuple[Any, ...]:
    """The members of a union, or the one type that is none."""
    return get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
