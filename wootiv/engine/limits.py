"""How many attempts may be under way at once, and which pool of connections each one uses."""

from typing import Generic, TypeVar

import anyio
import anyio.lowlevel

from wootiv.errors import APITimeoutError
from wootiv.interrupts import notify

Pool = TypeVar("Pool")

POOL_SIZE = 8
"""Connections to a pool. httpx's pool is quadratic in them: at 64 in flight one pool takes 7.8 times the ideal
wall time, eight pools take 1.17 times."""


class Slots(Generic[Pool]):
    """Room for attempts: first come, first served, in the first pool that has room.

    Nothing may ever queue inside a pool of httpx, because an attempt that is cancelled there loses its connection
    for good. So there are never more attempts than connections.
    """

    def __init__(self, pools: list[Pool], total: int) -> None:
        self._room = anyio.Semaphore(total, fast_acquire=True)
        self._pools = pools
        full, rest = divmod(total, POOL_SIZE)
        sizes = [total] if len(pools) == 1 else [POOL_SIZE] * full + [rest] * bool(rest)
        self._free = dict(enumerate(sizes))

    async def take(self, limit: float | None) -> tuple[int, Pool]:
        """Wait for room, up to `limit` seconds; give what comes back to `give_back`, whatever happens.

        Raises `APITimeoutError`.
        """
        return self.take_at_once() or await self._queue(limit)  # noqa: ASYNC910 - the attempt follows at once

    def take_at_once(self) -> tuple[int, Pool] | None:
        """Take of the room that there is, if there is any; give it back as with `take`."""
        if not self._room.value:
            return None
        self._room.acquire_nowait()
        return self._first()

    def _first(self) -> tuple[int, Pool]:
        number = next(number for number, free in self._free.items() if free)
        self._free[number] -= 1
        return number, self._pools[number]

    async def _queue(self, limit: float | None) -> tuple[int, Pool]:
        with anyio.move_on_after(limit):
            await self._room.acquire()  # cancelled here, nothing was taken
            return self._first()
        await anyio.lowlevel.checkpoint_if_cancelled()  # a scope of the caller's that ran out too has the say
        message = f"no free connection within {limit} s"
        raise APITimeoutError(message)

    def give_back(self, number: int) -> None:
        """Make room again."""
        self._free[number] += 1
        notify(self._room.release)


def pools_for(total: int) -> int:
    """How many pools hold so many connections."""
    return -(-total // POOL_SIZE)
