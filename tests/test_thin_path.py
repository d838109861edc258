"""Contacts through every layer, in process and on a socket."""

import pytest

from wootiv import NotFoundError


def test_a_contact_is_created_changed_and_deleted(face, sandbox, contact):
    def life(client, get):
        made = get(client.contacts.create(**contact))
        changed = get(client.contacts.update(made.id, first_name="Augusta", phone_number=None))
        get(client.contacts.delete(made.id))
        with pytest.raises(NotFoundError):
            get(client.contacts.retrieve(made.id))
        return made, changed

    made, changed = face.session(life, transport=sandbox.transport())
    assert made.email == "ada@example.com"
    assert made.metadata == {"likes": ["engines"]}
    assert (changed.first_name, changed.phone_number, changed.last_name) == ("Augusta", None, "Lovelace")


def test_a_list_gives_every_contact_once(face, sandbox):
    contacts = face.with_sandbox(lambda client: client.contacts.list(limit=30), sandbox)
    assert [one.id for one in contacts] == sorted(row["id"] for row in sandbox.tables["/contacts"])


def test_the_same_over_a_real_socket(face, sandbox, contact):
    with sandbox.serving() as url:
        made = face(lambda client: client.contacts.create(**contact), base_url=url)
        contacts = face(lambda client: client.contacts.list(), base_url=url)
    assert len(contacts) == 251
    assert made in contacts
