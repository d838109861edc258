"""Lists, a page at a time: what a page holds, how the next one is asked for, and iteration over all of them.

The twins for blocking code stand in `blocking_pages`.
"""

from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Iterator
from typing import TYPE_CHECKING, Any, Generic, Literal, NoReturn, TypeVar, overload

import anyio
import anyio.lowlevel

from wootiv.concurrent import AsyncConcurrentList, Fetch, How
from wootiv.cursor import Cursor, PageData, PageInfo, behind, changes, counting, following, has_more
from wootiv.errors import APIError, APIResponseValidationError
from wootiv.interrupts import undisturbed
from wootiv.message import APIResponse
from wootiv.wire.decode import Decoder

T = TypeVar("T")


class PageDecoder(Decoder[PageData[T]], frozen=True):
    """Reads a page object, or the bare array that the server sends where it was not asked for pages."""

    def __call__(self, response: APIResponse[PageData[T]]) -> tuple[PageData[T], tuple[str, ...]]:
        """The page and its oddities; raises `APIResponseValidationError`."""
        if response.content.lstrip()[:1] != b"[":
            page, oddities = super().__call__(response)
            if odd := next((path for path in oddities if path.count(".") == 1 and "[" not in path), None):
                raise APIResponseValidationError(f"odd field: {odd}", response=response, body=response.json())
            return page, oddities
        rows, oddities = Decoder[Any](list[self.answer.__args__[0]], self.strict)(response)  # type: ignore[name-defined]
        return PageData(data=rows), oddities


class OnePage(Generic[T]):
    """What pages of both clients are: rows, counts, and where the next page starts."""

    __slots__ = ("_cursor", "_next", "_sent", "data", "page", "page_count", "total")

    def __init__(self, cursor: Cursor, page: PageData[T]) -> None:
        self._cursor = cursor
        self._sent = page
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
        return changes(self._cursor, self._next)

    def _behind(self) -> Cursor | None:
        return behind(self._cursor, self._sent)

    def _onward(self) -> Cursor:
        if self._next is None:
            message = "there is no page after this one, ask has_next_page() first"
            raise ValueError(message)
        return self._next

    def __reduce__(self) -> NoReturn:
        message = "a page holds its client, so it can be neither pickled nor copied: take page.data"
        raise TypeError(message)

    def __repr__(self) -> str:
        of = "" if self.total is None else f" of {self.total}"
        return f"<{type(self).__name__} {self.page or 1}: {len(self.data)}{of} rows>"


class _AsyncWhole(Generic[T]):
    """What can be asked of a list as a whole."""

    __slots__ = ()
    _fetch: Fetch[T]
    _cursor: Cursor

    def _at_hand(self) -> PageData[T] | None:
        """Its first page, if that was fetched already."""
        return None

    def _beside(self, how: How, *, raw: bool) -> AsyncConcurrentList[Any]:
        if raw:
            return AsyncConcurrentList(self._fetch.raw(), self._cursor, how)
        return AsyncConcurrentList(self._fetch, self._cursor, how, self._at_hand())

    @overload
    def concurrent(
        self,
        concurrency: int = 8,
        *,
        ordered: bool = True,
        max_items: int | None = None,
        total_timeout: float | None = None,
        raw: Literal[False] = False,
    ) -> AsyncConcurrentList[T]: ...
    @overload
    def concurrent(
        self,
        concurrency: int = 8,
        *,
        ordered: bool = True,
        max_items: int | None = None,
        total_timeout: float | None = None,
        raw: Literal[True],
    ) -> AsyncConcurrentList[bytes]: ...
    def concurrent(
        self,
        concurrency: int = 8,
        *,
        ordered: bool = True,
        max_items: int | None = None,
        total_timeout: float | None = None,
        raw: bool = False,
    ) -> AsyncConcurrentList[Any]:
        """Fetch pages side by side: `async with client.contacts.list().concurrent(8) as contacts: async for ...`.

        Up to `concurrency` pages are in flight or wait for the reader. With `raw` a row is the JSON that the server
        sent. `max_items` ends it after so many rows; `total_timeout` in seconds is for all of it, from the block's
        start. With `ordered=False` a page's rows come as soon as it is there.

        Rows that others delete, insert or change meanwhile cost none of those that stay, and none comes twice: a list
        by id is joined by id. With a sort, page or offset of your own it goes by number, and what did not join is
        counted in `stats` and warned of, once.
        """
        return self._beside(How(concurrency, ordered, max_items, total_timeout), raw=raw)

    @overload
    async def collect(
        self,
        concurrency: int = 8,
        *,
        max_items: int | None = None,
        total_timeout: float | None = None,
        raw: Literal[False] = False,
    ) -> list[T]: ...
    @overload
    async def collect(
        self,
        concurrency: int = 8,
        *,
        max_items: int | None = None,
        total_timeout: float | None = None,
        raw: Literal[True],
    ) -> list[bytes]: ...
    async def collect(
        self,
        concurrency: int = 8,
        *,
        max_items: int | None = None,
        total_timeout: float | None = None,
        raw: bool = False,
    ) -> list[Any]:
        """All rows, in order, fetched side by side as `concurrent` does; raises `APIError`."""
        how = How(concurrency, max_items=max_items, total_timeout=total_timeout)
        async with self._beside(how, raw=raw) as rows:
            return [row async for row in rows]

    async def count(self) -> int:
        """How many rows there are, from one small request where the server tells; raises `APIError`."""
        start = self._cursor.rewound()
        page = await self._fetch(counting(start))
        if page.total is not None:
            return page.total
        rows = _AsyncItems(AsyncPaginator(self._fetch, start).pages())
        return sum([1 async for _ in rows])


