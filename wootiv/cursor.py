"""Where a list stands: what a page holds, and how the next one is asked for. Pure."""

from typing import Any, Generic, Literal, TypeAlias, TypeVar

from msgspec import DecodeError, Raw, Struct, json, structs

from wootiv.caller import warn
from wootiv.conditions import MAX_LIST, Beyond, Said, after, conjoin, is_search, override, values, without
from wootiv.message import Pairs

T = TypeVar("T")

Kind: TypeAlias = Literal["crud", "offset", "whole", "members"]
Key: TypeAlias = str | int
"""The id of a row."""

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


class PageInfo(Struct, frozen=True):
    """What the request for the next page would ask for otherwise than this one."""

    params: dict[str, Any]
    """By name on the wire; `None` for what would no longer be asked for."""


class Cursor(Struct, frozen=True):
    """Where a list stands: the query of the page at hand, and what is needed to ask for the next.

    A caller who gives no sort but that by id, and no page or offset, is led by key: each page asks for ids beyond the
    last one seen. Whatever others delete or insert meanwhile, no row that stays is missed or doubled.
    Paging by number, over 2,000 rows of which others delete three of each hundred, misses 57.
    """

    kind: Kind
    given: Pairs
    query: Pairs
    asked: Pairs
    """What was given, without `where` and `after`."""
    where: Said | None = None
    beyond: Beyond | None = None
    """How ids compare with the last one seen, where the list is led by key."""
    start: Key | None = None
    """The id that the list starts after, if not at its beginning."""
    last: Key | None = None
    """The id that this page starts after, where the list is led by key."""
    number: int = 1
    """Of this page, from where the list began."""
    total: int | None = None
    """What the first page told of the whole list; by key, later ones tell only of the rest."""
    page_count: int | None = None

    def within(self, defaults: Pairs) -> "Cursor":
        """The same list of a client that sends a query of its own with every request, where the call's does not."""
        if not defaults:
            return self
        query = override(defaults, self.asked)
        try:
            return begin(self.kind, query, self.start, self.where)
        except Unjoinable as error:
            if (searches := values(query, "s")) and not is_search(searches):
                raise ValueError(
                    f"s: expected one JSON object beside {error}, got other text in default_query"
                ) from None
            order = "a list in order of id, with " if str(error) == "after" else ""
            expected = f"{order}conditions that can be joined with one more"
            given = ", ".join(dict.fromkeys(name for name, _ in defaults))
            raise ValueError(f"{error}: expected {expected}, got default_query with {given}") from None

    def rewound(self) -> "Cursor":
        """Where the list started."""
        return begin(self.kind, self.asked, self.start, self.where)

    @property
    def by_key(self) -> bool:
        """Whether the list is led by key."""
        return self.beyond is not None

    @property
    def resume_after(self) -> Key | None:
        """Where to go on if this page cannot be had."""
        return self.last if self.by_key else None

    def onward(self, last: Key) -> "Cursor | None":
        """The rows after that one; `None` where the query cannot say so."""
        query = after(self.given, last, self.beyond) if self.beyond else None
        if query is None:
            return None
        added = tuple(pair for pair in self.query if pair not in self.given and pair[0] in ("limit", "page", "sort"))
        # A server that passes over the condition gives the same rows for ever: then go on by number.
        return None if (query := (*query, *added)) == self.query else structs.replace(self, query=query, last=last)


class Unjoinable(Exception):  # noqa: N818 - told in the caller's own words
    """`where` or `after` cannot join the other conditions; or a list that is to start after an id has another order."""


def begin(kind: Kind, asked: Pairs, start: Key | None = None, where: Said | None = None) -> Cursor:
    """Where a list starts; what is added to the caller's query follows the kind of list. Raises `Unjoinable`."""
    if kind != "crud":
        return Cursor(kind, asked, asked, asked)
    names = {name for name, _ in asked}
    sorts = values(asked, "sort")
    beyond = None if names & {"page", "offset"} else _BEYOND.get(tuple(sorts))
    given = asked if where is None else _joined(conjoin(asked, where), "where")
    query = given if start is None else _joined(after(given, start, beyond) if beyond else None, "after")
    # The server answers with a bare array, which says nothing of the rest, unless it is asked for a page and a limit.
    if "limit" not in names:
        query = (*query, ("limit", str(LIMIT)))
    if not names & {"page", "offset"}:
        query = (*query, ("page", "1"))
    if len(sorts) < MAX_LIST and not any(value.split(",")[0] == "id" for value in sorts):
        query = (*query, ("sort", "id,ASC"))  # without a total order, rows move between pages
    return Cursor(kind, given, query, asked, where, beyond, start, start)


def _joined(query: Pairs | None, argument: str) -> Pairs:
    if query is None:
        raise Unjoinable(argument)
    return query


