"""From a condition to what is sent: `s`, or `filter` and `or` where these say the same.

Source: TypeOrmCrudService.setSearchCondition of @nestjsx/crud-typeorm 5.0.0-alpha.3. Below an `$or` it joins several
operators of one field by OR, and `{"b": 1, "a": {"$or": {...}}}` too, so neither is ever made here.
"""

import json
from typing import Any
from urllib.parse import quote, urlencode

from wootiv.conditions import MAX_LIST, Said
from wootiv.message import Pairs
from wootiv.query.condition import JOINERS, Condition
from wootiv.query.values import in_filter, in_search, is_dated


def said(condition: Condition) -> Said:
    """A condition in all its forms."""
    search = json.dumps(_tree(condition), ensure_ascii=False, separators=(",", ":"))
    dated = _has_dates(condition)
    # What has dates cannot move to `s` once a list goes on by key: there has to be room for the key.
    filters = _texts(condition, "$and", MAX_LIST - 1 if dated else MAX_LIST)
    if filters and dated:
        return Said(search, filters, _repeated("filter", filters))  # where dates are dates; in `s` they are text
    ors = _texts(condition, "$or", MAX_LIST) if condition.operator == "$or" and not dated else ()
    forms = [(("s", search),), _repeated("filter", filters), _repeated("or", ors)]
    return Said(search, filters, min(filter(None, forms), key=_length))


def _length(query: Pairs) -> int:
    """What a query takes on the wire."""
    return len(urlencode(query, quote_via=quote, safe="*"))


def _repeated(name: str, texts: tuple[str, ...]) -> Pairs:
    return tuple((name, text) for text in texts)


def _tree(one: Condition) -> dict[str, Any]:
    if one.operator in JOINERS:
        names = {part.field for part in one.parts if part.operator not in JOINERS}
        if one.operator == "$and" and len(names) == len(one.parts):
            return {name: value for part in one.parts for name, value in _tree(part).items()}
        return {one.operator: [_tree(part) for part in one.parts]}
    match one.operator:
        case "$isnull":
            return {one.field: None}
        case "$notnull":
            return {one.field: {"$notnull": True}}
        case "$eq":
            return {one.field: _plain(one.value)}
        case operator:
            return {one.field: {operator: _plain(one.value)}}


def _plain(value: Any) -> Any:
    return [in_search(item) for item in value] if isinstance(value, tuple) else in_search(value)


def _texts(one: Condition, joiner: str, most: int) -> tuple[str, ...]:
    """A condition as texts of one key, joined as it is meant; none if they cannot say it, or are too many."""
    texts = tuple(_text(part) for part in (one.parts if one.operator == joiner else (one,)))
    return texts if all(texts) and len(texts) <= most else ()


def _text(one: Condition) -> str:
    """A comparison as `filter` has it; empty if it cannot."""
    if one.operator in JOINERS:
        return ""
    if one.operator in ("$isnull", "$notnull"):
        return f"{one.field}||{one.operator}"
    several = isinstance(one.value, tuple)
    values = [in_filter(item, listed=several) for item in _values(one)]
    kept = [value for value in values if value is not None]
    return f"{one.field}||{one.operator}||{','.join(kept)}" if len(kept) == len(values) else ""


def _values(one: Condition) -> tuple[Any, ...]:
    return one.value if isinstance(one.value, tuple) else (one.value,)


def _has_dates(one: Condition) -> bool:
    return any(map(_has_dates, one.parts)) or any(map(is_dated, _values(one)))
