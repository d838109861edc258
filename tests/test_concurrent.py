"""Lists read side by side: what comes out and in which order, how much is asked for, and what is left behind."""

import asyncio
import itertools
import json
import math
import random
import threading
from contextlib import nullcontext
from urllib.parse import parse_qs

import anyio
import httpx
import pytest
from hostile import Hostile
from resuming import cancelled_and_resumed
from steps import NATIVE_WAYS, WAYS

from wootiv import (
    APIConnectionError,
    APITimeoutError,
    AsyncWootiv,
    ClientStateError,
    Sandbox,
    Wootiv,
)
from wootiv.pages import AsyncPage, AsyncPaginator
from wootiv.types import Contact

ADDRESS = "http://wootiv.test"


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


def ids(rows):
    return [json.loads(row)["id"] if isinstance(row, bytes) else row.id for row in rows]


def in_hand(face):
    """Pages that were fetched before a list is read side by side: the first one, in blocking code."""
    return int(face.name.startswith("blocking"))


def everything(sandbox, *, reverse=False):
    return sorted((row["id"] for row in sandbox.tables["/contacts"]), reverse=reverse)


def async_client(transport, **options):
    return AsyncWootiv(**{"api_key": "key", "base_url": ADDRESS, "transport": transport, **options})


@pytest.fixture
def ways(anyio_backend_name):
    return WAYS if anyio_backend_name == "trio" else [*WAYS, *NATIVE_WAYS]


# What comes out

LISTS = ["contacts", "contact_group", "roles", "users", "invitations", "mailbox"]


@pytest.mark.parametrize("ordered", [True, False], ids=["ordered", "as they come"])
@pytest.mark.parametrize("name", LISTS)
def test_every_crud_list_gives_the_rows_that_it_gives_page_by_page(face, sandbox, name, ordered):
    def do(client, get):
        listed = getattr(client, name).list
        one_by_one = ids(get(listed(limit=3)))
        found, stats = get(read(listed(limit=3), 4, ordered=ordered))
        assert sorted(ids(found)) == sorted(one_by_one)
        assert ids(found) == one_by_one or not ordered
        assert (stats.items, stats.repaired, stats.unmatched, stats.repeats) == (len(one_by_one), 0, 0, 0)

    face.session(do, transport=sandbox.transport())


REGISTRIES = {
    "mailbox.registry": lambda client: client.mailbox.registry.retrieve("m1", limit=4),
    "mailbox.registry.action": lambda client: client.mailbox.registry.action.retrieve("m1", limit=4),
    "mailbox.registry.resource": lambda client: client.mailbox.registry.resource.retrieve("m1", limit=4),
    "mailbox.stream.registry": lambda client: client.mailbox.stream.registry.retrieve("s1", id="m1", limit=4),
    "mailbox.stream.registry.action": lambda client: client.mailbox.stream.registry.action.retrieve(
        "s1", id="m1", limit=4
    ),
    "mailbox.stream.registry.resource": lambda client: client.mailbox.stream.registry.resource.retrieve(
        "s1", id="m1", limit=4
    ),
}


def numbered(total, most=100, **more):
    """A server of lists by offset."""

    def answer(request):
        query = httpx.QueryParams(request.url.query)
        offset, limit = int(query.get("offset", 0)), min(int(query.get("limit", 10)), most)
        rows = [{"id": f"{number:03}"} for number in range(offset, min(offset + limit, total))]
        return httpx.Response(200, json={"data": rows, "limit": limit, "offset": offset, "total": total, **more})

    return answer


@pytest.mark.parametrize("ordered", [True, False], ids=["ordered", "as they come"])
@pytest.mark.parametrize("name", REGISTRIES)
def test_every_list_by_offset_is_read_side_by_side_too(face, recorder, name, ordered):
    server = recorder(numbered(30))
    found, stats = face(lambda client: read(REGISTRIES[name](client), 5, ordered=ordered), transport=server.transport())
    assert sorted(ids(found)) == [f"{number:03}" for number in range(30)]
    assert ids(found) == sorted(ids(found)) or not ordered
    offsets = [httpx.QueryParams(request.url.query).get("offset") for request in server.requests]
    assert sorted(offsets[1:], key=int) == [str(offset) for offset in range(3, 30, 3)]
    assert offsets[0] is None
    assert stats.unmatched == 0


@pytest.mark.parametrize("ordered", [True, False], ids=["ordered", "as they come"])
@pytest.mark.parametrize("rows", ["all without", "some without"])
def test_rows_without_an_id_come_once_too(face, recorder, rows, ordered):
    def answer(request):
        number = int(httpx.QueryParams(request.url.query).get("page", 1))
        data = [{"email": f"{number}{letter}"} for letter in "ab"]
        if rows == "some without":
            data[0]["id"] = str(number)
        return httpx.Response(200, json={"data": data, "total": 6, "page": number, "pageCount": 3})

    transport = recorder(answer).transport()
    found, _ = face(lambda client: read(client.contacts.list(limit=2), 3, ordered=ordered), transport=transport)
    assert sorted(one.email for one in found) == ["1a", "1b", "2a", "2b", "3a", "3b"]
    assert all(isinstance(one, Contact) for one in found)


async def test_where_a_row_without_an_id_lies_behind_a_gap_it_comes_once_too(recorder):
    def answer(request):
        query = httpx.QueryParams(request.url.query)
        if "filter" in query:
            rows = [{"id": "c"}, {"email": "x"}, {"id": "d"}] if '"b"' in query["filter"] else []
        else:  # nobody else sees "b" by now
            rows = [{"email": "x"}, {"id": "d"}] if "offset" in query else [{"id": "a"}, {"id": "b"}]
        return httpx.Response(200, json={"data": rows, "total": 3 if "offset" in query else 4})

    async with async_client(recorder(answer).transport()) as client:
        found, stats = await read(client.contacts.list(limit=2), 1, ordered=False)
    assert stats.repaired == 1
    assert sorted(one.id or one.email for one in found) == ["a", "b", "c", "d", "x"]


