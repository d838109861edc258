"""Ctrl-C at any instant in all that the blocking client does, each backend in its own process; and what trio heeds."""

import asyncio
import collections
import os
import signal
import subprocess
import sys
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

import anyio.lowlevel
import httpx
import pytest
import trio

from wootiv import AsyncWootiv, Sandbox, calls
from wootiv.events import AttemptEnded

OURS = str(Path(find_spec("wootiv").origin).parent)

SECONDS = float(os.environ.get("WOOTIV_TESTS_INTERRUPTS", "2"))
"""Of Ctrl-C, for each backend."""

# asyncio's debug mode, which -X dev turns on, logs callbacks that take long: on a busy machine that says nothing of us.
PROGRAM = """
import asyncio, collections, itertools, logging, os, queue, random, signal, sys, threading, time
import anyio, trio
from wootiv import Wootiv, calls

backend, url, seconds = sys.argv[1:]
logging.getLogger("asyncio").setLevel(logging.ERROR)
if backend == "uvloop":
    import uvloop
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    backend = "asyncio"

client = Wootiv(api_key="key", base_url=url, backend=backend, max_retries=0)
made = lambda name: calls.roles.create(name=name, description="")

def held():
    client.get("/held")

def read():
    client.root.retrieve()

def listed():
    assert sum(1 for _ in client.contacts.list(limit=15)) == 30

def beside():
    with client.contacts.list(limit=5).concurrent(8) as contacts:
        assert sum(1 for _ in contacts) == 30

def beside_as_they_come():
    with client.contacts.list(limit=5).concurrent(8, ordered=False) as contacts:
        assert sum(map(len, contacts.pages())) == 30

def beside_and_left():
    with client.contacts.list(limit=5).concurrent(8) as contacts:
        next(contacts)

def collected():
    assert len(client.contacts.list(limit=5).collect(8)) == 30

def bulk():
    with client.bulk(made, range_of_names, concurrency=8) as outcomes:
        assert len(list(outcomes)) == 10

def bulk_and_left():
    with client.bulk(made, range_of_names, concurrency=8) as outcomes:
        next(outcomes)

def bulk_that_is_collected():
    assert client.bulk(made, range_of_names, concurrency=8).collect().counts.succeeded == 10

def gathered():
    assert len(client.gather([calls.root.retrieve()] * 10)) == 10

range_of_names = [str(number) for number in range(10)]
uses = [held, read, listed, beside, beside_as_they_come, beside_and_left,
        collected, bulk, bulk_and_left, bulk_that_is_collected, gathered]

async def tasks():
    # How many the loop runs; no client tells, so this asks it through the client's own way in.
    await anyio.lowlevel.checkpoint()
    return len(asyncio.all_tasks()) if backend == "asyncio" else trio.lowlevel.current_statistics().tasks_living

read()
before = client._portal.call(tasks), threading.active_count()
armed = False

def interrupt(*_):
    global armed
    if armed:
        armed = False  # no second one, which would meet the program and not the client
        raise KeyboardInterrupt

def lost(what, show=sys.unraisablehook):
    global armed
    if what.exc_type is not KeyboardInterrupt:
        show(what)
    else:  # Python raises nothing out of a finaliser: press again
        armed = True
        delays.put(0.001)

def press():
    while (delay := delays.get()) is not None:
        time.sleep(delay)
        os.kill(os.getpid(), signal.SIGINT)

signal.signal(signal.SIGINT, interrupt)
sys.unraisablehook = lost
took = {held: 0.01}
for use in uses[1:] * 2:
    began = time.monotonic()
    use()
    took[use] = time.monotonic() - began
delays = queue.SimpleQueue()
presser = threading.Thread(target=press)
presser.start()
instants = random.Random()
cut, ended = collections.Counter(), 0
until = time.monotonic() + float(seconds)
for use in itertools.cycle(uses):
    if time.monotonic() > until and len(cut) == len(uses):
        break
    try:
        delays.put(instants.uniform(0, 1.5 * took[use]))
        armed = True
        use()
        armed = False
        ended += 1
    except KeyboardInterrupt:
        cut[use] += 1
delays.put(None)
presser.join()
print("quiet", client.get("/quiet", total_timeout=10))
print("tasks and threads as before", (client._portal.call(tasks), threading.active_count()) == before)
for use in uses[1:]:
    use()
client.close()
print("threads", threading.active_count())
print(sum(cut.values()), "interrupted,", ended, "ended")
"""


