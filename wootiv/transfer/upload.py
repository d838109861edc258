"""`client.upload`: one file, straight to S3."""

from collections.abc import AsyncIterable, Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar, cast
from urllib.parse import quote

from msgspec import Struct, structs

from wootiv.api.storage import SignedPost
from wootiv.api.tree import calls
from wootiv.call import Call, CallOptions
from wootiv.engine.crew import BulkPlan
from wootiv.engine.send import Engine, Life
from wootiv.engine.upload import FormBody
from wootiv.errors import APIError, APIStatusError
from wootiv.message import APIResponse, Attempt, Form, Part, SizedFile, Stream
from wootiv.run import Run
from wootiv.transfer.names import check_filename
from wootiv.transfer.progress import OnProgress, Progress, progress
from wootiv.transfer.signed import PLAIN, Signed, SignedCall, SignedLife, Told
from wootiv.wire.encode import encode_file
from wootiv.wire.files import alone, quoted
from wootiv.wire.signed import read_policy, told
from wootiv.wire.words import A_SIZED_FILE, Misfit, Unfit, kind_of

R = TypeVar("R")

_PLACE = "upload"
_ARGUMENT = "path_or_file"
_FIELD = "file"
"""What S3 wants the file to be called among the fields."""
_TEMPLATE = "${filename}"


class Uploaded(Struct, frozen=True):
    """A file that S3 has stored."""

    key: str
    """Its name in the bucket, under which `client.download` finds it."""
    url: str
    """Where it is, unsigned: reading it takes a signed address."""
    size: int
    """In bytes."""
    etag: str | None
    """S3's mark of this content, without quotes; `None` if it gave none."""
    attempts: tuple[Attempt, ...]
    """Every attempt to send it, in order."""


class UploadCall(SignedCall[Uploaded], frozen=True, kw_only=True):
    """A file that is to be sent."""

    filename: str
    hears: Progress | None = None


def upload_call(
    file: SizedFile,
    filename: str | None = None,
    on_progress: OnProgress | None = None,
    run: Callable[[Callable[[], object]], object] = lambda work: work(),
) -> UploadCall:
    """The call that uploads a file; raises `TypeError` or `ValueError`. `run` runs what is the caller's own."""
    part = _part(file)
    name = filename if filename is not None else _own_name(file, part)
    check_filename(_PLACE, name)
    if _TEMPLATE in name:
        raise ValueError(f"{_PLACE}: the filename must not have {_TEMPLATE}, where S3 puts another, got {name!r}")
    if isinstance(part.source, Stream):
        raise TypeError(_sizeless(part))
    ask = calls.aws.create_signed_put_url(filename=name)
    part = structs.replace(part, filename=name.rpartition("/")[2])
    return UploadCall(
        operation=_PLACE,
        method="POST",
        template=ask.template,
        path=ask.path,
        shown_path=ask.shown_path,
        body=Form((), (part,)),
        options=CallOptions(extra_headers=PLAIN),
        ask=ask,
        filename=name,
        hears=progress(_PLACE, on_progress, run),
    )


def upload_plan(paths: object, concurrency: int) -> BulkPlan[SizedFile, Uploaded]:
    """How files are uploaded side by side; raises `TypeError` for what is one file, of which each letter is none."""
    if (seen := alone(paths)) is not None:
        raise TypeError(f"upload_many: paths must be a list of files, got {seen}: put it in a list")
    if not isinstance(paths, Iterable | AsyncIterable):
        raise TypeError(f"upload_many: paths must be a list of files, got {kind_of(paths)}")
    return BulkPlan(upload_call, concurrency, resend_unknown=True)


def _part(file: Any) -> Part:
    try:
        return encode_file(_ARGUMENT, file, _ARGUMENT, A_SIZED_FILE)
    except Unfit as error:
        raise ValueError(f"{_PLACE}: {error}") from None
    except Misfit as error:
        raise TypeError(f"{_PLACE}: {error}") from None


def _own_name(file: Any, part: Part) -> str:
    source = part.source
    if isinstance(file, tuple) or isinstance(source, Path) or isinstance(getattr(source, "name", None), str):
        return part.filename
    if isinstance(source, Stream):
        raise TypeError(_sizeless(part))
    raise ValueError(f"{_PLACE}: this content has no name of its own, give filename=")


