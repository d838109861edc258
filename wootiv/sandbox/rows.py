"""The rows that a sandbox begins with: row n depends on the seed and on n only."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

_FIRST = (
    "Ada",
    "Zoë",
    "O'Neil",
    "Łukasz",
    "Μαρία",
    "Юлия",
    "花子",
    "Mary-Ann",
    "Jean,Luc",
    "Bo",
    "Chidi",
    "Aoife",
    "Ivo",
)
_LAST = (
    "Hopper",
    "de la Cruz",
    "O'Brien",
    "Müller",
    "Smith, Jr.",
    'van "Dutch" Dijk',
    "Žižek",
    "李",
    "100% Fish",
    "Ng",
)
_HOSTS = ("example.com", "mail.example.com", "example.org", "example.net")
_KINDS = ("Customers", "Leads", "Vendors, EU", 'The "A" list', "Früh dabei", "Friends & family")
_WORKSPACES = ("Acme", "Northwind Traders", "Café Zürich", "Initech, Inc.", "東京支社")
_PLANS = ("free", "personal_pro", "business_pro", "enterprise")
_STATES = ("active", "inactive", "trial", "canceled", "expired")
_ROLES = (
    ("owner", "May do everything"),
    ("admin", "Everything, but billing"),
    ("member", ""),
    ("guest", None),
    ("Admin", "Not the same as admin"),
    ("billing, EU", "100% of the bills"),
)
_ADDRESSES = ("support", "sales", "No.Reply", "hello+world", "under_score")
_USERS = 24
PASSWORD = "sandbox-password"  # noqa: S105 - opens nothing but the sandbox
"""The password of every user whom a sandbox begins with."""
_GROUPS = (*_KINDS, *(f"{kind} (old)" for kind in _KINDS))
_BEGIN = datetime(2020, 1, 1, tzinfo=UTC)
_MILLISECONDS = 4 * 365 * 86_400_000


def _draw(entity: str, n: int, seed: int) -> tuple[str, int]:
    """Return an id and a number to choose with; the ids' order is not the rows'."""
    digest = hashlib.blake2b(f"{entity}/{seed}/{n}".encode(), digest_size=32).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-8{digest[17:20]}-{digest[20:32]}", int(digest[32:], 16)


def _stamp(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _audit(number: int, *, deleted: bool = False) -> dict[str, Any]:
    created = _BEGIN + timedelta(milliseconds=number % _MILLISECONDS)
    version = 1 + number % 4
    updated = created + timedelta(seconds=number % 10_000_000) * (version - 1)
    return {
        "date_created": _stamp(created),
        "date_updated": _stamp(updated),
        "date_deleted": _stamp(updated + timedelta(days=1)) if deleted else None,
        "version": version,
    }


def _phone(n: int, number: int) -> str | None:
    return None if n % 5 == 4 else f"+49{number % 10**10:010}"


def workspaces(seed: int) -> list[dict[str, Any]]:
    """Make the five workspaces; each has a subscription, an owner, and members of whom one may be deleted."""
    return [_workspace(n, name, seed) for n, name in enumerate(_WORKSPACES)]


def _workspace(n: int, name: str, seed: int) -> dict[str, Any]:
    id, number = _draw("workspace", n, seed)
    return {
        "id": id,
        "audit": _audit(number),
        "name": name,
        "ownerId": _draw("user", n, seed)[0],
        "slug": f"workspace-{n + 1}",
        "subscriptionId": _draw("subscription", n, seed)[0],
        "workspaceMembers": [_draw("user", member, seed)[0] for member in range(n, n + 4)],
    }


def subscriptions(seed: int) -> list[dict[str, Any]]:
    """Make the subscription of each workspace, for a year; each is in another state."""
    return [_subscription(n, status, seed) for n, status in enumerate(_STATES)]


def _subscription(n: int, status: str, seed: int) -> dict[str, Any]:
    id, number = _draw("subscription", n, seed)
    start, plan = _BEGIN + timedelta(days=number % 1000), _PLANS[n % len(_PLANS)]
    return {
        "id": id,
        "audit": _audit(number),
        "endDate": _stamp(start + timedelta(days=365)),
        "history": [["free", _stamp(start)], [plan, _stamp(start + timedelta(days=30))]] if n % 2 else [],
        "planName": plan,
        "startDate": _stamp(start),
        "status": status,
        "workspaceId": _draw("workspace", n, seed)[0],
    }


def users(seed: int) -> list[dict[str, Any]]:
    """Make 24 users, of whom every eighth is deleted; the first is `ada`, the others are `user2` to `user24`."""
    return [_user(n, seed) for n in range(_USERS)]


def _user(n: int, seed: int) -> dict[str, Any]:
    id, number = _draw("user", n, seed)
    username = f"user{n + 1}" if n else "ada"
    return {
        "id": id,
        "audit": _audit(number, deleted=n % 8 == 7),
        "email": f"{username}@example.com",
        "username": username,
        "avatarURL": None if n % 3 == 2 else f"https://example.com/avatar/{n + 1}.png?size=64",
        "firstName": None if n % 4 == 2 else _FIRST[number // 16 % len(_FIRST)],
        "lastName": _LAST[number // 1024 % len(_LAST)],
        "phoneNumber": _phone(n, number),
        "role": _ROLES[number % 4][0],
    }


def roles(seed: int) -> list[dict[str, Any]]:
    """Make the six roles."""
    return [_role(n, name, description, seed) for n, (name, description) in enumerate(_ROLES)]


def _role(n: int, name: str, description: str | None, seed: int) -> dict[str, Any]:
    id, number = _draw("role", n, seed)
    return {"id": id, "audit": _audit(number), "description": description, "name": name}


def role_assignments(seed: int) -> list[dict[str, Any]]:
    """Make an assignment for each user, and a second one for the first: nobody has the fifth role."""
    given = [(user, user % 4) for user in range(_USERS)] + [(0, len(_ROLES) - 1)]
    return [_assignment(n, user, role, seed) for n, (user, role) in enumerate(given)]


def _assignment(n: int, user: int, role: int, seed: int) -> dict[str, Any]:
    id, number = _draw("assignment", n, seed)
    assignee, given = _draw("user", user, seed)[0], _draw("role", role, seed)[0]
    return {"id": id, "assignee": {"id": assignee}, "audit": _audit(number), "role": {"id": given}}


def invitations(seed: int) -> list[dict[str, Any]]:
    """Make 40 invitations, some of users who were deleted since; every third is used up."""
    return [_invitation(n, seed) for n in range(40)]


def _invitation(n: int, seed: int) -> dict[str, Any]:
    id, number = _draw("invitation", n, seed)
    return {
        "id": id,
        "active": n % 3 != 2,
        "audit": _audit(number),
        "category": ("invitation", "invite")[n % 2],
        "code": _draw("code", n, seed)[0],
        "email": f"guest{n + 1}@{_HOSTS[number % len(_HOSTS)]}",
        "user": {"id": _draw("user", n % _USERS, seed)[0]},
    }


def mailboxes(seed: int) -> list[dict[str, Any]]:
    """Make 17 mailboxes; every sixth has no workspace."""
    return [_mailbox(n, seed) for n in range(17)]


def _mailbox(n: int, seed: int) -> dict[str, Any]:
    id, number = _draw("mailbox", n, seed)
    address, domain = f"{_ADDRESSES[n % len(_ADDRESSES)]}{n + 1}", _HOSTS[number % len(_HOSTS)]
    return {
        "id": id,
        "audit": _audit(number),
        "config": {"tone": ("warm", "brief")[number % 2], "hours": {"from": 8, "to": 18}} if n % 4 else {},
        "dotcom": domain,
        "inbox": f"{address}@{domain}",
        "name": f"Mailbox {n + 1}",
        "objective": ("Answer questions", "Sell, politely", "100% of bugs", "")[number // 8 % 4],
        "status": ("active", "paused")[number // 2 % 2],
        "uniqueAddress": address,
        "workspaceId": None if n % 6 == 5 else _draw("workspace", number % len(_WORKSPACES), seed)[0],
    }


def contact_groups(seed: int) -> list[dict[str, Any]]:
    """Make the twelve groups; each stands in one of the workspaces."""
    return [_group(n, name, seed) for n, name in enumerate(_GROUPS)]


def _group(n: int, name: str, seed: int) -> dict[str, Any]:
    id, number = _draw("group", n, seed)
    workspace = _draw("workspace", n % len(_WORKSPACES), seed)[0]
    return {"id": id, "audit": _audit(number), "groupName": name, "workspaceId": workspace}


def contacts(count: int, seed: int) -> Iterator[dict[str, Any]]:
    """Make contacts; each stands in a group and in the group's workspace, every fifth has no phone number."""
    groups = contact_groups(seed)
    for n in range(count):
        id, number = _draw("contact", n, seed)
        group = groups[number % len(groups)]
        first, last = _FIRST[number // 16 % len(_FIRST)], _LAST[number // 1024 % len(_LAST)]
        name = "".join(
            letter
            for letter in f"{first}.{last}".lower()
            if letter.isascii() and (letter.isalnum() or letter in ".-'%")
        )
        yield {
            "id": id,
            "audit": _audit(number),
            "contactGroupId": group["id"],
            "email": f"{name.strip('.') or 'contact'}+{n + 1}@{_HOSTS[number % len(_HOSTS)]}",
            "firstName": first,
            "lastName": last,
            "metadata": {"source": ("import", "form", "api")[number % 3], "score": number % 100},
            "phoneNumber": _phone(n, number),
            "primaryContact": "email" if n % 5 == 4 or number % 2 else "phoneNumber",
            "workspaceId": group["workspaceId"],
        }
