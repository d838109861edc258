"""Keys of writes, in a sandbox that honours them."""

import anyio
import pytest
from tenacity import AsyncRetrying, stop_after_attempt

from wootiv import BadRequestError, UnprocessableEntityError, calls
from wootiv.sandbox import Sandbox

AT_ONCE = AsyncRetrying(stop=stop_after_attempt(3))
GROUP = {"group_name": "a", "workspace_id": "w"}


@pytest.fixture(params=["in-process", "socket"])
def box(request):
    """A sandbox that honours keys, and what leads a client to it."""
    sandbox = Sandbox(rows=3, idempotency=True)
    if request.param == "in-process":
        yield sandbox, {"transport": sandbox.transport()}
    else:
        with sandbox.serving() as url:
            yield sandbox, {"base_url": url}


def groups(sandbox):
    return len(sandbox.tables["/contact_group"])


def test_the_same_key_gives_the_first_answer_and_has_one_effect(face, box):
    sandbox, options = box
    before = groups(sandbox)
    call = calls.contact_group.create(**GROUP, idempotency_key="k1")
    first, second, other = face.session(
        lambda client, get: [get(client.send(one)) for one in (call, call, calls.contact_group.create(**GROUP))],
        **options,
    )
    assert (first.status_code, first.content) == (second.status_code, second.content)
    assert other.parse().id != first.parse().id
    assert groups(sandbox) == before + 2


def test_a_sandbox_honours_no_key_unless_it_is_told_to(face):
    sandbox = Sandbox(rows=3)
    before = groups(sandbox)
    call = calls.contact_group.create(**GROUP, idempotency_key="k1")
    face.session(lambda client, get: [get(client.send(call)) for _ in range(2)], transport=sandbox.transport())
    assert groups(sandbox) == before + 2


def test_an_answer_that_was_lost_is_given_to_the_next_attempt(face, box):
    sandbox, options = box
    before = groups(sandbox)
    sandbox.fail("contact_group.create", drop=True, after_effect=True)
    sandbox.fail("contact_group.create", status=503, after_effect=True)
    response = face(lambda client: client.send(calls.contact_group.create(**GROUP)), retrying=AT_ONCE, **options)
    assert [attempt.status for attempt in response.attempts] == [None, 503, 201]
    assert groups(sandbox) == before + 1
    assert sandbox.tables["/contact_group"].get(response.parse().id)


def test_a_key_is_for_one_request(face, box):
    sandbox, options = box

    def do(client, get):
        get(client.contact_group.create(**GROUP, idempotency_key="k1"))
        with pytest.raises(UnprocessableEntityError, match="Idempotency-Key was used for another request"):
            get(client.contact_group.create(group_name="b", workspace_id="w", idempotency_key="k1"))

    before = groups(sandbox)
    face.session(do, **options)
    assert groups(sandbox) == before + 1


def test_what_was_refused_may_come_again(face, box):
    def do(client, get):
        with pytest.raises(BadRequestError):
            get(client.contact_group.create(**GROUP, idempotency_key="k1", extra_body={"groupName": 3}))
        return get(client.contact_group.create(**GROUP, idempotency_key="k1"))

    assert face.session(do, **box[1]).group_name == "a"


def test_a_delete_whose_answer_was_lost_is_not_told_that_nothing_is_there(face, box):
    sandbox, options = box
    id = next(iter(sandbox.tables["/contact_group"]))["id"]
    sandbox.fail("contact_group.delete", drop=True, after_effect=True)
    face(lambda client: client.contact_group.delete(id), retrying=AT_ONCE, **options)
    assert [one.status for one in sandbox.requests] == [None, 200]


def test_an_upload_is_the_same_request_with_another_boundary(face, box):
    sandbox, options = box
    call = calls.aws.buckets.upload(file=("a.bin", b"\x00\xff"), path="p", idempotency_key="k1")
    first, second = face.session(lambda client, get: [get(client.send(call)) for _ in range(2)], **options)
    assert first.content == second.content
    types = [one.headers["content-type"] for one in sandbox.requests]
    assert types[0] != types[1]


@pytest.mark.virtual_time
async def test_of_two_that_are_under_way_the_one_whose_turn_comes_first_has_the_effect():
    sandbox = Sandbox(rows=3, idempotency=True)
    before = groups(sandbox)
    sandbox.fail("contact_group.create", delay=10)
    sandbox.fail("contact_group.create", delay=5)
    call = calls.contact_group.create(**GROUP, idempotency_key="k1")
    made = []
    async with sandbox.async_client(timeout=None) as client:

        async def send():
            made.append((await client.send(call)).content)

        async with anyio.create_task_group() as group:
            group.start_soon(send)
            group.start_soon(send)
    assert made[0] == made[1]
    assert groups(sandbox) == before + 1
