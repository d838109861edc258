"""Scalars as text: in a path, in a query, in a header."""

import re
from typing import Any
from urllib.parse import quote

import msgspec

from wootiv.wire.plain import built, is_text
from wootiv.wire.words import Misfit, Unfit, describe, kind_of

_HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


def path_text(value: Any, path: str) -> str:
    """A path parameter, percent-encoded whole.

    Empty text, `.` and `..` are refused: on the wire they would name another route.
    """
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise Misfit(path, "str or int", describe(value))
    text = query_text(value, path)
    if text in ("", ".", ".."):
        raise Unfit(path, "neither empty nor '.' nor '..', which name another route", describe(value))
    return quote(text, safe="")


def query_text(value: Any, path: str) -> str:
    """A value as query text: dates as ISO 8601, mappings and lists as JSON; raises `Misfit`."""
    plain = None if isinstance(value, bytes | bytearray | memoryview) else built(value)
    match plain:
        case None:
            raise Misfit(path, "text, a number, a date or JSON data", kind_of(value))
        case bool():
            return "true" if plain else "false"
        case dict() | list() | tuple():
            return msgspec.json.encode(plain).decode()
        case _ if not is_text(str(plain)):
            raise Unfit(path, "text that UTF-8 can hold", describe(value))
        case _:
            return str(plain)


def header_text(name: Any, value: Any, path: str) -> str:
    """The value of a header, without the white space around it, which is no part of it; it is never shown.

    Source: RFC 9110, sections 5.1 and 5.5.
    """
    if not isinstance(name, str) or not _HEADER_NAME.fullmatch(name):
        raise Unfit(path, "a mapping with header names as keys", describe(name))
    if not isinstance(value, str):
        raise Misfit(f"{path}[{name!r}]", "str", kind_of(value))
    if not _HEADER_VALUE.fullmatch(value):
        raise Unfit(f"{path}[{name!r}]", "latin-1 text without control characters", "some that is not")
    return str.__str__(value).strip(" \t")
