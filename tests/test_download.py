"""`client.download`: a file comes straight from S3, whole or not at all."""

import logging
import os
import resource
import stat
import sys
import threading

import anyio
import httpx
import pytest
import tenacity
from steps import NATIVE_WAYS, WAYS, cancelled_everywhere

from wootiv import (
    APIConnectionError,
    APIResponseValidationError,
    AsyncWootiv,
    AttemptEnded,
    Downloaded,
    NotFoundError,
    PermissionDeniedError,
    Sandbox,
)

SIZE = 900_000
CONTENT = os.urandom(SIZE)
AT_ONCE = tenacity.AsyncRetrying(wait=tenacity.wait_none(), stop=tenacity.stop_after_attempt(3))
ASK, GET = "aws.buckets.retrieve_file", "s3.get_object"
ETAG = '"one"'


@pytest.fixture
def stored(sandbox):
    sandbox.client().upload(CONTENT, filename="f.bin")
    sandbox.requests._kept.clear()
    return sandbox


def asked(sandbox):
    return [one.operation for one in sandbox.requests]


def names(folder):
    return [path.name for path in folder.iterdir()]


@pytest.mark.parametrize("name", ["a.txt", "in/two/folders.txt", "ünï 花 🙂.txt", 'say "hi" %20+&?#.txt'])
@pytest.mark.parametrize("content", [b"", b"x", CONTENT], ids=len)
def test_a_file_comes_back_as_it_was(face, sandbox, tmp_path, name, content):
    def do(client, get):
        get(client.upload(content, filename=name))
        return get(client.download(name, to=tmp_path))

    downloaded = face.session(do, transport=sandbox.transport())
    assert isinstance(downloaded, Downloaded)
    assert downloaded.path == tmp_path / name.rpartition("/")[2]
    assert downloaded.path.read_bytes() == content
    assert downloaded.size == len(content)
    assert [attempt.status for attempt in downloaded.attempts] == [200]
    assert list(tmp_path.iterdir()) == [downloaded.path]


def test_over_sockets_what_the_service_stored_is_there(face, sandbox, tmp_path):
    def do(client, get):
        get(client.aws.buckets.upload(file=("n.txt", CONTENT), path="letters"))
        return get(client.download("letters/n.txt", to=str(tmp_path / "mine")))

    with sandbox.serving() as url:
        downloaded = face.session(do, base_url=url)
    assert downloaded.path.read_bytes() == CONTENT
    assert downloaded.content_type == "text/plain"


def test_s3_is_sent_nothing_of_ours(face, stored, tmp_path):
    options = {"default_headers": {"X-Mine": "secret", "Cookie": "a=b"}, "default_query": {"tenant": "secret"}}
    face.with_sandbox(lambda client: client.download("f.bin", to=tmp_path), stored, **options)
    ask, get = stored.requests
    assert ask.headers["x-mine"] == "secret"
    assert set(get.headers) == {"host", "accept", "accept-encoding", "user-agent"}
    assert get.headers["accept-encoding"] == "identity"
    assert "tenant" not in get.query


@pytest.mark.parametrize("inner", [False, True], ids=["a proxy", "a transport beside a proxy"])
def test_no_log_has_the_signature(face, stored, tmp_path, caplog, inner):
    """Not even that of httpx, which is asked which proxy serves which address."""
    caplog.set_level(logging.DEBUG)
    with stored.serving() as url:
        options = {"proxies": {"all://elsewhere.test": "http://127.0.0.1:1"}}
        options |= {"transport": stored.transport()} if inner else {}
        downloaded = face(lambda client: client.download("f.bin", to=tmp_path), base_url=url, **options)
    assert downloaded.path.read_bytes() == CONTENT
    assert "X-Amz-Signature" in stored.requests[-1].query
    assert "HTTP Request: GET" in caplog.text
    assert "Signature" not in caplog.text


# Where it goes


