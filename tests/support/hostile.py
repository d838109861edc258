"""A sandbox in which somebody else writes, before and after any answer."""

from bisect import bisect_left, insort

import anyio.lowlevel
import httpx

ENOUGH = 5000
"""Requests after which a reader is taken to go round in circles."""


class Hostile(httpx.AsyncBaseTransport):
    """Leads to a sandbox whose contacts others delete, insert and update meanwhile. Answers overtake one another.

    `dice` decides what they like to do, where in the list, and how much of it: a few at a time, or more than a page.
    Who is `busy` does all of it, everywhere. Half of them also write after the rows of a page were read and before they
    are counted, as with the service's own engine, which asks its database twice.
    """

    def __init__(self, sandbox, dice, *, busy=False):
        self.table = sandbox.tables["/contacts"]
        self.door = sandbox.transport()
        self.dice = dice
        self._ids = sorted(row["id"] for row in self.table)
        self.before = set(self._ids)
        self.deleted, self.inserted = set(), set()
        self.asked = 0
        self._counts_late = dice.random() < 0.5
        self._pattern = next(iter(self.table), None) or {}
        self._likes = dice.choice([["delete"], ["insert"], ["delete", "delete", "insert", "update"]][2 * busy :])
        self._reach = dice.choice([(0, 1), (0, 0.3), (0.7, 1)][: 3 - 2 * busy])
        self._burst = dice.choice([2, 4, 25]) if not busy else 30
        self._budget = dice.choice([20, 100, 300]) if not busy else 1000

    @property
    def throughout(self):
        """The ids of what was there from start to end."""
        return self.before - self.deleted

    async def handle_async_request(self, request):
        self.asked += 1
        assert self.asked < ENOUGH, "the reader goes round in circles"
        await self._dawdle()
        self.write()
        response = await self.door.handle_async_request(request)
        self.write()
        if self._counts_late:
            response = _with_count(response, await self.door.handle_async_request(request))
            self.write()
        await self._dawdle()
        return response

    async def _dawdle(self):
        for _ in range(self.dice.randrange(8)):
            await anyio.lowlevel.checkpoint()

    def write(self):
        for _ in range(min(self._budget, self.dice.choice([0, 0, 1, 1, 2, self._burst]))):
            self._budget -= 1
            low, high = (round(len(self._ids) * part) for part in self._reach)
            id = self._ids[self.dice.randrange(low, high)] if low < high else None
            match self.dice.choice(self._likes):
                case "insert":
                    self._insert(f"{id or ''}-{len(self.inserted)}")  # right behind a row that is there
                case "delete" if id:
                    self._delete(id)
                case "update" if id:
                    self.table.replace(id, {"firstName": self.dice.choice("XYZ")})

    def _insert(self, id):
        self.table.insert({**self._pattern, "id": id})
        self.inserted.add(id)
        insort(self._ids, id)

    def _delete(self, id):
        self.table.delete(id)
        self.deleted.add(id)
        del self._ids[bisect_left(self._ids, id)]


def _with_count(response, later):
    """The rows of one page, and the count of a later moment."""
    page = response.json()
    if isinstance(page, dict):
        page |= {name: later.json()[name] for name in ("total", "pageCount")}
    return httpx.Response(response.status_code, json=page)
