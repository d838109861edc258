"""The sandbox's S3: what it takes, what it refuses, and in which words."""

import re
from contextlib import ExitStack, nullcontext
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from wootiv import Sandbox
from wootiv.sandbox.bucket import BUCKET

URL = f"http://sandbox.test/{BUCKET}"
RULES = [["content-length-range", 2, 5], ["starts-with", "$x-any", ""]]
FILE = ("file", "f.txt", b"abc")


@pytest.fixture
def s3(sandbox):
    with httpx.Client(transport=sandbox.transport()) as client:
        yield client


def form(parts):
    lines = []
    for name, *rest in parts:
        head = f'--B\r\nContent-Disposition: form-data; name="{name}"'
        named = f'; filename="{rest[0]}"\r\nContent-Type: text/x' if len(rest) == 2 else ""
        content = rest[-1] if isinstance(rest[-1], bytes) else rest[-1].encode()
        lines.append(f"{head}{named}\r\n\r\n".encode() + content)
    return {
        "content": b"\r\n".join([*lines, b"--B--\r\n"]),
        "headers": {"Content-Type": "multipart/form-data; boundary=B"},
    }


def code_of(answer):
    return re.search("<Code>(.*?)</Code>", answer.text)[1] if answer.text else None


def changed(fields, **new):
    lower = {name.lower().replace("-", "_"): name for name in fields}
    return list((fields | {lower.get(name, name): value for name, value in new.items()}).items())


