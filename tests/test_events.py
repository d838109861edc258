"""Events: what a client tells of its calls while they are under way, to whom, in which thread, and at which cost."""

import logging
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import anyio
import anyio.lowlevel
import anyio.to_thread
import httpx
import pytest
import tenacity

from wootiv import (
    APIConnectionError,
    AsyncWootiv,
    Attempt,
    AttemptEnded,
    Event,
    InternalServerError,
    OutcomeKnown,
    PageFetched,
    RateLimitError,
    Sandbox,
    WaitBegun,
    Wootiv,
    calls,
)
from wootiv.engine.events import Events
from wootiv.events import KINDS

OK = httpx.Response(200, json={"id": "c1"}, headers={"x-request-id": "r-1"})
BUSY = httpx.Response(503)
AT_ONCE = {"retrying": tenacity.AsyncRetrying(wait=tenacity.wait_none(), stop=tenacity.stop_after_attempt(3))}


def listening(do, kind=Event):
    """Does something with a client whose events are kept; gives them."""
    events = []

    def session(client, get):
        client.on(kind, events.append)
        do(client, get)

    return session, events


def retrieve(client, get):
    get(client.contacts.retrieve("c1"))


# What is told


def test_every_attempt_and_every_wait_is_told_in_order(face, recorder):
    do, events = listening(retrieve)
    face.session(do, transport=recorder(BUSY, httpx.ReadError("broken"), OK).transport(), **AT_ONCE)
    assert [type(event) for event in events] == [AttemptEnded, WaitBegun, AttemptEnded, WaitBegun, AttemptEnded]
    assert {(event.operation, event.method, event.template) for event in events} == {
        ("contacts.retrieve", "GET", "/contacts/{id}")
    }
    first, wait, second, _, third = events
    assert [(one.attempt.number, one.attempt.status, one.request_id) for one in (first, second, third)] == [
        (1, 503, None),
        (2, None, None),
        (3, 200, "r-1"),
    ]
    assert second.attempt.error == "APIConnectionError: broken"
    assert (wait.why, wait.seconds) == ("retry", 0.0)


def test_a_wait_is_told_with_its_length(face, recorder):
    do, events = listening(retrieve, WaitBegun)
    face.session(do, transport=recorder(httpx.Response(429, headers={"retry-after-ms": "20"}), OK).transport())
    assert [event.why for event in events][:1] == ["retry"]
    assert 0.375 <= events[0].seconds <= 0.5


def test_a_wait_for_the_rate_limit_is_told_as_such(face, recorder):
    def use(client, get):
        with pytest.raises(RateLimitError):
            retrieve(client, get)
        retrieve(client, get)

    do, events = listening(use, WaitBegun)
    answers = recorder(httpx.Response(429, headers={"retry-after-ms": "200"}), OK)
    face.session(do, transport=answers.transport(), max_retries=0)
    [wait] = events
    assert (wait.why, wait.operation) == ("rate limit", "contacts.retrieve")
    assert 0 < wait.seconds <= 0.2


def test_an_attempt_that_brings_no_answer_is_told_once(face, recorder):
    do, events = listening(retrieve)
    with pytest.raises(APIConnectionError) as caught:
        face.session(do, transport=recorder(httpx.ConnectError("nobody")).transport(), max_retries=0)
    [event] = events
    assert event.attempt == caught.value.attempts[0]


def test_every_page_of_a_list_is_told(face, sandbox):
    do, events = listening(lambda client, get: get(client.contacts.list(limit=100)), PageFetched)
    face.session(do, transport=sandbox.transport())
    assert events == [
        PageFetched("contacts.list", 1, 100, 250),
        PageFetched("contacts.list", 2, 100, 250),
        PageFetched("contacts.list", 3, 50, 250),
    ]


def test_a_page_is_told_after_the_attempt_that_brought_it(face, sandbox):
    do, events = listening(lambda client, get: get(client.contacts.list(limit=200)))
    face.session(do, transport=sandbox.transport())
    assert [type(event) for event in events] == [AttemptEnded, PageFetched] * 2


