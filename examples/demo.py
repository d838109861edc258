"""Export 10,000 contacts over a real socket, page by page and then with eight pages side by side.

Starts the sandbox in a process of its own, which waits 50 ms before each answer as a network would, and writes the
contacts as JSON lines: under trio, under asyncio, and from blocking code.
"""

import subprocess
import sys
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import BinaryIO

import anyio

from wootiv import AsyncWootiv, Wootiv
from wootiv.types import Contact

ROWS = 10_000
LATENCY_MS = 50
KEY = "any-key-will-do"


@contextmanager
def sandbox() -> Generator[str, None, None]:
    """Serve the API in a box on a free port; gives its base URL."""
    command = [sys.executable, "-m", "wootiv", "sandbox", "--port", "0"]
    command += ["--rows", str(ROWS), "--latency", str(LATENCY_MS)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield next(word.rstrip(",") for word in server.stdout.readline().split() if word.startswith("http"))
        finally:
            server.terminate()


def write(contacts: Sequence[Contact], file: BinaryIO) -> int:
    """Write contacts as JSON lines; how many."""
    file.writelines(contact.to_json() + b"\n" for contact in contacts)
    return len(contacts)


async def export_async(url: str, file: BinaryIO, concurrency: int) -> int:
    """Read every contact with the async client, under whichever event loop runs."""
    written = 0
    async with AsyncWootiv(base_url=url, api_key=KEY) as client:
        if concurrency == 1:
            async for page in client.contacts.list().pages():
                written += write(page.data, file)
        else:
            async with client.contacts.list().concurrent(concurrency) as contacts:
                async for rows in contacts.pages():
                    written += write(rows, file)
    return written


def export(url: str, file: BinaryIO, concurrency: int) -> int:
    """Read every contact with the blocking client."""
    written = 0
    with Wootiv(base_url=url, api_key=KEY) as client:
        if concurrency == 1:
            for page in client.contacts.list().pages():
                written += write(page.data, file)
        else:
            with client.contacts.list().concurrent(concurrency) as contacts:
                for rows in contacts.pages():
                    written += write(rows, file)
    return written


def main() -> None:
    """Run all of them, and print a table."""
    folder = Path(tempfile.mkdtemp(prefix="wootiv-"))
    with sandbox() as url:
        print(f"{ROWS:,} contacts at {url}, {LATENCY_MS} ms before each answer\n")
        print(f"{'client':<24}{'page by page':>14}{'8 side by side':>16}{'ratio':>8}")
        for name, backend in (
            ("AsyncWootiv, trio", "trio"),
            ("AsyncWootiv, asyncio", "asyncio"),
            ("Wootiv, blocking", ""),
        ):
            seconds: list[float] = []
            for concurrency in (1, 8):
                target = folder / f"{name.split()[-1]}-{concurrency}.jsonl"
                with target.open("wb") as file:
                    args, started = (url, file, concurrency), perf_counter()
                    written = anyio.run(export_async, *args, backend=backend) if backend else export(*args)
                    seconds.append(perf_counter() - started)
                if written != ROWS:
                    sys.exit(f"{name}: {written} contacts, expected {ROWS}")
            one, eight = seconds
            print(f"{name:<24}{one:>12.2f} s{eight:>14.2f} s{one / eight:>7.1f}x")
    exports = {path.read_bytes() for path in folder.iterdir()}
    print(f"\nwritten to {folder}, {'all the same' if len(exports) == 1 else 'and they DIFFER'}")
    if len(exports) > 1:
        sys.exit(1)


if __name__ == "__main__":
    main()
