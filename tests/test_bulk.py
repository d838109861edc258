"""Bulks: exactly one outcome for each item, and what each of them means."""

import contextlib
import contextvars
import csv
import gc
import pickle
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import anyio
import anyio.from_thread
import anyio.lowlevel
import httpx
import msgspec
import pytest
from bulks import Reading, check_account, emails, new_contact

from wootiv import (
    APIConnectionError,
    APIError,
    APIResponseValidationError,
    APITimeoutError,
    AsyncWootiv,
    BulkError,
    ClientStateError,
    Failed,
    InternalServerError,
    NotFoundError,
    NotSent,
    OutcomeKnown,
    RateLimitError,
    Sandbox,
    Succeeded,
    Unknown,
    Wootiv,
    calls,
)
from wootiv.engine.crew import BulkPlan, Crew, Job
from wootiv.sandbox import FixedWindow
from wootiv.types import Contact

user = contextvars.ContextVar("user", default=None)


@pytest.fixture
def reading(face, sandbox):
    """Read a bulk to its end on each client and backend, or as far as it comes: gives the `Reading`."""

    def read(make, items, *, body=lambda _: None, transport=None, client_options=None, warm=False, **options):
        made = []

        def use(client, get):
            if warm:  # the first call of a client goes ahead of the others, to see how things are
                get(client.root.retrieve())
            made.append(Reading(client, get, make, items, **options))
            made[0].run(body)

        use_options = {"transport": transport or sandbox.transport(), **(client_options or {})}
        try:
            face.session(use, **use_options)
        except BaseException as error:
            error.reading = made[0] if made else None
            raise
        return made[0]

    return read


@pytest.fixture(params=["asyncio", "trio"])
def backend(request):
    return request.param


@pytest.fixture
def ids(sandbox):
    return [row["id"] for row in sandbox.tables["/contacts"]]


class LookedAt:
    """Items of which is known how many were read."""

    def __init__(self, items):
        self.items = iter(items)
        self.read = 0

    def __iter__(self):
        return self

    def __next__(self):
        item = next(self.items)
        self.read += 1
        return item


class OddError(Exception):
    pass


# One outcome for each item


def test_each_item_has_one_outcome_that_tells_item_index_and_answer(reading, ids):
    read = reading(calls.contacts.retrieve, ids[:40])
    assert [type(outcome) for outcome in read.all] == [Succeeded] * 40
    assert [(outcome.index, outcome.item, outcome.value.id) for outcome in read.all] == [
        (number, id, id) for number, id in enumerate(ids[:40])
    ]
    assert all(isinstance(outcome.value, Contact) for outcome in read.all)
    assert [[(tried.number, tried.status) for tried in outcome.attempts] for outcome in read.all] == [[(1, 200)]] * 40
    assert (read.bulk.counts.succeeded, read.bulk.counts.items, read.bulk.counts.requests) == (40, 40, 40)
    assert read.bulk.unread == ()


def test_outcomes_come_as_they_are_ready(reading, sandbox, ids):
    sandbox.fail("contacts.retrieve", delay=0.5, match=lambda one: ids[10] in one.path)  # not the one that goes ahead
    read = reading(calls.contacts.retrieve, ids[:16])
    assert read.got[-1].index == 10


@pytest.mark.parametrize("of", [list, iter, set, dict.fromkeys, lambda ids: (id for id in ids), LookedAt])
def test_items_may_come_from_any_iterable(reading, ids, of):
    read = reading(calls.contacts.retrieve, of(ids[:10]))
    assert sorted(outcome.item for outcome in read.all) == sorted(ids[:10])


async def test_items_may_come_from_an_async_iterable(sandbox, ids):
    async with sandbox.async_client() as client:
        send, receive = anyio.create_memory_object_stream[str](5)

        async def fill():
            async with send:
                for id in ids[:20]:
                    await send.send(id)

        async with anyio.create_task_group() as tasks, receive:
            tasks.start_soon(fill)
            result = await client.bulk(calls.contacts.retrieve, receive).collect()
        assert [outcome.item for outcome in result.succeeded] == ids[:20]
        result = await client.bulk(lambda one: calls.contacts.delete(one.id), client.contacts.list(limit=50)).collect()
        assert result.counts.succeeded == 250
        assert (await client.contacts.list()).total == 0


def test_no_items_no_outcomes(reading):
    read = reading(calls.contacts.retrieve, [])
    assert (read.all, read.bulk.counts.items) == ([], 0)


@pytest.mark.parametrize("concurrency", [1, 3, 8, 1000])
def test_items_are_read_no_further_ahead_than_the_window(reading, ids, concurrency):
    items, ahead, received = LookedAt(ids), [], []

    def body(outcome):
        received.append(outcome)
        ahead.append(items.read - len(received))

    reading(calls.contacts.retrieve, items, concurrency=concurrency, body=body)
    assert len(received) == 250
    # what the reader was just given is his, and makes room for one more, which may have been read just now
    assert max(ahead) <= concurrency


@pytest.mark.parametrize("concurrency", [1, 5, 16])
def test_as_many_calls_are_under_way_as_concurrency_says(reading, concurrency):
    inside, most = set(), []

    async def handle(request):
        inside.add(request)
        most.append(len(inside))
        while len(most) > 1 and max(most) < concurrency:  # the first one goes ahead, to see how things are
            await anyio.lowlevel.checkpoint()
        inside.remove(request)
        return httpx.Response(200, json={})

    read = reading(calls.contacts.retrieve, ["x"] * 100, concurrency=concurrency, transport=httpx.MockTransport(handle))
    assert len(read.of(Succeeded)) == 100
    assert max(most) == concurrency


@pytest.mark.parametrize("kind", [Succeeded, Failed, Unknown, NotSent])
def test_an_outcome_is_frozen(kind):
    outcome = kind(0, "item", None)
    with pytest.raises(AttributeError):
        outcome.index = 1


