"""Who listens to a client: handlers of events, and where they run."""

import inspect
from collections.abc import Callable
from types import TracebackType
from typing import Any, Literal, Self, TypeAlias, TypeVar

from wootiv.call import Call
from wootiv.engine import log
from wootiv.events import KINDS, AttemptEnded, Event, PageFetched, WaitBegun
from wootiv.interrupts import interruptible
from wootiv.message import APIResponse, Attempt
from wootiv.wire.words import describe

E = TypeVar("E", bound=Event)
Work: TypeAlias = Callable[[], object]
_Handlers: TypeAlias = "dict[Hook, Callable[[Any], object]]"


class Hook:
    """A handler that listens. Call it, or leave its `with` block, and it listens no more; once more changes nothing."""

    __slots__ = ("_among",)

    def __init__(self, among: list[_Handlers]) -> None:
        self._among = among

    def __call__(self) -> None:
        """Take the handler off."""
        for handlers in self._among:
            handlers.pop(self, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self()


class Events:
    """The handlers of a client and its views.

    They come and go in any thread without a lock, which a signal could leave locked: each step is one of a dictionary.
    """

    def __init__(self, run: Callable[[Work], object] = lambda work: work()) -> None:
        self.run: Callable[[Work], object] = run
        """Runs what is the caller's own where callers of this client expect it: here and now, or in their thread."""
        self._handlers: dict[type[Event], _Handlers] = {kind: {} for kind in KINDS}

    def on(self, event: type[E], handler: Callable[[E], object]) -> Hook:
        """Call the handler with each event of a kind from now on; raises `TypeError`."""
        among = [self._handlers[kind] for kind in _kinds(event)]
        check_plain("on: handler", "function of one event", handler)
        hook = Hook(among)
        for handlers in among:
            handlers[hook] = handler
        return hook

    def attempt_ended(self, call: Call[Any], attempt: Attempt, response: APIResponse[Any] | None = None) -> None:
        """Tell of an attempt, with the answer that it brought, if any."""
        if self.wants(AttemptEnded):
            request_id = None if response is None else response.request_id
            self.emit(AttemptEnded(call.operation, call.method, call.template, attempt, request_id))

    def wait_begun(self, call: Call[Any], seconds: float, why: Literal["retry", "rate limit"]) -> None:
        """Tell of a wait before the next attempt."""
        if self.wants(WaitBegun):
            self.emit(WaitBegun(call.operation, call.method, call.template, seconds, why))

    def page_fetched(self, call: Call[Any], number: int, rows: int, total: int | None) -> None:
        """Tell of a page."""
        if self.wants(PageFetched):
            self.emit(PageFetched(call.operation, number, rows, total))

    def is_heard(self) -> bool:
        """Whether there is any handler."""
        return any(self._handlers.values())

    def wants(self, kind: type[Event]) -> bool:
        """Whether anybody would hear of it: ask this before an event is made."""
        return bool(self._handlers[kind]) or log.is_on()

    def emit(self, event: Event) -> None:
        """Log it, and tell the handlers."""
        log.tell(event)
        if self._handlers[type(event)]:
            self.run(lambda: self._tell(event))

    @interruptible
    def _tell(self, event: Event) -> None:
        for handler in list(self._handlers[type(event)].values()):
            try:
                handler(event)
            except Exception:  # noqa: BLE001 - a handler is no part of the call; Ctrl-C and cancellation go through
                log.log.exception("a handler of %s failed", type(event).__name__)


def _kinds(event: Any) -> list[type[Event]]:
    kinds = [kind for kind in KINDS if issubclass(kind, event)] if _is_event(event) else []
    if not kinds:
        names = ", ".join(kind.__name__ for kind in KINDS)
        raise TypeError(f"on: event must be one of {names}, or Event for all of them, got {describe(event)}")
    return kinds


def _is_event(event: Any) -> bool:
    return inspect.isclass(event) and issubclass(event, Event)


def check_plain(name: str, expected: str, given: Any) -> None:
    """Raise `TypeError` for what is no function, or one that does nothing when it is only called."""
    if not callable(given):
        raise TypeError(f"{name} must be a {expected}, got {describe(given)}")
    for waits in (inspect.iscoroutinefunction, inspect.isasyncgenfunction, inspect.isgeneratorfunction):
        if waits(given) or waits(type(given).__call__):
            message = f"{name} must be a plain function, it is called and not awaited or iterated over, got "
            raise TypeError(message + describe(given))
