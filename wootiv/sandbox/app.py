"""Requests to replies: routes made from the declared operations, and how errors look. No I/O."""

import re
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Literal, TypeAlias
from urllib.parse import unquote_to_bytes

import msgspec
from msgspec import Struct

from wootiv.binding import Declaration
from wootiv.operation import Operation
from wootiv.sandbox.exchange import Answer, Handler, Incoming, Refusal, Request, now
from wootiv.sandbox.grammar import BadQuery, BadSearch

ErrorShape: TypeAlias = Literal["nest", "rockets"]

OPEN_AREAS = frozenset({"root", "auth", "invitation_acceptance", "invitation_reattempt"})
"""What is for those who have no key yet."""


_WORDS = {429: "ThrottlerException: Too Many Requests", 500: "Internal server error"}
"""What is thrown with a text and nothing else."""


class Route(Struct, frozen=True):
    """One operation, where it is asked for, and what serves it."""

    name: str
    method: str
    pattern: re.Pattern[str]
    declaration: Declaration
    handler: Handler
    stateful: bool
    """Whether it reads or changes what the sandbox keeps."""
    error: Callable[[int], Answer] | None = None
    """How it answers if it has nothing to say beyond a status, where it is no part of the service."""


def route(name: str, operation: Operation[Any, Any], handler: Handler, *, stateful: bool) -> Route:
    """The route of a declared operation."""
    pattern = re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", operation.template)
    # Express takes a slash more and any case, unless it is told to be strict.
    either = re.compile(f"{pattern.removesuffix('/')}/?", re.IGNORECASE)
    return Route(name, operation.method, either, operation.declaration, handler, stateful)


_BESIDE = Declaration("", "", None, (), {}, {}, frozenset(), frozenset(), frozenset(), None)


def beside(name: str, method: str, pattern: str, handler: Handler, error: Callable[[int], Answer]) -> Route:
    """The route of what is no operation of the service: it takes no key, and its rate is not limited."""
    return Route(name, method, re.compile(pattern), _BESIDE, handler, stateful=True, error=error)


class Found(Struct, frozen=True):
    """The route of a request, and the texts at the places of its path's parameters, still percent-encoded."""

    route: Route
    texts: Mapping[str, str]


class App:
    """Finds the route of a request, checks its key, and gives errors the form of the service's."""

    def __init__(
        self,
        routes: list[Route],
        *,
        accepts: Callable[[str], bool],
        errors: ErrorShape = "nest",
        others: Sequence[Route] = (),
    ) -> None:
        # Literal routes shadow those with parameters: /aws/buckets/health is no file called health.
        self.routes: list[Route] = sorted(routes, key=lambda one: one.pattern.groups)
        self.others: Sequence[Route] = others
        """What is no operation of the service."""
        self._accepts = accepts
        self._errors: ErrorShape = errors

    def handle(self, request: Request) -> Answer:
        """Answer a request; an error of the service is an answer too."""
        return self.answer(request, self.find(request))

    def find(self, request: Request) -> Found | None:
        """The operation that a request asks for, if there is one."""
        if _is_too_large(request):
            return None
        as_get = "GET" if request.method == "HEAD" else request.method  # so does Express; S3 signs the method
        for one in (*self.routes, *self.others):
            method = request.method if one.error else as_get
            if one.method == method and (match := one.pattern.fullmatch(request.path)):
                return Found(one, match.groupdict())
        return None

    def answer(self, request: Request, found: Found | None) -> Answer:
        """Answer a request whose operation is known."""
        try:
            return self._served(request, found)
        except Refusal as refusal:
            return self._error(refusal)
        except BadQuery as error:
            return self._error(Refusal(400, str(error)))
        except BadSearch:
            return self._error(Refusal(500))

    def error(self, status: int, found: Found | None = None) -> Answer:
        """How a route answers if it has nothing to say beyond the status."""
        if found is not None and found.route.error is not None:
            return found.route.error(status)
        return self._error(Refusal(status, _WORDS.get(status) or _phrase(status) or None))

    def _served(self, request: Request, found: Found | None) -> Answer:
        if found is None:
            if _is_too_large(request):
                return Answer(431, content_type="", headers=(("Connection", "close"),))
            raise Refusal(404, f"Cannot {request.method} {request.target}")
        if found.route.error is None and found.route.name.partition(".")[0] not in OPEN_AREAS:
            self._check_key(request)
        path = {name: _decoded(text) for name, text in found.texts.items()}
        return found.route.handler(Incoming(request, path, found.route.declaration))

    def _check_key(self, request: Request) -> None:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not key or not self._accepts(key):
            raise Refusal(401)

    def _error(self, refusal: Refusal) -> Answer:
        """Source: Nest's own filter, and Rockets' ExceptionsFilter, which the service may have or not."""
        status, message = refusal.status, refusal.message
        phrase = _phrase(status)
        body: dict[str, Any] = {"statusCode": status}
        if self._errors == "rockets":
            code = {400: "HTTP_BAD_REQUEST", 404: "HTTP_NOT_FOUND", 500: "UNKNOWN"}.get(status, "HTTP_UNKNOWN")
            said = {"message": phrase} if status == 500 else {} if message is None else {"message": message}
            body = {"statusCode": status, "errorCode": code, **said, "timestamp": now()}
        elif status in _WORDS:
            body = {"statusCode": status, "message": message or _WORDS[status]}
        elif message == phrase:  # thrown without a text of its own
            body = {"message": message, "statusCode": status}
        elif message is not None:
            body = {"message": message, "error": phrase, "statusCode": status}
        return Answer(status, msgspec.json.encode(body))


def _is_too_large(request: Request) -> bool:
    """Whether Node.js answers before the service sees it: the target and all headers have 16 KiB or more."""
    return len(request.target) + sum(len(name) + len(value) for name, value in request.headers.items()) >= 16_384


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:  # of a proxy's own making, such as 520
        return ""


def _decoded(value: str) -> str:
    if re.search(r"%(?![0-9A-Fa-f]{2})", value):
        raise Refusal(400, f"Failed to decode param '{value}'")
    try:
        return unquote_to_bytes(value).decode()
    except UnicodeDecodeError:
        raise Refusal(400, f"Failed to decode param '{value}'") from None
