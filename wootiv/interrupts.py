"""Ctrl-C in the middle of what must not be torn.

trio raises it in whatever line runs, anyio's and httpcore's too, unless these are told to wait. asyncio raises nothing,
but cancels the main task, and does that from whatever line runs.
"""

import sys
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self, TypeVar, cast

import anyio
from anyio.abc import TaskGroup

F = TypeVar("F", bound=Callable[..., Any])

_marked: dict[Callable[..., Any], str] = {}
"""Functions that trio was not told of, which may not be imported yet, and how it is told."""


def undisturbed(function: F) -> F:
    """Have Ctrl-C wait while this runs, or what it calls: it is raised where the main task waits next."""
    _marked[function] = "enable_ki_protection"
    return function


def interruptible(function: F) -> F:
    """Have it raised at once all the same: this runs code of the caller's own, which may never come to an end."""
    _marked[function] = "disable_ki_protection"
    return function


def notify(wake: Callable[[], object]) -> None:
    """Wake those who wait: `notify(event.set)`, or `notify(semaphore.release)`, which wakes one.

    Where Ctrl-C comes between asyncio's look whether a future is done and the setting of it, the setting fails. It is
    the main task's, which is awake by that; the next one is still to be woken.
    """
    try:
        wake()
    except Exception as error:
        asyncio = sys.modules.get("asyncio")
        if asyncio is None or not isinstance(error, asyncio.InvalidStateError):
            raise
        wake()


def on_trio() -> bool:
    """Whether the running event loop is trio's."""
    trio = sys.modules.get("trio")
    return trio is not None and anyio.get_cancelled_exc_class() is getattr(trio, "Cancelled", None)


def new_group() -> TaskGroup:
    """Make a task group, whose tasks are undisturbed."""
    if not on_trio():
        return anyio.create_task_group()
    trio = sys.modules["trio"]
    for function, mark in list(_marked.items()):
        getattr(trio.lowlevel, mark)(function)
        _marked.pop(function, None)  # last: it may be interrupted itself
    return cast("TaskGroup", _Nursery(trio))


class _Nursery:
    """trio's own, as far as we use it: anyio runs lines of its own around each task, which would be disturbed."""

    def __init__(self, trio: Any) -> None:
        self._manager = trio.open_nursery(strict_exception_groups=True)
        self._nursery: Any

    @property
    def cancel_scope(self) -> Any:
        return self._nursery.cancel_scope

    def start_soon(self, function: Callable[[], Awaitable[None]]) -> None:
        self._nursery.start_soon(_run, function)

    async def __aenter__(self) -> Self:
        self._nursery = await self._manager.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        try:
            handled: bool | None = await self._manager.__aexit__(kind, error, trace)  # noqa: ASYNC102 - as in the block that this is the exit of
        except BaseExceptionGroup as group:
            raise _bare(group) from None  # noqa: ASYNC123 - nobody asked for a group
        else:
            return handled
        finally:
            del error, trace  # no cycle of frame and exception


def _bare(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """What a group holds, if that is one thing, or nothing but cancellations."""
    is_cancellation = group.split(anyio.get_cancelled_exc_class())[1] is None
    found: BaseException = group
    while isinstance(found, BaseExceptionGroup) and (is_cancellation or len(found.exceptions) == 1):
        found = next(iter(found.exceptions))
    return found


@undisturbed
async def _run(function: Callable[[], Awaitable[None]]) -> None:
    await function()
