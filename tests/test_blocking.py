"""`Wootiv`: what a script, a thread, a notebook and a handler meet that call it."""

import contextvars
import inspect
import threading
import traceback
import warnings
from concurrent.futures import ThreadPoolExecutor

import anyio
import httpx
import pytest

from wootiv import APIConnectionError, BlockedLoopWarning, ClientStateError, NotFoundError, Sandbox, Wootiv, calls

user = contextvars.ContextVar("user", default=None)


@pytest.fixture(params=["asyncio", "trio"])
def backend(request):
    return request.param


@pytest.fixture
def client_of(backend):
    """Makes clients whose requests a function answers; closes them."""
    clients = []

    def make(handler, **options):
        transport = handler if hasattr(handler, "close") or hasattr(handler, "aclose") else httpx.MockTransport(handler)
        options = {"api_key": "key", "base_url": "http://wootiv.test", "max_retries": 0, **options}
        clients.append(Wootiv(transport=transport, backend=backend, **options))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


def yes(_request):
    return httpx.Response(200, json=True)


class Kept(httpx.MockTransport):
    """A transport that counts how often it was closed."""

    def __init__(self):
        super().__init__(yes)
        self.closed = 0

    async def aclose(self):
        self.closed += 1


class KeptBlocking(httpx.BaseTransport):
    """The same for blocking code."""

    def __init__(self):
        self.closed = 0

    def handle_request(self, request):
        return yes(request)

    def close(self):
        self.closed += 1


# Threads and handlers


def test_sixty_four_threads_share_one_client(backend):
    meeting = threading.Barrier(64)
    with Sandbox(rows=64).client(backend=backend) as client:
        ids = [contact.id for contact in client.contacts.list()]

        def work(contact_id):
            meeting.wait()
            return [client.contacts.retrieve(contact_id).id for _ in range(5)]

        with ThreadPoolExecutor(64) as threads:
            results = list(threads.map(work, ids))
    assert results == [[contact_id] * 5 for contact_id in ids]


def test_a_handler_that_calls_its_own_client_is_told_not_to(client_of):
    def nested(_request):
        client.get("/again")

    client = client_of(nested)
    with pytest.raises(ClientStateError, match="from Wootiv's own event loop would wait for itself: use AsyncWootiv"):
        client.get("/")


def test_two_clients_whose_handlers_call_each_other_are_told_not_to(client_of):
    first = client_of(lambda _: second.get("/"))
    second = client_of(lambda _: first.get("/"))
    with pytest.raises(ClientStateError, match="would wait for itself"):
        first.get("/")


def test_a_handler_sees_the_callers_context(client_of):
    client = client_of(lambda _: httpx.Response(200, json=user.get()))
    with ThreadPoolExecutor(8) as threads:

        def work(name):
            user.set(name)
            return client.get("/")

        assert list(threads.map(work, "abcdefgh")) == list("abcdefgh")


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt()], ids=repr)
def test_what_ends_programs_passes_from_a_handler_to_the_caller(client_of, error):
    threads = []

    def handler(request):
        threads.append(threading.current_thread())
        if request.url.path == "/end":
            raise error
        return yes(request)

    client = client_of(handler)
    with pytest.raises(type(error)) as caught:
        client.get("/end")
    assert caught.value is error
    assert client.get("/") is True
    assert threads[0] is threads[1]


# Errors


def chain(error):
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def ours(error):
    frames = traceback.extract_tb(error.__traceback__)
    assert frames[0].name.startswith("test_")
    return [frame for frame in frames if "/wootiv/" in frame.filename.replace("\\", "/")]


def test_an_error_of_the_server_shows_the_callers_line_and_few_of_ours(client_of):
    client = client_of(lambda _: httpx.Response(404, json={"message": "no such contact"}))
    with pytest.raises(NotFoundError) as caught:
        client.contacts.retrieve("c1")
    assert len(ours(caught.value)) <= 3
    assert len(list(chain(caught.value))) == 1


def test_an_error_of_the_network_has_its_cause_and_no_group(client_of):
    def fail(_request):
        raise httpx.ConnectError("nobody there")

    client = client_of(fail)
    with pytest.raises(APIConnectionError, match="nobody there") as caught:
        client.contacts.retrieve("c1")
    assert len(ours(caught.value)) <= 3
    assert isinstance(caught.value.__cause__, httpx.ConnectError)
    assert not any(isinstance(error, BaseExceptionGroup) for error in chain(caught.value))


def test_an_error_of_a_handler_keeps_its_place(client_of):
    def fail(_request):
        raise LookupError

    client = client_of(fail)
    with pytest.raises(LookupError) as caught:
        client.get("/")
    assert traceback.extract_tb(caught.value.__traceback__)[-1].name == "fail"


# In a running loop


