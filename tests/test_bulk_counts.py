"""The account of a bulk is even, however it ends: what the server holds is what succeeded and some of what is unknown.

The server knows no idempotency keys. It drops connections before and after the effect, answers 5xx after it, is late,
throttles and tears its answers, at random but the same for the same seed.
"""

import asyncio
import os
import random
import subprocess
import sys
import threading
from collections import Counter
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import anyio
import pytest
from bulks import Reading, check_account, emails, new_contact
from steps import NATIVE_WAYS, WAYS, cancelled_everywhere

from wootiv import Failed, NotSent, Sandbox, Succeeded, Unknown, Wootiv

ROUNDS = int(os.environ.get("WOOTIV_TESTS_ROUNDS", "5"))
COUNT = 60
INTERRUPTED = Path(__file__).with_name("support") / "interrupted.py"
SECONDS = float(os.environ.get("WOOTIV_TESTS_INTERRUPTS", "2"))
"""Of Ctrl-C, for each client and backend."""
FAULTS = [
    {"drop": True},
    {"drop": True, "after_effect": True},
    {"status": 400},
    {"status": 500},
    {"status": 502, "after_effect": True, "body": "<html>", "content_type": "text/html"},
    {"torn": True},
    {"body": "<html>"},
]
THROTTLED = [{"status": 429}, {"status": 503, "headers": {"Retry-After": "2"}}]


class EnoughError(Exception):
    pass


def troubled(rng, latency, *more):
    """A sandbox in which one request of five goes wrong, and some answers are late."""
    sandbox = Sandbox(rows=0, latency=latency)

    def at_random(share):
        return lambda _: rng.random() < share

    for fault in (*FAULTS, *more):
        sandbox.fail("contacts.create", **fault, times=None, match=at_random(0.03))
    for after_effect in (False, True):
        delay = rng.uniform(0, 5) * latency
        sandbox.fail("contacts.create", delay=delay, after_effect=after_effect, times=None, match=at_random(0.1))
    return sandbox


class Account:
    """What came of many bulks: as many as it takes until there was trouble of every kind."""

    def __init__(self, *kinds):
        self._wanted = {Succeeded, Unknown, *kinds}
        self._found = Counter()
        self._applied = 0

    def add(self, reading, items, sandbox):
        found, applied = check_account(reading, items, sandbox)
        self._found += found
        self._applied += applied

    @property
    def is_telling(self):
        """Whether each kind was met, and of what is unknown some is applied and some is not."""
        return set(self._found) >= self._wanted and 0 < self._applied < self._found[Unknown]

    def rounds(self):
        for number in range(40 * ROUNDS):
            if number >= ROUNDS and self.is_telling:
                return
            yield number
        pytest.fail(f"hardly any trouble: {self._found}, {self._applied} applied")


def raising_after(number):
    left = iter(range(number))

    def body(_outcome):
        if next(left, None) is None:
            raise EnoughError

    return body


# Both clients, in process and over a socket. The time that a bulk takes here is real.

LATENCY = 0.004
"""Seconds."""


def to_its_end(read, client, get, rng):
    read.run()


