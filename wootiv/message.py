"""Plain values: what goes out, what comes back, and what was tried in between."""

from collections.abc import AsyncIterable, Callable, Iterable, Iterator, Mapping
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO, Generic, Protocol, TypeAlias, TypeVar

from msgspec import Struct, json

R_co = TypeVar("R_co", covariant=True)

Pairs: TypeAlias = tuple[tuple[str, str], ...]
SizedContent: TypeAlias = bytes | str | PathLike[str] | BinaryIO
FileContent: TypeAlias = SizedContent | Iterator[bytes] | AsyncIterable[bytes]
FileInput: TypeAlias = (
    FileContent
    | tuple[str, FileContent]
    | tuple[str, FileContent, str]
    | tuple[str, FileContent, str, Mapping[str, str]]
)
SizedFile: TypeAlias = (
    SizedContent
    | tuple[str, SizedContent]
    | tuple[str, SizedContent, str]
    | tuple[str, SizedContent, str, Mapping[str, str]]
)
"""A file whose size is known before it is read, as S3 wants it."""

REQUEST_ID_HEADERS = (
    # What servers and proxies in common use call it; the first that is there is taken.
    "x-request-id",
    "x-correlation-id",
    "x-amzn-requestid",
    "x-amz-request-id",
    "x-amzn-trace-id",
    "x-cloud-trace-context",
    "cf-ray",
    "x-vercel-id",
)
_SECRET_HEADERS = ("set-cookie", "authorization", "x-api-key")


class Headers(Mapping[str, str]):
    """Response headers: names in any case; a name that came several times has its values joined by a comma."""

    __slots__ = ("_values",)

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self._values: dict[str, str] = {}
        for name, value in pairs:
            key = name.lower()
            self._values[key] = f"{self._values[key]}, {value}" if key in self._values else value

    def __getitem__(self, name: str) -> str:
        return self._values[name.lower()]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        shown = {name: "***" if name in _SECRET_HEADERS else value for name, value in self._values.items()}
        return f"Headers({shown!r})"


class Discreet(Struct, frozen=True):
    """A value whose fields may hold secrets, and which shows no more than its `__repr__`."""

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("shown", repr(self))]  # msgspec's own shows every field to whoever prints tracebacks with rich


class Stream:
    """Bytes that an iterator gives, once and never again."""

    __slots__ = ("begun", "pieces")

    def __init__(self, pieces: Iterator[bytes] | AsyncIterable[bytes]) -> None:
        self.pieces: Iterator[bytes] | AsyncIterable[bytes] = pieces
        self.begun: bool = False
        """Whether any of it was read."""


Source: TypeAlias = bytes | Path | BinaryIO | Stream


class Part(Discreet, frozen=True):
    """One file of a multipart body; `start` is where an open file stood when the call was made."""

    name: str
    filename: str
    source: Source
    content_type: str
    headers: Pairs = ()
    start: int | None = None

    def __repr__(self) -> str:
        return f"<Part {self.name}: {self.filename!r}, {self.content_type}>"


class Form(Discreet, frozen=True):
    """A multipart body: text fields, then files."""

    fields: Pairs = ()
    parts: tuple[Part, ...] = ()
    hears: Callable[[int], object] | None = None
    """Told how many bytes of the files have gone out, in each attempt from 0."""

    def __repr__(self) -> str:
        names = [name for name, _ in self.fields] + [part.name for part in self.parts]
        return f"<Form {', '.join(names)}>"


Body: TypeAlias = bytes | Form | None


class Timeouts(Struct, frozen=True):
    """Seconds that each phase of an attempt may take; `None` sets no limit."""

    connect: float | None = None
    read: float | None = None
    write: float | None = None
    pool: float | None = None


class Sink(Protocol):
    """What takes in the content of an answer, a piece at a time."""

    async def write(self, piece: bytes, /) -> None:
        """Take in a piece."""
        ...

    def ended(self) -> None:
        """Hear that this was all; raises `APIConnectionError` if it cannot be."""
        ...


class Outgoing(Discreet, frozen=True):
    """A request as it goes on the wire, but for the credentials, which only the engine knows."""

    method: str
    url: str
    headers: Pairs
    body: Body
    template: str
    """The path as declared, such as `/contacts/{id}`: what logs may show."""
    shown_url: str
    """The URL without what could be secret."""
    take: "Callable[[int, Headers], Sink | None] | None" = None
    """Given the status and the headers of the answer, says where its content goes; memory is where `None` stands."""

    def __repr__(self) -> str:
        return f"<Outgoing {self.method} {self.shown_url}>"


class Reply(Discreet, frozen=True):
    """What a server answered, whole."""

    status: int
    headers: Headers
    content: bytes

    def __repr__(self) -> str:
        return f"<Reply {self.status}, {len(self.content)} bytes>"


class Attempt(Struct, frozen=True):
    """One request on the wire, or the try to send it. Times are in seconds."""

    number: int
    """From 1."""
    started: float
    """Since the call was sent."""
    elapsed: float
    status: int | None = None
    """The server's status, or `None` if no answer arrived."""
    error: str | None = None
    """What went wrong, without secrets; `None` if all was well."""
    wait: float = 0.0
    """How long the call waited afterwards, before its next attempt."""
    maybe_applied: bool = False
    """A write that went out and got no answer, or a 408, or a 500 and above that names no time to come back at.

    The server may have carried it out.
    """


_SHOWN = 300
"""Characters of a URL that messages show; `url` has them all."""


class SentRequest(Struct, frozen=True):
    """What was asked, without secrets: the values of headers and credentials are not kept."""

    method: str
    url: str
    header_names: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.method} {self.url if len(self.url) <= _SHOWN else self.url[:_SHOWN] + '...'}"


class APIResponse(Discreet, Generic[R_co], frozen=True, eq=False, gc=False):
    """A raw answer, with what it took to get it. Picklable, and bound to no client."""

    status_code: int
    headers: Headers
    content: bytes
    """The body's bytes, decompressed."""
    elapsed: float
    """Seconds from the start of the last attempt until its body was there."""
    request: SentRequest
    attempts: tuple[Attempt, ...]
    """Every attempt, in order; the last one brought this answer."""
    decoder: "Callable[[APIResponse[R_co]], tuple[R_co, tuple[str, ...]]]"

    @property
    def text(self) -> str:
        """The body as text; bytes that are no UTF-8 are replaced."""
        return self.content.decode("utf-8", "replace")

    @property
    def request_id(self) -> str | None:
        """The id that the server, or a proxy before it, gave this request."""
        return next((self.headers[name] for name in REQUEST_ID_HEADERS if name in self.headers), None)

    def json(self) -> Any:
        """The body as plain data, with every field that the server sent.

        Raises `msgspec.DecodeError` or `UnicodeDecodeError`.
        """
        return json.decode(self.content)

    def parse(self) -> R_co:
        """The typed answer, decoded at each call; raises `APIResponseValidationError`."""
        return self.decoder(self)[0]

    @property
    def oddities(self) -> tuple[str, ...]:
        """JSON paths of what does not fit the declared shape and was kept as it came."""
        return self.decoder(self)[1]

    def __repr__(self) -> str:
        return f"<APIResponse {self.status_code} to {self.request}>"