@pytest.mark.skipif(os.name == "nt", reason="modes and links of POSIX")
def test_a_file_that_is_there_is_replaced_and_a_link_goes_on_to_lead_to_it(face, stored, tmp_path):
    (tmp_path / "old").write_bytes(b"old")
    (tmp_path / "link").symlink_to("old")
    downloaded = face.with_sandbox(lambda client: client.download("f.bin", to=tmp_path / "link"), stored)
    assert downloaded.path == tmp_path / "link"
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "old").read_bytes() == CONTENT
    fresh = face.with_sandbox(lambda client: client.download("f.bin", to=tmp_path / "fresh"), stored)
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE(fresh.path.stat().st_mode) == 0o666 & ~mask


@pytest.mark.parametrize(
    ("to", "kind", "message"),
    [
        ("no/folder", FileNotFoundError, r"\(download: to=\)"),
        ("none/", FileNotFoundError, r"No such folder \(download: to=\)"),
        ("file/below", NotADirectoryError, r"\(download: to=\)"),
        ("taken", IsADirectoryError, r"Is a directory \(download: to=\)"),
    ],
)
def test_a_place_that_cannot_be_is_told_before_anything_is_asked_for(face, stored, tmp_path, to, kind, message):  # noqa: PLR0917
    (tmp_path / "file").write_bytes(b"kept")
    (tmp_path / "taken" / "f.bin").mkdir(parents=True)
    with pytest.raises(kind, match=message):
        face.with_sandbox(lambda client: client.download("f.bin", to=f"{tmp_path}/{to}"), stored)
    assert asked(stored) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "taken"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes")
def test_what_is_no_file_is_not_replaced(face, stored, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FileExistsError, match="Is no regular file"):
        face.with_sandbox(lambda client: client.download("f.bin", to=tmp_path / "pipe"), stored)
    assert (tmp_path / "pipe").is_fifo()


@pytest.mark.parametrize(
    ("filename", "to", "kind", "message"),
    [
        ("", ".", ValueError, "filename must not be empty"),
        ("a/", ".", ValueError, "nor end in a slash, got 'a/'"),
        (5, ".", TypeError, "filename must be str, got 5"),
        ("a", 5, TypeError, "to must be a path, got 5"),
        ("a", "", ValueError, "to must be a path, got ''"),
        ("a", "x\0", ValueError, "to must be a path"),
    ],
)
def test_arguments_are_checked(face, sandbox, filename, to, kind, message):  # noqa: PLR0917
    with pytest.raises(kind, match=rf"^download: .*{message}"):
        face.with_sandbox(lambda client: client.download(filename, to=to), sandbox)


@pytest.mark.parametrize("filename", ["..", "a/..", "a/.", "../a", "a/../b", "a/./b"])
def test_a_name_does_not_lead_out_of_its_folder(face, sandbox, tmp_path, filename):
    with pytest.raises(ValueError, match=r"^download: the filename must have no '\.' or '\.\.' between its slashes"):
        face.with_sandbox(lambda client: client.download(filename, to=tmp_path), sandbox)


# What breaks off


def test_what_broke_off_goes_on_where_it_was(face, stored, tmp_path):
    stored.fail(GET, torn=True)
    downloaded = face.with_sandbox(lambda client: client.download("f.bin", to=tmp_path), stored, retrying=AT_ONCE)
    assert downloaded.path.read_bytes() == CONTENT
    second = stored.requests[-1]
    assert second.headers["range"] == f"bytes={SIZE // 2}-"
    assert second.headers["if-range"] == f'"{downloaded.etag}"'
    assert [attempt.status for attempt in downloaded.attempts] == [None, 206]
    assert list(tmp_path.iterdir()) == [downloaded.path]


def test_over_sockets_too(face, stored, tmp_path):
    stored.fail(GET, torn=True, times=2)
    with stored.serving() as url:
        downloaded = face(lambda client: client.download("f.bin", to=tmp_path), base_url=url, retrying=AT_ONCE)
    assert downloaded.path.read_bytes() == CONTENT
    assert [one.status for one in stored.requests] == [200, 200, 206, 206]


