"""Errors: which class, what they carry, and what they never show."""

import copy
import pickle
from datetime import UTC, datetime
from urllib.parse import quote

import httpx
import pytest

import wootiv
from wootiv import (
    APIConnectionError,
    APIError,
    APIResponse,
    APIStatusError,
    APITimeoutError,
    AsyncWootiv,
    AuthenticationError,
    BadRequestError,
    ClientStateError,
    ConflictError,
    Headers,
    InternalServerError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    UnprocessableEntityError,
    calls,
)
from wootiv.message import SentRequest
from wootiv.wire.decode import Decoder, problem, retry_after

KEY = "the-key-that-nobody-may-see"
NOON = datetime(2025, 1, 1, 12, tzinfo=UTC)


def raised(face, answer, **options):
    """The error that one call ends with."""
    with pytest.raises(APIError) as caught:
        face(
            lambda client: client.contacts.retrieve("c1"),
            transport=httpx.MockTransport(answer if callable(answer) else lambda request: answer),
            **{"max_retries": 0, "api_key": KEY, **options},
        )
    return caught.value


def response(status, *, content=b"", **headers):
    return httpx.Response(status, content=content, headers={k.replace("_", "-"): v for k, v in headers.items()})


CLASSES = {
    400: BadRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    422: UnprocessableEntityError,
    429: RateLimitError,
    500: InternalServerError,
    502: InternalServerError,
    599: InternalServerError,
}


@pytest.mark.parametrize(("status", "kind"), CLASSES.items())
def test_each_status_of_the_table_has_its_class(face, status, kind):
    error = raised(face, response(status))
    assert type(error) is kind
    assert error.status_code == error.response.status_code == status


@pytest.mark.parametrize("status", [300, 302, 304, 402, 405, 418, 451])
def test_a_status_that_is_not_in_the_table_is_the_general_one(face, status):
    assert type(raised(face, response(status))) is APIStatusError


def test_the_tree_is_as_its_page_says():
    assert issubclass(APITimeoutError, APIConnectionError)
    assert issubclass(APITimeoutError, TimeoutError)
    assert issubclass(ClientStateError, RuntimeError)
    assert all(issubclass(kind, APIStatusError) for kind in CLASSES.values())
    assert not issubclass(APIConnectionError, APIStatusError)
    every = {getattr(wootiv, name) for name in wootiv.__all__ if name.endswith("Error")} - {wootiv.BulkError}
    assert all(issubclass(kind, APIError) for kind in every)


NGINX = b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body><h1>502 Bad Gateway</h1></body></html>"
VALIDATOR = (
    b'{"statusCode":400,"message":[{"target":{"password":"hunter2"},"value":"hunter2","property":"password",'
    b'"children":[],"constraints":{"isStrong":"password is not strong"}},{"property":"nested","value":{"x":"hunter2"},'
    b'"children":[{"value":"hunter2","property":"x","constraints":{"isInt":"x must be an integer"}}]}]}'
)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"message":"Contact not found","error":"Not Found","statusCode":404}', "Contact not found"),
        (b'{"message":["a must be b","c must be d"],"error":"Bad Request"}', "a must be b; c must be d"),
        (b'{"statusCode":400,"errorCode":"HTTP_BAD_REQUEST","message":["x"],"timestamp":"2026"}', "x"),
        (b'{"statusCode":400,"message":{"code":"X1","detail":"y"}}', '{"code":"X1","detail":"y"}'),
        (b'{"statusCode":400,"message":{"message":"inner"}}', "inner"),
        (b'{"statusCode":400}', "Bad Request"),
        (b'{"statusCode":400,"message":""}', "Bad Request"),
        (b'{"statusCode":400,"message":[]}', "Bad Request"),
        (b'{"statusCode":400,"error":"only this"}', "only this"),
        (b'{"code":"X1"}', "X1"),
        (b'"just text"', "just text"),
        (b"just text", "just text"),
        (b"", "Bad Request"),
        (b"null", "Bad Request"),
        (b"[]", "Bad Request"),
        (b'{"message":', '{"message":'),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (NGINX, "502 Bad Gateway"),
        (b"<!doctype html><p>no heading", "Bad Request"),
        (VALIDATOR, "password is not strong; x must be an integer"),
    ],
)
def test_the_message_is_what_the_server_says_in_whichever_form(content, message):
    answer = APIResponse[None](400, Headers(), content, 0.0, SentRequest("GET", "http://x/"), (), Decoder(None))
    made = problem(answer, NOON)
    assert made.message == message
    assert "hunter2" not in f"{made} {made!r}"


def test_the_body_is_plain_data_or_text_or_none(face):
    assert raised(face, response(400, content=b'{"message":["x"]}')).body == {"message": ["x"]}
    assert raised(face, response(400, content=b"text")).body == "text"
    assert raised(face, response(400)).body is None


def test_a_status_that_http_does_not_know_has_a_message_too(face):
    assert raised(face, response(599)).message == "status 599"


@pytest.mark.parametrize(
    "name",
    [
        "X-Request-Id",
        "x-correlation-id",
        "x-amzn-requestid",
        "x-amz-request-id",
        "x-amzn-trace-id",
        "cf-ray",
        "x-vercel-id",
    ],
)
def test_the_request_id_comes_from_whoever_gave_one(face, name):
    error = raised(face, httpx.Response(500, headers={name: "r-1"}))
    assert error.request_id == "r-1"
    assert "[request r-1]" in str(error)


def test_an_error_names_the_request_the_status_and_the_attempts(face):
    error = raised(face, response(503, content=b'{"message":"busy"}'), max_retries=1)
    assert str(error) == "GET http://wootiv.test/contacts/c1: 503 busy (after 2 attempts)"
    assert error.request_id is None
    assert [attempt.status for attempt in error.attempts] == [503, 503]
    assert error.response.attempts == error.attempts


