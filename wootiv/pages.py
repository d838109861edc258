"""Lists, a page at a time: what a page holds, how the next one is asked for, and iteration over all of them."""

from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Iterator
from typing import Any, Generic, Literal, Protocol, TypeAlias, TypeVar

import anyio.lowlevel
from msgspec import Struct, structs

from wootiv.message import APIResponse, Pairs
from wootiv.query import after, values, without
from wootiv.wire.decode import Decoder

T = TypeVar("T")

Kind: TypeAlias = Literal["crud", "offset", "whole", "members"]

LIMIT = 100
"""Rows to a page, unless the caller says otherwise."""


class PageData(Struct, Generic[T], frozen=True, rename="camel"):
    """One page as the server sent it, bound to no client."""

    data: list[T]
    total: int | None = None
    """Rows that match in all; `None` if the server sent a bare list."""
    page: int | None = None
    """From 1."""
    page_count: int | None = None
    """At least 1."""


class PageDecoder(Decoder[PageData[T]], frozen=True):
    """Reads a page object, or the bare array that the server sends where it was not asked for pages."""

    def __call__(self, response: APIResponse[PageData[T]]) -> tuple[PageData[T], tuple[str, ...]]:
        """The page and its oddities; raises `APIResponseValidationError`."""
        if response.content.lstrip()[:1] != b"[":
            return super().__call__(response)
        rows, oddities = Decoder[Any](list[self.answer.__args__[0]], self.strict)(response)  # type: ignore[name-defined]
        return PageData(data=rows), oddities


class PageInfo(Struct, frozen=True):
    """What the request for the next page would ask for otherwise than this one."""

    params: dict[str, Any]


class Cursor(Struct, frozen=True):
    """Where a list stands: the query of the page at hand, and what is needed to ask for the next.

    A caller who gives no sort, page or offset is led by key: in order of id, each page asking for ids above the
    last one seen. Whatever others delete or insert meanwhile, no row that stays is missed or doubled.
    Paging by number, over 2,000 rows of which others delete three of each hundred, misses 57.
    """

    kind: Kind
    given: Pairs
    query: Pairs
    by_key: bool = False
    number: int = 1
    """Of this page, from where the list began."""
    total: int | None = None
    """What the first page told of the whole list; by key, later ones tell only of the rest."""
    page_count: int | None = None


def begin(kind: Kind, given: Pairs) -> Cursor:
    """Where a list starts; what is added to the caller's query follows the kind of list."""
    if kind != "crud":
        return Cursor(kind, given, given)
    # The server answers with a bare array, which says nothing of the rest, unless it is asked for a page and a limit.
    names = {name for name, _ in given}
    query = given if "limit" in names else (*given, ("limit", str(LIMIT)))
    if not names & {"page", "offset"}:
        query = (*query, ("page", "1"))
    by_key = not names & {"sort", "page", "offset"}
    if by_key or ("sort" in names and not any(value.split(",")[0] == "id" for value in values(given, "sort"))):
        query = (*query, ("sort", "id,ASC"))  # without a total order, rows move between pages
    return Cursor(kind, given, query, by_key)


def following(cursor: Cursor, page: PageData[Any]) -> Cursor | None:
    """Where the next page starts, or `None` if this one is the last."""
    if not page.data or cursor.kind == "whole":
        return None
    step = structs.replace(cursor, number=cursor.number + 1)
    if cursor.number == 1:
        step = structs.replace(step, total=page.total, page_count=page.page_count)
    if cursor.kind == "offset" or (cursor.kind == "crud" and _counts_rows(cursor.given)):
        return _by_offset(step, page)
    if cursor.by_key and (by_key := _by_key(step, page)):
        return None if by_key is step else by_key
    return _by_number(step, page)


def _counts_rows(given: Pairs) -> bool:
    return bool(values(given, "offset")) and not values(given, "page")


