"""What arrived at the sandbox, and what it was answered."""

from collections import deque
from collections.abc import Iterator, Sequence
from typing import overload

from wootiv.message import Discreet, Headers


class Received(Discreet, frozen=True):
    """A request that came in whole."""

    operation: str | None
    """Its name, such as `contacts.create`; None where the service has no such route."""
    method: str
    path: str
    """Still percent-encoded."""
    query: str
    """Still percent-encoded."""
    headers: Headers
    body: bytes
    at: float
    """When, in seconds on the clock of the door that it came through."""
    status: int | None = None
    """What was answered: None until then, and for good where the connection was dropped or the caller had gone."""

    def __repr__(self) -> str:
        return f"<Received {self.operation}: {self.method} {self.path}, answered {self.status}>"


class Requests(Sequence[Received]):
    """The latest requests in the order in which they came, those without an answer among them."""

    def __init__(self, keep: int) -> None:
        self._kept: deque[Received] = deque(maxlen=keep)

    def add(self, received: Received) -> None:
        """Keep one more, and forget the oldest one if there are too many."""
        self._kept.append(received)

    def clear(self) -> None:
        """Forget all of them."""
        self._kept.clear()

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[Received]:
        return iter(tuple(self._kept))  # a copy: more may come in through a door in another thread

    @overload
    def __getitem__(self, index: int) -> Received: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Received, ...]: ...
    def __getitem__(self, index: int | slice) -> Received | tuple[Received, ...]:
        return tuple(self._kept)[index] if isinstance(index, slice) else self._kept[index]

    def __repr__(self) -> str:
        return repr(list(self))
