"""`client.gather`: answers in the order of the calls, or the first error as itself."""

import threading

import anyio
import anyio.lowlevel
import httpx
import pytest

from wootiv import (
    APITimeoutError,
    BadRequestError,
    InternalServerError,
    NotFoundError,
    Sandbox,
    calls,
)
from wootiv.types import Contact

GONE = calls.contacts.retrieve("nobody")


class OddError(Exception):
    pass


@pytest.fixture
def ids(sandbox):
    return [row["id"] for row in sandbox.tables["/contacts"]]


@pytest.fixture
def gathered(face, sandbox):
    """What gathering gives on each client and backend."""

    def gather(given, transport=None, **options):
        return face(lambda client: client.gather(given, **options), transport=transport or sandbox.transport())

    return gather


def retrieved(ids):
    return [calls.contacts.retrieve(id) for id in ids]


def asks_for(id):
    return lambda one: id in one.path


# Answers


@pytest.mark.parametrize("concurrency", [1, 3, 8, 1000])
def test_answers_come_in_the_order_of_the_calls(gathered, ids, concurrency):
    found = gathered(retrieved(ids), concurrency=concurrency)
    assert [contact.id for contact in found] == ids
    assert all(isinstance(contact, Contact) for contact in found)


@pytest.mark.virtual_time
async def test_answers_come_in_the_order_of_the_calls_however_long_each_takes(sandbox, ids):
    for number, id in enumerate(ids[:20]):
        sandbox.fail("contacts.retrieve", delay=20 - number, match=asks_for(id))
    async with sandbox.async_client() as client:
        found = await client.gather(retrieved(ids[:20]), concurrency=20)
    assert [contact.id for contact in found] == ids[:20]


def test_calls_of_different_kinds_and_without_answers_go_together(gathered, ids):
    one, nothing, page = gathered([*retrieved(ids[:1]), calls.contacts.delete(ids[1]), calls.roles.list(limit=2)])
    assert (one.id, nothing, page.total) == (ids[0], None, 6)


@pytest.mark.parametrize("of", [tuple, iter, lambda given: (call for call in given)])
def test_calls_may_come_from_any_iterable(gathered, ids, of):
    assert len(gathered(of(retrieved(ids[:20])))) == 20


def test_no_calls_no_answers(gathered):
    assert gathered([]) == []


async def test_calls_may_come_from_an_async_generator_that_has_a_block_open(sandbox, ids):
    closed = []

    async def ask(client):
        task = anyio.get_current_task()
        async with client.contacts.list(limit=20).concurrent(4) as contacts:
            try:
                async for contact in contacts:
                    yield calls.contacts.retrieve(contact.id)
            finally:
                closed.append(anyio.get_current_task() == task)

    async with sandbox.async_client() as client:
        found = await client.gather(ask(client))
        assert sorted(contact.id for contact in found) == sorted(ids)
        sandbox.fail("contacts.retrieve", status=400)
        with pytest.raises(BadRequestError):
            await client.gather(ask(client))
        with anyio.move_on_after(0.05):
            while True:
                await client.gather(ask(client))
    assert closed == [True] * len(closed)
    assert len(closed) >= 3


@pytest.mark.parametrize("concurrency", [1, 5])
def test_no_more_calls_are_under_way_than_concurrency_says(gathered, concurrency):
    inside, most = set(), []

    async def handle(request):
        inside.add(request)
        most.append(len(inside))
        while len(most) > 1 and max(most) < concurrency:  # the first one goes ahead, to see how things are
            await anyio.lowlevel.checkpoint()
        inside.remove(request)
        return httpx.Response(200, json={})

    gathered(retrieved("x" * 50), transport=httpx.MockTransport(handle), concurrency=concurrency)
    assert max(most) == concurrency
    assert len(most) == 50


@pytest.mark.virtual_time
async def test_one_slow_call_holds_up_no_other(ids):
    sandbox = Sandbox(rows=250, latency=1)
    sandbox.fail("contacts.retrieve", delay=30, match=lambda one: ids[0] in one.path)
    async with sandbox.async_client() as client:
        await client.root.retrieve()
        begun = anyio.current_time()
        await client.gather(retrieved(ids[:100]), concurrency=4)
        assert anyio.current_time() - begun == pytest.approx(33, abs=0.1)  # 99 by three at once, meanwhile


# Errors


def test_the_first_error_is_raised_as_itself(gathered, ids):
    with pytest.raises(NotFoundError) as caught:
        gathered([*retrieved(ids[:5]), GONE, *retrieved(ids[5:])])
    assert not isinstance(caught.value, ExceptionGroup)
    assert caught.value.request.url.endswith("/nobody")
    assert len(caught.value.attempts) == 1


@pytest.mark.virtual_time
async def test_the_first_error_in_the_order_of_the_calls_is_raised(sandbox, ids):
    """Not the one that came first; and what is behind it is not waited for."""
    times = {ids[2]: (404, 5), ids[1]: (400, 10), ids[3]: (404, 1), ids[0]: (None, 20), ids[4]: (None, 3600)}
    for id, (status, delay) in times.items():
        sandbox.fail("contacts.retrieve", status=status, delay=delay, match=asks_for(id))
    async with sandbox.async_client(max_retries=0) as client:
        await client.root.retrieve()
        begun = anyio.current_time()
        with pytest.raises(BadRequestError):
            await client.gather(retrieved(ids), concurrency=5)
        assert anyio.current_time() - begun == pytest.approx(20, abs=0.1)
    assert len(sandbox.requests) == 6  # none is sent after an error


