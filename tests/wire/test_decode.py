"""Answers: what fits is typed, what does not is kept or named, and what is no JSON is an error."""

import gc
import json
import logging
from datetime import UTC, datetime

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wootiv import APIError, APIResponse, APIResponseValidationError, APIStatusError, Headers, SentRequest, calls
from wootiv.pages import PageData
from wootiv.types import Contact, ContactGroup, StoredFile
from wootiv.wire.decode import Decoder, problem, retry_after

NOW = datetime(2024, 1, 1, tzinfo=UTC)


def response(content, answer=Contact, *, status=200, strict=False, **headers):
    content = content if isinstance(content, bytes) else json.dumps(content).encode()
    pairs = [(name.replace("_", "-"), value) for name, value in headers.items()]
    request = SentRequest("GET", "http://api.test:1/contacts/1")
    return APIResponse(status, Headers(pairs), content, 0.1, request, (), Decoder(answer, strict))


def test_an_odd_field_is_kept_as_it_came_and_named():
    odd = response({"id": 7, "email": None, "firstName": "Ada", "audit": {"version": "x", "date_created": "soon"}})
    contact = odd.parse()
    assert (contact.id, contact.email, contact.first_name) == (7, None, "Ada")
    assert (contact.audit.version, contact.audit.date_created) == ("x", "soon")
    assert set(odd.oddities) == {"$.id", "$.email", "$.audit.version", "$.audit.date_created"}


def test_odd_rows_spoil_no_others():
    body = [{"filename": "a"}, {"filename": 1, "mime": "x"}, 5, None]
    odd = response(body, list[StoredFile])
    assert odd.parse() == [StoredFile(filename="a"), StoredFile(filename=1, mime="x"), 5, None]
    assert odd.oddities == ("$[1].filename", "$[2]", "$[3]")


def test_oddities_are_found_in_unions_and_relations():
    body = {"workspace": {"id": 1}, "contacts": [{"id": "1"}, {"metadata": []}]}
    odd = response(body, ContactGroup)
    assert odd.parse().workspace.id == 1
    assert odd.oddities == ("$.workspace.id", "$.contacts[1].metadata")


def test_oddities_of_a_page_are_found_by_row(face, recorder):
    body = {"data": [{"id": "1"}, {"id": "2", "email": 5}], "total": 2, "page": 1, "pageCount": 1}
    server = recorder(httpx.Response(200, json=body))
    raw = face(lambda client: client.send(calls.contacts.list()), transport=server.transport())
    assert raw.oddities == ("$.data[1].email",)
    assert [one.email for one in raw.parse().data] == [None, 5]
    assert isinstance(raw.parse(), PageData)


def test_strict_names_the_path_instead(face, recorder):
    server = recorder(httpx.Response(200, json={"id": "1", "audit": {"version": "x"}}))
    with pytest.raises(APIResponseValidationError, match=r"odd field: .*\$\.audit\.version") as caught:
        face(lambda client: client.contacts.retrieve("1"), transport=server.transport(), strict=True)
    assert caught.value.body["audit"] == {"version": "x"}


def test_an_odd_path_is_logged_once_whatever_the_row(caplog):
    body = [{"phoneNumber": {"odd": "one"}} for _ in range(9)]
    with caplog.at_level(logging.WARNING, "wootiv"):
        assert len(response(body, list[Contact]).oddities) == 9
        assert len(response(body, list[Contact]).oddities) == 9
    assert [record.getMessage() for record in caplog.records] == [
        "list[Contact] $[].phoneNumber: does not fit its declared type, kept as it came"
    ]


SCALARS = st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False, allow_infinity=False)
NAMES = st.sampled_from(["id", "audit", "metadata", "contactGroup", "contacts", "version", "x"])
BODIES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner))


@given(BODIES)
def test_whatever_json_comes_is_an_answer_or_a_named_error(body):
    if not isinstance(body, dict):
        with pytest.raises(APIResponseValidationError, match="expected Contact, got"):
            response(body).parse()
        return
    answer = response(body).parse()
    assert isinstance(answer, Contact)
    assert repr(answer)
    assert answer.to_dict().keys() == dict(answer).keys()


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"<html><h1>Hello</h1>", r"got 20 bytes that are no JSON.*content type text/html"),
        (b'{"id": "1', r"got 9 bytes that are no JSON: Input data was truncated"),
        (b"", r"got an empty body"),
        (b'{"id": "\xff"}', r"no JSON: 'utf-8' codec"),
        (b"[" * 100_000, r"no JSON: maximum recursion depth"),
        (b"null", r"expected Contact, got null"),
        (b"[]", r"expected Contact, got an array"),
        (b'"x"', r"expected Contact, got text"),
        (b"1.5", r"expected Contact, got a number"),
        (b"true", r"expected Contact, got a boolean"),
    ],
    ids=lambda value: str(value)[:20],
)
@pytest.mark.parametrize("strict", [False, True])
def test_what_cannot_be_read_is_an_error_that_says_where_it_came_from(face, recorder, content, what, strict):
    if len(content) > 1000:
        gc.collect()  # else finalisers are run at the bottom of the recursion, and fail
    server = recorder(httpx.Response(203, content=content, headers={"content-type": "text/html"}))
    with pytest.raises(APIResponseValidationError, match=what) as caught:
        face(lambda client: client.contacts.retrieve("1"), transport=server.transport(), strict=strict)
    assert caught.value.message.endswith("(content type text/html, status 203, from wootiv.test)")
    assert caught.value.response.content == content
    assert isinstance(caught.value, APIError)


