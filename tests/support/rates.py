"""Many calls against a limited service: paced by the client, and retried by each task on its own.

`python tests/support/rates.py` writes the figures of docs/how-to/rate-limits.md, on virtual time. With `--socket` it
makes 600 calls over a socket, in real time; with `--at-once` it compares 64 requests at once with 16, over a socket.
"""

import argparse
import random
import subprocess
import sys
import time
from typing import NamedTuple

import anyio
import httpx
import trio.testing

import wootiv.engine.pace
from wootiv import APIError, AsyncWootiv, Sandbox, calls
from wootiv.engine.learned import Learned
from wootiv.run import Run
from wootiv.sandbox import FixedWindow, TokenBucket

RATE = 50
TASKS = 32
LATENCY = 0.02
ADDRESS = "http://wootiv.test"
THROTTLES = {
    "bucket": lambda headers: TokenBucket(RATE, 10, headers=headers),
    "window": lambda headers: FixedWindow(RATE, 1, block=1, headers=headers),
    "window without block": lambda headers: FixedWindow(RATE, 1, headers=headers),
}
"""A token bucket with a burst of 10; and the real throttler, which from its version 6 on blocks whoever it refuses."""
SAYS = ("all headers", "only Retry-After", "nothing")


class Measured(NamedTuple):
    """What a number of calls came to."""

    calls: int
    seconds: float
    refused: int
    lost: int
    slowest: float

    @property
    def goodput(self):
        """Answers a second, as a share of the limit."""
        return (self.calls - self.lost) / self.seconds / RATE

    @property
    def share(self):
        """Of requests that were refused."""
        return self.refused / (self.refused + self.calls - self.lost)


class _OnlyRetryAfter(httpx.AsyncBaseTransport):
    """Takes the headers off answers of success."""

    def __init__(self, inner):
        self._inner = inner

    async def handle_async_request(self, request):
        response = await self._inner.handle_async_request(request)
        for name in [name for name in response.headers if name.startswith("x-ratelimit")]:
            del response.headers[name]
        return response


def door(throttle, says, latency=LATENCY):
    """A limited sandbox's transport."""
    inner = Sandbox(rows=1, latency=latency, throttle=throttle).transport()
    return _OnlyRetryAfter(inner) if says == "only Retry-After" else inner


# What sends a call: each is made for a client, and for the door that the client goes through.


def paced(client, _):
    """Calls of one run, as `concurrent` and `bulk` make them."""
    run = Run()
    return lambda call: client._engine.send(call, run)


def single(client, _):
    """Calls by themselves."""
    return client.send


class OnItsOwn:
    """Requests by httpx; who is refused waits for itself, and tries 11 times in all."""

    def __init__(self, _, transport):
        self._http = httpx.AsyncClient(transport=transport, base_url=ADDRESS, headers={"Authorization": "Bearer key"})
        self._chance = random.Random(1)

    async def __call__(self, call):
        for tried in range(1, 12):
            response = await self._http.get(call.path)
            if response.status_code != 429:
                return
            asked = response.headers.get("retry-after")
            await anyio.sleep(self.wait(tried, None if asked is None else float(asked)))
        message = "refused 11 times"
        raise APIError(message)

    def wait(self, tried, _):
        return self._chance.uniform(0, min(30, 0.1 * 2**tried))


class RetryAfter(OnItsOwn):
    def wait(self, tried, asked):
        return super().wait(tried, None) if asked is None else asked


class RetryAfterJittered(OnItsOwn):
    def wait(self, tried, asked):
        return super().wait(tried, None) if asked is None else asked * (1 + self._chance.uniform(0, 0.5 * tried))


async def measure(count, throttle, policy=paced, **options):
    """Have 32 tasks make so many calls. Without a transport, the client goes to its address."""
    call = calls.contacts.list(limit=1)
    lost, slowest = 0, 0.0
    async with AsyncWootiv(**{"base_url": ADDRESS, "api_key": "key", **options}) as client:
        send = policy(client, options.get("transport"))
        left = iter(range(count))
        begun = anyio.current_time()

        async def work():
            nonlocal lost, slowest
            for _ in left:
                since = anyio.current_time()
                try:
                    await send(call)
                except APIError:
                    lost += 1
                slowest = max(slowest, anyio.current_time() - since)

        async with anyio.create_task_group() as tasks:
            for _ in range(TASKS):
                tasks.start_soon(work)
        return Measured(count, anyio.current_time() - begun, throttle.refused, lost, slowest)