# What becomes of an item


def test_a_refusal_is_failed_and_the_others_go_on(reading, ids):
    read = reading(calls.contacts.retrieve, [*ids[:5], "nobody", *ids[5:10]])
    (failed,) = read.of(Failed)
    assert (failed.index, failed.item, type(failed.error)) == (5, "nobody", NotFoundError)
    assert [tried.status for tried in failed.attempts] == [404]
    assert len(read.of(Succeeded)) == 10


def test_what_make_raises_is_that_items_failed_and_the_others_go_on(reading, ids):
    error = OddError("a bad row")

    def make(id):
        if id == ids[5]:
            raise error
        return calls.contacts.retrieve(id)

    read = reading(make, ids[:10])
    (failed,) = read.of(Failed)
    assert (failed.index, failed.item, failed.error, failed.attempts) == (5, ids[5], error, ())
    assert len(read.of(Succeeded)) == 9
    assert read.bulk.counts.requests == 9


def test_an_argument_that_does_not_fit_is_that_items_failed(reading):
    read = reading(new_contact, ["a@bulk.test", 7, "b@bulk.test"])
    assert [type(outcome) for outcome in read.all] == [Succeeded, Failed, Succeeded]
    assert str(read.all[1].error).startswith("contacts.create: email must be str, got 7 (int)")


@pytest.mark.parametrize(
    "fault", [{"drop": True}, {"status": 408}, {"status": 500}, {"status": 503}, {"torn": True}], ids=repr
)
@pytest.mark.parametrize("after_effect", [False, True])
def test_a_create_without_an_answer_is_unknown_and_sent_once(reading, sandbox, fault, after_effect):
    if "torn" in fault and not after_effect:
        pytest.skip("there is no answer to tear")
    more = {} if "torn" in fault else {"after_effect": after_effect}
    sandbox.fail("contacts.create", **fault, **more, match=lambda one: b'"3@' in one.body)
    read = reading(new_contact, emails(6))
    (unknown,) = read.of(Unknown)
    assert unknown.index == 3
    assert [tried.maybe_applied for tried in unknown.attempts] == [True]
    assert unknown.error.attempts == unknown.attempts
    assert len(sandbox.requests) == 6
    assert check_account(read, emails(6), sandbox)[1] == after_effect


def test_a_create_without_an_answer_is_sent_again_if_told_to(reading, sandbox):
    sandbox.fail("contacts.create", drop=True, after_effect=True)
    read = reading(new_contact, emails(1), resend_unknown=True)
    (outcome,) = read.of(Succeeded)
    assert [tried.maybe_applied for tried in outcome.attempts] == [True, False]
    assert [row["email"] for row in sandbox.tables["/contacts"]][250:] == emails(1) * 2
    assert (read.bulk.counts.requests, read.bulk.counts.retries) == (2, 1)


def test_a_write_that_can_be_repeated_is_sent_again(reading, sandbox, ids):
    sandbox.fail("contacts.update", drop=True, after_effect=True, match=lambda one: ids[1] in one.path)
    read = reading(lambda key: calls.contacts.update(key, first_name="New"), ids[:3])
    assert [len(outcome.attempts) for outcome in read.of(Succeeded)] == [1, 2, 1]
    sandbox.fail("contacts.delete", drop=True, after_effect=True)
    read = reading(calls.contacts.delete, ids[:1])
    (unknown,) = read.of(Unknown)  # somebody deleted it: we, or another
    assert isinstance(unknown.error, NotFoundError)
    assert [tried.status for tried in unknown.attempts] == [None, 404]


def test_a_503_that_says_when_to_come_back_is_no_answer_yet(reading, sandbox):
    sandbox.fail("contacts.create", status=503, headers={"Retry-After": "0"}, match=lambda one: b'"1@' in one.body)
    read = reading(new_contact, emails(3))
    assert [len(outcome.attempts) for outcome in read.of(Succeeded)] == [1, 2, 1]


@pytest.mark.parametrize("fault", [{"body": "<html>", "content_type": "text/html"}, {"body": "{"}, {"body": b""}])
def test_a_success_that_cannot_be_read_is_unknown_for_a_write_and_failed_for_a_read(reading, sandbox, ids, fault):
    sandbox.fail("*", **fault, times=None)
    read = reading(new_contact, emails(2))
    assert [type(outcome) for outcome in read.all] == [Unknown, Unknown]
    assert {type(outcome.error) for outcome in read.all} == {APIResponseValidationError}
    assert [tried.status for tried in read.all[0].attempts] == [201]
    assert check_account(read, emails(2), sandbox)[1] == 2
    read = reading(calls.contacts.retrieve, ids[:2])
    assert [type(outcome) for outcome in read.all] == [Failed, Failed]


def test_a_success_that_a_type_of_ones_own_refuses_is_unknown_for_a_write_and_failed_for_a_read(reading, ids):
    class Picky(msgspec.Struct):
        def __post_init__(self):
            raise OddError

    new = {"name": "a", "description": ""}
    read = reading(lambda _: calls.post("/role", body=new, cast_to=Picky), ["a"])
    (unknown,) = read.of(Unknown)
    assert isinstance(unknown.error, APIError)
    assert isinstance(unknown.error.__cause__, OddError)
    assert [tried.status for tried in unknown.attempts] == [201]
    read = reading(lambda key: calls.get(f"/contacts/{key}", cast_to=Picky), ids[:1])
    assert [type(outcome.error.__cause__) for outcome in read.of(Failed)] == [OddError]


