"""Uploads and downloads at a server of S3's own kind, signed by Amazon's own library.

`WOOTIV_TESTS_S3` is its address; its key is `SANDBOX`, with the secret `sandbox-secret`. Ceph's gateway checks all that
S3 does, moto checks nothing: what a server must refuse is asked only of one that refuses a wrong signature.
"""

import json
import os
import uuid
from urllib.parse import unquote

import httpx
import pytest

from wootiv import APIError, PermissionDeniedError, Sandbox
from wootiv.sandbox.bucket import BUCKET
from wootiv.sandbox.signature import signed_query

boto3 = pytest.importorskip("boto3")
ADDRESS = os.environ.get("WOOTIV_TESTS_S3", "")
if not ADDRESS:
    pytest.skip("WOOTIV_TESTS_S3 names no server", allow_module_level=True)
KEY = ("SANDBOX", "sandbox-secret")


@pytest.fixture(scope="module")
def s3():
    client = boto3.client(
        "s3",
        endpoint_url=ADDRESS,
        aws_access_key_id=KEY[0],
        aws_secret_access_key=KEY[1],
        region_name="us-east-1",
        config=boto3.session.Config(signature_version="s3v4", s3={"addressing_style": "path"}),
    )
    client.create_bucket(Bucket=BUCKET)
    return client


@pytest.fixture(scope="module")
def strict(s3):
    post = s3.generate_presigned_post(BUCKET, "never")
    post["fields"]["x-amz-signature"] = "0" * 64
    if httpx.post(post["url"], data=post["fields"], files={"file": b"x"}).status_code < 300:
        pytest.skip("this server takes any signature")


class Service(httpx.AsyncBaseTransport):
    """The service, as far as files go; what is not for it goes out to S3."""

    def __init__(self, s3, change=lambda post: post, seconds=(3600,), cut=0):
        self.s3, self.change, self.seconds, self.cut = s3, change, list(seconds), cut
        self.sent = []
        self.inner = httpx.AsyncHTTPTransport()

    async def aclose(self):
        await self.inner.aclose()

    def next_seconds(self):
        return self.seconds.pop(0) if len(self.seconds) > 1 else self.seconds[0]

    async def handle_async_request(self, request):
        path = request.url.raw_path.decode()
        if request.url.host != "wootiv.test":
            self.sent.append(request)
            response = await self.inner.handle_async_request(request)
            if self.cut and request.method == "GET":
                limit, self.cut = self.cut, 0
                return httpx.Response(response.status_code, headers=response.headers, stream=Cut(response, limit))
            return response
        if path == "/aws/get-signed-put-url":
            key = json.loads(await request.aread())["filename"]
            post = self.change(self.s3.generate_presigned_post(BUCKET, key, ExpiresIn=self.next_seconds()))
            return httpx.Response(201, json=post)
        key = unquote(path.removeprefix("/aws/buckets/"))
        asked = {"Bucket": BUCKET, "Key": key}
        url = self.s3.generate_presigned_url("get_object", asked, ExpiresIn=self.next_seconds())
        return httpx.Response(200, json={"signedUrl": url})


class Cut(httpx.AsyncByteStream):
    """The beginning of a content, and then a connection that breaks."""

    def __init__(self, response, limit):
        self.response, self.limit = response, limit

    async def __aiter__(self):
        yield (await self.response.aread())[: self.limit]
        raise httpx.ReadError("cut off")

    async def aclose(self):
        await self.response.aclose()


# No character beyond 16 bits: boto3 writes it into the policy as two, and Ceph's gateway then reads another key.
NAMES = ["a.txt", "with space.png", "ünï.pdf", "日本/é.csv", 'say "hi".txt', "semi;colon=.txt", "100%+.bin", "a&b?.x"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [0, 1, 700_000])
def test_a_file_comes_back_as_it_was(face, s3, tmp_path, name, size):
    content, seen = os.urandom(size), []

    def do(client, get):
        uploaded = get(client.upload(content, filename=name, on_progress=seen.append))
        return uploaded, get(client.download(uploaded.key, to=tmp_path / "back"))

    uploaded, downloaded = face.session(do, transport=Service(s3))
    assert (tmp_path / "back").read_bytes() == content
    assert (uploaded.key, uploaded.size, downloaded.size) == (name, size, size)
    assert uploaded.etag in (None, downloaded.etag)  # S3 tells it of a post, these servers do not
    assert downloaded.etag == s3.head_object(Bucket=BUCKET, Key=name)["ETag"].strip('"')
    assert seen == sorted(set(seen))
    assert seen[-1] == size


@pytest.mark.parametrize("status", ["200", "201", "204"])
def test_each_answer_of_success_is_one(face, s3, status):
    name = f"{uuid.uuid4()}.txt"

    def change(_):
        fields = {"success_action_status": status}
        return s3.generate_presigned_post(BUCKET, name, fields, [fields])

    uploaded = face(lambda client: client.upload(b"x", filename="asked"), transport=Service(s3, change))
    assert uploaded.key == name
    assert s3.get_object(Bucket=BUCKET, Key=name)["Body"].read() == b"x"


def test_s3_puts_in_the_name_where_it_is_asked_to(face, s3):
    def change(_):
        return s3.generate_presigned_post(BUCKET, "in/${filename}", None, [["starts-with", "$key", "in/"]])

    uploaded = face(lambda client: client.upload(b"x", filename="f/ü x.txt"), transport=Service(s3, change))
    assert uploaded.key == "in/ü x.txt"
    assert s3.get_object(Bucket=BUCKET, Key="in/ü x.txt")["Body"].read() == b"x"