@pytest.mark.parametrize("backend", ["asyncio", "uvloop", "trio"])
def test_ctrl_c_at_any_instant_leaves_nothing_stuck_and_nothing_under_way(backend, watched):
    with watched(Sandbox(rows=30), latency=0.001) as server:
        done = subprocess.run(
            [sys.executable, "-P", "-X", "dev", "-W", "error", "-c", PROGRAM, backend, server.url, str(SECONDS)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS + 40,
            check=False,
        )
        assert (done.stderr, done.returncode) == ("", 0)
        *told, count = done.stdout.splitlines()
        assert told == ["quiet True", "tasks and threads as before True", "threads 1"]
        print(f"{backend}: {count}")  # noqa: T201 - shown by `pytest -rP`


class Strike:
    """A Ctrl-C at one place in our code, the n-th time that this thread gets there. Without a place, it notes them all.

    Python lets a signal in where a function begins, and where one that was called has come back; what `with` has
    called it lets come to its body.
    """

    def __init__(self, place=None, time=1):
        self.place = place
        self.time = time
        self.seen = collections.Counter()
        self.struck = False

    def __enter__(self):
        self.before = sys.getprofile()
        sys.setprofile(self._reached)
        return self

    def __exit__(self, *_):
        sys.setprofile(self.before)

    def _reached(self, frame, event, arg):
        if not self._lets_in(frame.f_code, event, arg):
            return
        place = frame.f_code.co_filename, frame.f_lineno, event, frame.f_code.co_name
        self.seen[place] += 1
        if place == self.place and self.seen[place] == self.time:
            self.struck = True
            self._press()

    def _lets_in(self, code, event, _):
        is_ours = event != "c_call" and code.co_filename.startswith(OURS)
        return is_ours and not (event == "return" and code.co_name in ("__enter__", "__next__"))

    def _press(self):
        raise KeyboardInterrupt


class Signal(Strike):
    """A real SIGINT just before a future is set, which asyncio makes a cancellation of its main task."""

    def _lets_in(self, code, event, arg):
        return event == "c_call" and arg.__name__ == "set_result"

    def _press(self):
        signal.raise_signal(signal.SIGINT)


class Bulk:
    """A bulk that knows which items were read, and which outcomes it gave."""

    def __init__(self, client):
        self.read, self.seen = [], []
        items = (self.read.append(name) or name for name in "abcde")
        self.outcomes = client.bulk(lambda name: calls.roles.create(name=name, description=""), items, concurrency=3)

    def __call__(self):
        with self.outcomes:
            for outcome in self.outcomes:
                self.seen.append(outcome)

    @property
    def is_whole(self):
        """Whether each item that was read has exactly one outcome."""
        return sorted(outcome.item for outcome in (*self.seen, *self.outcomes.unread)) == self.read


class Plain:
    is_whole = True

    def __init__(self, client):
        self.client = client


class Read(Plain):
    def __call__(self):
        self.client.root.retrieve()


class Beside(Plain):
    def __call__(self):
        with self.client.contacts.list(limit=10).concurrent(4) as contacts:
            assert sum(1 for _ in contacts) == 30


class Collected(Plain):
    def __call__(self):
        assert len(self.client.contacts.list(limit=10).collect(4)) == 30


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("kind", [Read, Beside, Collected, Bulk])
def test_ctrl_c_wherever_it_may_come_is_raised_and_leaves_nothing(backend, kind):
    async def tasks():
        await anyio.lowlevel.checkpoint()
        if backend == "trio":
            return trio.lowlevel.current_statistics().tasks_living
        return len(asyncio.all_tasks())

    with Sandbox(rows=30).client(backend=backend) as client:
        kind(client)()
        living = client._portal.call(tasks)  # no client tells what its loop runs, so this goes the client's own way in
        with Strike() as places:
            kind(client)()
        for place, times in places.seen.items():
            for time in {1, times}:
                use = kind(client)
                with Strike(place, time) as strike:
                    try:
                        use()
                    except KeyboardInterrupt:
                        assert strike.struck
                    else:
                        assert not strike.struck, place  # it came there less often: threads go on as they like
                if place[2:] in (("call", "__exit__"), ("call", "close")):
                    use = None  # before their first lines nothing can be done: the block ends when it is dropped
                for _ in range(50):  # what was cut off ends in its own thread
                    if client._portal.call(tasks) == living:
                        break
                assert client._portal.call(tasks) == living, place
                assert use is None or use.is_whole, place
        assert len(places.seen) > 40


class AsyncBulk(Bulk):
    async def __call__(self):
        async with self.outcomes:
            async for outcome in self.outcomes:
                self.seen.append(outcome)


class AsyncBeside(Plain):
    async def __call__(self):
        async with self.client.contacts.list(limit=10).concurrent(4) as contacts:
            assert len([contact async for contact in contacts]) == 30


class AsyncGathered(Plain):
    async def __call__(self):
        await self.client.gather([calls.root.retrieve()] * 4)


class AsyncInLine(Plain):
    """A call of the main task's, behind others that have all the connections."""

    options: ClassVar = {"max_connections": 2}

    async def __call__(self):
        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(self.client.root.retrieve)
            await anyio.lowlevel.checkpoint()
            await self.client.root.retrieve()


class AsyncInTurn(AsyncInLine):
    """The same, behind others whose turn is before."""

    options: ClassVar = {"max_rate": 100}


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
@pytest.mark.parametrize("kind", [AsyncBulk, AsyncBeside, AsyncGathered, AsyncInLine, AsyncInTurn])
def test_ctrl_c_whenever_a_task_is_woken_ends_an_async_program_as_itself(loop, kind, caplog):
    async def main(strike):
        nonlocal use
        async with Sandbox(rows=30).async_client(**getattr(kind, "options", {})) as client:
            use = kind(client)
            with strike:
                await use()

    use = None
    run = partial(anyio.run, main, backend_options={"use_uvloop": loop == "uvloop"})
    places = Signal()
    run(places)
    for place, times in places.seen.items():
        for time in range(1, times + 1):
            strike = Signal(place, time)
            try:
                run(strike)
            except KeyboardInterrupt:
                assert strike.struck
            else:
                assert not strike.struck, place
            assert use.is_whole, place
    assert places.seen
    assert not caplog.records


def test_on_trio_ctrl_c_is_raised_at_once_only_in_what_is_the_callers_own():
    at_once = {}

    def note(place):
        at_once[place] = not trio.lowlevel.currently_ki_protected()

    class Transport(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request):
            await trio.lowlevel.checkpoint()
            note("transport")
            return httpx.Response(204)

    def items():
        yield "a"
        note("items")

    def make(item):
        note("make")
        return calls.roles.delete(item)

    async def main():
        async with AsyncWootiv(api_key="key", base_url="http://api.test", transport=Transport()) as client:
            client.on(AttemptEnded, lambda _: note("handler"))
            async with client.bulk(make, items()) as outcomes:
                async for _ in outcomes:
                    note("block")
        note("program")

    trio.run(main)
    assert at_once == dict.fromkeys(("items", "make", "handler", "block", "program"), True) | {"transport": False}
