"""Lists of the engine that the service is made of: paging by key and by number, conditions, rows that go meanwhile."""

import json
import random

import httpx
import pytest

from wootiv import Wootiv, calls
from wootiv.conditions import after


def _ids(rows):
    return [row.id for row in rows]


@pytest.mark.parametrize("limit", [100, 500, 1000, 0])
def test_iteration_by_key_gives_every_row_once_in_order_of_id(face, large_refserver, seeded, limit):
    rows = face(lambda client: client.contacts.list(limit=limit), base_url=large_refserver, strict=True)
    assert _ids(rows) == sorted(row["id"] for row in seeded("contacts", 1234))


@pytest.mark.parametrize("limit", [100, 500, 1000])
@pytest.mark.parametrize("given", [{"sort": "lastName,DESC"}, {"page": 1}, {"offset": 0}])
def test_iteration_by_number_gives_every_row_once(face, large_refserver, seeded, limit, given):
    """The engine gives 500 contacts at most, whatever the limit."""
    rows = face(lambda client: client.contacts.list(limit=limit, **given), base_url=large_refserver, strict=True)
    assert sorted(_ids(rows)) == sorted(row["id"] for row in seeded("contacts", 1234))


@pytest.mark.parametrize(("given", "skipped"), [({"page": 3}, 200), ({"offset": 777}, 777), ({"page": 99}, 9800)])
def test_iteration_starts_where_it_is_told(face, large_refserver, seeded, given, skipped):
    rows = face(lambda client: client.contacts.list(limit=100, **given), base_url=large_refserver, strict=True)
    assert _ids(rows) == sorted(row["id"] for row in seeded("contacts", 1234))[skipped:]


@pytest.mark.parametrize("kind", ["contact_group", "roles", "users", "invitations", "mailbox"])
@pytest.mark.parametrize("given", [{}, {"sort": "id,DESC"}])
@pytest.mark.parametrize("limit", [5, 0])
def test_every_list_gives_each_row_once(face, refserver, kind, given, limit):
    table = {"roles": "role", "users": "user", "invitations": "invitation"}.get(kind, kind)
    rows = face(lambda client: getattr(client, kind).list(limit=limit, **given), base_url=refserver, strict=True)
    assert len(set(_ids(rows))) == len(rows) == httpx.get(f"{refserver}/__count/{table}").json()["count"]


async def _pages(pages):
    return [page async for page in pages]


@pytest.mark.parametrize("given", [{}, {"sort": "email,ASC"}])
def test_pages_count_what_the_engine_counts(face, large_refserver, given):
    def do(client):
        listed = client.contacts.list(limit=500, **given)
        return list(listed.pages()) if isinstance(client, Wootiv) else _pages(listed.pages())

    pages = face(do, base_url=large_refserver)
    counts = [(page.page, page.page_count, page.total, len(page.data)) for page in pages]
    assert counts == [(1, 3, 1234, 500), (2, 3, 1234, 500), (3, 3, 1234, 234)]


async def _delete_all(client, limit):
    async for contact in client.contacts.list(limit=limit):
        await client.contacts.delete(contact.id)


@pytest.mark.parametrize("limit", [7, 100])
def test_deleting_what_is_iterated_over_leaves_none(face, refserver, limit):
    def do(client):
        if not isinstance(client, Wootiv):
            return _delete_all(client, limit)
        for contact in client.contacts.list(limit=limit):
            client.contacts.delete(contact.id)
        return None

    face(do, base_url=refserver)
    assert httpx.get(f"{refserver}/__count/contacts").json()["count"] == 0


# Conditions


def _quoted(value):
    """A value as `filter` has it, whatever it looks like."""
    return json.dumps(value).replace("|", "\\u007c").replace(",", "\\u002c")


CONDITIONS = {
    "nothing": {},
    "filter": {"filter": "email||$ends||example.com"},
    "text that looks like a number": {"filter": 'firstName||$eq||"0012"'},
    "filters": {"filter": ["email||$cont||e", "lastName||$ne||Knuth", "phoneNumber||$notnull"]},
    "or": {"or_": "lastName||$eq||Knuth"},
    "ors": {"or_": ["lastName||$eq||Knuth", "lastName||$eq||Turing"]},
    "filter beside or": {"filter": "lastName||$eq||Knuth", "or_": "firstName||$in||Ada,ada,ADA"},
    "filters beside ors": {
        "filter": ["lastName||$eq||Knuth", "email||$cont||e"],
        "or_": ["phoneNumber||$isnull", "email||$cont||a"],
    },
    "twenty filters": {"filter": [f"email||$ne||none{n}" for n in range(19)] + ["lastName||$ne||Knuth"]},
    "twenty ors": {"or_": [f"email||$cont||{n}" for n in range(20)]},
    "a mapping": {"s": {"lastName": {"$in": ["Knuth", "Smith||Jones", "Smith, Jr."]}}},
    "a mapping with an or": {"s": {"$or": [{"lastName": "Knuth"}, {"phoneNumber": None}], "email": {"$cont": "e"}}},
    "a mapping with an and": {"s": {"$and": [{"lastName": {"$ne": "Knuth"}}, {"email": {"$cont": "a"}}]}},
    "an and beside which all is dropped": {"s": '{"$and":[{"lastName":{"$ne":"Knuth"}}],"email":"nobody"}'},
    "text": {"s": ' {"firstName" : {"$or": {"$isnull": true, "$starts": "a"}}}'},
    "an empty mapping": {"s": {}},
    "an or of nothing": {"s": {"$or": []}},
    "an and of nothing": {"s": {"$and": []}},
    "a field of nothing": {"s": {"email": {}}},
    "a list of values": {"s": {"firstName": {"$in": ["", "a,b", "a||b"]}}},
    "between": {"filter": "lastName||$between||K,N"},
    "an id": {"filter": "id||$lt||8"},
    "lower case": {"filter": ["lastName||$eqL||knuth"]},
    "a wildcard": {"filter": "email||$cont||per%cent"},
}


