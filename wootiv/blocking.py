"""`Wootiv`: the client for plain scripts and threads."""

from types import TracebackType
from typing import Any, Literal, Self, TypeVar, Unpack

from wootiv.api.tree import Api
from wootiv.call import Call
from wootiv.client import bare_copy, changed_engine, check_call, check_open, new_engine, show_options
from wootiv.cursor import PageData
from wootiv.engine.portal import Portal
from wootiv.engine.send import Engine
from wootiv.engine.settings import ClientOptions, WithOptions
from wootiv.message import APIResponse, Pairs
from wootiv.operation import Blocking
from wootiv.pages import Page

R = TypeVar("R")


class BlockingOptions(ClientOptions, total=False):
    """Arguments of `Wootiv`."""

    backend: Literal["asyncio", "trio"]
    """Which event loop its thread runs; for tests."""


class BlockingRunner:
    """Gives answers, and first pages for lists. It crosses to the loop once a call, or a page."""

    def __init__(self, engine: Engine, portal: Portal) -> None:
        self.engine = engine
        self.portal = portal

    def run(self, call: Call[R]) -> R:
        """The call's answer."""
        __tracebackhide__ = True
        return self.portal.call(lambda: self.engine.answer(call))

    def run_list(self, call: Call[Any]) -> Page[Any]:
        """The first page of the list that starts with the call."""
        __tracebackhide__ = True

        def fetch(query: Pairs) -> PageData[Any]:
            __tracebackhide__ = True
            return self.portal.call(lambda: self.engine.answer(call.at(query)))

        cursor = self.engine.start_of(call)
        return Page(fetch, cursor, fetch(cursor.query))


class Wootiv(Api[Blocking]):
    """The Wootiv API, for code that blocks.

    Use it as `with Wootiv() as client:`, or make one and never close it: it ends with the process.
    One client serves any number of threads; it runs an event loop in a thread of its own, from the first call on.

    Raises `ValueError` or `TypeError` for an option that cannot be used, `ValueError` without a key.
    """

    @show_options
    def __init__(self, **options: Unpack[BlockingOptions]) -> None:
        backend = options.pop("backend", "asyncio")
        if backend not in ("asyncio", "trio"):
            message = f"backend must be 'asyncio' or 'trio', got {backend!r}"
            raise ValueError(message)
        self._become(new_engine(options, "Wootiv"), Portal(backend), is_view=False)

    def _become(self, engine: Engine, portal: Portal, *, is_view: bool) -> None:
        super().__init__(BlockingRunner(engine, portal))
        self._engine = engine
        self._portal = portal
        self._is_view = is_view

    def send(self, call: Call[R]) -> APIResponse[R]:
        """Send a call of `wootiv.calls` and give its raw answer; raises `APIError`."""
        __tracebackhide__ = True
        check_call(call)
        return self._portal.call(lambda: self._engine.send(call))

    @show_options
    def with_options(self, **options: Unpack[WithOptions]) -> Self:
        """A view with other options that shares the connections; closing it closes nothing.

        `default_headers` and `default_query` are merged with the client's, `set_default_headers` and
        `set_default_query` replace them. `None` sets a limit back to none.
        """
        view = bare_copy(self)
        view._become(changed_engine(self._engine, options), self._portal, is_view=True)  # noqa: SLF001 - another of the same class
        return view

    copy = with_options

    def close(self) -> None:
        """Close the connections; calls after it raise `ClientStateError`. Closing twice, or a view, does nothing."""
        if not self._is_view:
            network = self._engine.network
            self._portal.close(None if network.idle else network.aclose)

    def is_closed(self) -> bool:
        """Whether the client, or for a view the client that it is a view of, was closed."""
        return self._portal.closed

    def __enter__(self) -> Self:
        check_open(closed=self.is_closed())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._engine.settings.base_url}>"


Client = Wootiv
"""Its other name, from the client 0.0.1."""