@pytest.mark.parametrize(
    "given",
    [
        {"limit": 7},
        {"limit": 1},
        {"limit": 0},
        {"limit": 5000},
        {"sort": "id,DESC", "limit": 30},
        {"sort": ["firstName,ASC"], "limit": 30},
        {"page": 2, "limit": 40, "sort": "id,ASC"},
        {"offset": 11, "limit": 40},
        {"page": 4, "limit": 40},
        {"fields": ["email"], "limit": 30},
        {"join": ["contactGroup", "workspace"], "limit": 60},
        {"s": {"$or": [{"phoneNumber": None}, {"phoneNumber": {"$notnull": True}}]}, "limit": 30},
        {"filter": "phoneNumber||$isnull", "limit": 6},
        {"filter": ["id||$notnull"] * 20, "limit": 30},
        {"or_": ["phoneNumber||$isnull", "phoneNumber||$notnull"], "limit": 30},
        {"filter": "id||$ne||2020-01-01", "or_": "id||$isnull", "limit": 30},
    ],
    ids=str,
)
def test_whatever_the_query_the_rows_are_those_that_come_page_by_page(face, given):
    sandbox = Sandbox(rows=130)

    def do(client, get):
        one_by_one = ids(get(client.contacts.list(**given)))
        assert one_by_one
        found, stats = get(read(client.contacts.list(**given), 5))
        assert ids(found) == one_by_one
        assert stats.unmatched == 0
        found, _ = get(read(client.contacts.list(**given), 5, ordered=False))
        assert sorted(ids(found)) == sorted(one_by_one)

    face.session(do, transport=sandbox.transport())


@pytest.mark.parametrize(
    ("rows", "given", "expected"),
    [
        (0, {}, 0),
        (1, {}, 1),
        (100, {}, 100),
        (101, {}, 101),
        (30, {"page": 99}, 0),
        (30, {"offset": 999}, 0),
        (30, {"filter": "email||$isnull"}, 0),
        (1203, {"limit": 1000}, 1203),  # the sandbox gives 500 at most
        (1203, {"limit": 1000, "sort": "email,ASC"}, 1203),
        (1203, {"limit": 1000, "offset": 3}, 1200),
    ],
    ids=str,
)
@pytest.mark.parametrize("ordered", [True, False], ids=["ordered", "as they come"])
def test_lists_of_any_length_are_read_to_their_end(face, rows, given, expected, ordered):
    sandbox = Sandbox(rows=rows)
    found, stats = face.with_sandbox(lambda client: read(client.contacts.list(**given), ordered=ordered), sandbox)
    assert len(set(ids(found))) == len(found) == stats.items == expected
    assert stats.requests <= expected // 100 + 3


def test_a_server_that_repeats_its_last_page_is_not_believed(face, recorder):
    """A full page may have rows behind it, whatever the count says; so the server is asked once more."""
    pages = [[{"id": f"{first}"}, {"id": f"{first + 1}"}] for first in (1, 2, 3)]
    answers = [httpx.Response(200, json={"data": rows, "total": 4}) for rows in pages]
    found, _ = face(lambda client: read(client.contacts.list(limit=2), 1), transport=recorder(*answers).transport())
    assert ids(found) == ["1", "2", "3", "4"]
    pages = [[{"id": "1"}, {"id": "2"}], [{"id": "3"}, {"id": "4"}]]
    answers = [httpx.Response(200, json={"data": rows, "total": 6 - int(rows[1]["id"])}) for rows in pages]
    found = face(lambda client: client.contacts.list(limit=2), transport=recorder(*answers).transport())
    assert ids(found) == ["1", "2", "3", "4"]


@pytest.mark.virtual_time
async def test_a_limit_of_the_list_s_own_is_for_all_of_it(sandbox):
    watching = Watching(sandbox.transport(), lambda _: 2)
    async with async_client(watching) as client:
        begun = anyio.current_time()
        with pytest.raises(APITimeoutError, match=r"total_timeout of 5 s ran out"):
            await client.contacts.list(limit=20, total_timeout=5).collect(3)
        assert anyio.current_time() - begun == pytest.approx(5)
        assert len(await client.contacts.list(limit=20, total_timeout=5).collect(3, total_timeout=60)) == 250


def test_pages_overlap_by_one_row_and_nothing_else_is_asked_for_twice(face, sandbox):
    _, stats = face.with_sandbox(lambda client: read(client.contacts.list(limit=50), 4), sandbox)
    assert stats.pages == len(sandbox.requests) == stats.requests + in_hand(face) == 6
    offsets = [parse_qs(one.query).get("offset") for one in sandbox.requests]
    assert sorted(offsets[1:], key=str) == sorted([["49"], ["98"], ["147"], ["196"], ["245"]], key=str)
    assert offsets[0] is None
    assert (stats.items, stats.retries, stats.waited) == (250, 0, 0.0)


def test_a_whole_list_and_one_that_is_declared_nowhere_are_read_too(face, recorder):
    rows = [{"sid": "1"}, {"sid": "2"}]
    transport = recorder(httpx.Response(200, json=rows)).transport()
    for ordered in True, False:
        found, stats = face(
            lambda client, ordered=ordered: read(client.space.tokens.list("s1"), ordered=ordered), transport=transport
        )
        assert (len(found), stats.requests) == (2, 1 - in_hand(face))
        found, _ = face(
            lambda client, ordered=ordered: read(client.space.members.list("s1"), ordered=ordered), transport=transport
        )
        assert len(found) == 2


# From a page in hand


@pytest.mark.parametrize("given", [{}, {"sort": "id,DESC"}, {"sort": "firstName,ASC"}, {"page": 1}], ids=str)
@pytest.mark.parametrize("raw", [False, True])
def test_from_a_page_in_hand_it_goes_on_from_there(face, sandbox, given, raw):
    async def second(listed):
        return await (await listed).get_next_page()

    def do(client, get):
        listed = client.contacts.list(limit=20, **given)
        page = listed.get_next_page() if isinstance(client, Wootiv) else get(second(listed))
        expected = ids(get(client.contacts.list(limit=20, **given)))[20:]
        asked = len(sandbox.requests)
        found, stats = get(read(page, 3, raw=raw))
        assert ids(found) == expected
        assert stats.requests == len(sandbox.requests) - asked == 12 + raw

    face.session(do, transport=sandbox.transport())


def test_the_last_page_in_hand_is_all_that_is_left(face, sandbox):
    def do(client, get):
        for given in {"limit": 100, "page": 3}, {"limit": 100, "offset": 200}:
            listed = client.contacts.list(**given, sort="id,ASC")
            page = listed if isinstance(client, Wootiv) else get(listed.first())
            found, stats = get(read(page, 4))
            assert ids(found) == everything(sandbox)[200:]
            assert (stats.requests, stats.unmatched) == (0, 0)

    face.session(do, transport=sandbox.transport())


# The forms of it


