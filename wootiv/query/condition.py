"""A condition as a value: what is compared, and how `&` and `|` join it with others."""

import re
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, NoReturn

from msgspec import Struct, structs

from wootiv.conditions import OPERATORS
from wootiv.query.values import Scalar, scalar, words
from wootiv.wire.words import describe

_SYMBOLS = {"$eq": "==", "$ne": "!=", "$gt": ">", "$gte": ">=", "$lt": "<", "$lte": "<="}
_METHODS = {
    "$starts": "starts",
    "$ends": "ends",
    "$cont": "contains",
    "$excl": "excludes",
    "$in": "in_",
    "$notin": "not_in",
    "$between": "between",
    "$isnull": "is_null",
    "$notnull": "not_null",
}
_EMPTY = {
    "$in": ": no row is in an empty list, so there is nothing to ask for",
    "$notin": ": no value is in an empty list, so leave the condition out, or say not_null()",
}
_LIKE = ("$starts", "$ends", "$cont", "$excl")
_LOWERED = ("$eqL", "$neL", "$inL", "$notinL")
_CASELESS = ("$eqL", "$neL", "$startsL", "$endsL", "$contL", "$exclL", "$inL", "$notinL")
_DEEPEST = 100
"""Levels of `&` within `|` within `&`: what goes over a condition goes down as far."""
JOINERS = {"$and": "&", "$or": "|"}

_OPPOSITES = {
    "$eq": "!= {}", "$ne": "== {}", "$gt": "<= {}", "$gte": "< {}", "$lt": ">= {}", "$lte": "> {}",
    "$cont": ".excludes({})", "$excl": ".contains({})", "$in": ".not_in{}", "$notin": ".in_{}",
    "$isnull": ".not_null()", "$notnull": ".is_null()",
}  # fmt: skip
_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", re.ASCII)
_PARENTHESES = "each in parentheses: (field('a') == 1) & (field('b') == 2)"


def check_name(name: object) -> str:
    """The name of a field on the wire; raises `TypeError` or `ValueError`."""
    if not isinstance(name, str):
        message = f"a field must be named by text, got {name!r} ({type(name).__name__})"
        raise TypeError(message)
    if not _NAME.fullmatch(name):
        message = f"a field must be a name such as 'email' or 'contactGroup.groupName', got {name!r}"
        raise ValueError(message)
    return str.__str__(name)


class Condition(Struct, frozen=True, eq=False):
    """What rows must fulfil: `field()` makes them. `a & b` means both, `a | b` means either, or both.

    It is frozen, and equal to others that say the same in the same way; `repr` reads like the source. A row without a
    value fulfils no comparison, not even `!=` and `not_in`, but `is_null()`.
    """

    operator: str
    """As the server calls it, such as `$eq`; `$and` or `$or` where it joins others."""
    field: str = ""
    """The name on the wire of what is compared."""
    value: Scalar | tuple[Scalar, ...] | None = None
    """What it is compared with, as it will be sent: an enum as its value, a moment in UTC."""
    parts: "tuple[Condition, ...]" = ()
    """What is joined."""

    def __post_init__(self) -> None:
        if self.operator in JOINERS:
            if len(self.parts) < 2:
                message = f"{self.operator} joins two conditions or more, got {len(self.parts)}"
                raise ValueError(message)
            _check_parts(self.parts)
            if (depth := _depth(self)) > _DEEPEST:
                message = (
                    f"conditions can be nested {_DEEPEST} levels deep, got {depth}: join more of them side by side"
                )
                raise ValueError(message)
            return
        if self.operator not in OPERATORS:
            message = f"unknown operator {self.operator!r}, the server has {', '.join(OPERATORS)}"
            raise ValueError(message)
        structs.force_setattr(self, "field", check_name(self.field))
        structs.force_setattr(self, "value", _kept(self))

    def __and__(self, other: "Condition") -> "Condition":
        return joined("$and", self, other)

    def __or__(self, other: "Condition") -> "Condition":
        return joined("$or", self, other)

    if not TYPE_CHECKING:  # so that checkers refuse it too

        def __invert__(self) -> NoReturn:
            raise TypeError(_no_not(self))

    def __bool__(self) -> NoReturn:
        message = f"a condition is neither true nor false: join them by & and |, not by and, or, not, {_PARENTHESES}"
        raise TypeError(message)

    def __eq__(self, other: object) -> bool:
        # By how it reads, since Python takes 1, 1.0 and True for the same, and the server does not.
        return repr(self) == repr(other) if isinstance(other, Condition) else NotImplemented

    def __hash__(self) -> int:
        return hash(repr(self))

    def __repr__(self) -> str:
        if self.operator in JOINERS:
            return f" {JOINERS[self.operator]} ".join(map(_operand, self.parts))
        caseless = self.operator.endswith("L")
        operator = self.operator.removesuffix("L")
        left = f'field("{self.field}")' + (".ignore_case" if caseless else "")
        if operator in _SYMBOLS:
            return f"{left} {_SYMBOLS[operator]} {_shown(self.value)}"
        return f"{left}.{_METHODS[operator]}{_arguments(self.value)}"

    @property
    def names(self) -> frozenset[str]:
        """The names of all fields that it compares."""
        return frozenset[str]().union(*(part.names for part in self.parts)) if self.parts else frozenset({self.field})


