"""One call's life: slot, attempt, reply, judgement, and again after a wait."""

import uuid
from collections.abc import Coroutine
from datetime import UTC, datetime
from functools import cache
from typing import Any, Generic, TypeVar
from urllib.parse import quote, urlencode, urljoin, urlsplit

import anyio
import anyio.lowlevel
from msgspec import UNSET, structs

from wootiv.call import Call, Extras, override
from wootiv.engine import log
from wootiv.engine.retry import again, worth_retrying
from wootiv.engine.settings import Settings
from wootiv.engine.transport import Network, never_sent, unreachable
from wootiv.errors import APIConnectionError, APIError, APIStatusError, APITimeoutError
from wootiv.message import APIResponse, Attempt, Form, Outgoing, Pairs, Reply, SentRequest
from wootiv.pages import Fetch
from wootiv.wire.decode import problem
from wootiv.wire.files import rewindable

R = TypeVar("R")

_REDIRECTS = 5


class Engine:
    """What a client, or a view of it, sends with: settings of its own, over connections that they share."""

    def __init__(self, settings: Settings, network: Network) -> None:
        self.settings = settings
        self.network = network

    async def send(self, call: Call[R]) -> APIResponse[R]:
        """Send a call and give its raw answer; raises `APIError`."""
        life: _Life[R] = _Life(self, call)
        limit = call.options.total_timeout
        limit = self.settings.total_timeout if limit is UNSET else limit
        if limit is None:
            return await life.run()
        with anyio.move_on_after(limit) as scope:
            life.deadline = scope.deadline
            return await life.run()
        # A scope of the caller's that ran out at the same time has the say: we never raise in its place.
        await anyio.lowlevel.checkpoint_if_cancelled()
        raise life.out_of_time(limit)

    async def answer(self, call: Call[R]) -> R:
        """Send a call and give its typed answer; raises `APIError`."""
        return (await self.send(call)).parse()

    def fetch(self, call: Call[Any]) -> Fetch[Any]:
        """What gets one page of a list."""

        def get(query: Pairs) -> Coroutine[Any, Any, Any]:
            return self.answer(call.at(query))

        return get


class _Life(Generic[R]):
    """What one call has been through so far."""

    def __init__(self, engine: Engine, call: Call[R]) -> None:
        self.call = call
        self.settings = engine.settings
        self.network = engine.network
        self.deadline = float("inf")
        self.outgoing = _outgoing(call, engine.settings)
        names = dict.fromkeys(name for name, _ in self.outgoing.headers)
        self.request = SentRequest(call.method, self.outgoing.shown_url, tuple(names))
        self._attempts: list[Attempt] = []
        self._begun = self._started = anyio.current_time()
        self._sent = False
        self._failure: APIError | None = None

    async def run(self) -> APIResponse[R]:
        try:
            return await self._attempt()
        except APIError as first:
            if not self._may_retry(first):
                raise
            self._failure = first
        options, settings = self.call.options, self.settings
        try:
            return await again(
                self._attempt,
                self._failure,
                max_retries=settings.max_retries if options.max_retries is UNSET else options.max_retries,
                max_retry_after=settings.max_retry_after,
                deadline=self.deadline,
                given=settings.retrying if options.max_retries is UNSET else None,
                before_wait=self._waits,
            )
        except APIError as last:
            if self._no_time_left(last):
                raise self.out_of_time(self.deadline - self._begun) from last
            raise

    def _may_retry(self, error: APIError) -> bool:
        if self.settings.is_default and unreachable(error):
            error.message = (
                f"nothing listens at {self.settings.base_url}, the default address. base_url= or WOOTIV_BASE_URL says "
                "where the API is; `python -m wootiv sandbox --port 3001` starts one to try things with"
            )
            error.args = (error.message,)
            return False
        body = self.outgoing.body
        if isinstance(body, Form) and not rewindable(body):
            return False  # what was read of it is gone: never send a body twice that is not the same
        return self.settings.retrying is not None or worth_retrying(error)

    def _no_time_left(self, last: APIError) -> bool:
        retries = self.settings.max_retries if self.call.options.max_retries is UNSET else self.call.options.max_retries
        stopped_early = self.settings.retrying is None and len(self._attempts) <= retries and worth_retrying(last)
        too_long = isinstance(last, APIStatusError) and (last.retry_after or 0) > self.settings.max_retry_after
        return self.deadline != float("inf") and stopped_early and not too_long

    def _waits(self, error: APIError, seconds: float) -> None:
        self._attempts[-1] = structs.replace(self._attempts[-1], wait=seconds)
        error.attempts = tuple(self._attempts)
        self._failure = error
        log.waiting(self.call.method, self.call.template, seconds)

    async def _attempt(self) -> APIResponse[R]:
        self._started, self._sent = anyio.current_time(), False
        try:
            reply = await self._exchange()
        except APIConnectionError as error:
            self._note(error=f"{type(error).__name__}: {error.message}", maybe_applied=not never_sent(error))
            error.request, error.attempts = self.request, tuple(self._attempts)
            raise
        self._note(status=reply.status)
        response = APIResponse[R](
            reply.status,
            reply.headers,
            reply.content,
            reply.elapsed,
            self.request,
            tuple(self._attempts),
            self.call.decoder(strict=self.settings.strict),
        )
        log.attempted(self.call.method, self.call.template, self._attempts[-1], response.request_id)
        if not 200 <= reply.status < 300:
            raise problem(response, datetime.now(UTC))
        log.tell_undeclared(response, self.call.template, self.call.answer)
        return response

    def _note(self, *, status: int | None = None, error: str | None = None, maybe_applied: bool = False) -> None:
        now = anyio.current_time()
        attempt = Attempt(
            number=len(self._attempts) + 1,
            started=self._started - self._begun,
            elapsed=now - self._started,
            status=status,
            error=error,
            maybe_applied=maybe_applied and self._sent and self.call.method != "GET",
        )
        self._attempts.append(attempt)
        if error is not None:
            log.attempted(self.call.method, self.call.template, attempt, None)

    async def _exchange(self) -> Reply:
        """One request and what it is redirected to, within the origin: the key goes nowhere else."""
        outgoing = self.outgoing
        secret = {} if self.settings.api_key is None else {"Authorization": f"Bearer {self.settings.api_key}"}
        timeouts = self.settings.timeout if self.call.options.timeout is UNSET else self.call.options.timeout
        if any(name.lower() == "authorization" for name, _ in _extras(self.call, self.settings)):
            secret = {}  # the caller's own wins
        reply = await self.network.attempt(outgoing, secret, timeouts, self._goes_out)
        for _ in range(_REDIRECTS):
            target = _redirect(outgoing, reply)
            if target is None:
                break
            outgoing = target
            reply = await self.network.attempt(outgoing, secret, timeouts, self._goes_out)
        return reply

    def _goes_out(self) -> None:
        self._sent = True

    def out_of_time(self, limit: float) -> APITimeoutError:
        """The error of a call whose `total_timeout` ran out."""
        under_way = len(self._attempts) == 0 or self._started > self._begun + self._attempts[-1].started
        if under_way:
            self._note(error=f"cut off by total_timeout={limit:g}", maybe_applied=True)
        error = APITimeoutError(
            f"total_timeout of {limit:g} s ran out", request=self.request, attempts=tuple(self._attempts)
        )
        error.__cause__ = self._failure
        return error


