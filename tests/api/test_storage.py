"""Files through the service: whatever a file is given as arrives as it was."""

import io
import tempfile

import anyio
import httpx
import pytest

from wootiv import calls
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


@pytest.mark.parametrize("bulk", [b"x", "x", ("a", b"b"), {"a": b"b"}, 5, io.BytesIO()], ids=repr)
def test_one_file_is_no_list_of_files(bulk):
    with pytest.raises(TypeError, match=r"^aws\.buckets\.bulk_upload: bulk must be a list of files, got "):
        calls.aws.buckets.bulk_upload(bulk=bulk)


def test_the_odd_one_of_many_files_is_named():
    with pytest.raises(TypeError, match=r"bulk\[1\] must be bytes, a path, .*, got a value of type int"):
        calls.aws.buckets.bulk_upload(bulk=[b"x", 5])


@pytest.mark.parametrize("name", ["", "missing.txt"])
def test_a_directory_or_a_file_that_is_not_there_is_refused_by_name(face, recorder, tmp_path, name):
    server = recorder(httpx.Response(201, json={}))
    with pytest.raises(OSError, match=r"(directory|No such file).*" + (name or tmp_path.name)):
        face(lambda client: client.aws.buckets.upload(file=tmp_path / name), transport=server.transport())
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
