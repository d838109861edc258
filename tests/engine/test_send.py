"""What goes on the wire, and on which conditions it does so again."""

import io

import httpx
import pytest

from wootiv import APIConnectionError, APIStatusError, AsyncWootiv, InternalServerError, calls

pytestmark = pytest.mark.virtual_time

BUSY = httpx.Response(503)
OK = httpx.Response(200, json={"id": "c1"})


def client_of(recorder, **options):
    given = {"api_key": "the-key", "base_url": "http://wootiv.test", "transport": recorder.transport()}
    return AsyncWootiv(**{**given, **options})


async def test_the_key_goes_as_a_bearer_token(recorder):
    seen = recorder(OK)
    async with client_of(seen) as client:
        await client.contacts.retrieve("c1")
        await client.with_options(anonymous=True).contacts.retrieve("c1")
        await client.contacts.retrieve("c1", extra_headers={"authorization": "Basic own"})
        await client.contacts.retrieve("c1", extra_headers={"Authorization": None})
    assert [request.headers.get("authorization") for request in seen.requests] == [
        "Bearer the-key",
        None,
        "Basic own",
        None,
    ]


async def test_a_key_may_have_any_letter_of_latin_1(recorder):
    seen = recorder(OK)
    async with client_of(seen, api_key="clé", default_headers={"x-name": "Zoë"}) as client:
        await client.contacts.retrieve("c1")
    raw = {name.lower(): value for name, value in seen.requests[0].headers.raw}
    assert raw[b"authorization"] == "Bearer clé".encode("latin-1")
    assert raw[b"x-name"] == "Zoë".encode("latin-1")


async def test_an_idempotency_key_is_constant_over_attempts_and_new_for_each_send(recorder):
    seen = recorder(BUSY)
    call = calls.contacts.delete("c1")
    async with client_of(seen) as client:
        for _ in range(2):
            with pytest.raises(InternalServerError):
                await client.send(call)
        with pytest.raises(InternalServerError):
            await client.contacts.delete("c1", idempotency_key="mine")
    keys = [request.headers["idempotency-key"] for request in seen.requests]
    assert len(set(keys[:3])) == 1
    assert len(set(keys[3:6])) == 1
    assert keys[0] != keys[3]
    assert set(keys[6:]) == {"mine"}


async def test_a_read_has_no_idempotency_key(recorder):
    seen = recorder(OK)
    async with client_of(seen) as client:
        await client.contacts.retrieve("c1")
    assert "idempotency-key" not in seen.requests[0].headers


# Bodies


async def test_a_file_that_can_be_rewound_is_sent_again_from_where_it_stood(recorder):
    file = io.BytesIO(b"not this. but this")
    file.seek(10)
    seen = recorder(BUSY, BUSY, httpx.Response(200, json={}))
    async with client_of(seen) as client:
        await client.aws.buckets.upload(file=("a.txt", file))
    bodies = [request.content for request in seen.requests]
    assert len(bodies) == 3
    assert all(b"\r\n\r\nbut this\r\n" in body for body in bodies)


class Pipe(io.RawIOBase):
    """A file that cannot be rewound."""

    def __init__(self, content):
        self._content = io.BytesIO(content)

    def readable(self):
        return True

    def readinto(self, buffer):
        return self._content.readinto(buffer)


@pytest.mark.parametrize("answer", [BUSY, httpx.ReadError("broken"), httpx.Response(307, headers={"location": "/x"})])
async def test_a_body_that_cannot_be_rewound_is_never_sent_twice(recorder, answer):
    seen = recorder(answer)
    async with client_of(seen, retrying=None) as client:
        with pytest.raises((APIStatusError, APIConnectionError)) as caught:
            await client.aws.buckets.upload(file=("a.txt", Pipe(b"once")))
    assert len(seen.requests) == len(caught.value.attempts) == 1
    assert b"once" in seen.requests[0].content
    assert seen.requests[0].headers["transfer-encoding"] == "chunked"