# Retry-After


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "5"}, 5),
        ({"Retry-After": "0"}, 0),
        ({"Retry-After": "1.5"}, 1.5),
        ({"Retry-After": "Wed, 01 Jan 2025 12:00:09 GMT"}, 9),
        ({"Retry-After": "Wed, 01 Jan 2025 12:00:09 -0000"}, 9),
        ({"Retry-After": "Wed, 01 Jan 2025 11:00:00 GMT"}, 0),
        ({"Retry-After": "Wed, 01 Jan 2025 12:00:09 GMT", "Date": "Wed, 01 Jan 2025 12:00:01 GMT"}, 8),
        (
            {"Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT"},
            (datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC) - NOON).total_seconds(),
        ),
        ({"Retry-After-Short": "2", "Retry-After-long": "30"}, 30),
        ({"Retry-After-Ms": "250", "Retry-After": "1"}, 0.25),
        ({"Retry-After-Ms": "soon", "Retry-After": "1"}, 1),
        ({"Retry-After": "-1"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "inf"}, None),
        ({"Retry-After": ""}, None),
    ],
)
def test_retry_after_is_in_seconds_whatever_its_form(headers, seconds):
    answer = APIResponse[None](429, Headers(headers.items()), b"", 0.0, SentRequest("GET", ""), (), Decoder(None))
    assert retry_after(answer, NOON) == seconds


@pytest.mark.parametrize("status", [429, 503])
def test_an_error_carries_the_wait_that_the_server_asks_for(face, status):
    assert raised(face, response(status, retry_after="61")).retry_after == 61
    assert raised(face, response(status)).retry_after is None


# Pickles, copies, and what nobody may see


def broken(request):
    raise httpx.ReadTimeout("slow")


ENDS = {
    "status": response(404, content=b'{"message":"gone"}', x_request_id="r-1"),
    "wait": response(429, retry_after="61"),
    "timeout": broken,
    "html": httpx.Response(200, html="<h1>hello</h1>"),
    "odd": httpx.Response(200, json={"id": []}),
}


@pytest.fixture(params=ENDS)
def error(request, face):
    return raised(face, ENDS[request.param], strict=True, max_retries=0)


@pytest.mark.parametrize("again", [copy.copy, lambda error: pickle.loads(pickle.dumps(error))], ids=["copy", "pickle"])  # noqa: S301 - our own
def test_an_error_is_the_same_after_a_pickle_and_a_copy(error, again):
    twin = again(error)
    assert type(twin) is type(error)
    assert str(twin) == str(error)
    assert twin.args == error.args
    assert (twin.message, twin.request, twin.attempts, twin.body) == (
        error.message,
        error.request,
        error.attempts,
        error.body,
    )
    for name in ("status_code", "request_id", "retry_after", "maybe_applied"):
        assert getattr(twin, name, None) == getattr(error, name, None)
    if not isinstance(error, APIConnectionError):
        assert twin.response.content == error.response.content
        assert dict(twin.response.headers) == dict(error.response.headers)


def test_the_key_is_in_no_error(error):
    shown = [str(error), repr(error), repr(vars(error)), str(error.request), repr(error.attempts)]
    assert KEY not in "".join(shown)
    assert KEY.encode() not in pickle.dumps(error)


def test_an_answer_pickles_without_the_key_and_parses_afterwards(face):
    ok = httpx.MockTransport(lambda request: httpx.Response(200, json={"id": "c1"}))
    answer = face(lambda client: client.send(calls.contacts.retrieve("c1")), transport=ok, api_key=KEY)
    pickled = pickle.dumps(answer)
    assert KEY.encode() not in pickled
    assert KEY not in repr(answer) + repr(answer.request) + repr(answer.headers)
    assert pickle.loads(pickled).parse().id == "c1"  # noqa: S301 - our own


def test_the_key_is_in_no_client_and_no_settings_and_neither_can_be_pickled():
    client = AsyncWootiv(api_key=KEY, default_headers={"x-secret": KEY}, default_query={"token": KEY})
    view = client.with_options(timeout=3)
    for thing in (client, view, client._engine.settings, client.contacts, client._engine.network.options):
        assert KEY not in repr(thing) + str(thing)
    for thing in (client, view, client._engine.settings):
        with pytest.raises(TypeError, match="cannot be pickled"):
            pickle.dumps(thing)
        with pytest.raises(TypeError, match="cannot be pickled"):
            copy.deepcopy(thing)


def test_a_default_query_value_is_not_shown(face):
    error = raised(face, response(404), default_query={"token": KEY})
    assert KEY not in str(error) + repr(vars(error))
    assert "token=***" in str(error)


@pytest.mark.parametrize("secret", ["SECRET-1", "a secret/with ü"])
def test_a_secret_that_the_server_repeats_is_not_in_the_message(face, recorder, secret):
    def repeat(request):
        said = (
            f"Cannot {request.method} {request.url.raw_path.decode()}, {request.url.path}, {request.content.decode()}"
        )
        return httpx.Response(404, json={"message": said})

    def ask(client, get):
        for call in (
            lambda: client.auth.recovery.passcode.retrieve(secret),
            lambda: client.auth.login(username="ada", password=secret),
        ):
            with pytest.raises(NotFoundError) as caught:
                get(call())
            told = f"{caught.value} {caught.value!r} {caught.value.message}"
            assert "***" in told
            assert secret not in told
            assert quote(secret, safe="") not in told

    face.session(ask, transport=recorder(repeat).transport())