def _sizeless(part: Part) -> str:
    how = "write it to a file first (tempfile.TemporaryFile), or send it through the service (aws.buckets.upload)"
    return f"{_PLACE}: S3 wants the size of a file before it comes, and {part.filename!r} cannot tell it: {how}"


class Uploads(Engine):
    """What uploads are sent with."""

    def begin(self, call: Call[R], run: Run | None = None) -> Life[R]:
        """What an upload goes through."""
        return cast("Life[R]", UploadLife(self, cast("UploadCall", call), run))

    @classmethod
    def of(cls, engine: Engine) -> "Uploads":
        """By a client's engine."""
        return cls(engine.settings, engine.network, engine.events)


class UploadLife(SignedLife[Uploaded]):
    """One file on its way."""

    def __init__(self, engine: Engine, call: UploadCall, run: Run | None) -> None:
        super().__init__(engine, call, run)
        self._filename = call.filename
        self._hears = call.hears
        self._file = cast("Form", call.body)
        self._size = 0
        self._signed = Signed("")
        self._key = ""

    async def prepare(self) -> None:
        """Measure the file; raises `OSError`, and `ValueError` if it cannot tell its size."""
        async with FormBody(self._file, _PLACE) as body:
            if body.size is None:
                raise ValueError(_sizeless(self._file.parts[0]))
            self._size = body.size

    def read(self, response: APIResponse[SignedPost]) -> Signed | None:
        """The signed post in an answer."""
        post = response.parse()
        url, fields = cast("Any", post.url), cast("Any", post.fields)
        if not isinstance(url, str) or not isinstance(fields, dict):
            return None
        pairs = fields.items()
        if not all(isinstance(name, str) and isinstance(value, str) for name, value in pairs):
            return None
        found = tuple(pairs)
        return Signed(url, found, read_policy(found).expires)

    def form(self, signed: Signed) -> Form:
        """The fields as they came, then the file; raises `APIError`."""
        policy, fields = read_policy(signed.fields), signed.fields
        key = next((value for name, value in fields if name.lower() == "key"), None)
        if key is None:
            key = policy.key(self._filename)
            if key is None:
                known = ", ".join(name for name, _ in fields) or "none"
                message = f"the signed post has no key for the file, neither in its fields ({known}) nor in its policy"
                raise APIError(message, request=self.request)
            fields = (("key", key), *fields)
        least, most = policy.sizes() or (0, self._size)
        if not least <= self._size <= most:
            message = f"{self._filename!r} has {self._size} bytes, the signed post takes {least} to {most}"
            raise APIError(message, request=self.request)
        self._signed, self._key = signed, key
        parts = tuple(structs.replace(part, name=_FIELD) for part in self._file.parts)
        return Form(fields, parts, self._hears)

    async def send(self) -> APIResponse[Uploaded]:
        """Send the file; raises `APIError`, and what reading it raises."""
        response = await super().send()
        if self._hears is not None:
            self._hears(self._size)
        return structs.replace(response, decoder=Told(self._uploaded(response)))

    async def _try(self, aimed: Any) -> APIResponse[Uploaded]:
        try:
            return await super()._try(aimed)
        except APIStatusError as error:
            # With `success_action_redirect` among the fields, this is how S3 says that all is well.
            if error.status_code == 303 and "success_action_redirect" in dict(self._signed.fields):
                return error.response  # noqa: ASYNC910 - the attempt was one
            raise

    def _uploaded(self, response: APIResponse[Uploaded]) -> Uploaded:
        said = told(response.text)
        # S3 puts in the name of the part, as it came.
        key = said.get("Key") or self._key.replace(_TEMPLATE, quoted(self._file.parts[0].filename))
        url = said.get("Location") or response.headers.get("location", "")
        if response.status_code == 303 or not url:
            url = f"{self._signed.url.partition('?')[0].rstrip('/')}/{quote(key)}"
        etag = said.get("ETag") or response.headers.get("etag")
        return Uploaded(key, url.partition("?")[0], self._size, etag and etag.strip('"'), response.attempts)