async def test_pages_of_it_are_lists_of_rows_none_of_them_empty(sandbox):
    async with sandbox.async_client() as client, client.contacts.list(limit=100).concurrent(3) as contacts:
        first = await anext(contacts)
        pages = [page async for page in contacts.pages()]
        assert await contacts.next_rows() is None
        with pytest.raises(StopAsyncIteration):
            await anext(contacts)
    assert [len(page) for page in pages] == [99, 99, 51]
    assert [first.id, *(one.id for page in pages for one in page)] == everything(sandbox)


def test_blocking_pages_of_it_are_lists_of_rows_none_of_them_empty(sandbox):
    with sandbox.client() as client, client.contacts.list(limit=100).concurrent(3) as contacts:
        first = next(contacts)
        pages = list(contacts.pages())
        assert contacts.next_rows() is None
        with pytest.raises(StopIteration):
            next(contacts)
    assert [len(page) for page in pages] == [99, 99, 51]
    assert [first.id, *(one.id for page in pages for one in page)] == everything(sandbox)


@pytest.mark.parametrize("ordered", [True, False], ids=["ordered", "as they come"])
def test_raw_rows_are_as_the_server_sent_them(face, recorder, ordered):
    sent = [b'{"id" : "1", "new": 1e5}', b'{"id":"2",  "email": "\\u00e9"}', b'{"firstName":7, "id":"3"}']

    def answer(request):
        offset = int(httpx.QueryParams(request.url.query).get("offset", 0))
        return httpx.Response(200, content=b'{"data": [%b], "total": 3}' % b", ".join(sent[offset : offset + 2]))

    found, _ = face(
        lambda client: read(client.contacts.list(limit=2), raw=True, ordered=ordered),
        transport=recorder(answer).transport(),
    )
    assert found == sent
    assert {type(row) for row in found} == {bytes}


def test_collect_gives_a_list_and_count_counts(face, sandbox):
    def do(client, get):
        listed = client.contacts.list(limit=30)
        assert ids(get(listed.collect(4))) == everything(sandbox)
        assert ids(get(listed.collect())) == everything(sandbox)
        assert ids(get(listed.collect(max_items=31))) == everything(sandbox)[:31]
        assert ids(get(listed.collect(raw=True))) == everything(sandbox)
        assert get(listed.count()) == 250

    face.session(do, transport=sandbox.transport())


def test_a_count_is_of_the_whole_list_from_any_page_and_of_what_it_starts_after(face, sandbox):
    async def second(listed):
        return await (await listed).get_next_page()

    def do(client, get):
        for given in {"limit": 30}, {"limit": 30, "page": 1}, {"limit": 30, "sort": "email,ASC"}:
            listed = client.contacts.list(**given)
            page = listed.get_next_page() if isinstance(client, Wootiv) else get(second(listed))
            assert get(page.count()) == 250
        assert get(client.contacts.list(after=everything(sandbox)[99]).count()) == 150
        assert get(client.contacts.list(filter="phoneNumber||$isnull").count()) == 50

    face.session(do, transport=sandbox.transport())


def test_a_count_where_the_server_tells_none_goes_over_all_rows(face, recorder):
    def answer(request):
        rows = [{"id": f"{number}"} for number in range(5)]
        last = httpx.QueryParams(request.url.query).get("filter", 'id||$gt||""').split('"')[1]
        return httpx.Response(200, json=[row for row in rows if row["id"] > last][:2])

    async def second(listed):
        return await (await listed).get_next_page()

    def do(client, get):
        listed = client.contacts.list(limit=2)
        assert get(listed.count()) == 5
        page = listed.get_next_page() if isinstance(client, Wootiv) else get(second(listed))
        assert get(page.count()) == 5

    face.session(do, transport=recorder(answer).transport())


@pytest.mark.parametrize("ordered", [True, False], ids=["ordered", "as they come"])
@pytest.mark.parametrize(("most", "requests"), [(0, 0), (1, 1), (20, 1), (21, 2), (100, 6), (250, 14), (999, 14)])
def test_no_more_items_are_given_than_asked_for_and_not_much_more_is_fetched(face, sandbox, most, requests, ordered):
    def do(client, get):
        found, stats = get(read(client.contacts.list(limit=20), 8, max_items=most, ordered=ordered))
        assert len(set(ids(found))) == len(found) == min(most, 250) == stats.items
        if ordered:
            assert ids(found) == everything(sandbox)[:most]
            assert len(sandbox.requests) == max(requests, in_hand(face))
        else:
            assert len(sandbox.requests) <= max(requests, in_hand(face)) + 1
            assert not any("filter" in one.query for one in sandbox.requests)

    face.session(do, transport=sandbox.transport())


SECONDS = "total_timeout: expected a number of seconds"


@pytest.mark.parametrize(
    ("use", "error", "message"),
    [
        (lambda page: page.concurrent(0), ValueError, "concurrency: expected 1 or more, got 0"),
        (lambda page: page.concurrent(True), TypeError, "concurrency: expected an int, 1 or more, got True"),
        (lambda page: page.concurrent(ordered="no"), TypeError, "ordered: expected True or False, got 'no'"),
        (lambda page: page.concurrent("8"), TypeError, "concurrency: expected an int, 1 or more, got '8'"),
        (lambda page: page.concurrent(max_items=-1), ValueError, "max_items: expected 0 or more, got -1"),
        (lambda page: page.concurrent(max_items=1.5), TypeError, r"max_items: expected an int, 0 or more, got 1\.5"),
        (lambda page: page.concurrent(total_timeout=-1), ValueError, f"{SECONDS}, 0 or more, got -1"),
        (lambda page: page.concurrent(total_timeout=math.nan), ValueError, f"{SECONDS}, 0 or more, got nan"),
        (lambda page: page.concurrent(total_timeout="3"), TypeError, f"{SECONDS} or None, got '3'"),
        (lambda page: page.concurrent(orderd=True), TypeError, "orderd"),
    ],
    ids=itertools.count(),
)
def test_what_cannot_be_is_refused_before_anything_is_sent(face, sandbox, use, error, message):
    def do(client, get):
        page = client.contacts.list(limit=3)
        asked = len(sandbox.requests)
        with pytest.raises(error, match=message):
            use(page)
        assert len(sandbox.requests) == asked

    face.session(do, transport=sandbox.transport())


async def test_it_is_used_inside_its_own_block_and_once(sandbox):
    async with sandbox.async_client() as client:
        contacts = client.contacts.list(limit=30).concurrent(3)
        assert contacts.stats.requests == 0
        with pytest.raises(RuntimeError, match=r"contacts\.list: use it inside its own `with` block"):
            await anext(contacts)
        async with contacts:
            await anext(contacts)
            with pytest.raises(RuntimeError, match=r"contacts\.list: .* can be entered once"):
                await contacts.__aenter__()
        with pytest.raises(RuntimeError, match=r"contacts\.list: use it inside its own `with` block"):
            [one async for one in contacts]
        assert contacts.stats.items == 30