def test_a_file_that_was_replaced_meanwhile_comes_anew(face, stored, tmp_path):
    other = os.urandom(SIZE)
    stored.fail(GET, torn=True, match=lambda _: True)

    class Replacing(httpx.AsyncBaseTransport):
        times = 0

        async def handle_async_request(self, request):
            if request.url.path.endswith("/f.bin") and request.method == "GET" and request.url.query:
                self.times += 1
                if self.times == 2:
                    file = stored.storage.files["f.bin"]
                    stored.storage.files["f.bin"] = type(file)(file.field, file.filename, file.content_type, other)
            return await inner.handle_async_request(request)

    inner = stored.transport()
    downloaded = face(lambda client: client.download("f.bin", to=tmp_path), transport=Replacing(), retrying=AT_ONCE)
    assert downloaded.path.read_bytes() == other
    assert [attempt.status for attempt in downloaded.attempts] == [None, 200]


class Odd(httpx.AsyncBaseTransport):
    """A service, and an S3 that answers as told: status, headers, pieces; an error among the pieces is raised."""

    def __init__(self, *answers):
        self.answers, self.asked = list(answers), []

    async def handle_async_request(self, request):
        if request.url.path.startswith("/aws"):
            return httpx.Response(200, json={"signedUrl": "https://s3.test/b/f?X-Amz-Signature=1234567890"})
        self.asked.append(request.headers)
        status, headers, pieces = self.answers.pop(0)
        return httpx.Response(status, headers=headers, stream=Pieces(pieces))


class Pieces(httpx.AsyncByteStream):
    def __init__(self, pieces):
        self.pieces = iter(pieces)

    def __aiter__(self):
        return self

    async def __anext__(self):
        for piece in self.pieces:
            if isinstance(piece, Exception):
                raise piece
            return piece
        raise StopAsyncIteration


CUT = httpx.ReadError("cut off")
BEGUN = (200, {"ETag": ETAG, "Content-Length": "6"}, [b"abc", CUT])


@pytest.mark.parametrize(
    ("answers", "ranges"),
    [
        ([BEGUN, (206, {"Content-Range": "bytes 3-5/6"}, [b"def"])], [None, "bytes=3-"]),
        ([BEGUN, (206, {"Content-Range": "bytes 3-5/*"}, [b"def"])], [None, "bytes=3-"]),
        ([BEGUN, (200, {"ETag": ETAG, "Content-Length": "6"}, [b"abcdef"])], [None, "bytes=3-"]),
        ([BEGUN, (206, {"Content-Range": "bytes 0-5/6"}, [b"abcdef"]), (200, {}, [b"abcdef"])],
         [None, "bytes=3-", None]),
        ([BEGUN, (206, {}, [b"def"]), (200, {}, [b"abcdef"])], [None, "bytes=3-", None]),
        ([BEGUN, (416, {}, []), (200, {}, [b"abcdef"])], [None, "bytes=3-", None]),
        ([(200, {"ETag": "W/" + ETAG}, [b"abc", CUT]), (200, {}, [b"abcdef"])], [None, None]),
        ([(200, {}, [b"abc", CUT]), (200, {}, [b"abcdef"])], [None, None]),
        ([(200, {"ETag": ETAG, "Accept-Ranges": "none"}, [b"abc", CUT]), (200, {}, [b"abcdef"])], [None, None]),
        ([(200, {"ETag": ETAG}, [b"abc", CUT]), (206, {"Content-Range": "bytes 3-5/6"}, [b"d", CUT]),
          (206, {"Content-Range": "bytes 4-5/6"}, [b"ef"])], [None, "bytes=3-", "bytes=4-"]),
        ([(200, {"ETag": ETAG, "Content-Length": "6"}, [b"abcd"]), (206, {"Content-Range": "bytes 4-5/6"}, [b"ef"])],
         [None, "bytes=4-"]),
        ([(503, {}, [b"busy"]), (200, {"Content-Encoding": "gzip"}, [b"abcdef"])], [None, None]),
    ],
)  # fmt: skip
def test_however_it_comes_it_is_whole(face, tmp_path, answers, ranges):
    service, seen = Odd(*answers), []
    downloaded = face(
        lambda client: client.download("f", to=tmp_path, on_progress=seen.append), transport=service, retrying=AT_ONCE
    )
    assert downloaded.path.read_bytes() == b"abcdef"
    assert [headers.get("range") for headers in service.asked] == ranges
    assert seen == sorted(set(seen))
    assert seen[-1] == downloaded.size == 6


