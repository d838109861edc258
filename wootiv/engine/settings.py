"""How a client is set up: read and checked at construction, shared by nobody, replaced by views."""

import ipaddress
import math
import os
import re
from collections.abc import Mapping
from typing import Any, NoReturn, TypedDict
from urllib.parse import urlsplit

from msgspec import Struct, structs
from tenacity import AsyncRetrying

from wootiv.call import Extras, TimeoutLike, read_headers, read_query, read_retries, read_seconds, read_timeout
from wootiv.caller import warn
from wootiv.engine.pools import NetworkOptions, Proxies, Transport, Verify, check_network, routes
from wootiv.message import Pairs, Timeouts
from wootiv.wire.words import Misfit, Unfit, describe, nearest

ENVIRONMENTS: dict[str, str] = {
    "production": "http://localhost:3001",
    "environment_1": "https://dev.wootiv.com",
}
"""Base URLs by the name of an environment, read when a client is made.

Source: the published client 0.0.1, which knows no other host."""


class ViewOptions(TypedDict, total=False):
    """What `with_options` can change."""

    api_key: str
    """Sent as a bearer token; else the environment variable `WOOTIV_API_KEY`."""
    anonymous: bool
    """Send no key, as login and signup need none."""
    environment: str
    """One of `wootiv.ENVIRONMENTS`, `"production"` unless given."""
    base_url: str
    """Where the API is; wins over `environment`. Else the environment variable `WOOTIV_BASE_URL`."""
    timeout: float | TimeoutLike | None
    """Seconds for each phase of an attempt, 60 unless given; `None` sets no limit; or an `httpx.Timeout`."""
    total_timeout: float | None
    """Seconds for a whole call, with its waits and retries; no limit unless given."""
    max_retries: int
    """How many more attempts may follow a call's first, 2 unless given."""
    max_retry_after: float
    """The longest wait, in seconds, that a server may ask for, 60 unless given; above it its error is raised."""
    max_rate: float | None
    """Requests a second that are sent at most, evenly spread; no limit unless given."""
    retrying: AsyncRetrying | None
    """tenacity's own object: its `stop`, `wait` and `retry` in place of ours."""
    default_headers: Mapping[str, str | None]
    """Sent with every request; a view's are merged with its client's. `None` leaves one out."""
    default_query: Mapping[str, object]
    """Sent with every request; a view's are merged with its client's."""
    strict: bool
    """Raise `APIResponseValidationError` for a field that does not fit its declared type, instead of keeping it."""


class WithOptions(ViewOptions, total=False):
    """Arguments of `with_options`."""

    set_default_headers: Mapping[str, str | None]
    """In place of all that the client sends by default."""
    set_default_query: Mapping[str, object]
    """In place of all that the client sends by default."""


class ClientOptions(ViewOptions, total=False):
    """Arguments of both clients."""

    transport: Transport | None
    """An `httpx` transport of your own; a blocking one runs in a worker thread."""
    proxies: Proxies | None
    """The address of a proxy, or a mapping of URL patterns to addresses as `httpx` has them; else the environment's."""
    verify: Verify
    """Whether to check certificates; or the path of a bundle, or an `ssl.SSLContext`."""
    max_connections: int
    """How many requests may be under way at once, 64 unless given."""


class Settings(Struct, frozen=True):
    """What a client, or a view of it, sends with."""

    base_url: str
    is_default: bool
    """Whether nobody said where the API is."""
    api_key: str | None
    timeout: Timeouts
    total_timeout: float | None
    max_retries: int
    max_retry_after: float
    max_rate: float | None
    retrying: AsyncRetrying | None
    headers: Extras
    query: Pairs
    strict: bool

    def __repr__(self) -> str:
        return f"Settings(base_url={self.base_url!r})"

    def __reduce__(self) -> NoReturn:
        message = "a client holds its API key, so it cannot be pickled: pickle its calls, or make a client anew"
        raise TypeError(message)


