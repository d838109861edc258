"""One call's life: slot, attempt, reply, judgement, and again after a wait."""

import math
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from typing import Generic, TypeVar
from urllib.parse import urlsplit

import anyio
import anyio.lowlevel
from msgspec import UNSET, structs

from wootiv.call import Call
from wootiv.engine import log
from wootiv.engine.events import Events
from wootiv.engine.network import Network
from wootiv.engine.outgoing import extras, outgoing, redirect, without_secrets
from wootiv.engine.pace import Reason, Terms
from wootiv.engine.pools import is_direct
from wootiv.engine.retry import again, is_throttled, maybe_carried_out, rules, worth_retrying
from wootiv.engine.settings import Settings
from wootiv.engine.transport import never_sent, unreachable
from wootiv.errors import APIConnectionError, APIError, APIStatusError, APITimeoutError, ClientStateError
from wootiv.interrupts import undisturbed
from wootiv.message import APIResponse, Attempt, Form, Outgoing, Pairs, Reply, SentRequest
from wootiv.run import Run
from wootiv.wire.decode import problem
from wootiv.wire.files import rewindable

R = TypeVar("R")

_REDIRECTS = 5


class Engine:
    """What a client, or a view of it, sends with: settings of its own, over connections that they share."""

    def __init__(self, settings: Settings, network: Network, events: Events) -> None:
        self.settings = settings
        self.network = network
        self.events = events
        self.terms: Terms = Terms((settings.base_url, settings.api_key), settings.max_rate)

    @undisturbed
    async def send(self, call: Call[R], run: Run | None = None) -> APIResponse[R]:
        """Send a call and give its raw answer; raises `APIError`."""
        return await self.begin(call, run).send()

    def begin(self, call: Call[R], run: Run | None = None) -> "Life[R]":
        """What a call goes through, before anything is sent."""
        return Life(self, call, run)

    async def answer(self, call: Call[R], run: Run | None = None) -> R:
        """Send a call and give its typed answer; raises `APIError`."""
        return (await self.send(call, run)).parse()


class _OutOfTime(Exception):  # noqa: N818 - never leaves this module
    """The wait for the rate limit would not end before the call's own limit."""