def test_what_a_transport_raises_is_unknown_for_a_write_and_failed_for_a_read(reading, ids):
    def raising(_request):
        raise OddError

    read = reading(new_contact, emails(2), transport=httpx.MockTransport(raising))
    assert [type(outcome) for outcome in read.all] == [Unknown, Unknown]
    for outcome in read.all:
        assert isinstance(outcome.error, APIConnectionError)
        assert isinstance(outcome.error.__cause__, OddError)
        assert outcome.error.message == "OddError was raised before an answer was read"
        assert [tried.maybe_applied for tried in outcome.attempts] == [True]
    read = reading(calls.contacts.retrieve, ids[:1], transport=httpx.MockTransport(raising))
    assert [type(outcome) for outcome in read.all] == [Failed]


def test_a_file_that_cannot_be_read_is_failed(reading, sandbox, tmp_path):
    names = [tmp_path / name for name in ("here", "gone", "there")]
    names[0].write_bytes(b"a")
    names[2].write_bytes(b"b")
    read = reading(lambda path: calls.aws.buckets.upload(file=path), names)
    assert [type(outcome) for outcome in read.all] == [Succeeded, Failed, Succeeded]
    assert isinstance(read.all[1].error, FileNotFoundError)
    assert set(sandbox.storage.files) == {"here", "there"}


def test_a_connection_that_was_never_made_is_failed(face, unused_address):
    def use(client, get):
        return Reading(client, get, new_contact, emails(2)).run()

    read = face.session(use, base_url=unused_address, max_retries=0)
    assert [type(outcome) for outcome in read.all] == [Failed, Failed]
    assert not any(tried.maybe_applied for outcome in read.all for tried in outcome.attempts)


def test_a_call_that_runs_out_of_its_own_time_is_failed_or_unknown(reading, sandbox):
    sandbox.fail("*", delay=3600, times=None)
    read = reading(lambda email: new_contact(email, total_timeout=0.5), emails(1))
    assert [type(outcome) for outcome in read.all] == [Unknown]
    read = reading(lambda key: calls.contacts.retrieve(key, total_timeout=0.05), ["a"])
    assert [(type(outcome), type(outcome.error)) for outcome in read.all] == [(Failed, APITimeoutError)]
    read = reading(lambda key: calls.contacts.retrieve(key, timeout=0.05, max_retries=0), ["a"])
    assert [(type(outcome), type(outcome.error)) for outcome in read.all] == [(Failed, APITimeoutError)]


# What ends a bulk before its items end


def test_it_goes_on_after_errors_unless_told_to_stop(reading, ids):
    read = reading(calls.contacts.retrieve, ["nobody", *ids[:20], "nobody"])
    assert (read.bulk.counts.succeeded, read.bulk.counts.failed) == (20, 2)


def test_told_to_stop_it_sends_no_more_after_an_error(reading, sandbox, ids):
    made = []

    def make(id):
        made.append(id)
        return calls.contacts.retrieve(id)

    read = reading(make, [*ids[:5], "nobody", *ids[5:]], on_error="stop", concurrency=1)
    assert [type(outcome) for outcome in read.all] == [Succeeded] * 5 + [Failed] + [NotSent] * 245
    assert len(sandbox.requests) == 6
    assert read.all[6].error.message == "not sent: on_error is 'stop', and item 5 did not succeed"
    assert read.all[6].attempts == ()
    assert len(made) <= 7  # one may have been read ahead


@pytest.mark.parametrize("stops", ["make", "unknown"])
def test_told_to_stop_it_stops_at_what_make_raises_and_at_what_is_unknown_too(reading, sandbox, stops):
    def make(email):
        if email == "3@bulk.test" and stops == "make":
            raise OddError
        return new_contact(email)

    if stops == "unknown":
        sandbox.fail("contacts.create", drop=True, match=lambda one: b'"3@' in one.body)
    read = reading(make, emails(50), on_error="stop", concurrency=1)
    kind = Failed if stops == "make" else Unknown
    assert [type(outcome) for outcome in read.all] == [Succeeded] * 3 + [kind] + [NotSent] * 46
    check_account(read, emails(50), sandbox)


def test_told_to_stop_it_lets_what_is_on_the_wire_go_on(reading, sandbox, ids):
    sandbox.fail("contacts.retrieve", delay=0.2, match=lambda one: ids[1] in one.path)
    read = reading(
        calls.contacts.retrieve, [ids[0], ids[1], "nobody", *ids[2:]], on_error="stop", concurrency=3, warm=True
    )
    assert [type(outcome) for outcome in read.all[:3]] == [Succeeded, Succeeded, Failed]
    assert read.got[-1].index == 1  # it came when all was over


def test_told_to_stop_it_gives_back_what_has_not_gone_out(reading, sandbox, ids):
    read = reading(
        calls.contacts.retrieve,
        ["nobody", *ids],
        on_error="stop",
        concurrency=100,
        client_options={"max_connections": 2},
    )
    assert len(read.all) == 251
    after = [one.path for one in sandbox.requests].index("/contacts/nobody") + 1
    assert len(sandbox.requests) - after <= 3  # on the other connection, until it was known
    assert len(read.of(NotSent)) >= 250 - after - 3


@pytest.mark.virtual_time
async def test_told_to_stop_it_gives_back_what_waits_for_the_rate_limit(sandbox, ids):
    sandbox.fail("*", status=429, headers={"Retry-After": "100"}, match=lambda one: ids[1] in one.path)
    sandbox.fail("*", delay=1, match=lambda one: "nobody" in one.path)
    async with sandbox.async_client() as client:
        await client.root.retrieve()
        begun = anyio.current_time()
        read = Reading(client, None, calls.contacts.retrieve, [ids[0], ids[1], "nobody"], on_error="stop")
        await read.read()
        assert anyio.current_time() - begun == pytest.approx(1, abs=0.1)
    assert [type(outcome) for outcome in read.all] == [Succeeded, NotSent, Failed]
    assert [tried.status for tried in read.all[1].attempts] == [429]


