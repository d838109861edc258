"""`AsyncWootiv`: the client for programs that run under trio or asyncio."""

import inspect
from collections.abc import AsyncIterable, Callable, Coroutine, Iterable
from os import PathLike
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack, get_args, get_type_hints

import anyio.lowlevel

from wootiv.api.tree import Api
from wootiv.call import Call
from wootiv.engine import log
from wootiv.engine.bulk import AsyncBulk
from wootiv.engine.crew import BulkPlan, OnError
from wootiv.engine.events import Events, Hook
from wootiv.engine.fetch import PageFetch
from wootiv.engine.gather import gather
from wootiv.engine.network import Network
from wootiv.engine.pace import RateLimit
from wootiv.engine.send import Engine
from wootiv.engine.settings import (
    ClientOptions,
    WithOptions,
    changed_settings,
    check_names,
    first_settings,
    network_options,
)
from wootiv.errors import ClientStateError
from wootiv.events import Event
from wootiv.message import APIResponse, SizedFile
from wootiv.operation import Async, Opening, Resource, marked
from wootiv.pages import AsyncPaginator
from wootiv.transfer.download import Downloaded, Downloads, download_call
from wootiv.transfer.progress import OnProgress
from wootiv.transfer.upload import Uploaded, Uploads, upload_call, upload_plan
from wootiv.wire.words import kind_of

I = TypeVar("I")  # noqa: E741 - an item
R = TypeVar("R")
A = TypeVar("A", bound=Api[Any])
E = TypeVar("E", bound=Event)
F = TypeVar("F", bound=Callable[..., Any])


class AsyncRunner:
    """Gives coroutines, and paginators for lists."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @marked
    def run(self, call: Call[R]) -> Coroutine[Any, Any, R]:
        """The coroutine that sends the call; it has the operation's name, for warnings and lists of tasks."""
        coroutine = self.engine.answer(call)
        named: Any = coroutine
        named.__name__ = named.__qualname__ = call.operation
        return coroutine

    def run_list(self, call: Call[Any]) -> AsyncPaginator[Any]:
        """The list that starts with the call."""
        fetch = PageFetch(self.engine, call)
        return AsyncPaginator(fetch, fetch.start)


def new_engine(options: ClientOptions, name: str, events: Events) -> Engine:
    """The engine of a new client; raises `TypeError` or `ValueError`."""
    check_names(options, ClientOptions, name)
    log.set_up()
    return Engine(first_settings(options), Network(network_options(options)), events)


def changed_engine(engine: Engine, options: WithOptions) -> Engine:
    """The engine of a view; raises `TypeError` or `ValueError`."""
    check_names(options, WithOptions, "with_options")
    return Engine(changed_settings(engine.settings, options), engine.network, engine.events)


def check_call(call: object) -> None:
    """Raise `TypeError` for what a client's `send` cannot send."""
    if not isinstance(call, Call):
        message = f"send takes a call of wootiv.calls, such as wootiv.calls.contacts.list(), got {kind_of(call)}"
        raise TypeError(message)


def check_open(*, closed: bool) -> None:
    """Raise `ClientStateError` where the block of a closed client is entered."""
    if closed:
        raise ClientStateError("this client is closed, make a new one")


def bare_copy(client: A) -> A:
    """A client with all that a subclass keeps, but for what is bound to the old one's runner: what was opened on it."""
    copy = object.__new__(type(client))
    for name, value in vars(client).items():
        if not isinstance(value, Resource) and not isinstance(getattr(type(client), name, None), Opening):
            setattr(copy, name, value)
    return copy


class _Optional:
    def __repr__(self) -> str:
        return "..."


def show_options(function: F) -> F:
    """Let `help()` and editors see each of a function's `**options: Unpack[...]`, which may all be left out."""
    signature = inspect.signature(function)
    *given, options = signature.parameters.values()
    names = get_type_hints(get_args(get_type_hints(function)[options.name])[0])
    keywords = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=_Optional(), annotation=hint)
        for name, hint in names.items()
    ]
    vars(function)["__signature__"] = signature.replace(parameters=[*given, *keywords])
    return function


