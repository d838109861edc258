"""Lists read side by side: several pages in flight, rows as if there were one."""

import warnings
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from types import TracebackType
from typing import Any, Generic, Protocol, Self, TypeVar, cast

import anyio
from msgspec import Raw, Struct, structs

from wootiv.cursor import Cursor, Key, PageData, following, key_of
from wootiv.errors import APIError
from wootiv.message import Pairs
from wootiv.run import Run, check_count, check_seconds
from wootiv.seams import Piece, Plan, Stats, meeting, place, plan
from wootiv.window import Slot, Window

T = TypeVar("T")


class Fetch(Protocol[T]):
    """Gets one page; the engine implements it, for one operation of one client."""

    @property
    def name(self) -> str:
        """Of the operation, such as `contacts.list`."""
        ...

    def __call__(self, query: Pairs, /, run: Run | None = None) -> Coroutine[Any, Any, PageData[T]]:
        """Send the operation with another query, as part of a run if one is given."""
        ...

    def raw(self) -> "Fetch[Raw]":
        """The same list, each row as the server sent it."""
        ...


class How(Struct, frozen=True):
    """How a list is read side by side."""

    concurrency: int = 8
    ordered: bool = True
    max_items: int | None = None
    total_timeout: float | None = None

    def __post_init__(self) -> None:
        check_count("concurrency", self.concurrency)
        if self.max_items is not None:
            check_count("max_items", self.max_items, 0)
        check_seconds("total_timeout", self.total_timeout)