def test_what_breaks_off_for_good_leaves_nothing(face, stored, tmp_path):
    (tmp_path / "f.bin").write_bytes(b"old")
    stored.fail(GET, torn=True, times=None)
    with pytest.raises(APIConnectionError, match="after 3 attempts"):
        face.with_sandbox(lambda client: client.download("f.bin", to=tmp_path), stored, retrying=AT_ONCE)
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("f.bin", b"old")]


def test_a_file_that_is_not_there_is_told_and_leaves_nothing(face, sandbox, tmp_path):
    with pytest.raises(NotFoundError, match=r"404 NoSuchKey: The specified key does not exist\. \[request SANDBOX"):
        face.with_sandbox(lambda client: client.download("gone", to=tmp_path), sandbox)
    assert list(tmp_path.iterdir()) == []


def test_an_address_that_is_over_is_asked_for_anew_once_and_not_shown(face, stored, tmp_path):
    stored.storage.signed_for = -5
    with pytest.raises(PermissionDeniedError, match="Request has expired") as caught:
        face.with_sandbox(lambda client: client.download("f.bin", to=tmp_path), stored)
    assert asked(stored) == [ASK, GET, ASK, GET]
    error = caught.value
    assert "Signature" not in f"{error} {error!r} {error.request} {error.response!r} {vars(error)}"
    assert error.request.url == "http://wootiv.test/wootiv-sandbox/f.bin"


def test_an_address_that_is_none_is_told(face, recorder, tmp_path):
    server = recorder(httpx.Response(200, json={"signedUrl": None}))
    with pytest.raises(APIResponseValidationError, match="retrieve_file gave no signed address"):
        face(lambda client: client.download("f", to=tmp_path), transport=server.transport())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="a limit of what may be written")
def test_what_cannot_be_written_is_told_and_leaves_nothing(face, stored, tmp_path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (SIZE // 2, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            face.with_sandbox(lambda client: client.download("f.bin", to=tmp_path), stored)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []
    assert asked(stored) == [ASK, GET]


# Progress and cancellation


def test_progress_is_heard_in_the_callers_thread(face, stored, tmp_path):
    threads, callers = set(), []

    async def thread():
        await anyio.lowlevel.checkpoint()
        return threading.get_ident()

    def do(client, get):
        callers.append(get(thread()) if isinstance(client, AsyncWootiv) else threading.get_ident())
        get(client.download("f.bin", to=tmp_path, on_progress=lambda _: threads.add(threading.get_ident())))

    face.session(do, transport=stored.transport())
    assert threads == set(callers)


def test_what_the_callers_function_raises_ends_it_and_leaves_nothing(face, stored, tmp_path):
    class EnoughError(Exception):
        pass

    def stop(done):
        raise EnoughError

    stored.fail(GET, slow=5)
    with pytest.raises(EnoughError):
        face.with_sandbox(lambda client: client.download("f.bin", to=tmp_path, on_progress=stop), stored)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("door", ["in process", "sockets"])
@pytest.mark.parametrize("at", [1, SIZE], ids=["at once", "at the end"])
def test_what_it_raises_leaves_what_was_there_however_far_the_download_is(face, stored, tmp_path, door, at):
    """The loop may have all of it before the function is called in its own thread."""

    def stop(done):
        if done >= at:
            raise LookupError

    def do(client, get):
        for _ in range(5):
            with pytest.raises(LookupError):
                get(client.download("f.bin", to=tmp_path, on_progress=stop))
            assert names(tmp_path) == ["f.bin"]
            assert (tmp_path / "f.bin").read_bytes() == b"kept"

    (tmp_path / "f.bin").write_bytes(b"kept")
    with stored.serving() as url:
        face.session(do, **({"base_url": url} if door == "sockets" else {"transport": stored.transport()}))
    assert (tmp_path / "f.bin").read_bytes() == b"kept"


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt()], ids=repr)
def test_nor_does_what_ends_the_program(stored, tmp_path, backend, error):
    def stop(_):
        raise error

    (tmp_path / "f.bin").write_bytes(b"kept")
    with stored.client(backend=backend) as client:
        for _ in range(5):
            with pytest.raises(type(error)):
                client.download("f.bin", to=tmp_path, on_progress=stop)
            assert isinstance(error, KeyboardInterrupt) or names(tmp_path) == ["f.bin"]
    assert names(tmp_path) == ["f.bin"]
    assert (tmp_path / "f.bin").read_bytes() == b"kept"


