"""One call's life: slot, attempt, reply, judgement, and again after a wait."""

import uuid
from collections.abc import Coroutine
from datetime import UTC, datetime
from functools import cache
from typing import Any, Generic, TypeVar
from urllib.parse import quote, unquote, urlencode, urljoin, urlsplit

import anyio
import anyio.lowlevel
from msgspec import UNSET, json, structs

from wootiv.call import Call, Extras
from wootiv.cursor import Cursor, begin
from wootiv.engine import log
from wootiv.engine.network import Network
from wootiv.engine.pools import is_direct
from wootiv.engine.retry import again, rules, worth_retrying
from wootiv.engine.settings import Settings
from wootiv.engine.transport import never_sent, unreachable
from wootiv.errors import APIConnectionError, APIError, APIStatusError, APITimeoutError, ClientStateError
from wootiv.message import APIResponse, Attempt, Form, Outgoing, Pairs, Reply, SentRequest
from wootiv.pages import Fetch
from wootiv.query import override
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
        self.network.check_process()
        limit = call.options.total_timeout
        limit = self.settings.total_timeout if limit is UNSET else limit
        life: _Life[R] = _Life(self, call, limit)
        if limit is None:
            return await life.run(float("inf"))
        with anyio.move_on_after(limit) as scope:
            return await life.run(scope.deadline)
        # A scope of the caller's that ran out at the same time has the say: we never raise in its place.
        await anyio.lowlevel.checkpoint_if_cancelled()
        raise life.cut_off()

    async def answer(self, call: Call[R]) -> R:
        """Send a call and give its typed answer; raises `APIError`."""
        return (await self.send(call)).parse()

    def start_of(self, call: Call[Any]) -> Cursor:
        """Where a list starts, with what this client sends by default among its conditions."""
        cursor = call.cursor or begin("whole", call.query)
        return cursor.within(self.settings.query)

    def fetch(self, call: Call[Any]) -> Fetch[Any]:
        """What gets one page of a list."""

        def get(query: Pairs) -> Coroutine[Any, Any, Any]:
            return self.answer(call.at(query))

        return get


