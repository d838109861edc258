"""Uploads: files kept in memory, and signed addresses to send them to and fetch them from."""

import base64
import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import msgspec

from wootiv.sandbox.bucket import BUCKET, Bucket, is_condition
from wootiv.sandbox.exchange import Answer, Handler, Incoming, Refusal, Request, ok
from wootiv.sandbox.form import File, read_form
from wootiv.sandbox.numbers import check
from wootiv.sandbox.signature import named, sign, signed_query
from wootiv.wire.words import describe

_CONDITIONS = '["content-length-range", 0, 9], ["starts-with", "$key", "in/"], ["eq", "$key", "x"] or {"key": "x"}'


class Storage:
    """Files by path and name."""

    def __init__(self) -> None:
        self.files: dict[str, File] = {}
        self.bucket: Bucket = Bucket(self.files)
        self._signed_for: float = 3600.0
        self._conditions: tuple[Any, ...] = ()

    @property
    def signed_for(self) -> float:
        """Seconds for which signed posts and addresses can be used; what is below 0 is over already."""
        return self._signed_for

    @signed_for.setter
    def signed_for(self, seconds: float) -> None:
        check("signed_for", seconds, least=-math.inf)
        self._signed_for = seconds

    @property
    def conditions(self) -> Sequence[Any]:
        """What signed posts ask of a file beside its key, such as `[["content-length-range", 0, 1000]]`."""
        return self._conditions

    @conditions.setter
    def conditions(self, conditions: Sequence[Any]) -> None:
        if not isinstance(conditions, list | tuple):
            raise TypeError(f"conditions must be a list, got {describe(conditions)}")
        for number, one in enumerate(conditions):
            if not is_condition(one):
                raise ValueError(f"conditions[{number}] must be such as {_CONDITIONS}, got {describe(one)}")
        self._conditions = tuple(conditions)

    def handlers(self) -> dict[str, Handler]:
        """Handlers by operation."""
        return {
            "aws.create_signed_put_url": self._create_signed_put_url,
            "aws.buckets.list": lambda _: ok({"buckets": [{"Name": BUCKET}]}),
            "aws.buckets.upload": lambda asked: ok(self._keep(asked.request, "file")[0], 201),
            "aws.buckets.bulk_upload": lambda asked: ok(self._keep(asked.request, "bulk"), 201),
            "aws.buckets.retrieve_file": self._signed,
            "aws.buckets.retrieve_file_in_path": self._signed,
            "aws.objects.list": lambda _: ok([{"Key": key, "Size": len(f.content)} for key, f in self.files.items()]),
        }

    def signed_fields(self, fields: dict[str, str], conditions: Sequence[Any] = ()) -> dict[str, str]:
        """Fields of a form that may be posted: these, each with its condition, and those that sign them.

        Source: what aws-sdk's createPresignedPost gives.
        """
        now = datetime.now(UTC)
        told = {**fields, "bucket": BUCKET, **named(now)}
        expiration = (now + timedelta(seconds=self.signed_for)).strftime("%Y-%m-%dT%H:%M:%SZ")
        rules = [*({name: value} for name, value in told.items()), *conditions]
        policy = base64.b64encode(msgspec.json.encode({"expiration": expiration, "conditions": rules})).decode()
        return {**told, "Policy": policy, "X-Amz-Signature": sign(policy, now.strftime("%Y%m%d"))}

    def _create_signed_put_url(self, asked: Incoming) -> Answer:
        fields = self.signed_fields({"key": asked.body()["filename"]}, self.conditions)
        return ok({"url": f"{_origin(asked.request)}/{BUCKET}", "fields": fields}, 201)

    def _keep(self, request: Request, field: str) -> list[dict[str, str]]:
        texts, files = read_form(request)
        if any(file.field != field for file in files) or (field == "file" and len(files) > 1):
            raise Refusal(400, "Unexpected field")
        if not files:
            raise Refusal(400, "File is required")
        return [self._stored(request, file, texts.get("path", "").strip("/")) for file in files]

    def _stored(self, request: Request, file: File, path: str) -> dict[str, str]:
        key = f"{path}/{file.filename}".lstrip("/")
        self.files[key] = file
        return {
            "baseUrl": f"{_origin(request)}/{BUCKET}",
            "filename": file.filename,
            "mime": file.content_type,
            "path": path,
            "pathWithFilename": key,
            "signedUrl": self._address(request, key),
        }

    def _signed(self, asked: Incoming) -> Answer:
        return ok({"signedUrl": self._address(asked.request, "/".join(asked.path.values()))})

    def _address(self, request: Request, key: str) -> str:
        path = f"/{BUCKET}/{quote(key)}"
        return f"{_origin(request)}{path}?{signed_query(request.headers.get('host', ''), path, self.signed_for)}"


def _origin(request: Request) -> str:
    """Where the sandbox is, as its caller sees it."""
    return f"http://{request.headers.get('host', 'sandbox.test')}"
