"""`client.upload`: a file goes straight to S3, whatever happens on the way."""

import base64
import io
import json
import logging
import os
import pickle
import re
import socket
import subprocess
import sys
import threading
from functools import partial

import anyio
import anyio.lowlevel
import httpx
import pytest
import tenacity
from steps import NATIVE_WAYS, WAYS, cancelled_everywhere

from wootiv import (
    APIConnectionError,
    APIError,
    APIResponseValidationError,
    APITimeoutError,
    AsyncWootiv,
    Failed,
    InternalServerError,
    PermissionDeniedError,
    Sandbox,
    Succeeded,
    Unknown,
    Uploaded,
)

TAKEN = (
    r"path_or_file must be bytes, a path, a file opened in binary mode, "
    r"or \(filename, one of these\[, content type\[, headers\]\]\)"
)

SIZE = 600_000
"""Several pieces."""
AT_ONCE = tenacity.AsyncRetrying(wait=tenacity.wait_none(), stop=tenacity.stop_after_attempt(3))
ASK, POST = "aws.create_signed_put_url", "s3.post_object"


@pytest.fixture
def on_disk(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_bytes(os.urandom(SIZE))
    return path


def contents(sandbox):
    return {key: file.content for key, file in sandbox.storage.files.items()}


def asked(sandbox):
    return [one.operation for one in sandbox.requests]


def fields_of(request):
    """Names and texts of a form's parts, in their order."""
    return re.findall(rb'name="([^"]*)"(?:; filename="([^"]*)"\r\n[^\r]*)?\r\n\r\n(.*?)\r\n--', request.body, re.DOTALL)


# What goes where


@pytest.mark.parametrize(
    "name", ["a.txt", "with space", "ünï 花 🙂.txt", 'say "hi".txt', "in/a/folder.txt", "100%+&.bin", "semi;colon="]
)
@pytest.mark.parametrize("content", [b"", b"\r\n--", os.urandom(SIZE)], ids=len)
def test_a_file_is_stored_under_its_name(face, sandbox, name, content):
    uploaded = face.with_sandbox(lambda client: client.upload(content, filename=name), sandbox)
    assert contents(sandbox) == {name: content}
    assert isinstance(uploaded, Uploaded)
    assert (uploaded.key, uploaded.size) == (name, len(content))
    assert uploaded.url.startswith("http://wootiv.test/wootiv-sandbox/")
    assert [attempt.status for attempt in uploaded.attempts] == [204]
    assert pickle.loads(pickle.dumps(uploaded)) == uploaded  # noqa: S301 - our own


@pytest.mark.parametrize(
    "give",
    [
        lambda path: path,
        str,
        lambda path: path.open("rb"),
        lambda path: ("notes.txt", path),
        lambda path: ("notes.txt", path.open("rb")),
    ],
)
def test_it_has_its_own_name_however_it_is_given(face, sandbox, on_disk, give):
    given = give(on_disk)
    face.with_sandbox(lambda client: client.upload(given), sandbox)
    assert contents(sandbox) == {"notes.txt": on_disk.read_bytes()}
    for one in given if isinstance(given, tuple) else (given,):
        if hasattr(one, "close"):
            assert not one.closed
            one.close()


def test_over_sockets_it_goes_where_the_service_says(face, sandbox, on_disk):
    with sandbox.serving() as url:
        uploaded = face(lambda client: client.upload(on_disk, filename="a/b"), base_url=url)
    assert contents(sandbox) == {"a/b": on_disk.read_bytes()}
    assert uploaded.url == f"{url}/wootiv-sandbox/a/b"


def test_s3_is_sent_the_fields_as_they_came_then_the_file_and_nothing_of_ours(face, sandbox):
    options = {"default_headers": {"X-Mine": "secret", "Cookie": "a=b"}, "default_query": {"tenant": "secret"}}
    face.with_sandbox(lambda client: client.upload(b"content", filename="f"), sandbox, **options)
    ask, post = sandbox.requests
    assert ask.headers["x-mine"] == "secret"
    assert set(post.headers) == {
        "host", "content-type", "content-length", "accept", "accept-encoding", "user-agent"
    }  # fmt: skip
    assert post.query == ""
    names = [name.decode() for name, _, _ in fields_of(post)]
    expected = ["key", "bucket", "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "Policy", "X-Amz-Signature"]
    assert names == [*expected, "file"]


class Signing:
    """A service that gives a signed post of the test's own, and an S3 that takes all."""

    def __init__(self, fields, answer=None, url="https://s3.test/bkt", **more):
        self.post = {"url": url, "fields": fields, **more}
        self.answer = answer or httpx.Response(204)
        self.sent = []

    def transport(self):
        def answer(request):
            if request.url.path == "/aws/get-signed-put-url":
                return httpx.Response(201, json=self.post)
            self.sent.append(request)
            return self.answer

        return httpx.MockTransport(answer)


def policy(*conditions, **more):
    return base64.b64encode(json.dumps({"conditions": list(conditions), **more}).encode()).decode()


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        ({"key": "its own", "Policy": policy({"key": "another"})}, "its own"),
        ({"Key": "any case"}, "any case"),
        ({"Policy": policy({"bucket": "b"}, {"key": "by rule"})}, "by rule"),
        ({"policy": policy(["eq", "$key", "by eq"])}, "by eq"),
        ({"Policy": policy(["starts-with", "$key", "in/"])}, "in/a/f.txt"),
        ({"Policy": policy(["starts-with", "$key", "a/"])}, "a/f.txt"),
        ({"Policy": policy(["starts-with", "$key", ""])}, "a/f.txt"),
        ({"key": "up/${filename}"}, "up/f.txt"),
    ],
)
def test_the_key_is_that_of_the_fields_or_else_of_the_policy(face, fields, key):
    service = Signing(fields)
    uploaded = face(lambda client: client.upload(b"x", filename="a/f.txt"), transport=service.transport())
    assert uploaded.key == key
    (sent,) = service.sent
    names = [name.decode() for name in re.findall(rb'; name="(\w+)"', sent.content)]
    assert names == [*([] if {"key", "Key"} & set(fields) else ["key"]), *fields, "file"]