def test_nor_does_a_handler_of_events_that_ends_the_program(stored, tmp_path):
    (tmp_path / "f.bin").write_bytes(b"kept")
    with stored.client() as client:
        client.on(AttemptEnded, lambda _: sys.exit(3))
        with pytest.raises(SystemExit):
            client.download("f.bin", to=tmp_path)
        assert names(tmp_path) == ["f.bin"]
    assert (tmp_path / "f.bin").read_bytes() == b"kept"


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o666, 0o751], ids=oct)
@pytest.mark.skipif(os.name == "nt", reason="modes of POSIX")
def test_a_file_that_is_replaced_keeps_its_mode(face, stored, tmp_path, mode):
    target = tmp_path / "f.bin"
    target.write_bytes(b"old")
    target.chmod(mode)
    face.with_sandbox(lambda client: client.download("f.bin", to=target), stored)
    assert stat.S_IMODE(target.stat().st_mode) == mode
    target.chmod(0o600)
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize("door", ["in process", "sockets"])
async def test_it_can_be_cancelled_anywhere_and_leaves_nothing(door, tmp_path, anyio_backend_name):
    sandbox = Sandbox(rows=0)
    ways = WAYS if anyio_backend_name == "trio" else [*WAYS, *NATIVE_WAYS]
    with sandbox.serving() as url:
        given = (
            {"base_url": url} if door == "sockets" else {"transport": sandbox.transport(), "base_url": "http://w.test"}
        )
        async with AsyncWootiv(api_key="k", max_connections=2, **given) as client:
            await client.upload(CONTENT, filename="f.bin")

            async def use():
                whole = False
                try:
                    assert (await client.download("f.bin", to=tmp_path)).size == SIZE
                    whole = True
                finally:
                    if way in NATIVE_WAYS:
                        _join_threads()  # asyncio's own goes through any shield
                    left = names(tmp_path)
                    assert left == ["f.bin"] if whole else left in ([], ["f.bin"])
                    for name in left:
                        assert (tmp_path / name).read_bytes() == CONTENT
                        (tmp_path / name).unlink()

            for way in ways:
                await cancelled_everywhere(way, use, 1 if door == "in process" else 3)
            for _ in range(4):
                await use()


def _join_threads():
    for thread in threading.enumerate():
        if thread.name == "wootiv reading":
            thread.join(5)
            assert not thread.is_alive()


@pytest.mark.skipif(sys.platform != "linux", reason="what peak memory is")
def test_a_large_file_takes_little_memory(tmp_path):
    class Large(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request):
            if request.url.path.startswith("/aws"):
                return httpx.Response(200, json={"signedUrl": "https://s3.test/b/f?X-Amz-Signature=1234567890"})
            piece = bytes(1 << 16)
            return httpx.Response(200, stream=Pieces(piece for _ in range(4096)))

    async def main():
        async with AsyncWootiv(api_key="k", base_url="http://w.test", transport=Large()) as client:
            return await client.download("f", to=tmp_path)

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert anyio.run(main).size == 1 << 28
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < 64 << 20
