"""Faults by script: each of them through every door of the sandbox, and as both clients meet it."""

import socket
import subprocess
import sys
from contextlib import contextmanager

import anyio
import httpx
import pytest
from tenacity import AsyncRetrying, stop_after_attempt

from wootiv import APIConnectionError, APIResponseValidationError, APITimeoutError, InternalServerError, calls
from wootiv.sandbox import Sandbox

KEY = {"Authorization": "Bearer any-key"}
GROUP = {"groupName": "a", "workspaceId": "w"}
GONE = "Server disconnected without sending a response."


class Door:
    """A way in: `ask` gives what the service answered, or the error of httpx."""

    def __init__(self, sandbox, ask, options):
        self.sandbox = sandbox
        self.ask = ask
        self.options = options

    @property
    def groups(self):
        return len(self.sandbox.tables["/contact_group"])

    def create(self, **options):
        return self.ask("POST", "/contact_group", json=GROUP, **options)


def asking(**options):
    """What asks a question of a door."""
    options = {"base_url": "http://sandbox.test", "headers": KEY, "timeout": 60, **options}

    def ask(*arguments, **given):
        with httpx.Client(**options) as client:
            return answer_of(lambda: client.request(*arguments, **given))

    return ask


def asking_async(backend, **options):
    options = {"base_url": "http://sandbox.test", "headers": KEY, "timeout": 60, **options}

    async def ask(arguments, given):
        async with httpx.AsyncClient(**options) as client:
            try:
                return await client.request(*arguments, **given)
            except httpx.HTTPError as error:
                return error

    return lambda *arguments, **given: anyio.run(ask, arguments, given, backend=backend)


def answer_of(do):
    try:
        return do()
    except httpx.HTTPError as error:
        return error


@contextmanager
def opened(name):
    sandbox = Sandbox(rows=10)
    if name == "socket":
        with sandbox.serving() as url:
            yield Door(sandbox, asking(base_url=url), {"base_url": url})
    else:
        ask = asking if name == "blocking" else lambda **options: asking_async(name, **options)
        yield Door(sandbox, ask(transport=sandbox.transport()), {"transport": sandbox.transport()})


DOORS = ("asyncio", "trio", "blocking", "socket")


@pytest.fixture(params=DOORS)
def door(request):
    with opened(request.param) as door:
        yield door


@pytest.fixture(params=["in-process", "socket"])
def box(request):
    """A sandbox, and what leads a client to it."""
    with opened(request.param if request.param == "socket" else "blocking") as door:
        yield door


# Through every door


@pytest.mark.parametrize("after_effect", [False, True])
def test_a_status_is_answered_as_often_as_it_is_set_before_the_effect_or_after_it(door, after_effect):
    before = door.groups
    door.sandbox.fail("contact_group.create", status=503, times=2, after_effect=after_effect)
    failed = [door.create() for _ in range(2)]
    assert [(one.status_code, one.json()) for one in failed] == [
        (503, {"message": "Service Unavailable", "statusCode": 503})
    ] * 2
    assert door.groups - before == (2 if after_effect else 0)
    assert door.create().status_code == 201
    assert [one.status for one in door.sandbox.requests] == [503, 503, 201]


@pytest.mark.parametrize("after_effect", [False, True])
def test_a_dropped_connection_gives_no_answer_before_the_effect_or_after_it(door, after_effect):
    before = door.groups
    door.sandbox.fail("contact_group.create", drop=True, after_effect=after_effect)
    dropped = door.create()
    assert isinstance(dropped, httpx.RemoteProtocolError)
    assert str(dropped) == GONE
    assert door.groups - before == after_effect
    assert door.sandbox.requests[-1].status is None
    assert door.create().status_code == 201


def test_a_torn_body_announces_more_than_comes(door):
    whole = len(door.ask("GET", "/contacts").content)
    door.sandbox.fail("contacts.list", torn=True)
    torn = door.ask("GET", "/contacts")
    assert isinstance(torn, httpx.RemoteProtocolError)
    assert f"(received {whole // 2} bytes, expected {whole})" in str(torn)
    assert door.sandbox.requests[-1].status == 200


def test_an_empty_body_is_torn_too_and_the_effect_is_had(door):
    before = door.groups
    door.sandbox.fail("contact_group.delete", torn=True)
    id = next(iter(door.sandbox.tables["/contact_group"]))["id"]
    torn = door.ask("DELETE", f"/contact_group/{id}")
    assert "(received 0 bytes, expected 1)" in str(torn)
    assert door.groups == before - 1