@pytest.mark.virtual_time
async def test_an_attempt_that_is_cancelled_is_told_as_such():
    async def hang(_request):
        await anyio.sleep_forever()

    events = []
    async with AsyncWootiv(api_key="key", transport=httpx.MockTransport(hang)) as client:
        client.on(Event, events.append)
        with anyio.move_on_after(3):
            await client.contacts.delete("c1")
    [event] = events
    assert event.attempt == Attempt(1, event.attempt.started, event.attempt.elapsed, None, "cancelled", 0.0, True)
    assert event.attempt.elapsed == pytest.approx(3, abs=0.01)


@pytest.mark.virtual_time
async def test_an_attempt_that_total_timeout_cuts_off_is_told_once():
    async def hang(_request):
        await anyio.sleep_forever()

    events = []
    async with AsyncWootiv(api_key="key", transport=httpx.MockTransport(hang)) as client:
        client.on(Event, events.append)
        with pytest.raises(TimeoutError) as caught:
            await client.contacts.delete("c1", total_timeout=3)
    assert tuple(event.attempt for event in events) == caught.value.attempts


def test_a_redirect_is_part_of_its_attempt(face, recorder):
    moved = httpx.Response(307, headers={"location": "/elsewhere"})
    do, events = listening(retrieve)
    face.session(do, transport=recorder(moved, OK).transport())
    assert [event.attempt.status for event in events] == [200]


def test_a_verb_is_told_by_its_name_and_its_path(face, recorder):
    do, events = listening(lambda client, get: get(client.get("/anything?a=1")))
    face.session(do, transport=recorder(OK).transport())
    assert [(event.operation, event.template) for event in events] == [("get", "/anything")]


SECRETS = ("the-key", "a-header", "a-parameter", "a-name", "an-answer", "an-id", "a-default")


def test_events_hold_no_secrets(face, recorder):
    def ask(client, get):
        options = {"extra_headers": {"x-a": "a-header"}, "extra_query": {"q": "a-parameter"}}
        get(client.contacts.update("an-id", first_name="a-name", **options))

    answer = httpx.Response(200, json={"id": "an-answer"}, headers={"x-b": "a-header"})
    do, events = listening(ask)
    face.session(
        do, transport=recorder(BUSY, answer).transport(), api_key="the-key", default_query={"d": "a-default"}, **AT_ONCE
    )
    assert len(events) == 3
    assert not [secret for secret in SECRETS if secret in repr(events)]


@pytest.mark.parametrize("kind", KINDS)
def test_events_are_frozen(kind):
    event = kind(*[None] * len(kind.__struct_fields__))
    with pytest.raises(AttributeError):
        setattr(event, kind.__struct_fields__[0], "other")


# To whom


def test_a_handler_hears_of_its_own_kind_and_of_all_by_their_base(face, sandbox):
    heard = {AttemptEnded: [], WaitBegun: [], PageFetched: [], OutcomeKnown: [], Event: []}

    def use(client, get):
        for kind, events in heard.items():
            client.on(kind, events.append)
        get(client.contacts.list(limit=200))

    face.session(use, transport=sandbox.transport())
    assert {kind: len(events) for kind, events in heard.items()} == {
        AttemptEnded: 2,
        WaitBegun: 0,
        PageFetched: 2,
        OutcomeKnown: 0,
        Event: 4,
    }


def test_handlers_are_called_in_the_order_in_which_they_came(face, recorder):
    called = []

    def use(client, get):
        client.on(AttemptEnded, lambda _: called.append(1))
        client.on(Event, lambda _: called.append(2))
        client.on(AttemptEnded, lambda _: called.append(3))
        retrieve(client, get)

    face.session(use, transport=recorder(OK).transport())
    assert called == [1, 2, 3]


def test_a_handler_is_taken_off_by_calling_its_hook_or_leaving_its_block(face, recorder):
    first, second = [], []

    def use(client, get):
        off = client.on(Event, first.append)
        with client.on(AttemptEnded, second.append):
            retrieve(client, get)
        retrieve(client, get)
        off()
        off()
        retrieve(client, get)

    face.session(use, transport=recorder(OK).transport())
    assert (len(first), len(second)) == (2, 1)