@pytest.mark.virtual_time
async def test_an_error_ends_waiting_for_the_next_call(sandbox):
    async def slowly():
        yield GONE
        await anyio.sleep(3600)
        yield GONE

    async with sandbox.async_client() as client:
        begun = anyio.current_time()
        with pytest.raises(NotFoundError):
            await client.gather(slowly())
        assert anyio.current_time() - begun < 1


def test_what_the_calls_raise_comes_when_all_before_it_is_answered(gathered, sandbox, ids):
    error = OddError()

    def given():
        yield from retrieved(ids[:5])
        raise error

    with pytest.raises(OddError) as caught:
        gathered(given())
    assert caught.value is error


async def test_an_error_of_a_call_goes_before_what_later_calls_raise(sandbox):
    def given():
        yield GONE
        raise OddError

    async with sandbox.async_client() as client:
        with pytest.raises(NotFoundError):
            await client.gather(given())


@pytest.mark.parametrize("wrong", ["contacts.retrieve", None, calls.contacts.retrieve])
def test_what_is_no_call_is_a_type_error(gathered, ids, wrong):
    with pytest.raises(TypeError, match=r"gather: expected calls of wootiv\.calls, got"):
        gathered([*retrieved(ids[:3]), wrong])


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"concurrency": 0}, ValueError, "concurrency: expected 1 or more, got 0"),
        ({"concurrency": 1.5}, TypeError, r"concurrency: expected an int, 1 or more, got 1\.5"),
        ({"total_timeout": -1}, ValueError, "total_timeout: expected a number of seconds, 0 or more"),
    ],
)
def test_wrong_arguments_are_refused(gathered, options, error, message):
    with pytest.raises(error, match=message):
        gathered([], **options)


def test_what_cannot_be_iterated_over_is_a_type_error(gathered):
    with pytest.raises(TypeError, match="int"):
        gathered(5)


class QuitError(BaseException):
    """Like Ctrl-C, which pytest and event loops answer in ways of their own."""


def test_what_ends_programs_leaves_it_as_itself(gathered, ids):
    def given():
        yield from retrieved(ids[:5])
        raise QuitError

    with pytest.raises(QuitError):
        gathered(given())


# Limits, and the end


@pytest.mark.virtual_time
@pytest.mark.parametrize("limit", [0, 0.5, 5.5])
async def test_a_limit_of_time_is_for_all_of_it(ids, limit):
    sandbox = Sandbox(rows=250, latency=1)
    async with sandbox.async_client(max_connections=4) as client:
        begun = anyio.current_time()
        with pytest.raises(APITimeoutError, match=f"total_timeout of {limit:g} s ran out"):
            await client.gather(retrieved(ids), concurrency=4, total_timeout=limit)
        assert anyio.current_time() - begun == pytest.approx(limit)
        with anyio.fail_after(1.1):
            async with anyio.create_task_group() as tasks:
                for _ in range(4):
                    tasks.start_soon(client.root.retrieve)


@pytest.mark.virtual_time
async def test_a_rate_limit_is_a_wait(sandbox, ids):
    sandbox.fail("*", status=429, headers={"Retry-After": "100"}, times=3)
    async with sandbox.async_client() as client:
        begun = anyio.current_time()
        assert len(await client.gather(retrieved(ids))) == 250
        assert anyio.current_time() - begun >= 100


def test_a_create_without_an_answer_is_not_sent_again(gathered, sandbox, contact):
    sandbox.fail("contacts.create", status=500, after_effect=True)
    with pytest.raises(InternalServerError) as caught:
        gathered([calls.contacts.create(**contact)])
    assert caught.value.maybe_applied
    assert len(sandbox.tables["/contacts"]) == 251


@pytest.mark.virtual_time
async def test_cancelled_it_leaves_nothing_behind(sandbox, ids):
    sandbox.fail("*", delay=100, times=4)
    async with sandbox.async_client(max_connections=4) as client:
        with anyio.move_on_after(5) as scope:
            await client.gather(retrieved(ids), concurrency=4)
        assert scope.cancelled_caught
        sandbox.fail("root.retrieve", delay=10, times=4)
        with anyio.fail_after(10.5):
            async with anyio.create_task_group() as tasks:
                for _ in range(4):
                    tasks.start_soon(client.root.retrieve)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_the_blocking_client_reads_calls_in_the_callers_thread(sandbox, ids, backend):
    threads = set()

    def given():
        for id in ids[:10]:
            threads.add(threading.current_thread())
            yield calls.contacts.retrieve(client.contacts.retrieve(id).id)

    with sandbox.client(backend=backend) as client:
        assert [contact.id for contact in client.gather(given())] == ids[:10]
    assert threads == {threading.current_thread()}