@pytest.mark.virtual_time
@pytest.mark.parametrize("limit", [0.5, 3.5, 6.5])
async def test_a_limit_of_time_ends_it_and_everything_is_given_back(limit):
    sandbox = Sandbox(rows=0, latency=1)
    async with sandbox.async_client(max_connections=4) as client:
        begun = anyio.current_time()
        read = Reading(client, None, new_contact, emails(100), concurrency=4, total_timeout=limit)
        await read.read()
        assert anyio.current_time() - begun == pytest.approx(limit)
        assert len(read.all) == 100
        found, applied = check_account(read, emails(100), sandbox)
        assert found[Unknown] == (1 if limit < 1 else 4)  # on the wire, where nobody knows
        assert applied == 0
        assert found[Succeeded] == {0.5: 0, 3.5: 9, 6.5: 21}[limit]  # the first goes ahead, to see how things are
        for outcome in read.of(NotSent):
            assert outcome.error.message.endswith(f"total_timeout of {limit:g} s ran out")
        with anyio.fail_after(1.1):
            async with anyio.create_task_group() as tasks:
                for _ in range(4):
                    tasks.start_soon(client.root.retrieve)


@pytest.mark.virtual_time
async def test_no_wait_is_begun_that_does_not_end_in_time(sandbox, ids):
    sandbox.fail("*", status=429, headers={"Retry-After": "100"}, times=None)
    async with sandbox.async_client() as client:
        begun = anyio.current_time()
        read = Reading(client, None, calls.contacts.retrieve, ids, total_timeout=90)
        await read.read()
        assert anyio.current_time() == pytest.approx(begun, abs=0.1)
    assert {type(outcome) for outcome in read.all} == {NotSent}
    assert {type(outcome.error) for outcome in read.all} == {APITimeoutError}
    assert "ran out: the rate limit would hold the call back for 100.0 s" in str(read.all[-1].error)
    assert len(sandbox.requests) == 1
    assert {type(outcome.error.__cause__) for outcome in read.all if outcome.attempts} == {RateLimitError}


@pytest.mark.virtual_time
@pytest.mark.parametrize(("make", "kind"), [(calls.contacts.retrieve, NotSent), (calls.contacts.delete, Unknown)])
async def test_no_retry_is_begun_that_does_not_end_in_time(sandbox, ids, make, kind):
    sandbox.fail("*", status=500, headers={"Retry-After": "50"}, times=None)
    async with sandbox.async_client() as client:
        begun = anyio.current_time()
        result = await client.bulk(make, ids[:1], total_timeout=40).collect()
        assert anyio.current_time() == pytest.approx(begun, abs=0.1)
    (outcome,) = [*result.not_sent, *result.unknown]
    assert type(outcome) is kind
    assert isinstance(outcome.error, APITimeoutError)
    assert isinstance(outcome.error.__cause__, InternalServerError)


@pytest.mark.virtual_time
async def test_after_its_limit_of_time_no_call_is_made_of_what_is_left_of_a_list(sandbox, ids):
    made = []

    def make(id):
        made.append(id)
        return calls.contacts.retrieve(id)

    sandbox.fail("contacts.retrieve", delay=1, times=None)
    async with sandbox.async_client() as client:
        result = await client.bulk(make, ids, concurrency=4, total_timeout=2.5).collect()
    assert result.counts.succeeded == 1 + 4
    assert result.counts.not_sent == 245
    assert len(made) <= 13


async def test_an_async_generator_is_closed_by_the_task_that_has_read_it(sandbox):
    """So it may have a block open between its items; left to the garbage collector, it would close it elsewhere."""
    closed = []

    async def rows():
        task = anyio.get_current_task()
        async with client.contacts.list(limit=20).concurrent(4) as contacts:
            try:
                async for contact in contacts:
                    yield contact.id
            finally:
                closed.append(anyio.get_current_task() == task)

    async with sandbox.async_client() as client:
        async with client.bulk(calls.contacts.retrieve, rows()) as outcomes:
            async for outcome in outcomes:
                if outcome.index == 30:
                    break
        assert closed == [True]
        result = await client.bulk(lambda _: 1 / 0, rows(), on_error="stop").collect()
        assert closed == [True, True]
        assert result.counts.failed == 1
        result = await client.bulk(calls.contacts.retrieve, rows(), total_timeout=0.05).collect()
        assert closed == [True, True, True]


def test_no_time_at_all_sends_nothing(reading, sandbox):
    read = reading(new_contact, emails(20), total_timeout=0)
    assert {type(outcome) for outcome in read.all} == {NotSent}
    assert len(sandbox.requests) == 0
    check_account(read, emails(20), sandbox)


def test_a_limit_of_time_ends_a_call_that_hangs(reading, sandbox):
    sandbox.fail("contacts.create", delay=3600, after_effect=True, match=lambda one: b'"2@' in one.body)
    read = reading(new_contact, emails(4), total_timeout=2)
    assert [type(outcome) for outcome in read.all] == [Succeeded, Succeeded, Unknown, Succeeded]
    assert check_account(read, emails(4), sandbox)[1] == 1


def test_left_early_what_was_read_has_its_outcome_and_the_rest_of_the_items_is_still_there(reading, sandbox):
    items, enough = LookedAt(emails(100)), []

    class EnoughError(Exception):
        pass

    def body(outcome):
        enough.append(outcome)
        if len(enough) == 10:
            raise EnoughError

    with pytest.raises(EnoughError) as caught:
        reading(new_contact, items, body=body, concurrency=8)
    read = caught.value.reading
    assert caught.value.__context__ is None
    assert len(read.got) == 10
    assert len(read.all) == items.read <= 18
    check_account(read, emails(100), sandbox)
    assert list(items) == emails(100)[len(read.all) :]