def _by_key(step: Cursor, page: PageData[Any]) -> Cursor | None:
    """The step itself says that this was the last page; `None`, that there is no key to go on from."""
    asked = int(values(step.query, "limit")[0])
    # By key the total is of the rest; a bare array tells only whether it is full.
    if (asked == 0 or len(page.data) < asked) if page.total is None else page.total <= len(page.data):
        return step
    row = page.data[-1]
    key = row.get("id") if isinstance(row, dict) else getattr(row, "id", None)
    query = after(step.given, key) if isinstance(key, str) else None
    if query is None:
        return None
    added = tuple(pair for pair in step.query if pair not in step.given and pair[0] in ("limit", "page", "sort"))
    return structs.replace(step, query=(*query, *added))


def _by_offset(step: Cursor, page: PageData[Any]) -> Cursor | None:
    # By the rows received, not the limit sent: the server may cap the limit.
    offset = int((values(step.query, "offset") or ["0"])[0]) + len(page.data)
    limit = int((values(step.query, "limit") or ["0"])[0])
    done = offset >= page.total if page.total is not None else limit == 0 or len(page.data) < limit
    return None if done else _moved(step, "offset", offset)


def _by_number(step: Cursor, page: PageData[Any]) -> Cursor | None:
    if page.page is None or page.page_count is None or page.page >= page.page_count:
        return None
    return _moved(structs.replace(step, by_key=False), "page", page.page + 1)


def _moved(step: Cursor, name: str, to: int) -> Cursor:
    return structs.replace(step, query=(*without(step.query, name), (name, str(to))))


def _info(now: Cursor, then: Cursor | None) -> PageInfo | None:
    if then is None:
        return None
    changed = dict.fromkeys(name for name, value in then.query if (name, value) not in now.query)
    params: dict[str, Any] = {}
    for name in changed:
        found = values(then.query, name)
        params[name] = int(found[0]) if name in ("page", "offset") else found if len(found) > 1 else found[0]
    return PageInfo(params)


class Fetch(Protocol[T]):
    """Gets one page; the engine implements it, for one operation of one client."""

    def __call__(self, query: Pairs, /) -> Coroutine[Any, Any, PageData[T]]:
        """Send the operation with another query."""
        ...


class FetchBlocking(Protocol[T]):
    """Gets one page, blocking."""

    def __call__(self, query: Pairs, /) -> PageData[T]:
        """Send the operation with another query."""
        ...


class _OnePage(Generic[T]):
    """What pages of both clients are: rows, counts, and where the next page starts."""

    __slots__ = ("_cursor", "_next", "data", "page", "page_count", "total")

    def __init__(self, cursor: Cursor, page: PageData[T]) -> None:
        self._cursor = cursor
        self._next = following(cursor, page)
        led = cursor.by_key and cursor.number > 1
        self.data: list[T] = page.data
        """The rows of this page."""
        self.total: int | None = cursor.total if led else page.total
        """Rows that match in all, as the first page told; `None` if the server sent a bare list."""
        self.page: int | None = cursor.number if led else page.page
        """This page's number, from 1."""
        self.page_count: int | None = cursor.page_count if led else page.page_count
        """How many pages there are."""

    def has_next_page(self) -> bool:
        """Whether there are rows beyond this page."""
        return self._next is not None

    def next_page_info(self) -> PageInfo | None:
        """What the next request would change, such as `page`; `None` after the last page."""
        return _info(self._cursor, self._next)

    def _onward(self) -> Cursor:
        if self._next is None:
            message = "there is no page after this one, ask has_next_page() first"
            raise ValueError(message)
        return self._next

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.page}/{self.page_count}: {len(self.data)} of {self.total} rows>"


