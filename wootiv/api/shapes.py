"""Shapes and arguments that several areas share."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, TypeAlias, TypedDict

from msgspec import Meta

from wootiv.call import Options
from wootiv.query import Condition
from wootiv.wire.shape import LEFT_OUT, NULLABLE, Mark, Shape, Wire

Natural = Annotated[int, Meta(ge=0)]


class Audit(Shape, frozen=True, rename=None):
    """When a record was created, changed and deleted, and its version.

    Source: the names are snake_case on the wire too, unlike all others.
    """

    date_created: datetime = LEFT_OUT
    date_updated: datetime = LEFT_OUT
    date_deleted: datetime | None = NULLABLE
    version: int = LEFT_OUT


class Reference(Shape, frozen=True):
    """Another record, by its id alone."""

    id: str = LEFT_OUT


class ReferenceTo(TypedDict):
    """The id of a record that is meant: `{"id": role.id}`."""

    id: str


Plan: TypeAlias = Literal["free", "personal_pro", "business_pro", "enterprise"] | str
SubscriptionStatus: TypeAlias = Literal["active", "inactive", "trial", "canceled", "expired"] | str


class Workspace(Shape, frozen=True):
    """The tenant that owns mailboxes, contacts and members."""

    id: str = LEFT_OUT
    audit: Audit = LEFT_OUT
    name: str = LEFT_OUT
    owner_id: str = LEFT_OUT
    slug: str = LEFT_OUT
    """Part of the workspace's URL."""
    subscription: "Subscription | None" = NULLABLE
    """Sent unasked with a workspace, not with one that `join` brings."""
    subscription_id: str | None = NULLABLE
    workspace_members: list[str] = LEFT_OUT


class Subscription(Shape, frozen=True):
    """A workspace's subscription to a plan."""

    id: str = LEFT_OUT
    audit: Audit = LEFT_OUT
    end_date: datetime = LEFT_OUT
    history: list[list[Any]] = LEFT_OUT
    """Earlier plans; what an entry holds is not declared."""
    plan_name: Plan = LEFT_OUT
    start_date: datetime = LEFT_OUT
    status: SubscriptionStatus = LEFT_OUT
    workspace: Workspace | None = NULLABLE
    """Sent unasked with a subscription, not with a workspace's."""
    workspace_id: str = LEFT_OUT


class IdInBody(TypedDict, total=False):
    """An id that the body may have beside the one in the path."""

    body_id: Annotated[str, Wire("id")]


class ReadQuery(TypedDict, total=False):
    """How one record is read."""

    fields: Annotated[Sequence[str], Mark.COMMA]
    """Fields to send, by their names on the wire; the id comes always. All others then read `None`."""
    join: Annotated[Sequence[str], Mark.LIST]
    """Relations to include: `contactGroup`, or `contactGroup||id,groupName`; 20 at most."""
    cache: int
    """0 has the server pass over its cached answer."""


class Read(ReadQuery, Options):
    """Arguments of what reads one record."""


class ListConditions(TypedDict, total=False):
    """How a list is asked for. Source: the query grammar of @nestjsx/crud."""

    fields: Annotated[Sequence[str], Mark.COMMA]
    """Fields to send, by their names on the wire; the id comes always. All others then read `None`."""
    where: Annotated[Condition, Mark.WHERE]
    """A condition made with `wootiv.query`: `field("email").ends("@example.com")`. It holds beside all others, and is
    sent as `s`, or as `filter` or `or` where these are shorter."""
    s: str | Mapping[str, object]
    """A search condition, as a mapping or as one JSON object: `{"firstName": {"$starts": "A"}}`."""
    filter: Annotated[Sequence[str], Mark.LIST]
    """Conditions that must all hold: `field||$operator||value`; 20 at most."""
    or_: Annotated[Sequence[str], Mark.LIST, Wire("or")]
    """Conditions of which one must hold; beside several filters: all of these, or all of those."""
    sort: Annotated[Sequence[str], Mark.LIST]
    """`asc("lastName")` of `wootiv.query`, which is `lastName,ASC`; 20 at most. By id unless a sort, page or offset is
    given."""
    join: Annotated[Sequence[str], Mark.LIST]
    """Relations to include: `contactGroup`, or `contactGroup||id,groupName`; 20 at most."""
    limit: Natural
    """Rows to a page, 100 unless given; 0 asks for all at once. The server may send fewer."""
    offset: Natural
    """Rows to skip."""
    page: Natural
    """A page's number, from 1."""
    after: Annotated[str | int, Mark.START]
    """The rows after the one with that id, such as an error's `resume_after`; for lists in order of id."""
    cache: int
    """0 has the server pass over its cached answer."""


class ListQuery(ListConditions, Options):
    """Arguments of a list."""
