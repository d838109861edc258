"""Arguments to what goes on the wire: checked field by field, named as the server names them."""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from functools import cache
from typing import (
    Annotated,
    Any,
    NotRequired,
    Required,
    TypeAlias,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)
from typing import is_typeddict as _is_typeddict

import msgspec
from msgspec import UNSET, Struct

from wootiv.message import Part
from wootiv.wire.files import alone, is_one, part
from wootiv.wire.plain import exact, holdable, plain
from wootiv.wire.shape import Mark, Shape, Wire
from wootiv.wire.words import (
    A_FILE,
    Misfit,
    MissingName,
    Unfit,
    UnknownName,
    describe,
    kind_of,
    nearest,
    options_of,
    spell,
)

Encoder: TypeAlias = Callable[[Any, str], Any]
"""(value, its path) -> plain data with the wire's names; raises `Misfit`."""


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


@cache
def encoder_for(hint: Any) -> Encoder:  # noqa: PLR0911 - one line for each kind of type
    """What turns a value of the hinted type into plain data, or says why not."""
    if get_origin(hint) in (Required, NotRequired):
        return field_of("value", hint, required=True).encode
    if _is_typeddict(hint):
        return _typed_dict_encoder(hint)
    options = options_of(hint)
    if type(None) in options and len(options) > 1:
        return _nullable(encoder_for(Union[tuple(o for o in options if o is not type(None))]), spell(hint))  # noqa: UP007 - made at run time
    if datetime in options:
        return _encode_datetime
    if len(options) > 1 and (typed := next(filter(_is_typeddict, options), None)):
        rest: Any = Union[tuple(o for o in options if o is not typed)]  # noqa: UP007
        return _typed_dict_or(typed, encoder_for(rest))
    if len(options) > 1 and (mapping := next(filter(_is_mapping, options), None)):
        others: Any = Union[tuple(o for o in options if o is not mapping)]  # noqa: UP007
        return _either(encoder_for(mapping), encoder_for(others), spell(hint))
    origin = get_origin(hint)
    if _is_mapping(hint):
        return _encode_mapping
    if isinstance(origin, type) and issubclass(origin, Iterable) and origin is not tuple:
        return _list_encoder(hint)
    if hint in (Any, object):
        return plain
    return _scalar_encoder(hint)


def _is_mapping(hint: Any) -> bool:
    origin = get_origin(hint)
    return isinstance(origin, type) and issubclass(origin, Mapping)


def _scalar_encoder(hint: Any) -> Encoder:
    expected, bare = spell(hint), get_args(hint)[0] if get_origin(hint) is Annotated else hint

    def encode(value: Any, path: str) -> Any:
        value = exact(value)
        try:
            scalar = msgspec.convert(value, hint)
        except msgspec.ValidationError:
            kind = Unfit if bare is not hint and _fits(value, bare) else Misfit
            raise kind(path, expected, describe(value)) from None
        return holdable(scalar, path)

    return encode


def _fits(value: Any, hint: Any) -> bool:
    try:
        msgspec.convert(value, hint)
    except msgspec.ValidationError:
        return False
    return True


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


def _typed_dict_or(typed_dict: type, encode: Encoder) -> Encoder:
    """A mapping that has any of the TypedDict's own keys is meant for one; all else is taken as it comes."""
    encode_typed = encoder_for(typed_dict)

    def encode_either(value: Any, path: str) -> Any:
        meant = isinstance(value, Mapping) and not value.keys().isdisjoint(fields_of(typed_dict))
        return (encode_typed if meant else encode)(value, path)

    return encode_either


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
            if misfit.path == path:
                raise type(misfit)(path, expected, misfit.seen) from None
            raise

    return encode_nullable


def _either(encode_mapping: Encoder, encode: Encoder, expected: str) -> Encoder:
    def encode_either(value: Any, path: str) -> Any:
        if isinstance(value, Mapping | Struct):
            return encode_mapping(value, path)
        try:
            return encode(value, path)
        except Misfit as misfit:
            raise type(misfit)(path, expected, misfit.seen) from None

    return encode_either


def _encode_datetime(value: Any, path: str) -> str:
    if isinstance(value, date):  # a datetime is one too
        return str(msgspec.to_builtins(value))
    if isinstance(value, str):
        try:
            datetime.fromisoformat(text := str.__str__(value))
        except ValueError:
            pass
        else:
            return text
    raise Misfit(path, "a datetime or ISO 8601 text", describe(value))


def _list_encoder(hint: Any) -> Encoder:
    of = get_args(hint)[0] if get_args(hint) else Any
    encode, expected, words = encoder_for(of), spell(hint), of is str

    def encode_list(value: Any, path: str) -> list[Any]:
        if isinstance(value, str) and words:
            return [encode(value, path)]  # one word, not its letters
        if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
            raise Misfit(path, expected, describe(value))
        return [encode(item, f"{path}[{number}]") for number, item in enumerate(value)]

    return encode_list


def _encode_mapping(value: Any, path: str) -> dict[str, Any]:
    if isinstance(value, Mapping | Struct):
        built = plain(value, path)
        if isinstance(built, dict):
            return built
    raise Misfit(path, "a mapping", describe(value))


def _file_encoder(wire: str, hint: Any) -> Encoder:
    """One file, or several, as parts of a form."""

    def encode_files(value: Any, path: str) -> tuple[Part, ...]:
        if isinstance(value, tuple) and is_one(value):
            raise Misfit(path, "a list of files", "one file as a tuple, or what could be one: put it in a list")
        if (seen := alone(value)) is not None or not isinstance(value, Iterable):
            raise Misfit(path, "a list of files", seen or kind_of(value))
        return tuple(encode_file(wire, item, f"{path}[{number}]") for number, item in enumerate(value))

    if get_origin(hint) is not None and Mark.FILE in _inner_marks(hint):
        return encode_files
    return lambda value, path: (encode_file(wire, value, path),)


def encode_file(wire: str, value: Any, path: str, expected: str = A_FILE) -> Part:
    """One file as a part of a form."""
    try:
        return part(wire, value)
    except TypeError as error:
        raise Misfit(path, expected, str(error)) from None
    except ValueError as error:
        raise Unfit(path, expected, str(error)) from None


def _inner_marks(hint: Any) -> tuple[Any, ...]:
    return tuple(mark for arg in get_args(hint) for mark in getattr(arg, "__metadata__", ()))


def _silent(encode: Encoder, expected: str) -> Encoder:
    def encode_secret(value: Any, path: str) -> Any:
        try:
            return encode(value, path)
        except Misfit:
            raise Misfit(path, expected, kind_of(value)) from None

    return encode_secret
