"""What arrived at the sandbox: all of it, in order, and no key shown."""

import anyio
import httpx
import msgspec
import pytest

from wootiv import NotFoundError, calls
from wootiv.sandbox import Sandbox

SECRET = "do-not-show"


@pytest.fixture(params=["in-process", "socket"])
def box(request):
    """A sandbox, and what leads a client to it."""
    sandbox = Sandbox(rows=3)
    if request.param == "in-process":
        yield sandbox, {"transport": sandbox.transport()}
    else:
        with sandbox.serving() as url:
            yield sandbox, {"base_url": url}


def test_requests_are_kept_in_order_with_what_they_asked(face, box):
    sandbox, options = box

    def do(client, get):
        get(client.send(calls.contacts.list(limit=2, page=1)))
        get(client.contact_group.create(group_name="a", workspace_id="w"))
        with pytest.raises(NotFoundError):
            get(client.get("/no/such%20thing"))
        sandbox.fail("root.retrieve", drop=True)
        with pytest.raises(Exception, match="disconnected"):
            get(client.root.retrieve(max_retries=0))

    face.session(do, api_key=SECRET, **options)
    assert [(one.operation, one.method, one.path, one.status) for one in sandbox.requests] == [
        ("contacts.list", "GET", "/contacts", 200),
        ("contact_group.create", "POST", "/contact_group", 201),
        (None, "GET", "/no/such%20thing", 404),
        ("root.retrieve", "GET", "/", None),
    ]
    listed, created = sandbox.requests[:2]
    assert (listed.query, listed.body) == ("limit=2&page=1&sort=id%2CASC", b"")
    assert msgspec.json.decode(created.body) == {"groupName": "a", "workspaceId": "w"}
    assert created.headers["content-type"] == "application/json"
    assert created.headers["authorization"] == f"Bearer {SECRET}"
    assert "idempotency-key" in set(created.headers)
    assert sorted(one.at for one in sandbox.requests) == [one.at for one in sandbox.requests]


def test_what_comes_through_the_blocking_door_is_kept_too():
    sandbox = Sandbox(rows=1)
    with httpx.Client(transport=sandbox.transport(), base_url="http://a") as client:
        client.get("/contacts/a%2Fb?x=%20y", headers={"X-Two": "1"})
    one = sandbox.requests[0]
    assert (one.operation, one.path, one.query, one.status) == ("contacts.retrieve", "/contacts/a%2Fb", "x=%20y", 401)
    assert one.headers["x-two"] == "1"


def test_no_key_is_shown(face, box):
    sandbox, options = box
    face(lambda client: client.contacts.list(), api_key=SECRET, **options)
    one = sandbox.requests[-1]
    shown = [repr(sandbox.requests), repr(one), str(one), repr(one.headers), repr(one.__rich_repr__())]
    assert not [text for text in shown if SECRET in text]
    assert repr(sandbox.requests[-1:]) == "(<Received contacts.list: GET /contacts, answered 200>,)"


def test_a_request_cannot_be_changed(face, box):
    sandbox, options = box
    face(lambda client: client.contacts.list(), **options)
    with pytest.raises(AttributeError, match="immutable"):
        sandbox.requests[0].status = 500


def test_only_the_latest_are_kept():
    sandbox = Sandbox(rows=1, keep=3)
    with httpx.Client(transport=sandbox.transport(), base_url="http://a") as client:
        for number in range(5):
            client.get(f"/{number}")
        assert [one.path for one in sandbox.requests] == ["/2", "/3", "/4"]
        assert (sandbox.requests[0].path, sandbox.requests[-1].path, len(sandbox.requests)) == ("/2", "/4", 3)
        sandbox.requests.clear()
        assert not sandbox.requests
        client.get("/5")
        assert [one.path for one in sandbox.requests] == ["/5"]


def test_requests_may_come_in_while_they_are_looked_through():
    sandbox = Sandbox(rows=1)
    with httpx.Client(transport=sandbox.transport(), base_url="http://a") as client:
        client.get("/0")
        for one in sandbox.requests:
            client.get(f"{one.path}/more")
    assert [one.path for one in sandbox.requests] == ["/0", "/0/more"]


@pytest.mark.virtual_time
async def test_they_stand_in_the_order_in_which_they_came_whenever_they_are_answered():
    sandbox = Sandbox(rows=1)
    sandbox.fail("contacts.list", delay=10)
    async with sandbox.async_client(timeout=None) as client, anyio.create_task_group() as group:
        begun = anyio.current_time()
        group.start_soon(client.send, calls.contacts.list())
        await anyio.sleep(3)
        await client.root.retrieve()
        assert [(one.operation, one.status) for one in sandbox.requests] == [
            ("contacts.list", None),
            ("root.retrieve", 200),
        ]
    assert [one.status for one in sandbox.requests] == [200, 200]
    assert [one.at - begun for one in sandbox.requests] == pytest.approx([0, 3])
