"""The list query: how conditions are written, and how `id` above the last one seen joins the caller's own.

Source: the grammar of @nestjsx/crud-request, which the service reads its queries with.
"""

import json
import re
from collections.abc import Sequence
from typing import Any

from wootiv.message import Pairs

MAX_LIST = 20
"""Values of one repeated key. From the 21st on, the server's parser ignores them all, silently."""

_LIST_OPERATORS = ("$in", "$notin", "$between", "$inL", "$notinL")
_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d{0,2}[1-9])?")
_DATE = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d+)?(Z|[-+]\d\d(:?\d\d)?)?)?")
_MAX_SAFE = 2**53 - 1


class Untranslatable(Exception):  # noqa: N818 - a caller falls back, nobody sees it
    """A condition that means something else in `s` than in `filter`."""


def values(query: Pairs, name: str) -> list[str]:
    """What a key holds, in order."""
    return [value for key, value in query if key == name]


def without(query: Pairs, *names: str) -> Pairs:
    """The query but for some keys."""
    return tuple((key, value) for key, value in query if key not in names)


def after(query: Pairs, last: str) -> Pairs | None:
    """The query with `id` above `last` added to its conditions; `None` where that cannot be said.

    Two filters beside an `or` mean (all filters) OR (all ors), so there, and where a filter too many would
    have the server ignore them all, everything goes into `s`.
    """
    key = {"id": {"$gt": last}}
    filters, ors = values(query, "filter"), values(query, "or")
    try:
        if searches := values(query, "s"):
            return (*without(query, "s", "filter", "or"), ("s", _dump({"$and": [_search(searches[0]), key]})))
        if not ors and len(filters) < MAX_LIST:
            return (*query, ("filter", f"id||$gt||{_literal(last)}"))
        return (*without(query, "filter", "or"), ("s", _dump({"$and": [_meaning(filters, ors), key]})))
    except (ValueError, Untranslatable):
        return None


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _literal(text: str) -> str:
    """A text that the parser reads back as this text, whatever it looks like: JSON, with its delimiter escaped."""
    return _dump(text).replace("|", "\\u007c")


def _search(text: str) -> dict[str, Any]:
    search = json.loads(text)
    if not isinstance(search, dict):
        raise Untranslatable(text)
    return search


def _meaning(filters: Sequence[str], ors: Sequence[str]) -> dict[str, Any]:
    every, some = [_condition(text) for text in filters], [_condition(text) for text in ors]
    if not filters:
        return {"$or": some}
    return {"$or": [{"$and": every}, {"$and": some}]} if ors else {"$and": every}


def _condition(text: str) -> dict[str, Any]:
    field, operator, *rest = (*text.split("||"), "", "")[:3]
    operator = operator if operator.startswith("$") else f"${operator}"
    if operator in ("$isnull", "$notnull"):
        return {field: {operator: True}}
    if operator in _LIST_OPERATORS:
        return {field: {operator: [_value(piece) for piece in rest[0].split(",")]}}
    return {field: {operator: _value(rest[0])}}


def _value(text: str) -> Any:
    """What the parser reads in one value: JSON where it is a string, a boolean or a plain number; else text."""
    if _DATE.fullmatch(text) or text in ("", "null"):
        raise Untranslatable(text)  # a date in `filter` is compared as a date, in `s` as text; null is refused
    if text in ("true", "false"):
        return text == "true"
    if _NUMBER.fullmatch(text) and text != "-0" and abs(float(text)) <= _MAX_SAFE:
        return json.loads(text)
    if text.startswith('"'):
        try:
            inner = json.loads(text)
        except ValueError:
            return text
        return _quoted(inner)
    return text


def _quoted(text: str) -> str:
    if not text:
        raise Untranslatable(text)
    return text