def _outgoing(call: Call[Any], settings: Settings) -> Outgoing:
    query = override(settings.query, call.query) if settings.query else call.query
    hidden = call.secret_query | {name for name, _ in settings.query}
    shown = tuple((name, "***" if name in hidden else value) for name, value in query)
    return Outgoing(
        method=call.method,
        url=_url(settings.base_url, call.path, query),
        headers=_headers(call, settings),
        body=call.body,
        template=call.template,
        shown_url=_url(_without_user(settings.base_url), call.shown_path, shown),
    )


def _url(base: str, path: str, query: Pairs) -> str:
    return f"{base}{path}?{urlencode(query, quote_via=quote, safe='*')}" if query else f"{base}{path}"


def _without_user(url: str) -> str:
    split = urlsplit(url)
    return split._replace(netloc=split.netloc.rpartition("@")[2]).geturl()


@cache
def _user_agent() -> str:
    from importlib.metadata import version

    return f"wootiv-python/{version('wootiv')}"


def _headers(call: Call[Any], settings: Settings) -> Pairs:
    headers: dict[str, tuple[str, str | None]] = {}
    for name, value in (*_own_headers(call), *_extras(call, settings)):
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


def _extras(call: Call[Any], settings: Settings) -> Extras:
    return (*settings.headers, *call.options.extra_headers)


def _redirect(outgoing: Outgoing, reply: Reply) -> Outgoing | None:
    """Where a redirect leads, if it stays within the origin.

    Source: RFC 9110 15.4: 307 and 308 repeat the request, the others of a write become a read.
    """
    if reply.status not in (301, 302, 303, 307, 308) or "location" not in reply.headers:
        return None
    url = urljoin(outgoing.url, reply.headers["location"])
    if _origin(url) != _origin(outgoing.url):
        return None
    if reply.status in (307, 308) or outgoing.method in ("GET", "HEAD"):
        return structs.replace(outgoing, url=url)
    return structs.replace(outgoing, url=url, method="GET", body=None)


def _origin(url: str) -> tuple[str, str | None, int | None]:
    split = urlsplit(url)
    return split.scheme, split.hostname, split.port or {"http": 80, "https": 443}.get(split.scheme)
