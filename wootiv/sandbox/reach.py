"""Conditions and orders that reach into joined relations, as the engine's LEFT JOIN answers them."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from wootiv.sandbox import search
from wootiv.sandbox.grammar import Parsed, is_list

Whole = Mapping[str, dict[str, Any]]
"""Rows with all of their relations, by id."""


class Reach:
    """Which rows a query matches that names fields of relations, and what is shown of relations that are lists."""

    def __init__(self, parsed: Parsed, columns: Collection[str], related: Collection[str], rows: Whole) -> None:
        self._test = search.condition(parsed, columns)
        self._heads = {name.partition(".")[0] for name in related}
        self._rows = rows
        self.matching: list[str] = [id for id, row in rows.items() if self._passes(row)]

    def narrowed(self, id: str, shown: dict[str, Any]) -> dict[str, Any]:
        """A row as it is shown: of a relation that is a list only what has matched."""
        row = self._rows[id]
        for name in self._heads:
            if is_list(items := row.get(name)):
                kept = [self._passes(row | {name: [item]}) for item in items]
                shown = shown | {name: [item for item, keep in zip(shown[name], kept, strict=True) if keep]}
        return shown

    def _passes(self, row: dict[str, Any]) -> bool:
        return self._test is None or any(map(self._test, self._spread(row)))

    def _spread(self, row: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """The row once for each row that a JOIN would give."""
        rows = [row]
        for name in self._heads:
            if is_list(items := row.get(name)):
                rows = [one | {name: item} for one in rows for item in items or [None]]
        return iter(rows)


def names_in(parsed: Parsed) -> set[str]:
    """All fields that a query compares or sorts by."""
    conditions = {one.field for one in (*parsed.filters, *parsed.ors)}
    return conditions | {field for field, _ in parsed.sort} | set(_keys(parsed.search))


def _keys(found: object) -> Iterator[str]:
    if isinstance(found, dict):
        for name, value in found.items():
            if name in ("$and", "$or"):
                yield from _keys(value)
            else:
                yield name
    elif is_list(found):
        for item in found:
            yield from _keys(item)


def ordered(
    ids: list[str], rows: Whole, sort: Sequence[tuple[str, bool]], columns: Collection[str], rank: Callable[[Any], Any]
) -> list[str]:
    """Ids in an order; raise BadSearch for an unknown column."""
    for field, ascending in reversed(sort):
        read = search.column(field, columns)
        ranks = {id: rank(read(rows[id])) for id in ids}
        ids.sort(key=ranks.__getitem__, reverse=not ascending)  # stable in both directions
    return ids
