"""What each operation does to the rows: crud for all lists alike, and an example of its shape for what is left."""

import random
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal, get_args, get_origin

import msgspec
from msgspec import UNSET, Struct

from wootiv.binding import Declaration
from wootiv.operation import Operation
from wootiv.sandbox.app import Answer, Handler, Refusal, Request, done, json_body, ok, stamp
from wootiv.sandbox.grammar import Parsed, parse
from wootiv.sandbox.store import Table
from wootiv.wire.encode import Field, camel
from wootiv.wire.shape import Shape
from wootiv.wire.words import Misfit, MissingName, UnknownName, spell

Tables = Mapping[str, Table]
"""By the path of their list, such as `/contacts`."""


class Crud:
    """The one way all lists of rows are served."""

    def __init__(self, path: str, shape: type[Shape], tables: Tables, seed: int) -> None:
        self._path = path
        self._tables = tables
        self._ids = random.Random(f"{seed}{path}")  # noqa: S311 - ids that are the same at every run
        self._shape = shape

    def handler(self, operation: Operation[Any, Any]) -> Handler | None:
        """What serves an operation, if it is one of crud's."""
        if operation.template.removeprefix(self._path) not in ("", "/{id}"):
            return None
        one = operation.template != self._path
        crud: dict[tuple[str, bool], Callable[[Request, Mapping[str, str], Declaration], Answer]] = {
            ("GET", False): self._list,
            ("POST", False): self._create,
            ("GET", True): self._retrieve,
            ("PATCH", True): self._update,
            ("DELETE", True): self._delete,
        }
        serve = crud.get((operation.method, one))
        return None if serve is None else lambda request, path: serve(request, path, operation.declaration)

    @property
    def _table(self) -> Table:
        return self._tables[self._path]

    def _list(self, request: Request, _: Mapping[str, str], __: Declaration) -> Answer:
        parsed = parse(request.query)
        return Answer(200, self._table.select(parsed, self._join if parsed.join else None))

    def _create(self, request: Request, _: Mapping[str, str], declaration: Declaration) -> Answer:
        fields = read_body(request, declaration)
        now = stamp(datetime.now(UTC))
        row = {field.encode_name: None for field in _columns(self._shape)} | fields
        row |= {
            "id": str(uuid.UUID(int=self._ids.getrandbits(128), version=4)),
            "audit": {"date_created": now, "date_updated": now, "date_deleted": None, "version": 1},
        }
        if "primaryContact" in row:
            row["primaryContact"] = "email"
        return ok(self._shown(self._table.insert(row), request), 201)

    def _retrieve(self, request: Request, path: Mapping[str, str], _: Declaration) -> Answer:
        return ok(self._shown(self._one(request, path), request))

    def _update(self, request: Request, path: Mapping[str, str], declaration: Declaration) -> Answer:
        row = self._one(request, path)
        fields = read_body(request, declaration)
        if fields:
            audit = row["audit"] | {"date_updated": stamp(datetime.now(UTC)), "version": row["audit"]["version"] + 1}
            row = self._table.replace(path["id"], {**fields, "audit": audit})
        return ok(self._shown(row, request))

    def _delete(self, request: Request, path: Mapping[str, str], _: Declaration) -> Answer:
        self._one(request, path)
        self._table.delete(path["id"])
        return done("DELETE")

    def _one(self, request: Request, path: Mapping[str, str]) -> dict[str, Any]:
        try:
            self._table.one(path["id"], parse(request.query))  # conditions in the query must hold for the row too
            return self._table.get(path["id"])
        except KeyError as error:
            raise Refusal(404, str(error.args[0])) from None

    def _shown(self, row: dict[str, Any], request: Request) -> dict[str, Any]:
        return self._table.shown(row, parse(request.query), self._join)

    def _join(self, row: dict[str, Any], parsed: Parsed) -> dict[str, Any]:
        """The row with the relations that the query asks for; one that does not exist is passed over, silently."""
        for relation, fields in parsed.join:
            if relation in _relations(self._shape):
                row = row | {relation: self._related(row, relation, fields)}
        return row

    def _related(self, row: dict[str, Any], relation: str, fields: Sequence[str]) -> Any:
        def picked(other: dict[str, Any]) -> dict[str, Any]:
            return {name: other[name] for name in other if not fields or name in fields or name == "id"}

        shape, several = _relations(self._shape)[relation]
        table = next((table for table in self._tables.values() if table.name == shape.__name__), None)
        if table is None:
            return [] if several else None
        if several:
            key = camel(_snake(self._shape.__name__)) + "Id"
            return [picked(other) for other in table if other.get(key) == row["id"]]
        try:
            return picked(table.get(row[f"{relation}Id"]))
        except KeyError:
            return None