def test_a_key_that_only_the_policy_has_is_sent(face, s3):
    def change(_):
        post = s3.generate_presigned_post(BUCKET, "by/${filename}")
        del post["fields"]["key"]
        return post

    assert face(lambda client: client.upload(b"x", filename="p.txt"), transport=Service(s3, change)).key == "by/p.txt"


def test_what_broke_off_goes_on(face, s3, tmp_path):
    content = os.urandom(500_000)
    s3.put_object(Bucket=BUCKET, Key="cut", Body=content)
    service = Service(s3, cut=200_000)
    downloaded = face(lambda client: client.download("cut", to=tmp_path), transport=service)
    assert downloaded.path.read_bytes() == content
    assert [request.headers.get("range") for request in service.sent] == [None, "bytes=200000-"]
    assert [attempt.status for attempt in downloaded.attempts] == [None, 206]


def test_a_signature_that_is_too_old_is_asked_for_anew(face, s3, strict):
    service = Service(s3, seconds=(-100, 3600))
    uploaded = face(lambda client: client.upload(b"x", filename="late"), transport=service)
    assert [attempt.status for attempt in uploaded.attempts] == [403, 204]


def test_a_wrong_signature_is_refused_once_and_not_shown(face, s3, strict):
    def change(post):
        post["fields"]["x-amz-signature"] = "1234567890abcdef" * 4
        return post

    service = Service(s3, change)
    with pytest.raises(PermissionDeniedError) as caught:
        face(lambda client: client.upload(b"x", filename="f"), transport=service)
    assert len(service.sent) == 1
    assert caught.value.body["Code"] in ("SignatureDoesNotMatch", "AccessDenied")
    assert caught.value.request_id
    assert "1234567890abcdef" not in f"{caught.value!r}{caught.value.body}{caught.value.response.text}"


def test_a_file_that_is_not_there_is_told(face, s3, tmp_path):
    with pytest.raises(APIError, match="404 NoSuchKey"):
        face(lambda client: client.download(f"{uuid.uuid4()}", to=tmp_path), transport=Service(s3))
    assert list(tmp_path.iterdir()) == []


# What the sandbox checks, this server checks

FIELDS = {"key": "case"}
RULES = [["content-length-range", 2, 5]]


CASES = {
    "as it should be": lambda post: [*post, ("file", "f", b"abc")],
    "the file first": lambda post: [("file", "f", b"abc"), *post],
    "no key": lambda post: [*(one for one in post if one[0] != "key"), ("file", "f", b"abc")],
    "another key": lambda post: [("key", "other"), *(one for one in post if one[0] != "key"), ("file", "f", b"abc")],
    "no signature": lambda post: [*(one for one in post if "signature" not in one[0].lower()), ("file", "f", b"abc")],
    "another field": lambda post: [("x-foo", "1"), *post, ("file", "f", b"abc")],
    "a content type": lambda post: [("Content-Type", "text/x"), *post, ("file", "f", b"abc")],
    "what is to be ignored": lambda post: [("x-ignore-foo", "1"), *post, ("file", "f", b"abc")],
    "too large": lambda post: [*post, ("file", "f", b"abcdef")],
    "too small": lambda post: [*post, ("file", "f", b"a")],
    "another policy": lambda post: [
        *((name, "e30=" if name.lower() == "policy" else value) for name, value in post), ("file", "f", b"abc")
    ],
    "what comes after the file": lambda post: [*post, ("file", "f", b"abc"), ("x-foo", "1")],
}  # fmt: skip


def _body(parts):
    lines = []
    for name, *rest in parts:
        head = f'Content-Disposition: form-data; name="{name}"'
        if len(rest) == 2:
            lines.append(f'--BB\r\n{head}; filename="{rest[0]}"\r\n\r\n'.encode() + rest[1])
        else:
            lines.append(f"--BB\r\n{head}\r\n\r\n{rest[0]}".encode())
    return b"\r\n".join([*lines, b"--BB--\r\n"])


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("seconds", [3600, -100])
def test_the_sandbox_takes_and_refuses_what_this_server_does(s3, strict, case, seconds):
    theirs = s3.generate_presigned_post(BUCKET, "case", None, [*RULES, {"bucket": BUCKET}], ExpiresIn=seconds)
    sandbox = Sandbox(rows=0)
    sandbox.storage.signed_for = seconds
    ours = sandbox.storage.signed_fields(FIELDS, RULES)
    headers = {"Content-Type": "multipart/form-data; boundary=BB"}
    with httpx.Client(transport=sandbox.transport()) as client:
        answer = client.post(
            f"http://sandbox.test/{BUCKET}", content=_body(CASES[case](list(ours.items()))), headers=headers
        )
    expected = httpx.post(theirs["url"], content=_body(CASES[case](list(theirs["fields"].items()))), headers=headers)
    assert answer.status_code == expected.status_code


def test_this_server_takes_what_the_sandbox_signs(s3, strict):
    fields = Sandbox(rows=0).storage.signed_fields({"key": "signed here"})
    assert httpx.post(f"{ADDRESS}/{BUCKET}", data=fields, files={"file": b"abc"}).status_code == 204
    path = f"/{BUCKET}/signed%20here"
    query = signed_query(ADDRESS.removeprefix("http://"), path, 100)
    assert httpx.get(f"{ADDRESS}{path}?{query}").content == b"abc"
