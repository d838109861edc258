"""The one way that all lists of rows are served."""

from collections.abc import Callable, Sequence
from typing import Any

from msgspec import structs

from wootiv.operation import Operation
from wootiv.sandbox.entities import Entity, World
from wootiv.sandbox.exchange import Answer, Handler, Incoming, Refusal, Row, done, ok
from wootiv.sandbox.grammar import BadSearch, Parsed
from wootiv.wire.shape import NULLABLE, Shape, relations


class Crud:
    """Serves the rows of one entity; raises `Refusal` where the engine answers 404."""

    def __init__(self, entity: Entity, world: World) -> None:
        self._entity = entity
        self._path = entity.path
        self._table = world.tables[entity.path]
        self._world = world
        fields = structs.fields(entity.shape)
        self._nullable = {field.encode_name for field in fields if field.default is NULLABLE}
        self._paths = {other.shape: path for path, other in world.entities.items()}

    def handler(self, operation: Operation[Any, Any]) -> Handler | None:
        """What serves an operation, if it is one of crud's."""
        crud: dict[tuple[str, str], Callable[[Incoming], Answer]] = {
            ("GET", ""): self._list,
            ("POST", ""): self._create,
            ("POST", "/bulk"): self._create_many,
            ("GET", "/{id}"): self._retrieve,
            ("PATCH", "/{id}"): self._update,
            ("PATCH", "/change"): self._update,
            ("PATCH", "/recover/{id}"): self._recover,
            ("DELETE", "/{id}"): self._delete,
        }
        serve = crud.get((operation.method, operation.template.removeprefix(self._path)))
        return self._checked(serve) if serve and self._entity.only else serve

    def _checked(self, serve: Handler) -> Handler:
        def checked(asked: Incoming) -> Answer:
            for name, value in self._entity.only.items():
                if asked.path[name] != value:
                    raise Refusal(404, f"{name} {asked.path[name]} not found")
            return serve(asked)

        return checked

    def _list(self, asked: Incoming) -> Answer:
        parsed = asked.parsed()
        join = self._join if self._joined(parsed) else None
        return Answer(200, self._table.select(parsed, join, self._related_columns(parsed)))

    def _create(self, asked: Incoming) -> Answer:
        return ok(self._shown(self._made(asked.body()), asked), 201)

    def _create_many(self, asked: Incoming) -> Answer:
        made = [self._made(fields) for fields in asked.body()["bulk"]]
        return ok([self._shown(row, asked) for row in made], 201)

    def _retrieve(self, asked: Incoming) -> Answer:
        return ok(self._shown(self._one(asked, asked.path["id"]), asked))

    def _update(self, asked: Incoming) -> Answer:
        fields = asked.body()
        id = asked.path.get("id") or fields["id"]
        row = self._one(asked, id)
        own = self._own(fields)
        kept = self._kept(row, own, asked.parsed())
        own = self._whole({name: own[name] for name in own.keys() - kept.keys()}) | kept
        changes = {name: value for name, value in own.items() if row.get(name) != value}
        return ok(self._shown(self._world.change(self._path, id, changes) if changes else row, asked))

    def _recover(self, asked: Incoming) -> Answer:
        try:
            row = self._world.change(self._path, asked.path["id"], {"audit": {"date_deleted": None}})
        except KeyError as error:
            raise Refusal(404, str(error.args[0])) from None
        return ok(self._shown(row, asked))

    def _delete(self, asked: Incoming) -> Answer:
        id = self._one(asked, asked.path["id"])["id"]
        self._table.delete(id)
        for path, reference in self._entity.dependents.items():
            table = self._world.tables[path]
            for gone in [row["id"] for row in table if row[reference]["id"] == id]:
                table.delete(gone)
        return done("DELETE")

    def _made(self, fields: Row) -> Row:
        return self._world.add(self._path, self._whole(self._own(fields)))

    def _own(self, fields: Row) -> Row:
        """What a body may say of a row: neither its id nor its audit, nor anything of its relations."""
        return {name: fields[name] for name in fields if name in self._table.columns and name not in ("id", "audit")}

    def _whole(self, own: Row) -> Row:
        """The same, if a row can hold it; raises `BadSearch`."""
        if any(own[name] is None and name not in self._nullable for name in own):
            raise BadSearch("null value violates not-null constraint")
        return own

    def _kept(self, row: Row, own: Row, parsed: Parsed) -> Row:
        """The references that no change reaches: the engine saves the relations that it has read over them.

        So a reference to what is not there is forgotten, unless it is changed.
        """
        known = relations(self._entity.shape)
        loaded = [name for name in (*self._entity.eager, *dict(parsed.join)) if name in known and not known[name][1]]
        tables = {name: self._world.tables[self._paths[known[name][0]]] for name in loaded}
        kept = {f"{name}Id": (table.live(row[f"{name}Id"]) or {}).get("id") for name, table in tables.items()}
        return {name: id for name, id in kept.items() if id or own.get(name, row[name]) == row[name]}

    def _joined(self, parsed: Parsed) -> bool:
        """Whether a query joins anything.

        Raises `BadSearch` for what hangs on a relation that is joined later, and for what is joined twice.
        """
        known = relations(self._entity.shape)
        heads, joined = set(self._entity.eager), set[str]()
        for relation, _ in parsed.join:
            head, _, nested = relation.partition(".")
            if head not in known or (nested and relations(known[head][0]).get(nested, (None, True))[1]):
                continue  # nested lists are not to be had
            if nested and head not in heads:
                raise BadSearch(f"{head} must be joined before {relation}")
            if relation in joined and relation not in self._entity.eager:
                raise BadSearch(f"{relation} is joined twice")
            heads.add(head)
            joined.add(relation)
        return bool(heads)

    def _one(self, asked: Incoming, id: str) -> Row:
        try:
            parsed = asked.parsed()
            self._table.one(
                id, parsed, joined=self._joined(parsed)
            )  # conditions in the query must hold for the row too
            return self._table.get(id)
        except KeyError as error:
            raise Refusal(404, str(error.args[0])) from None

    def _shown(self, row: Row, asked: Incoming) -> Row:
        return self._table.shown(row, asked.parsed(), self._join)

    def _join(self, row: Row, parsed: Parsed) -> Row:
        """The row with what comes unasked and what the query asks for; an unknown relation is silently passed over."""
        whole = row | {name: bring(self._world, row) for name, bring in self._entity.eager.items()}
        for relation, fields in parsed.join:
            head, _, nested = relation.partition(".")
            shape = relations(self._entity.shape).get(head, (None, False))[0]
            if shape and not nested:
                whole[head] = self._related(self._entity.shape, row, head, fields)
            elif shape and not relations(shape).get(nested, (None, True))[1] and (inner := whole[head]):
                source = self._world.tables[self._paths[shape]].get(inner["id"])
                whole[head] = inner | {nested: self._related(shape, source, nested, fields)}
        return whole

    def _related_columns(self, parsed: Parsed) -> set[str]:
        """Names of the columns of all relations that come with a row."""
        found: set[str] = set()
        for path in (*self._entity.eager, *(relation for relation, _ in parsed.join)):
            shape: type[Shape] | None = self._entity.shape
            for name in path.split("."):
                shape = relations(shape).get(name, (None, False))[0] if shape else None
            fields = structs.fields(shape) if shape else ()
            names = [field.encode_name for field in fields] or (["id"] if path in self._entity.eager else [])
            found |= {f"{path}.{name}" for name in names if shape is None or name not in relations(shape)}
        return found

    def _related(self, shape: type[Shape], row: Row, relation: str, fields: Sequence[str]) -> Any:
        def picked(other: Row) -> Row:
            return {name: other[name] for name in other if not fields or name in fields or name == "id"}

        other, several = relations(shape)[relation]
        table = self._world.tables[self._paths[other]]
        if several:
            key = f"{shape.__name__[0].lower()}{shape.__name__[1:]}Id"
            return [picked(one) for one in table if one.get(key) == row["id"]]
        found = table.live(row[f"{relation}Id"])
        return found and picked(found)
