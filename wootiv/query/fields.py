"""Fields, and what is asked of them."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from msgspec import Struct

from wootiv.query.condition import Condition, check_name, joined, refuse_field
from wootiv.query.values import Value


class _Named(Struct, frozen=True, eq=False):
    """What has text to look for a pattern in."""

    name: str
    """On the wire, such as `firstName`; one of a relation is `contactGroup.groupName`."""

    _case: ClassVar[str] = ""

    def __post_init__(self) -> None:
        check_name(self.name)

    def _is(self, operator: str, value: Any) -> Condition:
        return Condition(operator + self._case, self.name, value)

    def starts(self, text: str) -> Condition:
        """Text that starts so. `%` in it stands for any text, `_` for any character."""
        return self._is("$starts", text)

    def ends(self, text: str) -> Condition:
        """Text that ends so; `%` and `_` as in `starts`."""
        return self._is("$ends", text)

    def contains(self, text: str) -> Condition:
        """Text that has this in it; `%` and `_` as in `starts`."""
        return self._is("$cont", text)

    def excludes(self, text: str) -> Condition:
        """Text that has nothing like this in it; `%` and `_` as in `starts`."""
        return self._is("$excl", text)

    if not TYPE_CHECKING:  # so that checkers refuse it too
        __and__ = __rand__ = __or__ = __ror__ = __bool__ = refuse_field


class Field(_Named, frozen=True, eq=False):
    """A field of the rows, by its name on the wire: its comparisons are conditions.

    It compares with text, numbers, booleans, dates, UUIDs and enums. Values keep their type: text that looks like a
    number stays text. `== None` asks for null, `!= None` for what is not.
    """

    __hash__: ClassVar[None] = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f'field("{self.name}")'

    def __eq__(self, value: Value | None) -> Condition:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        return self.is_null() if value is None else self._is("$eq", value)

    def __ne__(self, value: Value | None) -> Condition:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        return self.not_null() if value is None else self._is("$ne", value)

    def __gt__(self, value: Value) -> Condition:
        return self._is("$gt", value)

    def __ge__(self, value: Value) -> Condition:
        return self._is("$gte", value)

    def __lt__(self, value: Value) -> Condition:
        return self._is("$lt", value)

    def __le__(self, value: Value) -> Condition:
        return self._is("$lte", value)

    def between(self, low: Value, high: Value) -> Condition:
        """From `low` to `high`, both included."""
        return self._is("$between", (low, high))

    def in_(self, *values: Value | Iterable[Value | None] | None) -> Condition:
        """One of these: `in_("a", "b")`, or `in_(ids)`; `None` among them asks for null too."""
        wanted = _listed(values)
        some = tuple(value for value in wanted if value is not None)
        if len(some) == len(wanted):
            return self._is("$in", some)
        return joined("$or", self._is("$in", some), self.is_null()) if some else self.is_null()

    def not_in(self, *values: Value | Iterable[Value | None] | None) -> Condition:
        """None of these. A row without a value is never among what is found, so `None` adds nothing."""
        unwanted = _listed(values)
        some = tuple(value for value in unwanted if value is not None)
        return self._is("$notin", some) if some or not unwanted else self.not_null()

    def is_null(self) -> Condition:
        """Null: there is no value."""
        return self._is("$isnull", None)

    def not_null(self) -> Condition:
        """Not null: there is a value."""
        return self._is("$notnull", None)

    @property
    def ignore_case(self) -> "Caseless":
        """The same field, its text compared without regard to case."""
        return Caseless(self.name)


class Caseless(_Named, frozen=True, eq=False):
    """A field whose text is compared without regard to case: `field("email").ignore_case == "ada@example.com"`.

    For `==`, `!=`, `in_` and `not_in` the text is sent in lower case, because the server lowers its own side only.
    """

    _case: ClassVar[str] = "L"
    __hash__: ClassVar[None] = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f'field("{self.name}").ignore_case'

    def __eq__(self, text: str) -> Condition:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        return self._is("$eq", text)

    def __ne__(self, text: str) -> Condition:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        return self._is("$ne", text)

    def in_(self, *texts: str | Iterable[str]) -> Condition:
        """One of these: `in_("a", "b")`, or `in_(names)`."""
        return self._is("$in", _listed(texts))

    def not_in(self, *texts: str | Iterable[str]) -> Condition:
        """None of these."""
        return self._is("$notin", _listed(texts))


def field(name: str) -> Field:
    """A field to ask for, by its name on the wire: `field("firstName") == "Ada"`.

    Of a relation it is `field("contactGroup.groupName")`; the list then brings the relation along.
    """
    return Field(name)


def _listed(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Values given one by one, or all in one collection."""
    if len(values) == 1 and isinstance(values[0], Iterable) and not isinstance(values[0], str | bytes | Mapping):
        return tuple(values[0])
    return values


def all_of(*conditions: Condition) -> Condition:
    """All of them must hold, as with `&` between them; for conditions that a program has collected."""
    return joined("$and", *conditions)


def any_of(*conditions: Condition) -> Condition:
    """One of them must hold, as with `|` between them."""
    return joined("$or", *conditions)


class Order(str):
    """An order to sort by, as the server writes it: `email,ASC`."""

    __slots__ = ()


class Relation(str):
    """A relation to include, as the server writes it: `contactGroup||id,groupName`."""

    __slots__ = ()


def asc(name: str | Field) -> Order:
    """Sort by a field, smallest first: `sort=[asc("lastName"), desc("id")]`."""
    return Order(f"{_name_of(name)},ASC")


def desc(name: str | Field) -> Order:
    """Sort by a field, largest first."""
    return Order(f"{_name_of(name)},DESC")


def relation(name: str, *fields: str | Field) -> Relation:
    """A relation to include, whole or with these of its fields: `join=relation("contactGroup", "groupName")`."""
    chosen = ",".join(map(_name_of, fields))
    return Relation(f"{check_name(name)}||{chosen}" if chosen else check_name(name))


def _name_of(given: str | Field) -> str:
    return given.name if isinstance(given, Field) else check_name(given)