class Life(Generic[R]):
    """What one call has been through so far."""

    def __init__(self, engine: Engine, call: Call[R], run: Run | None = None) -> None:
        self.run = run
        self.network: Network = engine.network
        self.network.check_process()  # first: the clock of an inherited loop cannot even be asked
        self.events: Events = engine.events
        self.turn_to(engine, call)
        self.attempts: list[Attempt] = []
        self._begun = anyio.current_time()
        self.gone_out: float | None = None
        """When the attempt that is under way got its connection."""
        self._failure: APIError | None = None
        self.impatient: bool = False
        """Whether it has gone out although the rate limit said to wait, because it could not wait so long."""
        self.late: bool = False
        """Whether its limit ended it."""
        limit = call.options.total_timeout
        self.limit: float | None = engine.settings.total_timeout if limit is UNSET else limit
        self.deadline: float = math.inf if self.limit is None else self._begun + self.limit
        if run is not None and run.deadline < self.deadline:
            self.deadline, self.limit = run.deadline, run.total_timeout

    def turn_to(self, engine: Engine, call: Call[R]) -> None:
        """Have what follows go out as an engine sends a call."""
        self.call = call
        self.settings: Settings = engine.settings
        self.terms: Terms = engine.terms
        self.outgoing: Outgoing = outgoing(call, engine.settings)
        names = dict.fromkeys(name for name, _ in self.outgoing.headers)
        self.request: SentRequest = SentRequest(call.method, self.outgoing.shown_url, tuple(names))

    async def send(self) -> APIResponse[R]:
        """Send the call and give its raw answer; raises `APIError`."""
        try:
            return await self._in_time()
        except BaseException as error:
            if self.gone_out is not None and isinstance(error, anyio.get_cancelled_exc_class()):
                self._note(error="cancelled", maybe_applied=True)
            raise

    async def _in_time(self) -> APIResponse[R]:
        """Have it answered within its own limit, if there is one."""
        if self.limit is None:
            return await self._answered()
        with anyio.CancelScope(deadline=self.deadline):
            try:
                return await self._answered()
            except _OutOfTime as wait:
                raise self._out_of_time(f": {wait}") from self._failure
        # A scope of the caller's that ran out at the same time has the say: we never raise in its place.
        await anyio.lowlevel.checkpoint_if_cancelled()
        raise self._cut_off()

    def broken_off(self, how: str = "cancelled") -> APIConnectionError:
        """The error of a call that was cancelled, or ended in some other way, wherever it was."""
        if self.gone_out is not None:
            self._note(error=how, maybe_applied=True)
        message = f"{how} before an answer was read"
        return APIConnectionError(message, request=self.request, attempts=tuple(self.attempts))

    async def _answered(self) -> APIResponse[R]:
        """Attempt it until there is an answer, or no more attempt may be made."""
        attempt = self._attempt if self.run is None else self._unthrottled
        try:
            return await attempt()
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
            attempt,
            failure,
            by=rules(given, default if retries is UNSET else retries),
            max_retry_after=self.settings.max_retry_after,
            deadline=self.deadline,
            may_try_again=self._may_try_again,
            too_late=self._out_of_time,
            before_wait=self._waits,
        )

    async def _unthrottled(self) -> APIResponse[R]:
        """An attempt of a run: a rate limit is a wait there, and no failure that counts."""
        while True:  # noqa: ASYNC913 - the attempt is one
            try:
                return await self._attempt()
            except APIStatusError as error:
                if not self._waits_for_the_rate(error):
                    raise
                self._failure = error  # the pace holds the next attempt back

    def _waits_for_the_rate(self, error: APIError) -> bool:
        if self.run is None or not isinstance(error, APIStatusError) or not is_throttled(error):
            return False
        return self._can_repeat() and not self.impatient and self.run.affords(error.retry_after or 0.0)

    def patience(self, seconds: float, reason: Reason) -> AbstractContextManager[None] | None:
        """What to wait within for the rate limit; `None` to go out at once, and hear it from the server.

        Raises if the wait would not end in time.
        """
        if anyio.current_time() + seconds >= self.deadline:
            raise _OutOfTime(f"the rate limit would hold the call back for {seconds:.1f} s")
        if reason in ("refused", "spent"):
            self.impatient = not (self.run.affords(seconds) if self.run else seconds <= self.settings.max_retry_after)
            if self.impatient:
                return None
            self.events.wait_begun(self.call, seconds, "rate limit")
        return self._waiting(reason)

    @contextmanager
    def _waiting(self, reason: Reason) -> Generator[None, None, None]:
        begun = anyio.current_time()
        try:
            # What goes on while it waits for its turn, and has not been refused, may go on for as long as it takes.
            with self.run.waiting() if self.run is not None and reason == "refused" else nullcontext():
                yield
        finally:
            if self.attempts:
                last = self.attempts[-1]
                self.attempts[-1] = structs.replace(last, wait=last.wait + anyio.current_time() - begun)

    def _can_repeat(self) -> bool:
        # What was read of it is gone: never send a body twice that is not the same.
        return not isinstance(self.outgoing.body, Form) or rewindable(self.outgoing.body)

    def _may_try_again(self, error: APIError) -> bool:
        if not self._can_repeat() or (self.run is not None and is_throttled(error)):
            return False  # for the rate limit the run has waited as long as it may
        if self.run is not None and not self.run.resend_unknown and self._may_double():
            return False
        return self.settings.retrying is not None or worth_retrying(error)

    def _may_double(self) -> bool:
        return self.call.method == "POST" and self.attempts[-1].maybe_applied

    def _waits(self, error: APIError, seconds: float) -> None:
        self.attempts[-1] = structs.replace(self.attempts[-1], wait=seconds)
        error.attempts = tuple(self.attempts)
        self._failure = error
        self.events.wait_begun(self.call, seconds, "retry")

    async def _attempt(self) -> APIResponse[R]:
        try:
            reply = await self._exchange()
        except APIConnectionError as error:
            self._note(error=f"{type(error).__name__}: {error.message}", maybe_applied=not never_sent(error))
            error.request, error.attempts = self.request, tuple(self.attempts)
            # A scope of the caller's that ran out together with a limit of the attempt has the say.
            await anyio.lowlevel.checkpoint_if_cancelled()  # noqa: ASYNC120 - it drops the error on purpose
            raise
        elapsed = self._note(status=reply.status, maybe_applied=maybe_carried_out(reply))
        response = APIResponse[R](
            reply.status,
            reply.headers,
            reply.content,
            elapsed,
            self.request,
            tuple(self.attempts),
            self.call.decoder(strict=self.settings.strict),
        )
        self.events.attempt_ended(self.call, self.attempts[-1], response)
        if not 200 <= reply.status < 300:
            refused = problem(response, datetime.now(UTC))
            refused.message = without_secrets(refused.message, self.call)
            refused.args = (refused.message,)
            raise refused
        log.tell_undeclared(response, self.call.template, self.call.answer)
        return response

    def _note(self, *, status: int | None = None, error: str | None = None, maybe_applied: bool = False) -> float:
        """Keep the attempt that has ended, and give the seconds that it took."""
        now = anyio.current_time()
        started = now if self.gone_out is None else self.gone_out
        attempt = Attempt(
            number=len(self.attempts) + 1,
            started=started - self._begun,
            elapsed=now - started,
            status=status,
            error=error,
            maybe_applied=maybe_applied and self.gone_out is not None and self.call.method != "GET",
        )
        self.attempts.append(attempt)
        self.gone_out = None
        if self.run is not None:
            self.run.requests += 1
            self.run.retries += attempt.number > 1
        if error is not None:
            self.events.attempt_ended(self.call, attempt)
        return attempt.elapsed

    async def _exchange(self) -> Reply:
        """One request and what it is redirected to, within the origin: the key goes nowhere else."""
        asked = self.outgoing
        timeouts = self.settings.timeout if self.call.options.timeout is UNSET else self.call.options.timeout
        secret: Pairs = ()
        # A header of the caller's own, or None in its place, wins.
        if self.settings.api_key and not any(
            name.lower() == "authorization" for name, _ in extras(self.call, self.settings)
        ):
            secret = (("Authorization", f"Bearer {self.settings.api_key}"),)
        reply = await self.network.attempt(asked, secret, timeouts, self.terms, self)
        for _ in range(_REDIRECTS):
            target = redirect(asked, reply)
            if target is None:
                break
            asked = target
            reply = await self.network.attempt(asked, secret, timeouts, self.terms, self)
        return reply

    def goes_out(self, now: float) -> None:
        """Hear that an attempt has a connection to go to."""
        if self.gone_out is None:
            self.gone_out = now

    def _cut_off(self) -> APITimeoutError:
        """The error of a call that `total_timeout` ended, wherever it was."""
        if self.gone_out is not None:
            self._note(error=f"cut off by total_timeout={self.limit:g}", maybe_applied=True)
        error = self._out_of_time()
        error.__cause__ = self._failure
        return error

    def _out_of_time(self, why: str = "") -> APITimeoutError:
        self.late = True
        message = f"total_timeout of {self.limit:g} s ran out{why}"
        return APITimeoutError(message, request=self.request, attempts=tuple(self.attempts))

    def _goes_direct(self) -> bool:
        return is_direct(self.network.options, urlsplit(self.settings.base_url).hostname or "")

    def _closed_meanwhile(self) -> ClientStateError:
        message = "the client was closed during the call"
        return ClientStateError(message, request=self.request, attempts=tuple(self.attempts))

    def _nothing_listens(self) -> APIConnectionError:
        message = (
            f"nothing listens at {self.settings.base_url}, the default address. base_url= or WOOTIV_BASE_URL says "
            "where the API is; `python -m wootiv sandbox --port 3001` starts one to try things with"
        )
        return APIConnectionError(message, request=self.request, attempts=tuple(self.attempts))
