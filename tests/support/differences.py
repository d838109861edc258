"""Where the sandbox answers other than the engine on SQLite, and why. The page about the sandbox has the same table."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from urllib.parse import unquote_plus


class Difference(NamedTuple):
    """One kind of difference, told as the page tells it."""

    requests: str
    engine: str
    """What the engine does on SQLite."""
    sandbox: str
    cause: str
    explains: Callable[[Any, Any, Any], bool]
    """Whether it is what tells two answers to a request apart."""


_LIKE = {"$starts", "$ends", "$cont", "$excl"}
_MAY_BE_NULL = {
    "contacts": {"phoneNumber"},
    "user": {"phoneNumber", "avatarURL", "firstName", "lastName", "role"},
    "role": {"description"},
    "mailbox": {"workspaceId"},
}
_INDEXED = {"id", "uniqueAddress", "email", "username"}
_NO_TEXT = re.compile(r"true|false|\d{4}-\d\d-\d\d(T[\d:.]+Z?)?|\d{16,}")


def _given(asked: Any, *names: str) -> list[str]:
    parts = [part.partition("=") for part in asked.target.partition("?")[2].split("&")]
    return [unquote_plus(value) for name, _, value in parts if name in names]


def _compared(asked: Any) -> Iterator[tuple[str, str, Any]]:
    """Each condition of a query: field, operator with its sign, value."""
    for text in _given(asked, "filter", "or"):
        field, name, value = [*text.split("||"), "", ""][:3]
        yield field, f"${name.removeprefix('$')}", value
    for text in _given(asked, "s"):
        yield from _searched("", json.loads(text)) if text.startswith("{") else ()


def _searched(field: str, tree: Any) -> Iterator[tuple[str, str, Any]]:
    for name, value in tree.items():
        if name in ("$and", "$or") and isinstance(value, list):
            for one in value:
                yield from _searched(field, one)
        elif isinstance(value, dict):
            yield from _searched(field if name.startswith("$") else name, value)
        else:
            yield (field, name, value) if name.startswith("$") else (name, "$eq", value)


def _fine(*replies: Any) -> bool:
    return all(one.status in (200, 404) for one in replies)


def _kind(asked: Any) -> str:
    kind: str = asked.target.split("/")[1].partition("?")[0]
    return kind


def _wild(asked: Any, theirs: Any, ours: Any) -> bool:
    return _fine(theirs, ours) and any(name in _LIKE for _, name, _ in _compared(asked))


def _nulls(asked: Any, theirs: Any, ours: Any) -> bool:
    fields = {text.partition(",")[0] for text in _given(asked, "sort")}
    return _fine(theirs, ours) and not fields.isdisjoint(_MAY_BE_NULL.get(_kind(asked), ()))


def _no_text(asked: Any, theirs: Any, ours: Any) -> bool:
    def odd(value: Any) -> bool:
        if isinstance(value, str):
            return any(_NO_TEXT.fullmatch(item) for item in value.split(","))
        return isinstance(value, bool)

    return _fine(ours) and any(odd(value) for _, name, value in _compared(asked) if name not in ("$isnull", "$notnull"))


def _lowered_number(asked: Any, theirs: Any, ours: Any) -> bool:
    return _fine(theirs, ours) and any(
        name.endswith("L") and any(re.fullmatch(r"-?[\d.]+", item) for item in value.split(","))
        for _, name, value in _compared(asked)
        if isinstance(value, str)
    )


def _boolean(asked: Any, theirs: Any, ours: Any) -> bool:
    return (
        _fine(theirs, ours)
        and _kind(asked) == "invitation"
        and any(field == "active" for field, _, _ in _compared(asked))
    )


def _unsorted(asked: Any, theirs: Any, ours: Any) -> bool:
    def rows(reply: Any) -> list[str]:
        data = reply.body["data"] if isinstance(reply.body, dict) else reply.body
        return sorted(map(str, data))

    by_id = _given(asked, "fields") == ["id"] or any(field in _INDEXED for field, _, _ in _compared(asked))
    return theirs.status == ours.status == 200 and by_id and rows(theirs) == rows(ours)


def _numbers(asked: Any) -> str:
    return ",".join(_given(asked, "limit", "offset", "page"))


TABLE: dict[str, Difference] = {
    "case": Difference(
        "`$cont`, `$starts`, `$ends`, `$excl`",
        "ignores the case of ASCII letters",
        "minds it",
        "SQLite's LIKE",
        _wild,
    ),
    "nulls": Difference(
        "`sort` by what may be null",
        "nulls first when ascending",
        "nulls last",
        "SQLite's order",
        _nulls,
    ),
    "values": Difference(
        "`true`, `false`, a date or a number of more than 15 digits compared with a text",
        "500 for a date in a list; else as `1`, `0`, `2020-01-02 00:00:00.000`, `9.00719925474099e+15`",
        "as they were written",
        "how values are bound for SQLite",
        _no_text,
    ),
    "numbers": Difference(
        "a number compared by an operator that ends in `L`",
        "is equal to no text",
        "is the text that it is written as",
        "SQLite's types; PostgreSQL's driver sends text",
        _lowered_number,
    ),
    "dates": Difference(
        "a date that is none, such as `2020-19-39`",
        "compares it as a text",
        "500",
        "SQLite has no dates; PostgreSQL refuses it",
        lambda asked, theirs, ours: _fine(theirs) and ours.status == 500 and "2020-19-39" in asked.target,
    ),
    "booleans": Difference(
        "a condition on `active` of an invitation",
        "compares 1 and 0",
        "compares true and false",
        "SQLite has no booleans",
        _boolean,
    ),
    "unsorted": Difference(
        "a list of ids alone, or with a condition on them or on what is unique, as far as no `sort` orders it",
        "at times in the order of these",
        "in the order in which rows came in",
        "SQLite reads its index; SQL promises no order",
        _unsorted,
    ),
    "negative": Difference(
        "a negative `limit`, `offset` or `page`",
        "takes it for 0, or for none",
        "500",
        "SQLite's LIMIT; PostgreSQL refuses it",
        lambda asked, theirs, ours: (
            "-" in _numbers(asked) and (theirs.status, ours.status) in ((200, 500), (404, 500), (200, 404))
        ),
    ),
    "fractions": Difference(
        "a `limit`, `offset` or `page` that is no whole number",
        "500",
        "rounds it",
        "SQLite's LIMIT; PostgreSQL rounds",
        lambda asked, theirs, ours: "." in _numbers(asked) and _fine(ours),
    ),
    "no JSON": Difference(
        "a body that is no JSON",
        "400 in the words of its Node.js",
        "400 in words of its own",
        "they are another version's tomorrow",
        lambda asked, theirs, ours: (theirs.status, ours.status) == (400, 400) and "JSON" in str(theirs.body),
    ),
    "large": Difference(
        "a body of JSON of more than 100 kB",
        "413",
        "takes it",
        "Express' own limit; the service's is not known, and attachments of a mail are larger",
        lambda asked, theirs, ours: theirs.status == 413 and len(asked.body) > 102_400,
    ),
    "root": Difference(
        "`GET /`",
        "a text of the reference server",
        "nothing",
        "what the service says there is not known",
        lambda asked, theirs, ours: asked.target == "/",
    ),
}