def _columns(shape: type[Shape]) -> list[msgspec.structs.FieldInfo]:
    return [field for field in msgspec.structs.fields(shape) if field.encode_name not in _relations(shape)]


def columns(shape: type[Shape]) -> list[str]:
    """The names on the wire of a shape's own fields, without its relations."""
    return [field.encode_name for field in _columns(shape)]


def _relations(shape: type[Shape]) -> dict[str, tuple[type[Shape], bool]]:
    """Name on the wire -> the shape that `join` brings, and whether it brings a list."""
    found: dict[str, tuple[type[Shape], bool]] = {}
    for field in msgspec.structs.fields(shape):
        several = get_origin(field.type) is list
        inner = next(
            (a for a in (field.type, *get_args(field.type)) if isinstance(a, type) and issubclass(a, Shape)), None
        )
        if inner is not None and "id" in inner.__struct_fields__:
            found[field.encode_name] = (inner, several)
    return found


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")


def read_body(request: Request, declaration: Declaration) -> dict[str, Any]:
    """The fields that the operation's body declares; what else was sent is dropped, as the engine does.

    Raises `Refusal` with one text for each field that does not fit.
    """
    given = json_body(request)
    wanted = [declaration.fields[name] for name in declaration.body]
    faults = [fault for field in wanted if (fault := _fault(field, given.get(field.wire, UNSET)))]
    if faults:
        raise Refusal(400, faults)
    names = {field.wire for field in wanted}
    return {name: value for name, value in given.items() if name in names}


def _fault(field: Field, value: Any) -> str | None:
    if value is UNSET and not field.required:
        return None
    try:
        field.encode(None if value is UNSET else value, field.wire)
    except (Misfit, MissingName, UnknownName):
        kinds = {"str": "a string", "a mapping": "an object", "int": "a number", "bool": "a boolean value"}
        kind = kinds.get(spell(field.hint).split(" or ")[0], "an array")
        return f"{field.wire} must be {kind}"
    return f"{field.wire} must be a string" if value is UNSET else None


def example(operation: Operation[Any, Any]) -> Handler:
    """An answer of the operation's declared shape, always the same."""
    answer = operation.declaration.answer

    def serve(request: Request, _: Mapping[str, str]) -> Answer:
        if answer is None:
            return done(request.method)
        value = example_of(list[answer] if operation.kind else answer, "value")  # type: ignore[valid-type]
        return ok(value, 201 if request.method == "POST" else 200)

    return serve


def example_of(hint: Any, name: str) -> Any:
    """Plain data of a type."""
    origin = get_origin(hint) or hint
    if origin is Literal:
        return get_args(hint)[0]
    if isinstance(origin, type) and issubclass(origin, Struct):
        fields = msgspec.structs.fields(hint)
        relations = _relations(hint) if issubclass(origin, Shape) else {}
        return {f.encode_name: example_of(f.type, f.encode_name) for f in fields if f.encode_name not in relations}
    if origin is list:
        return [example_of(get_args(hint)[0], name)]
    if origin is dict:
        return {}
    plain: dict[Any, Any] = {str: name, int: 1, float: 1.0, bool: True, datetime: "2024-01-02T03:04:05.678Z"}
    if origin in plain:
        return plain[origin]
    return example_of(get_args(hint)[0], name) if get_args(hint) else None
