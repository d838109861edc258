"""Connections that a client and its views share: whose event loop they belong to, and when they end."""

import math
import os
import time
import weakref
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any, Protocol

import anyio
import anyio.lowlevel
from anyio.abc import TaskGroup

from wootiv.engine.limits import POOL_SIZE, Slots, pools_for
from wootiv.engine.loop import CLOSED
from wootiv.engine.pace import Patient, RateLimit, Terms
from wootiv.engine.pools import CLOSING, NetworkOptions, Pool, close_given, close_with
from wootiv.engine.transport import exchange
from wootiv.engine.turns import Turns
from wootiv.errors import APIConnectionError, ClientStateError
from wootiv.interrupts import new_group, notify, undisturbed
from wootiv.message import Outgoing, Pairs, Reply, Timeouts

_ACCOUNTS = 256
"""Keys and addresses whose limits are kept, at least, before those that are not used are forgotten."""
_INHERITED = "a forked child cannot use the event loop of its parent, start a new one"


class Caller(Patient, Protocol):
    """Who sends a request."""

    def goes_out(self, now: float, /) -> None:
        """Hear that it has a connection to go to."""
        ...


class Network:
    """The connections of a client and its views. They are made in the event loop that uses them, at first use."""

    def __init__(self, options: NetworkOptions) -> None:
        self.options = options
        self.closed: bool = False
        self._session: _Session | None = None
        self._end: weakref.finalize[..., Network] | None = None
        close_with(self, options.transport)

    async def attempt(self, outgoing: Outgoing, secret: Pairs, timeouts: Timeouts, terms: Terms, who: Caller) -> Reply:
        """Send a request when it may go out, and read its reply whole.

        Raises `APIConnectionError`, `APITimeoutError`, `ClientStateError`, and what a file or a transport of the
        caller's own raises.
        """
        session = self._here()
        if not session.is_open:
            await session.open()
        turns = session.turns(terms.account)
        sent, number, pool = await turns.take(terms.max_rate, who, timeouts.pool)
        reply = None
        try:
            session.check_open()  # again: it may have waited long
            who.goes_out(sent.at)
            reply = await session.isolated(lambda: exchange(pool, outgoing, secret, timeouts))
            return reply
        finally:
            turns.give_back(sent, number, reply)

    def rate_limit(self, terms: Terms) -> RateLimit:
        """What is known of a limit; from any thread."""
        session = self._session
        if session is None or session.pid != os.getpid():
            return RateLimit(max_rate=terms.max_rate)
        return session.rate_limit(terms)

    def check_process(self) -> None:
        """Raise `ClientStateError` in a forked child that still runs its parent's event loop."""
        if self._session is not None and self._session.pid != os.getpid():
            try:
                anyio.lowlevel.current_token()
            except RuntimeError:  # asyncio itself no longer knows that loop
                raise ClientStateError(_INHERITED) from None

    def _here(self) -> "_Session":
        """The session of the running event loop."""
        if self.closed:
            raise ClientStateError(CLOSED)
        native = anyio.lowlevel.current_token().native_token
        session = self._session
        if session is None or session.native is not native or session.pid != os.getpid():
            session = self._session = self._enter(native, session)
        return session

    def _enter(self, native: object, old: "_Session | None") -> "_Session":
        if old is not None and old.pid != os.getpid():
            _inherited.append(old)  # closing it here would cut the parent's connections
            if old.native is native:
                raise ClientStateError(_INHERITED)
        elif old is not None and not old.over and _alive(old.native):
            message = "this client is in use by another event loop that still runs, make one client for each"
            raise ClientStateError(message)
        session = _Session(native, self.options)
        # The loop keeps the session: a client that is dropped inside it is swept later, or closed at the loop's end.
        if self._end is not None:
            self._end.detach()  # of the loop before, which it would keep
        self._end = weakref.finalize(self, session.abandon)
        self._end.atexit = False
        return session

    @property
    def idle(self) -> bool:
        """Whether there is nothing to close: never used, or inherited from a parent process, which goes on with it."""
        if self._session is None:
            return self.options.transport is None
        return self._session.pid != os.getpid()

    @undisturbed
    async def aclose(self) -> None:
        """Close the connections, and a transport that the caller gave."""
        idle = self.idle or self.closed
        self.closed = True
        if not idle:
            session, self._session = self._session, None
            if session is not None and session.native is anyio.lowlevel.current_token().native_token:
                await session.aclose()
            await close_given(self.options.transport)
        await anyio.lowlevel.checkpoint()  # last: who is being cancelled has closed first


_inherited: list["_Session"] = []
_sessions: anyio.lowlevel.RunVar[set["_Session"] | None] = anyio.lowlevel.RunVar("wootiv_sessions")


def _alive(native: Any) -> bool:
    if hasattr(native, "is_closed"):
        return not native.is_closed()
    try:
        native.run_sync_soon(lambda: None)
    except RuntimeError:
        return False
    return True