def test_a_torn_error_has_no_effect(door):
    before = door.groups
    door.sandbox.fail("contact_group.create", status=502, torn=True)
    assert isinstance(door.create(), httpx.RemoteProtocolError)
    assert door.groups == before


def test_a_slow_body_comes_whole(door):
    whole = door.ask("GET", "/contacts").content
    door.sandbox.fail("contacts.list", slow=0.1)
    slow = door.ask("GET", "/contacts")
    assert (slow.status_code, slow.content) == (200, whole)


@pytest.mark.parametrize("how", [{"slow": 600}, {"delay": 600}, {"delay": 600, "after_effect": True}], ids=str)
def test_silence_above_the_limit_of_reading_is_a_timeout(door, how):
    before = door.groups
    door.sandbox.fail("contact_group.create", **how)
    assert isinstance(door.create(timeout=httpx.Timeout(60, read=0.4)), httpx.ReadTimeout)
    assert door.groups - before == ("slow" in how or "after_effect" in how)
    assert door.sandbox.requests[-1].status == (201 if "slow" in how else None)


def test_a_delay_below_the_limit_of_reading_only_takes_time(door):
    door.sandbox.fail("contact_group.create", delay=0.05)
    assert door.create(timeout=30).status_code == 201


def test_a_wrong_content_type_leaves_the_body_as_it_is(door):
    right = door.ask("GET", "/contacts")
    door.sandbox.fail("contacts.list", content_type="text/html")
    wrong = door.ask("GET", "/contacts")
    assert (wrong.status_code, wrong.content) == (200, right.content)
    assert wrong.headers["content-type"] == "text/html"


def test_a_body_and_headers_stand_in_place_of_the_services_own(door):
    page, told = "<html>Bad Gateway</html>", {"Retry-After": "7", "X-Request-Id": "é1"}
    door.sandbox.fail("contacts.list", status=502, body=page, content_type="text/html", headers=told)
    door.sandbox.fail("contacts.list", body={"data": None})
    first, second = door.ask("GET", "/contacts"), door.ask("GET", "/contacts")
    assert (first.status_code, first.text) == (502, page)
    assert {name: first.headers[name] for name in ("Retry-After", "X-Request-Id", "Content-Type")} == {
        **told,
        "Content-Type": "text/html",
    }
    assert (second.status_code, second.json()) == (200, {"data": None})


@pytest.mark.parametrize("status", [200, 204, 304, 429, 500, 520])
def test_any_status_of_an_answer_can_be_had(door, status):
    door.sandbox.fail("contacts.list", status=status)
    answer = door.ask("GET", "/contacts")
    assert answer.status_code == status
    said = {429: "ThrottlerException: Too Many Requests", 500: "Internal server error"}
    expected = {"statusCode": status} | ({"message": said[status]} if status in said else {})
    assert answer.content == b"" if status < 400 else answer.json() == expected


def test_faults_that_are_set_while_requests_come_in_are_met(door):
    for status in range(500, 520):
        door.sandbox.fail("contacts.list", status=status)
        assert door.ask("GET", "/contacts").status_code == status


# On the socket as it is


def raw(url, request):
    """All bytes that come back until the server closes the connection."""
    host, _, port = url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(request)
        return b"".join(iter(lambda: connection.recv(65536), b""))


LIST = b"GET /contacts HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer k\r\n\r\n"


def test_a_drop_on_the_socket_closes_it_without_a_byte():
    sandbox = Sandbox(rows=10)
    with sandbox.serving() as url:
        sandbox.fail("contacts.list", drop=True)
        assert raw(url, LIST) == b""


