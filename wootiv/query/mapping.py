"""A search mapping as the caller wrote it: what the server would read as something else is refused.

Source: TypeOrmCrudService.setSearchCondition of @nestjsx/crud-typeorm 5.0.0-alpha.3. It drops what stands beside
`$and`, takes an operator that it does not know for `$eq`, and null beside any operator for `$isnull`; inside of an
`$or` it joins by OR what reads like AND.
"""

from collections.abc import Mapping
from typing import Any

from wootiv.conditions import OPERATORS
from wootiv.query.condition import JOINERS, Condition
from wootiv.query.fields import Caseless, Field
from wootiv.wire.words import Misfit, Unfit, describe, nearest

_DEEPEST = 200
"""Levels of mappings and lists: a hundred of `$and` and `$or`."""
_OTHERS = {"$isnull": "$notnull", "$notnull": "$isnull"}


def check_data(given: object, path: str) -> None:
    """Refuse in plain data what belongs into `where`, and what is nested too deep; raises `Misfit` or `Unfit`."""
    left = [(path, given, 0)]
    while left:
        at, one, depth = left.pop()
        if isinstance(one, Condition | Field | Caseless):
            raise Misfit(at, "plain data; a condition goes into where=", describe(one))
        if depth > _DEEPEST:
            raise Unfit(path, f"nested {_DEEPEST} levels deep at most", "deeper ones")
        if isinstance(one, Mapping):
            left += [(f"{at}[{name!r}]", item, depth + 1) for name, item in one.items()]
        elif isinstance(one, list | tuple):
            left += [(f"{at}[{number}]", item, depth + 1) for number, item in enumerate(one)]


def check_search(search: Mapping[str, Any], path: str = "s", *, either: bool = False) -> None:
    """Hold a search mapping against what the server makes of it; raises `Unfit`.

    `either`: it is one of several in an `$or`.
    """
    if "$and" in search and len(search) > 1:
        beside = ", ".join(repr(name) for name in search if name != "$and")
        raise Unfit(path, "a mapping with nothing beside '$and', which the server would drop", f"{beside} beside it")
    if either and _is_empty(search):
        raise Unfit(path, "a condition", f"{describe(search)}: the server would drop it, and not take it for true")
    for name, value in search.items():
        at = f"{path}[{name!r}]"
        if name in JOINERS:
            _check_joined(value, at, name, either=either, alone=len(search) == 1)
        elif name.startswith("$"):
            raise Unfit(path, "made of fields, '$and' and '$or', the server knows no more", f"{name!r}{_not(name)}")
        elif isinstance(value, Mapping):
            _check_field(value, at)
            _check_joining(value, at, either=either, alone=len(search) == 1)
        elif isinstance(value, list):
            raise Unfit(at, "a value or a mapping of operators", f"{describe(value)}, did you mean {{'$in': [...]}}?")


def _check_joined(value: Any, path: str, name: str, *, either: bool, alone: bool) -> None:
    if not isinstance(value, list):
        raise Unfit(path, "a list of conditions", describe(value))
    if name == "$or" and len(value) == 1 and either and not alone:
        raise Unfit(path, "of two or more", "one: beside other keys the server would move it out of the $or around it")
    below = either if len(value) == 1 else name == "$or"
    for number, item in enumerate(value):
        if not isinstance(item, Mapping):
            raise Unfit(f"{path}[{number}]", "a mapping", describe(item))
        check_search(item, f"{path}[{number}]", either=below)


def _check_field(operators: Mapping[str, Any], path: str) -> None:
    for name, value in operators.items():
        at = f"{path}[{name!r}]"
        operator = f"${name.removeprefix('$')}"  # the server takes its operators without the $ too
        if name == "$or" and isinstance(value, Mapping):
            _check_field(value, at)
        elif operator not in OPERATORS:
            near = _not(name) or nearest(name, OPERATORS)
            raise Unfit(path, "compared by operators that the server knows", f"{name!r}{near}")
        elif operator in _OTHERS and not value:
            raise Unfit(at, "True, the server asks no further", f"{value}; for the opposite say {_OTHERS[operator]}")
        elif value is None:
            raise Unfit(
                at, "a value", "None: the server would look for null, as $isnull does; the opposite is $notnull"
            )


def _check_joining(operators: Mapping[str, Any], path: str, *, either: bool, alone: bool) -> None:
    """Refuse where the server would join by OR what reads like AND; `alone`: there is no other field beside it."""
    several = operators.get("$or")
    if either and alone and len(operators) > 1:
        expected = "a single operator, the server would join several by OR here"
        raise Unfit(path, expected, f"{', '.join(operators)}: put each into an '$and'")
    if several is not None and not alone and len(several) > 1:
        expected = "in a mapping of its own, the server would join the other fields to it by OR"
        raise Unfit(path, expected, "an $or beside other fields: put each into an '$and'")


def _is_empty(search: Mapping[str, Any]) -> bool:
    """Whether nothing in it is a condition to the server."""
    return all(
        all(isinstance(item, Mapping) and _is_empty(item) for item in value)
        if name in JOINERS and isinstance(value, list)
        else isinstance(value, Mapping) and all(name == "$or" and not inner for name, inner in value.items())
        for name, value in search.items()
    )


def _not(name: str) -> str:
    negates = name.lower().removeprefix("$") in ("not", "nor")
    return ": there is no negation, but most operators have an opposite" if negates else ""