# The command


class _Untaught(Learned):
    def refused(self, sent, *, told):
        """Learn nothing."""


_POLICIES = {
    "each task: exponential backoff": OnItsOwn,
    "each task: Retry-After": RetryAfter,
    "each task: Retry-After and jitter": RetryAfterJittered,
    "client, with no rate learned": paced,
    "client, single calls": single,
    "client": paced,
}


def _say(text):
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _virtually(count, throttle, says, policy):
    async def main():
        return await measure(count, throttle, policy, transport=door(throttle, says))

    clock = trio.testing.MockClock(autojump_threshold=0)
    return anyio.run(main, backend="trio", backend_options={"clock": clock})


def _table(sizes):
    for name, make in THROTTLES.items():
        for says in SAYS:
            _say(f"\n{name}, {says}: goodput, refused, slowest call, lost; for {', '.join(map(str, sizes))} calls")
            for title, policy in _POLICIES.items():
                wootiv.engine.pace.Learned = _Untaught if "no rate" in title else Learned
                found = [_virtually(size, make(says != "nothing"), says, policy) for size in sizes]
                cells = [f"{one.goodput:4.0%} {one.share:5.1%} {one.slowest:4.1f} s {one.lost:3}" for one in found]
                _say(f"  {title:35} {' | '.join(cells)}")


async def _over_a_socket():
    for says in ("all headers", "nothing"):
        for name, make in THROTTLES.items():
            throttle = make(says != "nothing")
            with Sandbox(rows=1, latency=LATENCY, throttle=throttle).serving() as url:
                one = await measure(600, throttle, base_url=url)
            _say(f"{name}, {says}: {one.goodput:.0%} of the limit, {one.share:.1%} refused, {one.lost} lost")


_SERVER = """
import asyncio

class Server(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        asyncio.get_running_loop().call_later(0.02, self.transport.write, ANSWER)

    def connection_lost(self, error):
        pass

ANSWER = b"HTTP/1.1 200 OK\\r\\ncontent-type: application/json\\r\\ncontent-length: 2\\r\\n\\r\\n{}"

async def main():
    server = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", 0, backlog=512)
    print("http://127.0.0.1:%d" % server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

asyncio.run(main())
"""
"""A server that takes next to nothing of the machine, and 20 ms to answer."""


async def _at_once(url):
    """Make 2,000 calls with 64 and with 16 of them at once, in turns; the first round only opens connections."""
    spent = {16: [], 64: []}
    async with AsyncWootiv(base_url=url, api_key="key") as client:

        async def work(left):
            for _ in left:
                await client.contacts.retrieve("c1")

        for number in range(8):
            for many in (16, 64) if number % 2 else (64, 16):
                left = iter(range(2000))
                begun = time.perf_counter()
                async with anyio.create_task_group() as tasks:
                    for _ in range(many):
                        tasks.start_soon(work, left)
                spent[many].append(time.perf_counter() - begun)
    few, many = (sorted(spent[many][1:])[3] for many in (16, 64))
    _say(f"2,000 calls of 20 ms: {few:.2f} s with 16 at once, {many:.2f} s with 64, ratio {many / few:.2f}")


def main():
    """Do as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--socket", action="store_true", help="600 calls over a socket, in real time")
    parser.add_argument("--at-once", action="store_true", help="64 requests at once beside 16, over a socket")
    parser.add_argument("sizes", nargs="*", type=int, help="numbers of calls")
    asked = parser.parse_args()
    if asked.socket:
        anyio.run(_over_a_socket)
    elif asked.at_once:
        command = [sys.executable, "-c", _SERVER]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            anyio.run(_at_once, server.stdout.readline().strip())
            server.terminate()
    else:
        _table(asked.sizes or [300, 600, 3000])


if __name__ == "__main__":
    main()
