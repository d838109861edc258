"""The pages of one list, each got by a call."""

from typing import Any, Generic, TypeVar

from msgspec import UNSET, Raw, structs

from wootiv.call import Call
from wootiv.concurrent import Fetch
from wootiv.cursor import Cursor, PageData, begin
from wootiv.engine.send import Engine
from wootiv.message import Pairs
from wootiv.run import Run

T = TypeVar("T")


class PageFetch(Generic[T]):
    """Gets the pages of one list."""

    def __init__(self, engine: Engine, call: Call[PageData[T]]) -> None:
        self._engine = engine
        self._call = call
        self._fetched = 0
        self._total: int | None = None

    @property
    def start(self) -> Cursor:
        """Where the list starts, with what this client sends by default among its conditions."""
        cursor = self._call.cursor or begin("whole", self._call.query)
        return cursor.within(self._engine.settings.query)

    @property
    def name(self) -> str:
        """Of the operation."""
        return self._call.operation

    @property
    def total_timeout(self) -> float | None:
        """The call's own limit."""
        limit = self._call.options.total_timeout
        return None if limit is UNSET else limit

    async def __call__(self, query: Pairs, /, run: Run | None = None) -> PageData[T]:
        """Send the list's call with another query."""
        page = await self._engine.answer(self._call.at(query), run)
        self._fetched += 1
        if self._fetched == 1:
            self._total = page.total  # by key, later pages tell only of the rest
        self._engine.events.page_fetched(self._call, self._fetched, len(page.data), self._total)
        return page

    def raw(self) -> Fetch[Raw]:
        """The same list, each row as the server sent it."""
        call: Call[Any] = self._call
        return PageFetch(self._engine, structs.replace(call, answer=PageData[Raw]))