class AsyncPage(_AsyncWhole[T], OnePage[T]):
    """One page of a list; `async for` goes over its rows and those of all pages after it."""

    __slots__ = ("_fetch",)

    def __init__(self, fetch: Fetch[T], cursor: Cursor, page: PageData[T]) -> None:
        super().__init__(cursor, page)
        self._fetch = fetch

    async def get_next_page(self) -> "AsyncPage[T]":
        """Fetch the page after this one; raises `ValueError` if there is none."""
        return await _fetched(self._fetch, self._onward())

    async def _next_to_read(self) -> "AsyncPage[T] | None":
        """The page after this one, also where the server says that there is none but may have miscounted."""
        if self._next is not None:
            return await self.get_next_page()
        if (cursor := self._behind()) is None:
            await anyio.lowlevel.checkpoint()
            return None
        page = await _fetched(self._fetch, cursor)
        return page if has_more(cursor, page.data) else None

    def _at_hand(self) -> PageData[T]:
        return self._sent

    def pages(self) -> AsyncIterator["AsyncPage[T]"]:
        """This page and all after it, one request each."""
        return _AsyncPages(self._itself)

    async def _itself(self) -> "AsyncPage[T]":
        await anyio.lowlevel.checkpoint()
        return self

    def __aiter__(self) -> AsyncIterator[T]:
        return _AsyncItems(self.pages())


class AsyncPaginator(_AsyncWhole[T]):
    """A list not yet asked for: `await` it for its first page, or `async for` over every item of every page.

    It is no coroutine. Where one is wanted, as by `asyncio.create_task`, give it that of the first page:
    `asyncio.create_task(client.contacts.list().first())`.
    """

    __slots__ = ("_cursor", "_fetch")

    def __init__(self, fetch: Fetch[T], cursor: Cursor) -> None:
        self._fetch = fetch
        self._cursor = cursor

    def __await__(self) -> Generator[Any, Any, AsyncPage[T]]:
        return self.first().__await__()

    async def first(self) -> AsyncPage[T]:
        """Fetch the first page, as `await` does."""
        return await _fetched(self._fetch, self._cursor)

    def pages(self) -> AsyncIterator[AsyncPage[T]]:
        """All pages, one request each."""
        return _AsyncPages(self.first)

    def __aiter__(self) -> AsyncIterator[T]:
        return _AsyncItems(self.pages())

    if not TYPE_CHECKING:  # checkers would take it for a promise that every name is there

        def __getattr__(self, name: str) -> NoReturn:
            message = f"{type(self).__name__!r} object has no attribute {name!r}"
            if not name.startswith("_") and name in {*vars(OnePage), *vars(AsyncPage)}:
                message += f", its first page has: (await client.{self._fetch.name}(...)).{name}"
            raise AttributeError(message, name=name, obj=self)

    def __reduce__(self) -> NoReturn:
        message = (
            f"what {self._fetch.name} gives holds its client, so it can be neither pickled nor copied: pickle its call"
        )
        raise TypeError(message)

    def __repr__(self) -> str:
        what = "await it for its first page, or async for over its items"
        return f"<{type(self).__name__} of {self._fetch.name}: {what}>"


async def _fetched(fetch: Fetch[T], cursor: Cursor) -> AsyncPage[T]:
    try:
        return AsyncPage(fetch, cursor, await fetch(cursor.query))
    except APIError as error:
        error.resume_after = cursor.resume_after
        raise


class _AsyncPages(Generic[T]):
    """Holds nothing between two pages: a fetch that is cancelled is asked for again by the next `anext`.

    Tasks that share it take turns, so each page goes to one of them.
    """

    def __init__(self, first: Callable[[], Coroutine[Any, Any, AsyncPage[T]]]) -> None:
        self._first = first
        self._last: AsyncPage[T] | None = None
        self._over = False
        self._turn = anyio.Lock()

    def __aiter__(self) -> AsyncIterator[AsyncPage[T]]:
        return self

    @undisturbed
    async def __anext__(self) -> AsyncPage[T]:
        async with self._turn:  # cancelled anywhere here, the last page stays what it was
            if not self._over:
                last = self._last
                page = await (self._first() if last is None else last._next_to_read())  # noqa: SLF001 - of this module  # pyright: ignore[reportPrivateUsage] - its own iterator
                if page is not None:
                    self._last = page
                    return page
                self._over = True
            raise StopAsyncIteration


class _AsyncItems(Generic[T]):
    def __init__(self, pages: AsyncIterator[AsyncPage[T]]) -> None:
        self._pages = pages
        self._rows: Iterator[T] = iter(())
        self._turn = anyio.Lock()

    def __aiter__(self) -> AsyncIterator[T]:
        return self

    @undisturbed
    async def __anext__(self) -> T:
        while True:
            for row in self._rows:
                return row
            spent = self._rows
            async with self._turn:
                if self._rows is spent:  # else another task has fetched the next page meanwhile
                    self._rows = iter((await anext(self._pages)).data)
