"""What a list query means, read as the engine reads it: Express' ``qs``, then RequestQueryParser, then the SQL.

Source: npm qs 6.14, @nestjsx/crud-request and @nestjsx/crud-typeorm 5.0.0-alpha.3, on PostgreSQL. Odd rules are theirs.
"""

import json
import operator
import re
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum
from functools import reduce
from types import MappingProxyType
from typing import Any, NoReturn, TypeAlias, TypeGuard, TypeVar
from urllib.parse import unquote_to_bytes

import msgspec

T = TypeVar("T")
Row: TypeAlias = Mapping[str, Any]
Test: TypeAlias = Callable[[Row], bool]
_Node: TypeAlias = "Condition | list[tuple[bool, _Node]]"
_Parts: TypeAlias = list[tuple[bool, _Node]]  # a WHERE: (joined by OR, condition or bracket); AND binds tighter
_Params: TypeAlias = dict[str, str | list[str] | None]


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


class Plan(msgspec.Struct, frozen=True):
    """Which rows match: those that pass ``test`` (None lets all pass) and have an id after ``after``."""

    test: Test | None
    name: str  # the same for the same test
    after: str | None = None


_LISTED = ("in", "notin", "between", "$in", "$notin", "$between", "$inL", "$notinL")
_VALUELESS = ("isnull", "notnull", "$isnull", "$notnull")
_OLD = "eq,ne,gt,lt,gte,lte,starts,ends,cont,excl,in,notin,isnull,notnull,between"
_NEW = f"${_OLD.replace(',', ',$')},$eqL,$neL,$startsL,$endsL,$contL,$exclL,$inL,$notinL"
_OPERATORS = f"{_OLD},{_NEW}".split(",")


def _is_list(value: object) -> TypeGuard[list[Any]]:
    return isinstance(value, list)


def _is_object(value: object) -> TypeGuard[dict[str, Any] | list[Any]]:
    """An array is an object too, to JavaScript."""
    return isinstance(value, dict | list)


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


# -- Express' qs

_BRACKET = re.compile(r"([^\[]+)\[(0|1?[1-9]|10)?\]")  # from index 20 on, qs makes an object
_OBJECT = -1


def _decode(text: str) -> str:
    """Undo percent-encoding; text that is not well-formed stays as it is, like decodeURIComponent under qs."""
    text = text.replace("+", " ")
    if "%" not in text or re.search("%(?![0-9A-Fa-f]{2})", text):
        return text
    try:
        return unquote_to_bytes(text).decode()
    except UnicodeDecodeError:
        return text


def _params(query: str) -> _Params:
    """Give each name its value, its list, or None where qs makes an object, which the parser passes over."""
    found: dict[str, list[tuple[int | None, str]]] = {}
    for part in query.split("&", 1000)[:1000]:
        at = part.find("]=") + 1 or part.find("=")
        key, value = (part[:at], part[at + 1 :]) if at >= 0 else (part, "")
        name, index = _decode(key), None
        if "[" in name:
            listed = _BRACKET.fullmatch(name)
            index = int(listed[2] or 0) if listed else _OBJECT
            name = name.partition("[")[0]
        found.setdefault(name, []).append((index, _decode(value)))
    return {name: _gather(entries) for name, entries in found.items()}


def _gather(entries: list[tuple[int | None, str]]) -> str | list[str] | None:
    if len(entries) > 20 or any(index == _OBJECT for index, _ in entries):
        return None
    if len(entries) == 1 and entries[0][0] is None:
        return entries[0][1]
    return [value for _, value in sorted(entries, key=lambda entry: entry[0] or 0)]


# -- RequestQueryParser


def parse(query: str) -> Parsed:
    """Read the text after ``?``; raise BadQuery where the engine answers 400."""
    params = _params(query)
    search = _search(params["s"]) if "s" in params else None
    conditions: _Params = params if search is None else {}
    filters = _values(conditions, ("filter",), lambda text: _condition("filter", text))
    ors = _values(conditions, ("or",), lambda text: _condition("or", text))
    fields = _values(params, ("fields", "select"), lambda text: tuple(text.split(",")))
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