def test_an_operation_without_an_answer_reads_nothing(face, recorder):
    server = recorder(httpx.Response(200, text="<html>"))
    assert face(lambda client: client.contacts.delete("1"), transport=server.transport()) is None


def test_undeclared_fields_stay_in_the_raw_forms():
    raw = response({"id": "1", "shoeSize": 43})
    assert dict(raw.parse()) == {"id": "1"}
    assert raw.oddities == ()
    assert raw.json() == {"id": "1", "shoeSize": 43}
    assert raw.text == '{"id": "1", "shoeSize": 43}'


# What errors say


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"message": "Not here", "error": "Not Found", "statusCode": 404}, "Not here"),
        ({"message": ["a must be b", "c must be d"]}, "a must be b; c must be d"),
        ({"statusCode": 401}, "Bad Request"),
        ({"message": "", "error": "Oops"}, "Oops"),
        ({"message": {"code": "X1"}}, '{"code":"X1"}'),
        ({"code": "X1"}, "X1"),
        (
            {"message": [{"target": {"password": "hunter2"}, "constraints": {"a": "password is weak"}}]},
            "password is weak",
        ),
        (
            {
                "message": [
                    {
                        "target": {"password": "hunter2"},
                        "value": "hunter2",
                        "children": [{"value": "hunter2", "constraints": {"b": "too short"}}],
                    }
                ]
            },
            "too short",
        ),
        ({"message": {"target": {"password": "hunter2"}, "value": "hunter2"}}, "Bad Request"),
        ([1, 2], "Bad Request"),
        ("just text", "just text"),
    ],
    ids=str,
)
def test_every_form_of_an_error_gives_a_message_and_echoes_no_secret(body, said):
    error = problem(response(body, status=400), NOW)
    assert error.message == said
    assert "hunter2" not in f"{error} {error!r}"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"<html><head><title>502 Bad\n Gateway</title></head><h1>x</h1>", "502 Bad Gateway"),
        (b"<html><body>nothing", "Bad Gateway"),
        (b"a < b, and b > c", "a < b, and b > c"),
        (b"", "Bad Gateway"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"[" * 100_000, "[" * 1000),
    ],
    ids=lambda value: str(value)[:12],
)
def test_errors_of_proxies_are_read_too(content, said):
    assert problem(response(content, status=502), NOW).message == said


def test_a_status_that_nobody_knows_is_an_error_too():
    assert isinstance(problem(response(b"", status=799), NOW), APIStatusError)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry_after": "5"}, 5),
        ({"retry_after_ms": "1500", "retry_after": "9"}, 1.5),
        ({"retry_after_short": "7"}, 7),
        ({"retry_after": "Mon, 01 Jan 2024 00:00:09 GMT"}, 9),
        ({"retry_after": "Mon, 01 Jan 2024 00:00:09 -0000"}, 9),
        ({"retry_after": "Mon, 01 Jan 2024 00:01:00 GMT", "date": "Mon, 01 Jan 2024 00:00:58 GMT"}, 2),
        ({"retry_after": "Sun, 31 Dec 2023 00:00:00 GMT"}, 0),
        ({"retry_after": "-5"}, None),
        ({"retry_after": "nan"}, None),
        ({"retry_after": "inf"}, None),
        ({"retry_after": "soon"}, None),
        ({}, None),
    ],
    ids=str,
)
def test_the_wait_that_a_server_asks_for_is_read_from_whichever_header_says_so(headers, seconds):
    assert retry_after(response(b"", status=429, **headers), NOW) == seconds


def test_the_last_date_there_is_overflows_nothing():
    assert retry_after(response(b"", status=429, retry_after="Fri, 31 Dec 9999 23:59:59 GMT"), NOW) > 1e11


def test_any_json_can_be_asked_for():
    assert response([1], dict | list).parse() == [1]
    assert response(b"not json", object).parse() == "not json"
    assert msgspec.json.encode(response({"a": 1}, dict[str, int]).parse()) == b'{"a":1}'
