"""What a list query says, read as the engine's RequestQueryParser reads it.

Source: npm @nestjsx/crud-request 5.0.0-alpha.3. Odd rules are theirs.
"""

import json
import re
from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, NoReturn, TypeAlias, TypeGuard, TypeVar

import msgspec

from wootiv.sandbox import qs
from wootiv.sandbox.qs import Item, Thing

T = TypeVar("T")
_Params: TypeAlias = dict[str, Item]


class BadQuery(Exception):  # noqa: N818  the query is bad, the sandbox is well
    """The engine answers 400 with this message."""


class BadSearch(Exception):  # noqa: N818
    """The database refuses the query: the engine answers 500."""


class Invalid(Enum):
    """JavaScript's ``Invalid Date``: read without complaint, refused by the database."""

    DATE = "Invalid Date"


class Condition(msgspec.Struct, frozen=True):
    """One ``field||operator||value``; the operator as it was written, with or without ``$``."""

    field: str
    operator: str
    value: Any  # JSON, a datetime, Invalid.DATE, or a list of these


class Parsed(msgspec.Struct, frozen=True):
    """A list query after the parser; ``sort`` holds (field, ascending), ``join`` (relation, its fields or none)."""

    fields: tuple[str, ...] = ()
    search: Any = None  # a JSON object or array
    filters: tuple[Condition, ...] = ()
    ors: tuple[Condition, ...] = ()
    sort: tuple[tuple[str, bool], ...] = ()
    join: tuple[tuple[str, tuple[str, ...]], ...] = ()
    limit: float | None = None
    offset: float | None = None
    page: float | None = None
    cache: float | None = None
    include_deleted: float | None = None  # only 1 counts


_LISTED = ("in", "notin", "between", "$in", "$notin", "$between", "$inL", "$notinL")
VALUELESS = ("isnull", "notnull", "$isnull", "$notnull")
_OLD = "eq,ne,gt,lt,gte,lte,starts,ends,cont,excl,in,notin,isnull,notnull,between"
_NEW = f"${_OLD.replace(',', ',$')},$eqL,$neL,$startsL,$endsL,$contL,$exclL,$inL,$notinL"
OPERATORS = f"{_OLD},{_NEW}".split(",")


def is_list(value: object) -> TypeGuard[list[Any]]:
    """Narrow to a list."""
    return isinstance(value, list)


def is_object(value: object) -> TypeGuard[dict[str, Any] | list[Any]]:
    """An array is an object too, to JavaScript."""
    return isinstance(value, dict | list)


def is_number(value: object) -> TypeGuard[int | float]:
    """Narrow to a number; a boolean is none here."""
    return isinstance(value, int | float) and not isinstance(value, bool)


# -- RequestQueryParser


def parse(query: str) -> Parsed:
    """Read the text after ``?``; raise BadQuery where the engine answers 400."""
    params = qs.read(query)
    search = _search(params["s"]) if "s" in params else None
    conditions: _Params = params if search is None else {}
    filters = _values(conditions, ("filter",), lambda item: _condition("filter", item))
    ors = _values(conditions, ("or",), lambda item: _condition("or", item))
    fields = _values(params, ("fields", "select"), lambda item: tuple(_split(item, ",")))
    join = _values(params, ("join",), _join)
    sort = _values(params, ("sort",), _sort)
    return Parsed(
        fields[0] if fields else (),
        search,
        tuple(filters),
        tuple(ors),
        tuple(sort),
        tuple(join),
        _number(params, "limit", "limit", "per_page"),
        _number(params, "offset", "offset"),
        _number(params, "page", "page"),
        _number(params, "cache", "cache"),
        _number(params, "includeDeleted", "include_deleted"),
    )


def _values(params: _Params, names: Collection[str], read: Callable[[Item], T]) -> list[T]:
    """Read every value of these names in the order of the query; objects and a lone empty text are passed over."""
    found: list[T] = []
    for name, given in params.items():
        if name in names and given and not isinstance(given, Thing):
            found.extend(map(read, given if is_list(given) else [given]))
    return found


def _split(item: Item, by: str) -> list[str]:
    if not isinstance(item, str):  # it stands in brackets of its own, such as `filter[0][a]`
        raise BadSearch("split is not a function")
    return item.split(by)