def _values(params: _Params, names: Collection[str], read: Callable[[str], T]) -> list[T]:
    """Read every value of these names in the order of the query; only a lone empty text is passed over."""
    found: list[T] = []
    for name, given in params.items():
        if name in names and given:
            found.extend(read(text) for text in ([given] if isinstance(given, str) else given))
    return found


def _refuse(text: str) -> NoReturn:
    raise ValueError(text)


# JavaScript has doubles only: a longer integer loses its last digits.
_JSON = json.JSONDecoder(parse_constant=_refuse, parse_int=lambda text: int(text) if len(text) < 16 else float(text))


def _search(given: str | list[str] | None) -> dict[str, Any] | list[Any]:
    # JSON.parse is given whatever qs made, as text: a list is its items with commas between.
    text = "[object Object]" if given is None else given if isinstance(given, str) else ",".join(given)
    try:
        search = _JSON.decode(text)
    except (ValueError, RecursionError):
        search = None
    if not _is_object(search):
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
        moment = _moment(text)
        return text if moment is None else moment
    return text if _is_object(value) or (_is_number(value) and not _prints_back(text)) else value


_DATE = re.compile(
    r"([0-9]{4})-([01][0-9])-([0-3][0-9])"
    r"(?:T([0-2][0-9]):([0-5][0-9]):([0-5][0-9])(?:\.([0-9]+))?(Z|[-+][0-2][0-9](?::?[0-5][0-9])?)?)?"
)


def _moment(text: str) -> datetime | Invalid | None:
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


def _condition(kind: str, text: str) -> Condition:
    field, name, value = [*text.split("||"), "", ""][:3]
    listed = name in _LISTED
    items = [_typed(item) for item in (value.split(",") if listed else [value])]
    if name not in _VALUELESS and any(item is None or item == "" for item in items):
        raise BadQuery(f"Invalid {kind} value")
    if not field:
        raise BadQuery(f"Invalid field type in {kind} condition. String expected")
    if name not in _OPERATORS:
        raise BadQuery(f"Invalid comparison operator. {','.join(_OPERATORS)} expected")
    return Condition(field, name, items if listed else items[0])


def _join(text: str) -> tuple[str, tuple[str, ...]]:
    relation, fields = [*text.split("||"), ""][:2]
    if not relation:
        raise BadQuery("Invalid join field. String expected")
    select = tuple(fields.split(",")) if fields else ()
    if not all(select):
        raise BadQuery("Invalid join select. Array of strings expected")
    return relation, select


def _sort(text: str) -> tuple[str, bool]:
    field, order = [*text.split(","), ""][:2]
    if not field:
        raise BadQuery("Invalid sort field. String expected")
    if order not in ("ASC", "DESC"):
        raise BadQuery("Invalid sort order. ASC,DESC expected")
    return field, order == "ASC"


def _number(params: _Params, label: str, *names: str) -> float | None:
    def read(text: str) -> float:
        number = _typed(text)
        if not _is_number(number):
            raise BadQuery(f"Invalid {label}. Number expected")
        return number

    numbers = _values(params, names, read)
    return numbers[0] if numbers else None


# -- the search tree, joined as TypeOrmCrudService.setSearchCondition joins it


def condition(parsed: Parsed, columns: Collection[str], path: Mapping[str, str] = MappingProxyType({})) -> Test | None:
    """Compile filter, or, s and the path's parameters into one test of a row; None: every row passes."""
    return _plan(_nodes(parsed, path), columns).test


def plan(parsed: Parsed, columns: Collection[str], *, by_id: bool) -> Plan:
    """Compile a query; ``by_id``: a condition ``id $gt`` that all others are ANDed with is set apart."""
    nodes = _nodes(parsed, {})
    for at, node in enumerate(nodes if by_id else []):
        if isinstance(node, Condition) and node.field == "id" and node.operator in ("$gt", "gt"):
            side = _Side(node.value)
            if side.instant is None:
                return _plan([*nodes[:at], *nodes[at + 1 :]], columns, side.text)
    return _plan(nodes, columns)


def _plan(nodes: list[_Node], columns: Collection[str], after: str | None = None) -> Plan:
    return Plan(_every([_compile(node, columns) for node in nodes]), repr(nodes), after)


def _nodes(parsed: Parsed, path: Mapping[str, str]) -> list[_Node]:
    parts: _Parts = []
    _add(parts, {"$and": [*({name: value} for name, value in path.items()), {}, *_tree(parsed)]})
    return _conjuncts(parts)


