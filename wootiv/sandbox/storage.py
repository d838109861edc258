"""Uploads: files kept in memory, signed addresses, and the form that S3 wants posted."""

import base64
import hmac
import re
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from urllib.parse import quote

import msgspec
from msgspec import Struct

from wootiv.sandbox.exchange import Answer, Handler, Incoming, Refusal, Request, ok

_SECRET = "sandbox-secret"  # noqa: S105 - signs nothing of worth
_BUCKET = "wootiv-sandbox"
_HOUR = timedelta(hours=1)


class File(Struct, frozen=True):
    """One part of a form that holds a file."""

    field: str
    filename: str
    content_type: str
    content: bytes


class Storage:
    """Files by path and name."""

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url
        self.files: dict[str, File] = {}

    def handlers(self) -> dict[str, Handler]:
        """Handlers by operation."""
        return {
            "aws.create_signed_put_url": self._create_signed_put_url,
            "aws.buckets.list": lambda _: ok({"buckets": [{"Name": _BUCKET}]}),
            "aws.buckets.upload": lambda asked: ok(self._keep(asked.request, "file")[0], 201),
            "aws.buckets.bulk_upload": lambda asked: ok(self._keep(asked.request, "bulk"), 201),
            "aws.buckets.retrieve_file": self._signed,
            "aws.buckets.retrieve_file_in_path": self._signed,
            "aws.objects.list": lambda _: ok([{"Key": key, "Size": len(f.content)} for key, f in self.files.items()]),
        }

    def _create_signed_put_url(self, asked: Incoming) -> Answer:
        """Source: what aws-sdk's createPresignedPost gives, with a key."""
        filename = asked.body()["filename"]
        now = datetime.now(UTC)
        day = now.strftime("%Y%m%d")
        named = {
            "key": filename,
            "bucket": _BUCKET,
            "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
            "X-Amz-Credential": f"SANDBOX/{day}/us-east-1/s3/aws4_request",
            "X-Amz-Date": now.strftime("%Y%m%dT%H%M%SZ"),
        }
        expiration = (now + _HOUR).strftime("%Y-%m-%dT%H:%M:%SZ")
        conditions = [{name: value} for name, value in named.items()]
        policy = base64.b64encode(msgspec.json.encode({"expiration": expiration, "conditions": conditions})).decode()
        signature = _sign(day, policy)
        return ok(
            {"url": f"{self._base_url}/{_BUCKET}", "fields": {**named, "Policy": policy, "X-Amz-Signature": signature}},
            201,
        )

    def _keep(self, request: Request, field: str) -> list[dict[str, str]]:
        texts, files = read_form(request)
        if any(file.field != field for file in files) or (field == "file" and len(files) > 1):
            raise Refusal(400, "Unexpected field")
        if not files:
            raise Refusal(400, "File is required")
        return [self._stored(file, texts.get("path", "").strip("/")) for file in files]

    def _stored(self, file: File, path: str) -> dict[str, str]:
        key = f"{path}/{file.filename}".lstrip("/")
        self.files[key] = file
        return {
            "baseUrl": f"{self._base_url}/{_BUCKET}",
            "filename": file.filename,
            "mime": file.content_type,
            "path": path,
            "pathWithFilename": key,
            "signedUrl": self._address(key),
        }

    def _signed(self, asked: Incoming) -> Answer:
        return ok({"signedUrl": self._address("/".join(asked.path.values()))})

    def _address(self, key: str) -> str:
        return f"{self._base_url}/{_BUCKET}/{quote(key)}?X-Amz-Signature={_sign('20240101', key)}"


def _sign(day: str, text: str) -> str:
    """AWS signature version 4 of a text."""
    key = f"AWS4{_SECRET}".encode()
    for step in (day, "us-east-1", "s3", "aws4_request"):
        key = hmac.digest(key, step.encode(), sha256)
    return hmac.new(key, text.encode(), sha256).hexdigest()


def read_form(request: Request) -> tuple[dict[str, str], list[File]]:
    """Text fields and files of a multipart body; raises `Refusal`. Source: RFC 7578."""
    kind = request.headers.get("content-type", "")
    if not kind.startswith("multipart/"):
        return {}, []
    match = re.search(r'boundary="?([^";]+)', kind)
    if not match:
        raise Refusal(400, "Multipart: Boundary not found")
    texts: dict[str, str] = {}
    files: list[File] = []
    for piece in (b"\r\n" + request.body).split(b"\r\n--" + match[1].encode())[1:-1]:
        head, _, content = piece.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
        lower = {name.lower(): value for name, value in headers.items()}
        named = dict(re.findall(r'(\w+)="([^"]*)"', lower.get("content-disposition", "")))
        if "filename" in named:
            kind = lower.get("content-type", "application/octet-stream")
            files.append(File(named.get("name", ""), named["filename"], kind, content))
        else:
            texts[named.get("name", "")] = content.decode()
    return texts, files