def test_left_by_break_it_has_the_outcomes_that_nobody_read(face, sandbox):
    def use(client, get):
        read = Reading(client, get, new_contact, emails(100), concurrency=8)

        async def some():
            async with read.bulk as outcomes:
                async for outcome in outcomes:
                    read.got.append(outcome)
                    if len(read.got) == 5:
                        break

        if isinstance(client, Wootiv):
            with read.bulk as outcomes:
                for outcome in outcomes:
                    read.got.append(outcome)
                    if len(read.got) == 5:
                        break
        else:
            get(some())
        return read

    read = face.session(use, transport=sandbox.transport())
    assert len(read.got) == 5
    check_account(read, emails(100), sandbox)
    assert not {outcome.index for outcome in read.got} & {outcome.index for outcome in read.bulk.unread}


@pytest.mark.virtual_time
async def test_an_item_that_comes_when_the_block_is_left_is_not_sent(sandbox):
    made = []

    def make(email):
        made.append(email)
        return new_contact(email)

    async def rows():
        yield emails(2)[0]
        with anyio.CancelScope(shield=True):
            await anyio.sleep(1)
        yield emails(2)[1]

    async with sandbox.async_client() as client:
        read = Reading(client, None, make, rows())
        async with read.bulk as outcomes:
            read.got.append(await anext(outcomes))
    assert [type(outcome) for outcome in read.all] == [Succeeded, NotSent]
    assert made == emails(1)
    check_account(read, emails(2), sandbox)


def test_left_before_anything_was_read_nothing_is_there(face, sandbox):
    def use(client, get):
        read = Reading(client, get, new_contact, emails(3))

        async def none():
            async with read.bulk:
                pass

        if isinstance(client, Wootiv):
            with read.bulk:
                pass
        else:
            get(none())
        return read

    read = face.session(use, transport=sandbox.transport())
    check_account(read, emails(3), sandbox)
    assert len(sandbox.requests) == 0


# What the items and `make` do


@pytest.mark.parametrize("after", [0, 1, 5, 30])
def test_what_the_items_raise_comes_after_the_outcomes_of_what_was_in_flight(reading, sandbox, after):
    error = OddError("the file ends here")

    def rows():
        yield from emails(after)
        raise error

    with pytest.raises(OddError) as caught:
        reading(new_contact, rows(), concurrency=8)
    assert caught.value is error
    read = caught.value.reading
    assert len(read.got) == after
    assert len(read.of(Succeeded)) == after
    check_account(read, emails(after), sandbox)


async def test_what_async_items_raise_comes_after_the_outcomes_of_what_was_in_flight(sandbox):
    async def rows():
        for email in emails(5):
            yield email
        raise OddError

    async with sandbox.async_client() as client:
        read = Reading(client, None, new_contact, rows())
        with pytest.raises(OddError):
            await read.read()
        assert len(read.of(Succeeded)) == 5


def test_after_the_error_of_the_items_there_is_nothing_more(face, sandbox):
    def rows():
        yield from emails(2)
        raise OddError

    def blocking(client):
        with client.bulk(new_contact, rows()) as outcomes:
            assert len([next(outcomes), next(outcomes)]) == 2
            with pytest.raises(OddError):
                next(outcomes)
            assert list(outcomes) == []

    async def asynchronous(client):
        async with client.bulk(new_contact, rows()) as outcomes:
            assert len([await anext(outcomes), await anext(outcomes)]) == 2
            with pytest.raises(OddError):
                await anext(outcomes)
            assert [outcome async for outcome in outcomes] == []

    face.session(
        lambda client, get: blocking(client) if isinstance(client, Wootiv) else get(asynchronous(client)),
        transport=sandbox.transport(),
    )


@pytest.mark.parametrize("wrong", [None, "a", lambda: None])
def test_a_make_that_gives_no_call_is_a_type_error(reading, sandbox, wrong):
    def make(email):
        return wrong if email == "2@bulk.test" else new_contact(email)

    with pytest.raises(TypeError, match=r"bulk: make must give a call of wootiv\.calls, such as .*, got \w+") as caught:
        reading(make, emails(10), concurrency=4)
    read = caught.value.reading
    assert [type(outcome) for outcome in read.all] == [Succeeded, Succeeded, NotSent]
    check_account(read, emails(10), sandbox)


async def test_a_make_that_calls_the_client_itself_is_a_type_error_and_no_warning(sandbox, ids):
    async with sandbox.async_client() as client:
        with pytest.raises(TypeError, match="got a value of type coroutine"):
            await client.bulk(client.contacts.delete, ids).collect()
        gc.collect()
    assert len(sandbox.requests) == 0


class QuitError(BaseException):
    """Like Ctrl-C, which pytest and event loops answer in ways of their own."""


@pytest.mark.parametrize("where", ["items", "make"])
def test_what_ends_programs_leaves_it_as_itself_and_the_account_is_even(reading, sandbox, where):
    def rows():
        for number, email in enumerate(emails(30)):
            if where == "items" and number == 20:
                raise QuitError
            yield email

    def make(email):
        if where == "make" and email == "20@bulk.test":
            raise QuitError
        return new_contact(email)

    with pytest.raises(QuitError) as caught:
        reading(make, rows(), concurrency=8)
    read = caught.value.reading
    assert len(read.all) == (20 if where == "items" else 21)
    check_account(read, emails(30), sandbox)


@pytest.mark.parametrize("concurrency", [1, 4])
def test_a_ctrl_c_in_make_that_is_caught_in_the_block_loses_no_item(sandbox, backend, concurrency):
    interrupted = []

    def make(email):
        if email in ("0@bulk.test", "7@bulk.test") and email not in interrupted:
            interrupted.append(email)
            raise KeyboardInterrupt
        return new_contact(email)

    with sandbox.client(backend=backend) as client:
        read = Reading(client, None, make, emails(10), concurrency=concurrency)
        with read.bulk as outcomes:
            while len(read.got) < 10:
                with contextlib.suppress(KeyboardInterrupt):
                    read.got.append(next(outcomes))
            assert list(outcomes) == []
        assert len(read.of(Succeeded)) == 10
        check_account(read, emails(10), sandbox)