def test_a_handler_that_is_added_twice_is_called_twice_and_taken_off_once(face, recorder):
    events = []

    def use(client, get):
        client.on(Event, events.append)
        with client.on(Event, events.append):
            retrieve(client, get)
        retrieve(client, get)

    face.session(use, transport=recorder(OK).transport())
    assert len(events) == 3


def test_a_handler_may_take_itself_off_and_add_another(face, recorder):
    first, second = [], []

    def use(client, get):
        def once(event):
            first.append(event)
            off()
            client.on(AttemptEnded, second.append)

        off = client.on(AttemptEnded, once)
        retrieve(client, get)
        retrieve(client, get)

    face.session(use, transport=recorder(OK).transport())
    assert (len(first), len(second)) == (1, 1)


def test_a_client_and_its_views_share_their_handlers(face, recorder):
    on_client, on_view = [], []

    def use(client, get):
        view = client.with_options(max_retries=1)
        client.on(Event, on_client.append)
        view.on(Event, on_view.append)
        retrieve(client, get)
        retrieve(view, get)
        retrieve(view.with_options(timeout=3), get)

    face.session(use, transport=recorder(OK).transport())
    assert (len(on_client), len(on_view)) == (3, 3)


def test_clients_do_not_share_their_handlers(face, recorder):
    events = []
    AsyncWootiv(api_key="key").on(Event, events.append)
    Wootiv(api_key="key").on(Event, events.append)
    face.session(retrieve, transport=recorder(OK).transport())
    assert events == []


class _Mine(Event):
    """An event that no client tells."""


async def _waits(_event):
    pass


def _yields(_event):
    yield


class _CallableThatWaits:
    async def __call__(self, _event):
        pass


@pytest.mark.parametrize("make", [AsyncWootiv, Wootiv])
@pytest.mark.parametrize(
    ("event", "handler", "message"),
    [
        (str, print, "on: event must be one of AttemptEnded, .*, or Event for all of them, got <class 'str'>"),
        (object, print, "on: event must be one of"),
        (_Mine, print, "on: event must be one of"),
        ("AttemptEnded", print, "on: event must be one of .* got 'AttemptEnded' .str."),
        (None, print, "on: event must be one of"),
        (AttemptEnded, None, "on: handler must be a function of one event, got None"),
        (AttemptEnded, _waits, "on: handler must be a plain function, .* got <function _waits"),
        (AttemptEnded, partial(_waits), "on: handler must be a plain function"),
        (AttemptEnded, _CallableThatWaits(), "on: handler must be a plain function"),
        (AttemptEnded, _yields, "on: handler must be a plain function"),
    ],
)
def test_what_cannot_listen_is_refused_before_anything_happens(make, event, handler, message):
    with pytest.raises(TypeError, match=message):
        make(api_key="key").on(event, handler)


# What handlers raise


def test_an_error_of_a_handler_is_logged_and_reaches_neither_the_call_nor_other_handlers(face, recorder, caplog):
    events = []

    def fail(_event):
        raise LookupError("no such bar")

    def use(client, get):
        client.on(AttemptEnded, fail)
        client.on(AttemptEnded, events.append)
        retrieve(client, get)

    face.session(use, transport=recorder(BUSY, OK).transport(), **AT_ONCE)
    assert [event.attempt.status for event in events] == [503, 200]
    errors = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [(one.name, one.getMessage()) for one in errors] == [("wootiv", "a handler of AttemptEnded failed")] * 2
    assert caplog.text.count("LookupError: no such bar") == 2


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3)], ids=repr)
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_what_ends_programs_goes_through_a_handler_and_ends_the_call(recorder, backend, error):
    def end(_event):
        raise error

    answers = recorder(BUSY, OK)
    with Wootiv(api_key="key", transport=answers.transport(), backend=backend, **AT_ONCE) as client:
        with client.on(AttemptEnded, end), pytest.raises(type(error)) as caught:
            client.contacts.retrieve("c1")
        assert caught.value is error
        assert client.contacts.retrieve("c1").id == "c1"


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_what_ends_programs_goes_through_a_handler_of_the_async_client_too(recorder, backend):
    def end(_event):
        raise SystemExit(3)

    async def main():
        async with AsyncWootiv(api_key="key", transport=recorder(OK).transport()) as client:
            client.on(AttemptEnded, end)
            await client.contacts.retrieve("c1")

    with pytest.raises(SystemExit):
        anyio.run(main, backend=backend)


