"""Arguments to what goes on the wire: checked field by field, named as the server names them."""

import re
import types
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from difflib import get_close_matches
from functools import cache
from os import PathLike
from typing import (
    Annotated,
    Any,
    Literal,
    NotRequired,
    Required,
    TypeAlias,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)
from typing import is_typeddict as _is_typeddict
from urllib.parse import quote

import msgspec
from msgspec import UNSET, Struct

from wootiv.message import FileInput
from wootiv.wire.files import part
from wootiv.wire.shape import Mark, Shape, Wire

Encoder: TypeAlias = Callable[[Any, str], Any]
"""(value, its path) -> plain data with the wire's names; raises `Misfit`."""


class Misfit(Exception):  # noqa: N818 - never leaves the package: the operation turns it into a TypeError
    """A value that is not what its place wants."""

    def __init__(self, path: str, expected: str, seen: str) -> None:
        super().__init__(f"{path} must be {expected}, got {seen}")


class Unfit(Misfit):
    """A value of the right type that its place cannot take."""


class UnknownName(Exception):  # noqa: N818 - as above
    """A name that its place does not have."""


class MissingName(Exception):  # noqa: N818 - as above
    """A name that its place wants."""


class Field(Struct, frozen=True):
    """One argument, or one key of a TypedDict."""

    name: str
    wire: str
    hint: Any
    required: bool
    marks: frozenset[Mark]
    encode: Encoder


def camel(name: str) -> str:
    """`contact_group_id` -> `contactGroupId`."""
    return re.sub(r"_+([a-z0-9])", lambda match: match[1].upper(), name)


@cache
def fields_of(typed_dict: type) -> dict[str, Field]:
    """The keys of a TypedDict, in their order.

    An explicit `Required` or `NotRequired` is read from the hint, because under postponed annotations a
    TypedDict's own `__required_keys__` cannot see them.
    """
    required: frozenset[str] = getattr(typed_dict, "__required_keys__", frozenset())
    hints = get_type_hints(typed_dict, include_extras=True)
    return {name: field_of(name, hint, required=name in required) for name, hint in hints.items()}


def field_of(name: str, hint: Any, *, required: bool) -> Field:
    """Read one annotation: whether it is required, its marks, its name on the wire, its encoder."""
    marks: list[Any] = []
    while (origin := get_origin(hint)) in (Required, NotRequired, Annotated):
        required = required if origin is Annotated else origin is Required
        marks += getattr(hint, "__metadata__", ())
        hint = get_args(hint)[0]
    limits = tuple(mark for mark in marks if isinstance(mark, msgspec.Meta))
    hint = Annotated[(hint, *limits)] if limits else hint
    wire = next((mark.name for mark in marks if isinstance(mark, Wire)), camel(name))
    flags = frozenset(mark for mark in marks if isinstance(mark, Mark))
    encode = _file_encoder(wire, hint) if Mark.FILE in flags else encoder_for(hint)
    if Mark.SECRET in flags:
        encode = _silent(encode, spell(hint))
    return Field(name, wire, hint, required, flags, encode)