class AsyncWootiv(Api[Async]):
    """The Wootiv API, for trio and asyncio.

    Use it as `async with AsyncWootiv() as client:`, or make one and never close it: it ends with its event loop.
    One client serves any number of tasks of one event loop.

    Raises `ValueError` or `TypeError` for an option that cannot be used, `ValueError` without a key.
    """

    @show_options
    def __init__(self, **options: Unpack[ClientOptions]) -> None:
        self._become(new_engine(options, "AsyncWootiv", Events()), is_view=False)

    def _become(self, engine: Engine, *, is_view: bool) -> None:
        super().__init__(AsyncRunner(engine))
        self._engine = engine
        self._is_view = is_view

    async def send(self, call: Call[R]) -> APIResponse[R]:
        """Send a call of `wootiv.calls` and give its raw answer; raises `APIError`."""
        check_call(call)
        return await self._engine.send(call)

    def on(self, event: type[E], handler: Callable[[E], object], /) -> Hook:
        """Call the handler with each event of a kind, for this client and its views; raises `TypeError`.

        It is a plain function, called in the event loop: what takes long in it holds everything else up. What it raises
        is logged, and reaches no call. Call the answer, or use it in a `with` block, to take the handler off.
        """
        return self._engine.events.on(event, handler)

    def bulk(
        self,
        make: Callable[[I], Call[R]],
        items: Iterable[I] | AsyncIterable[I],
        *,
        concurrency: int = 8,
        on_error: OnError = "continue",
        resend_unknown: bool = False,
        total_timeout: float | None = None,
    ) -> AsyncBulk[I, R]:
        """One call for each item, side by side: `async with client.bulk(make, items) as outcomes: async for ...`.

        `make(item)` gives the call, as `wootiv.calls.contacts.create(...)` does. Each item has exactly one outcome, in
        the order in which they come: `Succeeded`, `Failed`, `Unknown` or `NotSent`. What `make` raises is that item's
        `Failed`; what reading `items` raises comes after the outcomes of what was read before.

        Up to `concurrency` calls are under way, or have outcomes that wait for the reader; items are read no further
        ahead. With `on_error="stop"` no more is sent once an item did not succeed. A create without an answer is not
        sent again, and is `Unknown`, unless `resend_unknown` is set. A rate limit is a wait, up to 600 s in all.
        `total_timeout` is in seconds, from the block's start. What has a length is then read to its end, as `NotSent`;
        an iterator is read no further.
        """
        plan = BulkPlan(make, concurrency, on_error, resend_unknown, total_timeout)
        return AsyncBulk(self._engine, plan, items)

    async def gather(
        self,
        calls: Iterable[Call[R]] | AsyncIterable[Call[R]],
        *,
        concurrency: int = 8,
        total_timeout: float | None = None,
    ) -> list[R]:
        """Send calls side by side, and give their answers in order; raises the first error, in that order, as itself.

        When it raises, what was under way is cancelled: for writes of which the count matters, `bulk` tells each.
        """
        return await gather(self._engine, calls, concurrency, total_timeout)

    async def upload(
        self, path_or_file: SizedFile, *, filename: str | None = None, on_progress: OnProgress | None = None
    ) -> Uploaded:
        """Store a file: the service signs a post for it, and it goes straight to S3, without the API key.

        It is a path, a file opened in binary mode, bytes, or a tuple as `aws.buckets.upload` takes it, and is read a
        piece at a time. `filename` is what the service is told it is called, which may have folders in it; else its own
        name. `on_progress` is a plain function, called with the bytes that have gone out, never fewer than before.

        It is sent again, from its start, after a connection that broke, or an answer that says so; with a new signature
        where the old one is too old. Raises `APIError`; `OSError` for a path that cannot be read, and `ValueError` for
        a file that cannot tell its size, as S3 wants it, or a name that it cannot have. Timeouts and retries are those
        of the client, or of a view: `client.with_options(timeout=30).upload(...)`.
        """
        call = upload_call(path_or_file, filename, on_progress)
        return await Uploads.of(self._engine).answer(call)

    def upload_many(
        self, paths: Iterable[SizedFile] | AsyncIterable[SizedFile], *, concurrency: int = 4
    ) -> AsyncBulk[SizedFile, Uploaded]:
        """Store files side by side: `async with client.upload_many(paths) as outcomes: async for outcome in outcomes`.

        Each has exactly one outcome, as those of `bulk` have, in the order in which they come; `collect()` gives all.
        """
        plan = upload_plan(paths, concurrency)
        return AsyncBulk(Uploads.of(self._engine), plan, paths)

    async def download(
        self, filename: str, *, to: str | PathLike[str], on_progress: OnProgress | None = None
    ) -> Downloaded:
        """Fetch a stored file, straight from S3, without the API key.

        `filename` may have folders in it. `to` is a path, whose file is replaced when all has come, or a folder.
        `on_progress` is a plain function, called with the bytes that are there, never fewer than before.

        What has come before a connection broke is kept, and the rest is asked for, where S3 allows it. Raises
        `APIError`, and `OSError` where the file cannot be written; then, or if `on_progress` raises, nothing is left of
        it. Timeouts and retries are those of the client, or of a view: `client.with_options(timeout=30).download(...)`.
        """
        call = download_call(filename, to, on_progress)
        return await Downloads.of(self._engine).answer(call)

    @show_options
    def with_options(self, **options: Unpack[WithOptions]) -> Self:
        """A view with other options that shares the connections; closing it closes nothing.

        `default_headers` and `default_query` are merged with the client's, `set_default_headers` and
        `set_default_query` replace them. `None` sets a limit back to none.
        """
        view = bare_copy(self)
        view._become(changed_engine(self._engine, options), is_view=True)  # noqa: SLF001 - another of the same class
        return view

    copy = with_options

    async def aclose(self) -> None:
        """Close the connections; calls after it raise `ClientStateError`. Closing twice, or a view, does nothing."""
        if self._is_view:
            await anyio.lowlevel.checkpoint()
        else:
            await self._engine.network.aclose()

    close = aclose

    def is_closed(self) -> bool:
        """Whether the client, or for a view the client that it is a view of, was closed."""
        return self._engine.network.closed

    @property
    def rate_limit(self) -> RateLimit:
        """What is known of the service's rate limit, shared by all with the same address and key; from any thread."""
        return self._engine.network.rate_limit(self._engine.terms)

    async def __aenter__(self) -> Self:
        check_open(closed=self.is_closed())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._engine.settings.base_url}>"


AsyncClient = AsyncWootiv
"""Its other name, from the client 0.0.1."""