@pytest.mark.parametrize(
    "fields",
    [{"X-Amz-Date": "2024"}, {"Policy": "no base64"}, {"Policy": policy({"bucket": "b"})}, {"Policy": "bnVsbA=="}, {}],
)
def test_without_a_key_nothing_is_sent(face, fields):
    service = Signing(fields)
    with pytest.raises(APIError, match="has no key for the file, neither in its fields") as caught:
        face(lambda client: client.upload(b"x", filename="f"), transport=service.transport())
    assert service.sent == []
    assert all(value not in str(caught.value) for value in fields.values())


@pytest.mark.parametrize(
    ("fields", "url"),
    [({"key": "k"}, "ftp://x/y"), ({"key": "k"}, "/here"), ({"key": "k"}, 5), ({"key": 5}, "http://x/"), (None, "http://x/")],
)  # fmt: skip
def test_what_is_no_signed_post_is_told(face, fields, url):
    service = Signing(fields, url=url)
    with pytest.raises(APIResponseValidationError, match="create_signed_put_url gave no signed address"):
        face(lambda client: client.upload(b"x", filename="f"), transport=service.transport())


def test_a_size_that_the_policy_refuses_is_told_before_anything_is_sent(face, sandbox):
    sandbox.storage.conditions = [["content-length-range", 2, 5]]

    def do(client, get):
        get(client.upload(b"four", filename="f"))
        for content in (b"1", b"123456"):
            with pytest.raises(APIError, match=rf"'f' has {len(content)} bytes, the signed post takes 2 to 5"):
                get(client.upload(content, filename="f"))

    face.session(do, transport=sandbox.transport())
    assert asked(sandbox).count(POST) == 1


