"""A bucket of S3: it checks posts as S3 does, and serves files at signed addresses.

Source: "Browser-Based Uploads Using POST" and "Error Responses" of the S3 API reference, and what Ceph's S3 answers.
"""

import base64
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from hashlib import md5
from http import HTTPStatus
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import escape

import msgspec

from wootiv.message import Headers
from wootiv.sandbox.exchange import Answer, Handler, Incoming, Refusal, Request
from wootiv.sandbox.form import File, read_parts
from wootiv.sandbox.signature import UNEQUAL, fault_of, is_signed, knows

BUCKET = "wootiv-sandbox"
_UNRULED = ("x-amz-signature", "file", "policy")
"""Fields that need no condition."""
_SIGNING = ("x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-signature")
_XML = "application/xml"
_TWICE = (
    "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or "
    "the Authorization header should be specified"
)
_LONGEST_KEY = 1024
"""Bytes."""


class _Denied(Exception):  # noqa: N818 - an answer of S3, not a fault of ours
    """S3 answers with an error."""

    def __init__(self, status: int, code: str, message: str, **more: object) -> None:
        super().__init__(status, code, message, more)


class Bucket:
    """Files by their keys."""

    def __init__(self, files: dict[str, File]) -> None:
        self._files = files
        self._number = 0

    def handlers(self) -> dict[str, tuple[str, str, Handler]]:
        """Method, pattern of paths, and handler, by name."""
        return {
            "s3.post_object": ("POST", f"/{BUCKET}/?", self._serving(self._post)),
            "s3.get_object": ("GET", f"/{BUCKET}/(?P<key>.+)", self._serving(self._get)),
        }

    def error(self, status: int, code: str, message: str, **more: object) -> Answer:
        """An error, as S3 words it."""
        self._number += 1
        number = f"SANDBOX{self._number:09}"
        told = {"Code": code, "Message": message, **more, "RequestId": number, "HostId": "sandbox"}
        return Answer(status, _xml("Error", told), _XML, (("x-amz-request-id", number),))

    def failure(self, status: int) -> Answer:
        """An error that a status stands for."""
        codes = {500: "InternalError", 503: "SlowDown", 404: "NoSuchKey", 403: "AccessDenied"}
        return self.error(status, codes.get(status, "Error"), _phrase(status))

    def _serving(self, serve: Callable[[Request, str], Answer]) -> Handler:
        def handler(asked: Incoming) -> Answer:
            try:
                if "authorization" in asked.request.headers:
                    raise _Denied(400, "InvalidArgument", _TWICE, ArgumentName="Authorization")
                return serve(asked.request, asked.path.get("key", ""))
            except _Denied as denied:
                status, code, message, more = denied.args
                return self.error(status, code, message, **more)

        return handler

    # -- posts

    def _post(self, request: Request, _: str) -> Answer:
        fields, file = _form(request)
        policy = _policy(fields)
        key = fields["key"].replace("${filename}", file.filename)
        _check({**fields, "key": key, "bucket": BUCKET}, set(fields), policy, len(file.content))
        _check_key(key)
        kind = fields.get("content-type", "binary/octet-stream")
        self._files[key] = File(file.field, file.filename, kind, file.content)
        location = f"http://{request.headers.get('host', '')}/{BUCKET}/{quote(key)}"
        etag = _etag(file.content)
        told = (("ETag", etag), ("Location", location))
        match fields.get("success_action_status"):
            case "201":
                found = {"Location": location, "Bucket": BUCKET, "Key": key, "ETag": etag}
                return Answer(201, _xml("PostResponse", found), _XML, told)
            case "200":
                return Answer(200, content_type="", headers=told)
            case _:
                return Answer(204, content_type="", headers=told)

    # -- reads

    def _get(self, request: Request, key: str) -> Answer:
        fault = fault_of(request.headers.get("host", ""), request.path, request.query)
        if fault is not None:
            raise _Denied(*fault)
        _check_key(key)
        file = self._files.get(key)
        if file is None:
            raise _Denied(404, "NoSuchKey", "The specified key does not exist.", Key=key)
        content, etag = file.content, _etag(file.content)
        told = (("ETag", etag), ("Accept-Ranges", "bytes"))
        if not _matches(request.headers.get("if-match", "*"), etag):
            text = "At least one of the pre-conditions you specified did not hold"
            raise _Denied(412, "PreconditionFailed", text, Condition="If-Match")
        if _matches(request.headers.get("if-none-match", ""), etag):
            return Answer(304, content_type="", headers=told)
        found = _range(request.headers, etag, len(content))
        if found is None:
            return Answer(200, content, file.content_type, told)
        start, end = found
        if start >= len(content):
            raise _Denied(416, "InvalidRange", "The requested range is not satisfiable", ActualObjectSize=len(content))
        said = ("Content-Range", f"bytes {start}-{end - 1}/{len(content)}")
        return Answer(206, content[start:end], file.content_type, (*told, said))


