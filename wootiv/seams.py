"""A list cut into pages that overlap, and joined again where their rows meet. Pure.

Pages fetched side by side by number are each of another moment: rows that others delete or insert meanwhile move the
ones behind them. So a page begins with the last row of the one before it. Where that row is found, all before it was
seen already and the rest follows without a gap; where it is not, only a question by key can tell what comes next. No
order of rows is ever judged here, because servers collate in ways that we do not know.
"""

from typing import Any

from msgspec import Struct

from wootiv.cursor import Cursor, Key, PageData, key_of
from wootiv.message import Pairs
from wootiv.query import values, without


class Piece(Struct, frozen=True):
    """One page to ask for."""

    query: Pairs
    cursor: Cursor | None = None
    """Where the list stands, for a page that follows all that was read before; `None` for one of a plan."""
    offset: int = 0
    overlap: int = 0
    """Rows that it has in common with the page before, if nobody writes."""

    def is_last_of(self, page: PageData[Any]) -> bool:
        """Whether the server had no rows behind this page when it sent it."""
        return page.total is not None and self.offset + len(page.data) >= page.total


class Plan:
    """The pages behind a first one, by number."""

    def __init__(self, query: Pairs, *, size: int, offset: int, stop: int) -> None:
        self._query = without(query, "page", "offset")
        self._size = size
        self._next = offset + size
        self._stop = stop
        self._overlap = 1

    def take(self) -> Piece | None:
        """The next page to ask for; `None` after the last."""
        if self._next >= self._stop:
            return None
        offset = self._next - self._overlap
        self._next = offset + self._size
        return Piece((*self._query, ("offset", str(offset))), offset=offset, overlap=self._overlap)

    def widen(self, gap: int) -> None:
        """Let pages overlap by more than a gap that was met, so that the next one of its like needs no repair."""
        self._overlap = min(self._size // 2, max(self._overlap, 2 * gap + 1))


def plan(cursor: Cursor, page: PageData[Any], most: int | None) -> Plan | None:
    """The pages behind this one, up to so many rows more; `None` where they can only be asked for one by one."""
    size, total = len(page.data), page.total
    if cursor.kind not in ("crud", "offset") or total is None or size < 2 or key_of(page.data[-1]) is None:
        return None
    offset = _offset(cursor, size)
    if offset + size >= total:
        return None
    # A page may be shorter than asked for because the server caps them: what it holds is what counts.
    stop = total if most is None else min(total, offset + size + most)
    return Plan(cursor.query, size=size, offset=offset, stop=stop)


def _offset(cursor: Cursor, size: int) -> int:
    """Rows of the list before a page of it."""
    for name in ("page", "offset"):  # the server passes over an offset beside a page
        if number := next((int(text) for text in values(cursor.query, name) if text.isdecimal()), None):
            return (number - 1) * size if name == "page" else number
    return 0


def place(rows: list[Any], key: Key, overlap: int) -> int | None:
    """Where a row stands: first looked for where it is if nobody writes."""
    expected = overlap - 1
    if 0 <= expected < len(rows) and key_of(rows[expected]) == key:
        return expected
    return next((number for number, row in enumerate(rows) if key_of(row) == key), None)


def meeting(rows: list[Any], others: list[Any]) -> tuple[int, int] | None:
    """The first of the rows that is among the others, and where it is there."""
    places = {key_of(row): number for number, row in enumerate(others)}
    return next(((n, places[key]) for n, row in enumerate(rows) if (key := key_of(row)) in places), None)


class Stats(Struct, frozen=True):
    """What reading a list side by side came to, so far."""

    pages: int = 0
    """Pages whose rows were given out."""
    items: int = 0
    """Rows given out."""
    repaired: int = 0
    """Places where two pages did not meet, and what lies between was asked for by key."""
    unmatched: int = 0
    """Places where two pages did not meet and the list goes by number: rows may be missing or double there."""
    repeats: int = 0
    """Rows that came again because others inserted some, and were dropped."""
    requests: int = 0
    """Attempts on the wire."""
    retries: int = 0
    """Attempts beyond the first of their page."""
    waited: float = 0.0
    """Seconds for which the rate limit held back at least one request."""
