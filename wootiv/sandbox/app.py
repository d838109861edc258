"""Requests to replies: routes made from the declared operations, and how errors look. No I/O."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Literal, TypeAlias
from urllib.parse import unquote_to_bytes

import msgspec
from msgspec import Struct

from wootiv.binding import Declaration
from wootiv.operation import Operation
from wootiv.sandbox.grammar import BadQuery, BadSearch

ErrorShape: TypeAlias = Literal["nest", "rockets"]

OPEN_ROUTES = frozenset({"root.retrieve", "auth.login", "auth.token.refresh", "auth.signup"})
"""Operations that want no key."""


class Request(Struct, frozen=True):
    """A request as it came in; header names in lower case."""

    method: str
    path: str
    """Still percent-encoded."""
    query: str
    headers: Mapping[str, str]
    body: bytes


class Answer(Struct, frozen=True):
    """A reply to send."""

    status: int
    body: bytes = b""
    content_type: str = "application/json; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()


class Refusal(Exception):  # noqa: N818 - an answer of the service, not a fault of ours
    """The service answers with an error."""

    def __init__(self, status: int, message: str | list[str] | None = None) -> None:
        super().__init__(status, message)
        self.status = status
        self.message = message


Handler: TypeAlias = Callable[[Request, Mapping[str, str]], Answer]
"""(request, path parameters, decoded) -> answer; raises `Refusal`."""


class Route(Struct, frozen=True):
    """One operation's address."""

    operation: str
    method: str
    pattern: re.Pattern[str]
    declaration: Declaration
    handler: Handler


def route(name: str, operation: Operation[Any, Any], handler: Handler) -> Route:
    """The route of a declared operation."""
    pattern = re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", operation.template)
    return Route(name, operation.method, re.compile(pattern), operation.declaration, handler)


class App:
    """Finds the route of a request, checks its key, and gives errors the form of the service's."""

    def __init__(self, routes: list[Route], *, api_key: str | None = None, errors: ErrorShape = "nest") -> None:
        # Literal routes shadow those with parameters: /aws/buckets/health is no file called health.
        self._routes = sorted(routes, key=lambda one: one.pattern.groups)
        self._api_key = api_key
        self._errors: ErrorShape = errors

    def handle(self, request: Request) -> Answer:
        """Answer a request; an error of the service is an answer too."""
        try:
            return self._find(request)
        except Refusal as refusal:
            return self._error(refusal)
        except BadQuery as error:
            return self._error(Refusal(400, str(error)))
        except BadSearch:
            return self._error(Refusal(500, "Internal server error"))

    def _find(self, request: Request) -> Answer:
        for one in self._routes:
            if one.method == request.method and (match := one.pattern.fullmatch(request.path)):
                if one.operation not in OPEN_ROUTES:
                    self._check_key(request)
                return one.handler(request, {name: _decoded(value) for name, value in match.groupdict().items()})
        raise Refusal(404, f"Cannot {request.method} {request.path}")

    def _check_key(self, request: Request) -> None:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not key or (self._api_key is not None and key != self._api_key):
            raise Refusal(401)

    def _error(self, refusal: Refusal) -> Answer:
        """Source: Nest's own filter, and Rockets' ExceptionsFilter, which the service may have or not."""
        status, message = refusal.status, refusal.message
        phrase = HTTPStatus(status).phrase
        body: dict[str, Any] = {"statusCode": status}
        if self._errors == "rockets":
            code = {400: "HTTP_BAD_REQUEST", 404: "HTTP_NOT_FOUND", 500: "UNKNOWN"}.get(status, "HTTP_UNKNOWN")
            said = {} if message is None else {"message": phrase if status == 500 else message}
            body = {"statusCode": status, "errorCode": code, **said, "timestamp": stamp(datetime.now(UTC))}
        elif status == 500:
            body = {"statusCode": status, "message": message}
        elif message is not None:
            body = {"message": message, "error": phrase, "statusCode": status}
        return Answer(status, msgspec.json.encode(body))


def _decoded(value: str) -> str:
    if re.search(r"%(?![0-9A-Fa-f]{2})", value):
        raise Refusal(400, f"Failed to decode param '{value}'")
    try:
        return unquote_to_bytes(value).decode()
    except UnicodeDecodeError:
        raise Refusal(400, f"Failed to decode param '{value}'") from None


def stamp(moment: datetime) -> str:
    """A moment as JavaScript writes it: UTC, with milliseconds."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def ok(value: Any, status: int = 200) -> Answer:
    """An answer of JSON."""
    return Answer(status, msgspec.json.encode(value))


def done(method: str) -> Answer:
    """What a handler that returns nothing answers: no body, and 201 for a POST."""
    return Answer(201 if method == "POST" else 200, content_type="")


def json_body(request: Request) -> dict[str, Any]:
    """The body as an object; raises `Refusal`."""
    if not request.body:
        return {}
    try:
        body = msgspec.json.decode(request.body)
    except msgspec.DecodeError as error:
        raise Refusal(400, str(error)) from None
    if not isinstance(body, dict | list):
        raise Refusal(400, "Unexpected token in JSON at position 0")
    return body if isinstance(body, dict) else {}