class AsyncConcurrentList(Generic[T]):
    """A list whose pages are fetched side by side: `async with` owns the tasks, `async for` gives the rows.

    Rows come in the list's order, or with `ordered=False` page by page as they arrive; then the ids of all rows that
    were given out are kept, some 100 bytes each. Never are more pages in flight or waiting than were asked for, however
    slow a page or the reader is. A page that fails raises when the reader gets there, and is asked for again if the
    reader goes on. Nothing is held between two rows: a cancelled `anext` loses none. Tasks that share it take turns,
    page by page.
    """

    def __init__(self, fetch: Fetch[T], cursor: Cursor, how: How, first: PageData[T] | None = None) -> None:
        self._fetch = fetch
        self._start = cursor
        self._how = how
        self._first = first
        self._entered: _Window[T] | None = None
        self._is_open = False
        self._run: Run
        self._turn = anyio.Lock()
        self._rows: Iterator[T] = iter(())
        self._seen: set[Key] | None = None if how.ordered else set()
        self._counts: Counter[str] = Counter()
        self._over = False
        self._line: deque[Slot[Piece, PageData[T]]] = deque()
        """The pages that were asked for and are not joined yet, in the list's order."""
        self._cursor = cursor
        self._plan: Plan | None = None
        self._then: Cursor | None = None
        """Where to go on once all that is in line was joined, if that is known."""
        self._last: Key | None = None
        """The id of the row up to which the list was joined without a gap."""

    async def __aenter__(self) -> Self:
        if self._entered is not None:
            raise RuntimeError(f"{self._fetch.name}: a list read side by side can be entered once")
        self._run = Run(self._how.total_timeout)
        self._entered = _Window(self._how.concurrency, self._get, ordered=self._how.ordered)
        window = await self._entered.__aenter__()
        self._is_open = True
        start = Piece(self._start.query, self._start)
        if self._how.max_items == 0:
            self._over = True
        else:
            self._line.append(window.start(start) if self._first is None else window.put(start, self._first))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        self._is_open = False
        try:
            return await self._window.__aexit__(kind, error, trace)  # noqa: ASYNC102 - it waits for tasks that are cancelled
        finally:
            del error, trace

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        while True:
            for row in self._rows:
                return row  # noqa: ASYNC910 - it waits once a page
            spent = self._rows
            async with self._turn:
                if self._rows is spent:  # else another task has fetched the next page meanwhile
                    rows = await self._read()
                    if rows is None:
                        raise StopAsyncIteration
                    self._rows = iter(rows)

    def pages(self) -> AsyncIterator[list[T]]:
        """The rows page by page, but for those that were given out before; none of the lists is empty."""
        return _AsyncRows(self.next_rows)

    async def next_rows(self) -> list[T] | None:
        """The rows of the next page; `None` after the last."""
        async with self._turn:
            return list(self._rows) or await self._read()

    @property
    def stats(self) -> Stats:
        """What it came to, so far."""
        if self._entered is None:
            return Stats()
        run = self._run
        return Stats(**self._counts, requests=run.requests, retries=run.retries, waited=run.waited)

    # -- from pages to rows

    @property
    def _window(self) -> "_Window[T]":
        if self._entered is None:
            raise RuntimeError(f"{self._fetch.name}: use it inside its own `with` block")
        return self._entered

    @property
    def _left(self) -> int | None:
        return None if self._how.max_items is None else self._how.max_items - self._counts["items"]

    async def _read(self) -> list[T] | None:
        if not self._is_open:
            raise RuntimeError(f"{self._fetch.name}: use it inside its own `with` block")
        try:
            while not self._over:
                rows = await self._more()
                self._fill()
                if given := self._given_out(rows):
                    return given
        except APIError as error:
            if self._start.by_key:
                error.resume_after = self._start.after if self._last is None else self._last
            raise
        return None  # noqa: ASYNC910 - it waits where a page has to be fetched

    def _given_out(self, rows: list[T]) -> list[T]:
        if self._left is not None and len(rows) >= self._left:
            rows = rows[: self._left]
            self._over = True
            self._drop()
        if rows:
            self._counts += Counter(pages=1, items=len(rows))
        if rows and isinstance(rows[0], Raw):
            bare: list[Any] = [bytes(cast("Raw", row)) for row in rows]
            return bare
        return rows

    async def _more(self) -> list[T]:
        head = self._line[0]
        if head.taken:
            return self._unseen(await self._join(head))
        slot = await self._window.ready()
        if self._seen is None:
            return await self._join(slot)
        self._window.take(slot)
        page = slot.result
        # Given out now; where it joins those beside it is seen once they are there, and takes no more than its ids.
        slot.result = structs.replace(page, data=cast("list[T]", [{"id": key_of(row)} for row in page.data]))
        fresh = self._unseen(page.data)
        self._counts["repeats"] += max(0, len(page.data) - len(fresh) - slot.work.overlap)
        return fresh

    def _unseen(self, rows: list[T]) -> list[T]:
        fresh: list[T] = []
        seen = set[Key]() if self._seen is None else self._seen
        for row in rows:
            key = key_of(row)
            if key is None or key not in seen:
                fresh.append(row)
            if key is not None:
                seen.add(key)
        return fresh

    # -- where pages join

    async def _join(self, slot: Slot[Piece, PageData[T]]) -> list[T]:
        """The rows that the pages before it did not have; the first in line is joined, or stays there."""
        piece, page = slot.work, slot.result
        if piece.cursor is not None:
            self._leave(slot)
            return self._begin(piece.cursor, page)  # noqa: ASYNC910 - it waits where a page has to be fetched
        at = None if self._last is None else place(page.data, self._last, piece.overlap)
        if at is not None:
            fresh = page.data[at + 1 :]
            if self._seen is None:
                self._counts["repeats"] += max(0, at + 1 - piece.overlap)
        elif self._last is not None and (missing := self._cursor.onward(self._last)):
            between = await self._fetch(missing.query, self._run)  # cancelled here, the page stays in line
            self._counts["repaired"] += 1
            met = meeting(between.data, page.data)
            if met is None:
                self._drop()  # all that is in line lies elsewhere: what is left is cut into pages anew
                return self._begin(missing, between)
            fresh = between.data[: met[0]] + page.data[met[1] :]
            if self._plan is not None:
                self._plan.widen(met[0])
        else:
            fresh = page.data
            self._mismatch()
        self._leave(slot)
        if page.data:
            self._last = key_of(page.data[-1])
        if piece.is_last_of(page):
            self._drop()
            self._plan = self._then = None
        return fresh  # noqa: ASYNC910 - it waits where a page has to be fetched

    def _begin(self, cursor: Cursor, page: PageData[T]) -> list[T]:
        """Go on from a page that follows all that was joined before."""
        left = None if self._left is None or self._seen is not None else self._left - len(page.data)
        self._cursor = cursor
        self._plan = plan(cursor, page, left)
        self._then = None if self._plan else following(cursor, page)
        if page.data:
            self._last = key_of(page.data[-1])
        return page.data

    def _fill(self) -> None:
        while self._window.room and (piece := self._coming()):
            self._line.append(self._window.start(piece))
        if not self._line:
            self._over = True

    def _coming(self) -> Piece | None:
        if self._plan is not None and (piece := self._plan.take()):
            return piece
        if self._line:
            return None  # what follows begins where all that goes before it has ended
        then = self._then
        if self._plan is not None and self._last is not None:
            then = self._cursor.onward(self._last)  # what was added, or moved there from before
        self._plan = self._then = None
        return None if then is None else Piece(then.query, then)

    def _leave(self, slot: Slot[Piece, PageData[T]]) -> None:
        self._line.popleft()
        if self._seen is None:
            self._window.take(slot)

    def _drop(self) -> None:
        self._line.clear()
        self._window.drop()

    def _mismatch(self) -> None:
        self._counts["unmatched"] += 1
        if self._counts["unmatched"] == 1:
            text = "rows moved between two pages, so some may be missing or double; in order of id none would be"
            warnings.warn(f"{self._fetch.name}: {text}", stacklevel=2)

    def _get(self, piece: Piece) -> Coroutine[Any, Any, PageData[T]]:
        return self._fetch(piece.query, self._run)


class _Window(Window[Piece, PageData[T]]):
    """A window of pages."""


class _AsyncRows(Generic[T]):
    def __init__(self, read: Callable[[], Coroutine[Any, Any, list[T] | None]]) -> None:
        self._read = read

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> list[T]:
        rows = await self._read()
        if rows is None:
            raise StopAsyncIteration
        return rows
