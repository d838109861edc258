"""A call as a value: an operation with its arguments, unsent, immutable, picklable."""

import math
import re
from collections.abc import Mapping
from typing import Any, Generic, Protocol, TypeAlias, TypedDict, TypeVar, get_origin, runtime_checkable

import msgspec
from msgspec import UNSET, UnsetType, structs

from wootiv.cursor import Cursor, PageData
from wootiv.message import Body, Discreet, Form, Pairs, Part, Timeouts
from wootiv.pages import PageDecoder
from wootiv.query.mapping import check_data
from wootiv.wire.decode import Decoder
from wootiv.wire.text import header_text, query_text
from wootiv.wire.words import Misfit, Unfit, describe, kind_of

R_co = TypeVar("R_co", covariant=True)

Extras: TypeAlias = tuple[tuple[str, str | None], ...]


@runtime_checkable
class TimeoutLike(Protocol):
    """Seconds for each phase of an attempt, as `httpx.Timeout` has them; `None` sets no limit."""

    connect: float | None
    read: float | None
    write: float | None
    pool: float | None


class Options(TypedDict, total=False):
    """What every operation takes beside its own arguments."""

    extra_headers: Mapping[str, str | None]
    """Sent beside the usual headers, and in their place; `None` leaves one out."""
    extra_query: Mapping[str, object]
    """Query parameters; they win over the operation's own."""
    extra_body: Mapping[str, object]
    """Fields of the body, under their names on the wire; they win over the operation's own."""
    timeout: float | TimeoutLike | None
    """Seconds for each phase of an attempt; `None` sets no limit."""
    total_timeout: float | None
    """Seconds for the whole call: waiting for a slot, attempts, waits between them, and body."""
    max_retries: int
    """How many more attempts may follow the first."""
    idempotency_key: str
    """Sent with every attempt of a write; made by the client unless given."""


class CallOptions(Discreet, frozen=True):
    """The options of one call; what is unset is the client's."""

    timeout: Timeouts | UnsetType = UNSET
    total_timeout: float | UnsetType | None = UNSET
    max_retries: int | UnsetType = UNSET
    idempotency_key: str | None = None
    extra_headers: Extras = ()

    def __repr__(self) -> str:
        given = {name: value for name, value in structs.asdict(self).items() if value not in (UNSET, None, ())}
        if self.extra_headers:
            given["extra_headers"] = [name for name, _ in self.extra_headers]
        return f"<CallOptions {', '.join(f'{name}={value!r}' for name, value in given.items())}>"


class Call(Discreet, Generic[R_co], frozen=True):
    """A request that was checked and encoded, but not sent. `client.send(call)` sends it, as often as you like."""

    operation: str
    """Its name, such as `contacts.create`."""
    method: str
    template: str
    """The path as declared, such as `/contacts/{id}`."""
    path: str
    """The path to ask for, percent-encoded."""
    shown_path: str
    """The path without what is secret."""
    query: Pairs = ()
    secret_query: frozenset[str] = frozenset()
    """Names, in the query or the body, of what is secret."""
    body: Body = None
    answer: Any = None
    """The type of the answer."""
    cursor: Cursor | None = None
    """Where a list stands; `None` if this is no list."""
    options: CallOptions = CallOptions()

    def at(self, query: Pairs) -> "Call[R_co]":
        """The same call with another query."""
        return structs.replace(self, query=query)

    def decoder(self, *, strict: bool) -> Decoder[R_co]:
        """What reads the answer."""
        kind: Any = PageDecoder if get_origin(self.answer) is PageData else Decoder
        made: Decoder[R_co] = kind(self.answer, strict)
        return made

    def __repr__(self) -> str:
        return f"<Call {self.operation}: {self.method} {self.shown_path}>"


def read_options(given: Mapping[str, Any]) -> CallOptions:
    """Check the options of a call; raises `Misfit`."""
    return CallOptions(
        timeout=read_timeout(given["timeout"], "timeout") if "timeout" in given else UNSET,
        total_timeout=read_seconds(given["total_timeout"], "total_timeout") if "total_timeout" in given else UNSET,
        max_retries=read_retries(given["max_retries"], "max_retries") if "max_retries" in given else UNSET,
        idempotency_key=_key(given.get("idempotency_key")),
        extra_headers=read_headers(given.get("extra_headers", {}), "extra_headers"),
    )


def _key(given: Any) -> str | None:
    if given is None:
        return None
    if not isinstance(given, str):
        raise Misfit("idempotency_key", "str", describe(given))
    if not re.fullmatch(r"[\x21-\x7e]+", given):
        raise Unfit("idempotency_key", "visible ASCII characters, one or more", describe(given))
    return given


def read_timeout(given: Any, path: str) -> Timeouts:
    """A limit for each phase of an attempt: from one number of seconds, from `None`, or from an `httpx.Timeout`."""
    if isinstance(given, TimeoutLike):
        phases = (given.connect, given.read, given.write, given.pool)
        return Timeouts(*(read_seconds(phase, path) for phase in phases))
    seconds = read_seconds(given, path)
    return Timeouts(seconds, seconds, seconds)  # a crowd that waits for its turn is no fault of the network's


def read_seconds(given: Any, path: str) -> float | None:
    """A number of seconds, or `None` for no limit."""
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, int | float):
        raise Misfit(path, "a number of seconds or None", describe(given))
    if math.isnan(given) or given < 0:
        raise Unfit(path, "a number of seconds, 0 or more", describe(given))
    return None if math.isinf(given) else float(given)


def read_retries(given: Any, path: str) -> int:
    """A number of retries."""
    if isinstance(given, bool) or not isinstance(given, int):
        raise Misfit(path, "an int, 0 or more", describe(given))
    if given < 0:
        raise Unfit(path, "0 or more", describe(given))
    return given


def read_headers(given: Any, path: str) -> Extras:
    """Header names and values that can go on the wire; the values are never shown."""
    if not isinstance(given, Mapping):
        raise Misfit(path, "a mapping of header names to values", kind_of(given))
    return tuple((name, None if value is None else header_text(name, value, path)) for name, value in given.items())


def read_query(given: Any, path: str) -> Pairs:
    """Query parameters of the caller's own: a list repeats its key, `None` leaves it out; raises `Misfit`."""
    if not isinstance(given, Mapping):
        raise Misfit(path, "a mapping of names to values", kind_of(given))
    check_data(given, path)
    pairs: list[tuple[str, str]] = []
    for name, value in given.items():
        if not isinstance(name, str):
            raise Misfit(path, "a mapping with str as keys", describe(name))
        several = value if isinstance(value, list | tuple) else [value]
        pairs += [(name, query_text(item, f"{path}[{name!r}]")) for item in several if item is not None]
    return tuple(pairs)


def read_body(encoded: Mapping[str, Any], extra: Mapping[str, Any], parts: tuple[Part, ...] | None) -> Body:
    """The body from its encoded fields: JSON, or multipart where there may be files."""
    fields = {**encoded, **extra}
    if parts is None:
        return msgspec.json.encode(fields)
    texts = tuple((name, query_text(value, name)) for name, value in fields.items() if value is not None)
    return Form(texts, parts)