def test_a_torn_body_on_the_socket_ends_before_its_announced_length():
    sandbox = Sandbox(rows=10)
    with sandbox.serving() as url:
        sandbox.fail("contacts.list", torn=True)
        head, _, body = raw(url, LIST).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    announced = next(int(line[16:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length: "))
    assert announced // 2 == len(body) > 0


def test_a_slow_body_on_the_socket_comes_in_pieces():
    sandbox = Sandbox(rows=10)
    with sandbox.serving() as url, httpx.Client(base_url=url, headers=KEY) as client:
        sandbox.fail("contacts.list", slow=1)
        with client.stream("GET", "/contacts") as response:
            assert len(list(response.iter_raw())) > 1


def test_who_hangs_up_before_the_effect_has_changed_nothing():
    sandbox = Sandbox(rows=10)
    before = len(sandbox.tables["/contact_group"])
    with sandbox.serving() as url:  # which ends when all that came in is done with, two seconds later at most
        sandbox.fail("contact_group.create", delay=1)
        ask = asking(base_url=url, timeout=httpx.Timeout(60, read=0.3))
        assert isinstance(ask("POST", "/contact_group", json=GROUP), httpx.ReadTimeout)
    assert len(sandbox.tables["/contact_group"]) == before
    assert [one.status for one in sandbox.requests] == [None]


NOISE = """
import httpx
from wootiv import Sandbox

sandbox = Sandbox(rows=10)
faults = [dict(drop=True), dict(drop=True, after_effect=True), dict(torn=True), dict(torn=True, slow=0.1),
          dict(status=503), dict(delay=600), dict(delay=600, after_effect=True), dict(slow=600)]
with sandbox.serving() as url:
    for fault in faults:
        sandbox.fail("root.retrieve", body="text", **fault) if "drop" not in fault else sandbox.fail("*", **fault)
        try:
            httpx.get(url, timeout=0.5)
        except httpx.HTTPError:
            pass
assert len(sandbox.requests) == len(faults)
"""


def test_faults_on_the_socket_leave_no_noise_on_the_terminal():
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", NOISE]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


# As the clients meet them


def test_a_client_gets_by_two_errors(face, box):
    fault = box.sandbox.fail("contacts.list", status=503, times=2)
    response = face(
        lambda client: client.send(calls.contacts.list(limit=1)),
        retrying=AsyncRetrying(stop=stop_after_attempt(5)),  # which waits for nothing
        **box.options,
    )
    assert [attempt.status for attempt in response.attempts] == [503, 503, 200]
    assert (fault.met, fault.times_left) == (2, 0)


@pytest.mark.parametrize("after_effect", [False, True])
def test_a_client_cannot_tell_whether_a_write_that_was_dropped_took_effect(face, box, contact, after_effect):
    box.sandbox.fail("contacts.create", drop=True, after_effect=after_effect)
    with pytest.raises(APIConnectionError, match=GONE) as caught:
        face(lambda client: client.contacts.create(**contact), max_retries=0, **box.options)
    assert [attempt.maybe_applied for attempt in caught.value.attempts] == [True]
    assert len(box.sandbox.tables["/contacts"]) == 10 + after_effect


def test_a_client_tells_a_torn_body_from_a_short_one(face, box):
    box.sandbox.fail("contacts.list", torn=True)
    with pytest.raises(APIConnectionError, match="without sending complete message body"):
        face(lambda client: client.contacts.list(), max_retries=0, **box.options)


def test_a_client_tells_html_from_an_answer(face, box):
    box.sandbox.fail("contacts.list", body="<html>", content_type="text/html")
    with pytest.raises(APIResponseValidationError, match="text/html"):
        face(lambda client: client.contacts.list(), **box.options)


def test_a_clients_limits_hold_for_what_is_late_and_for_what_trickles(face, box):
    box.sandbox.fail("contacts.list", delay=600)
    with pytest.raises(APITimeoutError, match=r"nothing for 0\.05 s"):
        face(lambda client: client.contacts.list(), timeout=httpx.Timeout(60, read=0.05), max_retries=0, **box.options)
    box.sandbox.fail("contacts.list", slow=600)
    with pytest.raises(APITimeoutError, match="total_timeout"):
        face(lambda client: client.contacts.list(total_timeout=0.2), **box.options)


def test_an_error_of_the_clients_carries_what_was_made_up(face, box):
    box.sandbox.fail("contacts.list", status=500, body={"message": "out of disk"}, headers={"X-Request-Id": "r1"})
    with pytest.raises(InternalServerError, match="out of disk") as caught:
        face(lambda client: client.contacts.list(), max_retries=0, **box.options)
    assert caught.value.response.request_id == "r1"


# On virtual time


@pytest.fixture
def sandbox():
    return Sandbox(rows=10)


@pytest.mark.virtual_time
@pytest.mark.parametrize(
    ("how", "seconds"),
    [({"delay": 60}, 60), ({"delay": 60, "after_effect": True}, 60), ({"slow": 30}, 30), ({"delay": 1, "slow": 2}, 3)],
    ids=str,
)
async def test_an_answer_takes_as_long_as_it_is_told_to(sandbox, how, seconds):
    async with sandbox.async_client(timeout=None) as client:
        sandbox.fail("contacts.list", **how)
        begun = anyio.current_time()
        await client.contacts.list()
        assert anyio.current_time() - begun == pytest.approx(seconds)


@pytest.mark.virtual_time
@pytest.mark.parametrize("how", [{"delay": 60}, {"delay": 60, "after_effect": True}, {"slow": 600}], ids=str)
async def test_the_limit_of_reading_is_kept_to_the_second(sandbox, how):
    async with sandbox.async_client(timeout=7, max_retries=0) as client:
        sandbox.fail("contacts.list", **how)
        begun = anyio.current_time()
        with pytest.raises(APITimeoutError):
            await client.contacts.list()
        assert anyio.current_time() - begun == pytest.approx(7)


@pytest.mark.virtual_time
async def test_each_piece_of_a_slow_body_has_the_limit_of_reading_to_itself(sandbox):
    async with sandbox.async_client(timeout=7) as client:
        sandbox.fail("contacts.list", slow=60)
        assert (await client.contacts.list()).total == 10


@pytest.mark.virtual_time
async def test_latency_and_delay_are_one_silence():
    sandbox = Sandbox(rows=1, latency=4)
    async with sandbox.async_client(timeout=7, max_retries=0) as client:
        await client.contacts.list()
        sandbox.fail("contacts.list", delay=4, after_effect=True)
        with pytest.raises(APITimeoutError):
            await client.contacts.list()


@pytest.mark.virtual_time
@pytest.mark.parametrize("after_effect", [False, True])
async def test_a_request_that_is_cancelled_before_its_effect_has_none_and_after_it_has_it(
    sandbox, contact, after_effect
):
    async with sandbox.async_client(timeout=None) as client:
        sandbox.fail("contacts.create", delay=60, after_effect=after_effect)
        with anyio.move_on_after(30) as scope:
            await client.contacts.create(**contact)
        assert scope.cancelled_caught
    await anyio.sleep(60)
    assert len(sandbox.tables["/contacts"]) == 10 + after_effect
    assert sandbox.requests[-1].status is None


@pytest.mark.virtual_time
async def test_a_request_that_is_cancelled_in_its_body_has_its_effect(sandbox, contact):
    async with sandbox.async_client(timeout=None) as client:
        sandbox.fail("contacts.create", slow=60)
        with anyio.move_on_after(30) as scope:
            await client.contacts.create(**contact)
        assert scope.cancelled_caught
    assert len(sandbox.tables["/contacts"]) == 11
    assert sandbox.requests[-1].status == 201


@pytest.mark.virtual_time
async def test_a_client_waits_as_long_as_a_fault_asks_it_to(sandbox):
    async with sandbox.async_client() as client:
        sandbox.fail("contacts.list", status=503, headers={"Retry-After": "40"})
        begun = anyio.current_time()
        await client.contacts.list()
        assert anyio.current_time() - begun == pytest.approx(40)


# The script


def statuses(sandbox, count=1, path="/contacts"):
    ask = asking(transport=sandbox.transport())
    return [ask("GET", path).status_code for _ in range(count)]


def test_faults_are_met_in_the_order_in_which_they_were_set(sandbox):
    sandbox.fail("contacts.list", status=500)
    sandbox.fail("*", status=501, times=2)
    sandbox.fail("contacts.list", status=502)
    assert statuses(sandbox, 5) == [500, 501, 501, 502, 200]


def test_a_fault_is_only_for_its_operation_and_any_operation_is_all_that_comes(sandbox):
    fault = sandbox.fail("contacts.retrieve", status=500)
    assert statuses(sandbox) == [200]
    assert (fault.met, fault.times_left) == (0, 1)
    with sandbox.fail("*", status=502, times=None) as everything:
        assert statuses(sandbox, path="/nope") == [502]
        assert (everything.met, everything.times_left) == (1, None)


def test_a_fault_ends_with_its_block_or_when_it_is_ended(sandbox):
    with sandbox.fail("contacts.list", status=500, times=None):
        assert statuses(sandbox, 3) == [500] * 3
    assert statuses(sandbox) == [200]
    fault = sandbox.fail("contacts.list", status=500, times=3)
    assert statuses(sandbox) == [500]
    fault.end()
    assert statuses(sandbox) == [200]
    assert (fault.met, fault.times_left) == (1, 0)


def test_a_fault_ends_with_its_block_if_that_fails(sandbox):
    with pytest.raises(KeyError), sandbox.fail("contacts.list", status=500, times=None):
        raise KeyError
    assert statuses(sandbox) == [200]


def test_a_fault_meets_only_what_its_function_takes_it_for(face, sandbox, contact):
    fault = sandbox.fail("contacts.create", status=400, times=None, match=lambda one: b'"bad@' in one.body)

    def do(client, get):
        made = get(client.contacts.create(**contact | {"email": "good@example.com"}))
        with pytest.raises(Exception, match="Bad Request"):
            get(client.contacts.create(**contact | {"email": "bad@example.com"}))
        return made

    assert face.session(do, transport=sandbox.transport()).email == "good@example.com"
    assert fault.met == 1


def test_a_fault_shows_what_it_is(sandbox):
    shown = repr(sandbox.fail("contacts.list", status=503, times=2, delay=1.5))
    assert shown == "<Fault contacts.list: status=503, delay=1.5; met 0, times left 2>"


@pytest.mark.parametrize("errors", ["nest", "rockets"])
def test_an_error_that_is_made_up_has_the_form_of_the_sandboxes_errors(errors):
    sandbox = Sandbox(rows=1, errors=errors)
    real = asking(transport=sandbox.transport())("GET", "/contacts?filter=nope||$eq||1")
    sandbox.fail("contacts.list", status=500)
    made_up = asking(transport=sandbox.transport())("GET", "/contacts")
    without_time = [{**answer.json(), "timestamp": None} for answer in (real, made_up)]
    assert without_time[0] == without_time[1]


@pytest.mark.parametrize(
    ("operation", "options", "error", "text"),
    [
        ("contact.create", {"status": 500}, ValueError, "unknown operation 'contact.create', did you mean 'contacts.c"),
        ("", {"status": 500}, ValueError, r"unknown operation '', '\*' is any of them"),
        ("contacts.list", {}, ValueError, "nothing is to fail"),
        ("contacts.list", {"after_effect": True}, ValueError, "nothing is to fail"),
        ("contacts.list", {"drop": True, "status": 500}, ValueError, "drop leaves no answer that status= could"),
        ("contacts.list", {"drop": True, "torn": True}, ValueError, "drop leaves no answer that torn= could"),
        ("contacts.list", {"status": 600}, ValueError, "status must be 599 or less, got 600"),
        ("contacts.list", {"status": 100}, ValueError, "status must be 200 or more, got 100"),
        ("contacts.list", {"status": "500"}, TypeError, "status must be a whole number"),
        ("contacts.list", {"status": 204, "body": "x"}, ValueError, "an answer of status 204 has no body"),
        ("contacts.list", {"status": 500, "times": 0}, ValueError, "times must be 1 or more, got 0"),
        ("contacts.list", {"status": 500, "times": 1.5}, TypeError, "times must be a whole number"),
        ("contacts.list", {"delay": -1}, ValueError, "delay must be 0 or more, and finite, got -1"),
        ("contacts.list", {"delay": float("inf")}, ValueError, "delay must be 0 or more, and finite"),
        ("contacts.list", {"slow": True}, TypeError, "slow must be a number"),
        ("contacts.list", {"headers": {"Content-Length": "3"}}, ValueError, "Content-Length is the server's to say"),
        ("contacts.list", {"headers": {"Content-Type": "a/b"}}, ValueError, "has an argument of its own"),
        ("contacts.list", {"headers": {"A": "b\r\nc"}}, ValueError, "headers: A must be one line of Latin-1"),
        ("contacts.list", {"headers": {"A": "€"}}, ValueError, "headers: A must be one line of Latin-1"),
        ("contacts.list", {"headers": {"A": 1}}, TypeError, "headers: A must be text"),
        ("contacts.list", {"headers": {"A b": "c"}}, ValueError, "'A b' is no name of a header"),
        ("contacts.list", {"content_type": "a\n"}, ValueError, "content_type must be one line"),
        ("contacts.list", {"body": object()}, TypeError, "object"),
        ("contacts.list", {"status": 500, "match": "x"}, TypeError, "match must be a function of a request"),
    ],
)
def test_what_cannot_go_wrong_so_is_refused(sandbox, operation, options, error, text):
    with pytest.raises(error, match=text):
        sandbox.fail(operation, **options)
    assert statuses(sandbox) == [200]
