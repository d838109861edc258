"""`Wootiv`: the client for plain scripts and threads."""

from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager
from os import PathLike
from types import TracebackType
from typing import Any, Generic, Literal, Self, TypeVar, Unpack

from wootiv.api.tree import Api
from wootiv.blocking_pages import Page, fetched
from wootiv.call import Call
from wootiv.caller import Caller, run_in_caller
from wootiv.client import bare_copy, changed_engine, check_call, check_open, new_engine, show_options
from wootiv.cursor import PageData
from wootiv.engine.blocking_bulk import Bulk
from wootiv.engine.crew import BulkPlan, OnError
from wootiv.engine.events import Events, Hook
from wootiv.engine.fetch import PageFetch
from wootiv.engine.gather import gather
from wootiv.engine.hosting import HostedBlock
from wootiv.engine.pace import RateLimit
from wootiv.engine.portal import Portal
from wootiv.engine.send import Engine
from wootiv.engine.settings import ClientOptions, WithOptions
from wootiv.events import Event
from wootiv.message import APIResponse, Pairs, SizedFile
from wootiv.operation import Blocking
from wootiv.transfer.download import Downloaded, Downloads, download_call
from wootiv.transfer.progress import OnProgress
from wootiv.transfer.upload import Uploaded, Uploads, upload_call, upload_plan

E = TypeVar("E", bound=Event)
I = TypeVar("I")  # noqa: E741 - an item
R = TypeVar("R")
T = TypeVar("T")


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

    def run_list(self, call: Call[PageData[T]]) -> Page[T]:
        """The first page of the list that starts with the call."""
        __tracebackhide__ = True
        fetch = PageFetch(self.engine, call)
        return fetched(BlockingFetch(fetch, self.portal), fetch.start)


class BlockingFetch(Generic[T]):
    """Gets the pages of one list."""

    def __init__(self, fetch: PageFetch[T], portal: Portal) -> None:
        self.fetch = fetch
        self._portal = portal

    def __call__(self, query: Pairs, /) -> PageData[T]:
        """Send the list's call with another query."""
        __tracebackhide__ = True
        return self._portal.call(lambda: self.fetch(query))

    def host(self, block: AbstractAsyncContextManager[Any], /) -> HostedBlock:
        """Enter a block in the client's event loop."""
        __tracebackhide__ = True
        return HostedBlock(self._portal, block)


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
        events = Events(run_in_caller)
        portal = Portal(backend, is_heard=events.is_heard)
        self._become(new_engine(options, "Wootiv", events), portal, is_view=False)

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

    def on(self, event: type[E], handler: Callable[[E], object], /) -> Hook:
        """Call the handler with each event of a kind, for this client and its views; raises `TypeError`.

        It runs in the thread that made the call, while that waits, and may call the client. What it raises is logged,
        and reaches no call. Call the answer, or use it in a `with` block, to take the handler off.
        """
        return self._engine.events.on(event, handler)

    def bulk(
        self,
        make: Callable[[I], Call[R]],
        items: Iterable[I],
        *,
        concurrency: int = 8,
        on_error: OnError = "continue",
        resend_unknown: bool = False,
        total_timeout: float | None = None,
    ) -> Bulk[I, R]:
        """One call for each item, side by side: `with client.bulk(make, items) as outcomes: for outcome in outcomes`.

        `make(item)` gives the call, as `wootiv.calls.contacts.create(...)` does. Each item has exactly one outcome, in
        the order in which they come: `Succeeded`, `Failed`, `Unknown` or `NotSent`. What `make` raises is that item's
        `Failed`; what reading `items` raises comes after the outcomes of what was read before. Both run in the thread
        that reads the outcomes, and may use the client.

        Up to `concurrency` calls are under way, or have outcomes that wait for the reader; items are read no further
        ahead. With `on_error="stop"` no more is sent once an item did not succeed. A create without an answer is not
        sent again, and is `Unknown`, unless `resend_unknown` is set. A rate limit is a wait, up to 600 s in all.
        `total_timeout` is in seconds, from the block's start. What has a length is then read to its end, as `NotSent`;
        an iterator is read no further.
        """
        plan = BulkPlan(make, concurrency, on_error, resend_unknown, total_timeout)
        return Bulk(self._engine, self._host, plan, items)

    def gather(self, calls: Iterable[Call[R]], *, concurrency: int = 8, total_timeout: float | None = None) -> list[R]:
        """Send calls side by side, and give their answers in order; raises the first error, in that order, as itself.

        When it raises, what was under way is cancelled: for writes of which the count matters, `bulk` tells each.
        """
        __tracebackhide__ = True
        given = list(calls)
        return self._portal.call(lambda: gather(self._engine, given, concurrency, total_timeout))

    def upload(
        self, path_or_file: SizedFile, *, filename: str | None = None, on_progress: OnProgress | None = None
    ) -> Uploaded:
        """Store a file: the service signs a post for it, and it goes straight to S3, without the API key.

        It is a path, a file opened in binary mode, bytes, or a tuple as `aws.buckets.upload` takes it, and is read a
        piece at a time. `filename` is what the service is told it is called, which may have folders in it; else its own
        name. `on_progress` is called, in this thread, with the bytes that have gone out, never fewer than before.

        It is sent again, from its start, after a connection that broke, or an answer that says so; with a new signature
        where the old one is too old. Raises `APIError`; `OSError` for a path that cannot be read, and `ValueError` for
        a file that cannot tell its size, as S3 wants it, or a name that it cannot have. Timeouts and retries are those
        of the client, or of a view: `client.with_options(timeout=30).upload(...)`.
        """
        __tracebackhide__ = True
        call = upload_call(path_or_file, filename, on_progress, run_in_caller)
        return self._portal.call(
            lambda: Uploads.of(self._engine).answer(call), None if on_progress is None else Caller()
        )

    def upload_many(self, paths: Iterable[SizedFile], *, concurrency: int = 4) -> Bulk[SizedFile, Uploaded]:
        """Store files side by side: `with client.upload_many(paths) as outcomes: for outcome in outcomes`.

        Each has exactly one outcome, as those of `bulk` have, in the order in which they come; `collect()` gives all.
        """
        plan = upload_plan(paths, concurrency)
        return Bulk(Uploads.of(self._engine), self._host, plan, paths)

    def download(self, filename: str, *, to: str | PathLike[str], on_progress: OnProgress | None = None) -> Downloaded:
        """Fetch a stored file, straight from S3, without the API key.

        `filename` may have folders in it. `to` is a path, whose file is replaced when all has come, or a folder.
        `on_progress` is called, in this thread, with the bytes that are there, never fewer than before.

        What has come before a connection broke is kept, and the rest is asked for, where S3 allows it. Raises
        `APIError`, and `OSError` where the file cannot be written; then, or if `on_progress` raises, nothing is left of
        it. Timeouts and retries are those of the client, or of a view: `client.with_options(timeout=30).download(...)`.
        """
        __tracebackhide__ = True
        call = download_call(filename, to, on_progress, run_in_caller)
        return self._portal.call(
            lambda: Downloads.of(self._engine).answer(call), None if on_progress is None else Caller()
        )

    def _host(self, block: AbstractAsyncContextManager[Any]) -> HostedBlock:
        __tracebackhide__ = True
        return HostedBlock(self._portal, block)

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

    @property
    def rate_limit(self) -> RateLimit:
        """What is known of the service's rate limit, shared by all with the same address and key; from any thread."""
        return self._engine.network.rate_limit(self._engine.terms)

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
