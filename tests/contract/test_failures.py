"""What the engine refuses: its errors in both forms, its throttle, its guard."""

import httpx
import pytest

from wootiv import (
    APIStatusError,
    AuthenticationError,
    BadRequestError,
    InternalServerError,
    NotFoundError,
    RateLimitError,
    calls,
)

KEYS = {"nest": {"statusCode"}, "rockets": {"statusCode", "errorCode", "timestamp"}}


@pytest.fixture(scope="module", params=KEYS)
def form(engine, request):
    """An engine, and the keys that all its errors have."""
    with engine(EXC=request.param) as address:
        yield address, KEYS[request.param]


REFUSED = {
    "an id that is not there": (NotFoundError, "Contact not found", lambda client: client.contacts.retrieve("nobody")),
    "an id of all sorts": (
        NotFoundError,
        "Contact not found",
        lambda client: client.contacts.retrieve("a/b?c#d%2F"),
    ),
    "a route that is not there": (NotFoundError, "Cannot GET /nope", lambda client: client.get("/nope")),
    "a body that does not fit": (
        BadRequestError,
        "email must be a string.*metadata must be an object",
        lambda client: client.contacts.update("any", extra_body={"email": 1, "metadata": []}),
    ),
    "an empty list": (BadRequestError, "bulk should not be empty", lambda client: client.roles.bulk_create(bulk=[])),
    "a limit that is no number": (
        BadRequestError,
        "Invalid limit. Number expected",
        lambda client: client.contacts.list(extra_query={"limit": "x"}),
    ),
    "a condition without a value": (
        BadRequestError,
        "Invalid filter value",
        lambda client: client.contacts.list(filter="email||$eq"),
    ),
    "an operator that is not there": (
        BadRequestError,
        "Invalid comparison operator",
        lambda client: client.contacts.list(filter="email||$is||1"),
    ),
    "a search that is no JSON": (
        BadRequestError,
        "Invalid search param. JSON expected",
        lambda client: client.contacts.list(extra_query={"s": "{"}),
    ),
    "a column that is not there": (
        InternalServerError,
        "(?i)internal server error",
        lambda client: client.contacts.list(sort="nope,ASC", max_retries=0),
    ),
    "a wrong password": (
        AuthenticationError,
        "Unauthorized",
        lambda client: client.auth.login(username="ada", password="a-secret"),
    ),
    "an upload without a file": (BadRequestError, "File is required", lambda client: client.aws.buckets.upload()),
}


@pytest.mark.parametrize("why", REFUSED)
def test_what_the_engine_refuses_is_an_error_with_its_own_words(face, form, why):
    address, keys = form
    kind, words, do = REFUSED[why]
    with pytest.raises(kind, match=words) as refused:
        face(do, base_url=address)
    assert keys <= refused.value.body.keys()
    assert ("errorCode" in refused.value.body) == ("errorCode" in keys)
    assert refused.value.status_code == refused.value.body["statusCode"]
    assert len(refused.value.attempts) == 1
    assert "a-secret" not in f"{refused.value!r} {refused.value} {refused.value.body}"


def test_a_body_that_is_too_large_is_refused(face, form):
    address, keys = form
    with pytest.raises(APIStatusError) as refused:
        face(lambda client: client.roles.create(name="a" * 110_000, description="", max_retries=0), base_url=address)
    # Rockets' filter knows only the errors of Nest, and takes this one of Express for a fault of the server's.
    assert refused.value.status_code == (413 if keys == KEYS["nest"] else 500)


def test_a_name_that_is_taken_is_tried_again_as_the_engine_calls_it_its_own_fault(face, refserver):
    new = {"config": {}, "dotcom": "example.com", "name": "n", "objective": "o", "unique_address": "same"}

    def do(client, get):
        get(client.mailbox.create(**new))
        with pytest.raises(InternalServerError) as refused:
            get(client.mailbox.create(**new, max_retries=1))
        assert [attempt.status for attempt in refused.value.attempts] == [500, 500]

    face.session(do, base_url=refserver)


# The guard


@pytest.fixture(scope="module", params=["nest", "rockets"])
def guarded(engine, request):
    with engine(EXC=request.param, REQUIRE_AUTH="1") as address:
        yield address


def test_tokens_of_a_login_let_in_and_are_traded_for_new_ones(face, guarded, seeded):
    ada = seeded("user")[0]["id"]

    def log_in(client, get):
        tokens = get(client.auth.login(username="ada", password="correct horse 42"))
        return tokens, get(client.auth.token.refresh(refresh_token=tokens.refresh_token))

    for tokens in face.session(log_in, base_url=guarded, api_key=None, anonymous=True, strict=True):
        assert tokens.sub == ada
        assert tokens.access_token not in repr(tokens)
        rows = face(lambda client: client.contacts.list(), base_url=guarded, api_key=tokens.access_token, strict=True)
        assert len(rows) == 250


def test_a_wrong_key_is_refused_once(face, guarded):
    with pytest.raises(AuthenticationError) as refused:
        face(lambda client: client.contacts.list(), base_url=guarded, api_key="a-secret")
    assert len(refused.value.attempts) == 1
    assert "a-secret" not in f"{refused.value!r} {refused.value}"


def test_no_key_is_refused_but_where_none_is_wanted(face, guarded):
    options = {"base_url": guarded, "api_key": None, "anonymous": True}
    with pytest.raises(AuthenticationError):
        face(lambda client: client.contacts.list(), **options)
    assert face(lambda client: client.send(calls.root.retrieve()), **options).text == "Wootiv reference server"


def test_a_bad_refresh_token_is_the_engines_own_fault_too(face, guarded):
    with pytest.raises(InternalServerError):
        face(lambda client: client.auth.token.refresh(refresh_token="bad", max_retries=0), base_url=guarded)


# The throttle


@pytest.fixture(scope="module")
def throttled(engine):
    with engine(THROTTLE="4") as address:
        yield address


def use_up(address, path):
    """Have somebody else take what the throttle lets through; the client would keep to what it is told."""
    with httpx.Client(headers={"Authorization": "Bearer key"}, verify=False) as other:  # noqa: S501 - no TLS here
        assert 429 in (other.get(f"{address}{path}").status_code for _ in range(100))


def test_a_throttle_is_waited_for(face, throttled):
    """What is refused, as more than four calls a second are, comes through all the same."""

    def do(client, get):
        for _ in range(20):
            use_up(throttled, "/role?page=1&limit=100&sort=id,ASC")
            response = get(client.send(calls.roles.list()))
            assert len(response.parse().data) == 6
            if len(response.attempts) > 1:
                return response.attempts
        return None

    *refused, last = face.session(do, base_url=throttled, max_retries=5)
    assert {attempt.status for attempt in refused} == {429}
    assert all(attempt.wait > 0 for attempt in refused)
    assert last.status == 200


def test_a_throttle_is_an_error_where_nothing_is_tried_again(face, throttled):
    def do(client, get):
        for _ in range(20):
            use_up(throttled, "/contact_group?limit=0")
            get(client.contact_group.list(limit=0, max_retries=0))

    with pytest.raises(RateLimitError, match="Too Many Requests") as refused:
        face.session(do, base_url=throttled)
    assert 0 <= refused.value.retry_after <= 1
