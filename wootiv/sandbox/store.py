"""The rows of one entity, and what a list query answers from them."""

import math
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import msgspec
from msgspec import structs

from wootiv.sandbox import search
from wootiv.sandbox.grammar import BadSearch, Parsed
from wootiv.sandbox.reach import Reach, names_in, ordered

Joiner = Callable[[dict[str, Any], Parsed], dict[str, Any]]
_Sort = tuple[tuple[str, bool], ...]
_ALL = search.Plan(None, "")
_BY_ID = (("id", True),)
_KEPT = 32  # lists of ids


class Table:
    """Rows in the order they came in; a row is not to be changed in place, since its JSON is kept.

    Reading by key (``sort=id,ASC`` with ``id $gt``) starts at the key: no page costs more than its rows.
    """

    def __init__(
        self,
        name: str,
        columns: Sequence[str],
        *,
        max_limit: int | None = None,
        always_page: bool = False,
        default_limit: int | None = None,
        soft_delete: bool = False,
        unique: Sequence[str] = (),
        always: Iterable[str] = (),
        embedded: Mapping[str, Iterable[str]] = MappingProxyType({}),
    ) -> None:
        self.name: str = name
        self.columns: tuple[str, ...] = tuple(columns)
        # An embedded object is picked by its fields, and nothing is found or sorted by it.
        self._known = frozenset(columns) - {*embedded}
        self._picked = self._known | {f"{owner}.{name}" for owner, names in embedded.items() for name in names}
        self._max_limit, self._default_limit = max_limit, default_limit
        self._always_page, self._soft_delete = always_page, soft_delete
        self._unique = tuple(unique)
        self._always = frozenset(always)  # sent whatever fields are asked for
        self._rows: dict[str, dict[str, Any]] = {}
        self._ids: list[str] = []  # in order, for reading by key
        self._deleted: set[str] = set()
        self._json: dict[str, bytes] = {}
        self._found: dict[tuple[_Sort, str, bool], list[str]] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self._rows.values())

    def load(self, rows: Iterable[dict[str, Any]]) -> None:
        """Hold these rows in place of all others."""
        for kept in (self._rows, self._deleted, self._json, self._found):
            kept.clear()
        for row in rows:
            self._put(row)
        self._ids = sorted(self._rows)

    def insert(self, row: dict[str, Any]) -> dict[str, Any]:
        """Add a row; raise ValueError if its id is taken, BadSearch if another value is that must be its own."""
        if row["id"] in self._rows:
            raise ValueError(f"{self.name}: id {row['id']!r} is taken")
        self._check_unique(row)
        insort(self._ids, row["id"])
        return self._put(row)

    def get(self, id: str) -> dict[str, Any]:
        """Return the row, deleted softly or not; raise KeyError with the text of the engine's 404."""
        try:
            return self._rows[id]
        except KeyError:
            raise KeyError(f"{self.name} not found") from None

    def live(self, id: str | None) -> dict[str, Any] | None:
        """Return the row, or None if there is none or it is deleted."""
        return None if id is None or id in self._deleted else self._rows.get(id)

    def find(self, **wanted: object) -> dict[str, Any] | None:
        """Return the first row that is not deleted and has these values, or None."""
        rows = (row for id, row in self._rows.items() if id not in self._deleted)
        return next((row for row in rows if all(row.get(name) == value for name, value in wanted.items())), None)

    def replace(self, id: str, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Merge changes over a row; its id and its place stay. Raise KeyError, or BadSearch as `insert` does."""
        row = {**self.get(id), **changes, "id": id}
        self._check_unique(row)
        return self._put(row)

    def delete(self, id: str) -> None:
        """Remove a row for good."""
        self.get(id)
        del self._rows[id], self._ids[bisect_left(self._ids, id)]
        self._forget(id)

    def _check_unique(self, row: dict[str, Any]) -> None:
        for name in self._unique:
            if any(other[name] == row[name] and other["id"] != row["id"] for other in self):
                raise BadSearch(f"duplicate key value violates unique constraint of {name}")

    def _put(self, row: dict[str, Any]) -> dict[str, Any]:
        id = row["id"]
        self._rows[id] = row
        self._forget(id)
        audit: dict[str, Any] = row.get("audit") or {}
        if self._soft_delete and audit.get("date_deleted") is not None:
            self._deleted.add(id)
        return row

    def _forget(self, id: str) -> None:
        self._json.pop(id, None)
        self._deleted.discard(id)
        self._found.clear()

    def one(self, id: str, parsed: Parsed, *, joined: bool = False) -> dict[str, Any]:
        """Return what get-one answers: the query's conditions and fields hold here too; raise KeyError, BadSearch."""
        test = search.condition(parsed, self._known, {"id": id})
        for field, _ in self._sort(parsed, joined=joined):
            search.column(field, self._known)
        row = self.get(id)
        hidden = id in self._deleted and parsed.include_deleted != 1
        if hidden or _skip(parsed, self._limit(parsed)) or (test and not test(row)):
            raise KeyError(f"{self.name} not found")
        return self.shown(row, parsed)

    def select(self, parsed: Parsed, join: Joiner | None = None, related: Collection[str] = ()) -> bytes:
        """Return the JSON of a list: a bare array, or a page object if asked for and there is a limit.

        ``join`` is given a whole row and returns it with its relations; ``related`` are the names of their columns.
        Raise BadSearch.
        """
        limit = self._limit(parsed)
        skip = _skip(parsed, limit)
        paged = self._always_page or (limit is not None and (parsed.page is not None or parsed.offset is not None))
        sort = self._sort(parsed, joined=join is not None)
        reach = self._reach(parsed, sort, join, related)
        ids, total = self._find(sort, parsed, skip, limit, reach)
        data = b"[" + b",".join(self._encode(ids, parsed, join, reach)) + b"]"
        if not paged:
            return data
        step = limit or total
        page = skip // step + 1 if step else 1
        pages = math.ceil(total / step) if total else 1
        return b'{"data":%b,"count":%d,"total":%d,"page":%d,"pageCount":%d}' % (data, len(ids), total, page, pages)

    def _limit(self, parsed: Parsed) -> float | None:
        limit = parsed.limit or self._default_limit or self._max_limit  # 0 is no limit
        return min(limit, self._max_limit) if limit and self._max_limit else limit

    def _reach(self, parsed: Parsed, sort: _Sort, join: Joiner | None, related: Collection[str]) -> Reach | None:
        """Return what answers a query that names columns of relations; None if it names none."""
        if join is None or names_in(parsed).isdisjoint(related):
            return None
        whole = structs.replace(parsed, join=tuple((name, ()) for name, _ in parsed.join))
        all_rows, columns = parsed.include_deleted == 1, self._known.union(related)
        rows = {id: join(row, whole) for id, row in self._rows.items() if all_rows or id not in self._deleted}
        reach = Reach(parsed, columns, related, rows)
        ordered(reach.matching, rows, sort, columns, _rank)
        return reach

    def _sort(self, parsed: Parsed, *, joined: bool) -> _Sort:
        """Return the order of a list; raise BadSearch where TypeORM's query for a slice of joined rows cannot have it.

        That query asks for the ids of the slice first: by what is selected alone, and by id where that leaves a choice.
        """
        sort = tuple(dict(parsed.sort).items())  # a field named twice: its first place, its last direction
        limit = self._limit(parsed)
        if not joined or not (limit or _skip(parsed, limit)):
            return sort
        if parsed.fields and (unseen := {field for field, _ in sort if "." not in field} - {"id", *parsed.fields}):
            raise BadSearch(f"no such column: {min(unseen)}")
        return sort if "id" in dict(sort) else (*sort, ("id", True))

    def _find(
        self, sort: _Sort, parsed: Parsed, skip: float, limit: float | None, reach: Reach | None
    ) -> tuple[list[str], int]:
        """Return the ids of a page, and how many match in all."""
        if skip < 0 or (limit or 0) < 0:
            raise BadSearch("LIMIT and OFFSET must not be negative")
        if reach:
            first = _whole(skip)
            return reach.matching[first : None if limit is None else first + _whole(limit)], len(reach.matching)
        plan = search.plan(parsed, self._known, by_id=sort == _BY_ID)
        found = self._matching(sort, plan, all_rows=parsed.include_deleted == 1 or not self._deleted)
        start = bisect_right(found, plan.after) if plan.after is not None else 0
        first = start + _whole(skip)
        return found[first : None if limit is None else first + _whole(limit)], len(found) - start

    def _matching(self, sort: _Sort, plan: search.Plan, *, all_rows: bool) -> list[str]:
        """Return the ids that pass the plan's test, sorted; kept until the next write, since pages ask again."""
        if sort == _BY_ID and plan.test is None and all_rows:
            return self._ids
        key = (sort, plan.name if plan.test else "", all_rows)
        if key not in self._found:
            ids = self._sorted(sort) if plan.test is None and all_rows else self._matching(sort, _ALL, all_rows=True)
            test, hidden = plan.test, frozenset[str]() if all_rows else self._deleted
            if len(self._found) >= _KEPT:
                self._found.clear()
            self._found[key] = [id for id in ids if id not in hidden and (test is None or test(self._rows[id]))]
        return self._found[key]

    def _sorted(self, sort: _Sort) -> list[str]:
        return ordered(list(self._rows), self._rows, sort, self._known, _rank)

    def _encode(self, ids: list[str], parsed: Parsed, join: Joiner | None, reach: Reach | None) -> Iterator[bytes]:
        for id in ids:
            row = self._rows[id]
            if join or parsed.fields:
                shown = self.shown(row, parsed, join)
                yield msgspec.json.encode(reach.narrowed(id, shown) if reach else shown)
            else:
                if id not in self._json:
                    self._json[id] = msgspec.json.encode(row)
                yield self._json[id]

    def shown(self, row: dict[str, Any], parsed: Parsed, join: Joiner | None = None) -> dict[str, Any]:
        """Return the fields asked for, the id and the relations, in the row's order; unknown names are dropped."""
        whole = join(row, parsed) if join else row
        if not parsed.fields:
            return whole
        wanted = {"id", *self._always, *self._picked.intersection(parsed.fields)}
        picked = {name: value for name, value in whole.items() if name in wanted or name not in row}
        for field in sorted(wanted):
            head, dot, name = field.partition(".")
            if dot and head not in wanted and isinstance(row.get(head), dict):
                picked[head] = {**picked.get(head, {}), name: row[head].get(name)}
        return picked


def _skip(parsed: Parsed, limit: float | None) -> float:
    """Return how many rows stand before the page; ``page`` wins over ``offset``, and says nothing without a limit."""
    return limit * (parsed.page - 1) if parsed.page and limit else parsed.offset or 0


def _whole(number: float) -> int:
    return math.floor(number + 0.5)  # limit=1.5 gives two rows: the database rounds


def _rank(cell: object) -> tuple[bool, bool, Any]:
    """Return what sorts any cells: numbers before text, null last (so first when descending)."""
    if isinstance(cell, int | float):
        return False, False, cell
    return cell is None, True, cell if isinstance(cell, str) else msgspec.json.encode(cell).decode()