class _Session:
    """The connections of one event loop."""

    def __init__(self, native: object, options: NetworkOptions) -> None:
        self.native = native
        self.pid = os.getpid()
        self.over = False
        self.abandoned = False
        count = 1 if options.transport is not None else pools_for(options.max_connections)
        self._pools = [Pool(options, min(POOL_SIZE, options.max_connections)) for _ in range(count)]
        self._life: AsyncGenerator[None, None] | None = None
        self._neighbours: set[_Session] | None = None
        """The open sessions of the loop."""
        self._under_way: set[TaskGroup] = set()
        """One for each request that is on the wire, or on its way there."""
        self._idle: anyio.Event | None = None
        self.slots = Slots(self._pools, options.max_connections)
        self._turns: dict[tuple[str, str | None], Turns[Pool]] = {}
        self._ahead = anyio.current_time() - time.monotonic()
        """How far the loop's clock is ahead of that of the machine."""

    @property
    def is_open(self) -> bool:
        return self._life is not None

    def turns(self, account: tuple[str, str | None]) -> Turns[Pool]:
        """Whose turn it is at an address with a key."""
        turns = self._turns.get(account)
        if turns is None:
            if len(self._turns) >= _ACCOUNTS:
                now = anyio.current_time()
                self._turns = {name: one for name, one in self._turns.items() if not one.is_forgettable(now)}
            turns = self._turns[account] = Turns(self.slots)
        return turns

    def rate_limit(self, terms: Terms) -> RateLimit:
        """What is known of a limit; from any thread."""
        turns = self._turns.get(terms.account)
        return RateLimit(max_rate=terms.max_rate) if turns is None else turns.state(self._now(), terms.max_rate)

    def _now(self) -> float:
        """The time of the loop's clock, which only the loop itself can tell exactly."""
        try:
            if anyio.lowlevel.current_token().native_token is self.native:
                return anyio.current_time()
        except RuntimeError:
            pass
        return time.monotonic() + self._ahead

    async def open(self) -> None:
        """Bind the connections to the loop's own end, and close those of clients that were dropped in it."""
        self._life = _until_the_loop_ends(self)
        await anext(self._life)
        sessions = _sessions.get(None)
        if sessions is None:
            _ = _sessions.set(sessions := set())
        abandoned = [session for session in sessions if session.abandoned]
        sessions.add(self)
        self._neighbours = sessions
        for session in abandoned:
            if not session.over:  # another task may be closing it just now
                await session.aclose()

    def abandon(self) -> None:
        """Say that no client uses these connections any more; from any thread."""
        self.abandoned = True

    async def aclose(self) -> None:  # noqa: ASYNC910 - what was never opened has nothing to close
        """Close the connections."""
        if self._life is not None:
            await self._life.aclose()

    def check_open(self) -> None:
        """Raise `ClientStateError` where the connections are closed."""
        if self.over:
            raise ClientStateError(CLOSED)

    async def isolated(self, send: Callable[[], Awaitable[Reply]]) -> Reply:
        """Run an attempt in a child task, where a scope's cancellation is all that it can meet.

        asyncio's own `task.cancel()` gets past the shields of httpcore, and then connections are lost for good; here it
        ends the task group, which cancels the child by its scope. So does closing: what httpcore is only connecting
        when it closes a pool, it would leave open.
        """
        outcome: list[Reply | BaseException] = []

        async def child() -> None:  # noqa: ASYNC910 - the attempt is one
            try:
                outcome.append(await send())
            except anyio.get_cancelled_exc_class() as error:
                if anyio.current_effective_deadline() > -math.inf:
                    outcome.append(error)  # nobody cancelled us: a transport of the caller's raised it by hand
                raise
            except BaseException as error:  # noqa: BLE001 - handed to the parent as a value, so that no group wraps it
                outcome.append(error)

        tasks = new_group()
        try:
            async with tasks:
                self._under_way.add(tasks)
                tasks.start_soon(child)
        finally:
            self._under_way.discard(tasks)
            if self._idle is not None and not self._under_way:
                notify(self._idle.set)
        if not outcome:
            raise APIConnectionError("the connections were closed")
        match outcome[0]:
            case Reply() as reply:
                return reply
            case error:
                raise error

    async def close_pools(self) -> None:
        """Close the connections, whoever is being cancelled meanwhile."""
        self.over = True
        if self._neighbours is not None:
            self._neighbours.discard(self)  # what the loop keeps must not keep the loop, or neither is ever freed
        if self._under_way:
            self._idle = anyio.Event()
            for tasks in self._under_way:
                tasks.cancel_scope.cancel()
            with anyio.move_on_after(CLOSING, shield=True):
                await self._idle.wait()
        with anyio.move_on_after(CLOSING, shield=True):
            for pool in self._pools:
                await pool.aclose()
            await anyio.lowlevel.checkpoint()


async def _until_the_loop_ends(session: _Session) -> AsyncGenerator[None, None]:  # noqa: ASYNC900 - see below
    # Event loops close async generators when they end: the one public hook for "the last thing in this loop",
    # on asyncio, uvloop and trio. So a program that never closes its client leaves no socket and no warning.
    try:
        yield  # noqa: ASYNC911 - nothing has happened yet that a cancellation could undo
    finally:
        await session.close_pools()  # noqa: ASYNC102 - shielded and bounded inside
