"""Lists: pages, iteration over all of them, and nothing lost or doubled while others write."""

import asyncio
import copy
import pickle
import random
import threading

import anyio
import httpx
import msgspec
import pytest

from wootiv import APIConnectionError, APIResponseValidationError, AsyncWootiv, PageInfo, Sandbox, calls
from wootiv.blocking_pages import Page
from wootiv.operation import PAGES, Keep, M, Resource
from wootiv.pages import AsyncPage, AsyncPaginator
from wootiv.sandbox.rows import contacts as seeds
from wootiv.types import Contact


def rows(first, last):
    return [{"id": f"{number:04}"} for number in range(first, last)]


def page(first, last, total, number=1, count=1):
    body = {"data": rows(first, last), "count": last - first, "total": total, "page": number, "pageCount": count}
    return httpx.Response(200, json=body)


def queries(recorder):
    return [dict(httpx.QueryParams(request.url.query).multi_items()) for request in recorder.requests]


def everything(sandbox, path="/contacts"):
    return sorted(row["id"] for row in sandbox.tables[path])


# What is asked for


def test_a_bare_list_is_led_by_key(face, recorder):
    server = recorder(page(0, 2, 3), page(2, 3, 1))
    found = face(lambda client: client.contacts.list(limit=2), transport=server.transport())
    assert [one.id for one in found] == ["0000", "0001", "0002"]
    first, second = queries(server)
    assert first == {"limit": "2", "page": "1", "sort": "id,ASC"}
    assert second == {**first, "filter": 'id||$gt||"0001"'}


def test_an_empty_limit_that_the_caller_writes_by_hand_breaks_nothing(face, sandbox):
    found = face.with_sandbox(lambda client: client.contacts.list(extra_query={"limit": ""}), sandbox)
    assert [one.id for one in found] == everything(sandbox)


# Pages


async def test_pages_are_fetched_one_by_one(sandbox):
    async with sandbox.async_client() as client:
        listed = client.contacts.list(limit=100)
        assert isinstance(listed, AsyncPaginator)
        first = await listed
        assert isinstance(first, AsyncPage)
        assert (len(first.data), first.total, first.page, first.page_count) == (100, 250, 1, 3)
        assert first.has_next_page()
        assert first.next_page_info() == PageInfo({"filter": f'id||$gt||"{first.data[-1].id}"'})
        second = await first.get_next_page()
        third = await second.get_next_page()
        assert [(one.total, one.page, one.page_count) for one in (second, third)] == [(250, 2, 3), (250, 3, 3)]
        assert (third.has_next_page(), third.next_page_info()) == (False, None)
        with pytest.raises(ValueError, match=r"no page after this one, ask has_next_page\(\)"):
            await third.get_next_page()
        assert [len(one.data) async for one in client.contacts.list(limit=100).pages()] == [100, 100, 50]
        assert [len(one.data) async for one in second.pages()] == [100, 50]
        assert len([one async for one in second]) == 150
        assert repr(second) == "<AsyncPage 2: 100 of 250 rows>"


def test_blocking_pages_are_fetched_one_by_one(sandbox):
    with sandbox.client() as client:
        first = client.contacts.list(limit=100)
        assert isinstance(first, Page)
        assert (len(first.data), first.total, first.page, first.page_count) == (100, 250, 1, 3)
        assert first.next_page_info() == PageInfo({"filter": f'id||$gt||"{first.data[-1].id}"'})
        second = first.get_next_page()
        assert [len(one.data) for one in first.pages()] == [100, 100, 50]
        assert [len(one.data) for one in second.pages()] == [100, 50]
        assert len(list(second)) == 150
        with pytest.raises(ValueError, match="no page after this one"):
            second.get_next_page().get_next_page()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"page": 2}, {"page": 3}),
        ({"sort": "email,ASC"}, {"page": 2}),
        ({"offset": 10}, {"offset": 60}),
        ({"filter": ["id||$notnull"]}, {"filter": ["id||$notnull", "id||$gt||{last}"]}),
        ({"or_": ["email||$notnull"]}, {"or": None, "s": '{{"$and":[{{"$or":[{{"email":{{"$notnull":true}}}}]}},'}),
    ],
)
def test_the_next_page_is_described_by_what_changes(sandbox, given, expected):
    with sandbox.client() as client:
        first = client.contacts.list(limit=50, **given)
        params = first.next_page_info().params
    assert params.keys() == expected.keys()
    for name, value in expected.items():
        filled = (
            [text.replace("{last}", f'"{first.data[-1].id}"') for text in value] if isinstance(value, list) else value
        )
        if name == "s":
            assert params[name].startswith(value.replace("{{", "{").replace("}}", "}"))
        else:
            assert params[name] == filled


