"""What is to go wrong, as told by a test."""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, Self

import msgspec
from msgspec import Struct, structs

from wootiv.sandbox.exchange import Answer
from wootiv.sandbox.numbers import check
from wootiv.sandbox.record import Received
from wootiv.wire.words import describe, nearest

ANY = "*"
_PIECES = 10
_BODILESS = (204, 304)
_NAME = re.compile(r"[!#$%&'*+.^`|~\w-]+", re.ASCII)
_FRAMING = ("content-length", "transfer-encoding")


class Failure(Struct, frozen=True, kw_only=True):
    """How an answer goes wrong; `Sandbox.fail` says what each means. Times are in seconds."""

    status: int | None = None
    after_effect: bool = False
    delay: float = 0.0
    drop: bool = False
    torn: bool = False
    slow: float = 0.0
    content_type: str | None = None
    body: Any = None
    headers: Mapping[str, str] | None = None

    def __post_init__(self) -> None:
        check("delay", self.delay)
        check("slow", self.slow)
        if self.status is not None:
            check("status", self.status, whole=True, least=200)
            if self.status > 599:
                raise ValueError(f"status must be 599 or less, got {self.status}")
        _headers(self.headers or {})
        _text("content_type", self.content_type or "")
        _content(self.body)
        given = [name for name in self.__struct_fields__ if getattr(self, name) != _DEFAULTS[name]]
        if not {*given} - {"after_effect"}:
            raise ValueError("nothing is to fail: give status=, drop=, delay= or another of what can go wrong")
        if self.status in _BODILESS and (self.body or self.torn or self.slow):
            raise ValueError(f"an answer of status {self.status} has no body")
        if self.drop and (answers := [name for name in given if name not in ("drop", "delay", "after_effect")]):
            raise ValueError(f"drop leaves no answer that {answers[0]}= could be said of")

    @property
    def asks(self) -> bool:
        """Whether the service gets to see the request."""
        return self.after_effect or not (self.drop or self.status)

    def answer(self, error: Callable[[int], Answer]) -> Answer | None:
        """What is answered in the service's place, if anything is; `error` makes an answer of an error's status."""
        if self.status is None:
            return None
        if self.status >= 400:
            return error(self.status)
        return Answer(self.status) if self.body else Answer(self.status, content_type="")

    def dress(self, answer: Answer) -> Answer:
        """The answer as this failure has it look."""
        named = {name.lower(): (name, value) for name, value in answer.headers}
        named |= {name.lower(): (name, value) for name, value in (self.headers or {}).items()}
        return structs.replace(
            answer,
            body=answer.body if self.body is None else _content(self.body),
            content_type=answer.content_type if self.content_type is None else self.content_type,
            headers=tuple(named.values()),
        )


_DEFAULTS = dict(zip(Failure.__struct_fields__, Failure.__struct_defaults__, strict=True))


class Delivery(Struct, frozen=True):
    """How an answer goes out."""

    answer: Answer
    slow: float = 0.0
    """How many seconds the body takes."""
    torn: bool = False
    """Whether the connection is closed half-way through the body."""
    bare: bool = False
    """Whether no body is sent, but announced: to a HEAD."""

    @property
    def announced(self) -> int:
        """The length of the whole body."""
        length = len(self.answer.body)
        return max(1, length) if self.torn else length  # or an empty one would be whole when it is cut off

    def headers(self) -> list[tuple[bytes, bytes]]:
        """Those of the answer, as they are sent."""
        told = [*self.answer.headers, ("Content-Length", f"{self.announced}")]
        if self.answer.content_type:
            told.append(("Content-Type", self.answer.content_type))
        return [(name.encode(), value.encode("latin-1")) for name, value in told]

    @property
    def pause(self) -> float:
        """The seconds before each piece of the body."""
        return self.slow / len(self.pieces())

    def pieces(self) -> list[bytes]:
        """What is sent of the body, as it is sent; one at least."""
        body = b"" if self.bare else self.answer.body
        sent = body[: len(body) // 2] if self.torn else body
        size = math.ceil(len(sent) / _PIECES) if self.slow else len(sent)
        return [sent[start : start + size] for start in range(0, len(sent), size or 1)] or [b""]


class Fault:
    """A fault that was set. Left to itself it ends when it has met as many requests as it was set for."""

    def __init__(
        self, operation: str, failure: Failure, *, times: int | None, match: Callable[[Received], object] | None
    ) -> None:
        if times is not None:
            check("times", times, whole=True, least=1)
        if match is not None and not callable(match):
            raise TypeError(f"match must be a function of a request, got {describe(match)}")
        self.operation: str = operation
        self.failure: Failure = failure
        self.times_left: int | None = times
        """How many requests it is still to meet; None: all of them."""
        self.met: int = 0
        """How many requests it has met."""
        self._match = match

    def __repr__(self) -> str:
        given = {name: value for name, value in structs.asdict(self.failure).items() if value != _DEFAULTS[name]}
        shown = ", ".join(f"{name}={value!r}" for name, value in given.items())
        return f"<Fault {self.operation}: {shown}; met {self.met}, times left {self.times_left}>"

    def end(self) -> None:
        """Let all that comes from now on pass."""
        self.times_left = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def takes(self, received: Received) -> bool:
        """Whether it meets a request, if it is not over; if so, that is one of its times."""
        if self.operation not in (ANY, received.operation):
            return False
        if self._match and not self._match(received):
            return False
        self.met += 1
        if self.times_left is not None:
            self.times_left -= 1
        return True


class Faults:
    """The faults of a sandbox, in the order in which they were set. Its caller sees to it that threads take turns."""

    def __init__(self, operations: Iterable[str]) -> None:
        self._operations = frozenset(operations)
        self._set: list[Fault] = []

    def add(self, fault: Fault) -> Fault:
        """Set one more; raises `ValueError` for an operation that is not there."""
        if fault.operation not in (ANY, *self._operations):
            near = nearest(fault.operation, sorted(self._operations))
            raise ValueError(f"unknown operation {fault.operation!r}{near or f', {ANY!r} is any of them'}")
        self._set.append(fault)
        return fault

    def meet(self, received: Received) -> Failure | None:
        """What goes wrong with a request: the first fault that it meets has it."""
        if not self._set:
            return None
        self._set = [fault for fault in self._set if fault.times_left != 0]
        return next((fault.failure for fault in self._set if fault.takes(received)), None)


def _content(body: Any) -> bytes:
    if isinstance(body, bytes):
        return body
    return body.encode() if isinstance(body, str) else msgspec.json.encode(body)


def _headers(given: Mapping[str, str]) -> None:
    for name, value in given.items():
        if name.lower() in _FRAMING:
            raise ValueError(f"headers: {name} is the server's to say; torn=True announces more than is sent")
        if name.lower() == "content-type":
            raise ValueError(f"headers: {name} has an argument of its own, content_type=")
        _text(f"headers: {name}", value)
        if not _NAME.fullmatch(name):
            raise ValueError(f"headers: {name!r} is no name of a header")


def _text(name: str, value: Any) -> None:
    if not isinstance(value, str):
        raise TypeError(f"{name} must be text, got {describe(value)}")
    if not value.isprintable() or max(value, default="") > "\xff":
        raise ValueError(f"{name} must be one line of Latin-1, got {describe(value)}")
