"""Bytes to typed answers: straight into structs, and where that fails row by row, keeping what fits."""

import logging
import types
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from html.parser import HTMLParser
from http import HTTPStatus
from typing import Annotated, Any, Generic, TypeVar, Union, cast, get_args, get_origin

import msgspec
from msgspec import Struct

from wootiv.errors import APIResponseValidationError, APIStatusError, status_error
from wootiv.message import APIResponse

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
            return _decoder(self.answer).decode(response.content), ()
        except msgspec.ValidationError as error:
            if self.strict:
                raise APIResponseValidationError(
                    f"odd field: {error}", response=response, body=response.json()
                ) from error
            return self._keep_what_fits(response)
        except msgspec.DecodeError as error:
            raise APIResponseValidationError(_not_json(response), response=response, body=response.text) from error

    def _keep_what_fits(self, response: APIResponse[R]) -> tuple[R, tuple[str, ...]]:
        odd: list[str] = []
        answer = fit(response.json(), self.answer, "$", odd)
        for path in odd:
            _tell(f"{response.request.method} {path}: does not fit its declared type, kept as it came")
        return answer, tuple(odd)


@cache
def _decoder(answer: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(answer)


def _tell(text: str) -> None:
    if text not in _told:
        _told.add(text)
        _log.warning(text)


def _not_json(response: APIResponse[Any]) -> str:
    kind = response.headers.get("content-type", "none")
    what = "an empty body" if not response.content else f"{len(response.content)} bytes that are no JSON"
    return f"expected JSON, got {what} (content type {kind}, status {response.status_code})"


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
    except msgspec.DecodeError:
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
    if isinstance(body, dict):
        found = _said(body.get("message")) or _said(body.get("error")) or _said(body.get("code"))
        return found or _phrase(response.status_code)
    if isinstance(body, str) and "<" in body[:200]:
        return _Headline.of(body) or _phrase(response.status_code)
    return _said(body) or _phrase(response.status_code)


def _said(message: Any) -> str | None:
    match message:
        case str():
            return message.strip()[:1000] or None
        case list():
            return "; ".join(filter(None, map(_said, message))) or None
        case {"constraints": {**constraints}}:
            # class-validator's own objects: they echo the value that was sent, which may be a password
            return "; ".join(map(str, constraints.values()))
        case {"message": inner}:
            return _said(inner)
        case dict() if message:
            return msgspec.json.encode(message).decode()[:1000]
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


def retry_after(response: APIResponse[Any], received: datetime) -> float | None:
    """Seconds that the server asks to wait, from whichever header says so.

    Source: RFC 9110 10.2.3 (seconds or a date); a named throttler of Nest adds its name to the header.
    """
    headers = response.headers
    if (milliseconds := _number(headers.get("retry-after-ms"))) is not None:
        return milliseconds / 1000
    asked = [headers[name] for name in headers if name == "retry-after" or name.startswith("retry-after-")]
    # A date is held against the server's own clock, where it shows it: ours may be wrong.
    now = _http_date(headers.get("date", "")) or received
    return max((wait for wait in (_wait(text, now) for text in asked) if wait is not None), default=None)


def _wait(text: str, now: datetime) -> float | None:
    if (seconds := _number(text)) is not None:
        return seconds
    until = _http_date(text)
    return max(0.0, (until - now).total_seconds()) if until else None


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if 0 <= value < float("inf") else None


def _http_date(text: str) -> datetime | None:
    from email.utils import parsedate_to_datetime

    try:
        return parsedate_to_datetime(text).astimezone()
    except ValueError:
        return None


def undeclared(response: APIResponse[Any], answer: Any) -> set[str]:
    """Paths of fields that the server sent and the answer's shape does not declare."""
    found: set[str] = set()
    if answer is not None:
        try:
            _compare(response.json(), answer, "$", found)
        except msgspec.DecodeError:
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