def test_a_blocking_one_is_used_inside_its_own_block_and_once(sandbox):
    with sandbox.client() as client:
        contacts = client.contacts.list(limit=30).concurrent(3)
        assert contacts.stats.requests == 0
        with pytest.raises(RuntimeError, match="use it inside its own `with` block"):
            next(contacts)
        with contacts:
            next(contacts)
            with pytest.raises(RuntimeError, match=r"contacts\.list: .* can be entered once"), contacts:
                pass
            assert ids(contacts) == everything(sandbox)[1:]
        with pytest.raises(ClientStateError, match="this block was left already"):
            next(contacts)
        assert contacts.stats.items == 250


# While others write

QUERIES = [
    {},
    {"sort": "id,ASC"},
    {"sort": "id,DESC"},
    {"filter": "id||$notnull"},
    {"filter": ["id||$notnull"] * 20},
    {"or_": ["email||$notnull", "id||$isnull"]},
    {"s": {"email": {"$notnull": True}}},
    {"fields": "email"},
]


def check(found, hostile, *, ordered, reverse=False):
    """Every row that was there throughout came exactly once, in order, and none that never was."""
    assert len(found) == len(set(found)), "doubled"
    assert hostile.throughout <= set(found) <= hostile.before | hostile.inserted
    if ordered:
        assert found == sorted(found, reverse=reverse)


def any_way(dice):
    """How to read, and what."""
    limit, concurrency = dice.choice([1, 2, 3, 5, 7, 30, 200]), dice.choice([1, 2, 3, 8])
    how = {"concurrency": concurrency, "ordered": dice.random() < 0.5, "raw": dice.random() < 0.2}
    return {"limit": limit, **dice.choice(QUERIES)}, how


@pytest.mark.parametrize("seeds", [range(at, at + 30) for at in range(0, 90, 30)], ids=str)
async def test_a_hostile_writer_costs_no_row_that_stays(seeds):
    for seed in seeds:
        dice = random.Random(seed)
        given, how = any_way(dice)
        hostile = Hostile(Sandbox(rows=dice.choice([1, 5, 40, 40, 120]), seed=seed), dice)
        async with async_client(hostile) as client:
            listed = client.contacts.list(**given)
            skipped = []
            for _ in range(dice.choice([0, 0, 1, 3])):  # from a page in hand
                page = listed if isinstance(listed, AsyncPage) else await listed
                skipped += ids(page.data) if page.has_next_page() else []
                listed = await page.get_next_page() if page.has_next_page() else page
            found, stats = await read(listed, **how)
        check(skipped + ids(found), hostile, ordered=how["ordered"], reverse=given.get("sort") == "id,DESC")
        assert (stats.items, stats.unmatched, stats.retries) == (len(found), 0, 0), seed


@pytest.mark.parametrize("seed", range(12))
def test_a_hostile_writer_costs_a_blocking_reader_no_row_that_stays(seed):
    dice = random.Random(f"blocking {seed}")
    given, how = any_way(dice)
    hostile = Hostile(Sandbox(rows=80, seed=seed), dice)
    with Wootiv(api_key="key", base_url=ADDRESS, transport=hostile, backend=dice.choice(["asyncio", "trio"])) as client:
        found, _ = read(client.contacts.list(**given), **how)
    check(ids(found), hostile, ordered=how["ordered"], reverse=given.get("sort") == "id,DESC")


@pytest.mark.parametrize("ordered", [True, False], ids=["ordered", "as they come"])
@pytest.mark.parametrize("sort", ["id,ASC", "id,DESC"])
def test_a_hostile_writer_costs_none_of_thousands_of_rows_that_stay(face, sort, ordered):
    hostile = Hostile(Sandbox(rows=3000), random.Random(sort), busy=True)
    found, stats = face(
        lambda client: read(client.contacts.list(limit=100, sort=sort), 8, ordered=ordered), transport=hostile
    )
    check(ids(found), hostile, ordered=ordered, reverse=sort == "id,DESC")
    assert len(hostile.deleted) > 60
    assert stats.repaired
    assert stats.requests == hostile.asked - in_hand(face) < 100


@pytest.mark.parametrize("sort", [{}, {"sort": "id,ASC"}, {"sort": "id,DESC"}], ids=str)
def test_a_hostile_writer_costs_no_row_that_stays_page_by_page(face, sort):
    for seed in range(6):
        hostile = Hostile(Sandbox(rows=90, seed=seed), random.Random(f"plain {seed}"))
        limit = hostile.dice.choice([2, 7, 30])
        found = face(lambda client, limit=limit: client.contacts.list(limit=limit, **sort), transport=hostile)
        check(ids(found), hostile, ordered=True, reverse=sort.get("sort") == "id,DESC")


@pytest.mark.parametrize("sort", ["id,ASC", "id,DESC"])
@pytest.mark.parametrize("concurrency", [1, 8])
def test_deleting_each_contact_that_comes_leaves_none(sandbox, sort, concurrency):
    with sandbox.client() as client, client.contacts.list(limit=10, sort=sort).concurrent(concurrency) as contacts:
        for contact in contacts:
            client.contacts.delete(contact.id)
        assert client.contacts.list().count() == 0


# In an order of the caller's own


class Shifting(httpx.AsyncBaseTransport):
    """A sandbox in which the row that is first by e-mail goes, before each answer but the first."""

    def __init__(self, sandbox):
        self.table = sandbox.tables["/contacts"]
        self.door = sandbox.transport()
        self.asked = 0

    async def handle_async_request(self, request):
        self.asked += 1
        if self.asked > 1:
            self.table.delete(min(self.table, key=lambda row: row["email"])["id"])
        return await self.door.handle_async_request(request)


@pytest.mark.parametrize("ordered", [True, False], ids=["ordered", "as they come"])
def test_in_an_order_of_ones_own_what_does_not_join_is_counted_and_warned_of_once(face, sandbox, ordered):
    with pytest.warns(UserWarning, match=r"^contacts\.list: rows moved between two pages") as caught:
        found, stats = face(
            lambda client: read(client.contacts.list(limit=20, sort="email,ASC"), 1, ordered=ordered),
            transport=Shifting(sandbox),
        )
    assert [one.filename for one in caught] == [__file__]
    assert stats.unmatched > 1
    assert stats.repaired == 0
    assert len(set(ids(found))) == len(found)


