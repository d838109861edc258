"""What the service keeps rows of, with what each kind has of its own; and the world that holds them all."""

import random
import re
import uuid
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from msgspec import Struct

from wootiv.api.contacts import Contact, ContactGroup
from wootiv.api.invitations import Invitation
from wootiv.api.mailboxes import Mailbox
from wootiv.api.roles import Role, RoleAssignment
from wootiv.api.shapes import Audit, Subscription, Workspace
from wootiv.api.spaces import WorkspaceToken
from wootiv.api.users import User
from wootiv.sandbox import rows as seeds
from wootiv.sandbox.exchange import Refusal, Row, now, stamp
from wootiv.sandbox.grammar import BadSearch
from wootiv.sandbox.store import Table
from wootiv.wire.shape import NULLABLE, Shape, relations

CONTACTS, GROUPS, WORKSPACES, SUBSCRIPTIONS = "/contacts", "/contact_group", "/wspace", "/subscription"
USERS, ROLES, ASSIGNMENTS, INVITATIONS = "/user", "/role", "/role-assignment/{assignment}", "/invitation"
MAILBOXES, TOKENS = "/mailbox", "/space/{space_sid}/tokens"


_EMBEDDED = {"audit": Audit.__struct_fields__}


class SentMail(Struct, frozen=True):
    """A mail that the service would have sent."""

    to: str
    about: str
    """`login`, `password` or `invitation`."""
    says: dict[str, str]
    """What the reader is meant to take from it: `username`, `passcode`, `code`."""


class Entity(Struct, frozen=True, kw_only=True):
    """One kind of rows."""

    path: str
    """Where they are served: the key of `Sandbox.tables`."""
    shape: type[Shape]
    seeds: Callable[[int], Iterable[Row]]
    """Makes the rows to begin with, of a seed."""
    name: str = ""
    """What a 404 calls a row, if not by its shape."""
    eager: Mapping[str, Callable[["World", Row], Any]] = {}
    """What comes with every row, asked for or not, by name."""
    fresh: Callable[["World", Row], Row] = lambda _world, _row: {}
    """What the service puts into a new row that was given its id; it may make other rows."""
    dependents: Mapping[str, str] = {}
    """Path -> the reference by which those rows hang on this one, and vanish with it."""
    only: Mapping[str, str] = {}
    """What the parameters of the path must be."""
    lists: Mapping[str, Any] = {}
    """Options of its `Table`."""


class World:
    """All that the sandbox keeps but files: rows by the path of their list, and the mails it sent."""

    def __init__(self, rows: int, seed: int, max_limit: int | None = None) -> None:
        self._random = random.Random(seed)  # noqa: S311 - ids that are the same at every run
        self.entities: dict[str, Entity] = {entity.path: entity for entity in entities(rows)}
        self.tables: dict[str, Table] = {}
        self.outbox: list[SentMail] = []
        self.passcodes: dict[str, str] = {}
        """Passcode -> id of the user or invitation that it was mailed for."""
        for path, entity in self.entities.items():
            name = entity.name or entity.shape.__name__
            lists: dict[str, Any] = {**entity.lists, **({"max_limit": max_limit} if max_limit else {})}
            self.tables[path] = Table(name, columns(entity), always=entity.eager, embedded=_EMBEDDED, **lists)
            self.tables[path].load(entity.seeds(seed))

    def uuid(self) -> str:
        """A new id."""
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def add(self, path: str, given: Row) -> Row:
        """Make a row of what was given, and of what the service puts in."""
        at, names = now(), set(self.tables[path].columns)
        fields = msgspec.structs.fields(self.entities[path].shape)
        nulls: Row = {f.encode_name: None for f in fields if f.default is NULLABLE and f.encode_name in names}
        audit = {"date_created": at, "date_updated": at, "date_deleted": None, "version": 1}
        row = {"id": self.uuid(), "audit": audit} | nulls | given
        return self.tables[path].insert(row | self.entities[path].fresh(self, row))

    def change(self, path: str, id: str, changes: Row) -> Row:
        """Change a row, and its version with it; raises `KeyError`."""
        audit = self.tables[path].get(id)["audit"]
        audit = audit | {"date_updated": now(), "version": audit["version"] + 1} | changes.get("audit", {})
        return self.tables[path].replace(id, {**changes, "audit": audit})

    def live(self, path: str, id: str) -> Row:
        """A row that is not deleted; raises `Refusal`."""
        if row := self.tables[path].live(id):
            return row
        raise Refusal(404, f"{self.tables[path].name} not found")

    def mail(self, to: str, about: str, **says: str) -> None:
        """Send a mail: keep it in the outbox."""
        self.outbox.append(SentMail(to, about, says))

    def mail_passcode(self, to: str, about: str, subject: str, **says: str) -> None:
        """Send a passcode for a user or an invitation; earlier ones stay good."""
        passcode = self.uuid()
        self.passcodes[passcode] = subject
        self.mail(to, about, passcode=passcode, **says)

    def spend_passcodes(self, subject: str) -> None:
        """Let no passcode of a user or an invitation be good any longer."""
        self.passcodes = {code: owner for code, owner in self.passcodes.items() if owner != subject}


