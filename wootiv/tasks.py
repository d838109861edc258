"""A block that owns tasks: they are gone before it ends, and whoever left it meets his own error."""

from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Self

import anyio
from anyio.abc import TaskGroup

from wootiv.interrupts import new_group


class Tasks:
    """A task group that is cancelled when its block is left, and that wraps no error of the body."""

    def __init__(self) -> None:
        self._group: TaskGroup

    def start(self, function: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run a function in a task of its own; it keeps its ordinary errors to itself."""
        self._group.start_soon(function)

    async def __aenter__(self) -> Self:
        self._group = new_group()
        await self._group.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        self._group.cancel_scope.cancel()
        # An error of the body is kept from the group, which would wrap it; not so a cancellation, or what holds one.
        may_be_cancellation = isinstance(error, anyio.get_cancelled_exc_class() | BaseExceptionGroup)
        own = isinstance(error, Exception) or (error is not None and not may_be_cancellation)
        try:
            handled = await self._group.__aexit__(*((None, None, None) if own else (kind, error, trace)))  # noqa: ASYNC102 - it waits for tasks that are cancelled
        except anyio.get_cancelled_exc_class():
            if own:
                return False  # noqa: ASYNC104, ASYNC910 - cancelled from outside as well: the body's error is not lost for it
            raise
        except BaseExceptionGroup as group:  # what is no Exception, such as a Ctrl-C in a task
            if len(group.exceptions) == 1:
                raise group.exceptions[0] from None  # noqa: ASYNC123 - nobody asked for a group
            raise
        else:
            return False if own else handled
        finally:
            del error, trace  # no cycle of frame and exception
