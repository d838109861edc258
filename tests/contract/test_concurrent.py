"""Lists of the engine that the service is made of, read side by side, while others delete, add and change contacts."""

import random
import threading
from contextlib import contextmanager

import httpx
import pytest

from wootiv import Wootiv, calls
from wootiv.pages import AsyncPage, AsyncPaginator

ROWS = 3000


def reset(address, rows):
    httpx.post(f"{address}/__reset", json={"rows": rows}).raise_for_status()


def read(listed, concurrency=8, **how):
    """All rows of a list read side by side, and its statistics; a coroutine for the async client."""
    if isinstance(listed, AsyncPaginator | AsyncPage):
        return _read(listed, concurrency, **how)
    with listed.concurrent(concurrency, **how) as rows:
        found = list(rows)
    return found, rows.stats  # now that all is over, also what was given up on the way


async def _read(listed, concurrency, **how):
    async with listed.concurrent(concurrency, **how) as rows:
        found = [row async for row in rows]
    return found, rows.stats


def _ids(rows):
    return [row.id for row in rows]


class Writer:
    """Deletes, adds and changes contacts, eight at a time and with a client of its own, until it is stopped."""

    def __init__(self, address, ids, contact):
        self.address = address
        self.contact = contact
        self.before = set(ids)
        self.left = list(ids)
        self.deleted, self.added, self.changed = set(), set(), set()
        self.over = threading.Event()
        self.dice = random.Random(3)

    def run(self):
        with Wootiv(base_url=self.address, api_key="writer") as client:
            while not self.over.is_set():
                made = client.gather([self.one() for _ in range(16)])
                self.added |= {contact.id for contact in made if contact is not None}

    def one(self):
        match self.dice.choice(["delete", "delete", "add", "change"]):
            case "delete":
                id = self.left.pop(self.dice.randrange(len(self.left)))
                self.deleted.add(id)
                return calls.contacts.delete(id)
            case "add":
                return calls.contacts.create(**self.contact)
            case _:
                self.changed.add(id := self.dice.choice(self.left))
                return calls.contacts.update(id, first_name=self.dice.choice("XYZ"))


@contextmanager
def writing(address, contact):
    """Have somebody write for as long as the block lasts."""
    with Wootiv(base_url=address, api_key="key") as client:
        before = _ids(client.contacts.list(limit=500, fields="email"))
    writer = Writer(address, before, contact)
    thread = threading.Thread(target=writer.run)
    thread.start()
    try:
        yield writer
    finally:
        writer.over.set()
        thread.join()


@pytest.mark.parametrize("ordered", [True, False], ids=["ordered", "as they come"])
@pytest.mark.parametrize("sort", ["id,ASC", "id,DESC"])
def test_a_hostile_writer_costs_none_of_thousands_of_rows_that_stay(face, refserver, contact, sort, ordered):
    reset(refserver, ROWS)
    with writing(refserver, contact) as writer:
        found, stats = face(
            lambda client: read(client.contacts.list(limit=20, sort=sort), ordered=ordered),
            base_url=refserver,
            strict=True,
        )
    ids = _ids(found)
    assert len(set(ids)) == len(ids) == stats.items
    assert writer.before - writer.deleted <= set(ids) <= writer.before | writer.added
    if ordered:
        assert ids == sorted(ids, reverse=sort == "id,DESC")
    assert len(writer.deleted) > 10
    assert len(writer.added) > 5
    assert stats.unmatched == 0


@pytest.mark.parametrize("sort", ["id,ASC", "id,DESC"])
def test_a_hostile_writer_costs_none_of_them_page_by_page_either(face, refserver, contact, sort):
    reset(refserver, ROWS)
    with writing(refserver, contact) as writer:
        ids = _ids(face(lambda client: client.contacts.list(limit=50, sort=sort), base_url=refserver, strict=True))
    assert ids == sorted(set(ids), reverse=sort == "id,DESC")
    assert writer.before - writer.deleted <= set(ids)
    assert len(writer.deleted) > 10


@pytest.mark.parametrize("kind", ["contacts", "contact_group", "roles", "users", "invitations", "mailbox"])
@pytest.mark.parametrize("given", [{}, {"sort": "id,DESC"}, {"page": 1}, {"offset": 0}], ids=str)
@pytest.mark.parametrize("limit", [5, 0])
def test_every_list_gives_side_by_side_what_it_gives_page_by_page(face, refserver, kind, given, limit):
    def do(client, get):
        listed = getattr(client, kind).list(limit=limit, **given)
        one_by_one = _ids(get(listed))
        assert one_by_one
        found, stats = get(read(listed, 4))
        assert _ids(found) == one_by_one
        assert (stats.unmatched, stats.repaired, stats.repeats) == (0, 0, 0)
        found, _ = get(read(listed, 4, ordered=False))
        assert sorted(_ids(found)) == sorted(one_by_one)

    face.session(do, base_url=refserver, strict=True)


@pytest.mark.parametrize("limit", [100, 500, 1000])
@pytest.mark.parametrize("given", [{}, {"sort": "lastName,DESC"}, {"page": 1}, {"page": 2}, {"offset": 777}], ids=str)
def test_thousands_of_rows_come_as_page_by_page_also_where_the_engine_caps_the_limit(
    face, large_refserver, limit, given
):
    """The engine gives 500 contacts at most, whatever the limit."""

    def do(client, get):
        one_by_one = _ids(get(client.contacts.list(limit=limit, **given)))
        found, stats = get(read(client.contacts.list(limit=limit, **given)))
        assert _ids(found) == one_by_one
        assert stats.unmatched == 0

    face.session(do, base_url=large_refserver, strict=True)


@pytest.mark.parametrize(("given", "expected"), [({"page": 99}, 0), ({"offset": 9999}, 0), ({"limit": 250}, 250)])
def test_beyond_the_end_and_at_it_there_is_nothing_more(face, refserver, given, expected):
    found, stats = face(lambda client: read(client.contacts.list(**given)), base_url=refserver, strict=True)
    assert len(set(_ids(found))) == len(found) == expected
    assert stats.requests <= 2


def test_a_page_that_fails_says_where_the_list_goes_on(face, refserver, seeded):
    """`after` joins whatever conditions there are."""
    whole = sorted(row["id"] for row in seeded("contacts"))

    def do(client, get):
        for given in {}, {"filter": "email||$notnull"}, {"or_": ["email||$notnull", "id||$isnull"]}:
            found, _ = get(read(client.contacts.list(limit=20, after=whole[99], **given), 3))
            assert _ids(found) == whole[100:]
        found, _ = get(read(client.contacts.list(limit=20, after=whole[99], sort="id,DESC"), 3))
        assert _ids(found) == whole[98::-1]

    face.session(do, base_url=refserver, strict=True)