def _tree(parsed: Parsed) -> list[Any]:
    if parsed.search is not None:
        return [parsed.search]
    filters, ors = ([_as_search(each) for each in group] for group in (parsed.filters, parsed.ors))
    if filters and ors:
        return [{"$or": [{"$and": filters}, {"$and": ors}]}]  # not "filters AND (or OR or)"
    return filters or ([{"$or": ors}] if ors else [])


def _as_search(one: Condition) -> dict[str, Any]:
    return {one.field: {one.operator: True if one.operator in ("isnull", "notnull") else one.value}}


def _keyed(value: object) -> dict[str, Any]:
    if _is_list(value):
        return {str(index): item for index, item in enumerate(value)}
    return value if _is_object(value) and isinstance(value, dict) else {}


def _add(parts: _Parts, search: object, *, either: bool = False) -> None:
    """Add what a search object means; ``either``: joined by OR to what stands before it."""
    fields = _keyed(search)
    for key, any_of in (("$and", False), ("$or", True)):
        items = fields.get(key)
        if _is_list(items) and items and (key == "$and" or len(fields) == 1):
            return _add_group(parts, items, any_of=any_of, either=either)  # what stands beside $and is dropped
    inner = parts if len(fields) == 1 else _Parts()
    for field, value in fields.items():
        if field != "$or" or not _is_list(value) or not value:
            _add_field(inner, field, value, either=either and len(fields) == 1)
        else:  # an $or of one is joined outside the bracket: the engine passes the wrong builder
            _add_group(parts if len(value) == 1 else inner, value, any_of=len(value) > 1, either=False)
    if len(fields) > 1:
        parts.append((either, inner))
    return None


def _add_group(parts: _Parts, items: list[Any], *, any_of: bool, either: bool) -> None:
    if len(items) == 1:
        return _add(parts, items[0], either=either)
    inner = _Parts()
    for item in items:
        _add(inner, item, either=any_of)
    return parts.append((either, inner))


def _add_field(parts: _Parts, field: str, value: object, *, either: bool) -> None:
    names = _keyed(value) if _is_object(value) else {"$eq": value}
    nested = names.get("$or")
    if len(names) == 1 and _is_object(nested):
        # An $or of several is joined by OR to the other fields as well.
        return _add_field(parts, field, nested, either=either or len(nested) != 1)
    inner = parts if len(names) == 1 else _Parts()
    for name, given in names.items():
        if name != "$or" or len(names) == 1:
            inner.append((either, Condition(field, "$isnull" if given is None else name, given)))
        elif len(_keyed(given)) == 1:
            _add_field(inner, field, given, either=either)
        else:
            bracket = _Parts()
            _add_field(bracket, field, _keyed(given), either=True)
            inner.append((either, bracket))
    if len(names) > 1:  # below an $or its conditions were ORed too, as the engine does
        parts.append((either, inner))
    return None


def _conjuncts(parts: _Parts) -> list[_Node]:
    if any(either for either, _ in parts[1:]):
        return [parts]
    return [leaf for _, node in parts for leaf in ([node] if isinstance(node, Condition) else _conjuncts(node))]


# -- the SQL's meaning


def _compile(node: _Node, columns: Collection[str]) -> Test:
    if isinstance(node, Condition):
        return _test(node, columns)
    groups: list[list[Test]] = []
    for either, part in node:
        if either or not groups:
            groups.append([])
        groups[-1].append(_compile(part, columns))
    tests = [test for group in groups if (test := _every(group))]
    return lambda row: not tests or any(test(row) for test in tests)


def _every(tests: list[Test]) -> Test | None:
    if len(tests) < 2:
        return tests[0] if tests else None
    return lambda row: all(test(row) for test in tests)


def column(field: str, columns: Collection[str]) -> Callable[[Row], Any]:
    """Return what reads a column, dotted or not, from a row; raise BadSearch if there is no such column."""
    if field not in columns:
        raise BadSearch(f"unknown column {field}")
    head, *rest = field.split(".")
    if not rest:
        return lambda row: row.get(head)
    return lambda row: reduce(lambda value, name: _keyed(value).get(name), rest, row.get(head))