async def test_a_warning_that_is_an_error_costs_no_row(sandbox):
    async with (
        async_client(Shifting(sandbox)) as client,
        client.contacts.list(limit=20, sort="email,ASC").concurrent(1) as contacts,
    ):
        found = [await contacts.next_rows()]
        with pytest.raises(UserWarning, match="rows moved"):
            await contacts.next_rows()
        found += [rows async for rows in contacts.pages()]
        assert [len(rows) for rows in found[:3]] == [20, 20, 20]
        assert sum(map(len, found)) == contacts.stats.items


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_warning_that_is_an_error_costs_no_row_in_blocking_code(sandbox, backend):
    found, door = [], {"api_key": "key", "base_url": ADDRESS, "transport": Shifting(sandbox)}
    with (
        Wootiv(backend=backend, **door) as client,
        client.contacts.list(limit=20, sort="email,ASC").concurrent(1) as contacts,
    ):
        with pytest.raises(UserWarning, match="rows moved"):
            found.extend(contacts)
        found.extend(contacts)
    assert len(found) == contacts.stats.items
    assert len(set(ids(found))) == len(found)


# Errors


class Failing(httpx.AsyncBaseTransport):
    """A sandbox that fails where it is told to: `fails(query)` of a request's query, so often."""

    def __init__(self, sandbox, fails, times=10**9, error=None):
        self.door = sandbox if isinstance(sandbox, Hostile) else sandbox.transport()
        self.fails = fails
        self.times = times
        self.error = error or httpx.ReadError("gone")
        self.asked = 0

    async def handle_async_request(self, request):
        self.asked += 1
        if self.times and self.fails({name: one for name, (one, *_) in parse_qs(request.url.query.decode()).items()}):
            self.times -= 1
            raise self.error
        return await self.door.handle_async_request(request)


def at_offset(number):
    return lambda query: int(query.get("offset", 0)) >= number


async def _until_it_fails(listed, found, **how):
    async with listed.concurrent(4, **how) as contacts:
        async for contact in contacts:
            found.append(contact.id)


def until_it_fails(listed, found, **how):
    if isinstance(listed, AsyncPaginator | AsyncPage):
        return _until_it_fails(listed, found, **how)
    with listed.concurrent(4, **how) as contacts:
        for contact in contacts:
            found.append(contact.id)
    return None


@pytest.mark.parametrize("sort", ["id,ASC", "id,DESC"])
def test_a_page_that_fails_raises_after_all_rows_before_it_and_says_where_to_go_on(face, sandbox, sort):
    whole = everything(sandbox, reverse=sort == "id,DESC")

    def do(client, get):
        found = []
        with pytest.raises(APIConnectionError, match="gone") as caught:
            get(until_it_fails(client.contacts.list(limit=20, sort=sort), found))
        assert found == whole[: len(found)]
        assert len(found) == 134  # seven pages, which overlap by a row
        assert caught.value.resume_after == found[-1]
        return caught.value.resume_after

    last = face.session(do, transport=Failing(sandbox, at_offset(133)), max_retries=0)
    for rest in (
        face.with_sandbox(lambda client: client.contacts.list(limit=20, sort=sort, after=last), sandbox),
        face.with_sandbox(lambda client: read(client.contacts.list(limit=20, sort=sort, after=last)), sandbox)[0],
    ):
        assert ids(rest) == whole[134:]


def test_as_they_come_rows_before_the_error_s_place_have_all_been_given(face, sandbox):
    def do(client, get):
        found = []
        with pytest.raises(APIConnectionError) as caught:
            get(until_it_fails(client.contacts.list(limit=20), found, ordered=False))
        whole = everything(sandbox)
        upto = whole.index(caught.value.resume_after) + 1
        assert set(whole[:upto]) <= set(found)
        assert upto >= 77  # what failed is asked for with the window, four pages, not before

    face.session(do, transport=Failing(sandbox, at_offset(133)), max_retries=0)


def test_page_by_page_an_error_says_where_to_go_on_too(face, sandbox):
    whole = everything(sandbox)
    transport = Failing(sandbox, lambda query: whole[79] in query.get("filter", ""))

    def do(client, get):
        with pytest.raises(APIConnectionError) as caught:
            get(client.contacts.list(limit=20))
        assert caught.value.resume_after == whole[79]
        with pytest.raises(APIConnectionError) as caught:
            get(client.contacts.list(limit=20, after=whole[79]))
        assert caught.value.resume_after == whole[79]
        transport.times = 0
        assert ids(get(client.contacts.list(limit=20, after=caught.value.resume_after))) == whole[80:]

    face.session(do, transport=transport, max_retries=0)


@pytest.mark.parametrize("given", [{}, {"sort": "email,ASC"}, {"page": 1}], ids=str)
def test_an_error_before_any_row_or_in_another_order_says_nowhere(face, sandbox, given):
    def do(client, get):
        for use in lambda listed: listed, lambda listed: read(listed, 4):
            with pytest.raises(APIConnectionError) as caught:
                get(use(client.contacts.list(limit=20, **given)))
            assert caught.value.resume_after is None

    face.session(do, transport=Failing(sandbox, lambda query: query.get("sort") or given == {}), max_retries=0)


def test_where_a_list_by_key_has_to_go_on_by_number_an_error_says_nowhere(face, recorder):
    """Such as with a server that passes over the key."""

    def answer(request):
        if httpx.QueryParams(request.url.query)["page"] == "2":
            raise httpx.ReadError("gone")
        return httpx.Response(200, json={"data": [{"id": "1"}], "total": 3, "page": 1, "pageCount": 3})

    with pytest.raises(APIConnectionError, match="gone") as caught:
        face(lambda client: client.contacts.list(limit=1), transport=recorder(answer).transport(), max_retries=0)
    assert caught.value.resume_after is None


@pytest.mark.parametrize("given", [{"sort": "email,ASC"}, {"page": 1}], ids=str)
def test_in_another_order_an_error_in_the_midst_says_nowhere_either(face, sandbox, given):
    def do(client, get):
        found = []
        with pytest.raises(APIConnectionError) as caught:
            get(until_it_fails(client.contacts.list(limit=20, **given), found))
        assert len(found) == 134
        assert caught.value.resume_after is None

    face.session(do, transport=Failing(sandbox, at_offset(133)), max_retries=0)


