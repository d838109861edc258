"""Conditions in the words of the wire: how those of a query are told apart, and how one more is joined to them.

Source: the grammar of @nestjsx/crud-request, which the service reads its queries with.
"""

import json
import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Literal, NoReturn, TypeAlias

from msgspec import Struct

from wootiv.message import Pairs

MAX_LIST = 20
"""Values of one repeated key. From the 21st on, the server's parser ignores them all, silently."""

OPERATORS = (
    "$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$starts", "$ends", "$cont", "$excl", "$in", "$notin", "$between",
    "$isnull", "$notnull", "$eqL", "$neL", "$startsL", "$endsL", "$contL", "$exclL", "$inL", "$notinL",
)  # fmt: skip
"""What the server compares with."""
_DOLLARLESS = frozenset(operator[1:] for operator in OPERATORS[:15])
"""What `filter` takes without the `$` too."""
_LIST_OPERATORS = ("$in", "$notin", "$between", "$inL", "$notinL")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]{0,2}[1-9])?")
_DATE = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d+)?(Z|[-+]\d\d(:?\d\d)?)?)?", re.ASCII)


class Untranslatable(Exception):  # noqa: N818 - a caller falls back, nobody sees it
    """A condition that means something else in `s` than in `filter`."""


class Said(Struct, frozen=True):
    """One condition, in each form that the wire has for it."""

    search: str
    """As `s` has it: a JSON object."""
    filters: tuple[str, ...] = ()
    """The same as filters of which all must hold; empty where no filters say it."""
    alone: Pairs = ()
    """The query that says it best where there is no other condition."""


def values(query: Pairs, name: str) -> list[str]:
    """What a key holds, in order."""
    return [value for key, value in query if key == name]


def without(query: Pairs, *names: str) -> Pairs:
    """The query but for some keys."""
    return tuple((key, value) for key, value in query if key not in names)


def override(query: Pairs, extra: Pairs) -> Pairs:
    """The query with some keys replaced."""
    return (*without(query, *(name for name, _ in extra)), *extra) if extra else query


Beyond: TypeAlias = Literal["$gt", "$lt"]
"""What comes after an id: larger ones in ascending order, smaller ones in descending order."""


def after(query: Pairs, last: str | int, beyond: Beyond = "$gt") -> Pairs | None:
    """The query with `id` beyond `last` added to its conditions; `None` where that cannot be said."""
    text = f"id||{beyond}||{_literal(last)}"
    return conjoin(query, Said(_dump({"id": {beyond: last}}), (text,), (("filter", text),)))


def conjoin(query: Pairs, said: Said) -> Pairs | None:
    """The query with one condition more, which must hold beside all of its own; `None` where that cannot be said.

    A filter beside an `or` means (all filters) OR (all ors), so there, and where a filter too many would
    have the server ignore them all, everything goes into `s`.
    """
    if any("[" in name for name, _ in query):
        return None  # `filter[0]=`: another way to write the same, which we do not read
    filters, ors = _conditions(query, "filter"), _conditions(query, "or")
    rest = without(query, "s", "filter", "or")
    if searches := values(query, "s"):
        # As the caller wrote it: what a number with many digits is to the server, we cannot say better.
        return (*rest, ("s", _both(searches[0], said.search))) if is_search(searches) else None
    if not filters and not ors:
        return (*rest, *said.alone)
    if said.filters and not ors and len(filters) + len(said.filters) <= MAX_LIST:
        return (*rest, *(("filter", text) for text in (*filters, *said.filters)))
    try:
        return (*rest, ("s", _both(_dump(_meaning(filters, ors)), said.search)))
    except Untranslatable:
        return None


def _both(one: str, other: str) -> str:
    return f'{{"$and":[{one},{other}]}}'


def _conditions(query: Pairs, name: str) -> list[str]:
    """What a key holds. A lone empty text is passed over by the server too; beside others it is an error."""
    found = values(query, name)
    return [] if found == [""] else found


def is_search(searches: Sequence[str]) -> bool:
    """Whether what `s` holds is one JSON object: else what is joined to it could end up outside of the join."""
    try:
        # Numbers as their text: Python has integers of so many digits only, JavaScript takes any.
        (search,) = (json.loads(text, parse_constant=_no_json, parse_int=str, parse_float=str) for text in searches)
    except (ValueError, RecursionError):
        return False
    return isinstance(search, dict)


def _dump(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def _literal(value: str | int) -> str:
    """What the parser reads back as this value, whatever it looks like: JSON, with the delimiter escaped."""
    return _dump(value).replace("|", "\\u007c")


def _meaning(filters: Sequence[str], ors: Sequence[str]) -> dict[str, Any]:
    every, some = [_condition(text) for text in filters], [_condition(text) for text in ors]
    if not filters:
        return {"$or": some}
    return {"$or": [{"$and": every}, {"$and": some}]} if ors else {"$and": every}


def _condition(text: str) -> dict[str, Any]:
    field, operator, *rest = (*text.split("||"), "", "")[:3]
    operator = f"${operator}" if operator in _DOLLARLESS else operator
    if not field or operator not in OPERATORS:
        raise Untranslatable(text)  # refused in `filter`, but to `s` any operator is $eq
    if operator in ("$isnull", "$notnull"):
        return {field: {operator: True}}
    if operator in _LIST_OPERATORS:
        return {field: {operator: [reading(piece) for piece in rest[0].split(",")]}}
    return {field: {operator: reading(rest[0])}}


def reading(text: str) -> Any:
    """What the parser reads in one value of a filter: JSON if it is a string, a boolean or a plain number; else text.

    Raises `Untranslatable` for what `s` cannot hold, or takes for something else.
    """
    try:
        value = json.loads(text, parse_constant=_no_json, parse_int=Decimal, parse_float=Decimal)
    except (ValueError, RecursionError):
        if not text or _DATE.fullmatch(text):
            raise Untranslatable(text) from None  # a date is compared as one in `filter`, as text in `s`
        return text
    match value:
        case Decimal():
            return _number(text)
        case None | "":
            raise Untranslatable(text)  # refused in `filter`, but not in `s`
        case dict() | list():
            return text
        case _:
            return value


def _number(text: str) -> Any:
    """A number if it prints back the same, else text; to JavaScript all numbers are doubles."""
    if text == "-0":
        raise Untranslatable(text)
    plain = format(Decimal(repr(float(text))), "f").removesuffix(".0")
    return json.loads(text) if _NUMBER.fullmatch(text) and plain == text else text


def _no_json(text: str) -> NoReturn:
    raise ValueError(text)
