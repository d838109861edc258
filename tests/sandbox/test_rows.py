"""The rows that a sandbox begins with."""

import re
from itertools import islice
from uuid import UUID

import pytest

from wootiv.sandbox.rows import (
    contact_groups,
    contacts,
    invitations,
    mailboxes,
    role_assignments,
    roles,
    subscriptions,
    users,
    workspaces,
)

AUDIT = {"date_created", "date_updated", "date_deleted", "version"}


def test_a_row_depends_on_the_seed_and_its_number_only():
    assert list(contacts(20, 1)) == list(islice(contacts(500, 1), 20))
    assert list(contacts(20, 1)) != list(contacts(20, 2))
    assert contact_groups(3) == contact_groups(3)
    assert workspaces(3) != workspaces(4)


def test_ids_and_emails_are_unique_and_ids_are_out_of_order():
    rows = list(contacts(5000, 1))
    ids = [row["id"] for row in rows]
    assert len(set(ids)) == len({row["email"] for row in rows}) == 5000
    assert ids != sorted(ids)
    assert all(re.fullmatch(r"[a-z0-9][\w.'%-]*\+\d+@([a-z]+\.)+(com|org|net)", row["email"], re.ASCII) for row in rows)
    assert all(str(UUID(id)) == id for id in ids)


def test_contacts_stand_in_seeded_groups_and_workspaces():
    groups = {group["id"]: group for group in contact_groups(1)}
    spaces = {space["id"] for space in workspaces(1)}
    assert (len(groups), len(spaces)) == (12, 5)
    assert {group["workspaceId"] for group in groups.values()} == spaces
    for row in contacts(200, 1):
        assert groups[row["contactGroupId"]]["workspaceId"] == row["workspaceId"]


def test_every_fifth_phone_number_is_null():
    assert [n for n, row in enumerate(contacts(20, 1)) if row["phoneNumber"] is None] == [4, 9, 14, 19]


def test_names_try_the_quoting_of_who_reads_them():
    names = "".join(row["firstName"] + row["lastName"] for row in contacts(500, 1))
    assert set("ü李'\", %") <= set(names)
    assert any(ord(letter) > 0x3000 for letter in names)


ROWS = {
    "contacts": list(contacts(50, 1)),
    "groups": contact_groups(1),
    "workspaces": workspaces(1),
    "subscriptions": subscriptions(1),
    "roles": roles(1),
    "assignments": role_assignments(1),
    "invitations": invitations(1),
    "mailboxes": mailboxes(1),
}


@pytest.mark.parametrize("rows", ROWS.values(), ids=ROWS)
def test_a_row_has_an_id_of_its_own_and_the_audit_of_the_service(rows):
    assert len({row["id"] for row in rows}) == len(rows)
    for row in rows:
        audit = row["audit"]
        assert set(audit) == AUDIT
        assert audit["date_deleted"] is None
        assert audit["date_created"] <= audit["date_updated"]
        assert audit["date_created"].endswith("Z")


def test_every_eighth_user_is_deleted_and_some_of_what_may_be_null_is():
    rows = users(1)
    assert [n for n, row in enumerate(rows) if row["audit"]["date_deleted"]] == [7, 15, 23]
    assert rows[0]["username"] == "ada"
    for name in ("avatarURL", "firstName", "phoneNumber"):
        assert None in [row[name] for row in rows]
    assert None in [row["workspaceId"] for row in mailboxes(1)]
    assert None in [row["description"] for row in roles(1)]


def test_rows_name_rows_that_are_there():
    ids = {name: {row["id"] for row in rows} for name, rows in (ROWS | {"users": users(1)}).items()}
    for space, subscription in zip(workspaces(1), subscriptions(1), strict=True):
        assert (space["subscriptionId"], subscription["workspaceId"]) == (subscription["id"], space["id"])
        assert {space["ownerId"], *space["workspaceMembers"]} <= ids["users"]
    assert {row["user"]["id"] for row in invitations(1)} == ids["users"]
    assert {row["assignee"]["id"] for row in role_assignments(1)} == ids["users"]
    assert len(ids["roles"] - {row["role"]["id"] for row in role_assignments(1)}) == 1
    assert {row["workspaceId"] for row in mailboxes(1)} <= ids["workspaces"] | {None}


def test_what_must_be_of_its_own_is():
    for rows, name in (
        (users(1), "email"),
        (users(1), "username"),
        (mailboxes(1), "uniqueAddress"),
        (invitations(1), "code"),
    ):
        assert len({row[name] for row in rows}) == len(rows)
