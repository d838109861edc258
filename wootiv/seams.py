"""A list cut into pages that overlap, and joined again where their rows meet. Pure.

Pages fetched side by side by number are each of another moment: rows that others delete or insert meanwhile move the
ones behind them. So a page begins with the last row of the one before it. Where that row is found, all before it was
seen already and the rest follows without a gap; where it is not, only a question by key can tell what comes next. No
order of rows is ever judged here, because servers collate in ways that we do not know.
"""

import math
from collections import Counter
from typing import Any, Generic, TypeVar

from msgspec import Struct, structs

from wootiv.conditions import values, without
from wootiv.cursor import Cursor, Key, PageData, behind, following, key_of
from wootiv.message import Pairs

T = TypeVar("T")


class Piece(Struct, frozen=True):
    """One page to ask for."""

    query: Pairs
    cursor: Cursor | None = None
    """Where the list stands, for a page that follows all that was read before; `None` for one of a plan."""
    offset: int = 0
    overlap: int = 0
    """Rows that it has in common with the page before, if nobody writes."""


class Seam(Struct, frozen=True):
    """How a page of a plan meets what was joined before it."""

    at: int | None = None
    """Where the last row that was joined stands in the page."""
    missing: Piece | None = None
    """What has to be asked first: the rows after that one."""


