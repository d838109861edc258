"""Names of fields, held against the shape of a list's rows."""

from collections.abc import Iterable
from typing import Any

from msgspec import structs

from wootiv.query.condition import Condition
from wootiv.query.fields import Order, Relation
from wootiv.wire.shape import Shape, relations, shape_in
from wootiv.wire.words import Unfit


def named_in(given: object) -> frozenset[str]:
    """The fields that a condition, or what is made by `asc`, `desc` or `relation`, names; plain text names none."""
    if isinstance(given, Condition):
        return given.names
    names: set[str] = set()
    for one in [given] if isinstance(given, str) else given if isinstance(given, list | tuple) else ():
        if isinstance(one, Order):
            names.add(str.__str__(one).partition(",")[0])
        elif isinstance(one, Relation):
            head, _, fields = str.__str__(one).partition("||")
            names |= {head, *(f"{head}.{field}" for field in fields.split(",") if field)}
    return frozenset(names)


def check_names(row: Any, names: Iterable[str], argument: str) -> None:
    """Refuse the Python name of a field that has another on the wire. What the shape does not declare may be there."""
    for name in sorted(names):
        if (meant := _meant(row, name)) != name:
            raise Unfit(argument, "written with the names of the wire", f"'{name}', did you mean '{meant}'?")


def _meant(row: Any, name: str) -> str:
    shape, found = shape_in(row), list[str]()
    for part in name.split("."):
        fields = structs.fields(shape) if shape else ()
        known = next((f for f in fields if f.encode_name == part), None) or next(
            (f for f in fields if f.name == part), None
        )
        found.append(known.encode_name if known else part)
        shape = shape_in(known.type) if known else None
    return ".".join(found)


def joins_for(row: Any, names: Iterable[str], given: list[str]) -> list[str]:
    """What a list joins, with every relation that the names reach into; without it the server knows no such field.

    A relation of a relation comes after it, or the server fails.
    """
    there = {text.partition("||")[0] for text in given}
    missing = {path for name in names for path in _relations_of(row, name)} - there
    return sorted([*given, *sorted(missing)], key=_depth) if missing else given


def _depth(join: str) -> int:
    return join.partition("||")[0].count(".")


def _relations_of(row: Any, name: str) -> Iterable[str]:
    """`a` and `a.b` for `a.b.c`, as far as the shapes declare such relations."""
    shape: type[Shape] | None = shape_in(row)
    path: list[str] = []
    for part in name.split(".")[:-1]:
        shape = relations(shape).get(part, (None, False))[0] if shape else None
        if shape is None:
            return
        path.append(part)
        yield ".".join(path)