def first_settings(given: Mapping[str, Any]) -> Settings:
    """The settings of a new client; raises `TypeError` or `ValueError`."""
    base_url = given.get("base_url")
    environment = given.get("environment")
    if base_url is None and environment is None:
        base_url = os.environ.get("WOOTIV_BASE_URL") or None
    settings = Settings(
        base_url=ENVIRONMENTS["production"],
        is_default=base_url is None,
        api_key=None,
        timeout=Timeouts(60.0, 60.0, 60.0),
        total_timeout=None,
        max_retries=2,
        max_retry_after=60.0,
        max_rate=None,
        retrying=None,
        headers=(),
        query=(),
        strict=False,
    )
    known = {name: value for name, value in given.items() if name in WithOptions.__annotations__ and name != "base_url"}
    settings = changed_settings(settings, {**known, **({} if base_url is None else {"base_url": base_url})})
    if settings.api_key is None and not given.get("anonymous"):
        settings = structs.replace(settings, api_key=_key_of_environment())
    return settings


def changed_settings(settings: Settings, given: Mapping[str, Any]) -> Settings:
    """The settings with some changed; raises `TypeError` or `ValueError`."""
    try:
        changes = _changes(settings, given)
    except Misfit as error:
        raise _plain(error) from None
    if "base_url" in changes:
        _warn_of_plain_http(changes["base_url"])
    return structs.replace(settings, **changes)


def _plain(error: Misfit) -> TypeError | ValueError:
    return (ValueError if isinstance(error, Unfit) else TypeError)(str(error))


def _changes(settings: Settings, given: Mapping[str, Any]) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    if given.get("environment") is not None:
        changes |= {"base_url": _environment(given["environment"]), "is_default": given["environment"] == "production"}
    if given.get("base_url") is not None:
        changes |= {"base_url": _base_url(given["base_url"]), "is_default": False}
    if _flag(given.get("anonymous", False), "anonymous"):
        if given.get("api_key") is not None:
            raise Unfit("anonymous", "False beside an api_key", "True")
        changes["api_key"] = None
    elif given.get("api_key") is not None:
        changes["api_key"] = _api_key(given["api_key"])
    readers = {
        "timeout": read_timeout,
        "total_timeout": read_seconds,
        "max_retries": read_retries,
        "max_retry_after": _max_retry_after,
        "max_rate": _max_rate,
        "retrying": _retrying,
        "strict": _flag,
    }
    changes |= {name: read(given[name], name) for name, read in readers.items() if name in given}
    for name in ("headers", "query"):
        if (value := _merged(settings, given, name)) is not None:
            changes[name] = value
    return changes


def _merged(settings: Settings, given: Mapping[str, Any], name: str) -> Any:
    more, all_of_it = f"default_{name}", f"set_default_{name}"
    if more in given and all_of_it in given:
        raise Unfit(all_of_it, f"left out beside {more}: one merges, the other replaces", "both")
    read = read_headers if name == "headers" else read_query
    if all_of_it in given:
        return read(given[all_of_it] or {}, all_of_it)
    if given.get(more) is None:
        return None
    added: tuple[tuple[str, Any], ...] = read(given[more], more)
    names = {key.lower() if name == "headers" else key for key, _ in added}
    old: tuple[tuple[str, Any], ...] = getattr(settings, name)
    return (*(pair for pair in old if (pair[0].lower() if name == "headers" else pair[0]) not in names), *added)


def _key_of_environment() -> str:
    key = os.environ.get("WOOTIV_API_KEY")
    if key is None:
        message = "no API key: give api_key=, or set WOOTIV_API_KEY; anonymous=True sends none"
        raise ValueError(message)
    try:
        return _api_key(key, "WOOTIV_API_KEY")
    except Misfit as error:
        raise _plain(error) from None


def _api_key(given: Any, path: str = "api_key") -> str:
    if not isinstance(given, str):
        raise Misfit(path, "str", f"a value of type {type(given).__name__}")
    # A space inside is let through: the published page shows one, and what it is worth the server says.
    if not re.fullmatch(r"[\x20-\x7e\xa1-\xff]+", given) or given != given.strip():
        broken = "white space at an end" if given != given.strip() else "characters that no header can hold"
        expected = "latin-1 text without control characters or white space around it"
        raise Unfit(path, expected, f"text with {broken}" if given else "empty text")
    return given


