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

import anyio
import pytest
import trio
from bulks import Reading, check_account, emails, new_contact
from steps import NATIVE_WAYS, WAYS, cancelled_everywhere

from wootiv import Failed, NotSent, Sandbox, Succeeded, Unknown

SEEDS = range(int(os.environ.get("WOOTIV_TESTS_SEEDS", "12")))
COUNT = 60
FAULTS = [
    {"drop": True},
    {"drop": True, "after_effect": True},
    {"status": 400},
    {"status": 500},
    {"status": 502, "after_effect": True, "body": "<html>", "content_type": "text/html"},
    {"status": 503, "headers": {"Retry-After": "0"}},
    {"status": 429},
    {"torn": True},
    {"body": "<html>"},
]


class EnoughError(Exception):
    pass


def troubled(rng, latency):
    """A sandbox in which one request of five goes wrong, and some answers are late."""
    sandbox = Sandbox(rows=0, latency=latency)

    def at_random(share):
        return lambda _: rng.random() < share

    for fault in FAULTS:
        sandbox.fail("contacts.create", **fault, times=None, match=at_random(0.03))
    for after_effect in (False, True):
        delay = rng.uniform(0, 5) * latency
        sandbox.fail("contacts.create", delay=delay, after_effect=after_effect, times=None, match=at_random(0.1))
    return sandbox


class Account:
    """What came of many bulks, so that none of it is even for lack of trouble."""

    def __init__(self):
        self.found = Counter()
        self.applied = 0

    def add(self, reading, items, sandbox):
        found, applied = check_account(reading, items, sandbox)
        self.found += found
        self.applied += applied

    def check(self, *kinds):
        assert set(self.found) >= {Succeeded, Unknown, *kinds}
        assert 0 < self.applied < self.found[Unknown]


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
    closing = threading.Timer(rng.uniform(0, 10 * LATENCY), lambda: get(client.close()))
    closing.start()
    try:
        read.run()
    except RuntimeError:  # a blocking client has no loop any more in which it could go on
        assert client.is_closed()
    closing.join()


ENDS = [
    (to_its_end, {}, {Failed}),
    (to_its_end, {"on_error": "stop"}, {NotSent}),
    (to_its_end, {"total_timeout": (0, 8 * LATENCY)}, {NotSent}),
    (left_by_an_error, {}, {NotSent}),
    (closed_meanwhile, {}, {NotSent}),
]


@pytest.mark.parametrize("served", [False, True], ids=["in process", "over a socket"])
@pytest.mark.parametrize(("end", "options", "kinds"), ENDS)
def test_the_account_is_even_however_a_bulk_ends(face, end, options, kinds, served):
    account = Account()
    for seed in SEEDS:
        rng = random.Random(seed)
        sandbox = troubled(rng, LATENCY)
        drawn = {name: rng.uniform(*value) if isinstance(value, tuple) else value for name, value in options.items()}

        def use(client, get):
            read = Reading(client, get, new_contact, emails(COUNT), concurrency=rng.randint(1, 16), **drawn)
            end(read, client, get, rng)
            account.add(read, emails(COUNT), sandbox)
            if end is to_its_end:
                assert len(read.all) == COUNT

        if served:
            with sandbox.serving() as url:
                face.session(use, base_url=url)
        else:
            face.session(use, transport=sandbox.transport())
    account.check(*kinds)


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
        assert type(error) is TimeoutError
        return True
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
    account, cancelled = Account(), 0
    for seed in range(4 * len(SEEDS)):
        rng = random.Random(seed)
        sandbox = troubled(rng, 1.0)
        async with sandbox.async_client() as client:
            read = Reading(client, None, new_contact, emails(COUNT), concurrency=rng.randint(1, 16))
            cancelled += await way(read, rng)
            account.add(read, emails(COUNT), sandbox)
    account.check(NotSent)
    assert cancelled > len(SEEDS)


@pytest.mark.virtual_time
async def test_the_account_is_even_when_a_limit_of_time_runs_out():
    account = Account()
    for seed in range(4 * len(SEEDS)):
        rng = random.Random(seed)
        sandbox = troubled(rng, 1.0)
        async with sandbox.async_client() as client:
            begun, limit = anyio.current_time(), rng.uniform(0, 15)
            read = Reading(
                client, None, new_contact, emails(COUNT), concurrency=rng.randint(1, 16), total_timeout=limit
            )
            await read.read()
            assert anyio.current_time() <= begun + limit + 1e-6
            assert len(read.all) == COUNT
            account.add(read, emails(COUNT), sandbox)
    account.check(NotSent)


@pytest.mark.parametrize("resend_unknown", [False, True])
async def test_the_account_is_even_cancelled_at_every_await(anyio_backend_name, resend_unknown):
    names = iter(range(1_000_000))
    account = Account()
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
    account.check(NotSent)