# In the event loop


async def test_the_async_client_calls_handlers_in_the_task_of_the_call(recorder):
    tasks = []
    async with AsyncWootiv(api_key="key", transport=recorder(OK).transport()) as client:
        client.on(AttemptEnded, lambda _: tasks.append(anyio.get_current_task()))
        await client.contacts.retrieve("c1")
    assert tasks == [anyio.get_current_task()]


@pytest.mark.virtual_time
async def test_a_wait_is_told_when_it_begins(recorder):
    times = []
    async with AsyncWootiv(api_key="key", transport=recorder(BUSY, OK).transport()) as client:
        client.on(Event, lambda event: times.append((type(event), anyio.current_time())))
        await client.contacts.retrieve("c1")
    (_, ended), (_, began), (_, again) = times
    assert began - ended < 0.01
    assert again - began > 0.3


# In the caller's thread


@pytest.fixture(params=["asyncio", "trio"])
def client_of(request):
    """Makes clients whose requests a function answers; closes them."""
    clients = []

    def make(handler, **options):
        transport = httpx.MockTransport(handler)
        clients.append(Wootiv(**{"api_key": "key", "transport": transport, "backend": request.param, **options}))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


def ok(_request):
    return httpx.Response(200, json={"id": "c1"})


def test_the_blocking_client_calls_handlers_in_the_thread_of_the_call_before_it_returns(client_of):
    client, threads = client_of(ok), []
    client.on(Event, lambda _: threads.append(threading.current_thread()))
    client.contacts.retrieve("c1")
    assert threads == [threading.current_thread()]


def test_threads_that_share_a_client_hear_each_of_its_own_calls(client_of):
    client, meeting = client_of(ok), threading.Barrier(8)
    own = threading.local()

    def note(event):
        own.events = [*getattr(own, "events", []), event.template]

    client.on(AttemptEnded, note)

    def work(number):
        meeting.wait()
        for _ in range(20):
            client.get(f"/{number}")
        return own.events

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(work, range(8))) == [[f"/{number}"] * 20 for number in range(8)]


def test_handlers_are_called_while_the_call_goes_on(client_of):
    told = threading.Event()
    answers = []

    async def answer(_request):
        if answers:  # the second is given once the first was told of
            assert await anyio.to_thread.run_sync(told.wait, 10)
        answers.append(BUSY if not answers else OK)
        return httpx.Response(answers[-1].status_code, json={"id": "c1"})

    client = client_of(answer, **AT_ONCE)
    client.on(AttemptEnded, lambda _: told.set())
    client.contacts.retrieve("c1")
    assert len(answers) == 2


def test_a_handler_may_call_the_client(client_of):
    client, order = client_of(lambda request: BUSY if request.url.path == "/a" else ok(request), **AT_ONCE), []

    def log(event):
        if event.template == "/a":
            order.append(f"begin {event.attempt.number}")
            client.get("/b")
            order.append(f"end {event.attempt.number}")
        else:
            order.append("b")

    client.on(AttemptEnded, log)
    with pytest.raises(InternalServerError):
        client.get("/a")
    # Each is told of to its end before the next: what comes meanwhile waits.
    assert order == ["begin 1", "b", "end 1", "begin 2", "b", "end 2", "begin 3", "b", "end 3"]


def test_a_handler_may_close_the_client(client_of):
    client = client_of(ok)
    client.on(AttemptEnded, lambda _: client.close())
    client.contacts.retrieve("c1")
    assert client.is_closed()