_BEYOND: dict[tuple[str, ...], Beyond] = {(): "$gt", ("id,ASC",): "$gt", ("id,DESC",): "$lt"}
"""By how the caller sorts. Another order goes by number: no page of it can ask for what comes after a row."""


class _Id(Struct):
    id: Key


_ids = json.Decoder(_Id)


def key_of(row: Any) -> Key | None:
    """The id of a row, whatever form it has; `None` if it has none."""
    if isinstance(row, Raw):
        try:
            return _ids.decode(row).id
        except DecodeError:
            return None
    key = row.get("id") if isinstance(row, dict) else getattr(row, "id", None)
    return key if isinstance(key, str | int) else None


def following(cursor: Cursor, page: PageData[Any]) -> Cursor | None:
    """Where the next page starts, or `None` if this one is the last."""
    if not page.data or cursor.kind == "whole" or (cursor.kind == "members" and page.total is None):
        return None
    step = _step(cursor, page)
    if cursor.kind == "offset" or _counts_rows(cursor.given):
        return _by_offset(step, page)
    if cursor.by_key and (by_key := _by_key(step, page)):
        return None if by_key is step else by_key
    return _by_number(step, page)


def behind(cursor: Cursor, page: PageData[Any]) -> Cursor | None:
    """Where to look behind a full page of a list by key that the server calls the last.

    It reads first and counts then, so what others delete in between makes the count too small.
    """
    if not cursor.by_key or not 0 < _number(cursor.query, "limit") <= len(page.data):
        return None
    key = key_of(page.data[-1])
    return None if key is None else _step(cursor, page).onward(key)


def has_more(cursor: Cursor, rows: list[Any]) -> bool:
    """Whether there are rows beyond the key that they were asked by; a server that passes over it repeats others."""
    return bool(rows) and all(key_of(row) != cursor.last for row in rows)


def _step(cursor: Cursor, page: PageData[Any]) -> Cursor:
    if cursor.number > 1:
        return structs.replace(cursor, number=cursor.number + 1)
    return structs.replace(cursor, number=2, total=page.total, page_count=page.page_count)


def _counts_rows(given: Pairs) -> bool:
    return bool(values(given, "offset")) and not values(given, "page")


def _by_key(step: Cursor, page: PageData[Any]) -> Cursor | None:
    """The step itself says that this was the last page; `None`, that there is no key to go on from."""
    asked = _number(step.query, "limit")
    # By key the total is of the rest; a bare array tells only whether it is full.
    if (asked == 0 or len(page.data) < asked) if page.total is None else page.total <= len(page.data):
        return step
    key = key_of(page.data[-1])
    return None if key is None else step.onward(key)


def _number(query: Pairs, name: str) -> int:
    """What a key of numbers holds, 0 if that is nothing, or nothing that counts."""
    text = next(iter(values(query, name)), "")
    return int(text) if text.isdecimal() else 0


def _by_offset(step: Cursor, page: PageData[Any]) -> Cursor | None:
    # By the rows received, not the limit sent: the server may cap the limit.
    offset = _number(step.query, "offset") + len(page.data)
    limit = _number(step.query, "limit")
    done = offset >= page.total if page.total is not None else limit == 0 or len(page.data) < limit
    return None if done else _moved(step, "offset", offset)


def _by_number(step: Cursor, page: PageData[Any]) -> Cursor | None:
    if page.page is None or page.page_count is None:
        if page.total is not None and page.total > len(page.data):
            # Its shape is declared nowhere: rather told than guessed, since a wrong guess would give rows twice.
            text = f"the server sent {len(page.data)} of {page.total} rows, and nothing says how to ask for the rest"
            warn(text)
        return None
    if page.page >= page.page_count:
        return None
    # Above what was asked for, too: a server that gives its first page again and again is asked for the last but once.
    number = max(page.page, _number(step.query, "page")) + 1
    return None if number > page.page_count else _moved(structs.replace(step, beyond=None), "page", number)


def _moved(step: Cursor, name: str, to: int) -> Cursor:
    return structs.replace(step, query=(*without(step.query, name), (name, str(to))))


def counting(start: Cursor) -> Pairs:
    """The query that asks for as little as possible of a list, and is told how many rows it has."""
    if start.kind not in ("crud", "offset"):
        return start.query
    page = (("page", "1"),) if start.kind == "crud" else ()
    return (*without(start.query, "limit", "page", "offset", "sort"), ("limit", "1"), *page)


def changes(now: Cursor, then: Cursor | None) -> PageInfo | None:
    """What the request of one page asks for otherwise than that of another."""
    if then is None:
        return None
    changed = [pair for pair in (*then.query, *now.query) if (pair in then.query) != (pair in now.query)]
    params: dict[str, Any] = {}
    for name in dict.fromkeys(name for name, _ in changed):
        match values(then.query, name):
            case []:
                params[name] = None
            case [text]:
                params[name] = int(text) if name in ("page", "offset") else text
            case several:
                params[name] = several
    return PageInfo(params)
