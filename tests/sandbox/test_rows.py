"""The rows that a sandbox begins with."""

import re
from itertools import islice
from uuid import UUID

import pytest

from wootiv.sandbox.rows import contact_groups, contacts, workspaces

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


@pytest.mark.parametrize("rows", [list(contacts(50, 1)), contact_groups(1), workspaces(1)])
def test_a_row_has_the_audit_of_the_service(rows):
    for row in rows:
        audit = row["audit"]
        assert set(audit) == AUDIT
        assert audit["date_deleted"] is None
        assert audit["date_created"] <= audit["date_updated"]
        assert audit["date_created"].endswith("Z")


def test_rows_have_the_fields_of_the_service():
    assert set(next(contacts(1, 1))) == {
        "id", "audit", "contactGroupId", "email", "firstName", "lastName", "metadata", "phoneNumber",
        "primaryContact", "workspaceId",
    }  # fmt: skip
    assert set(contact_groups(1)[0]) == {"id", "audit", "groupName", "workspaceId"}
    assert set(workspaces(1)[0]) == {
        "id", "audit", "name", "ownerId", "slug", "subscription", "subscriptionId", "workspaceMembers",
    }  # fmt: skip