XML = (
    "<PostResponse><Location>https://b.s3.test/k%20y</Location><Bucket>b</Bucket>"
    "<Key>k y</Key><ETag>&quot;e1&quot;</ETag></PostResponse>"
)


@pytest.mark.parametrize(
    ("answer", "key", "url", "etag"),
    [
        (httpx.Response(204), "k", "https://s3.test/bkt/k", None),
        (httpx.Response(200, headers={"ETag": '"e"'}), "k", "https://s3.test/bkt/k", "e"),
        (httpx.Response(204, headers={"Location": "https://b.s3.test/k"}), "k", "https://b.s3.test/k", None),
        (httpx.Response(201, text=XML), "k y", "https://b.s3.test/k%20y", "e1"),
        (httpx.Response(303, headers={"Location": "https://mine.test/ok?key=k"}), "k", "https://s3.test/bkt/k", None),
    ],
    ids=["204", "200", "location", "201", "303"],
)
def test_each_answer_of_success_is_one(face, answer, key, url, etag):
    service = Signing({"key": "k", "success_action_redirect": "https://mine.test/ok"}, answer)
    uploaded = face(lambda client: client.upload(b"x", filename="f"), transport=service.transport())
    assert (uploaded.key, uploaded.url, uploaded.etag, uploaded.size) == (key, url, etag, 1)


# Files that cannot be sent


async def pieces():
    yield b"x"


@pytest.mark.parametrize(
    ("give", "kind", "message"),
    [
        (lambda path: path.parent, OSError, r"(directory|Permission).* \(upload: path_or_file=, a path"),
        (lambda path: path.with_name("gone"), FileNotFoundError, r"No such file .*\(upload: path_or_file=, a path"),
        (lambda path: b"x", ValueError, r"^upload: this content has no name of its own, give filename="),
        (lambda path: 5, TypeError, rf"^upload: {TAKEN}, got a value of type int"),
        (lambda path: io.StringIO("x"), TypeError, rf"^upload: {TAKEN}, got a file in text mode"),
        (lambda path: path.with_name("f\udcff"), ValueError, rf"^upload: {TAKEN}, got the .* UTF-8 cannot hold"),
        (lambda path: ("a", iter([b"x"])), TypeError, r"^upload: S3 wants the size of a file .* 'a' cannot tell it"),
        (lambda path: ("a", pieces()), TypeError, r"^upload: S3 wants the size of a file .* 'a' cannot tell it"),
        (lambda path: iter([b"x"]), TypeError, r"^upload: S3 wants the size .* 'path_or_file' cannot tell it"),
        (lambda path: ("", b"x"), ValueError, r"^upload: the filename must not be empty"),
        (lambda path: ("a/", b"x"), ValueError, r"^upload: the filename must not .*, nor end in a slash, got 'a/'"),
    ],
)  # fmt: skip
def test_what_cannot_be_sent_is_refused_before_anything_is_asked_for(face, sandbox, on_disk, give, kind, message):  # noqa: PLR0917
    with pytest.raises(kind, match=message):
        face.with_sandbox(lambda client: client.upload(give(on_disk)), sandbox)
    assert asked(sandbox) == []


def test_a_pipe_cannot_tell_its_size(face, sandbox):
    reading, writing = os.pipe()
    os.close(writing)
    with os.fdopen(reading, "rb") as file, pytest.raises(ValueError, match="'pipe' cannot tell it"):
        face.with_sandbox(lambda client: client.upload(file, filename="pipe"), sandbox)
    assert asked(sandbox) == []


