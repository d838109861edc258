"""A search mapping as the caller wrote it: what the server would read as something else is refused.

Source: TypeOrmCrudService of @nestjsx/crud-typeorm 5.0.0-alpha.3. It drops what stands beside `$and`, takes an operator
that it does not know for `$eq`, and null beside any operator for `$isnull`.
"""

from collections.abc import Mapping
from typing import Any

from wootiv.query.condition import JOINERS, OPERATORS
from wootiv.wire.words import Unfit, describe, nearest


def check_search(search: Mapping[str, Any], path: str = "s") -> None:
    """Hold a search mapping against what the server can express; raises `Unfit`."""
    if "$and" in search and len(search) > 1:
        beside = ", ".join(repr(name) for name in search if name != "$and")
        raise Unfit(path, "a mapping with nothing beside '$and', which the server would drop", f"{beside} beside it")
    for name, value in search.items():
        at = f"{path}[{name!r}]"
        if name in JOINERS:
            _check_joined(value, at)
        elif name.startswith("$"):
            raise Unfit(path, "made of fields, '$and' and '$or', the server knows no more", f"{name!r}{_not(name)}")
        elif isinstance(value, Mapping):
            _check_field(value, at)
        elif isinstance(value, list):
            raise Unfit(at, "a value or a mapping of operators", f"{describe(value)}, did you mean {{'$in': [...]}}?")


def _check_joined(value: Any, path: str) -> None:
    if not isinstance(value, list):
        raise Unfit(path, "a list of conditions", describe(value))
    for number, item in enumerate(value):
        if not isinstance(item, Mapping):
            raise Unfit(f"{path}[{number}]", "a mapping", describe(item))
        check_search(item, f"{path}[{number}]")


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


_OTHERS = {"$isnull": "$notnull", "$notnull": "$isnull"}


def _not(name: str) -> str:
    negates = name.lower().removeprefix("$") in ("not", "nor")
    return ": there is no negation, but most operators have an opposite" if negates else ""
