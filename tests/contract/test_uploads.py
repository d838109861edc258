"""Uploads, read by the multer of the engine that the service is made of."""

import io

import httpx
import pytest

from wootiv import BadRequestError

NAMES = [
    "a.txt",
    "with space.png",
    "ünïcode.pdf",
    "日本.csv",
    "🙂.docx",
    "u\u0308.html",
    "semi;colon=.txt",
    "100%_+.bin",
]
CONTENTS = [b"", b"\r\n", b"--", bytes(range(256)) * 300, b"\r\n--x\r\n\r\n"]


def _as_read(name):
    """A file name as multer reads it: not as UTF-8, which all send, but as Latin-1."""
    return name.encode().decode("latin-1")


@pytest.mark.parametrize("name", NAMES)
def test_an_upload_keeps_its_name_as_the_engine_reads_it(face, refserver, name):
    stored = face(
        lambda client: client.aws.buckets.upload(file=(name, b"content"), path="ordner/für"),
        base_url=refserver,
        strict=True,
    )
    assert (stored.filename, stored.path) == (_as_read(name), "ordner/für")
    assert stored.path_with_filename == f"ordner/für/{_as_read(name)}"
    assert httpx.get(stored.signed_url).content == b"content"


@pytest.mark.parametrize("content", CONTENTS, ids=len)
def test_an_upload_keeps_every_byte_in_whatever_form_it_is_given(face, refserver, tmp_path, content):
    path = tmp_path / "given.png"
    path.write_bytes(content)

    def do(client, get):
        with path.open("rb") as opened:
            forms = [path, opened, io.BytesIO(content), ("x.png", content), ("y", path, "image/png")]
            return [get(client.aws.buckets.upload(file=form)) for form in forms]

    stored = face.session(do, base_url=refserver, strict=True)
    assert [httpx.get(one.signed_url).content for one in stored] == [content] * 5
    names = ["given.png", "given.png", "file", "x.png", "y"]
    assert [(one.filename, one.path) for one in stored] == [(name, "") for name in names]
    assert [one.mime for one in stored] == [
        "image/png",
        "image/png",
        "application/octet-stream",
        "image/png",
        "image/png",
    ]


def test_many_files_go_in_one_request_and_the_answer_has_their_order(face, refserver):
    files = [(name, f"{number}".encode()) for number, name in enumerate(NAMES)]
    stored = face(lambda client: client.aws.buckets.bulk_upload(bulk=files, path="p"), base_url=refserver, strict=True)
    assert [one.filename for one in stored] == [_as_read(name) for name in NAMES]
    assert [httpx.get(one.signed_url).content for one in stored] == [content for _, content in files]


def test_a_part_by_another_name_is_refused(face, refserver):
    """As Prism, and the client 0.0.1, would have it."""
    parts = {"bulk[]": ("a.txt", b"content")}
    assert httpx.post(f"{refserver}/aws/buckets/bulk_upload", files=parts).json()["message"] == "Unexpected field"
    with pytest.raises(BadRequestError):
        face(lambda client: client.aws.buckets.bulk_upload(), base_url=refserver)
