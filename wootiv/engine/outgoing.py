"""From a call to the request that goes out, and on to where it is redirected. Pure."""

import uuid
from functools import cache
from typing import Any
from urllib.parse import quote, unquote, urlencode, urljoin, urlsplit

from msgspec import json, structs

from wootiv.call import Call, Extras
from wootiv.conditions import override
from wootiv.engine.settings import Settings
from wootiv.message import Form, Outgoing, Pairs, Reply
from wootiv.wire.files import rewindable

LONGEST = 65536
"""Characters of an address: httpx takes no more. The service itself answers 431 from 16 KiB on, with all headers."""
_CONDITIONS = frozenset({"s", "filter", "or"})


def outgoing(call: Call[Any], settings: Settings) -> Outgoing:
    """The request of a call, as a client with these settings sends it; raises `ValueError` if it cannot."""
    query = override(settings.query, _query(call, settings)) if settings.query else call.query
    hidden = call.secret_query | {name for name, _ in settings.query}
    if hidden & _CONDITIONS:
        hidden |= _CONDITIONS  # what the client sends as one may have been joined to another
    shown = tuple((name, "***" if name in hidden else value) for name, value in query)
    url = _url(settings.base_url, call.path, query)
    if len(url) > LONGEST:
        expected = f"an address of {LONGEST:,} characters at most, got one of {len(url):,}"
        message = f"{call.operation}: expected {expected}: split what it asks for, such as the values of in_"
        raise ValueError(message)
    return Outgoing(
        method=call.method,
        url=url,
        headers=_headers(call, settings),
        body=call.body,
        template=call.template,
        shown_url=_url(settings.base_url, call.shown_path, shown),
    )


def _query(call: Call[Any], settings: Settings) -> Pairs:
    # What a list says of itself is joined with what the client sends by default; of its later pages it was already.
    starts = call.cursor if call.cursor and call.query == call.cursor.query else None
    return starts.within(settings.query).query if starts else call.query


def without_secrets(text: str, call: Call[Any]) -> str:
    """A server's own words, which may repeat the path of a request, or what its body or query held."""
    pairs = zip(call.path.split("/"), call.shown_path.split("/"), strict=False)
    secrets = [segment for segment, shown in pairs if shown == "***"]
    secrets += [value for name, value in call.query if name in call.secret_query]
    if isinstance(call.body, bytes) and call.secret_query:
        body = json.decode(call.body)
        secrets += [value for name, value in body.items() if name in call.secret_query and isinstance(value, str)]
    for secret in sorted({form for one in secrets for form in (one, unquote(one)) if form}, key=len, reverse=True):
        text = text.replace(secret, "***")
    return text


def _url(base: str, path: str, query: Pairs) -> str:
    return f"{base}{path}?{urlencode(query, quote_via=quote, safe='*')}" if query else f"{base}{path}"


@cache
def _user_agent() -> str:
    from importlib.metadata import version

    return f"wootiv-python/{version('wootiv')}"


def _headers(call: Call[Any], settings: Settings) -> Pairs:
    headers: dict[str, tuple[str, str | None]] = {}
    for name, value in (*_own_headers(call), *extras(call, settings)):
        headers[name.lower()] = (name, value)
    return tuple((name, value) for name, value in headers.values() if value is not None)


def _own_headers(call: Call[Any]) -> Extras:
    own: list[tuple[str, str | None]] = [("Accept", "application/json"), ("User-Agent", _user_agent())]
    own.append(("Accept-Encoding", "gzip, deflate"))
    if isinstance(call.body, bytes):
        own.append(("Content-Type", "application/json"))
    if call.method != "GET":
        own.append(("Idempotency-Key", call.options.idempotency_key or f"wootiv-{uuid.uuid4()}"))
    return tuple(own)


def extras(call: Call[Any], settings: Settings) -> Extras:
    """Headers of the caller's own: they win over ours."""
    return (*settings.headers, *call.options.extra_headers)


def redirect(outgoing: Outgoing, reply: Reply) -> Outgoing | None:
    """Where a redirect leads, if it stays within the origin.

    Source: RFC 9110 15.4: 303 asks for a read, 301 and 302 make one of a POST, and else the request is repeated.
    """
    if reply.status not in (301, 302, 303, 307, 308) or "location" not in reply.headers:
        return None
    try:
        url = urljoin(outgoing.url, reply.headers["location"])
        if _origin(url) != _origin(outgoing.url):
            return None
    except ValueError:  # no address at all
        return None
    becomes_read = reply.status == 303 or (reply.status in (301, 302) and outgoing.method == "POST")
    if becomes_read and outgoing.method not in ("GET", "HEAD"):
        headers = tuple(pair for pair in outgoing.headers if pair[0].lower() not in ("content-type", "idempotency-key"))
        return structs.replace(outgoing, url=url, method="GET", body=None, headers=headers)
    if isinstance(outgoing.body, Form) and not rewindable(outgoing.body):
        return None  # what was read of it is gone
    return structs.replace(outgoing, url=url)


def _origin(url: str) -> tuple[str, str, str | None, int | None]:
    split = urlsplit(url)
    port = split.port or {"http": 80, "https": 443}.get(split.scheme)
    return split.scheme, split.netloc.rpartition("@")[0], split.hostname, port
