"""What answers are made of: frozen structs that can tell a field left out from a null."""

from collections.abc import Callable, Iterator
from enum import Enum
from functools import cache
from typing import Any, Self, get_args, get_origin

import msgspec
from msgspec import UNSET, Struct, StructMeta

LEFT_OUT: Any = None
"""Default of a field that the server never sends as null: `None` says that it was left out."""
NULLABLE: Any = UNSET
"""Default of a field that may be null: it reads `None` either way, but the shape knows the difference."""


class Mark(Enum):
    """What an `Annotated` field is, beyond its type."""

    QUERY = "goes into the query, whatever the method"
    SPREAD = "a mapping whose items are query parameters of their own"
    COMMA = "a list sent as one value, joined by commas"
    LIST = "a list sent by repeating its key, 20 items at most"
    FILE = "a part of a multipart body"
    START = "where a list starts: part of its conditions, and no parameter of its own"
    WHERE = "a condition of a list: part of its conditions, and no parameter of its own"
    SECRET = "never shown"  # noqa: S105 - a mark, no password


class Wire(Struct, frozen=True):
    """The name on the wire, where camelCase does not give it."""

    name: str


class _ShapeMeta(StructMeta):
    """Lets a nullable field that was left out read `None`, at the price of a property for those fields alone."""

    def __new__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **options: Any) -> type:
        shape: Any = super().__new__(cls, name, bases, namespace, **options)
        # msgspec reads and writes slots by their offset, so its codecs go on seeing UNSET.
        for field, default in zip(shape.__struct_fields__[::-1], shape.__struct_defaults__[::-1], strict=False):
            if default is UNSET and field in shape.__dict__:
                setattr(shape, field, property(_none_when_unset(shape.__dict__[field].__get__)))
        made: type = shape
        return made


def _none_when_unset(get: Callable[[object], Any]) -> Callable[[object], Any]:
    def read(self: object) -> Any:
        value = get(self)
        return None if value is UNSET else value

    return read


class Shape(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True, rename="camel", metaclass=_ShapeMeta):
    """A typed answer. `dict(shape)` gives its fields, one level deep, under their Python names.

    A field that the server left out reads `None` and is left out of every dictionary and of `to_json()`.
    """

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        defaults = _defaults(type(self))
        for name, value in msgspec.structs.asdict(self).items():
            if value is not defaults[name]:
                yield name, value

    def to_dict(self, *, wire: bool = False) -> dict[str, Any]:
        """Plain data all the way down: Python names and datetimes, or with `wire` just what JSON would hold."""
        if wire:
            plain: dict[str, Any] = msgspec.to_builtins(self)
            return plain
        return {name: _plain(value) for name, value in self}

    def to_json(self) -> bytes:
        """JSON under the names of the wire."""
        return msgspec.json.encode(self)

    def replace(self, **changes: Any) -> Self:
        """A copy with other values in some fields; raises `TypeError` for a field that is not there."""
        return msgspec.structs.replace(self, **changes)

    def __repr__(self) -> str:
        shown = (f"{name}={value if value is _HIDDEN else repr(value)}" for name, value in self.__rich_repr__())
        return f"{type(self).__name__}({', '.join(shown)})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        secret = secret_fields(type(self))
        return [(name, _HIDDEN if name in secret and value else value) for name, value in self]


_HIDDEN = "***"


@cache
def _defaults(shape: type[Shape]) -> dict[str, Any]:
    return {field.name: field.default for field in msgspec.structs.fields(shape)}


def _plain(value: Any) -> Any:
    match value:
        case Shape():
            return value.to_dict()
        case dict():
            return {name: _plain(item) for name, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
        case _:
            return value


@cache
def secret_fields(shape: type[Shape]) -> frozenset[str]:
    """Names of the fields that are marked secret."""
    return frozenset(field.name for field in msgspec.structs.fields(shape) if Mark.SECRET in _marks(field.type))


@cache
def relations(shape: type[Shape]) -> dict[str, tuple[type[Shape], bool]]:
    """Name on the wire -> the shape that `join` brings, and whether it brings a list.

    What has an id and more is a row of its own; with an id alone it only refers to one.
    """
    found: dict[str, tuple[type[Shape], bool]] = {}
    for field in msgspec.structs.fields(shape):
        one = shape_in(field.type)
        if one is not None and "id" in one.__struct_fields__ and len(one.__struct_fields__) > 1:
            found[field.encode_name] = (one, get_origin(field.type) is list)
    return found


def shape_in(hint: Any) -> type[Shape] | None:
    """The shape that a type is, has as an option or lists."""
    of = (hint, *get_args(hint))
    return next((one for one in of if isinstance(one, type) and issubclass(one, Shape)), None)


def _marks(hint: Any) -> tuple[Any, ...]:
    return tuple(getattr(hint, "__metadata__", ())) + tuple(mark for arg in get_args(hint) for mark in _marks(arg))
