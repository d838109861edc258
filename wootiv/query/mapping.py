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
        if name == "$or" and isinstance(value, Mapping):
            _check_field(value, at)
        elif name not in OPERATORS:
            near = nearest(name, OPERATORS) or _not(name)
            raise Unfit(path, "compared by operators that the server knows", f"{name!r}{near}")
        elif name in ("$isnull", "$notnull") and not value:
            other = "$notnull" if name == "$isnull" else "$isnull"
            raise Unfit(
                at, f"True, whatever else it is the server reads as True or as null; there is {other}", str(value)
            )
        elif value is None:
            raise Unfit(
                at, "a value", "None: the server would look for null, as $isnull does; the opposite is $notnull"
            )


def _not(name: str) -> str:
    return ": there is no negation, but each operator has its opposite" if "not" in name.lower() else ""
