"""Pages for blocking code."""

import threading
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from typing import Any, Generic, Literal, Protocol, TypeVar, overload

from wootiv.concurrent import AsyncConcurrentList, Fetch, How
from wootiv.cursor import Cursor, PageData, has_more
from wootiv.errors import APIError
from wootiv.hosted import ConcurrentList, Hosted
from wootiv.message import Pairs
from wootiv.pages import OnePage

T = TypeVar("T")


class FetchBlocking(Protocol[T]):
    """Gets one page, blocking; the client implements it."""

    @property
    def fetch(self) -> Fetch[T]:
        """Gets one page, in the client's event loop."""
        ...

    def __call__(self, query: Pairs, /) -> PageData[T]:
        """Send the operation with another query."""
        ...

    def host(self, block: AbstractAsyncContextManager[Any], /) -> Hosted:
        """Enter an async block in the client's event loop."""
        ...


class Page(OnePage[T]):
    """One page of a list; `for` goes over its rows and those of all pages after it."""

    __slots__ = ("_fetch",)

    def __init__(self, fetch: FetchBlocking[T], cursor: Cursor, page: PageData[T]) -> None:
        super().__init__(cursor, page)
        self._fetch = fetch

    def get_next_page(self) -> "Page[T]":
        """Fetch the page after this one; raises `ValueError` if there is none."""
        return fetched(self._fetch, self._onward())

    def _beside(self, how: How, *, raw: bool) -> ConcurrentList[Any]:
        fetch: Fetch[Any] = self._fetch.fetch.raw() if raw else self._fetch.fetch
        twin = AsyncConcurrentList(fetch, self._cursor, how, None if raw else self._sent)
        return ConcurrentList(twin, self._fetch.host)

    @overload
    def concurrent(
        self,
        concurrency: int = 8,
        *,
        ordered: bool = True,
        max_items: int | None = None,
        total_timeout: float | None = None,
        raw: Literal[False] = False,
    ) -> ConcurrentList[T]: ...
    @overload
    def concurrent(
        self,
        concurrency: int = 8,
        *,
        ordered: bool = True,
        max_items: int | None = None,
        total_timeout: float | None = None,
        raw: Literal[True],
    ) -> ConcurrentList[bytes]: ...
    def concurrent(
        self,
        concurrency: int = 8,
        *,
        ordered: bool = True,
        max_items: int | None = None,
        total_timeout: float | None = None,
        raw: bool = False,
    ) -> ConcurrentList[Any]:
        """Fetch pages side by side: `with client.contacts.list().concurrent(8) as contacts: for contact in contacts`.

        It begins with this page. Up to `concurrency` pages are in flight or wait for the reader. With `raw` a row is
        the JSON that the server sent, and this page is fetched again. `max_items` ends it after so many rows;
        `total_timeout` in seconds is for all of it, from the block's start. With `ordered=False` a page's rows come
        as soon as it is there.

        Rows that others delete, insert or change meanwhile cost none of those that stay, and none comes twice: a list
        by id is joined by id. With a sort, page or offset of your own it goes by number, and what did not join is
        counted in `stats` and warned of, once.
        """
        return self._beside(How(concurrency, ordered, max_items, total_timeout), raw=raw)

    @overload
    def collect(
        self,
        concurrency: int = 8,
        *,
        max_items: int | None = None,
        total_timeout: float | None = None,
        raw: Literal[False] = False,
    ) -> list[T]: ...
    @overload
    def collect(
        self,
        concurrency: int = 8,
        *,
        max_items: int | None = None,
        total_timeout: float | None = None,
        raw: Literal[True],
    ) -> list[bytes]: ...
    def collect(
        self,
        concurrency: int = 8,
        *,
        max_items: int | None = None,
        total_timeout: float | None = None,
        raw: bool = False,
    ) -> list[Any]:
        """The rows of this page and all after it, in order, fetched side by side; raises `APIError`."""
        how = How(concurrency, max_items=max_items, total_timeout=total_timeout)
        with self._beside(how, raw=raw) as rows:
            return list(rows)

    def count(self) -> int:
        """How many rows there are in all, as the first page told; else by going over them. Raises `APIError`."""
        return self.total if self.total is not None else sum(1 for _ in fetched(self._fetch, self._cursor.rewound()))

    def _next_to_read(self) -> "Page[T] | None":
        """The page after this one, also where the server says that there is none but may have miscounted."""
        if self._next is not None:
            return self.get_next_page()
        if (cursor := self._behind()) is None:
            return None
        page = fetched(self._fetch, cursor)
        return page if has_more(cursor, page.data) else None

    def pages(self) -> Iterator["Page[T]"]:
        """This page and all after it, one request each."""
        return _Pages(self)

    def __iter__(self) -> Iterator[T]:
        return _Items(self.pages())


def fetched(fetch: FetchBlocking[T], cursor: Cursor) -> Page[T]:
    """The page at which a list stands; raises `APIError`."""
    __tracebackhide__ = True
    try:
        return Page(fetch, cursor, fetch(cursor.query))
    except APIError as error:
        error.resume_after = cursor.resume_after
        raise


class _Pages(Generic[T]):
    """Threads that share it take turns, so each page goes to one of them."""

    def __init__(self, first: Page[T]) -> None:
        self._first: Page[T] | None = first
        self._last: Page[T] = first
        self._over = False
        self._turn = threading.Lock()

    def __iter__(self) -> Iterator[Page[T]]:
        return self

    def __next__(self) -> Page[T]:
        with self._turn:
            if self._first is not None:
                page, self._first = self._first, None
                return page
            if not self._over and (read := self._last._next_to_read()) is not None:  # noqa: SLF001 - of this module  # pyright: ignore[reportPrivateUsage] - its own iterator
                self._last = read
                return read
            self._over = True
            raise StopIteration


class _Items(Generic[T]):
    def __init__(self, pages: Iterator[Page[T]]) -> None:
        self._pages = pages
        self._rows: Iterator[T] = iter(())
        self._turn = threading.Lock()

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        while True:
            for row in self._rows:
                return row
            spent = self._rows
            with self._turn:
                if self._rows is spent:
                    self._rows = iter(next(self._pages).data)