def left_by_an_error(read, client, get, rng):
    with pytest.raises(EnoughError):
        read.run(raising_after(rng.randrange(COUNT // 2)))


def closed_meanwhile(read, client, get, rng):
    """By another thread, or another task."""
    seconds = rng.uniform(0, 8 * LATENCY)
    if isinstance(client, Wootiv):
        closing = threading.Timer(seconds, client.close)
        closing.start()
        with pytest.raises(RuntimeError):  # there is no loop any more in which it could go on
            read.run()
        closing.join()
    else:

        async def both():
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(read.read)
                await anyio.sleep(seconds)
                await client.aclose()

        get(both())


ENDS = [
    (to_its_end, {}, {Failed}),
    (to_its_end, {"on_error": "stop"}, {NotSent}),
    (to_its_end, {"total_timeout": (LATENCY, 40 * LATENCY)}, {NotSent}),
    (left_by_an_error, {}, {NotSent}),
    (closed_meanwhile, {}, {NotSent}),
]


@pytest.mark.parametrize("served", [False, True], ids=["in process", "over a socket"])
@pytest.mark.parametrize(("end", "options", "kinds"), ENDS)
def test_the_account_is_even_however_a_bulk_ends(face, end, options, kinds, served):
    rng = random.Random(1)
    account = Account(*kinds)
    sandbox = troubled(rng, LATENCY)

    def use(number, client, get):
        get(client.root.retrieve())  # the first call of a client goes ahead, to see how things are
        items = emails(COUNT, f"{number}.test")
        drawn = {name: rng.uniform(*value) if isinstance(value, tuple) else value for name, value in options.items()}
        read = Reading(client, get, new_contact, items, concurrency=rng.randint(1, 16), **drawn)
        end(read, client, get, rng)
        account.add(read, items, sandbox)
        if end is to_its_end:
            assert len(read.all) == COUNT

    with sandbox.serving() if served else nullcontext() as url:
        door = {"base_url": url} if served else {"transport": sandbox.transport()}
        for number in account.rounds():  # with fewer connections than calls: some wait, and are given back
            face.session(partial(use, number), max_connections=4, **door)


# Cancelled at random instants, on virtual time


async def by_scope(read, rng):
    with anyio.move_on_after(rng.uniform(0, 15)) as scope:
        await read.read()
    return scope.cancelled_caught


async def by_limit(read, rng):
    try:
        with anyio.fail_after(rng.uniform(0, 15)):
            await read.read()
    except TimeoutError as error:
        return type(error) is TimeoutError
    return False


async def by_task(read, rng):
    """By asyncio's own `task.cancel()`, once or several times."""
    task = asyncio.create_task(read.read())
    await asyncio.wait([task], timeout=rng.uniform(0, 15))
    cancelled = task.cancel()
    for _ in range(rng.randrange(3)):
        await asyncio.sleep(0)
        task.cancel()
    await asyncio.wait([task])
    return cancelled


@pytest.mark.virtual_time
@pytest.mark.parametrize("way", [by_scope, by_limit, by_task])
async def test_the_account_is_even_wherever_a_bulk_is_cancelled(way, anyio_backend_name):
    if way is by_task and anyio_backend_name == "trio":
        pytest.skip("trio has no such thing")
    account, cancelled = Account(NotSent), 0
    for seed in account.rounds():
        rng = random.Random(seed)
        sandbox = troubled(rng, 1.0, *THROTTLED)
        async with sandbox.async_client() as client:
            read = Reading(client, None, new_contact, emails(COUNT), concurrency=rng.randint(1, 16))
            cancelled += await way(read, rng)
            account.add(read, emails(COUNT), sandbox)
    assert cancelled


@pytest.mark.virtual_time
async def test_the_account_is_even_when_a_limit_of_time_runs_out():
    account = Account(NotSent)
    for seed in account.rounds():
        rng = random.Random(seed)
        sandbox = troubled(rng, 1.0, *THROTTLED)
        async with sandbox.async_client() as client:
            begun, limit = anyio.current_time(), rng.uniform(0, 15)
            read = Reading(
                client, None, new_contact, emails(COUNT), concurrency=rng.randint(1, 16), total_timeout=limit
            )
            await read.read()
            assert anyio.current_time() <= begun + limit + 1e-6
            assert len(read.all) == COUNT
            account.add(read, emails(COUNT), sandbox)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for one process")
@pytest.mark.parametrize("way", ["blocking asyncio", "blocking trio", "async asyncio", "async trio"])
@pytest.mark.parametrize("door", ["process", "served"])
def test_the_account_is_even_whenever_ctrl_c_comes(way, door):
    command = [sys.executable, "-W", "error", INTERRUPTED, *way.split(), door, str(SECONDS)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    bulks, cut, applied, succeeded, _failed, unknown, not_sent = map(int, done.stdout.split())
    assert cut > bulks / 4
    assert min(succeeded, not_sent, applied, unknown - applied) > 0


async def test_the_account_is_even_cancelled_at_every_await(anyio_backend_name):
    names = iter(range(1_000_000))
    account = Account(NotSent)
    sandbox = Sandbox(rows=0)
    sandbox.fail("contacts.create", times=None, drop=True, after_effect=True, match=lambda one: b'"1@' in one.body)
    async with sandbox.async_client() as client:

        async def use():
            items = emails(4, f"{next(names)}.test")
            read = Reading(client, None, new_contact, items, concurrency=2)
            try:
                await read.read()
            finally:
                account.add(read, items, sandbox)

        for way in WAYS if anyio_backend_name == "trio" else [*WAYS, *NATIVE_WAYS]:
            await cancelled_everywhere(way, use)
    assert account.is_telling