@pytest.mark.parametrize(
    ("filename", "message"),
    [
        ("..", r"no '\.' or '\.\.' between its slashes, got '\.\.'"),
        ("../x", r"no '\.' or '\.\.' between its slashes, got '\.\./x'"),
        ("a/./x", r"no '\.' or '\.\.' between its slashes"),
        ("x/..", r"no '\.' or '\.\.' between its slashes"),
        ("${filename}.txt", r"not have \$\{filename\}, where S3 puts another, got '\$\{filename\}\.txt'"),
        ("a\ud800", r"text that UTF-8 can hold, got 'a\\ud800'"),
    ],
)
def test_a_name_under_which_it_would_not_be_found_again_is_refused(face, sandbox, filename, message):
    with pytest.raises(ValueError, match=rf"^upload: the filename must .*{message}"):
        face.with_sandbox(lambda client: client.upload(b"x", filename=filename), sandbox)
    assert asked(sandbox) == []


@pytest.mark.parametrize("name", ["/x", "a//x", "...", "a.../..x", "%2e%2e/x"])
def test_other_odd_names_are_found_again(face, sandbox, tmp_path, name):
    def do(client, get):
        get(client.upload(b"content", filename=name))
        return get(client.download(name, to=tmp_path / "there"))

    assert face.session(do, transport=sandbox.transport()).path.read_bytes() == b"content"
    assert list(contents(sandbox)) == [name]


async def _later(done):
    pass


@pytest.mark.parametrize("heard", [_later, partial(_later)])
@pytest.mark.parametrize("way", ["upload", "download"])
def test_a_function_that_would_have_to_be_awaited_is_refused(face, sandbox, tmp_path, way, heard):
    given = {"filename": "f"} if way == "upload" else {"to": tmp_path}
    with pytest.raises(TypeError, match=rf"^{way}: on_progress must be a plain function, it is called and not awaited"):
        face.with_sandbox(
            lambda client: getattr(client, way)(b"x" if way == "upload" else "f", **given, on_progress=heard), sandbox
        )
    assert asked(sandbox) == []


@pytest.mark.parametrize(("argument", "value"), [("filename", 5), ("on_progress", 5)])
def test_an_argument_of_the_wrong_type_is_named(face, sandbox, argument, value):
    with pytest.raises(TypeError, match=rf"^upload: {argument} must be "):
        face.with_sandbox(lambda client: client.upload(("a", b"x"), **{argument: value}), sandbox)


class Shrinking(io.BytesIO):
    """A file that is cut off after its first piece was read."""

    def read(self, size=-1):
        chunk = super().read(size)
        self.truncate(300_000)
        return chunk


def test_a_file_that_shrinks_while_it_is_sent_is_told_once(face, sandbox):
    file = Shrinking(bytes(SIZE))
    message = rf"cannot be sent: file 'log' had {SIZE} bytes when it was measured, and ended after 300000"
    with sandbox.serving() as url, pytest.raises(APIError, match=message):
        face(lambda client: client.upload(file, filename="log"), base_url=url)
    assert contents(sandbox) == {}
    assert asked(sandbox) == [ASK]


# Attempts


@pytest.mark.parametrize(
    "fault", [{"status": 503}, {"status": 500}, {"drop": True}, {"drop": True, "after_effect": True}]
)
def test_what_failed_is_sent_again_from_its_start(face, sandbox, on_disk, fault):
    sandbox.fail(POST, times=2, **fault)
    with on_disk.open("rb") as file:
        file.seek(100)
        uploaded = face.with_sandbox(lambda client: client.upload(file), sandbox, retrying=AT_ONCE)
    assert contents(sandbox) == {"notes.txt": on_disk.read_bytes()[100:]}
    assert asked(sandbox) == [ASK, POST, POST, POST]
    assert [attempt.number for attempt in uploaded.attempts] == [1, 2, 3]


def test_a_stalled_upload_is_sent_again(face, sandbox):
    body = "<Error><Code>RequestTimeout</Code><Message>idle</Message></Error>"
    sandbox.fail(POST, status=400, content_type="application/xml", body=body)
    face.with_sandbox(lambda client: client.upload(b"x", filename="f"), sandbox)
    assert asked(sandbox) == [ASK, POST, POST]


