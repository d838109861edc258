"""Read a list page by page and side by side over a socket: seconds, requests, and what a row costs in CPU time.

`python tests/benchmarks/lists.py` serves 20,000 contacts from a process of its own, with 50 ms before each answer, and
with none.
The hostile writer deletes three of each hundred contacts, anywhere in the list, at the reader's pace.
"""

import argparse
import random
import statistics
import subprocess
import sys
from collections.abc import AsyncIterator, Generator
from contextlib import asynccontextmanager, contextmanager
from time import perf_counter, process_time
from typing import Any, NamedTuple

import anyio
from anyio.abc import TaskGroup

from wootiv import AsyncWootiv

KEY = "any-key-will-do"
SHARE = 0.03
"""Of all rows, how many the hostile writer deletes."""

WAYS: dict[str, dict[str, Any] | None] = {
    "page by page": None,
    "concurrent(8)": {},
    "concurrent(8, ordered=False)": {"ordered": False},
    "concurrent(8, raw=True)": {"raw": True},
}


class Figures(NamedTuple):
    """Of one run."""

    seconds: float
    cpu: float
    """Of this process, the writer's requests among them; microseconds a row."""
    requests: int
    repaired: int


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
    """Deletes contacts, as many as belong to the rows that were read."""

    def __init__(self, client: AsyncWootiv, ids: list[str], tasks: TaskGroup) -> None:
        self._client = client
        self._ids = random.Random(7).sample(ids, round(len(ids) * SHARE))
        self._tasks = tasks

    def keep_up(self, read: int) -> None:
        """Delete, beside the reader."""
        for id in self._ids[: round(read * SHARE)]:
            self._tasks.start_soon(self._client.contacts.delete, id)
        del self._ids[: round(read * SHARE)]


@asynccontextmanager
async def writer(url: str, *, hostile: bool) -> AsyncIterator[Writer]:
    """Somebody else, with a client of his own; one who has nothing to delete is not hostile."""
    async with AsyncWootiv(base_url=url, api_key=KEY) as client:
        ids = [contact.id for contact in await client.contacts.list(fields="id").collect()] if hostile else []
        async with anyio.create_task_group() as tasks:
            yield Writer(client, ids, tasks)


async def read(url: str, how: dict[str, Any] | None, hostile: bool) -> Figures:
    """Read all contacts, in one of the ways."""
    async with AsyncWootiv(base_url=url, api_key=KEY) as client, writer(url, hostile=hostile) as other:
        await client.root.retrieve()
        rows = requests = repaired = 0
        begun, cpu = perf_counter(), process_time()
        if how is None:
            async for page in client.contacts.list().pages():
                rows, requests = rows + len(page.data), requests + 1
                other.keep_up(len(page.data))
        else:
            async with client.contacts.list().concurrent(8, **how) as contacts:
                async for some in contacts.pages():
                    rows += len(some)
                    other.keep_up(len(some))
            requests, repaired = contacts.stats.requests, contacts.stats.repaired
        seconds, cpu = perf_counter() - begun, process_time() - cpu
    return Figures(seconds, cpu / rows * 1e6, requests, repaired)


def main() -> None:
    """Print a table, each line the median of a few runs."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--backend", default="asyncio", choices=["asyncio", "trio"])
    options = parser.parse_args()
    for latency in (50, 0):
        for hostile in (False, True):
            others = "others delete 3 of each 100" if hostile else "nobody writes"
            print(f"\n{options.rows:,} contacts, {latency} ms, {others}, {options.backend}")
            for name, how in WAYS.items():
                runs: list[Figures] = []
                for _ in range(options.runs):
                    with sandbox(options.rows, latency) as url:
                        runs.append(anyio.run(read, url, how, hostile, backend=options.backend))
                one = [statistics.median(figure) for figure in zip(*runs, strict=True)]
                print(f"  {name:<30}{one[0]:7.2f} s {one[1]:7.1f} us/row {one[2]:5.0f} requests {one[3]:4.0f} repaired")


if __name__ == "__main__":
    main()
