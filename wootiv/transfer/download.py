"""`client.download`: one file, straight from S3."""

import os
import re
from collections.abc import Callable
from os import PathLike, fspath
from pathlib import Path
from typing import Any, TypeVar, cast

import anyio
from msgspec import Struct, structs

from wootiv.api.storage import SignedFile
from wootiv.api.tree import calls
from wootiv.call import Call, CallOptions
from wootiv.engine.loop import caller_is_through
from wootiv.engine.pools import CLOSING
from wootiv.engine.send import Engine, Life
from wootiv.errors import APIConnectionError, APIStatusError
from wootiv.message import APIResponse, Attempt, Headers, Outgoing, Sink
from wootiv.run import Run
from wootiv.transfer.names import check_filename
from wootiv.transfer.partial_file import PartialFile
from wootiv.transfer.progress import OnProgress, Progress, progress
from wootiv.transfer.signed import PLAIN, Signed, SignedCall, SignedLife, Told
from wootiv.wire.signed import expires
from wootiv.wire.words import describe

R = TypeVar("R")

_PLACE = "download"
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")


class Downloaded(Struct, frozen=True):
    """A file that is there, whole."""

    path: Path
    size: int
    """In bytes."""
    etag: str | None
    """S3's mark of this content, without quotes; `None` if it gave none."""
    content_type: str | None
    attempts: tuple[Attempt, ...]
    """Every attempt to fetch it, in order."""


class DownloadCall(SignedCall[Downloaded], frozen=True, kw_only=True):
    """A file that is to be fetched."""

    name: str
    to: str
    hears: Progress | None = None


def download_call(
    filename: str,
    to: str | PathLike[str],
    on_progress: OnProgress | None = None,
    run: Callable[[Callable[[], object]], object] = lambda work: work(),
) -> DownloadCall:
    """The call that downloads a file; raises `TypeError` or `ValueError`. `run` runs what is the caller's own."""
    check_filename(_PLACE, filename)
    if not isinstance(to, str | PathLike):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"{_PLACE}: to must be a path, got {describe(to)}")
    place = fspath(to)
    if not place or "\0" in place:
        raise ValueError(f"{_PLACE}: to must be a path, got {place!r}")
    folder, _, name = filename.rpartition("/")
    buckets = calls.aws.buckets
    ask = buckets.retrieve_file_in_path(name, pathname=folder) if folder else buckets.retrieve_file(filename)
    return DownloadCall(
        operation=_PLACE,
        method="GET",
        template=ask.template,
        path=ask.path,
        shown_path=ask.shown_path,
        options=CallOptions(extra_headers=PLAIN),
        ask=ask,
        name=_local(name),
        to=place,
        hears=progress(_PLACE, on_progress, run),
    )


def _local(name: str) -> str:
    """A name that stays in its folder, whoever has given it."""
    name = re.sub(r'[\x00-\x1f<>:"|?*\\]' if os.name == "nt" else r"\0", "_", name)
    return name if name.strip(". ") else "_" * len(name)


class Downloads(Engine):
    """What downloads are sent with."""

    def begin(self, call: Call[R], run: Run | None = None) -> Life[R]:
        """What a download goes through."""
        return cast("Life[R]", DownloadLife(self, cast("DownloadCall", call), run))

    @classmethod
    def of(cls, engine: Engine) -> "Downloads":
        """By a client's engine."""
        return cls(engine.settings, engine.network, engine.events)


class DownloadLife(SignedLife[Downloaded]):
    """One file on its way."""

    def __init__(self, engine: Engine, call: DownloadCall, run: Run | None) -> None:
        super().__init__(engine, call, run)
        self._file = PartialFile(_PLACE, call.to, call.name, call.hears)
        self._hears = call.hears
        self._mark: str | None = None
        """What S3 calls the content that has begun to come; `None` if there is nothing to hold another against."""

    async def prepare(self) -> None:
        """Make the file under a temporary name; raises `OSError`."""
        await self._file.open()

    def read(self, response: APIResponse[SignedFile]) -> Signed | None:
        """The signed address in an answer."""
        url = cast("Any", response.parse().signed_url)
        return Signed(url, expires=expires(url.partition("?")[2])) if isinstance(url, str) else None

    def form(self, signed: Signed) -> None:
        """Nothing is sent."""

    def dressed(self, outgoing: Outgoing) -> Outgoing:
        """Ask for the rest, if there is something that it could be the rest of."""
        if self._mark is not None and self._file.have:
            rest = (("Range", f"bytes={self._file.have}-"), ("If-Range", self._mark))
            outgoing = structs.replace(outgoing, headers=(*outgoing.headers, *rest))
        return structs.replace(outgoing, take=self._take)

    async def send(self) -> APIResponse[Downloaded]:
        """Fetch the file; raises `APIError`, and `OSError` where it cannot be written."""
        try:
            response = await super().send()
            if self._hears is not None:
                self._hears(self._file.have)
            await caller_is_through()  # what he raises ends it, and this runs ahead of him
            await self._file.finish()
        finally:
            with anyio.move_on_after(CLOSING, shield=True):
                await self._file.leave()
        headers = response.headers
        etag = headers.get("etag")
        downloaded = Downloaded(
            self._file.path,
            self._file.have,
            etag and etag.strip('"'),
            headers.get("content-type"),
            response.attempts,
        )
        return structs.replace(response, decoder=Told(downloaded))

    async def _try(self, aimed: Outgoing) -> APIResponse[Downloaded]:
        try:
            return await super()._try(aimed)
        except APIStatusError as error:
            if error.status_code != 416 or not self._file.have:
                raise
        self._mark = None  # what is there is no beginning of it
        self._file.begin(0, None)
        return await super()._try(aimed)

    def _take(self, status: int, headers: Headers) -> Sink | None:
        if status == 206:
            found = _RANGE.fullmatch(headers.get("content-range", ""))
            if found is None or int(found[1]) != self._file.have:
                self._mark = None
                raise APIConnectionError("the server sent another range than it was asked for")
            self._file.begin(self._file.have, None if found[3] == "*" else int(found[3]))
        elif 200 <= status < 300:
            length = headers.get("content-length", "")
            self._file.begin(0, int(length) if length.isdecimal() else None)
            etag = headers.get("etag", "")
            # A weak one marks what means the same, and not the same bytes.
            resumable = etag.startswith('"') and headers.get("accept-ranges") != "none"
            self._mark = etag if resumable else None
        else:
            return None
        return self._file
