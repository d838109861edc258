"""Export 10,000 contacts over a real socket, from trio, from asyncio and from blocking code.

Starts the sandbox in a process of its own, reads every contact page by page, and writes them as JSON lines.
"""

import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import BinaryIO, NamedTuple

import anyio

from wootiv import AsyncWootiv, Wootiv

ROWS = 10_000
KEY = "any-key-will-do"


class Export(NamedTuple):
    """What one way of reading them gave."""

    contacts: int
    pages: int
    seconds: float


@contextmanager
def sandbox(rows: int) -> Generator[str, None, None]:
    """Serve the API in a box on a free port; gives its base URL."""
    command = [sys.executable, "-m", "wootiv", "sandbox", "--port", "0", "--rows", str(rows)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield next(word.rstrip(",") for word in server.stdout.readline().split() if word.startswith("http"))
        finally:
            server.terminate()


async def export_async(url: str, file: BinaryIO) -> Export:
    """Read every contact with the async client, under whichever event loop runs."""
    started, contacts, pages = perf_counter(), 0, 0
    async with AsyncWootiv(base_url=url, api_key=KEY) as client:
        async for page in client.contacts.list().pages():
            pages += 1
            contacts += len(page.data)
            file.writelines(contact.to_json() + b"\n" for contact in page.data)
    return Export(contacts, pages, perf_counter() - started)


def export(url: str, file: BinaryIO) -> Export:
    """Read every contact with the blocking client."""
    started, contacts, pages = perf_counter(), 0, 0
    with Wootiv(base_url=url, api_key=KEY) as client:
        for page in client.contacts.list().pages():
            pages += 1
            contacts += len(page.data)
            file.writelines(contact.to_json() + b"\n" for contact in page.data)
    return Export(contacts, pages, perf_counter() - started)


def main() -> None:
    """Run all three, and print a table."""
    folder = Path(tempfile.mkdtemp(prefix="wootiv-"))
    with sandbox(ROWS) as url:
        print(f"{ROWS:,} contacts at {url}\n")
        print(f"{'client':<24}{'contacts':>9}{'pages':>7}{'seconds':>9}{'contacts/s':>12}")
        for name, backend in (
            ("AsyncWootiv, trio", "trio"),
            ("AsyncWootiv, asyncio", "asyncio"),
            ("Wootiv, blocking", ""),
        ):
            target = folder / f"{name.split()[-1]}.jsonl"
            with target.open("wb") as file:
                done = anyio.run(export_async, url, file, backend=backend) if backend else export(url, file)
            if done.contacts != ROWS:
                sys.exit(f"{name}: {done.contacts} contacts, expected {ROWS}")
            speed = done.contacts / done.seconds
            print(f"{name:<24}{done.contacts:>9,}{done.pages:>7,}{done.seconds:>9.2f}{speed:>12,.0f}")
    print(f"\nwritten to {folder}: {', '.join(sorted(path.name for path in folder.iterdir()))}")


if __name__ == "__main__":
    main()
