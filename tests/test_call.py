"""Calls and raw answers are values: compared, pickled, sent again, and they show no secret."""

import pickle
from datetime import timedelta

import httpx
import pytest
from msgspec import UNSET, structs

from wootiv import APIResponse, Call, Headers, calls
from wootiv.message import Attempt, Outgoing, Reply
from wootiv.types import Contact


def again(value):
    return pickle.loads(pickle.dumps(value))  # noqa: S301 - our own


CALLS = [
    calls.contacts.retrieve("a/b", fields=["id"]),
    calls.contacts.list(filter="a||$eq||b", extra_headers={"A": "b", "C": None}),
    calls.contacts.update("1", metadata={"a": [1]}, timeout=5, total_timeout=None, max_retries=0, idempotency_key="k"),
    calls.contacts.delete("1", timeout=httpx.Timeout(1, read=None)),
    calls.aws.buckets.bulk_upload(bulk=[b"a", ("n", b"b", "text/x", {"X": "y"})], path="p"),
    calls.get("/x", cast_to=list[Contact]),
]


@pytest.mark.parametrize("call", CALLS, ids=repr)
def test_a_call_pickles_and_stays_equal(call):
    copy = again(call)
    assert copy == call
    assert hash(copy) == hash(call)
    assert isinstance(copy, Call)


def test_calls_are_equal_if_they_ask_for_the_same():
    assert calls.contacts.retrieve("1") == calls.contacts.retrieve(id="1")
    assert calls.contacts.retrieve("1") != calls.contacts.retrieve("2")
    assert calls.contacts.retrieve("1") != calls.contacts.retrieve("1", timeout=5)
    assert len({calls.contacts.list(), calls.contacts.list(), calls.contacts.list(limit=1)}) == 2


def test_a_call_cannot_be_changed():
    with pytest.raises(AttributeError):
        CALLS[0].path = "/x"


def test_a_call_says_what_it_asks_for():
    assert repr(CALLS[0]) == "<Call contacts.retrieve: GET /contacts/a%2Fb>"
    assert repr(CALLS[2].options) == (
        "<CallOptions timeout=Timeouts(connect=5.0, read=5.0, write=5.0, pool=None), "
        "max_retries=0, idempotency_key='k'>"
    )
    assert repr(CALLS[1].options) == "<CallOptions extra_headers=['A', 'C']>"
    assert CALLS[0].options.timeout is UNSET


def test_a_call_is_sent_twice_after_a_pickle_too(face, sandbox, contact):
    call = again(calls.contacts.create(**contact))

    def twice(client, get):
        return [get(client.send(call)).parse() for _ in range(2)]

    first, second = face.session(twice, transport=sandbox.transport())
    assert first.id != second.id
    assert first.email == second.email == "ada@example.com"


def test_a_raw_answer_pickles_with_its_attempts(face, recorder):
    server = recorder(
        httpx.Response(503, headers={"retry-after-ms": "1"}),
        httpx.Response(200, json={"id": "1", "email": 5}, headers={"X-Request-Id": "r1", "Set-Cookie": "hunter2"}),
    )
    raw = face(lambda client: client.send(calls.contacts.retrieve("1")), transport=server.transport())
    copy = again(raw)
    assert isinstance(copy, APIResponse)
    assert (copy.status_code, copy.request_id, copy.content, copy.request) == (200, "r1", raw.content, raw.request)
    assert [one.status for one in copy.attempts] == [503, 200]
    assert copy.attempts == raw.attempts
    assert (copy.parse(), copy.oddities, copy.json()) == (raw.parse(), ("$.email",), {"id": "1", "email": 5})
    assert repr(copy) == "<APIResponse 200 to GET http://wootiv.test/contacts/1>"
    assert "hunter2" not in f"{copy.headers!r} {copy!r} {copy.__rich_repr__()}"
    assert copy.elapsed >= timedelta().total_seconds()


def test_headers_are_found_in_any_case_and_joined():
    headers = Headers([("A-B", "1"), ("a-b", "2"), ("C", "3")])
    assert (headers["A-b"], headers.get("c"), headers.get("d")) == ("1, 2", "3", None)
    assert "a-B" in headers
    assert 5 not in headers
    assert dict(headers) == {"a-b": "1, 2", "c": "3"}
    assert again(headers) == headers


def test_what_the_engine_holds_shows_no_secret():
    outgoing = Outgoing(
        method="POST",
        url="http://x/?k=hunter2",
        headers=(("A", "hunter2"),),
        body=b"hunter2",
        template="/",
        shown_url="http://x/?k=***",
    )
    reply = Reply(200, Headers([("set-cookie", "hunter2")]), b"hunter2")
    form = calls.post("/x", body={"password": "hunter2"}, files={"f": ("n", b"hunter2")}).body
    for value in (outgoing, reply, form, *form.parts):
        assert "hunter2" not in f"{value!r} {value.__rich_repr__()}"
    assert structs.asdict(Attempt(1, 0.0, 0.1))["maybe_applied"] is False