# Everything, whatever the caller's query


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"limit": 7},
        {"limit": 0},
        {"limit": 5000},
        {"sort": ["firstName,ASC"], "limit": 30},
        {"sort": ["id,DESC"], "limit": 30},
        {"page": 1, "limit": 40, "sort": "id,ASC"},
        {"offset": 0, "limit": 40},
        {"fields": ["email"], "limit": 30},
        {"fields": "email", "limit": 30},
        {"join": ["contactGroup", "workspace"], "limit": 60},
        {"s": {}, "limit": 30},
        {"s": {"$or": [{"phoneNumber": None}, {"phoneNumber": {"$notnull": True}}]}, "limit": 30},
        {"filter": ["id||$notnull"] * 20, "limit": 30},
        {"or_": ["phoneNumber||$isnull", "phoneNumber||$notnull"], "limit": 30},
        {"filter": "id||$ne||2020-01-01", "or_": "id||$isnull", "limit": 30},
        {"extra_query": {"per_page": 30}},
    ],
    ids=str,
)
def test_every_row_comes_once(face, given):
    sandbox = Sandbox(rows=130)
    found = face.with_sandbox(lambda client: client.contacts.list(**given), sandbox)
    ids = [one.id for one in found]
    assert len(ids) == len(set(ids)), "doubled"
    assert sorted(ids) == everything(sandbox)


def test_a_page_and_an_offset_start_where_they_say(face, sandbox):
    by_page = face.with_sandbox(lambda client: client.contacts.list(page=3, limit=100, sort="id,ASC"), sandbox)
    by_offset = face.with_sandbox(lambda client: client.contacts.list(offset=243, limit=3, sort="id,ASC"), sandbox)
    assert [one.id for one in by_page] == everything(sandbox)[200:]
    assert [one.id for one in by_offset] == everything(sandbox)[243:]


def test_beyond_the_end_there_is_nothing(face, sandbox):
    assert face.with_sandbox(lambda client: client.contacts.list(page=99, limit=10), sandbox) == []
    assert face.with_sandbox(lambda client: client.contacts.list(offset=9999), sandbox) == []
    assert face.with_sandbox(lambda client: client.contacts.list(filter="email||$isnull"), sandbox) == []


@pytest.mark.parametrize("given", [{}, {"sort": "email,ASC"}, {"offset": 0}, {"limit": 0}])
def test_a_server_that_gives_fewer_rows_than_asked_for_still_gives_them_all(face, given):
    sandbox = Sandbox(rows=1203)  # 500 to a page at most
    found = face.with_sandbox(lambda client: client.contacts.list(**{"limit": 1000, **given}), sandbox)
    assert sorted(one.id for one in found) == everything(sandbox)


def test_a_bare_array_is_a_page_too(face, recorder):
    server = recorder(httpx.Response(200, json=rows(0, 2)), httpx.Response(200, json=rows(2, 3)))
    found = face(lambda client: client.contacts.list(limit=2), transport=server.transport())
    assert [one.id for one in found] == ["0000", "0001", "0002"]
    assert len(server.requests) == 2


def test_a_server_that_passes_over_the_key_is_not_asked_for_ever(face, recorder):
    server = recorder(page(0, 2, 6, 1, 3))
    found = face(lambda client: client.contacts.list(limit=2), transport=server.transport())
    assert len(server.requests) <= 5
    assert {one.id for one in found} == {"0000", "0001"}