def encode_fields(known: Mapping[str, Field], given: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    """Check names, then values; the result is keyed by Python names, in the order given.

    Raises `UnknownName`, `MissingName` or `Misfit`.
    """
    for name in given:
        if name not in known:
            raise UnknownName(_unknown(path + name, name, known))
    missing = [f"'{path}{f.name}' ({spell(f.hint)})" for f in known.values() if f.required and f.name not in given]
    if missing:
        plural = "s" if len(missing) > 1 else ""
        raise MissingName(f"missing argument{plural} {', '.join(missing)}")
    return {name: known[name].encode(value, path + name) for name, value in given.items()}


def _unknown(shown: str, name: str, known: Mapping[str, Field]) -> str:
    by_wire = {field.wire: field.name for field in known.values()}
    near = f", did you mean '{by_wire[name]}'?" if name in by_wire else nearest(name, known)
    return f"unknown argument '{shown}'{near}"


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of a message that names the known name nearest to an unknown one; empty if none is near."""
    near = get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f", did you mean '{near[0]}'?" if near else ""


@cache
def encoder_for(hint: Any) -> Encoder:  # noqa: PLR0911 - one line for each kind of type
    """What turns a value of the hinted type into plain data, or says why not."""
    if get_origin(hint) in (Required, NotRequired):
        return field_of("value", hint, required=True).encode
    if _is_typeddict(hint):
        return _typed_dict_encoder(hint)
    options = _options(hint)
    if type(None) in options and len(options) > 1:
        return _nullable(encoder_for(Union[tuple(o for o in options if o is not type(None))]), spell(hint))  # noqa: UP007 - made at run time
    if datetime in options:
        return _encode_datetime
    origin = get_origin(hint)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return _encode_mapping
    if isinstance(origin, type) and issubclass(origin, Iterable) and origin is not tuple:
        return _list_encoder(hint)
    if hint in (Any, object):
        return _encode_plain
    return _scalar_encoder(hint)


def _options(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)


def _scalar_encoder(hint: Any) -> Encoder:
    expected = spell(hint)

    def encode(value: Any, path: str) -> Any:
        try:
            return msgspec.convert(value, hint)
        except msgspec.ValidationError:
            raise Misfit(path, expected, describe(value)) from None

    return encode


def _typed_dict_encoder(typed_dict: type) -> Encoder:
    def encode(value: Any, path: str) -> dict[str, Any]:
        known = fields_of(typed_dict)
        if isinstance(value, Struct):
            # An answer given back as an argument: what the body does not take (ids, dates) is not its business.
            given = {name: item for name, item in _struct_items(value) if name in known}
        elif isinstance(value, Mapping):
            given = dict(value)
        else:
            raise Misfit(path, spell(typed_dict), describe(value))
        encoded = encode_fields(known, given, f"{path}.")
        return {known[name].wire: item for name, item in encoded.items()}

    return encode


def _struct_items(value: Struct) -> Iterable[tuple[str, Any]]:
    if isinstance(value, Shape):
        return value
    return [(name, item) for name, item in msgspec.structs.asdict(value).items() if item is not UNSET]


def _nullable(encode: Encoder, expected: str) -> Encoder:
    def encode_nullable(value: Any, path: str) -> Any:
        if value is None:
            return None
        try:
            return encode(value, path)
        except Misfit as misfit:
            if str(misfit).startswith(f"{path} must be"):
                raise Misfit(path, expected, describe(value)) from None
            raise

    return encode_nullable


def _encode_datetime(value: Any, path: str) -> str:
    if isinstance(value, datetime):
        return str(msgspec.to_builtins(value))
    if isinstance(value, str):
        try:
            datetime.fromisoformat(value)
        except ValueError:
            pass
        else:
            return value
    raise Misfit(path, "a datetime or ISO 8601 text", describe(value))


def _list_encoder(hint: Any) -> Encoder:
    of = get_args(hint)[0] if get_args(hint) else Any
    encode, expected, words = encoder_for(of), spell(hint), of is str

    def encode_list(value: Any, path: str) -> list[Any]:
        if isinstance(value, str) and words:
            return [value]  # one word, not its letters
        if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
            raise Misfit(path, expected, describe(value))
        return [encode(item, f"{path}[{number}]") for number, item in enumerate(value)]

    return encode_list


def _encode_mapping(value: Any, path: str) -> dict[str, Any]:
    if isinstance(value, Mapping | Struct):
        plain = _encode_plain(dict(value) if isinstance(value, Mapping) else value, path)
        if isinstance(plain, dict):
            return plain
    raise Misfit(path, "a mapping", describe(value))


def _encode_plain(value: Any, path: str) -> Any:
    try:
        return msgspec.to_builtins(value, str_keys=True)
    except (TypeError, ValueError, RecursionError) as error:
        raise Misfit(path, "plain data that JSON can hold", f"{describe(value)}: {error}") from None


def _file_encoder(wire: str, hint: Any) -> Encoder:
    several = get_origin(hint) is not None and Mark.FILE in _inner_marks(hint)

    def encode(value: Any, path: str) -> Any:
        try:
            if not several:
                return (part(wire, value),)
            if isinstance(value, str | bytes | PathLike | tuple) or hasattr(value, "read"):
                raise Misfit(path, "a list of files", describe(value))
            return tuple(part(wire, item) for item in value)
        except TypeError as error:
            raise Misfit(path, "a file", f"{describe(value)}: {error}") from None

    return encode


def _inner_marks(hint: Any) -> tuple[Any, ...]:
    return tuple(mark for arg in get_args(hint) for mark in getattr(arg, "__metadata__", ()))


def _silent(encode: Encoder, expected: str) -> Encoder:
    def encode_secret(value: Any, path: str) -> Any:
        try:
            return encode(value, path)
        except Misfit:
            raise Misfit(path, expected, f"another {type(value).__name__}") from None

    return encode_secret


def describe(value: object) -> str:
    """A value and its type, short enough for a message."""
    shown = repr(value)
    return f"{shown if len(shown) <= 60 else shown[:57] + '...'} ({type(value).__name__})"


def spell(hint: Any) -> str:  # noqa: PLR0911 - one line for each kind of type
    """A type in words: `str`, `a list of str`, `int or None`."""
    if get_origin(hint) in (Annotated, Required, NotRequired):
        least = next((m.ge for m in getattr(hint, "__metadata__", ()) if isinstance(m, msgspec.Meta)), None)
        return spell(get_args(hint)[0]) + (f" of {least} or more" if least is not None else "")
    if hint is FileInput:
        return "a file"
    options = _options(hint)
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


def encode_path_value(value: Any, path: str) -> str:
    """A path parameter, percent-encoded whole.

    Empty text, `.` and `..` are refused: on the wire they would name another route.
    """
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise Misfit(path, "str", describe(value))
    if str(value) in ("", ".", ".."):
        raise Unfit(path, "the id of a record", describe(value))
    return quote(str(value), safe="")


def query_text(value: Any) -> str:
    """A scalar as query text."""
    match value:
        case bool():
            return "true" if value else "false"
        case datetime() | date():
            return str(msgspec.to_builtins(value))
        case Mapping() | list() | tuple() | Struct():
            return msgspec.json.encode(value).decode()
        case _:
            return str(value)
