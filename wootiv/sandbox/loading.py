"""Rows of a caller's own, checked before a table holds them."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

import msgspec

from wootiv.sandbox.entities import (
    ASSIGNMENTS,
    CONTACTS,
    GROUPS,
    INVITATIONS,
    MAILBOXES,
    ROLES,
    SUBSCRIPTIONS,
    TOKENS,
    USERS,
    WORKSPACES,
    Entity,
    columns,
)
from wootiv.sandbox.exchange import Row, now
from wootiv.wire.shape import NULLABLE, relations
from wootiv.wire.words import describe, nearest

PATHS: Mapping[str, str] = {
    "contacts": CONTACTS,
    "contact_group": GROUPS,
    "wspaces": WORKSPACES,
    "subscriptions": SUBSCRIPTIONS,
    "users": USERS,
    "roles": ROLES,
    "role_assignments": ASSIGNMENTS,
    "invitations": INVITATIONS,
    "mailbox": MAILBOXES,
    "space.tokens": TOKENS,
}
"""The paths of all tables, by the names of their resources."""


def table_of(name: str) -> str:
    """The path of a table, by its resource or by its path, with or without the slash; raises `ValueError`."""
    known = {path.removeprefix("/"): path for path in PATHS.values()} | dict(PATHS)
    if path := known.get(name.removeprefix("/")):
        return path
    raise ValueError(f"unknown table {name!r}, there are {', '.join(PATHS)}{nearest(name, PATHS)}")


def whole_rows(entity: Entity, rows: Iterable[Any], *, also: Collection[str] = ()) -> Iterator[Row]:
    """The rows with what they leave out: an audit, and null where that may be.

    Relations are dropped, since they come from their own tables, and so are texts that rows may `also` have.
    Raises `ValueError` for the first row that is none.
    """
    seen = {name: set[Any]() for name in ("id", *entity.lists.get("unique", ()))}
    for number, row in enumerate(rows, 1):
        try:
            whole = _whole(entity, row, also)
            for name, values in seen.items():
                if whole[name] in values:
                    raise ValueError(f"{name} {whole[name]!r} is taken by an earlier row")
                values.add(whole[name])
        except ValueError as error:
            raise ValueError(f"{entity.path.removeprefix('/')}, row {number}: {error}") from None
        yield whole


def _whole(entity: Entity, row: Any, also: Collection[str]) -> Row:
    if not isinstance(row, Mapping):
        raise ValueError(f"must be an object, got {describe(row)}")  # noqa: TRY004 - as bad as any other content
    fields = {field.encode_name: field for field in msgspec.structs.fields(entity.shape)}
    for name in row.keys() & {*also}:
        if not isinstance(row[name], str):
            raise ValueError(f"{name} must be text, got {describe(row[name])}")  # noqa: TRY004 - as above
    row = {name: value for name, value in row.items() if name not in also}
    if unknown := next((name for name in row if name not in fields), None):
        raise ValueError(f"unknown field {unknown!r}{nearest(unknown, fields)}")
    at = now()
    audit = {"date_created": at, "date_updated": at, "date_deleted": None, "version": 1}
    own = {name: value for name, value in row.items() if name not in relations(entity.shape)}
    told = own.get("audit")
    own["audit"] = audit | told if isinstance(told, dict) else told or audit
    nulls = {name: None for name, field in fields.items() if field.default is NULLABLE and name in _kept(entity)}
    whole = nulls | own
    if missing := [name for name in columns(entity) if name not in whole]:
        raise ValueError(f"{missing[0]} is missing")
    try:
        msgspec.convert(whole, entity.shape)
    except msgspec.ValidationError as error:
        raise ValueError(f"{error}") from None
    return {name: whole[name] for name in fields if name in whole}


def _kept(entity: Entity) -> set[str]:
    """The fields that stand in a row: its columns, and the one that an invitation has its user by."""
    return {field.encode_name for field in msgspec.structs.fields(entity.shape)} - {*relations(entity.shape)}
