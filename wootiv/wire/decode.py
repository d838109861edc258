"""Bytes to typed answers: straight into structs, and where that fails row by row, keeping what fits."""

import logging
import re
import types
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from html.parser import HTMLParser
from http import HTTPStatus
from typing import Annotated, Any, Generic, TypeVar, Union, cast, get_args, get_origin
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from wootiv.errors import APIResponseValidationError, APIStatusError, status_error
from wootiv.message import APIResponse, Reply

R = TypeVar("R")

_log = logging.getLogger("wootiv")
_told: set[str] = set()


class Decoder(Struct, Generic[R], frozen=True):
    """How an answer is read: its type, and whether an odd field is an error."""

    answer: Any
    strict: bool = False

    def __call__(self, response: APIResponse[R]) -> tuple[R, tuple[str, ...]]:
        """The answer and its oddities; raises `APIResponseValidationError`."""
        if self.answer is None:
            return cast("R", None), ()
        if self.answer in (Any, object):
            return plain_body(response), ()
        try:
            try:
                return _decoder(self.answer).decode(response.content), ()
            except msgspec.ValidationError as error:
                return self._keep_what_fits(response, error)
        except _UNREADABLE as error:
            message = _not_json(response, error)
            raise APIResponseValidationError(message, response=response, body=response.text) from error

    def _keep_what_fits(self, response: APIResponse[R], error: msgspec.ValidationError) -> tuple[R, tuple[str, ...]]:
        body, odd = response.json(), list[str]()
        answer, shape = fit(body, self.answer, "$", odd), _name(self.answer)
        if "$" in odd:  # nothing fits: what was promised is not even the kind of thing that came
            message = f"expected {shape}, got {_JSON_KINDS[type(body)]} ({_source(response)})"
            raise APIResponseValidationError(message, response=response, body=body) from error
        if self.strict:
            raise APIResponseValidationError(f"odd field: {error}", response=response, body=body) from error
        for path in dict.fromkeys(_INDEX.sub("[]", path) for path in odd):
            _tell(f"{shape} {path}: does not fit its declared type, kept as it came")
        return answer, tuple(odd)


_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_INDEX = re.compile(r"\[\d+\]")
_JSON_KINDS = {
    dict: "an object",
    list: "an array",
    str: "text",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    type(None): "null",
}


def _name(hint: Any) -> str:
    """A type without its modules: `PageData[Contact]`."""
    return re.sub(r"\w+\.", "", hint.__name__ if isinstance(hint, type) and not get_args(hint) else str(hint))