def test_rows_without_an_id_go_on_by_number(face, recorder):
    def answer(request):
        number = int(httpx.QueryParams(request.url.query)["page"])
        body = {"data": [{"email": f"{number}@x"}], "count": 1, "total": 3, "page": number, "pageCount": 3}
        return httpx.Response(200, json=body)

    found = face(lambda client: client.contacts.list(limit=1), transport=recorder(answer).transport())
    assert [one.email for one in found] == ["1@x", "2@x", "3@x"]


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ('{"data": "x", "total": 1}', r"odd field: \$\.data"),
        ('{"data": [], "total": "many"}', r"odd field: \$\.total"),
        ('{"rows": []}', r"expected PageData\[Contact\], got an object"),
        ("null", r"expected PageData\[Contact\], got null"),
        ('"text"', r"expected PageData\[Contact\], got text"),
    ],
)
def test_what_is_no_page_is_an_error(face, recorder, body, what):
    server = recorder(httpx.Response(200, text=body))
    with pytest.raises(APIResponseValidationError, match=what):
        face(lambda client: client.contacts.list(), transport=server.transport())


# While others write


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_deleting_each_contact_while_iterating_leaves_none(backend):
    sandbox = Sandbox(rows=2000)
    with sandbox.client(backend=backend) as client:
        for contact in client.contacts.list():
            client.contacts.delete(contact.id)
    assert len(sandbox.tables["/contacts"]) == 0


async def test_deleting_each_contact_while_iterating_leaves_none_in_async_code():
    sandbox = Sandbox(rows=2000)
    async with sandbox.async_client() as client:
        async for contact in client.contacts.list():
            await client.contacts.delete(contact.id)
    assert len(sandbox.tables["/contacts"]) == 0


class Hostile(httpx.AsyncBaseTransport):
    """The sandbox, with somebody else writing between any two requests."""

    def __init__(self, sandbox, seed):
        self.table = sandbox.tables["/contacts"]
        self.door = sandbox.transport()
        self.random = random.Random(seed)
        self.spare = list(seeds(400, 99))
        self.deleted = set()
        self.inserted = set()

    async def handle_async_request(self, request):
        response = await self.door.handle_async_request(request)
        ids = [row["id"] for row in self.table]
        for id in self.random.sample(ids, min(len(ids), 12)):
            match self.random.choice(["delete", "insert", "update"]):
                case "delete":
                    self.table.delete(id)
                    self.deleted.add(id)
                case "insert":
                    self.table.insert(row := self.spare.pop())
                    self.inserted.add(row["id"])
                case _:
                    self.table.replace(id, {"firstName": self.random.choice("XYZ"), "phoneNumber": None})
        return response


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"limit": 0},
        {"filter": "id||$notnull"},
        {"filter": ["id||$notnull"] * 20},
        {"or_": ["email||$notnull", "id||$isnull"]},
        {"s": {"email": {"$notnull": True}}},
        {"fields": "email"},
    ],
    ids=str,
)
def test_a_hostile_writer_costs_no_row_that_stays(face, given):
    sandbox = Sandbox(rows=300)
    before = set(everything(sandbox))
    hostile = Hostile(sandbox, seed=str(given))
    found = face(lambda client: client.contacts.list(**{"limit": 30, **given}), transport=hostile)
    ids = [one.id for one in found]
    assert len(ids) == len(set(ids))
    assert before - hostile.deleted <= set(ids) <= before | hostile.inserted


# Cancellation, faults, company


class Slow(httpx.AsyncBaseTransport):
    """The sandbox, which lets some requests wait."""

    def __init__(self, sandbox, waits):
        self.door = sandbox.transport()
        self.waits = list(waits)

    async def handle_async_request(self, request):
        await anyio.sleep(self.waits.pop(0) if self.waits else 0)
        return await self.door.handle_async_request(request)


@pytest.mark.virtual_time
async def test_an_anext_that_is_cancelled_loses_nothing(sandbox):
    slow = Slow(sandbox, [60, 0, 60, 60, 0, 60])
    found, cut = [], 0
    async with AsyncWootiv(api_key="key", base_url="http://x.test", transport=slow, timeout=None) as client:
        items = aiter(client.contacts.list(limit=50))
        while True:
            with anyio.move_on_after(5) as scope:
                try:
                    found.append(await anext(items))
                except StopAsyncIteration:
                    break
            cut += scope.cancelled_caught
    assert cut == 4
    assert [one.id for one in found] == everything(sandbox)


