"""Names of fields, held against the shape of a list's rows."""

from collections.abc import Iterable
from typing import Any

from msgspec import structs

from wootiv.query.condition import Condition
from wootiv.query.fields import Order
from wootiv.wire.shape import Shape, relations, shape_in
from wootiv.wire.words import Unfit


def named_in(argument: str, given: object) -> frozenset[str]:
    """The fields that an argument names. A `sort` in the server's own words names none: it refuses what it lacks."""
    if isinstance(given, Condition):
        return given.names
    names: set[str] = set()
    for one in [given] if isinstance(given, str) else given if isinstance(given, list | tuple) else ():
        text = str.__str__(one) if isinstance(one, str) else ""
        if argument == "fields":
            names |= {*text.split(",")}
        elif argument == "join":
            head, _, fields = text.partition("||")
            names |= {head, *(f"{head}.{field}" for field in fields.split(",") if field)}
        elif isinstance(one, Order):
            names.add(text.partition(",")[0])
    return frozenset(names)


def check_names(row: Any, names: Iterable[str], argument: str) -> None:
    """Refuse a field's name in Python, or in other case, for that on the wire. Of what no shape declares, any may be.

    Where rows are told what to bring, the server passes over what it does not know.
    """
    for name in sorted(names):
        if (meant := _meant(row, name)) != name:
            raise Unfit(argument, "written with the names of the wire", f"'{name}', did you mean '{meant}'?")


def _meant(row: Any, name: str) -> str:
    shape, found = shape_in(row), list[str]()
    for part in name.split("."):
        known = _known(part, shape)
        found.append(known.encode_name if known else part)
        shape = shape_in(known.type) if known else None
    return ".".join(found)


def _known(part: str, shape: type[Shape] | None) -> structs.FieldInfo | None:
    """The field of that name on the wire; if there is none, the one of that name in Python, or in another case."""
    fields = structs.fields(shape) if shape else ()
    spelt = [
        {one.encode_name: one for one in fields},
        {one.name: one for one in fields},
        {one.encode_name.lower(): one for one in fields},
    ]
    return spelt[0].get(part) or spelt[1].get(part) or spelt[2].get(part.lower())


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
