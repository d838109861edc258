"""Connections: how many, whose, and for how long; over real sockets."""

import asyncio
import contextlib
import gc
import random
from pathlib import Path

import anyio
import anyio.lowlevel
import httpx
import pytest
import tenacity
import trio

from wootiv import APIConnectionError, AsyncWootiv, ClientStateError


def client_of(server, **options):
    return AsyncWootiv(**{"api_key": "key", "base_url": server.url, "max_retries": 0, **options})


def quick(reply):
    return lambda asked: [0.02, reply(b'{"id":"c1"}')]


def tasks_living(backend):
    return len(asyncio.all_tasks()) if backend == "asyncio" else trio.lowlevel.current_statistics().tasks_living


def sockets():
    """Of this process, the server's included; those that are just being closed are not counted."""
    targets = []
    for number in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            targets.append(str(number.readlink()))
    return sum(target.startswith("socket:") for target in targets)


async def one(client):
    assert (await client.contacts.retrieve("c1")).id == "c1"


async def cancelled_by_scope(client, seconds):
    with anyio.move_on_after(seconds):
        await client.contacts.retrieve("c1")


async def cancelled_by_task(client, seconds):
    task = asyncio.create_task(client.contacts.retrieve("c1"))
    await anyio.sleep(seconds)
    task.cancel()
    await asyncio.wait([task])
    if not task.cancelled():
        task.result()


@pytest.mark.parametrize("way", [cancelled_by_scope, cancelled_by_task])
async def test_requests_cancelled_at_random_lose_no_slot_and_leave_no_task(serve, reply_bytes, anyio_backend_name, way):
    if way is cancelled_by_task and anyio_backend_name == "trio":
        return  # trio has no such thing
    chance = random.Random(1)
    with serve(quick(reply_bytes)) as server:
        async with client_of(server, max_connections=10) as client:
            await one(client)
            before = tasks_living(anyio_backend_name)
            for _ in range(20):
                async with anyio.create_task_group() as tasks:
                    for _ in range(100):
                        tasks.start_soon(way, client, chance.uniform(0, 0.05))
            with anyio.fail_after(10):
                for _ in range(20):
                    await one(client)
            assert tasks_living(anyio_backend_name) == before
            accepted = server.accepted
            with anyio.fail_after(10):
                async with anyio.create_task_group() as tasks:
                    for _ in range(10):
                        tasks.start_soon(one, client)
            assert server.accepted - accepted <= 10
        assert server.wait_until(lambda server: server.open == 0)


async def test_sixty_four_at_once_make_no_new_connections_once_warm(serve, reply_bytes):
    with serve(quick(reply_bytes)) as server:
        async with client_of(server) as client:

            async def worker():
                for _ in range(5):
                    await one(client)

            for _ in range(2):
                async with anyio.create_task_group() as tasks:
                    for _ in range(64):
                        tasks.start_soon(worker)
            assert server.accepted <= 64


@pytest.mark.parametrize("limit", [1, 8, 9, 20])
async def test_no_more_connections_than_allowed(serve, reply_bytes, limit):
    with serve(quick(reply_bytes)) as server:
        async with client_of(server, max_connections=limit) as client:
            await one(client)  # before the first answer eight go at once
            async with anyio.create_task_group() as tasks:
                for _ in range(20):
                    tasks.start_soon(one, client)
        assert server.accepted == limit


async def test_a_view_shares_the_connections_and_closing_it_closes_nothing(serve, reply_bytes):
    with serve(quick(reply_bytes)) as server:
        async with client_of(server) as client:
            await one(client)
            for number in range(5):
                async with client.with_options(default_headers={"x-number": str(number)}) as view:
                    await one(view)
                assert not view.is_closed()
            await one(client)
            assert server.accepted == 1
        assert view.is_closed()
        with pytest.raises(ClientStateError):
            await one(view)


async def test_a_closed_client_says_so_and_has_no_connection(serve, reply_bytes):
    with serve(quick(reply_bytes)) as server:
        client = client_of(server)
        await one(client)
        await client.aclose()
        await client.aclose()
        assert client.is_closed()
        with pytest.raises(ClientStateError, match="this client is closed, make a new one"):
            await one(client)
        assert server.wait_until(lambda server: server.open == 0)


async def test_who_is_being_cancelled_still_closes(serve, reply_bytes):
    with serve(quick(reply_bytes)) as server:
        with anyio.CancelScope() as scope:
            async with client_of(server) as client:
                await one(client)
                scope.cancel()
        assert server.wait_until(lambda server: server.open == 0)


async def test_a_connection_that_was_dropped_between_requests_is_replaced(serve, reply_bytes):
    with serve(lambda asked: [reply_bytes(b'{"id":"c1"}'), None]) as server:
        async with client_of(server) as client:
            for number in range(1, 4):
                await one(client)
                assert server.wait_until(lambda server: server.open == 0)
                await anyio.lowlevel.checkpoint()
                assert server.accepted == number