def columns(entity: Entity) -> list[str]:
    """The names on the wire of an entity's own fields."""
    others = {*relations(entity.shape), *entity.eager}
    names = [field.encode_name for field in msgspec.structs.fields(entity.shape)]
    return [name for name in names if name not in others]


def _invited(world: World, row: Row) -> Row:
    user = world.tables[USERS].find(email=row["email"])
    user = user or world.add(USERS, {"email": row["email"], "username": row["email"]})
    code = world.uuid()
    world.mail_passcode(row["email"], "invitation", row["id"], code=code)
    return {"active": True, "code": code, "user": {"id": user["id"]}}


def _with_trial(world: World, row: Row) -> Row:
    end = stamp(datetime.now(UTC) + timedelta(days=30))
    trial = {"planName": "free", "status": "trial", "startDate": now(), "endDate": end, "workspaceId": row["id"]}
    slug = re.sub(r"[^a-z0-9]+", "-", row["name"].lower()).strip("-") or "workspace"
    return {
        "slug": f"{slug}-{row['id'][:8]}",
        "subscriptionId": world.add(SUBSCRIPTIONS, trial)["id"],
        "workspaceMembers": [row["ownerId"]],
    }


def _assigned(world: World, row: Row) -> Row:
    if not (world.tables[USERS].live(row["assignee"]["id"]) and world.tables[ROLES].live(row["role"]["id"])):
        raise BadSearch("violates foreign key constraint")
    return {}


def _assignees(world: World, role: Row) -> list[Row]:
    return [{"id": one["id"]} for one in world.tables[ASSIGNMENTS] if one["role"]["id"] == role["id"]]


def _invitee(world: World, invitation: Row) -> Row | None:
    user = invitation["user"]
    return user if user and world.tables[USERS].live(user["id"]) else None


def entities(rows: int) -> list[Entity]:
    """All kinds, with so many contacts.

    The limit of contacts, the pages of mailboxes and the joins are choices: the service's own are not known.
    """
    return [
        Entity(
            path=CONTACTS,
            shape=Contact,
            seeds=lambda seed: seeds.contacts(rows, seed),
            fresh=lambda _, __: {"primaryContact": "email"},
            lists={"max_limit": 500},
        ),
        Entity(path=GROUPS, shape=ContactGroup, seeds=seeds.contact_groups),
        Entity(
            path=WORKSPACES,
            shape=Workspace,
            seeds=seeds.workspaces,
            eager={"subscription": lambda world, row: world.tables[SUBSCRIPTIONS].live(row["subscriptionId"])},
            fresh=_with_trial,
        ),
        Entity(
            path=SUBSCRIPTIONS,
            shape=Subscription,
            seeds=seeds.subscriptions,
            eager={"workspace": lambda world, row: world.tables[WORKSPACES].live(row["workspaceId"])},
            fresh=lambda _, __: {"history": []},
        ),
        Entity(
            path=USERS,
            shape=User,
            seeds=seeds.users,
            lists={"soft_delete": True, "unique": ("email", "username")},
        ),
        Entity(
            path=ROLES, shape=Role, seeds=seeds.roles, eager={"assignees": _assignees}, dependents={ASSIGNMENTS: "role"}
        ),
        Entity(
            path=ASSIGNMENTS,
            shape=RoleAssignment,
            seeds=seeds.role_assignments,
            fresh=_assigned,
            only={"assignment": "user"},
        ),
        Entity(
            path=INVITATIONS,
            shape=Invitation,
            seeds=seeds.invitations,
            eager={"user": _invitee},
            fresh=_invited,
        ),
        Entity(
            path=MAILBOXES,
            shape=Mailbox,
            seeds=seeds.mailboxes,
            name="Pipeline",
            fresh=lambda _, row: {"inbox": f"{row['uniqueAddress']}@{row['dotcom']}", "status": "active"},
            lists={"always_page": True, "unique": ("uniqueAddress",)},
        ),
        Entity(path=TOKENS, shape=WorkspaceToken, seeds=lambda _: []),
    ]