async def test_a_page_that_fails_is_asked_for_again_by_the_next_anext(sandbox, recorder):
    door = sandbox.transport()
    state = {"count": 0}

    def answer(request):
        state["count"] += 1
        if state["count"] == 2:
            raise httpx.ReadError("gone")
        return door.handle_request(request)

    client = AsyncWootiv(api_key="key", base_url="http://x.test", transport=recorder(answer).transport(), max_retries=0)
    async with client:
        items = aiter(client.contacts.list(limit=100))
        found = [await anext(items) for _ in range(100)]
        with pytest.raises(APIConnectionError):
            await anext(items)
        found += [one async for one in items]
        with pytest.raises(StopAsyncIteration):
            await anext(items)
    assert [one.id for one in found] == everything(sandbox)


def test_a_blocking_page_that_fails_is_asked_for_again_too(sandbox, recorder):
    door = sandbox.transport()
    state = {"count": 0}

    def answer(request):
        state["count"] += 1
        if state["count"] == 2:
            raise httpx.ReadError("gone")
        return door.handle_request(request)

    with sandbox.client(transport=recorder(answer).transport(), max_retries=0) as client:
        items = iter(client.contacts.list(limit=100))
        found = [next(items) for _ in range(100)]
        with pytest.raises(APIConnectionError):
            next(items)
        found += list(items)
    assert [one.id for one in found] == everything(sandbox)


@pytest.mark.virtual_time
async def test_tasks_that_share_an_iterator_share_its_rows(sandbox):
    found = []
    slow = Slow(sandbox, [1] * 10)
    async with AsyncWootiv(api_key="key", base_url="http://x.test", transport=slow) as client:
        items = aiter(client.contacts.list(limit=25))

        async def work():
            async for one in items:
                found.append(one.id)
                await anyio.lowlevel.checkpoint()

        async with anyio.create_task_group() as tasks:
            for _ in range(4):
                tasks.start_soon(work)
    assert sorted(found) == everything(sandbox)