CASES = {
    "all in order": (lambda f: [*f.items(), FILE], 204, None),
    "a field to be ignored": (lambda f: [("x-ignore-this", "1"), *f.items(), FILE], 204, None),
    "a field that has a rule": (lambda f: [("x-any", "1"), *f.items(), FILE], 204, None),
    "names in any case": (lambda f: [*((name.swapcase(), value) for name, value in f.items()), FILE], 204, None),
    "what comes after the file": (lambda f: [*f.items(), FILE, ("x-foo", "1")], 204, None),
    "the file first": (lambda f: [FILE, *f.items()], 400, "InvalidArgument"),
    "no file": (lambda f: [*f.items()], 400, "InvalidArgument"),
    "another part": (lambda f: [*f.items(), ("other", "f", b"abc")], 400, "InvalidArgument"),
    "no key": (lambda f: [*list(f.items())[1:], FILE], 400, "InvalidArgument"),
    "no policy": (lambda f: [("key", "k"), FILE], 403, "AccessDenied"),
    "no signature": (lambda f: [*list(f.items())[:-1], FILE], 400, "InvalidArgument"),
    "another signature": (lambda f: [*changed(f, x_amz_signature="0" * 64), FILE], 403, "SignatureDoesNotMatch"),
    "another policy": (lambda f: [*changed(f, policy="e30="), FILE], 403, "SignatureDoesNotMatch"),
    "another key": (lambda f: [*changed(f, key="other"), FILE], 403, "AccessDenied"),
    "another day": (lambda f: [*changed(f, x_amz_date="20200101T000000Z"), FILE], 403, "AccessDenied"),
    "another credential": (lambda f: [*changed(f, x_amz_credential="OTHER/x"), FILE], 403, "InvalidAccessKeyId"),
    "another field": (lambda f: [("Content-Type", "text/x"), *f.items(), FILE], 403, "AccessDenied"),
    "too large": (lambda f: [*f.items(), ("file", "f", b"abcdef")], 400, "EntityTooLarge"),
    "too small": (lambda f: [*f.items(), ("file", "f", b"a")], 400, "EntityTooSmall"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_post_is_checked_as_s3_checks_it(sandbox, s3, case):
    make, status, code = CASES[case]
    fields = sandbox.storage.signed_fields({"key": "k"}, RULES)
    answer = s3.post(URL, **form(make(fields)))
    assert (answer.status_code, code_of(answer)) == (status, code)
    assert {key: file.content for key, file in sandbox.storage.files.items()} == (
        {"k": b"abc"} if status == 204 else {}
    )
    assert ("x-amz-request-id" in answer.headers) == (code is not None)


@pytest.mark.parametrize(
    ("name", "value", "error", "message"),
    [
        ("signed_for", "x", TypeError, "signed_for must be a number, got"),
        ("signed_for", float("inf"), ValueError, "signed_for must be"),
        ("conditions", "junk", TypeError, "conditions must be a list, got"),
        ("conditions", ["junk"], ValueError, r"conditions\[0\] must be such as .*, got 'junk'"),
        ("conditions", [*RULES, ["content-length-range", 5]], ValueError, r"conditions\[2\]"),
        ("conditions", [["content-length-range", 5, 2]], ValueError, r"conditions\[0\]"),
        ("conditions", [["eq", "key", "x"]], ValueError, r"conditions\[0\]"),
        ("conditions", [{"key": 1}], ValueError, r"conditions\[0\]"),
    ],
)
def test_what_the_storage_cannot_be_told_is_refused_at_once(sandbox, name, value, error, message):
    before = getattr(sandbox.storage, name)
    with pytest.raises(error, match=message):
        setattr(sandbox.storage, name, value)
    assert getattr(sandbox.storage, name) == before
    sandbox.storage.conditions = [*RULES, {"x-other": "y"}]


def test_a_post_can_be_too_late(sandbox, s3):
    sandbox.storage.signed_for = -1
    answer = s3.post(URL, **form([*sandbox.storage.signed_fields({"key": "k"}).items(), FILE]))
    assert "Policy expired" in answer.text
    assert answer.status_code == 403


def test_what_is_no_form_is_refused(s3):
    assert code_of(s3.post(URL, json={})) == "PreconditionFailed"


def test_the_files_own_name_stands_in_for_a_placeholder(sandbox, s3):
    fields = {"key": "in/${filename}", "Content-Type": "text/y"}
    signed = sandbox.storage.signed_fields(fields)
    assert s3.post(URL, **form([*signed.items(), FILE])).status_code == 403  # the rule wants it word for word
    signed = sandbox.storage.signed_fields({"Content-Type": "text/y"}, [["starts-with", "$key", "in/"]])
    assert s3.post(URL, **form([("key", fields["key"]), *signed.items(), FILE])).status_code == 204
    assert sandbox.storage.files["in/f.txt"].content_type == "text/y"


@pytest.mark.parametrize(("asked", "status"), [("200", 200), ("201", 201), ("204", 204), ("302", 204)])
def test_success_has_the_status_that_is_asked_for(sandbox, s3, asked, status):
    answer = s3.post(
        URL, **form([*sandbox.storage.signed_fields({"key": "a b", "success_action_status": asked}).items(), FILE])
    )
    assert answer.status_code == status
    assert answer.headers["location"] == f"{URL}/a%20b"
    assert ("<Key>a b</Key>" in answer.text) == (status == 201)


@pytest.mark.parametrize(("key", "status", "code"), [("ü" * 512, 204, None), ("ü" * 512 + "k", 400, "KeyTooLongError")])
def test_a_key_has_1024_bytes_at_most(sandbox, s3, key, status, code):
    answer = s3.post(URL, **form([*sandbox.storage.signed_fields({"key": key}).items(), FILE]))
    assert (answer.status_code, code_of(answer), key in sandbox.storage.files) == (status, code, status == 204)
    read = s3.get(sandbox.client().aws.buckets.retrieve_file(key).signed_url)
    assert (read.status_code, code_of(read) if code else None) == (200 if status == 204 else 400, code)


def test_what_is_signed_may_carry_no_key_beside_it(sandbox, s3, address):
    key = {"Authorization": "Bearer sandbox-key"}
    sent = form([*sandbox.storage.signed_fields({"key": "k"}).items(), FILE])
    for answer in (s3.post(URL, **sent | {"headers": sent["headers"] | key}), s3.get(address, headers=key)):
        assert (answer.status_code, code_of(answer)) == (400, "InvalidArgument")
        assert "Only one auth mechanism allowed" in answer.text
        assert "sandbox-key" not in answer.text
    assert "k" not in sandbox.storage.files


# Reads


@pytest.fixture
def address(sandbox):
    sandbox.client().upload(b"0123456789", filename="ü b.txt")
    return sandbox.client().aws.buckets.retrieve_file("ü b.txt").signed_url


def test_a_signed_address_needs_no_key(s3, address):
    answer = s3.get(address)
    assert (answer.status_code, answer.content) == (200, b"0123456789")
    assert answer.headers["accept-ranges"] == "bytes"


@pytest.mark.parametrize(
    ("asked", "status", "content", "said"),
    [
        ("bytes=2-4", 206, b"234", "bytes 2-4/10"),
        ("bytes=7-", 206, b"789", "bytes 7-9/10"),
        ("bytes=-3", 206, b"789", "bytes 7-9/10"),
        ("bytes=5-99", 206, b"56789", "bytes 5-9/10"),
        ("bytes=10-", 416, None, None),
        ("lines=1-2", 200, b"0123456789", None),
        ("bytes=-", 200, b"0123456789", None),
        ("bytes=5-2", 200, b"0123456789", None),
    ],
)
def test_a_piece_can_be_asked_for(s3, address, asked, status, content, said):  # noqa: PLR0917
    answer = s3.get(address, headers={"Range": asked})
    assert (answer.status_code, answer.headers.get("content-range")) == (status, said)
    assert content is None or answer.content == content
    whole = s3.get(address, headers={"Range": asked, "If-Range": '"other"'})
    assert (whole.status_code, whole.content) == (200, b"0123456789")


@pytest.mark.parametrize(
    ("header", "value", "status"),
    [
        ("If-Match", "*", 200),
        ("If-Match", 'W/"x", {etag}', 200),
        ("If-Match", '"other"', 412),
        ("If-None-Match", "*", 304),
        ("If-None-Match", "{etag}", 304),
        ("If-None-Match", '"other"', 200),
    ],
)
@pytest.mark.parametrize("served", [False, True])
def test_a_file_can_be_asked_for_if_it_is_or_is_not_the_same(sandbox, header, value, status, served):
    with sandbox.serving() if served else nullcontext("http://sandbox.test") as base, ExitStack() as stack:
        transport = None if served else sandbox.transport()
        http = stack.enter_context(httpx.Client(transport=transport, trust_env=False))
        client = stack.enter_context(sandbox.client(base_url=base, transport=transport))
        client.upload(b"0123456789", filename="f")
        signed = client.aws.buckets.retrieve_file("f").signed_url
        etag = http.get(signed).headers["etag"]
        answer = http.get(signed, headers={header: value.format(etag=etag)})
        assert (answer.status_code, answer.content) == (status, answer.content if status == 412 else ANSWERS[status])
        assert "PreconditionFailed" in answer.text or answer.headers["etag"] == etag


ANSWERS = {200: b"0123456789", 304: b""}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda url: url.partition("?")[0], "AccessDenied"),
        (lambda url: url.replace("b.txt", "c.txt"), "SignatureDoesNotMatch"),
        (lambda url: url.replace("Expires=3600", "Expires=9999"), "SignatureDoesNotMatch"),
        (lambda url: url.replace("SANDBOX", "OTHER"), "InvalidAccessKeyId"),
        (lambda url: re.sub("&X-Amz-Date=[^&]*", "", url), "AuthorizationQueryParametersError"),
        (lambda url: url[:-1] + ("0" if url[-1] != "0" else "1"), "SignatureDoesNotMatch"),
        (lambda url: url.replace("sandbox.test", "other.test"), "SignatureDoesNotMatch"),
    ],
)
def test_an_address_that_was_changed_is_refused(s3, address, change, code):
    answer = s3.get(change(address))
    assert (code_of(answer), "0123456789" in answer.text) == (code, False)