def test_the_page_in_hand_that_is_fetched_again_says_where_it_starts_if_that_fails(face, sandbox):
    whole = everything(sandbox)
    transport = Failing(sandbox, lambda query: whole[39] in query.get("filter", ""), times=0)

    async def third(listed):
        return await (await (await listed).get_next_page()).get_next_page()

    def do(client, get):
        listed = client.contacts.list(limit=20)
        page = listed.get_next_page().get_next_page() if isinstance(client, Wootiv) else get(third(listed))
        transport.times = 1
        with pytest.raises(APIConnectionError) as caught:
            get(read(page, raw=True))
        assert caught.value.resume_after == whole[39]

    face.session(do, transport=transport, max_retries=0)


def test_where_the_client_has_conditions_of_its_own_they_hold_after_an_id_too(face, sandbox):
    expected = sorted(row["id"] for row in sandbox.tables["/contacts"] if row["phoneNumber"] is None)

    def do(client, get):
        assert ids(get(client.contacts.list(limit=7, after=expected[9]))) == expected[10:]
        assert ids(get(read(client.contacts.list(limit=7, after=expected[9])))[0]) == expected[10:]

    face.session(do, transport=sandbox.transport(), default_query={"filter": "phoneNumber||$isnull"})


def test_where_the_client_has_an_order_of_its_own_none_starts_after_an_id(face, sandbox):
    def do(client, get):
        with pytest.raises(ValueError, match=r"after: expected a list in order of id, .*, got default_query"):
            get(client.contacts.list(after="1"))

    face.session(do, transport=sandbox.transport(), default_query={"sort": "email,ASC"})


@pytest.mark.parametrize("ordered", [True, False], ids=["ordered", "as they come"])
async def test_who_reads_on_after_an_error_has_the_page_asked_for_again(sandbox, ordered):
    transport = Failing(sandbox, at_offset(60), times=9)
    found, told = [], []
    async with (
        async_client(transport, max_retries=0) as client,
        client.contacts.list(limit=20).concurrent(3, ordered=ordered) as contacts,
    ):
        while True:
            try:
                found.append((await anext(contacts)).id)
            except StopAsyncIteration:
                break
            except APIConnectionError as error:
                told.append(error.resume_after)
    assert len(told) == 9
    assert set(told) <= set(found)
    assert sorted(found) == everything(sandbox)
    assert found == sorted(found) or not ordered


def test_who_reads_on_after_an_error_has_the_page_asked_for_again_in_blocking_code(sandbox):
    transport = Failing(sandbox, at_offset(60), times=9)
    found, told = [], []
    with (
        sandbox.client(transport=transport, max_retries=0) as client,
        client.contacts.list(limit=20).concurrent(3) as contacts,
    ):
        while True:
            try:
                found.append(next(contacts).id)
            except StopIteration:
                break
            except APIConnectionError as error:
                told.append(error.resume_after == found[-1])
    assert told == [True] * 9
    assert found == everything(sandbox)


async def test_a_question_by_key_that_fails_is_asked_again_too(sandbox):
    table = sandbox.tables["/contacts"]
    fails = Failing(sandbox, lambda query: "filter" in query, times=2)
    found, told = [], []
    async with async_client(fails, max_retries=0) as client, client.contacts.list(limit=20).concurrent(1) as contacts:
        while True:
            try:
                found.append((await anext(contacts)).id)
            except StopAsyncIteration:
                break
            except APIConnectionError as error:
                told.append(error.resume_after == found[-1])
            if len(found) == 1:
                table.delete(everything(sandbox)[19])  # where the first two pages meet
        assert contacts.stats.repaired == 1
    assert told == [True, True]
    assert found[20:] == everything(sandbox)[19:]


# The window


class Watching(httpx.AsyncBaseTransport):
    """A sandbox that knows how many pages are in flight, or were answered and not taken by the reader."""

    def __init__(self, door, waits):
        self.door = door
        self.waits = waits
        self.in_flight = self.answered = self.taken = self.most = self.most_in_flight = 0

    async def handle_async_request(self, request):
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        self.most = max(self.most, self.in_flight + self.answered - self.taken)
        try:
            await anyio.sleep(self.waits(request))
            response = await self.door.handle_async_request(request)
        finally:
            self.in_flight -= 1
        self.answered += 1
        return response


@pytest.mark.virtual_time
@pytest.mark.parametrize("ordered", [True, False], ids=["ordered", "as they come"])
async def test_one_slow_page_and_a_slow_reader_let_no_more_pages_wait_than_the_window_has(sandbox, ordered):
    def waits(request):
        return 1000 if httpx.QueryParams(request.url.query).get("offset") == "56" else 1

    watching = Watching(sandbox.transport(), waits)
    async with (
        async_client(watching, timeout=None) as client,
        client.contacts.list(limit=8).concurrent(5, ordered=ordered) as contacts,
    ):
        async for _ in contacts.pages():
            watching.taken += 1
            await anyio.sleep(7)
    assert watching.taken == 36
    assert watching.most == 5


@pytest.mark.virtual_time
async def test_while_a_page_is_slow_and_the_reader_waits_for_it_the_window_is_full_and_no_more(sandbox):
    def waits(request):
        return 1000 if httpx.QueryParams(request.url.query).get("offset") == "56" else 1

    watching = Watching(sandbox.transport(), waits)
    async with async_client(watching, timeout=None) as client, client.contacts.list(limit=8).concurrent(5) as contacts:
        found = 0
        with anyio.move_on_after(500):
            async for _ in contacts:
                found += 1
        assert found == 57  # all rows before the slow page
        assert (watching.in_flight, watching.answered) == (1, 12)


@pytest.mark.virtual_time
@pytest.mark.parametrize("ordered", [True, False], ids=["ordered", "as they come"])
@pytest.mark.parametrize("concurrency", [1, 2, 5])
async def test_no_more_is_in_flight_than_the_window_has_while_others_write(ordered, concurrency):
    for seed in range(8):
        dice = random.Random(seed)
        hostile = Hostile(Sandbox(rows=100, seed=seed), dice)
        watching = Watching(hostile, lambda _, dice=dice: dice.choice([0, 1, 30]))
        async with async_client(watching) as client:
            found, _ = await read(client.contacts.list(limit=5), concurrency, ordered=ordered)
        check(ids(found), hostile, ordered=ordered)
        assert watching.most_in_flight <= concurrency


@pytest.mark.virtual_time
@pytest.mark.parametrize("concurrency", [1, 2, 3])
async def test_a_question_by_key_has_its_place_in_the_window_when_rows_are_taken_as_they_come(concurrency):
    sandbox = Sandbox(rows=100)
    whole = everything(sandbox)

    def waits(request):
        query = httpx.QueryParams(request.url.query)
        if query.get("offset") == "9":
            for id in whole[:3]:
                sandbox.tables["/contacts"].delete(id)  # so the second page begins behind where the first one ends
        return 50 if "filter" in query else 1

    watching = Watching(sandbox.transport(), waits)
    async with (
        async_client(watching) as client,
        client.contacts.list(limit=10).concurrent(concurrency, ordered=False) as contacts,
    ):
        found = []
        async for rows in contacts.pages():
            found += ids(rows)
            watching.taken += 1
        assert contacts.stats.repaired == 1
    assert sorted(found) == whole
    assert watching.most == concurrency