@pytest.mark.virtual_time
async def test_what_fails_for_good_ends_with_s3s_own_words():
    sandbox = Sandbox(rows=0)
    sandbox.fail(POST, status=503, times=None)
    async with sandbox.async_client(max_retries=3) as client:
        with pytest.raises(InternalServerError, match=r"503 SlowDown: .* \[request SANDBOX\d+\] \(after 4 attempts\)"):
            await client.upload(b"x", filename="f")
    assert asked(sandbox) == [ASK] + [POST] * 4


@pytest.mark.virtual_time
async def test_a_signature_that_got_too_old_over_a_wait_is_asked_for_anew():
    sandbox = Sandbox(rows=0)
    sandbox.storage.signed_for = 40
    sandbox.fail(POST, status=503, headers={"Retry-After": "38"})
    async with sandbox.async_client() as client:
        await client.upload(b"x", filename="f")
    assert asked(sandbox) == [ASK, POST, ASK, POST]


@pytest.mark.virtual_time
async def test_signatures_of_short_lives_lead_to_no_more_attempts_than_there_may_be():
    sandbox = Sandbox(rows=0)
    sandbox.storage.signed_for = 5
    sandbox.fail(POST, status=503, headers={"Retry-After": "38"}, times=None)
    async with sandbox.async_client() as client:
        with pytest.raises(InternalServerError):
            await client.upload(b"x", filename="f")
    assert asked(sandbox) == [ASK, POST] * 3


def test_a_signature_that_s3_calls_expired_is_asked_for_anew_once(face, sandbox):
    sandbox.storage.signed_for = -5
    with pytest.raises(PermissionDeniedError, match="403 AccessDenied: Invalid according to Policy: Policy expired"):
        face.with_sandbox(lambda client: client.upload(b"x", filename="f"), sandbox)
    assert asked(sandbox) == [ASK, POST, ASK, POST]


@pytest.mark.parametrize("options", [{}, {"retrying": AT_ONCE}], ids=["ours", "rules of the caller's own"])
def test_a_refused_signature_is_never_sent_again_and_never_shown(face, sandbox, caplog, options):
    caplog.set_level(logging.DEBUG)
    posted = []

    class Altered(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request):
            response = await inner.handle_async_request(request)
            if request.url.path == "/aws/get-signed-put-url":
                post = json.loads(await response.aread())
                post["fields"]["X-Amz-Signature"] = "0123456789abcdef" * 4
                posted.append(post["fields"])
                return httpx.Response(201, json=post)
            return response

    inner = sandbox.transport()
    with pytest.raises(PermissionDeniedError, match="403 SignatureDoesNotMatch: The request signature we") as caught:
        face(lambda client: client.upload(b"x", filename="f"), transport=Altered(), **options)
    assert asked(sandbox) == [ASK, POST]
    assert caught.value.request_id.startswith("SANDBOX")
    error = caught.value
    shown = f"{error!r} {error} {error.body} {error.response.text} {error.request} {vars(error)} {caplog.text}"
    for name in ("X-Amz-Signature", "Policy", "X-Amz-Credential"):
        assert posted[0][name] not in shown


def test_a_failure_to_get_a_signature_is_that_calls_own_and_stores_nothing(face, sandbox):
    sandbox.fail(ASK, drop=True, times=None)
    with pytest.raises(APIConnectionError, match="get-signed-put-url") as caught:
        face.with_sandbox(lambda client: client.upload(b"x", filename="f"), sandbox, retrying=AT_ONCE)
    assert asked(sandbox) == [ASK] * 3
    assert not caught.value.maybe_applied