@pytest.mark.parametrize("around", ["asyncio", "trio"])
@pytest.mark.parametrize(
    "use",
    [
        lambda client: client.contacts.retrieve("c1"),
        lambda client: client.contacts.list(),
        lambda client: client.send(calls.contacts.list()),
        lambda client: client.get("/contacts"),
    ],
    ids=["an operation", "a list", "a call", "a verb"],
)
def test_in_a_running_loop_it_works_and_warns_of_the_callers_line(client_of, around, use):
    client = client_of(lambda _: httpx.Response(200, json={"id": "c1", "data": []}))

    async def main():
        with pytest.warns(BlockedLoopWarning) as caught:
            assert use(client) is not None
        assert [warning.filename for warning in caught] == [__file__]
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert use(client) is not None

    anyio.run(main, backend=around)


# The end


def test_it_starts_no_thread_before_its_first_call(client_of):
    before = threading.active_count()
    client = Wootiv(api_key="key")
    client.close()
    assert client.is_closed()
    assert threading.active_count() == before


def test_a_block_closes_it_and_its_thread(backend):
    before = set(threading.enumerate())
    with Sandbox().client(backend=backend) as client:
        client.contacts.list()
        assert not client.is_closed()
        assert len(set(threading.enumerate()) - before) == 1
    assert client.is_closed()
    assert not set(threading.enumerate()) - before


@pytest.mark.parametrize("used", [False, True], ids=["unused", "used"])
def test_a_closed_client_and_its_views_say_so(client_of, used):
    client = client_of(yes)
    view = client.with_options(max_retries=1)
    if used:
        view.get("/")
    client.close()
    client.close()
    for each in client, view, client.with_options(max_retries=2):
        assert each.is_closed()
        for use in (
            lambda each=each: each.get("/"),
            lambda each=each: each.contacts.list(),
            lambda each=each: each.send(calls.contacts.list()),
        ):
            with pytest.raises(ClientStateError, match="this client is closed, make a new one"):
                use()


def test_closing_a_view_closes_nothing(client_of):
    client = client_of(yes)
    with client.with_options(max_retries=1) as view:
        view.get("/")
    view.close()
    assert not view.is_closed()
    assert client.get("/") is True


@pytest.mark.parametrize("used", [False, True], ids=["unused", "used"])
@pytest.mark.parametrize("kind", [Kept, KeptBlocking])
def test_closing_closes_the_callers_transport_once(client_of, kind, used):
    transport = kind()
    client = client_of(transport)
    if used:
        assert client.get("/") is True
    client.close()
    client.close()
    assert transport.closed == 1


def test_closing_ends_the_calls_of_other_threads(client_of):
    entered = threading.Event()

    async def wait(_request):
        entered.set()
        await anyio.sleep_forever()

    client = client_of(wait, max_retries=5)
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(client.get, "/")
        entered.wait(10)
        client.close()
        with pytest.raises(ClientStateError, match="the client was closed during the call"):
            waiting.result(10)


def test_a_handler_cannot_close_its_client(client_of):
    def close(request):
        client.close()
        return yes(request)

    client = client_of(close)
    with pytest.raises(ClientStateError, match="would wait for itself"):
        client.get("/")
    assert not client.is_closed()


# How it is made


def test_a_backend_that_is_none_is_refused():
    with pytest.raises(ValueError, match="backend must be 'asyncio' or 'trio', got 'curio'"):
        Wootiv(api_key="key", backend="curio")


class Tagged(Wootiv):
    """A subclass with something of its own."""

    def __init__(self, tag, **options):
        super().__init__(**options)
        self.tag = tag


def test_a_view_of_a_subclass_has_what_the_subclass_keeps():
    transport = httpx.MockTransport(lambda request: httpx.Response(200, json={"id": request.url.host}))
    with Tagged("t", api_key="key", base_url="http://first.test", transport=transport) as client:
        assert client.contacts.retrieve("c1").id == "first.test"  # opened before there is a view
        view = client.with_options(base_url="http://second.test")
        assert (type(view), view.tag) == (Tagged, "t")
        assert view.contacts.retrieve("c1").id == "second.test"
        assert client.contacts.retrieve("c1").id == "first.test"


def test_help_shows_every_option():
    own = inspect.signature(Wootiv).parameters
    assert {"api_key", "base_url", "timeout", "max_connections", "backend"} <= own.keys()
    assert {parameter.kind for parameter in own.values()} == {inspect.Parameter.KEYWORD_ONLY}
    view = inspect.signature(Wootiv.with_options).parameters
    assert "set_default_headers" in view
    assert "transport" not in view
    assert list(inspect.signature(Tagged).parameters) == ["tag", "options"]
    assert "timeout: float" in str(inspect.signature(Wootiv))