def _form(request: Request) -> tuple[dict[str, str], File]:
    """The fields that stand before the file, by their names in lower case, and the file."""
    fields: dict[str, str] = {}
    try:
        for part in read_parts(request):
            if isinstance(part, File) and part.field == "file":
                break
            if not isinstance(part, File):
                fields[part[0].lower()] = part[1]
        else:
            raise _Denied(400, "InvalidArgument", "POST requires exactly one file upload per request.")
    except Refusal:
        text = "Bucket POST must be of the enclosure-type multipart/form-data"
        raise _Denied(412, "PreconditionFailed", text) from None
    if "content-length" not in request.headers:
        raise _Denied(411, "MissingContentLength", "You must provide the Content-Length HTTP header.")
    if "key" not in fields:
        order = "If it is specified, please check the order of the fields."
        raise _Denied(400, "InvalidArgument", f"Bucket POST must contain a field named 'key'.  {order}")
    return fields, part


def _policy(fields: dict[str, str]) -> dict[str, Any]:
    """The policy, if its signature is right."""
    if "policy" not in fields:
        raise _Denied(403, "AccessDenied", "Access Denied")
    for name in _SIGNING:
        if name not in fields:
            raise _Denied(400, "InvalidArgument", f"Bucket POST must contain a field named '{name}'.")
    if not knows(fields["x-amz-credential"]):
        raise _Denied(403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.")
    if not is_signed(fields["policy"], fields["x-amz-credential"], fields["x-amz-signature"]):
        more = {"StringToSign": fields["policy"], "SignatureProvided": fields["x-amz-signature"]}
        raise _Denied(403, "SignatureDoesNotMatch", UNEQUAL, **more)
    try:
        policy = msgspec.json.decode(base64.b64decode(fields["policy"]), type=dict[str, Any])
        ends = datetime.fromisoformat(policy["expiration"])
    except (ValueError, KeyError, TypeError, msgspec.DecodeError):
        raise _Denied(400, "InvalidPolicyDocument", "Invalid Policy: Invalid JSON.") from None
    if datetime.now(UTC) >= ends:
        raise _Denied(403, "AccessDenied", "Invalid according to Policy: Policy expired.")
    return policy


def is_condition(value: object) -> bool:
    """Whether a policy may have it among its conditions."""
    match value:
        case ["content-length-range", int(least), int(most)]:
            return 0 <= least <= most
        case [("eq" | "starts-with"), str(name), str()]:
            return name.startswith("$")
        case {**items} if len(items) == 1:
            return all(isinstance(one, str) for one in (*items, *items.values()))
        case _:
            return False


def _check(fields: dict[str, str], sent: set[str], policy: dict[str, Any], size: int) -> None:
    """Hold what was sent against the conditions; raises `_Denied`."""
    ruled: set[str] = set()
    for condition in policy.get("conditions", []):
        if isinstance(condition, list) and str(condition[0]).lower() == "content-length-range":
            _check_size(size, *condition[1:])
            continue
        how, name, value = condition if isinstance(condition, list) else ("eq", *next(iter(condition.items())))
        name = str(name).removeprefix("$").lower()
        ruled.add(name)
        seen = fields.get(name, "")
        if not (seen.startswith(value) if how.lower() == "starts-with" else seen == value):
            told = msgspec.json.encode([how, f"${name}", value]).decode()
            raise _Denied(403, "AccessDenied", f"Invalid according to Policy: Policy Condition failed: {told}")
    extra = sorted(name for name in sent - ruled if name not in _UNRULED and not name.startswith("x-ignore-"))
    if extra:
        raise _Denied(403, "AccessDenied", f"Invalid according to Policy: Extra input fields: {', '.join(extra)}")


def _check_size(size: int, least: int, most: int) -> None:
    if size > most:
        text = "Your proposed upload exceeds the maximum allowed size"
        raise _Denied(400, "EntityTooLarge", text, ProposedSize=size, MaxSizeAllowed=most)
    if size < least:
        text = "Your proposed upload is smaller than the minimum allowed size"
        raise _Denied(400, "EntityTooSmall", text, ProposedSize=size, MinSizeAllowed=least)


def _check_key(key: str) -> None:
    size = len(key.encode())
    if size > _LONGEST_KEY:
        raise _Denied(400, "KeyTooLongError", "Your key is too long", Size=size, MaxSizeAllowed=_LONGEST_KEY)


def _matches(wanted: str, etag: str) -> bool:
    """Whether a condition on the content holds. S3 takes an ETag without its quotes too."""
    return not {"*", etag, etag.strip('"')}.isdisjoint(one.strip() for one in wanted.split(","))


def _range(headers: Headers, etag: str, size: int) -> tuple[int, int] | None:
    """Where the piece that is asked for begins and ends; `None` for the whole. Source: RFC 9110 14.2."""
    asked = re.fullmatch(r"bytes=(\d*)-(\d*)", headers.get("range", ""))
    if asked is None or not (asked[1] or asked[2]) or headers.get("if-range", etag) != etag:
        return None
    if asked[1] and asked[2] and int(asked[1]) > int(asked[2]):
        return None  # not a range at all: it is passed over
    if not asked[1]:
        return max(0, size - int(asked[2])), size
    return int(asked[1]), min(size, int(asked[2]) + 1) if asked[2] else size


def _etag(content: bytes) -> str:
    return f'"{md5(content, usedforsecurity=False).hexdigest()}"'


def _xml(root: str, told: Mapping[str, object]) -> bytes:
    inner = "".join(f"<{name}>{escape(str(value))}</{name}>" for name, value in told.items())
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{root}>{inner}</{root}>'.encode()


def _phrase(status: int) -> str:
    return next((one.phrase for one in HTTPStatus if one == status), f"status {status}")