class AsyncPage(_OnePage[T]):
    """One page of a list; `async for` goes over its rows and those of all pages after it."""

    __slots__ = ("_fetch",)

    def __init__(self, fetch: Fetch[T], cursor: Cursor, page: PageData[T]) -> None:
        super().__init__(cursor, page)
        self._fetch = fetch

    async def get_next_page(self) -> "AsyncPage[T]":
        """Fetch the page after this one; raises `ValueError` if there is none."""
        cursor = self._onward()
        return AsyncPage(self._fetch, cursor, await self._fetch(cursor.query))

    def pages(self) -> AsyncIterator["AsyncPage[T]"]:
        """This page and all after it, one request each."""
        return _AsyncPages(self._itself)

    async def _itself(self) -> "AsyncPage[T]":
        await anyio.lowlevel.checkpoint()
        return self

    def __aiter__(self) -> AsyncIterator[T]:
        return _AsyncItems(self.pages())


class AsyncPaginator(Generic[T]):
    """A list not yet asked for: `await` it for its first page, or `async for` over every item of every page."""

    __slots__ = ("_cursor", "_fetch")

    def __init__(self, fetch: Fetch[T], cursor: Cursor) -> None:
        self._fetch = fetch
        self._cursor = cursor

    def __await__(self) -> Generator[Any, Any, AsyncPage[T]]:
        return self._first().__await__()

    async def _first(self) -> AsyncPage[T]:
        return AsyncPage(self._fetch, self._cursor, await self._fetch(self._cursor.query))

    def pages(self) -> AsyncIterator[AsyncPage[T]]:
        """All pages, one request each."""
        return _AsyncPages(self._first)

    def __aiter__(self) -> AsyncIterator[T]:
        return _AsyncItems(self.pages())


class _AsyncPages(Generic[T]):
    """Holds nothing between two pages: a fetch that is cancelled is asked for again by the next `anext`."""

    def __init__(self, first: Callable[[], Coroutine[Any, Any, AsyncPage[T]]]) -> None:
        self._first = first
        self._last: AsyncPage[T] | None = None

    def __aiter__(self) -> AsyncIterator[AsyncPage[T]]:
        return self

    async def __anext__(self) -> AsyncPage[T]:
        if self._last is not None and not self._last.has_next_page():
            raise StopAsyncIteration
        self._last = await (self._last.get_next_page() if self._last else self._first())
        return self._last


class _AsyncItems(Generic[T]):
    def __init__(self, pages: AsyncIterator[AsyncPage[T]]) -> None:
        self._pages = pages
        self._rows: Iterator[T] = iter(())

    def __aiter__(self) -> AsyncIterator[T]:
        return self

    async def __anext__(self) -> T:
        while True:
            for row in self._rows:
                return row
            self._rows = iter((await anext(self._pages)).data)


class Page(_OnePage[T]):
    """One page of a list; `for` goes over its rows and those of all pages after it."""

    __slots__ = ("_fetch",)

    def __init__(self, fetch: FetchBlocking[T], cursor: Cursor, page: PageData[T]) -> None:
        super().__init__(cursor, page)
        self._fetch = fetch

    def get_next_page(self) -> "Page[T]":
        """Fetch the page after this one; raises `ValueError` if there is none."""
        cursor = self._onward()
        return Page(self._fetch, cursor, self._fetch(cursor.query))

    def pages(self) -> Iterator["Page[T]"]:
        """This page and all after it, one request each."""
        return _Pages(self)

    def __iter__(self) -> Iterator[T]:
        return _Items(self.pages())


class _Pages(Generic[T]):
    def __init__(self, first: Page[T]) -> None:
        self._first: Page[T] | None = first
        self._last: Page[T] = first

    def __iter__(self) -> Iterator[Page[T]]:
        return self

    def __next__(self) -> Page[T]:
        if self._first is not None:
            page, self._first = self._first, None
            return page
        if not self._last.has_next_page():
            raise StopIteration
        self._last = self._last.get_next_page()
        return self._last


class _Items(Generic[T]):
    def __init__(self, pages: Iterator[Page[T]]) -> None:
        self._pages = pages
        self._rows: Iterator[T] = iter(())

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        while True:
            for row in self._rows:
                return row
            self._rows = iter(next(self._pages).data)