@cache
def _decoder(answer: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(answer)


def _tell(text: str) -> None:
    if text not in _told:
        _told.add(text)
        _log.warning(text)


def _not_json(response: APIResponse[Any], error: Exception) -> str:
    size = len(response.content)
    what = f"{size} bytes that are no JSON: {error}" if size else "an empty body"
    return f"expected JSON, got {what} ({_source(response)})"


def _source(response: APIResponse[Any]) -> str:
    kind, host = response.headers.get("content-type", "none"), urlsplit(response.request.url).netloc
    return f"content type {kind}, status {response.status_code}, from {host}"


def fit(value: Any, hint: Any, path: str, odd: list[str]) -> Any:
    """`value` as `hint` wants it, or as near as it comes; the paths that do not fit are added to `odd`."""
    try:
        return msgspec.convert(value, hint)
    except msgspec.ValidationError:
        pass
    hint = _inner(hint, value)
    origin = get_origin(hint) or hint
    if isinstance(value, dict) and isinstance(origin, type) and issubclass(origin, Struct):
        return _fit_struct(value, hint, path, odd)
    if isinstance(value, list) and origin in (list, tuple):
        return [fit(item, get_args(hint)[0], f"{path}[{n}]", odd) for n, item in enumerate(value)]
    if isinstance(value, dict) and isinstance(origin, type) and issubclass(origin, Mapping):
        return {key: fit(item, get_args(hint)[1], f"{path}.{key}", odd) for key, item in value.items()}
    odd.append(path)
    return value


def _fit_struct(value: dict[str, Any], hint: Any, path: str, odd: list[str]) -> Any:
    if any(field.required and field.encode_name not in value for field in msgspec.structs.fields(hint)):
        odd.append(path)
        return value
    kept = {
        field.name: fit(value[field.encode_name], field.type, f"{path}.{field.encode_name}", odd)
        for field in msgspec.structs.fields(hint)
        if field.encode_name in value
    }
    return (get_origin(hint) or hint)(**kept)


def _inner(hint: Any, value: Any) -> Any:
    """Out of a union, the member that has this value's outer form."""
    if get_origin(hint) is Annotated:
        return _inner(get_args(hint)[0], value)
    if get_origin(hint) not in (Union, types.UnionType):
        return hint
    for member in get_args(hint):
        origin = get_origin(member) or member
        form = (Struct, Mapping) if isinstance(value, dict) else (list, tuple)
        if isinstance(value, dict | list) and isinstance(origin, type) and issubclass(origin, form):
            return member
    return hint


def plain_body(response: APIResponse[Any]) -> Any:
    """The body as plain data if it is JSON, else as text; `None` if there is none."""
    if not response.content:
        return None
    try:
        return response.json()
    except _UNREADABLE:
        return response.text


def problem(response: APIResponse[Any], received: datetime) -> APIStatusError:
    """The error that an answer stands for; `received` is when it came, by our clock.

    Source: the body forms of Nest's and Rockets' exception filters, and of a proxy before them.
    """
    body = plain_body(response)
    error = status_error(response.status_code)(_message(body, response), response=response, body=body)
    error.retry_after = retry_after(response, received)
    return error


def _message(body: Any, response: APIResponse[Any]) -> str:
    if 300 <= response.status_code < 400 and (target := response.headers.get("location")):
        where = re.match(r"[a-z]+://[^/?#@]*(?=[/?#]|$)", target)
        return f"redirected to {where[0] if where else 'another path'}, and not followed further"
    if isinstance(body, dict):
        found = _said(body.get("message")) or _said(body.get("error")) or _said(body.get("code"))
        return found or _phrase(response.status_code)
    if isinstance(body, str) and body.lstrip().startswith("<"):
        return _Headline.of(body) or _phrase(response.status_code)
    return _said(body) or _phrase(response.status_code)


def _said(message: Any) -> str | None:  # noqa: PLR0911 - one line for each form
    match message:
        case str():
            return message.strip()[:1000] or None
        case list():
            return "; ".join(filter(None, map(_said, message))) or None
        case {"constraints": {**constraints}}:
            # class-validator's own objects: they echo the value that was sent, which may be a password
            return "; ".join(map(str, constraints.values()))
        case {"children": [*children]}:  # class-validator's, of a nested object
            return _said(children)
        case {"message": inner}:
            return _said(inner)
        case dict():
            told = {name: value for name, value in message.items() if name not in ("target", "value")}
            return msgspec.json.encode(told).decode()[:1000] if told else None
        case _:
            return None


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return f"status {status}"


class _Headline(HTMLParser):
    """The first title or heading of a page."""

    found = ""
    _inside = False

    @classmethod
    def of(cls, page: str) -> str:
        reader = cls()
        reader.feed(page[:10_000])
        return " ".join(reader.found.split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - html.parser's signature
        self._inside = tag in ("title", "h1") and not self.found

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002
        self._inside = False

    def handle_data(self, data: str) -> None:
        self.found += data if self._inside else ""


def retry_after(response: APIResponse[Any] | Reply, received: datetime) -> float | None:
    """Seconds that the server asks to wait, from whichever header says so.

    Source: RFC 9110 10.2.3 (seconds or a date); a named throttler of Nest adds its name to the header.
    """
    headers = response.headers
    if (milliseconds := _number(headers.get("retry-after-ms"))) is not None:
        return milliseconds / 1000
    asked = [headers[name] for name in headers if name == "retry-after" or name.startswith("retry-after-")]
    # A date is held against the server's own clock, where it shows it: ours may be wrong.
    now = http_date(headers.get("date", "")) or received
    return max((wait for wait in (_wait(text, now) for text in asked) if wait is not None), default=None)


def _wait(text: str, now: datetime) -> float | None:
    if (seconds := _number(text)) is not None:
        return seconds
    until = http_date(text)
    return max(0.0, (until - now).total_seconds()) if until else None


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if 0 <= value < float("inf") else None


def http_date(text: str) -> datetime | None:
    """A date of a header; `None` if it is none."""
    from email.utils import parsedate_to_datetime

    try:
        date = parsedate_to_datetime(text)
        return date if date.tzinfo else date.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def undeclared(response: APIResponse[Any], answer: Any) -> set[str]:
    """Paths of fields that the server sent and the answer's shape does not declare."""
    found: set[str] = set()
    if answer is not None:
        try:
            _compare(response.json(), answer, "$", found)
        except _UNREADABLE:
            return found
    return found


def _compare(value: Any, hint: Any, path: str, found: set[str]) -> None:
    hint = _inner(hint, value)
    origin = get_origin(hint) or hint
    if isinstance(value, list):
        inner = get_args(hint)[:1] or (Any,)
        if isinstance(origin, type) and issubclass(origin, Struct):  # a page that came as a bare array
            _compare({"data": value}, hint, path, found)
            return
        for item in value:
            _compare(item, inner[0], f"{path}[]", found)
    elif isinstance(value, dict) and isinstance(origin, type) and issubclass(origin, Struct):
        declared = {field.encode_name: field.type for field in msgspec.structs.fields(hint)}
        for name, item in value.items():
            if name in declared:
                _compare(item, declared[name], f"{path}.{name}", found)
            else:
                found.add(f"{path}.{name}")
