"""Lists read side by side: several pages in flight, rows as if there were one."""

from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from types import TracebackType
from typing import Any, Generic, Protocol, Self, TypeVar, cast

import anyio
from msgspec import Raw, Struct, structs

from wootiv.caller import warn
from wootiv.cursor import Cursor, Key, PageData, key_of
from wootiv.errors import APIError
from wootiv.interrupts import undisturbed
from wootiv.message import Pairs
from wootiv.run import Run, check_count, check_flag, check_seconds
from wootiv.seams import Piece, Seam, Seams, Stats
from wootiv.window import Slot, Window

T = TypeVar("T")


class Fetch(Protocol[T]):
    """Gets one page; the engine implements it, for one operation of one client."""

    @property
    def name(self) -> str:
        """Of the operation, such as `contacts.list`."""
        ...

    @property
    def total_timeout(self) -> float | None:
        """The list's own limit, in seconds."""
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
        check_flag("ordered", self.ordered)
        if self.max_items is not None:
            check_count("max_items", self.max_items, 0)
        check_seconds("total_timeout", self.total_timeout)


class _Given(Struct, frozen=True):
    """What is kept of a row that was given out before its page was joined."""

    id: Key | None


class AsyncConcurrentList(Generic[T]):
    """A list whose pages are fetched side by side: `async with` owns the tasks, `async for` gives the rows.

    Rows come in the list's order, or with `ordered=False` page by page as they arrive; then the ids of all rows that
    were given out are kept, some 100 bytes each. Never are more pages in flight or waiting than were asked for, however
    slow a page or the reader is. A page that fails raises when the reader gets there, and is asked for again if the
    reader goes on. Nothing is held between two rows: a cancelled `anext` loses none. Tasks that share it take turns,
    page by page.
    """

    def __init__(self, fetch: Fetch[T], cursor: Cursor, how: How, first: PageData[T] | None = None) -> None:
        self.at_hand: Iterator[T] = iter(())
        """What is left of the page that is being given out."""
        self._fetch = fetch
        self._start = cursor
        self._how = how
        self._first = first
        self._entered: _Window[T] | None = None
        self._is_open = False
        self._run: Run
        self._turn = anyio.Lock()
        self._seams: Seams[T] = Seams(cursor)
        self._line: deque[Slot[Piece, PageData[T]]] = deque()
        """The pages that were asked for and are not joined yet, in the list's order."""
        self._seen: set[Key] | None = None if how.ordered else set()
        self._counts: Counter[str] = Counter()
        self._over = how.max_items == 0
        self._has_warned = False

    @undisturbed
    async def __aenter__(self) -> Self:
        if self._entered is not None:
            raise RuntimeError(f"{self._fetch.name}: a list read side by side can be entered once")
        self._run = Run(self._fetch.total_timeout if self._how.total_timeout is None else self._how.total_timeout)
        self._entered = _Window(self._how.concurrency, self._get, ordered=self._how.ordered)
        window = await self._entered.__aenter__()
        self._is_open = True
        if self._first is not None and (piece := self._seams.take(alone=True)):
            self._line.append(window.put(piece, self._first))
        elif not self._over:
            self._fill()
        return self

    @undisturbed
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
            for row in (rows := self.at_hand):
                return row  # noqa: ASYNC910 - it waits once a page
            if not await self.go_on(rows):
                raise StopAsyncIteration

    def pages(self) -> AsyncIterator[list[T]]:
        """The rows page by page, but for those that were given out before; none of the lists is empty."""
        return _AsyncRows(self.next_rows)

    async def next_rows(self) -> list[T] | None:
        """The rows of the next page; `None` after the last."""
        while not (rows := list(spent := self.at_hand)):
            if not await self.go_on(spent):
                return None
        return rows  # noqa: ASYNC910 - it waits once a page

    @undisturbed
    async def go_on(self, spent: Iterator[T]) -> bool:
        """Have the next page at hand, unless another reader has fetched it meanwhile; whether there was one."""
        async with self._turn:
            if self.at_hand is not spent:
                return True
            rows = await self._read()  # cancelled up to here, nothing has changed
            self.at_hand = iter(rows)
            self._warn_of_mismatch()
            return bool(rows)

    @property
    def stats(self) -> Stats:
        """What it came to, so far."""
        if self._entered is None:
            return Stats()
        run = self._run
        counts = self._counts + self._seams.counts
        return Stats(**counts, requests=run.requests, retries=run.retries, waited=run.waited)

    # -- from pages to rows

    @property
    def _window(self) -> "_Window[T]":
        if self._entered is None:
            raise RuntimeError(f"{self._fetch.name}: use it inside its own `with` block")
        return self._entered

    @property
    def _left(self) -> int | None:
        return None if self._how.max_items is None else self._how.max_items - self._counts["items"]

    async def _read(self) -> list[T]:
        """The rows of the next page that has any; none after the last."""
        if not self._is_open:
            raise RuntimeError(f"{self._fetch.name}: use it inside its own `with` block")
        try:
            while not self._over:
                rows = self._given_out(await self._more())
                if not self._over:
                    self._fill()
                if rows:
                    return rows
        except APIError as error:
            error.resume_after = self._seams.resume_after
            raise
        return []  # noqa: ASYNC910 - it waits where a page has to be fetched

    def _given_out(self, rows: list[T]) -> list[T]:
        if self._left is not None and len(rows) >= self._left:
            rows = rows[: self._left]
            self._over = True
            self._drop()
        if rows:
            self._counts.update(pages=1, items=len(rows))
        if rows and isinstance(rows[0], Raw):
            bare: list[Any] = [bytes(cast("Raw", row)) for row in rows]
            return bare
        return rows

    async def _more(self) -> list[T]:
        """The new rows of one page: the next in line, or with `ordered=False` whichever comes first."""
        head = self._line[0]
        if head.taken:  # else it would have been joined: something is missing before it
            return self._unseen(await self._join(head))
        slot = await self._window.ready()
        if self._seen is None:
            return await self._join(slot)
        self._window.take(slot)
        page = slot.result
        # Where it joins those beside it is seen once they are there, and takes no more than its ids.
        slot.result = structs.replace(page, data=cast("list[T]", [_Given(key_of(row)) for row in page.data]))
        return self._unseen(page.data)

    def _unseen(self, rows: list[T]) -> list[T]:
        seen = set[Key]() if self._seen is None else self._seen
        fresh: list[T] = []
        for row in rows:
            key = key_of(row)
            if key not in seen and not isinstance(row, _Given):
                fresh.append(row)
            if key is not None:
                seen.add(key)
        return fresh

    # -- where pages join

    async def _join(self, slot: Slot[Piece, PageData[T]]) -> list[T]:
        """The rows that follow those that were joined; the first page in line is joined, or stays there."""
        seam = self._seams.seam(slot.work, slot.result)
        between = None
        if seam.missing is not None:
            between = await self._window.do(seam.missing)  # cancelled here, the page stays in line
        return self._joined(slot, seam, between)  # noqa: ASYNC910 - it waits where a page has to be fetched

    def _joined(self, slot: Slot[Piece, PageData[T]], seam: Seam, between: PageData[T] | None) -> list[T]:
        wanted = self._left
        if wanted is not None and slot.taken:
            wanted += len(slot.result.data)  # these were given out already
        rows, goes_on = self._seams.join(slot.work, slot.result, seam, between, wanted)
        self._line.popleft()
        if not slot.taken:
            self._window.take(slot)
        if not goes_on:
            self._drop()
        return rows

    def _fill(self) -> None:
        """Ask for as much as there is room for."""
        while self._line and (head := self._line[0]).taken:
            seam = self._seams.seam(head.work, head.result)
            if seam.missing is not None:
                break
            _ = self._joined(head, seam, None)  # its rows were given out
        # What is missing before a page that was given out has its place in the window, too.
        kept = 1 if self._line and self._line[0].taken else 0
        while self._is_open and self._window.room > kept and (piece := self._seams.take(alone=not self._line)):
            self._line.append(self._window.start(piece))
        self._over = not self._line

    def _drop(self) -> None:
        self._line.clear()
        self._window.drop()

    def _warn_of_mismatch(self) -> None:
        if self._seams.counts["unmatched"] and not self._has_warned:
            self._has_warned = True
            text = "rows moved between two pages, so some may be missing or double; in order of id none would be"
            warn(f"{self._fetch.name}: {text}")

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