@pytest.mark.virtual_time
@pytest.mark.parametrize("ordered", [True, False], ids=["ordered", "as they come"])
async def test_twenty_readers_share_the_slots_of_a_client_fairly(ordered):
    sandbox = Sandbox(rows=400)
    watching = Watching(sandbox.transport(), lambda _: 1)
    pages, spread = [0] * 20, []

    async with async_client(watching, max_connections=64) as client:

        async def use(number):
            async with client.contacts.list(limit=11).concurrent(4, ordered=ordered) as contacts:
                found = []
                async for rows in contacts.pages():
                    found += [one.id for one in rows]
                    pages[number] += 1
                    spread.append(max(pages) - min(pages))
            assert sorted(found) == everything(sandbox)

        begun = anyio.current_time()
        async with anyio.create_task_group() as tasks:
            for number in range(20):
                tasks.start_soon(use, number)
        seconds = anyio.current_time() - begun
    assert pages == [40] * 20
    assert watching.most_in_flight == 64
    assert seconds <= 40 * 20 / 64 + 4
    assert max(spread) <= 12  # three windows; all in all each reads forty pages


# Time limits, on virtual time


@pytest.mark.virtual_time
@pytest.mark.parametrize("ordered", [True, False], ids=["ordered", "as they come"])
async def test_total_timeout_is_for_all_of_it_from_the_block_s_start(sandbox, ordered):
    watching = Watching(sandbox.transport(), lambda _: 2)
    found = []
    async with async_client(watching) as client:
        begun = anyio.current_time()
        with pytest.raises(APITimeoutError, match=r"total_timeout of 5 s ran out") as caught:
            await _until_it_fails(client.contacts.list(limit=20), found, total_timeout=5, ordered=ordered)
        assert anyio.current_time() - begun == pytest.approx(5)
        assert watching.in_flight == 0
        assert found == everything(sandbox)[:96] or not ordered  # the first page, and a window of four
        assert caught.value.resume_after in found
        assert len([one async for one in client.contacts.list(limit=50)]) == 250


@pytest.mark.virtual_time
async def test_what_came_in_time_can_be_read_after_the_time_has_run_out(sandbox):
    watching = Watching(sandbox.transport(), lambda _: 2)
    async with (
        async_client(watching) as client,
        client.contacts.list(limit=100).concurrent(3, total_timeout=5) as contacts,
    ):
        pages = [await contacts.next_rows()]
        await anyio.sleep(60)
        pages += [rows async for rows in contacts.pages()]
    assert sum(map(len, pages)) == 250


@pytest.mark.virtual_time
async def test_a_wait_that_cannot_end_in_time_is_not_begun(sandbox):
    def answer(request):
        if "offset" in httpx.QueryParams(request.url.query):
            return httpx.Response(429, headers={"retry-after": "60"})
        return sandbox.transport().handle_request(request)

    async with async_client(httpx.MockTransport(answer)) as client:
        begun = anyio.current_time()
        with pytest.raises(APITimeoutError) as caught:
            await client.contacts.list(limit=100).collect(4, total_timeout=30)
        assert anyio.current_time() == begun
        assert caught.value.resume_after == everything(sandbox)[99]


@pytest.mark.virtual_time
async def test_without_a_limit_a_rate_limit_is_waited_for_and_counted_as_one_wait(sandbox):
    refused = []

    def answer(request):
        if "offset" in httpx.QueryParams(request.url.query) and len(refused) < 4:
            refused.append(request)
            return httpx.Response(429, headers={"retry-after": "60"})
        return sandbox.transport().handle_request(request)

    async with async_client(httpx.MockTransport(answer)) as client:
        begun = anyio.current_time()
        found, stats = await read(client.contacts.list(limit=50), 8)
        seconds = anyio.current_time() - begun
    assert ids(found) == everything(sandbox)
    assert (stats.items, stats.requests, stats.retries) == (250, 6 + len(refused), len(refused))
    assert 60 <= stats.waited <= seconds


@pytest.mark.virtual_time
async def test_a_failure_that_passes_is_told_of_in_the_statistics_alone(sandbox):
    sandbox.fail("contacts.list", status=500, times=2)
    async with async_client(sandbox.transport()) as client:
        found, stats = await read(client.contacts.list(limit=50), 8)
    assert len(found) == 250
    assert (stats.pages, stats.requests, stats.retries, stats.waited) == (6, 8, 2, 0.0)


@pytest.mark.virtual_time
@pytest.mark.parametrize("seconds", [0.5, 3, 7.5, 11, 31])
async def test_the_callers_scopes_cancel_and_nothing_else(sandbox, seconds):
    watching = Watching(sandbox.transport(), lambda _: 2)
    async with async_client(watching) as client:
        begun = anyio.current_time()
        with anyio.move_on_after(seconds) as scope:
            await client.contacts.list(limit=5).collect(3, total_timeout=60)
        assert scope.cancelled_caught
        with pytest.raises(TimeoutError) as caught, anyio.fail_after(seconds):
            await read(client.contacts.list(limit=5), 3, ordered=False)
        assert type(caught.value) is TimeoutError
        assert anyio.current_time() - begun == pytest.approx(2 * seconds)
        assert watching.in_flight == 0


def test_a_time_limit_ends_a_blocking_read(face, sandbox):
    async def never(request):
        if "offset" in httpx.QueryParams(request.url.query):
            await anyio.sleep_forever()
        return sandbox.transport().handle_request(request)

    with pytest.raises(APITimeoutError, match=r"total_timeout of 1 s ran out") as caught:
        face(
            lambda client: read(client.contacts.list(limit=100), total_timeout=1),
            transport=httpx.MockTransport(never),
        )
    assert caught.value.resume_after == everything(sandbox)[99]


# Cancelled anywhere


