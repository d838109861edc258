"""Bulks that are met by Ctrl-C at random instants: `interrupted.py blocking trio served 3`, for 3 seconds.

Prints how many bulks there were, how many of them were cut short, how many of the unknown outcomes were applied, and
how many outcomes there were of each kind. Fails where an account is not even.
"""

import faulthandler
import random
import subprocess
import sys
import time
from collections import Counter
from contextlib import nullcontext
from itertools import islice
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import anyio
import trio
from bulks import Reading, check_account, emails, new_contact

from wootiv import AsyncWootiv, Sandbox, Wootiv

COUNT = 60
LONGEST = 0.03
"""Seconds after which Ctrl-C comes, at the latest; a bulk takes about as long."""
WAITS = 200
"""Hundredths of a second that it is waited for."""
RNG = random.Random(7)
CONNECTS_IN_TASKS = sys.argv[1:3] == ["async", "trio"]
"""trio makes a connection in tasks, which it interrupts between making a socket and keeping it."""


class Interrupts:
    """Sends a real SIGINT to this process, some time after it is asked to.

    From another process: a thread could send it only where the main thread lets go of the interpreter.
    """

    def __init__(self):
        command = [sys.executable, "-S", "-c", SENDER]
        self._sender = subprocess.Popen(command, stdin=subprocess.PIPE, bufsize=0, start_new_session=True)

    def ask(self):
        self._sender.stdin.write(b"%f\n" % RNG.uniform(0, LONGEST))

    def ask_again(self, what, show=sys.unraisablehook):
        """Have one sent for one that came in a finaliser, out of which Python raises nothing."""
        if what.exc_type is KeyboardInterrupt:
            self.ask()
        elif what.exc_type is not ResourceWarning or not CONNECTS_IN_TASKS:
            show(what)

    def end(self):
        self._sender.stdin.close()
        self._sender.wait()


SENDER = """
import os, sys, time
for line in sys.stdin.buffer:
    time.sleep(float(line))
    os.kill(os.getppid(), 2)
"""


def troubled():
    sandbox = Sandbox(rows=0)
    faults = [
        {"drop": True},
        {"drop": True, "after_effect": True},
        {"status": 400},
        {"status": 502, "after_effect": True},
    ]
    for fault in faults:
        sandbox.fail("contacts.create", **fault, times=None, match=lambda _: RNG.random() < 0.02)
    sandbox.fail("contacts.create", delay=0.002, after_effect=True, times=None, match=lambda _: RNG.random() < 0.5)
    return sandbox


class Blocking:
    def __init__(self, backend, door):
        self._client = Wootiv(backend=backend, **door)

    def begin(self, items):
        return Reading(self._client, None, new_contact, items, concurrency=RNG.randint(1, 12))

    def run(self, read, interrupts):
        interrupts.ask()
        some = RNG.choice([COUNT, RNG.randrange(COUNT)])
        with read.bulk as outcomes:
            read.got.extend(islice(outcomes, some))  # in C: no Ctrl-C comes between an outcome and the list
        for _ in range(WAITS):
            time.sleep(0.01)

    def after(self, read):
        if not read.bulk._left:  # it came before the first line of `__exit__`, as it can with any block
            read.bulk.__exit__(None, None, None)


class Async:
    def __init__(self, backend, door):
        self._backend, self._door = backend, door

    def begin(self, items):
        return Reading(AsyncWootiv(**self._door), None, new_contact, items, concurrency=RNG.randint(1, 12))

    def run(self, read, interrupts):
        # In lines of main's own, Python may leave a block without its exit: on 3.13, between two rounds of a loop.
        @trio.lowlevel.enable_ki_protection
        async def main():
            interrupts.ask()
            some = RNG.choice([COUNT, RNG.randrange(COUNT)])
            async with read.bulk as outcomes:
                async for outcome in outcomes:
                    read.got.append(outcome)
                    if len(read.got) > some:
                        break
            for _ in range(WAITS):  # asyncio is deaf to a signal that comes just before it waits, until it wakes
                await anyio.sleep(0.01)

        anyio.run(main, backend=self._backend)

    def after(self, read):
        pass


def main(face, backend, way, seconds):
    faulthandler.dump_traceback_later(60 + float(seconds), exit=True)
    sandbox = troubled()
    with sandbox.serving() if way == "served" else nullcontext() as url:
        door = {"base_url": url} if url else {"base_url": "http://sandbox.test", "transport": sandbox.transport()}
        side = {"blocking": Blocking, "async": Async}[face](backend, {"api_key": "key", "max_connections": 6, **door})
        run(side, sandbox, float(seconds))


def run(side, sandbox, seconds):
    interrupts = Interrupts()
    sys.unraisablehook = interrupts.ask_again
    kinds, cut, applied = Counter(), 0, 0
    end = time.monotonic() + seconds
    number = 0
    while time.monotonic() < end:
        number += 1
        items = emails(COUNT, f"{number}.test")
        read = side.begin(items)
        try:
            side.run(read, interrupts)
        except KeyboardInterrupt:
            side.after(read)
        found, of_unknown = check_account(read, items, sandbox)
        kinds += Counter({kind.__name__: count for kind, count in found.items()})
        applied += of_unknown
        cut += 0 < len(read.all) < COUNT
    interrupts.end()
    found = [kinds[name] for name in ("Succeeded", "Failed", "Unknown", "NotSent")]
    print(number, cut, applied, *found)  # noqa: T201 - the test reads it


if __name__ == "__main__":
    main(*sys.argv[1:])