def _refuse(text: str) -> NoReturn:
    raise ValueError(text)


# JavaScript has doubles only: a longer integer loses its last digits.
_JSON = json.JSONDecoder(parse_constant=_refuse, parse_int=lambda text: int(text) if len(text) < 16 else float(text))


def _text(item: Item) -> str:
    """What JavaScript makes of it where it wants a text."""
    if isinstance(item, Thing):
        return "[object Object]"
    return item if isinstance(item, str) else ",".join(map(_text, item))


def _search(given: Item) -> dict[str, Any] | list[Any]:
    try:
        search = _JSON.decode(_text(given))
    except (ValueError, RecursionError):
        search = None
    if not is_object(search):
        raise BadQuery("Invalid search param. JSON expected")
    return search


_PLAIN_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]{0,2}[1-9])?")


def _prints_back(text: str) -> bool:
    plain = format(Decimal(repr(float(text))), "f").removesuffix(".0")
    return _PLAIN_NUMBER.fullmatch(text) is not None and plain == text


def _typed(text: str) -> object:
    try:
        value = _JSON.decode(text)
    except (ValueError, RecursionError):
        date = moment(text)
        return text if date is None else date
    return text if is_object(value) or (is_number(value) and not _prints_back(text)) else value


_DATE = re.compile(
    r"([0-9]{4})-([01][0-9])-([0-3][0-9])"
    r"(?:T([0-2][0-9]):([0-5][0-9]):([0-5][0-9])(?:\.([0-9]+))?(Z|[-+][0-2][0-9](?::?[0-5][0-9])?)?)?"
)


def moment(text: str) -> datetime | Invalid | None:
    """Read a date as ``new Date`` does in UTC; None: the parser does not take this text for one."""
    found = _DATE.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups()[:6])
    millisecond, zone = int(f"{found[7] or ''}000"[:3]), (found[8] or "Z").replace(":", "")
    past_midnight = hour > 24 or (hour == 24 and (minute or second or millisecond))
    if not 1 <= day <= 31 or past_midnight or (zone != "Z" and (len(zone) < 5 or int(zone[1:3]) > 23)):
        return Invalid.DATE
    ahead = 0 if zone == "Z" else (int(zone[1:3]) * 60 + int(zone[3:])) * (-1 if zone[0] == "-" else 1)
    since = timedelta(day - 1, second, 0, millisecond, minute - ahead, hour)  # V8 lets 30 February be 1 March
    try:
        return datetime(year, month, 1, tzinfo=UTC) + since
    except (ValueError, OverflowError):
        return Invalid.DATE


def _condition(kind: str, item: Item) -> Condition:
    field, name, value = [*_split(item, "||"), "", ""][:3]
    listed = name in _LISTED
    items = [_typed(item) for item in (value.split(",") if listed else [value])]
    if name not in VALUELESS and any(item is None or item == "" for item in items):
        raise BadQuery(f"Invalid {kind} value")
    if not field:
        raise BadQuery(f"Invalid field type in {kind} condition. String expected")
    if name not in OPERATORS:
        raise BadQuery(f"Invalid comparison operator. {','.join(OPERATORS)} expected")
    return Condition(field, name, items if listed else items[0])


def _join(item: Item) -> tuple[str, tuple[str, ...]]:
    relation, fields = [*_split(item, "||"), ""][:2]
    if not relation:
        raise BadQuery("Invalid join field. String expected")
    select = tuple(fields.split(",")) if fields else ()
    if not all(select):
        raise BadQuery("Invalid join select. Array of strings expected")
    return relation, select


def _sort(item: Item) -> tuple[str, bool]:
    field, order = [*_split(item, ","), ""][:2]
    if not field:
        raise BadQuery("Invalid sort field. String expected")
    if order not in ("ASC", "DESC"):
        raise BadQuery("Invalid sort order. ASC,DESC expected")
    return field, order == "ASC"


def _number(params: _Params, label: str, *names: str) -> float | None:
    def read(item: Item) -> float:
        number = _typed(item) if isinstance(item, str) else None
        if not is_number(number):
            raise BadQuery(f"Invalid {label}. Number expected")
        return number

    numbers = _values(params, names, read)
    return numbers[0] if numbers else None