def test_threads_that_share_an_iterator_share_its_rows(sandbox):
    found = []
    with sandbox.client() as client:
        items = iter(client.contacts.list(limit=10))
        threads = [threading.Thread(target=lambda: found.extend(one.id for one in items)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(found) == everything(sandbox)


async def test_iterating_again_starts_again(sandbox):
    async with sandbox.async_client() as client:
        listed = client.contacts.list(limit=100)
        assert [one.id async for one in listed] == [one.id async for one in listed] == everything(sandbox)


async def test_leaving_a_loop_early_leaves_nothing_behind(sandbox):
    async with sandbox.async_client() as client:
        async for one in client.contacts.list(limit=100):
            assert isinstance(one, Contact)
            break


# What pages and lists say of themselves


async def test_a_list_not_yet_asked_for_says_what_it_is(sandbox):
    async with sandbox.async_client() as client:
        listed = client.contacts.list()
        way = "await it for its first page, or async for over its items"
        assert repr(listed) == f"<AsyncPaginator of contacts.list: {way}>"
        for name in "data", "total", "has_next_page":
            with pytest.raises(AttributeError) as caught:
                getattr(listed, name)
            assert str(caught.value) == (
                f"'AsyncPaginator' object has no attribute '{name}', "
                f"its first page has: (await client.contacts.list(...)).{name}"
            )
        for name in "rows", "_onward", "__len__":
            with pytest.raises(AttributeError, match=f"^'AsyncPaginator' object has no attribute '{name}'$"):
                getattr(listed, name)


def test_the_first_page_is_a_coroutine_for_who_wants_one(sandbox):
    async def main():
        async with sandbox.async_client() as client:
            return await asyncio.create_task(client.contacts.list(limit=3).first())

    assert len(asyncio.run(main()).data) == 3


@pytest.mark.parametrize("do", [pickle.dumps, copy.copy, copy.deepcopy])
def test_what_holds_a_client_is_neither_pickled_nor_copied_and_says_what_is(face, sandbox, do):
    async def first(listed):
        return await listed

    def ask(client, get):
        listed = client.contacts.list(limit=3)
        if isinstance(listed, AsyncPaginator):
            with pytest.raises(TypeError, match=r"^what contacts\.list gives holds its client, .*: pickle its call$"):
                do(listed)
        page = listed if isinstance(listed, Page) else get(first(listed))
        with pytest.raises(
            TypeError, match=r"^a page holds its client, .* neither pickled nor copied: take page\.data$"
        ):
            do(page)
        return do(page.data)

    assert face.session(ask, transport=sandbox.transport())


# Lists of other kinds


class Things(Resource[M]):
    """Lists of each kind."""

    @PAGES("/offset", "offset")
    def offset(self) -> Page[Contact]:
        """List by offset."""

    @PAGES("/whole", "whole")
    def whole(self) -> Page[Contact]:
        """List whole."""

    @PAGES("/members", "members")
    def members(self) -> Page[Contact]:
        """List what nobody has declared."""


async def walk(call, server):
    async with AsyncWootiv(api_key="key", base_url="http://x.test", transport=server.transport()) as client:

        async def fetch(query):
            return (await client.send(call.at(query))).parse()

        return [one.id async for one in AsyncPaginator(fetch, call.cursor)]


async def test_offset_lists_step_by_the_rows_received(recorder):
    def answer(request):
        offset = int(httpx.QueryParams(request.url.query).get("offset", 0))
        body = {"data": rows(offset, min(offset + 2, 5)), "limit": 10, "offset": offset, "page": 1, "total": 5}
        return httpx.Response(200, json=body)

    server = recorder(answer)
    call = Things(Keep(), "things").offset(extra_query={"limit": 10})
    assert await walk(call, server) == [row["id"] for row in rows(0, 5)]
    assert [query.get("offset") for query in queries(server)] == [None, "2", "4"]


async def test_offset_lists_without_a_total_end_with_a_page_that_is_not_full(recorder):
    server = recorder(httpx.Response(200, json={"data": rows(0, 2)}), httpx.Response(200, json={"data": rows(2, 3)}))
    assert await walk(Things(Keep(), "things").offset(extra_query={"limit": 2}), server) == ["0000", "0001", "0002"]


async def test_whole_lists_are_asked_for_once_and_as_they_are(recorder):
    server = recorder(httpx.Response(200, json=rows(0, 300)))
    assert len(await walk(Things(Keep(), "things").whole(), server)) == 300
    assert queries(server) == [{}]


async def test_members_are_paged_only_once_a_page_was_seen(recorder):
    server = recorder(page(0, 2, 3, 1, 2), page(2, 3, 3, 2, 2))
    assert await walk(Things(Keep(), "things").members(), server) == ["0000", "0001", "0002"]
    assert queries(server) == [{}, {"page": "2"}]
    server = recorder(httpx.Response(200, json=rows(0, 3)))
    assert len(await walk(Things(Keep(), "things").members(extra_query={"limit": 3, "offset": 0}), server)) == 3
    assert len(server.requests) == 1
    server = recorder(page(1, 3, 4, 1, 2), page(3, 4, 4, 2, 2))
    assert len(await walk(Things(Keep(), "things").members(extra_query={"limit": 2, "offset": 1}), server)) == 3
    assert [query["offset"] for query in queries(server)] == ["1", "3"]


def test_a_call_of_a_list_gives_one_page_bound_to_no_client(face, sandbox):
    parsed = face.session(
        lambda client, get: get(client.send(calls.contacts.list(limit=3))).parse(), transport=sandbox.transport()
    )
    assert (len(parsed.data), parsed.total, parsed.page, parsed.page_count) == (3, 250, 1, 84)
    assert msgspec.json.decode(msgspec.json.encode(parsed))["pageCount"] == 84


def test_a_condition_that_the_client_sends_by_default_holds_on_every_page(face, sandbox):
    expected = [row["id"] for row in sandbox.tables["/contacts"] if row["phoneNumber"] is None]
    rows = face.with_sandbox(
        lambda client: client.contacts.list(limit=20),
        sandbox,
        default_query={"filter": "phoneNumber||$isnull"},
    )
    assert [row.id for row in rows] == sorted(expected)
    assert len(rows) > 20