def _test(one: Condition, columns: Collection[str]) -> Test:
    read, name = column(one.field, columns), f"${one.operator.removeprefix('$')}"
    if name in _VALUELESS:
        null = name == "$isnull"
        return lambda row: (read(row) is None) is null
    check = _check(name if name in _OPERATORS else "$eq", one)
    return lambda row: (cell := read(row)) is not None and check(cell)  # NULL passes no comparison, not even $ne


_COMPARE = {name: getattr(operator, name[1:]) for name in ("$eq", "$ne", "$gt", "$lt")} | {
    "$gte": operator.ge,
    "$lte": operator.le,
}
_LIKE = {"$starts": "{}%", "$ends": "%{}", "$cont": "%{}%", "$excl": "%{}%"}


def _check(name: str, one: Condition) -> Callable[[Any], bool]:
    base, lowered = name.removesuffix("L"), name.endswith("L")
    if base in _LIKE:
        like, wanted = _like(_LIKE[base].format(_template(one.value)), ignore_case=lowered), base != "$excl"
        return lambda cell: (like(_text(cell)) is not None) is wanted
    check = _compared(base, one)
    return (lambda cell: check(_text(cell).lower())) if lowered else check  # only the column is lowered


def _compared(name: str, one: Condition) -> Callable[[Any], bool]:
    if name in _COMPARE:
        side, compare = _Side(one.value), _COMPARE[name]
        return lambda cell: compare(*side.pair(cell))
    if not _is_list(one.value) or not one.value or (name == "$between" and len(one.value) != 2):
        raise BadSearch(f"Invalid column '{one.field}' value")
    sides = [_Side(item) for item in one.value]
    if name == "$between":
        least, most = sides
        return lambda cell: operator.ge(*least.pair(cell)) and operator.le(*most.pair(cell))
    texts, wanted = {side.text for side in sides}, name == "$in"
    if any(side.instant is not None or side.number is not None for side in sides):
        return lambda cell: any(operator.eq(*side.pair(cell)) for side in sides) is wanted
    return lambda cell: (_text(cell) in texts) is wanted


def _like(pattern: str, *, ignore_case: bool) -> Callable[[str], object]:
    tokens: list[str] = re.findall(r"\\.|.", pattern, re.DOTALL)
    if tokens[-1] == "\\":
        raise BadSearch("LIKE pattern must not end with escape character")
    wild = {"%": ".*", "_": "."}
    text = "".join(wild.get(token) or re.escape(token[-1]) for token in tokens)
    return re.compile(text, re.DOTALL | (re.IGNORECASE if ignore_case else 0)).fullmatch


def _text(value: object) -> str:
    """Return how the driver writes a value: text as it is, dates as ISO, the rest as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return msgspec.json.encode(value).decode()


def _template(value: object) -> str:
    """Return how JavaScript puts a value into a template string: what LIKE sees of dates and lists."""
    if isinstance(value, datetime):
        return f"{value:%a %b %d %Y %H:%M:%S} GMT+0000 (Coordinated Universal Time)"
    if _is_list(value):
        return ",".join(_template(item) for item in value)
    return "[object Object]" if isinstance(value, dict) else "Invalid Date" if value is Invalid.DATE else _text(value)


class _Side:
    """A value to compare cells with, in each form that a cell may call for.

    Both sides look like dates: instants. A number in the cell: numbers, if the value reads as one. All else is text.
    The database would refuse some of these pairs; with no column types at hand, an answer is better than a fault.
    """

    def __init__(self, value: object) -> None:
        if value is Invalid.DATE:
            raise BadSearch("invalid input syntax for type timestamp")
        self.text = _text(value)
        moment = _moment(self.text)
        self.instant = moment if isinstance(moment, datetime) else None
        try:
            self.number = None if isinstance(value, bool) else float(self.text)
        except ValueError:
            self.number = None

    def pair(self, cell: object) -> tuple[Any, Any]:
        """Return a cell and this value as one type."""
        if self.instant is not None and isinstance(cell, str):
            moment = _moment(cell)
            return (moment, self.instant) if isinstance(moment, datetime) else (cell, self.text)
        if self.number is not None and _is_number(cell):
            return cell, self.number
        return _text(cell), self.text
