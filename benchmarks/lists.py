"""Read a list page by page and side by side, over a socket: seconds, requests, and what a row costs in CPU time.

`python benchmarks/lists.py` serves 20,000 contacts from a process of its own, at 50 ms and at no latency. The hostile
writer deletes three of each hundred contacts, anywhere in the list, while it is read.
"""

import argparse
import random
import subprocess
import sys
from collections.abc import AsyncIterator, Generator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from time import perf_counter, process_time
from typing import Any

import anyio

from wootiv import AsyncWootiv, Wootiv

KEY = "any-key-will-do"
SHARE = 0.03
"""Of all rows, how many the hostile writer deletes."""


@contextmanager
def sandbox(rows: int, latency: int) -> Generator[str, None, None]:
    """Serve the API in a box on a free port; gives its base URL."""
    command = [sys.executable, "-m", "wootiv", "sandbox", "--port", "0", "--rows", str(rows), "--latency", str(latency)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield next(word.rstrip(",") for word in server.stdout.readline().split() if word.startswith("http"))
        finally:
            server.terminate()


class Writer:
    """Deletes contacts at the pace of a reader."""

    def __init__(self, client: AsyncWootiv, ids: list[str]) -> None:
        self._client = client
        self._ids = random.Random(7).sample(ids, round(len(ids) * SHARE))
        self._tasks = anyio.create_task_group()

    def keep_up(self, read: int) -> None:
        """Delete as many as belong to so many rows read."""
        while self._ids and read * SHARE >= 1:
            read -= round(1 / SHARE)
            self._tasks.start_soon(self._client.contacts.delete, self._ids.pop())


async def pages_of(client: AsyncWootiv, how: dict[str, Any]) -> AsyncIterator[tuple[int, Any]]:
    """How many rows each page has, and the statistics so far."""


async def read(url: str, rows: int, how: dict[str, Any] | None, *, hostile: bool) -> tuple[float, float, int, str]:
    """Seconds, microseconds of CPU time a row, requests, and what else is to be told."""
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(AsyncWootiv(base_url=url, api_key=KEY, max_rate=None))
        other = await stack.enter_async_context(AsyncWootiv(base_url=url, api_key=KEY))
        ids = [one.id for one in await client.contacts.list(fields="id").collect()] if hostile else []
        writer = Writer(other, ids)
        await stack.enter_async_context(writer._tasks)
        await client.root.retrieve()
        seen, requests, told, taken = 0, 0, "", 0.0
        began, cpu = perf_counter(), process_time()
        if how is None:
            async for page in client.contacts.list().pages():
                seen += len(page.data)
                requests += 1
                if hostile:
                    writer.keep_up(len(page.data))
        else:
            async with client.contacts.list().concurrent(**how) as contacts:
                async for page in contacts.pages():
                    seen += len(page)
                    if hostile:
                        writer.keep_up(len(page))
                stats = contacts.stats
                requests, told = stats.requests, f"{stats.repaired} repaired, {stats.repeats} repeats"
        taken, cpu = perf_counter() - began, process_time() - cpu
    return taken, cpu / seen * 1e6, requests, f"{seen} rows, {told}"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=20_000)
    options = parser.parse_args()
    for latency in (50, 0):
        for hostile in (False, True):
            for name, how in (("page by page", None), ("8", {"concurrency": 8}), ("8 unordered", {"concurrency": 8, "ordered": False}), ("8 raw", {"concurrency": 8, "raw": True})):
                for backend in ("asyncio",):
                    with sandbox(options.rows, latency) as url:
                        taken, cpu, requests, told = anyio.run(lambda: read(url, options.rows, how, hostile=hostile), backend=backend)
                    print(f"{latency:>3} ms {'hostile' if hostile else 'quiet':<8}{name:<14}{backend:<8}{taken:6.2f} s {requests:>5} requests {cpu:6.1f} us/row  {told}", flush=True)

main()
