"""What a field can be compared with, and how the wire has it.

Source: in `s` JSON goes to the database as it is. In `filter` RequestQueryParser makes numbers, booleans and dates of
what looks like one, unless it is quoted; the empty text it refuses.
"""

import json
import math
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Any, TypeAlias
from uuid import UUID

from wootiv.conditions import Untranslatable, reading
from wootiv.wire.plain import exact, is_text
from wootiv.wire.words import describe

Value: TypeAlias = str | int | float | Decimal | date | UUID | Enum
"""What a field can be compared with; a `bool` is an `int`, a `datetime` a `date`."""
Scalar: TypeAlias = str | int | float | Decimal | date
"""A value as a condition keeps it."""

_SAFE = 2**53 - 1  # JavaScript has doubles only: beyond, integers lose their last digits


def scalar(value: object, place: str) -> Scalar:
    """A value as a condition keeps it; raises `TypeError`, or `ValueError` for what the wire cannot hold."""
    match value:
        case Enum():
            return scalar(value.value, place)
        case str() if is_text(value):
            return str.__str__(value)
        case str():
            message = f"{place}: text that UTF-8 can hold was expected, got {value!a}"
            raise ValueError(message)
        case int() | float() | Decimal():
            return _number(value, place)
        case datetime():
            return _moment(value, place)
        case date():
            return date(value.year, value.month, value.day)
        case UUID():
            return str(value)
        case _:
            known = "text, numbers, booleans, dates, UUIDs and enums"
            hint = "; is_null() and not_null() ask for null" if value is None else ""
            message = f"{place}: compares with {known}, got {describe(value)}{hint}"
            raise TypeError(message)


def _number(value: float | Decimal, place: str) -> Scalar:
    if not (isinstance(value, int) or (value.is_finite() if isinstance(value, Decimal) else math.isfinite(value))):
        message = f"{place}: JSON has no {value}"
        raise ValueError(message)
    plain: Scalar = exact(value)
    return plain


def words(value: object, place: str) -> str:
    """Text as a condition keeps it, for what compares text alone; raises `TypeError` or `ValueError`."""
    kept = scalar(value, place)
    if not isinstance(kept, str):
        message = f"{place}: compares with text, got {describe(value)}"
        raise TypeError(message)
    return kept


def _moment(value: datetime, place: str) -> datetime:
    if value.utcoffset() is None:
        message = f"{place}: a datetime needs a time zone, such as tzinfo=UTC, got {value!r}"
        raise ValueError(message)
    try:
        at = value.astimezone(UTC)
    except OverflowError:
        message = f"{place}: a datetime must be between the years 1 and 9999 in UTC, got {value!r}"
        raise ValueError(message) from None
    return datetime(at.year, at.month, at.day, at.hour, at.minute, at.second, at.microsecond, UTC)


def in_search(value: Scalar) -> Any:
    """A value as the JSON of `s` has it. A number that a double cannot hold goes as the text of its digits."""
    match value:
        case datetime():
            return _iso(value)
        case date():
            return _iso(datetime.combine(value, time(), UTC))  # without a zone, the database would take its own
        case Decimal():
            return in_search(float(value)) if Decimal(repr(float(value))) == value else str(value)
        case float():
            return int(value) if value.is_integer() and abs(value) <= _SAFE else value
        case int():
            return value if abs(value) <= _SAFE else str(value)
        case _:
            return value


def in_filter(value: Scalar, *, listed: bool) -> str | None:
    """A value as `filter` and `or` have it, one of a list or alone; `None` if they cannot hold it."""
    if is_dated(value):
        return str(in_search(value))
    plain = in_search(value)
    if isinstance(plain, str):
        return _literal(plain, listed=listed)
    text = json.dumps(plain)
    return text if _read(text) == (type(plain), plain) else None


def is_dated(value: Scalar) -> bool:
    """Whether the parser can make a date of it, in `filter`: its dates have milliseconds."""
    return isinstance(value, date) and not (isinstance(value, datetime) and value.microsecond % 1000)


def _iso(value: datetime) -> str:
    digits = "seconds" if not value.microsecond else "microseconds" if value.microsecond % 1000 else "milliseconds"
    return value.isoformat(timespec=digits).replace("+00:00", "Z")


def _literal(text: str, *, listed: bool) -> str | None:
    """Text as it stands where the parser reads it back so; else as quoted JSON, with the delimiters escaped."""
    if not text:
        return None
    if "||" not in text and not (listed and "," in text) and _read(text) == (str, text):
        return text
    quoted = json.dumps(text, ensure_ascii=False).replace("|", "\\u007c")
    return quoted.replace(",", "\\u002c") if listed else quoted


def _read(text: str) -> tuple[type, Any] | None:
    try:
        read = reading(text)
    except Untranslatable:
        return None
    return type(read), read