@pytest.mark.virtual_time
async def test_one_limit_covers_it_all():
    sandbox = Sandbox(rows=0)
    sandbox.fail(ASK, delay=3.0)
    sandbox.fail(POST, delay=30.0)
    async with sandbox.async_client(total_timeout=10.0) as client:
        with pytest.raises(APITimeoutError, match="total_timeout of 10 s ran out") as caught:
            await client.upload(b"x", filename="f")
    assert [attempt.maybe_applied for attempt in caught.value.attempts] == [True]
    assert caught.value.attempts[0].started == pytest.approx(3.0)


# Progress


@pytest.mark.parametrize("size", [0, 1, SIZE])
def test_progress_ends_with_the_size_and_never_goes_back(face, sandbox, size):
    seen = []
    sandbox.fail(POST, status=503, times=2)
    face.with_sandbox(
        lambda client: client.upload(bytes(size), filename="f", on_progress=seen.append), sandbox, retrying=AT_ONCE
    )
    assert seen == sorted(set(seen))
    assert seen[-1] == size


def test_progress_is_heard_in_the_callers_thread(face, sandbox, on_disk):
    threads, callers = set(), []

    def do(client, get):
        if isinstance(client, AsyncWootiv):
            callers.append(get(_thread()))
        else:
            callers.append(threading.get_ident())
        get(client.upload(on_disk, on_progress=lambda _: threads.add(threading.get_ident())))

    face.session(do, transport=sandbox.transport())
    assert threads == set(callers)


async def _thread():
    await anyio.lowlevel.checkpoint()
    return threading.get_ident()


def test_what_the_callers_function_raises_ends_the_upload(face, sandbox, on_disk):
    class EnoughError(Exception):
        pass

    def stop(done):
        if done:
            raise EnoughError

    sandbox.fail(POST, delay=30)
    with sandbox.serving() as url, pytest.raises(EnoughError):
        face(lambda client: client.upload(on_disk, on_progress=stop), base_url=url)
    assert contents(sandbox) == {}


# Many


@pytest.mark.parametrize("give", [str, os.fsencode, lambda path: path, lambda path: path.open("rb"), lambda path: 5])
def test_one_file_is_no_list_of_files(face, sandbox, on_disk, give):
    given = give(on_disk)
    with pytest.raises(TypeError, match=r"^upload_many: paths must be a list of files, got (a value of type|one open)"):
        face.with_sandbox(lambda client: client.upload_many(given), sandbox)
    if hasattr(given, "close"):
        given.close()


def test_many_files_have_one_outcome_each(face, sandbox, tmp_path):
    for name in "abc":
        (tmp_path / name).write_bytes(name.encode())
    given = [tmp_path / "a", tmp_path / "gone", ("named", b"x"), tmp_path / "b", tmp_path, b"nameless", tmp_path / "c"]
    result = face.with_sandbox(lambda client: client.upload_many(given).collect(), sandbox)
    assert contents(sandbox) == {"a": b"a", "b": b"b", "c": b"c", "named": b"x"}
    assert [(one.item, one.value.key) for one in result.succeeded] == [
        (tmp_path / "a", "a"), (("named", b"x"), "named"), (tmp_path / "b", "b"), (tmp_path / "c", "c")
    ]  # fmt: skip
    assert [(one.index, type(one.error)) for one in result.failed] == [
        (1, FileNotFoundError), (4, IsADirectoryError), (5, ValueError)
    ]  # fmt: skip
    assert (result.unknown, result.not_sent) == ([], [])


def test_a_file_that_may_be_stored_is_unknown_and_one_that_is_refused_failed(face, sandbox):
    sandbox.fail(POST, drop=True, after_effect=True, times=None, match=lambda request: b"maybe" in request.body)
    sandbox.fail(ASK, status=403, times=None, match=lambda request: b"never" in request.body)
    sandbox.fail(ASK, drop=True, times=None, match=lambda request: b"unasked" in request.body)
    given = [("maybe", b"x"), ("never", b"x"), ("unasked", b"x"), ("fine", b"x")]
    result = face.with_sandbox(lambda client: client.upload_many(given).collect(), sandbox, retrying=AT_ONCE)
    outcomes = {one.item[0]: type(one) for one in (*result.succeeded, *result.failed, *result.unknown)}
    assert outcomes == {"maybe": Unknown, "never": Failed, "unasked": Failed, "fine": Succeeded}
    assert asked(sandbox).count(POST) == 4  # it is no harm to store the same file twice