def test_a_ctrl_c_in_a_handler_cancels_the_call(client_of):
    ended = threading.Event()
    answered = []

    async def answer(_request):
        answered.append(1)
        if len(answered) == 1:
            return BUSY
        try:
            await anyio.sleep_forever()
        finally:
            ended.set()

    client = client_of(answer, **AT_ONCE)
    client.on(AttemptEnded, lambda _: signal.raise_signal(signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        client.contacts.retrieve("c1")
    assert len(answered) == 1 or ended.wait(10)  # not sent again, or cancelled there


def test_nothing_is_told_of_a_call_after_it_was_interrupted(client_of):
    async def hang(_request):
        signal.raise_signal(signal.SIGINT)  # Python's own handler runs in the main thread, which waits
        await anyio.sleep_forever()

    client, events = client_of(hang), []
    client.on(Event, events.append)
    with pytest.raises(KeyboardInterrupt):
        client.contacts.retrieve("c1")
    client.close()
    assert events == []


def test_a_call_that_began_before_a_handler_came_is_heard_of_only_in_the_log(client_of):
    entered, leave = threading.Event(), threading.Event()

    async def answer(_request):
        entered.set()
        await anyio.to_thread.run_sync(leave.wait, 10)
        return OK

    client, events = client_of(answer), []
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(client.contacts.retrieve, "c1")
        entered.wait(10)
        client.on(Event, events.append)
        leave.set()
        waiting.result(10)
    assert events == []


# Blocks


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_what_a_block_does_in_between_is_told_in_the_thread_that_uses_it(backend):
    heard, threads = [], []
    with Sandbox(rows=250).client(backend=backend) as client:

        def note(event):
            heard.append(event)
            threads.append(threading.current_thread())

        client.on(PageFetched, note)
        with client.contacts.list(limit=10).concurrent(4) as contacts:
            assert len(list(contacts)) == 250
    assert sorted(event.number for event in heard) == list(range(1, len(heard) + 1))
    assert sum(event.rows for event in heard) >= 250
    assert {event.total for event in heard} == {250}
    assert set(threads) == {threading.current_thread()}


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_block_that_moves_to_another_thread_is_told_there(backend):
    threads = []
    with Sandbox(rows=100).client(backend=backend) as client:
        page = client.contacts.list(limit=10)
        client.on(PageFetched, lambda _: threads.append(threading.current_thread()))
        contacts = page.concurrent(4)
        contacts.__enter__()

        def read():
            rows = list(contacts)
            contacts.__exit__(None, None, None)
            return len(rows), threading.current_thread()

        with ThreadPoolExecutor(1) as pool:
            count, thread = pool.submit(read).result(10)
    assert count == 100
    assert len(threads) >= 9
    assert threads[-1] is thread


def test_what_is_cancelled_where_a_block_is_left_is_told_before_it_ends(client_of):
    entered = threading.Semaphore(0)

    async def answer(request):
        if request.url.params.get("page") == "1":
            rows = [{"id": str(number)} for number in range(10)]
            return httpx.Response(200, json={"data": rows, "total": 100, "page": 1, "pageCount": 10, "count": 10})
        entered.release()
        return await anyio.sleep_forever()

    client, events = client_of(answer), []
    page = client.contacts.list(limit=10, sort=["email,ASC"])
    client.on(Event, lambda event: events.append((event.attempt.error, threading.current_thread())))
    with page.concurrent(3) as contacts:
        assert next(contacts).id == "0"
        for _ in range(3):
            assert entered.acquire(timeout=10)
        assert events == []
    assert events == [("cancelled", threading.current_thread())] * 3


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_every_attempt_of_a_bulk_is_told_in_the_thread_that_uses_it(backend):
    heard = []
    with Sandbox(rows=40).client(backend=backend) as client:
        ids = [contact.id for contact in client.contacts.list(limit=40).data]
        client.on(AttemptEnded, lambda event: heard.append((event.operation, threading.current_thread())))
        with client.bulk(calls.contacts.retrieve, ids, concurrency=4) as outcomes:
            assert len(list(outcomes)) == 40
    assert heard == [("contacts.retrieve", threading.current_thread())] * 40


# At which cost


def test_an_event_is_wanted_only_while_somebody_listens():
    events = Events()
    assert not events.is_heard()
    assert not any(map(events.wants, KINDS))
    with events.on(PageFetched, print):
        assert events.is_heard()
        assert [kind for kind in KINDS if events.wants(kind)] == [PageFetched]
    assert not events.is_heard()
    assert not any(map(events.wants, KINDS))


def test_the_log_wants_them_too(caplog):
    caplog.set_level(logging.INFO, "wootiv")
    assert all(map(Events().wants, KINDS))
