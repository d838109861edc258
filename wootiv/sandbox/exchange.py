"""Requests as they come in and answers as they go out, with the checks of a body that the engine makes."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, TypeAlias, get_args, get_origin, is_typeddict
from urllib.parse import parse_qsl

import msgspec
from msgspec import UNSET, Struct

from wootiv.binding import Declaration
from wootiv.message import Headers
from wootiv.sandbox.grammar import Parsed, moment, parse
from wootiv.wire.encode import Field, fields_of
from wootiv.wire.words import Misfit, MissingName, UnknownName, options_of, spell

Row: TypeAlias = dict[str, Any]
"""A record, as the wire has it."""


class Request(Struct, frozen=True):
    """A request as it came in."""

    method: str
    path: str
    """Still percent-encoded."""
    query: str
    headers: Headers
    body: bytes

    @property
    def target(self) -> str:
        """Path and query."""
        return f"{self.path}?{self.query}" if self.query else self.path


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


class Incoming(Struct, frozen=True):
    """A request that found its operation."""

    request: Request
    path: Mapping[str, str]
    """The values of the path's parameters, decoded."""
    declaration: Declaration

    def json(self) -> dict[str, Any]:
        """The body as an object, unchecked; raises `Refusal`."""
        kind = self.request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind == "application/x-www-form-urlencoded":
            return dict(parse_qsl(self.request.body.decode(), keep_blank_values=True))
        if not self.request.body or kind != "application/json":
            return {}
        try:
            body = msgspec.json.decode(self.request.body)
        except msgspec.DecodeError as error:
            raise Refusal(400, str(error)) from None
        if not isinstance(body, dict | list):
            raise Refusal(400, "Unexpected token in JSON at position 0")
        return body if isinstance(body, dict) else {}

    def body(self) -> dict[str, Any]:
        """The fields that the operation's body declares; what else was sent is dropped, as the engine does.

        Raises `Refusal` with one text for each field that does not fit.
        """
        return self._checked(self.json(), self.declaration.body)

    def query(self) -> dict[str, Any]:
        """The texts that the operation's query declares, for what reads no list; raises `Refusal`."""
        return self._checked(dict(parse_qsl(self.request.query)), self.declaration.query)

    def parsed(self) -> Parsed:
        """The query, as what reads rows understands it; raises `BadQuery`."""
        return parse(self.request.query)

    def _checked(self, given: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
        faults: list[str] = []
        wanted = [field for name, field in self.declaration.fields.items() if name in names]
        kept = _read(given, wanted, faults)
        if faults:
            raise Refusal(400, faults)
        return kept


Handler: TypeAlias = Callable[[Incoming], Answer]
"""What serves an operation; raises `Refusal`."""


def ok(value: Any, status: int = 200) -> Answer:
    """An answer of JSON."""
    return Answer(status, msgspec.json.encode(value))


def done(method: str) -> Answer:
    """What a handler that returns nothing answers: no body, and 201 for a POST."""
    return Answer(201 if method == "POST" else 200, content_type="")


def stamp(moment: datetime) -> str:
    """A moment as JavaScript writes it: UTC, with milliseconds."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def now() -> str:
    """This moment, as the wire has it."""
    return stamp(datetime.now(UTC))


# -- the texts of class-validator


def _read(given: Mapping[str, Any], fields: Iterable[Field], faults: list[str], path: str = "") -> dict[str, Any]:
    named = [(field, given.get(field.wire, UNSET)) for field in fields]
    return {
        # Class-validator's IsOptional lets null pass.
        field.wire: value if value is None and not field.required else _value(value, field, faults, path + field.wire)
        for field, value in named
        if value is not UNSET or field.required
    }


def _value(value: Any, field: Field, faults: list[str], path: str) -> Any:
    """A value as it is kept; what does not fit adds to the faults."""
    hint = field.hint
    item = get_args(hint)[0] if get_origin(hint) is Sequence else None
    if is_typeddict(hint) and isinstance(value, dict):
        return _read(value, fields_of(hint).values(), faults, f"{path}.")
    if is_typeddict(item):
        return _items(value, item, faults, path)
    if datetime in options_of(hint):
        if (date := _date(value)) is not None:
            return stamp(date)
        faults.append(f"{path} must be a Date instance")
    elif words := [word for option in options_of(hint) if get_origin(option) is Literal for word in get_args(option)]:
        if value not in words:
            faults.append(f"{path} must be one of the following values: {', '.join(words)}")
    elif not _fits(value, field):
        if item is str:
            faults.append(f"each value in {path} must be a string")
        if item is not str or not isinstance(value, list):
            faults.append(f"{path} must be {_kind(hint)}")
    return value


def _items(value: Any, hint: Any, faults: list[str], path: str) -> Any:
    fields = fields_of(hint).values()
    if isinstance(value, dict):  # one object is checked as if it were the list, and then for being one
        before = len(faults)
        _read(value, fields, faults, f"{path}.")
        if len(faults) > before:
            return value
    name = path.rpartition(".")[2]
    none_of_them = f"each value in nested property {name} must be either object or array"
    if name == "bulk" and (not isinstance(value, list) or not value):
        faults.append(f"{path} should not be empty")
    if not isinstance(value, list):
        faults += [f"{path} must be an array"] + ([] if value is UNSET or isinstance(value, dict) else [none_of_them])
    elif not all(isinstance(each, dict | list) for each in value):
        faults.append(f"{path}.{none_of_them}")
    elif value and not any(isinstance(each, dict) for each in value):
        raise Refusal(400, "Empty data. Nothing to save.")
    else:
        return [_item(each, fields, faults, f"{path}.{n}.") for n, each in enumerate(value)]
    return value


def _item(value: Any, fields: Iterable[Field], faults: list[str], path: str) -> dict[str, Any]:
    return _read(value if isinstance(value, dict) else {}, fields, faults, path)


def _date(value: Any) -> datetime | None:
    """What ``new Date`` makes of a value: a number is milliseconds since 1970."""
    if isinstance(value, str):
        date = moment(f"{value}-01-01" if len(value) == 4 else value)
        return date if isinstance(date, datetime) else None
    if not isinstance(value, int | float) or not abs(value) < 1e14:
        return None
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(value))


_MAY_BE_NULL = ("rawContent", "rawParsed")
"""Of what must be given: what the API's description lets be null. A client may say null for more of it."""


def _fits(value: Any, field: Field) -> bool:
    if value is None:
        return field.wire in _MAY_BE_NULL
    try:
        return value is not UNSET and field.encode(value, field.wire) is not UNSET
    except (Misfit, MissingName, UnknownName):
        return False


def _kind(hint: Any) -> str:
    words = spell(hint)
    kinds = {"str": "a string", "int": "a number", "bool": "a boolean value"}
    return "an array" if words.startswith("a list") else kinds.get(words.split(" or ")[0], "an object")