async def test_no_more_files_than_asked_for_are_under_way_at_once(sandbox):
    now, most = 0, 0

    class Counting(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request):
            nonlocal now, most
            now, most = now + 1, max(most, now + 1)
            await anyio.lowlevel.checkpoint()
            try:
                return await inner.handle_async_request(request)
            finally:
                now -= 1

    inner = sandbox.transport()
    files = [(f"{n}", b"x") for n in range(9)]
    async with (
        AsyncWootiv(api_key="key", base_url="http://wootiv.test", transport=Counting()) as client,
        client.upload_many(files, concurrency=3) as outcomes,
    ):
        assert len([outcome async for outcome in outcomes]) == 9
    assert most == 3


# Cancellation


async def _upload(client, path):
    assert (await client.upload(path)).size == SIZE


async def _upload_many(client, path):
    async with client.upload_many([path, ("b", b"x")]) as outcomes:
        assert [type(outcome) async for outcome in outcomes] == [Succeeded] * 2


@pytest.mark.parametrize("use", [_upload, _upload_many])
async def test_it_can_be_cancelled_anywhere(use, on_disk, anyio_backend_name):
    sandbox = Sandbox(rows=0)
    ways = WAYS if anyio_backend_name == "trio" else [*WAYS, *NATIVE_WAYS]
    transport = sandbox.transport()
    async with AsyncWootiv(api_key="k", base_url="http://w.test", transport=transport, max_connections=2) as client:
        for way in ways:
            await cancelled_everywhere(way, lambda: use(client, on_disk))
        async with anyio.create_task_group() as tasks:
            for _ in range(4):
                tasks.start_soon(use, client, on_disk)


# Memory

GIB = 1 << 30
LIMIT = 64 << 20
PROGRAM = """
import json, resource, sys
from wootiv import Wootiv
client = Wootiv(api_key="key", base_url=sys.argv[1])
client.upload(b"x", filename="first")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
uploaded = client.upload(sys.argv[2])
print(json.dumps([uploaded.size, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024]))
"""


def _swallow(listening, taken):
    """An API and an S3 that take in all, keep nothing, and say that it is well."""
    post = json.dumps({"url": "http://127.0.0.1:{1}/bkt".format(*listening.getsockname()), "fields": {"key": "k"}})
    buffer = bytearray(1 << 18)
    while True:
        try:
            connection, _ = listening.accept()
        except OSError:
            return
        with connection, connection.makefile("rb") as reading:
            while head := reading.readline():
                length = 0
                while (line := reading.readline()) != b"\r\n":
                    name, _, value = line.partition(b": ")
                    length = int(value) if name.lower() == b"content-length" else length
                taken.append(length)
                while length:
                    length -= reading.readinto(memoryview(buffer)[: min(length, len(buffer))])
                body = post.encode() if b"get-signed" in head else b""
                connection.sendall(b"HTTP/1.1 201 Created\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))


@pytest.mark.skipif(sys.platform != "linux", reason="what peak memory is, and sparse files")
def test_a_gibibyte_takes_little_memory(tmp_path):
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.truncate(GIB)
    taken = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=_swallow, args=(listening, taken), daemon=True).start()
        url = "http://127.0.0.1:{1}".format(*listening.getsockname())
        command = [sys.executable, "-c", PROGRAM, url, str(path)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    size, extra = json.loads(done.stdout)
    assert size == GIB
    assert max(taken) > GIB
    assert extra < LIMIT