@pytest.mark.parametrize(
    "answer",
    [
        [None],
        [b"HTTP/1.1 200 OK\r\ncontent-le", None],
        [b'HTTP/1.1 200 OK\r\ncontent-length: 90\r\n\r\n{"id":', None],
        [b'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n6\r\n{"id":\r\n', None],
        [b"no http at all\r\n\r\n", None],
        [b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\nabcd"],
    ],
    ids=["nothing", "torn head", "torn body", "torn chunk", "no http", "no gzip"],
)
async def test_a_torn_answer_is_a_connection_error_that_is_retried(serve, reply_bytes, answer):
    answers = [answer, reply_bytes(b'{"id":"c1"}')]
    with serve(lambda asked: answers.pop(0)) as server:
        at_once = tenacity.AsyncRetrying(wait=tenacity.wait_none(), stop=tenacity.stop_after_attempt(2))
        async with client_of(server, retrying=at_once, max_retries=1) as client:
            await one(client)
    answers = [answer]
    with serve(lambda asked: answers.pop(0)) as server:
        async with client_of(server) as client:
            with pytest.raises(APIConnectionError) as caught:
                await client.contacts.delete("c1")
    assert caught.value.maybe_applied
    gc.collect()


async def test_a_compressed_answer_is_read(serve, reply_bytes):
    import gzip

    body = gzip.compress(b'{"id":"c1"}')
    with serve(lambda asked: reply_bytes(body, content_encoding="gzip")) as server:
        async with client_of(server) as client:
            await one(client)


async def test_nothing_that_listens_is_a_connection_error_that_was_never_applied(unused_address):
    async with AsyncWootiv(api_key="key", base_url=unused_address, max_retries=0) as client:
        with pytest.raises(APIConnectionError) as caught:
            await client.contacts.delete("c1")
    assert [attempt.maybe_applied for attempt in caught.value.attempts] == [False]
    assert isinstance(caught.value.__cause__, OSError) or type(caught.value.__cause__).__name__ == "ConnectError"


# Event loops


@pytest.mark.parametrize("run", [asyncio.run, lambda main: trio.run(main_of(main))], ids=["asyncio", "trio"])
def test_one_client_serves_one_event_loop_after_another(serve, reply_bytes, run):
    with serve(quick(reply_bytes)) as server:
        client = client_of(server)
        before = sockets()
        for _ in range(2):
            run(one(client))
            gc.collect()
            assert server.wait_until(lambda server: server.open == 0)
        assert server.accepted == 2
        assert sockets() <= before


def main_of(coroutine):
    async def main():
        return await coroutine

    return main


def test_one_client_serves_trio_after_asyncio(serve, reply_bytes):
    with serve(quick(reply_bytes)) as server:
        client = client_of(server)
        asyncio.run(one(client))
        trio.run(one, client)
        asyncio.run(client.aclose())
        gc.collect()


def test_two_living_loops_are_told_apart(serve, reply_bytes):
    with serve(quick(reply_bytes)) as server:
        client = client_of(server)

        async def main():
            await one(client)
            with pytest.raises(ClientStateError, match="another event loop that still runs"):
                await anyio.to_thread.run_sync(asyncio.run, one(client))
            with pytest.raises(ClientStateError, match="another event loop that still runs"):
                await anyio.to_thread.run_sync(trio.run, one, client)
            await one(client)

        asyncio.run(main())
        gc.collect()


@pytest.mark.leaves("a connection of the client that was dropped last")
async def test_dropped_clients_do_not_pile_up_sockets(serve, reply_bytes):
    with serve(quick(reply_bytes)) as server:
        before = sockets()
        for _ in range(8):
            client = client_of(server)
            await one(client)
            del client
            gc.collect()
        assert server.accepted == 8
        assert server.wait_until(lambda server: server.open <= 1)
        assert sockets() - before <= 2


@pytest.mark.parametrize("run", [asyncio.run, lambda main: trio.run(main_of(main))], ids=["asyncio", "trio"])
def test_a_client_that_is_never_closed_ends_with_its_loop(serve, reply_bytes, run):
    with serve(quick(reply_bytes)) as server:
        client = client_of(server)
        run(one(client))
        assert server.wait_until(lambda server: server.open == 0)
        del client
        gc.collect()


async def test_a_client_that_is_closed_under_a_request_ends_it(serve, hang, anyio_backend_name):
    with serve(lambda asked: [hang]) as server:
        client = client_of(server)
        async with anyio.create_task_group() as tasks:

            async def ask():
                with pytest.raises((APIConnectionError, ClientStateError)):
                    await client.with_options(max_retries=2).contacts.retrieve("c1")

            tasks.start_soon(ask)
            await anyio.to_thread.run_sync(server.wait_until, lambda server: server.asked)
            with anyio.fail_after(5):
                await client.aclose()


def test_a_cancellation_raised_by_hand_in_a_transport_comes_out_as_itself():
    def raise_by_hand(request):
        raise asyncio.CancelledError

    async def main():
        transport = httpx.MockTransport(raise_by_hand)
        async with AsyncWootiv(api_key="key", base_url="http://a.test", transport=transport) as client:
            await client.get("/")

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(main())  # trio's cannot be made by hand