def _environment(given: Any) -> str:
    if not isinstance(given, str) or given not in ENVIRONMENTS:
        raise Unfit("environment", "one of " + ", ".join(map(repr, ENVIRONMENTS)), describe(given))
    return _base_url(ENVIRONMENTS[given])


def _base_url(given: Any) -> str:
    text = given if isinstance(given, str) else str(given) if type(given).__name__ == "URL" else None
    if text is None:
        raise Misfit("base_url", "str", describe(given))
    expected = "an address such as https://host:port/path"
    try:
        split = urlsplit(text)
        port_is_fine = split.port is None or split.port > 0
    except ValueError as error:
        raise Unfit("base_url", expected, f"{describe(_without_password(text))}: {error}".rstrip(": ")) from None
    if split.query or split.fragment:
        expected += ", with no query (default_query sends one)"
        raise Unfit("base_url", expected, describe(_without_password(text)))
    malformed = split.scheme not in ("http", "https") or not split.hostname
    if malformed or not port_is_fine or re.search(r"[\s\x00-\x1f]", text):
        raise Unfit("base_url", expected, describe(_without_password(text)))
    if "@" in split.netloc:
        raise Unfit(
            "base_url", "an address with no user in it: the key is all that is sent", describe(_without_password(text))
        )
    return text.rstrip("/")


def _without_password(url: str) -> str:
    return re.sub(r"//[^/@]*@", "//", url)


def _max_retry_after(given: Any, path: str) -> float:
    seconds = read_seconds(given, path)
    return float("inf") if seconds is None else seconds


def _max_rate(given: Any, path: str) -> float | None:
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, int | float):
        raise Misfit(path, "a number of requests per second or None", describe(given))
    if not given > 0:
        raise Unfit(path, "a number of requests per second, above 0", describe(given))
    return None if math.isinf(given) else float(given)


def _retrying(given: Any, path: str) -> AsyncRetrying | None:
    if given is not None and not isinstance(given, AsyncRetrying):
        raise Misfit(path, "a tenacity.AsyncRetrying or None", describe(given))
    return given


def _flag(given: Any, path: str) -> bool:
    if not isinstance(given, bool):
        raise Misfit(path, "True or False", describe(given))
    return given


def check_names(given: Mapping[str, Any], known: type, name: str) -> None:
    """Raise `TypeError` for an option that is not there, with the nearest one that is."""
    for option in given:
        if option not in known.__annotations__ and option in NetworkOptions.__struct_fields__:
            raise TypeError(f"{name}: {option} belongs to the connections, which a view shares: make a new client")
        if option not in known.__annotations__:
            message = f"{name}: unknown argument '{option}'{nearest(option, known.__annotations__)}"
            raise TypeError(message)


def network_options(given: Mapping[str, Any]) -> NetworkOptions:
    """What the connections are made of; raises `TypeError` or `ValueError`, and warns of a transport left idle."""
    options = NetworkOptions(**{name: given[name] for name in NetworkOptions.__struct_fields__ if name in given})
    try:
        if read_retries(options.max_connections, "max_connections") == 0:
            raise Unfit("max_connections", "1 or more", "0")
    except Misfit as error:
        raise _plain(error) from None
    check_network(options.transport, options.proxies, options.verify)
    served = {address for address, proxy in routes(options.proxies).items() if proxy is not None}
    if options.transport is not None and ("all://" in served or served >= {"http://", "https://"}):
        warn("transport= is never used: proxies= leaves it no address")
    return options


_warned: set[str] = set()


def _warn_of_plain_http(base_url: str) -> None:
    """Warn, once a host, that a key would cross the public network in the clear."""
    split = urlsplit(base_url)
    host = split.hostname or ""
    if split.scheme == "http" and _is_public(host) and host not in _warned:
        _warned.add(host)
        warn(f"{host} is asked over plain http: the API key can be read on the way, use https")


def _is_public(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        return "." in host and not host.endswith((".localhost", ".local", ".internal", ".test", ".invalid", ".lan"))