def joined(operator: str, *conditions: Condition) -> Condition:
    """Conditions joined into one; those joined by the same operator already are taken apart first."""
    _check_parts(conditions)
    if len(conditions) < 2:
        if conditions:
            return conditions[0]
        message = "there is no condition to join, one at least was expected"
        raise ValueError(message)
    parts = [part for one in conditions for part in (one.parts if one.operator == operator else (one,))]
    return Condition(operator, parts=tuple(parts))


def _check_parts(parts: tuple[Condition, ...]) -> None:
    for one in parts:
        if not isinstance(one, Condition):  # pyright: ignore[reportUnnecessaryIsInstance] - of who has no checker
            message = f"conditions are joined with conditions, {_PARENTHESES}; got {describe(one)}"
            raise TypeError(message)


def _depth(one: Condition) -> int:
    return 1 + max(map(_depth, one.parts), default=0)


def refuse_field(*_: object) -> NoReturn:
    """Refuse `&` and `|` between what are no conditions; they bind tighter than `==`."""
    message = f"a field is no condition: compare it, and join what comes of it by & and |, {_PARENTHESES}"
    raise TypeError(message)


def _kept(one: Condition) -> Scalar | tuple[Scalar, ...] | None:
    """The value of a comparison as it is kept; raises `TypeError` or `ValueError`."""
    place, operator = f'field("{one.field}")', one.operator.removesuffix("L")
    given: Any = one.value
    if operator in ("$isnull", "$notnull"):
        if given is not None:
            message = f"{place}: {operator} takes no value, got {given!r}"
            raise ValueError(message)
        return None
    read = words if operator in _LIKE or one.operator in _CASELESS else scalar
    if operator not in ("$in", "$notin", "$between"):
        return _lowered(read(given, place), one.operator)
    if not isinstance(given, tuple) or not given or (operator == "$between" and len(given) != 2):
        wanted = "two values" if operator == "$between" else "one value or more"
        hint = _EMPTY.get(operator, "") if given == () else ""
        message = f"{place}: {_METHODS[operator]} takes {wanted}, got {given!r}{hint}"
        raise ValueError(message)
    return tuple(_lowered(read(item, place), one.operator) for item in given)


def _lowered(value: Scalar, operator: str) -> Scalar:
    # The server lowers only its own side, but where it looks for a pattern.
    return value.lower() if operator in _LOWERED and isinstance(value, str) else value


def _no_not(one: Condition) -> str:
    opposite = _OPPOSITES.get(one.operator.removesuffix("L"))
    if opposite is None:
        many = one.operator in JOINERS
        way_out = "; say the opposite of each part, joined the other way" if many else ""
    else:
        left = f'field("{one.field}")' + (".ignore_case" if one.operator.endswith("L") else "")
        right = opposite.format(_arguments(one.value) if isinstance(one.value, tuple) else _shown(one.value))
        way_out = f"; say {left}{right if right.startswith('.') else f' {right}'}"
        way_out += "" if "null" in right else ", and add is_null() if rows without a value are meant too"
    return f"the server knows no `not`{way_out}"


def _operand(one: Condition) -> str:
    bare = one.operator not in JOINERS and one.operator.removesuffix("L") not in _SYMBOLS
    return repr(one) if bare else f"({one!r})"


def _arguments(value: Any) -> str:
    if value is None:
        return "()"
    return f"({', '.join(map(_shown, value))})" if isinstance(value, tuple) else f"({_shown(value)})"


def _shown(value: Any) -> str:
    if isinstance(value, datetime):
        return repr(value).replace("datetime.", "", 1).replace("tzinfo=datetime.timezone.utc", "tzinfo=UTC")
    return repr(value).replace("datetime.", "", 1) if isinstance(value, date) else repr(value)