class _Life(Generic[R]):
    """What one call has been through so far."""

    def __init__(self, engine: Engine, call: Call[R], limit: float | None) -> None:
        self.call = call
        self.settings = engine.settings
        self.network = engine.network
        self.limit = limit
        self.outgoing = _outgoing(call, engine.settings)
        names = dict.fromkeys(name for name, _ in self.outgoing.headers)
        self.request = SentRequest(call.method, self.outgoing.shown_url, tuple(names))
        self._attempts: list[Attempt] = []
        self._begun = anyio.current_time()
        self._gone_out: float | None = None
        """When the attempt that is under way got its connection."""
        self._failure: APIError | None = None

    async def run(self, deadline: float) -> APIResponse[R]:
        """Attempt it until there is an answer, or no more attempt may be made."""
        try:
            return await self._attempt()
        except (APIConnectionError, APIStatusError) as error:
            if self.network.closed:
                raise self._closed_meanwhile() from error.__cause__
            if self.settings.is_default and unreachable(error) and self._goes_direct():
                raise self._nothing_listens() from error.__cause__
            if not self._may_try_again(error):
                raise
            self._failure = failure = error
        retries = self.call.options.max_retries
        given = self.settings.retrying
        default = self.settings.max_retries if given is None else None
        return await again(
            self._attempt,
            failure,
            by=rules(given, default if retries is UNSET else retries),
            max_retry_after=self.settings.max_retry_after,
            deadline=deadline,
            too_late=self._out_of_time,
            before_wait=self._waits,
        )

    def _may_try_again(self, error: APIError) -> bool:
        body = self.outgoing.body
        if isinstance(body, Form) and not rewindable(body):
            return False  # what was read of it is gone: never send a body twice that is not the same
        return self.settings.retrying is not None or worth_retrying(error)

    def _waits(self, error: APIError, seconds: float) -> None:
        self._attempts[-1] = structs.replace(self._attempts[-1], wait=seconds)
        error.attempts = tuple(self._attempts)
        self._failure = error
        log.waiting(self.call.method, self.call.template, seconds)

    async def _attempt(self) -> APIResponse[R]:
        try:
            reply = await self._exchange()
        except APIConnectionError as error:
            self._note(error=f"{type(error).__name__}: {error.message}", maybe_applied=not never_sent(error))
            error.request, error.attempts = self.request, tuple(self._attempts)
            # A scope of the caller's that ran out together with a limit of the attempt has the say.
            await anyio.lowlevel.checkpoint_if_cancelled()  # noqa: ASYNC120 - it drops the error on purpose
            raise
        elapsed = self._note(status=reply.status)
        response = APIResponse[R](
            reply.status,
            reply.headers,
            reply.content,
            elapsed,
            self.request,
            tuple(self._attempts),
            self.call.decoder(strict=self.settings.strict),
        )
        log.attempted(self.call.method, self.call.template, self._attempts[-1], response.request_id)
        if not 200 <= reply.status < 300:
            refused = problem(response, datetime.now(UTC))
            refused.message = _without_secrets(refused.message, self.call)
            refused.args = (refused.message,)
            raise refused
        log.tell_undeclared(response, self.call.template, self.call.answer)
        return response

    def _note(self, *, status: int | None = None, error: str | None = None, maybe_applied: bool = False) -> float:
        """Keep the attempt that has ended, and give the seconds that it took."""
        now = anyio.current_time()
        started = now if self._gone_out is None else self._gone_out
        attempt = Attempt(
            number=len(self._attempts) + 1,
            started=started - self._begun,
            elapsed=now - started,
            status=status,
            error=error,
            maybe_applied=maybe_applied and self._gone_out is not None and self.call.method != "GET",
        )
        self._gone_out = None
        self._attempts.append(attempt)
        if error is not None:
            log.attempted(self.call.method, self.call.template, attempt, None)
        return attempt.elapsed

    async def _exchange(self) -> Reply:
        """One request and what it is redirected to, within the origin: the key goes nowhere else."""
        outgoing = self.outgoing
        timeouts = self.settings.timeout if self.call.options.timeout is UNSET else self.call.options.timeout
        secret: Pairs = ()
        # A header of the caller's own, or None in its place, wins.
        if self.settings.api_key and not any(
            name.lower() == "authorization" for name, _ in _extras(self.call, self.settings)
        ):
            secret = (("Authorization", f"Bearer {self.settings.api_key}"),)
        reply = await self.network.attempt(outgoing, secret, timeouts, self._goes_out)
        for _ in range(_REDIRECTS):
            target = _redirect(outgoing, reply)
            if target is None:
                break
            outgoing = target
            reply = await self.network.attempt(outgoing, secret, timeouts, self._goes_out)
        return reply

    def _goes_out(self) -> None:
        if self._gone_out is None:
            self._gone_out = anyio.current_time()

    def cut_off(self) -> APITimeoutError:
        """The error of a call that `total_timeout` ended, wherever it was."""
        if self._gone_out is not None:
            self._note(error=f"cut off by total_timeout={self.limit:g}", maybe_applied=True)
        error = self._out_of_time()
        error.__cause__ = self._failure
        return error

    def _out_of_time(self) -> APITimeoutError:
        message = f"total_timeout of {self.limit:g} s ran out"
        return APITimeoutError(message, request=self.request, attempts=tuple(self._attempts))

    def _goes_direct(self) -> bool:
        return is_direct(self.network.options, urlsplit(self.settings.base_url).hostname or "")

    def _closed_meanwhile(self) -> ClientStateError:
        message = "the client was closed during the call"
        return ClientStateError(message, request=self.request, attempts=tuple(self._attempts))

    def _nothing_listens(self) -> APIConnectionError:
        message = (
            f"nothing listens at {self.settings.base_url}, the default address. base_url= or WOOTIV_BASE_URL says "
            "where the API is; `python -m wootiv sandbox --port 3001` starts one to try things with"
        )
        return APIConnectionError(message, request=self.request, attempts=tuple(self._attempts))


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
        shown_url=_url(settings.base_url, call.shown_path, shown),
    )


def _without_secrets(text: str, call: Call[Any]) -> str:
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