class Plan:
    """The pages behind a first one, by number."""

    def __init__(self, query: Pairs, *, size: int, offset: int, total: int, most: float) -> None:
        self.size = size
        self._query = without(query, "page", "offset")
        self._next = offset + size
        self._most = self._next + most
        self._stop = min(total, self._most)
        self._overlap = 1

    def take(self) -> Piece | None:
        """The next page to ask for; `None` after the last."""
        if self._next >= self._stop:
            return None
        offset = self._next - self._overlap
        self._next = offset + self.size
        return Piece((*self._query, ("offset", str(offset))), offset=offset, overlap=self._overlap)

    def resize(self, total: int) -> None:
        """Go on to as many rows as a later page has told of."""
        self._stop = min(total, self._most)

    def widen(self, gap: int) -> None:
        """Let pages overlap by more than a gap that was met, so that the next one of its like needs no repair."""
        self._overlap = min(self.size // 2, max(self._overlap, 2 * gap + 1))


class Seams(Generic[T]):
    """Where a list is cut, and joined again: which pages to ask for, and which of their rows are new."""

    def __init__(self, start: Cursor) -> None:
        self.counts: Counter[str] = Counter()
        self._start = self._cursor = start
        self._last: Key | None = None
        """The id of the row up to which the list is joined without a gap."""
        self._then: Cursor | None = start
        """Where to go on once all that was asked for is joined, if that is known."""
        self._plan: Plan | None = None
        self._was_planned = False
        self._opening: frozenset[Key] = frozenset()
        """The ids of the first page. No page behind it has one of them, if the server minds the key."""

    @property
    def resume_after(self) -> Key | None:
        """The id of the row up to which the list is joined without a gap; `None` for none, or no list by id."""
        return self._start.resume_after if self._last is None or not self._start.by_key else self._last

    def take(self, *, alone: bool) -> Piece | None:
        """The next page to ask for, if it is known; `alone` says that all that was asked for is joined."""
        if self._plan is not None and (piece := self._plan.take()):
            return piece
        if not alone:
            return None  # what follows begins where all that goes before it has ended
        if self._plan is not None and self._last is not None:
            self._then = self._cursor.onward(self._last)  # what was added, or moved there from before
        then, self._then, self._plan = self._then, None, None
        return None if then is None else Piece(then.query, then)

    def seam(self, piece: Piece, page: PageData[T]) -> Seam:
        """How a page meets what was joined before it."""
        if piece.cursor is not None or self._last is None:
            return Seam()
        at = place(page.data, self._last, piece.overlap)
        if at is not None and (at + 1 < len(page.data) or not self._is_full(page)):
            return Seam(at)
        # A full page without a new row: others inserted as many, or the server passes over the offset.
        missing = self._cursor.onward(self._last)
        return Seam(at, None if missing is None else Piece(missing.query, missing))

    def join(
        self, piece: Piece, page: PageData[T], seam: Seam, between: PageData[T] | None, wanted: int | None
    ) -> tuple[list[T], bool]:
        """The rows of a page that go on where the list was joined, and whether what was asked for behind it is of use.

        `between` is the answer to what the seam misses; `wanted` is how many rows the reader still wants, if not all.
        """
        if piece.cursor is not None:
            return self._begin(piece.cursor, page, wanted), True
        rows = page.data if seam.at is None else page.data[seam.at + 1 :]
        if between is None or seam.missing is None:
            self._count(seam, piece)
        elif self._came_before(between):
            self._cursor = structs.replace(self._cursor, beyond=None)  # the server passes over the key
            self._count(seam, piece)
        else:
            self.counts["repaired"] += 1
            met = meeting(between.data, page.data)
            if met is None:  # all that was asked for lies elsewhere: what is left is cut into pages anew
                return self._begin(seam.missing.cursor or self._cursor, between, wanted), False
            rows = between.data[: met[0]] + page.data[met[1] :]
            if self._plan is not None:
                self._plan.widen(met[0])
        if page.data:
            self._last = key_of(page.data[-1])
        return rows, self._goes_on(piece, page)

    def _count(self, seam: Seam, piece: Piece) -> None:
        if seam.at is None:
            self.counts["unmatched"] += 1
        else:
            self.counts["repeats"] += max(0, seam.at + 1 - piece.overlap)

    def _goes_on(self, piece: Piece, page: PageData[T]) -> bool:
        """Whether the server had rows behind a page when it sent it."""
        if page.total is None or self._plan is None:
            return True
        ends = piece.offset + len(page.data) >= page.total
        # The count may be too small, as `behind` says: only a page that is not full is the last for sure.
        if ends and not (self._cursor.by_key and self._is_full(page)):
            self._plan = self._then = None
            return False
        self._plan.resize(page.total)
        return True

    def _is_full(self, page: PageData[T]) -> bool:
        return self._plan is not None and len(page.data) >= self._plan.size

    def _begin(self, cursor: Cursor, page: PageData[T], wanted: int | None) -> list[T]:
        """Go on from a page that follows all that was joined before."""
        self._plan = None
        if cursor.by_key and self._came_before(page):  # then by number; with a plan that was done already
            self._then = None if self._was_planned else following(cursor, page)
            return []
        keys = [key_of(row) for row in page.data]
        self._opening = self._opening or frozenset(key for key in keys if key is not None)
        self._cursor = cursor
        self._plan = plan(cursor, page, math.inf if wanted is None else max(0, wanted - len(page.data)))
        self._was_planned = self._was_planned or self._plan is not None
        self._then = None if self._plan else following(cursor, page) or behind(cursor, page)
        self._last = keys[-1] if keys else self._last
        return page.data

    def _came_before(self, page: PageData[T]) -> bool:
        known = self._opening if self._last is None else {*self._opening, self._last}
        return any(key_of(row) in known for row in page.data)


def plan(cursor: Cursor, page: PageData[Any], most: float) -> Plan | None:
    """The pages behind this one, up to so many rows more; `None` where they can only be asked for one by one."""
    size, total = len(page.data), page.total
    if cursor.kind not in ("crud", "offset") or total is None or size < 2 or key_of(page.data[-1]) is None:
        return None
    offset = _offset(cursor, page)
    if offset is None or offset + size >= total:
        return None
    # A page may be shorter than asked for because the server caps them: what it holds is what counts.
    return Plan(cursor.query, size=size, offset=offset, total=total, most=most)


def _offset(cursor: Cursor, page: PageData[Any]) -> int | None:
    """Rows of the list before a page of it; `None` if it is the last, since only full ones tell their number's size."""
    if number := _number(cursor, "page"):  # the server passes over an offset beside a page
        is_last = page.page_count is not None and number >= page.page_count
        return None if is_last and number > 1 else (number - 1) * len(page.data)
    return _number(cursor, "offset")


def _number(cursor: Cursor, name: str) -> int:
    return next((int(text) for text in values(cursor.query, name) if text.isdecimal()), 0)


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
