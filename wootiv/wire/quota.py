"""What a server's headers say of its rate limit."""

import re

from msgspec import Struct

from wootiv.message import Headers


class Quota(Struct, frozen=True):
    """One limit, as one answer tells of it."""

    name: str
    """Of the limit, where a server has several; else empty."""
    limit: int | None
    """How many requests it lets through in all; `None` if the server does not say."""
    remaining: int
    """How many of them are left."""
    reset: float
    """Seconds until there are more."""


_UNKNOWN = 1.0
"""Seconds until there are more, where a server does not say."""
_EPOCH = 1e9
"""A reset above it is no number of seconds from now, but a time since 1970."""

_FIELD = re.compile(r"(?:x-)?rate-?limit-(limit|remaining|reset)(?:-(.+))?")
_NUMBER = re.compile(r"\s*(\d{1,12}(?:\.\d+)?)\s*(?:[,;].*)?", re.ASCII)
_PARAMETER = re.compile(r";\s*([a-z]+)=(\d{1,12}(?:\.\d+)?)(?=\s*(?:;|$))", re.ASCII)


def quotas(headers: Headers, now: float) -> list[Quota]:
    """The limits that an answer's headers tell of, at `now` in seconds since 1970.

    Source: `X-RateLimit-*` of @nestjs/throttler, where a named throttler adds its name and a reset is in seconds from
    now; and `RateLimit` with `RateLimit-Policy` of draft-ietf-httpapi-ratelimit-headers-10.
    """
    found: dict[str, dict[str, float]] = {}
    for header in headers:
        if "limit" not in header:
            continue
        if match := _FIELD.fullmatch(header):
            if number := _NUMBER.fullmatch(headers[header]):
                found.setdefault(match[2] or "", {})[match[1]] = float(number[1])
        elif header in ("ratelimit", "ratelimit-policy"):
            for name, said in _items(headers[header]):
                found.setdefault(name, {}).update(said)
    return [_quota(name, said, now) for name, said in found.items() if "remaining" in said]


_MEANS = {"r": "remaining", "t": "reset", "q": "limit"}


def _items(text: str) -> list[tuple[str, dict[str, float]]]:
    """The policies in a list such as `"minute";r=5;t=30, "day";r=900;t=3600`."""
    items: list[tuple[str, dict[str, float]]] = []
    for item in text.split(","):
        name = item.partition(";")[0].strip().strip('"')
        items.append((name, {_MEANS[key]: float(value) for key, value in _PARAMETER.findall(item) if key in _MEANS}))
    return items


def _quota(name: str, said: dict[str, float], now: float) -> Quota:
    reset = said.get("reset", _UNKNOWN)
    if reset > _EPOCH:
        reset = max(0.0, reset - now)
    limit = said.get("limit")
    return Quota(name, None if limit is None else int(limit), int(said["remaining"]), reset)
