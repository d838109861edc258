"""What a list query means: filter, or and s, compiled to a test of a row as the SQL of the engine tests it.

Source: npm @nestjsx/crud and @nestjsx/crud-typeorm 5.0.0-alpha.3, on PostgreSQL. Odd rules are theirs.
"""

import operator
import re
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from functools import reduce
from types import MappingProxyType
from typing import Any, TypeAlias

import msgspec

from wootiv.sandbox.grammar import (
    OPERATORS,
    VALUELESS,
    BadSearch,
    Condition,
    Invalid,
    Parsed,
    is_list,
    is_number,
    is_object,
    moment,
)

Row: TypeAlias = Mapping[str, Any]
Test: TypeAlias = Callable[[Row], bool]
_Node: TypeAlias = "Condition | list[tuple[bool, _Node]]"
_Parts: TypeAlias = list[tuple[bool, _Node]]  # a WHERE: (joined by OR, condition or bracket); AND binds tighter


class Plan(msgspec.Struct, frozen=True):
    """Which rows match: those that pass ``test`` (None lets all pass) and have an id after ``after``."""

    test: Test | None
    name: str  # the same for the same test
    after: str | None = None


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
    if is_list(value):
        return {str(index): item for index, item in enumerate(value)}
    return value if is_object(value) and isinstance(value, dict) else {}


def _add(parts: _Parts, search: object, *, either: bool = False) -> None:
    """Add what a search object means; ``either``: joined by OR to what stands before it."""
    fields = _keyed(search)
    for key, any_of in (("$and", False), ("$or", True)):
        items = fields.get(key)
        if is_list(items) and items and (key == "$and" or len(fields) == 1):
            return _add_group(parts, items, any_of=any_of, either=either)  # what stands beside $and is dropped
    inner = parts if len(fields) == 1 else _Parts()
    for field, value in fields.items():
        if field != "$or" or not is_list(value) or not value:
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
    names = _keyed(value) if is_object(value) else {"$eq": value}
    nested = names.get("$or")
    if len(names) == 1 and is_object(nested):
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
    if name in VALUELESS:
        null = name == "$isnull"
        return lambda row: (read(row) is None) is null
    check = _check(name if name in OPERATORS else "$eq", one)
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
    if not is_list(one.value) or not one.value or (name == "$between" and len(one.value) != 2):
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
    if is_list(value):
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
        date = moment(self.text)
        self.instant = date if isinstance(date, datetime) else None
        try:
            self.number = None if isinstance(value, bool) else float(self.text)
        except ValueError:
            self.number = None

    def pair(self, cell: object) -> tuple[Any, Any]:
        """Return a cell and this value as one type."""
        if self.instant is not None and isinstance(cell, str):
            date = moment(cell)
            return (date, self.instant) if isinstance(date, datetime) else (cell, self.text)
        if self.number is not None and is_number(cell):
            return cell, self.number
        return _text(cell), self.text