def test_an_address_can_be_over(sandbox, s3):
    sandbox.storage.signed_for = -1
    answer = s3.get(sandbox.client().aws.buckets.retrieve_file("x").signed_url)
    assert (answer.status_code, "Request has expired" in answer.text) == (403, True)


def test_an_address_says_how_long_it_lasts(sandbox):
    sandbox.storage.signed_for = 77
    query = dict(parse_qsl(urlsplit(sandbox.client().aws.buckets.retrieve_file("x").signed_url).query))
    assert query["X-Amz-Expires"] == "77"


def test_faults_and_the_throttle_know_it(sandbox, s3, address):
    sandbox.fail("s3.get_object", status=503)
    assert code_of(s3.get(address)) == "SlowDown"
    assert s3.get(address).status_code == 200
    assert [one.operation for one in sandbox.requests][-2:] == ["s3.get_object"] * 2
    with pytest.raises(ValueError, match=r"unknown operation 's3\.get_objects', did you mean 's3\.get_object'"):
        sandbox.fail("s3.get_objects", status=500)


def test_its_errors_are_s3s_own_whatever_the_services_are():
    sandbox = Sandbox(rows=0, errors="rockets", api_key="only-this")
    with httpx.Client(transport=sandbox.transport()) as client:
        assert client.get(f"{URL}/x").headers["content-type"] == "application/xml"
