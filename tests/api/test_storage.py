"""Files through the service: whatever a file is given as arrives as it was."""

import io
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import nullcontext
from pathlib import Path

import anyio
import httpx
import pytest

from wootiv import APIError, APITimeoutError, AsyncWootiv, calls
from wootiv.types import Buckets, SignedFile, SignedPost, StoredFile


@pytest.fixture
def on_disk(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_bytes(b"from disk")
    return path


def stored(sandbox):
    return {key: (file.content_type, file.content) for key, file in sandbox.storage.files.items()}


@pytest.mark.parametrize(
    ("give", "name", "kind", "content"),
    [
        (lambda path: b"bytes", "file", "application/octet-stream", b"bytes"),
        (lambda path: bytearray(b"array"), "file", "application/octet-stream", b"array"),
        (lambda path: b"", "file", "application/octet-stream", b""),
        (lambda path: path, "notes.txt", "text/plain", b"from disk"),
        (str, "notes.txt", "text/plain", b"from disk"),
        (lambda path: io.BytesIO(b"in memory"), "file", "application/octet-stream", b"in memory"),
        (lambda path: ("a.json", b"{}"), "a.json", "application/json", b"{}"),
        (lambda path: ("b.json", path), "b.json", "application/json", b"from disk"),
        (lambda path: ("c", io.BytesIO(b"c"), "text/x"), "c", "text/x", b"c"),
        (lambda path: ("d", b"d", "text/x", {"X-Extra": "yes"}), "d", "text/x", b"d"),
        (lambda path: ("ünï 花.txt", b"u"), "ünï 花.txt", "text/plain", b"u"),
        (lambda path: ('say "hi".txt', b"q"), "say %22hi%22.txt", "text/plain", b"q"),
        (lambda path: ("two\r\nlines", b"q"), "two%0D%0Alines", "application/octet-stream", b"q"),
    ],
)
def test_a_file_is_stored_whatever_it_is_given_as(  # noqa: PLR0917
    face, sandbox, on_disk, give, name, kind, content
):
    answer = face.with_sandbox(lambda client: client.aws.buckets.upload(file=give(on_disk), path="in"), sandbox)
    assert isinstance(answer, StoredFile)
    assert (answer.filename, answer.mime, answer.path) == (name, kind, "in")
    assert stored(sandbox) == {f"in/{name}": (kind, content)}


def test_an_open_file_is_sent_from_where_it_stands(face, sandbox, on_disk):
    with on_disk.open("rb") as file:
        file.seek(5)
        face.with_sandbox(lambda client: client.aws.buckets.upload(file=file), sandbox)
        assert not file.closed
    assert stored(sandbox) == {"notes.txt": ("text/plain", b"disk")}


def test_a_call_with_an_open_file_is_sent_twice_from_the_same_place(face, sandbox):
    call = calls.aws.buckets.upload(file=("a", io.BytesIO(b"same")))

    def twice(client, get):
        get(client.send(call))
        sandbox.storage.files.clear()
        get(client.send(call))

    face.session(twice, transport=sandbox.transport())
    assert stored(sandbox)["a"][1] == b"same"


def test_many_files_go_in_one_request_and_their_order(face, recorder):
    server = recorder(httpx.Response(201, json=[]))
    files = [("1.txt", b"one"), b"two", ("3.txt", io.BytesIO(b"three"))]
    face(lambda client: client.aws.buckets.bulk_upload(bulk=files, path="über/all"), transport=server.transport())
    (request,) = server.requests
    assert request.content.count(b'name="bulk"; filename=') == 3
    assert b"bulk[]" not in request.content
    assert request.content.index(b"one") < request.content.index(b"two") < request.content.index(b"three")
    assert 'name="path"\r\n\r\nüber/all\r\n'.encode() in request.content
    assert request.headers["content-length"] == str(len(request.content))


def test_many_files_are_stored_in_their_order(face, sandbox, on_disk):
    answer = face.with_sandbox(
        lambda client: client.aws.buckets.bulk_upload(bulk=(one for one in [on_disk, ("b", b"")])), sandbox
    )
    assert [one.filename for one in answer] == ["notes.txt", "b"]


@pytest.mark.parametrize(
    ("give", "kind", "message"),
    [
        (lambda path: path.open(), TypeError, r"got a file in text mode, open it with 'rb'$"),
        (lambda path: io.StringIO("x"), TypeError, r"got a file in text mode"),
        (lambda path: tempfile.NamedTemporaryFile("w+", dir=path.parent), TypeError, r"got a file in text"),  # noqa: SIM115
        (lambda path: path.with_name("new").open("wb"), ValueError, r"got a file that is not open for reading"),
        (lambda path: 5, TypeError, r"got a value of type int$"),
        (lambda path: None, TypeError, r"got None$"),
        (lambda path: [b"x"], TypeError, r"got a value of type list$"),
        (lambda path: ("a",), TypeError, r"got a tuple of \(str\)$"),
        (lambda path: (b"a", b"b"), TypeError, r"got a tuple of \(bytes, bytes\)$"),
        (
            lambda path: ("a", b"b", "text/x\r\nX: y"),
            ValueError,
            r"got a content type or header that is no line of text$",
        ),
        (lambda path: ("a", b"b", None, {"X": "y\r\nz"}), ValueError, r"got a content type or header"),
        (lambda path: "", ValueError, r"got an empty path$"),
        (lambda path: "a\0b", ValueError, r"got a path with a null in it, content goes as bytes$"),
        (lambda path: ("\ud800", b"b"), ValueError, r"got the filename '\\ud800', which UTF-8 cannot hold$"),
    ],
)
def test_what_is_no_file_is_refused_before_anything_is_sent(  # noqa: PLR0917
    face, recorder, on_disk, give, kind, message
):
    server = recorder(httpx.Response(201, json={}))
    given = give(on_disk)
    with pytest.raises(kind, match=rf"^aws\.buckets\.upload: file must be .*{message}"):
        face(lambda client: client.aws.buckets.upload(file=given), transport=server.transport())
    assert server.requests == []
    if hasattr(given, "close"):
        given.close()


def test_a_closed_file_is_refused(on_disk):
    with on_disk.open("rb") as file:
        pass
    with pytest.raises(ValueError, match=r"^aws\.buckets\.upload: file must be .*closed file"):
        calls.aws.buckets.upload(file=file)


async def test_an_async_file_is_refused(on_disk):
    async with await anyio.open_file(on_disk, "rb") as file:
        with pytest.raises(TypeError, match="got an async file, give its `wrapped`"):
            calls.aws.buckets.upload(file=file)
        assert calls.aws.buckets.upload(file=file.wrapped).body.parts[0].filename == "notes.txt"


@pytest.mark.parametrize(
    ("bulk", "names"),
    [
        ((b"x", b"y"), ["bulk", "bulk"]),
        ((("a", b"x"), ("b", b"y")), ["a", "b"]),
        ((Path("a"), Path("b")), ["a", "b"]),
        (("a",), ["a"]),
        (("a", "b", "c", "d"), ["a", "b", "c", "d"]),
        ((), []),
    ],
    ids=repr,
)
def test_a_tuple_of_files_is_a_list_of_files(bulk, names):
    assert [part.filename for part in calls.aws.buckets.bulk_upload(bulk=bulk).body.parts] == names


@pytest.mark.parametrize(
    "bulk",
    [
        b"x",
        bytearray(b"x"),
        "x",
        {"a": b"b"},
        5,
        io.BytesIO(),
        ("a", b"b"),
        ("a", "b"),
        ("a", b"b", "text/x"),
        ("a", b"b", None, {}),
    ],
    ids=repr,
)
def test_one_file_is_no_list_of_files(bulk):
    with pytest.raises(TypeError, match=r"^aws\.buckets\.bulk_upload: bulk must be a list of files, got "):
        calls.aws.buckets.bulk_upload(bulk=bulk)


def test_the_odd_one_of_many_files_is_named():
    with pytest.raises(TypeError, match=r"bulk\[1\] must be bytes, a path, .*, got a value of type int"):
        calls.aws.buckets.bulk_upload(bulk=[b"x", 5])


@pytest.mark.parametrize("name", ["", "missing.txt"])
def test_a_directory_or_a_file_that_is_not_there_is_refused_by_name(face, recorder, tmp_path, name):
    server = recorder(httpx.Response(201, json={}))
    message = r"(directory|No such file).* \(POST /aws/buckets/upload: file=, a path.*\): .*" + (name or tmp_path.name)
    with pytest.raises(OSError, match=message) as caught:
        face(lambda client: client.aws.buckets.upload(file=tmp_path / name), transport=server.transport())
    assert caught.value.filename == str(tmp_path / name)
    assert server.requests == []


@pytest.mark.parametrize("text", ["some text", "some text " * 1000], ids=len)
def test_text_that_is_no_path_is_told_from_content(face, recorder, text):
    server = recorder(httpx.Response(201, json={}))
    with pytest.raises(OSError, match="a path as all text is, content goes as bytes") as caught:
        face(lambda client: client.aws.buckets.upload(file=text), transport=server.transport())
    assert len(str(caught.value)) < 300
    assert server.requests == []


def test_signed_addresses_come_from_the_service(face, sandbox):
    def ask(client, get):
        return (
            get(client.aws.create_signed_put_url(filename="a b.txt")),
            get(client.aws.buckets.retrieve_file("ü/x?.txt")),
            get(client.aws.buckets.retrieve_file_in_path("f.txt", pathname="a/b")),
            get(client.aws.buckets.list()),
            get(client.aws.objects.list()),
            get(client.aws.buckets.health.retrieve()),
        )

    post, one, in_path, buckets, objects, health = face.session(ask, transport=sandbox.transport())
    assert isinstance(post, SignedPost)
    assert list(post.fields)[:2] == ["key", "bucket"]
    assert post.fields["key"] == "a b.txt"
    assert isinstance(one, SignedFile)
    assert "%C3%BC/x%3F.txt" in one.signed_url
    assert "/a/b/f.txt?" in in_path.signed_url
    assert isinstance(buckets, Buckets)
    assert (objects, health) == ([], None)
    assert post.fields["X-Amz-Signature"] not in repr(post)


# Files that are not what they were, or say

SIZE = 600_000
"""Several pieces."""


class Changing(io.BytesIO):
    """A file that is changed after each read."""

    def __init__(self, size, change):
        super().__init__(b"x" * size)
        self._change = change
        self.looked_at = 0

    def seek(self, offset, whence=0):
        self.looked_at += whence == os.SEEK_END
        return super().seek(offset, whence)

    def read(self, size=-1):
        chunk = super().read(size)
        place = self.tell()
        self._change(self)
        super().seek(place)
        return chunk


def grow(file):
    io.BytesIO.seek(file, 0, os.SEEK_END)
    file.write(b"more")


def test_of_a_file_that_grows_what_was_there_is_sent(face, sandbox):
    with sandbox.serving() as url:
        face(lambda client: client.aws.buckets.upload(file=("log", Changing(SIZE, grow))), base_url=url)
    assert stored(sandbox)["log"][1] == b"x" * SIZE


@pytest.mark.parametrize("transport", [lambda: None, httpx.AsyncHTTPTransport, httpx.HTTPTransport])
def test_a_file_that_shrinks_is_named_and_not_sent_again(face, sandbox, transport):
    file = Changing(SIZE, lambda self: self.truncate(400_000))
    message = f"cannot be sent: file 'log' had {SIZE} bytes when it was measured, and ended after 400000: "
    with sandbox.serving() as url, pytest.raises(APIError, match=message) as caught:
        face(lambda client: client.aws.buckets.upload(file=("log", file)), base_url=url, transport=transport())
    assert str(caught.value).startswith(f"POST {url}/aws/buckets/upload: ")
    assert file.looked_at == 1
    assert stored(sandbox) == {}


@pytest.mark.parametrize("transport", [lambda: None, httpx.AsyncHTTPTransport])
@pytest.mark.parametrize(("length", "much"), [("1", "much"), ("1000", "little")])
def test_a_length_that_is_wrong_is_an_error_of_ours(face, sandbox, transport, length, much):
    with sandbox.serving() as url, pytest.raises(APIError, match=f"cannot be sent: Too {much} data for declared"):
        face(
            lambda client: client.aws.buckets.upload(file=b"content", extra_headers={"Content-Length": length}),
            base_url=url,
            transport=transport(),
        )


@pytest.mark.skipif(sys.platform != "linux", reason="files that are made up as they are read")
@pytest.mark.parametrize("path", ["/proc/version", "/proc/cpuinfo", "/sys/kernel/mm/transparent_hugepage/enabled"])
@pytest.mark.parametrize("give", [Path, lambda path: path.open("rb")], ids=["path", "opened"])
def test_a_file_that_does_not_know_its_size_is_sent_whole(face, sandbox, path, give):
    path = Path(path)
    if not path.exists():
        pytest.skip(f"there is no {path}")
    given = give(path)
    with sandbox.serving() as url:
        face(lambda client: client.aws.buckets.upload(file=given), base_url=url)
    assert len(stored(sandbox)[path.name][1]) == len(path.read_bytes())
    if hasattr(given, "close"):
        given.close()


@pytest.fixture
def fifo(tmp_path):
    if not hasattr(os, "mkfifo"):
        pytest.skip("there are no named pipes here")
    os.mkfifo(tmp_path / "fifo")
    return tmp_path / "fifo"


def test_an_open_named_pipe_is_sent_to_its_end(face, sandbox, fifo):
    writer = threading.Thread(target=fifo.write_bytes, args=(b"x" * SIZE,))
    writer.start()
    with sandbox.serving() as url, fifo.open("rb") as file:
        face(lambda client: client.aws.buckets.upload(file=file), base_url=url)
    writer.join()
    assert stored(sandbox)["fifo"][1] == b"x" * SIZE


@pytest.fixture(params=["named pipe", "socket", "device"])
def special(request, tmp_path):
    """What has a path and is no file, and what it is."""
    if os.name == "nt":
        pytest.skip("there are none of these here")
    path = tmp_path / "special"
    with socket.socket(socket.AF_UNIX) if request.param == "socket" else nullcontext() as listening:
        if listening is not None:
            listening.bind(os.path.relpath(path))
        elif request.param == "device":
            path = Path(os.devnull)
        else:
            os.mkfifo(path)
        yield path, request.param


@pytest.mark.parametrize(
    ("use", "argument"),
    [
        (lambda client, path: client.aws.buckets.upload(file=path), "POST /aws/buckets/upload: file="),
        (lambda client, path: client.aws.buckets.bulk_upload(bulk=[path]), "POST /aws/buckets/bulk_upload: bulk="),
        (lambda client, path: client.upload(path, filename="f"), "upload: path_or_file="),
    ],
)
def test_what_is_no_file_is_refused_and_never_opened(face, sandbox, special, use, argument):
    path, kind = special
    with pytest.raises(OSError, match=rf"Is a {kind} \({argument}, a path\): '{path}'"):
        face.with_sandbox(lambda client: use(client, path), sandbox)
    assert stored(sandbox) == {}
    assert len(sandbox.requests) == 0


def test_one_file_given_twice_is_sent_twice(face, sandbox):
    file = io.BytesIO(b"not this. abc")
    file.seek(10)
    with sandbox.serving() as url:
        face(lambda client: client.aws.buckets.bulk_upload(bulk=[("a", file), ("b", file)]), base_url=url)
    assert {name: content for name, (_, content) in stored(sandbox).items()} == {"a": b"abc", "b": b"abc"}


class Odd(io.RawIOBase):
    """A file that cannot be rewound, and gives what it is told to."""

    def __init__(self, content):
        self._content = content

    def readable(self):
        return True

    def read(self, size=-1):
        return self._content


def test_one_file_given_twice_that_cannot_be_read_twice_is_refused(face, recorder):
    server, file = recorder(httpx.Response(201, json=[])), Odd(b"")
    with pytest.raises(ValueError, match=r"^POST /aws/buckets/bulk_upload: 'a' and 'b' are one file"):
        face(
            lambda client: client.aws.buckets.bulk_upload(bulk=[("a", file), ("b", file)]), transport=server.transport()
        )
    assert server.requests == []


@pytest.mark.parametrize(("content", "kind"), [("text", "str"), (None, "None"), ([], "list")])
def test_a_file_that_gives_no_bytes_is_named(face, sandbox, content, kind):
    message = rf"^POST /aws/buckets/upload: file 'a' must give bytes, its read\(\) gave {kind}$"
    with sandbox.serving() as url, pytest.raises(TypeError, match=message):
        face(lambda client: client.aws.buckets.upload(file=("a", Odd(content))), base_url=url)


# Files that block


@pytest.fixture
def pipe():
    """A file that gives nothing until its other end is closed."""
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as file:
        yield file
        os.close(writing)
        _left_behind()


def _left_behind():
    """Wait for the threads that were left with a file."""
    for thread in threading.enumerate():
        if thread.name == "wootiv reading":
            thread.join(5)
            assert not thread.is_alive()


def test_a_limit_ends_an_upload_whose_file_blocks(face, sandbox, pipe):
    begun = time.monotonic()
    with sandbox.serving() as url, pytest.raises(APITimeoutError, match=r"total_timeout of 0\.1 s ran out"):
        face(lambda client: client.aws.buckets.upload(file=("x", pipe), total_timeout=0.1), base_url=url)
    assert time.monotonic() - begun < 5
    assert not pipe.closed


async def test_uploads_that_were_cancelled_keep_no_others_from_their_files(sandbox, pipe, on_disk):
    async with AsyncWootiv(api_key="key", base_url="http://wootiv.test", transport=sandbox.transport()) as client:
        with anyio.move_on_after(0.1) as scope:
            async with anyio.create_task_group() as tasks:
                for _ in range(60):
                    tasks.start_soon(lambda: client.aws.buckets.upload(file=("x", pipe)))
        assert scope.cancelled_caught
        await client.aws.buckets.upload(file=on_disk)
    assert list(stored(sandbox)) == ["notes.txt"]


def test_a_program_ends_though_a_file_of_its_blocks():
    program = """
import os
from wootiv import APITimeoutError, Sandbox
reading, writing = os.pipe()
file = os.fdopen(reading, "rb")
try:
    Sandbox(rows=0).client().aws.buckets.upload(file=("x", file), total_timeout=0.1)
except APITimeoutError as error:
    print("timed out")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert (done.stdout, done.stderr) == ("timed out\n", "")