async def test_a_path_is_read_anew_for_each_attempt(recorder, tmp_path):
    (tmp_path / "a.txt").write_bytes(b"from a path")
    seen = recorder(BUSY, httpx.Response(200, json={}))
    async with client_of(seen) as client:
        await client.aws.buckets.upload(file=tmp_path / "a.txt")
    assert [b"from a path" in request.content for request in seen.requests] == [True, True]
    assert int(seen.requests[0].headers["content-length"]) == len(seen.requests[0].content)


async def test_a_file_that_is_gone_is_the_callers_own_error_and_nothing_is_sent(recorder, tmp_path):
    seen = recorder(OK)
    async with client_of(seen) as client:
        with pytest.raises(FileNotFoundError):
            await client.aws.buckets.upload(file=tmp_path / "gone.txt")
    assert seen.requests == []


async def test_a_file_that_fails_is_the_callers_own_error_and_is_not_retried(recorder):
    class Broken(io.BytesIO):
        def read(self, *_):
            raise OSError("the disk is gone")

    seen = recorder(OK)
    async with client_of(seen) as client:
        with pytest.raises(OSError, match="the disk is gone"):
            await client.aws.buckets.upload(file=("a.txt", Broken(b"x")))


async def test_a_write_without_a_body_says_so(recorder):
    seen = recorder(OK)
    async with client_of(seen) as client:
        await client.post("/somewhere")
        await client.contacts.retrieve("c1")
    posted, got = seen.requests
    assert posted.headers["content-length"] == "0"
    assert "content-length" not in got.headers
    assert got.headers["host"] == "wootiv.test"


# Redirects


def moved(status, to):
    return httpx.Response(status, headers={"location": to})


@pytest.mark.parametrize(
    ("status", "method", "becomes"),
    [
        (301, "POST", "GET"),
        (302, "POST", "GET"),
        (303, "POST", "GET"),
        (307, "POST", "POST"),
        (308, "POST", "POST"),
        (301, "PATCH", "PATCH"),
        (302, "DELETE", "DELETE"),
        (303, "PATCH", "GET"),
        (308, "DELETE", "DELETE"),
        (301, "GET", "GET"),
        (303, "GET", "GET"),
        (307, "GET", "GET"),
    ],
)
async def test_a_redirect_is_followed_as_http_says(recorder, status, method, becomes):
    seen = recorder(moved(status, "/elsewhere?a=1"), httpx.Response(200, json=[]))
    async with client_of(seen) as client:
        ask = getattr(client, method.lower())
        await (ask("/here") if method in ("GET", "DELETE") else ask("/here", body={"x": 1}))
    first, second = seen.requests
    assert (second.method, str(second.url)) == (becomes, "http://wootiv.test/elsewhere?a=1")
    assert second.headers["authorization"] == "Bearer the-key"
    kept = becomes == method
    assert second.content == (first.content if kept else b"")
    assert ("content-type" in second.headers) == (kept and "content-type" in first.headers)


@pytest.mark.parametrize(
    "to",
    [
        "http://other.test/here",
        "https://wootiv.test/here",
        "http://wootiv.test:81/here",
        "//other.test/here",
        "http://user@wootiv.test/here",
        "ftp://wootiv.test/here",
        "http://[broken",
        "http://wootiv.test:port/",
    ],
)
async def test_the_key_goes_to_no_other_origin(recorder, to):
    seen = recorder(moved(302, to), OK)
    async with client_of(seen) as client:
        with pytest.raises(APIStatusError) as caught:
            await client.contacts.retrieve("c1")
    assert caught.value.status_code == 302
    assert len(seen.requests) == 1


@pytest.mark.parametrize("to", ["http://wootiv.test:80/x", "HTTP://WOOTIV.test/x", "//wootiv.test/x", "x"])
async def test_the_same_origin_may_be_written_in_other_ways(recorder, to):
    seen = recorder(moved(302, to), OK)
    async with client_of(seen) as client:
        assert (await client.contacts.retrieve("c1")).id == "c1"


async def test_a_loop_of_redirects_ends(recorder):
    seen = recorder(moved(302, "/contacts/c1"))
    async with client_of(seen) as client:
        with pytest.raises(APIStatusError) as caught:
            await client.contacts.retrieve("c1")
    assert caught.value.status_code == 302
    assert len(seen.requests) == 6
    assert len(caught.value.attempts) == 1
