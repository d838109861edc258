"""Conditions to type checkers: each comparison is one, and what the server cannot be asked is refused."""

from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import assert_type
from uuid import UUID

from wootiv import AsyncWootiv, Page, Wootiv, calls, query
from wootiv.query import Condition, Field, all_of, any_of, asc, desc, field, relation
from wootiv.types import Contact


class Plan(StrEnum):
    """A word of the API."""

    FREE = "free"


def comparisons(ids: set[str], found: list[Condition]) -> None:
    assert_type(field("email"), Field)
    assert_type(field("email") == "a", Condition)
    assert_type(field("email") != None, Condition)  # noqa: E711 - a field is compared, not an object
    assert_type(field("age") >= 1.5, Condition)
    assert_type(18 <= field("age"), Condition)  # noqa: SIM300 - the other way round it is the same
    assert_type(field("price") < Decimal("1.10"), Condition)
    assert_type(field("born") > datetime(2020, 1, 2, tzinfo=UTC), Condition)
    assert_type(field("born").between(date(2020, 1, 2), datetime.now(UTC)), Condition)
    assert_type(field("plan") == Plan.FREE, Condition)
    assert_type(field("id") == UUID(int=1), Condition)
    assert_type(field("id").in_("a", "b", None), Condition)
    assert_type(field("id").in_(ids), Condition)
    assert_type(field("plan").not_in(Plan), Condition)
    assert_type(field("email").ignore_case == "a", Condition)
    assert_type(field("email").ignore_case.in_(ids), Condition)
    assert_type(field("email").starts("a").names, frozenset[str])
    assert_type((field("a") == 1) & field("b").is_null() | field("c").not_null(), Condition)
    assert_type(all_of(*found), Condition)
    assert_type(any_of(field("a") == 1, *found), Condition)
    assert_type(query.field("a") == 1, Condition)


async def lists(client: AsyncWootiv, blocking: Wootiv) -> None:
    where = field("email").ends("@example.com")
    order = [asc("lastName"), desc(field("id")), "email,ASC"]
    assert_type(blocking.contacts.list(where=where, sort=order), Page[Contact])
    assert_type([row async for row in client.contacts.list(where=where, sort=asc("email"))], list[Contact])
    calls.users.list(where=where, filter="id||$notnull", join=relation("contactGroup", "groupName"))
    blocking.contacts.retrieve("1", join=[relation("workspace"), "contactGroup"])


def refused(client: Wootiv) -> None:
    client.contacts.list(where="a")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.contacts.list(where=field("a"))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.contacts.list(where=True)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    _ = ~(field("a") == 1)  # type: ignore[operator]  # pyright: ignore[reportOperatorIssue]
    _ = (field("a") == 1) & True  # type: ignore[operator]  # pyright: ignore[reportOperatorIssue]
    _ = field("a") == 1 & field("b")  # type: ignore[operator]  # pyright: ignore[reportOperatorIssue]
    _ = field("a") > None  # type: ignore[operator]  # pyright: ignore[reportOperatorIssue]
    field("a").contains(1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    field("a").between(1, None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    field("a").ignore_case.in_(1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    field("a").likes("b")  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    field(1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    _ = {field("a"): 1}  # pyright: ignore[reportUnhashable]