@pytest.mark.parametrize("name", CONDITIONS)
def test_iteration_by_key_gives_the_rows_of_one_read_under_the_same_condition(face, refserver, name):
    condition = CONDITIONS[name]

    def do(client, get):
        by_number = _ids(get(client.contacts.list(**condition, sort="id,ASC", limit=500)))
        assert _ids(get(client.contacts.list(**condition, limit=7))) == by_number
        assert by_number

    face.session(do, base_url=refserver, strict=True)


def test_conditions_of_all_kinds_select_the_same_rows_by_key_and_by_number(face, refserver, seeded):
    """Sixty conditions made at random, from values of the rows and some that look like others."""
    dice = random.Random(7)
    rows = seeded("contacts")
    fields = ["email", "firstName", "lastName", "phoneNumber", "primaryContact", "id"]
    odd = [
        "0012",
        "12",
        "1.50",
        "1e3",
        "-0",
        "true",
        "2020-01-02",
        "[1,2]",
        "100%",
        "NaN",
        "a b",
        "+1",
        "9007199254740993",
    ]

    def condition():
        field = dice.choice(fields)
        value = str(dice.choice(rows)[field] or "x") if dice.random() < 0.7 else dice.choice(odd)
        may_be_plain = value not in ("", "null") and "||" not in value
        plain = value if may_be_plain and dice.random() < 0.5 else _quoted(value or "x")
        match dice.choice(["$eq", "$ne", "$gt", "$lte", "$starts", "$ends", "$cont", "$excl", "$in", "$isnull"]):
            case "$in":
                return f"{field}||$in||{_quoted(value or 'x')},{_quoted(str(dice.choice(rows)['firstName'] or 'x'))}"
            case "$isnull":
                return f"{field}||{dice.choice(['$isnull', '$notnull'])}"
            case operator:
                return f"{field}||{operator}||{plain}"

    def do(client, get):
        for _ in range(60):
            given = {"filter": [condition() for _ in range(dice.randrange(3))]}
            given["or_"] = [condition() for _ in range(dice.randrange(4))]
            by_number = _ids(get(client.contacts.list(**given, sort="id,ASC", limit=500)))
            assert (given, _ids(get(client.contacts.list(**given, limit=40)))) == (given, by_number)

    face.session(do, base_url=refserver)


def test_a_date_is_compared_as_one_by_key_too(face, engine_with_flat_dates):
    conditions = [
        {"filter": "date_created||$gte||2022-06-15T12:00:00Z"},
        {"filter": ["date_created||$lt||2022-06-15", "version||$gte||3"]},
        {"filter": "date_created||$lt||2021-01-01", "or_": "version||$eq||2"},
        {"or_": ["date_created||$gt||2023-06-01", "lastName||$eq||Knuth"]},
    ]

    def do(client, get):
        for condition in conditions:
            by_number = _ids(get(client.contacts.list(**condition, sort="id,ASC", limit=500)))
            assert _ids(get(client.contacts.list(**condition, limit=7))) == by_number
            assert by_number

    face.session(do, base_url=engine_with_flat_dates, strict=True)


@pytest.fixture(scope="module")
def engine_with_flat_dates(engine):
    with engine(AUDIT="flat") as address:
        yield address


@pytest.mark.parametrize("name", ["filters", "filter beside or", "twenty filters", "a mapping with an or"])
def test_the_condition_of_a_key_selects_what_comes_after_it(face, refserver, name):
    query = calls.contacts.list(**CONDITIONS[name], limit=500, sort="id,ASC").query

    def do(client, get):
        whole = [row["id"] for row in get(client.get("/contacts", query=_mapping(query)))["data"]]
        for last in (whole[0], whole[len(whole) // 2], whole[-1]):
            rest = get(client.get("/contacts", query=_mapping(after(query, last))))
            assert [row["id"] for row in rest["data"]] == [one for one in whole if one > last]

    face.session(do, base_url=refserver)


def _mapping(query):
    return {name: [value for key, value in query if key == name] for name, _ in query}


def test_every_row_is_found_by_each_of_its_texts(face, refserver, seeded):
    def do(client, get):
        for row in seeded("contacts")[:50]:
            for name in ("email", "firstName"):
                if row[name]:  # the empty text can only be said in `s`
                    found = get(client.contacts.list(filter=f"{name}||$eq||{_quoted(row[name])}", fields=name))
                    assert row["id"] in _ids(found)
                found = get(client.contacts.list(s={name: row[name]}, fields=name))
                assert row["id"] in _ids(found)

    face.session(do, base_url=refserver)
