"""Bulks: exactly one outcome for each item, and what each of them means."""

import contextvars
import csv
import gc
import pickle
import threading
import tracemalloc
import weakref
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
from wootiv.sandbox import FixedWindow
from wootiv.types import Contact

user = contextvars.ContextVar("user", default=None)
AT_ONCE = {"max_retries": 2}


@pytest.fixture
def reading(face, sandbox):
    """Read a bulk to its end on each client and backend, or as far as it comes: gives the `Reading`."""

    def read(make, items, *, body=lambda _: None, transport=None, client_options=None, **options):
        made = []

        def use(client, get):
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
    sandbox.fail("contacts.retrieve", delay=0.2, match=lambda one: ids[3] in one.path)
    read = reading(calls.contacts.retrieve, ids[:8])
    assert read.got[-1].index == 3


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

    read = reading(calls.contacts.retrieve, "x" * 100, concurrency=concurrency, transport=httpx.MockTransport(handle))
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
    read = reading(lambda email: new_contact(email), ["a@bulk.test", 7, "b@bulk.test"])
    assert [type(outcome) for outcome in read.all] == [Succeeded, Failed, Succeeded]
    assert str(read.all[1].error).startswith("contacts.create: email must be str, got 7 (int)")


@pytest.mark.parametrize("fault", [{"drop": True}, {"status": 500}, {"status": 503}, {"torn": True}], ids=repr)
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
    read = reading(lambda id: calls.contacts.update(id, first_name="New"), ids[:3])
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


def test_a_success_that_a_type_of_ones_own_refuses_is_unknown_for_a_write_and_failed_for_a_read(reading, sandbox):
    class Picky(msgspec.Struct):
        def __post_init__(self):
            raise OddError

    new = {"name": "a", "description": ""}
    read = reading(lambda _: calls.post("/roles", body=new, cast_to=Picky), "a")
    (unknown,) = read.of(Unknown)
    assert isinstance(unknown.error, APIError)
    assert isinstance(unknown.error.__cause__, OddError)
    assert [tried.status for tried in unknown.attempts] == [201]
    read = reading(lambda _: calls.get("/roles", cast_to=Picky), "a")
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
    read = reading(lambda email: new_contact(email, total_timeout=0.05), emails(1))
    assert [type(outcome) for outcome in read.all] == [Unknown]
    read = reading(lambda id: calls.contacts.retrieve(id, total_timeout=0.05), ["a"])
    assert [(type(outcome), type(outcome.error)) for outcome in read.all] == [(Failed, APITimeoutError)]
    read = reading(lambda id: calls.contacts.retrieve(id, timeout=0.05, max_retries=0), ["a"])
    assert [(type(outcome), type(outcome.error)) for outcome in read.all] == [(Failed, APITimeoutError)]