def test_items_and_make_run_in_the_thread_of_the_caller_and_see_its_context(sandbox, ids, backend):
    seen = set()

    def rows():
        for id in ids[:20]:
            seen.add((threading.current_thread(), user.get()))
            yield id

    def make(id):
        seen.add((threading.current_thread(), user.get()))
        return calls.contacts.retrieve(id)

    with sandbox.client(backend=backend) as client:
        user.set("ada")
        client.bulk(make, rows()).collect()
    assert seen == {(threading.current_thread(), "ada")}


def test_items_and_make_may_use_the_client_and_another_bulk_of_it(sandbox, backend):
    with sandbox.client(backend=backend) as client:

        def rows():
            for contact in client.contacts.list(limit=20):
                yield client.contacts.retrieve(contact.id)

        def make(contact):
            inner = client.bulk(calls.contacts.retrieve, [contact.id] * 3, concurrency=2).collect()
            return calls.contacts.update(contact.id, first_name=inner.succeeded[2].value.email)

        result = client.bulk(make, rows(), concurrency=5).collect()
        assert result.counts.succeeded == 250
        assert all(row["firstName"] == row["email"] for row in sandbox.tables["/contacts"])


async def test_async_items_may_use_the_client(sandbox):
    async with sandbox.async_client() as client:

        async def rows():
            async with client.contacts.list(limit=20).concurrent(4) as contacts:
                async for contact in contacts:
                    yield await client.contacts.retrieve(contact.id)

        result = await client.bulk(lambda one: calls.contacts.delete(one.id), rows(), concurrency=5).collect()
        assert result.counts.succeeded == 250
        assert len(sandbox.tables["/contacts"]) == 0


def test_a_bad_row_in_the_middle_of_a_csv_is_one_failed(reading, tmp_path, sandbox):
    path = tmp_path / "new.csv"
    rows = [[email, "A", "B"] for email in emails(200)]
    rows[100] = ["100@bulk.test"]
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([["email", "first_name", "last_name"], *rows])
    with path.open(newline="") as file:
        rest = {"metadata": {}, "phone_number": "+44 1", "workspace_id": "w", "contact_group_id": "g"}
        read = reading(lambda row: calls.contacts.create(**row, **rest), csv.DictReader(file))
    assert [(outcome.index, type(outcome.error)) for outcome in read.of(Failed)] == [(100, TypeError)]
    assert len(read.of(Succeeded)) == 199
    assert len(sandbox.tables["/contacts"]) == 250 + 199


# The rate limit


@pytest.mark.virtual_time
async def test_a_rate_limit_is_a_wait(ids):
    throttle = FixedWindow(limit=20, seconds=30, headers=False)
    sandbox = Sandbox(rows=0, throttle=throttle)
    async with sandbox.async_client() as client:
        begun = anyio.current_time()
        read = Reading(client, None, new_contact, emails(70))
        await read.read()
        assert 90 <= anyio.current_time() - begun < 200
    assert len(read.of(Succeeded)) == 70
    check_account(read, emails(70), sandbox)
    counts = read.bulk.counts
    assert counts.requests == len(sandbox.requests) == 70 + throttle.refused
    assert counts.retries == throttle.refused > 0
    assert counts.waited > 0


@pytest.mark.virtual_time
@pytest.mark.parametrize(("asked", "lasts", "most"), [(50, 600, 16), (3600, 0, 2)])
async def test_a_rate_limit_that_outlasts_ten_minutes_ends_it(sandbox, ids, asked, lasts, most):
    sandbox.fail("*", status=429, headers={"Retry-After": f"{asked}"}, times=None)
    async with sandbox.async_client() as client:
        await client.bulk(calls.contacts.retrieve, []).collect()
        begun = anyio.current_time()
        result = await client.bulk(calls.contacts.retrieve, ids).collect()
        assert anyio.current_time() - begun == pytest.approx(lasts, abs=0.1)
    assert len(sandbox.requests) <= most  # and not once for each item
    assert {type(outcome.error) for outcome in result.failed} == {RateLimitError}
    assert result.counts.failed + result.counts.not_sent == 250
    assert result.counts.not_sent > 200
    assert result.counts.waited <= 600
    assert {outcome.error.message for outcome in result.not_sent if not outcome.attempts} == {
        "not sent: the rate limit would hold the bulk back for more than 600 s in all"
    }


# More than one at once

PART = 120


def test_sixteen_bulks_of_threads_take_turns(backend, ids):
    sandbox = Sandbox(rows=250, latency=0.001)
    order, meeting = [], threading.Barrier(16)
    with sandbox.client(backend=backend, max_connections=8) as client:

        def work(name):
            meeting.wait()
            with client.bulk(calls.contacts.retrieve, ids[:PART], concurrency=16) as outcomes:
                for outcome in outcomes:
                    assert isinstance(outcome, Succeeded)
                    order.append(name)

        with ThreadPoolExecutor(16) as threads:
            for done in [threads.submit(work, name) for name in range(16)]:
                done.result()
    check_fair(order)


async def test_sixteen_bulks_of_tasks_take_turns(ids):
    sandbox = Sandbox(rows=250, latency=0.001)
    order = []
    async with sandbox.async_client(max_connections=8) as client:

        async def work(name):
            async with client.bulk(calls.contacts.retrieve, ids[:PART], concurrency=16) as outcomes:
                async for outcome in outcomes:
                    assert isinstance(outcome, Succeeded)
                    order.append(name)

        async with anyio.create_task_group() as tasks:
            for name in range(16):
                tasks.start_soon(work, name)
    check_fair(order)