@pytest.mark.parametrize("ordered", [True, False], ids=["ordered", "as they come"])
async def test_an_anext_that_is_cancelled_anywhere_loses_and_doubles_nothing(ways, ordered):
    for way, seed in itertools.product(ways, range(3)):
        dice = random.Random(seed)
        hostile = Hostile(Sandbox(rows=24, seed=seed), dice)
        failing = Failing(hostile, lambda _, dice=dice: dice.random() < 0.1, times=5)
        found, over = [], []
        async with (
            async_client(failing, max_retries=0) as client,
            client.contacts.list(limit=5).concurrent(3, ordered=ordered) as contacts,
        ):

            async def one(contacts=contacts, found=found, over=over):
                try:
                    found.append((await anext(contacts)).id)
                except StopAsyncIteration:
                    over.append(True)
                except APIConnectionError:
                    pass

            assert await cancelled_and_resumed(way, one, lambda over=over: over) > 8
            assert contacts.stats.items == len(found)
        check(found, hostile, ordered=ordered)


async def test_tasks_that_share_it_share_its_rows(sandbox):
    found = []
    hostile = Hostile(sandbox, random.Random(5))
    async with async_client(hostile) as client, client.contacts.list(limit=10).concurrent(4) as contacts:

        async def work():
            async for one in contacts:
                found.append(one.id)
                await anyio.lowlevel.checkpoint()

        async with anyio.create_task_group() as tasks:
            for _ in range(4):
                tasks.start_soon(work)
    check(found, hostile, ordered=False)


def test_threads_that_share_it_share_its_rows(sandbox):
    found = []
    with sandbox.client() as client, client.contacts.list(limit=10).concurrent(4) as contacts:
        threads = [threading.Thread(target=lambda: found.extend(one.id for one in contacts)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(found) == everything(sandbox)


async def test_a_task_that_waits_when_another_leaves_the_block_is_told(sandbox):
    told = []

    async def never(request):
        await anyio.sleep_forever()

    async def wait(contacts):
        with pytest.raises(RuntimeError, match="the block was left meanwhile") as caught:
            await anext(contacts)
        told.append(caught)

    async with (
        async_client(httpx.MockTransport(never)) as client,
        anyio.create_task_group() as tasks,
        client.contacts.list().concurrent(4) as contacts,
    ):
        tasks.start_soon(wait, contacts)
        await anyio.wait_all_tasks_blocked()
    assert told


def test_a_thread_that_waits_when_another_leaves_the_block_is_told(sandbox):
    told, waits = [], threading.Event()

    async def never(request):
        if "offset" in httpx.QueryParams(request.url.query):
            waits.set()
            await anyio.sleep_forever()
        return sandbox.transport().handle_request(request)

    def read_on(contacts):
        with pytest.raises(RuntimeError) as caught:
            list(contacts)
        told.append(caught)

    with (
        sandbox.client(transport=httpx.MockTransport(never)) as client,
        client.contacts.list().concurrent(4) as contacts,
    ):
        thread = threading.Thread(target=read_on, args=(contacts,))
        thread.start()
        assert waits.wait(10)
    thread.join(10)
    assert told


# Left in every way, over real sockets


class OwnError(Exception):
    """An error of the body."""


def crowd(server):
    """Wait until a whole window is inside the server."""
    with server.changed:
        assert server.changed.wait_for(lambda: server.inside == 8, 10)


async def leave_by_break(page, server):
    async with page.concurrent(8) as contacts:
        async for _ in contacts:
            await anyio.to_thread.run_sync(crowd, server)
            break


async def leave_by_return(page, server):
    async with page.concurrent(8) as contacts:
        async for _ in contacts:
            await anyio.to_thread.run_sync(crowd, server)
            return


async def leave_by_error(page, server, error):
    async with page.concurrent(8) as contacts:
        async for _ in contacts:
            await anyio.to_thread.run_sync(crowd, server)
            raise error


async def nothing_is_left(client, server):
    """Nothing is in flight, and the client is as good as new."""
    server.latency = 0
    assert await client.get("/quiet", cast_to=bool)
    assert len(await client.contacts.list(limit=100).collect(8)) == 250


@pytest.mark.parametrize("leave", [leave_by_break, leave_by_return])
async def test_a_block_that_is_left_early_leaves_nothing(sandbox, watched, leave):
    with watched(sandbox) as server:
        async with AsyncWootiv(api_key="key", base_url=server.url) as client:
            page = await client.contacts.list(limit=5)
            server.latency = 60
            await leave(page, server)
            await nothing_is_left(client, server)


@pytest.mark.parametrize("kind", [OwnError, KeyboardInterrupt, SystemExit])
async def test_an_error_in_the_block_leaves_as_itself_and_leaves_nothing(sandbox, watched, kind):
    own = kind("own")
    with watched(sandbox) as server:
        async with AsyncWootiv(api_key="key", base_url=server.url) as client:
            page = await client.contacts.list(limit=5)
            server.latency = 60
            with pytest.raises(kind) as caught:
                await leave_by_error(page, server, own)
            assert caught.value is own
            assert (own.__context__, own.__cause__) == (None, None)
            await nothing_is_left(client, server)


async def test_a_scope_that_is_cancelled_from_outside_leaves_nothing(sandbox, watched):
    with watched(sandbox) as server:
        async with AsyncWootiv(api_key="key", base_url=server.url) as client:
            page = await client.contacts.list(limit=5)
            server.latency = 60
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(read, page)
                await anyio.to_thread.run_sync(crowd, server)
                tasks.cancel_scope.cancel()
            await nothing_is_left(client, server)


def test_asyncio_s_own_cancellation_leaves_nothing(sandbox, watched):
    async def main(server):
        async with AsyncWootiv(api_key="key", base_url=server.url) as client:
            page = await client.contacts.list(limit=5)
            server.latency = 60
            task = asyncio.create_task(_read(page, 8))
            await asyncio.to_thread(crowd, server)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await nothing_is_left(client, server)
            assert asyncio.all_tasks() == {asyncio.current_task()}

    with watched(sandbox) as server:
        asyncio.run(main(server))


def leave_blocking(page, server, error):
    with page.concurrent(8) as contacts:
        for _ in contacts:
            crowd(server)
            if error is None:
                break
            raise error


@pytest.mark.parametrize("kind", [None, OwnError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_blocking_block_that_is_left_leaves_nothing(sandbox, watched, kind, backend):
    own = kind and kind("own")
    with watched(sandbox) as server, Wootiv(api_key="key", base_url=server.url, backend=backend) as client:
        page = client.contacts.list(limit=5)
        server.latency = 60
        with pytest.raises(kind) if own else nullcontext() as caught:
            leave_blocking(page, server, own)
        if own:
            assert caught.value is own
            assert (own.__context__, own.__cause__) == (None, None)
        server.latency = 0
        assert client.get("/quiet", cast_to=bool)
        assert len(client.contacts.list(limit=100).collect(8)) == 250
