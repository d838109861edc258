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
_GROUPS = (*_KINDS, *(f"{kind} (old)" for kind in _KINDS))
_BEGIN = datetime(2020, 1, 1, tzinfo=UTC)
_MILLISECONDS = 4 * 365 * 86_400_000


def _draw(entity: str, n: int, seed: int) -> tuple[str, int]:
    """Return an id and a number to choose with; the ids' order is not the rows'."""
    digest = hashlib.blake2b(f"{entity}/{seed}/{n}".encode(), digest_size=32).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-8{digest[17:20]}-{digest[20:32]}", int(digest[32:], 16)


def _stamp(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _audit(number: int) -> dict[str, Any]:
    created = _BEGIN + timedelta(milliseconds=number % _MILLISECONDS)
    version = 1 + number % 4
    updated = created + timedelta(seconds=number % 10_000_000) * (version - 1)
    return {
        "date_created": _stamp(created),
        "date_updated": _stamp(updated),
        "date_deleted": None,
        "version": version,
    }


def workspaces(seed: int) -> list[dict[str, Any]]:
    """Make the five workspaces."""
    return [_workspace(n, name, seed) for n, name in enumerate(_WORKSPACES)]


def _workspace(n: int, name: str, seed: int) -> dict[str, Any]:
    id, number = _draw("workspace", n, seed)
    subscription = _draw("subscription", n, seed)[0]
    return {
        "id": id,
        "audit": _audit(number),
        "name": name,
        "ownerId": _draw("user", n, seed)[0],
        "slug": f"workspace-{n + 1}",
        "subscription": {"id": subscription, "workspaceId": id},
        "subscriptionId": subscription,
        "workspaceMembers": [_draw("user", member, seed)[0] for member in range(n, n + 3)],
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
            "phoneNumber": None if n % 5 == 4 else f"+49{number % 10**10:010}",
            "primaryContact": "email" if n % 5 == 4 or number % 2 else "phoneNumber",
            "workspaceId": group["workspaceId"],
        }