def check_fair(order):
    """No bulk is through when another has hardly begun: each has a fair part of every half of the time."""
    assert Counter(order) == dict.fromkeys(range(16), PART)
    first_half = Counter(order[: len(order) // 2])
    assert min(first_half.get(name, 0) for name in range(16)) >= PART / 4


@pytest.mark.parametrize("readers", [2, 8])
def test_threads_share_a_bulk(sandbox, backend, ids, readers):
    with (
        sandbox.client(backend=backend) as client,
        client.bulk(calls.contacts.retrieve, iter(ids)) as outcomes,
        ThreadPoolExecutor(readers) as threads,
    ):
        parts = [part.result() for part in [threads.submit(list, outcomes) for _ in range(readers)]]
    assert sorted(outcome.index for part in parts for outcome in part) == list(range(250))


@pytest.mark.parametrize("readers", [2, 8])
async def test_tasks_share_a_bulk(sandbox, ids, readers):
    got = []

    async def read(outcomes):
        async for outcome in outcomes:
            got.append(outcome.index)
            await anyio.lowlevel.checkpoint()

    async with (
        sandbox.async_client() as client,
        client.bulk(calls.contacts.retrieve, iter(ids)) as outcomes,
        anyio.create_task_group() as tasks,
    ):
        for _ in range(readers):
            tasks.start_soon(read, outcomes)
    assert sorted(got) == list(range(250))


def test_a_thread_that_still_reads_when_the_block_is_left_takes_no_item_along(sandbox, backend, ids):
    inside, left = threading.Event(), threading.Event()

    def rows():
        yield from ids[:5]
        inside.set()
        left.wait(10)
        yield from ids[5:]

    def read(outcomes):
        with pytest.raises(RuntimeError):
            got.extend(outcomes)

    got = []
    with sandbox.client(backend=backend) as client, ThreadPoolExecutor(1) as threads:
        with client.bulk(calls.contacts.retrieve, rows()) as outcomes:
            reading = threads.submit(read, outcomes)
            inside.wait(10)
        left.set()
        reading.result(10)
        every = sorted(outcome.index for outcome in (*got, *outcomes.unread))
        assert every == list(range(6))
        assert outcomes.counts.items == 6


async def test_what_another_thread_puts_in_when_the_block_was_left_is_not_sent(sandbox):
    async with sandbox.async_client() as client:
        async with Crew(client._engine, BulkPlan(new_contact)) as crew:
            pass
        crew.waiting.append(Job(0, "a", new_contact("a")))
        crew.begin_waiting()
    assert [type(outcome) for outcome in crew.done] == [NotSent]
    assert len(sandbox.requests) == 0


async def test_a_task_that_still_reads_when_the_block_is_left_is_told_so(sandbox):
    sandbox.fail("*", delay=3600, times=None)

    async def read(outcomes):
        with pytest.raises(RuntimeError, match="inside its own `async with` block"):
            await anext(outcomes)

    async with sandbox.async_client() as client, anyio.create_task_group() as tasks:  # noqa: SIM117 - the task goes on after the block
        async with client.bulk(new_contact, emails(1)) as outcomes:
            tasks.start_soon(read, outcomes)
            while not sandbox.requests:
                await anyio.lowlevel.checkpoint()


# The client's other promises


def test_a_handler_hears_of_each_outcome_once(face, sandbox):
    heard = []

    def use(client, get):
        client.on(OutcomeKnown, lambda event: heard.append(event.outcome))
        read = Reading(client, get, new_contact, emails(30), concurrency=8)
        with pytest.raises(OddError):
            read.run(fail_after_ten)
        return read

    left = iter(range(10))

    def fail_after_ten(_):
        if next(left, None) is None:
            raise OddError

    read = face.session(use, transport=sandbox.transport())
    assert sorted(heard, key=lambda outcome: outcome.index) == read.all


def test_what_a_handler_raises_changes_nothing(reading, face, sandbox):
    def use(client, get):
        client.on(OutcomeKnown, lambda _: 1 / 0)
        return Reading(client, get, new_contact, emails(5)).run()

    assert len(face.session(use, transport=sandbox.transport()).of(Succeeded)) == 5


def test_what_ends_programs_passes_from_a_transport_to_the_caller_and_the_loop_lives_on(backend):
    error = QuitError()

    def handle(request):
        if request.url.path.endswith("/5"):
            raise error
        return httpx.Response(200, json={})

    options = {"api_key": "key", "base_url": "http://bulk.test", "backend": backend}
    with Wootiv(transport=httpx.MockTransport(handle), **options) as client:
        bulk = client.bulk(calls.contacts.delete, map(str, range(10)))
        with pytest.raises(QuitError) as caught:
            bulk.collect()
        assert caught.value is error
        assert {outcome.index for outcome in bulk.unread if isinstance(outcome, Unknown)} >= {5}
        assert client.contacts.retrieve("1") is not None


def test_a_closed_client_is_told_of(face, sandbox):
    def use(client, get):
        get(client.close())
        with pytest.raises(ClientStateError, match="this client is closed, make a new one"):
            Reading(client, get, new_contact, emails(3)).run()

    def use_async(client, get):
        get(client.close())
        read = Reading(client, get, new_contact, emails(3)).run()
        assert {(type(outcome), type(outcome.error)) for outcome in read.all} == {(NotSent, ClientStateError)}

    face.session(use if face.name.startswith("blocking") else use_async, transport=sandbox.transport())


@pytest.mark.virtual_time
async def test_a_run_leaves_nothing_behind_when_it_is_dropped_in_the_midst(sandbox, ids):
    """All connections can be in use at once afterwards: no slot is lost."""
    sandbox.fail("*", delay=100, times=10)
    async with sandbox.async_client(max_connections=10) as client:
        with anyio.move_on_after(5):
            await client.bulk(calls.contacts.retrieve, ids, concurrency=10).collect()
        sandbox.fail("root.retrieve", delay=10, times=10)
        with anyio.fail_after(11.5):
            async with anyio.create_task_group() as tasks:
                for _ in range(10):
                    tasks.start_soon(client.root.retrieve)


# All at once


def test_collecting_gives_the_outcomes_by_kind_each_in_order_of_the_items(face, sandbox, ids):
    sandbox.fail("contacts.delete", drop=True, times=None, match=lambda one: ids[9] in one.path)

    def make(id):
        if id == ids[3]:
            raise OddError
        return calls.contacts.delete(id)

    items = [*ids[:10], "nobody"]
    result = face(lambda client: client.bulk(make, items).collect(), transport=sandbox.transport(), max_retries=0)
    assert [outcome.index for outcome in result.succeeded] == [0, 1, 2, 4, 5, 6, 7, 8]
    assert [outcome.index for outcome in result.failed] == [3, 10]
    assert [outcome.index for outcome in result.unknown] == [9]
    assert result.not_sent == []
    assert [outcome.index for outcome in result.outcomes] == list(range(11))
    counts = result.counts
    assert (counts.succeeded, counts.failed, counts.unknown, counts.not_sent, counts.items) == (8, 2, 1, 0, 11)
    with pytest.raises(BulkError, match="3 of 11 calls: 2 failed, 1 unknown") as caught:
        result.raise_for_errors()
    assert [type(error) for error in caught.value.exceptions] == [OddError, APIConnectionError, NotFoundError]
    assert isinstance(caught.value, ExceptionGroup)


def test_a_result_without_errors_raises_none(face, sandbox, ids):
    result = face(lambda client: client.bulk(calls.contacts.delete, ids).collect(), transport=sandbox.transport())
    result.raise_for_errors()


def test_a_bulk_error_is_split_as_any_group():
    error = BulkError("two", [OddError(), NotImplementedError()])
    odd, rest = error.split(OddError)
    assert (type(odd), type(rest)) == (BulkError, BulkError)
    assert [type(one) for one in pickle.loads(pickle.dumps(error)).exceptions] == [OddError, NotImplementedError]  # noqa: S301


def test_what_collecting_had_is_not_lost_when_it_is_ended(reading, face, sandbox):
    def rows():
        yield from emails(20)
        raise OddError

    def use(client, get):
        bulk = client.bulk(new_contact, rows())
        with pytest.raises(OddError):
            get(bulk.collect())
        assert sorted(outcome.index for outcome in bulk.unread) == list(range(20))
        assert bulk.counts.succeeded == 20

    face.session(use, transport=sandbox.transport())


# How it is used


def test_it_is_used_inside_its_own_block_and_once(face, sandbox):
    def blocking(client):
        bulk = client.bulk(new_contact, emails(2))
        with pytest.raises(RuntimeError, match="bulk: use it inside its own `with` block"):
            next(bulk)
        with bulk:
            assert len(list(bulk)) == bulk.counts.items == 2
        with pytest.raises(RuntimeError, match="bulk: use it inside its own `with` block"):
            next(bulk)
        with pytest.raises(RuntimeError, match="can be entered once"):
            bulk.collect()

    async def asynchronous(client):
        bulk = client.bulk(new_contact, emails(2))
        with pytest.raises(RuntimeError, match="bulk: use it inside its own `async with` block"):
            await anext(bulk)
        async with bulk:
            assert len([outcome async for outcome in bulk]) == 2
        with pytest.raises(RuntimeError, match="bulk: use it inside its own `async with` block"):
            await anext(bulk)
        with pytest.raises(RuntimeError, match="can be entered once"):
            await bulk.collect()

    face.session(
        lambda client, get: blocking(client) if isinstance(client, Wootiv) else get(asynchronous(client)),
        transport=sandbox.transport(),
    )


@pytest.mark.parametrize(
    ("make", "items", "options", "error", "message"),
    [
        (None, [], {}, TypeError, r"bulk: make must be a function that gives a call, got None"),
        (new_contact, 5, {}, TypeError, r"bulk: expected an iterable( or an async iterable)?, got a value of type int"),
        (new_contact, "ada", {}, TypeError, r"bulk: expected an iterable( or an async iterable)?, got"),
        (new_contact, [], {"concurrency": 0}, ValueError, r"concurrency: expected 1 or more, got 0"),
        (new_contact, [], {"concurrency": "8"}, TypeError, r"concurrency: expected an int, 1 or more, got '8'"),
        (new_contact, [], {"concurrency": True}, TypeError, r"concurrency: expected an int"),
        (new_contact, [], {"resend_unknown": "yes"}, TypeError, r"resend_unknown: expected True or False, got 'yes'"),
        (new_contact, [], {"on_error": "abort"}, ValueError, r"on_error: expected 'continue' or 'stop', got 'abort'"),
        (new_contact, [], {"total_timeout": -1}, ValueError, r"total_timeout: expected a number of seconds, 0 or more"),
        (new_contact, [], {"total_timeout": "1"}, TypeError, r"total_timeout: expected a number of seconds or None"),
        (new_contact, [], {"total_timeout": float("nan")}, ValueError, r"total_timeout: expected a number of seconds"),
    ],
)
@pytest.mark.parametrize("client", [AsyncWootiv, Wootiv])
def test_wrong_arguments_are_refused_at_once(client, make, items, options, error, message):  # noqa: PLR0917 - a table
    with pytest.raises(error, match=message):
        client(api_key="key").bulk(make, items, **options)


def test_the_blocking_client_takes_no_async_iterable():
    async def rows():
        yield "a"

    with pytest.raises(TypeError, match="bulk: expected an iterable, got a value of type async_generator"):
        Wootiv(api_key="key").bulk(new_contact, rows())
