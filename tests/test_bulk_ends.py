"""Where a bulk ends before its items do: nothing that has no end is read to it, and no wait outlasts the limit."""

import itertools

import anyio
import pytest

from wootiv import APITimeoutError, calls


def read(number):
    return calls.contacts.list(limit=1, page=number + 1)


def test_an_iterator_is_read_no_further_once_nothing_more_is_sent(face, sandbox):
    sandbox.fail("contacts.list", status=400)
    numbers = itertools.count()

    def do(client, get):
        return get(client.bulk(read, numbers, concurrency=4, on_error="stop").collect())

    result = face.session(do, transport=sandbox.transport())
    assert len(result.failed) == 1
    assert result.counts.items <= 8
    assert next(numbers) == result.counts.items


def test_what_has_a_length_is_read_to_its_end(face, sandbox):
    sandbox.fail("contacts.list", status=400)
    result = face.session(
        lambda client, get: get(client.bulk(read, range(100), on_error="stop").collect()),
        transport=sandbox.transport(),
    )
    assert result.counts.items == 100
    assert len(result.failed) == 1
    assert len(result.not_sent) >= 80


def test_an_endless_iterator_ends_with_the_time(face, sandbox):
    result = face.session(
        lambda client, get: get(client.bulk(read, itertools.count(), total_timeout=1).collect()),
        transport=sandbox.transport(),
    )
    assert result.succeeded
    assert result.counts.items == len(result.outcomes)


class Slow:
    """Two items, and then nothing for a day."""

    def __init__(self):
        self.given = 0

    def __aiter__(self):
        return self

    async def __anext__(self):
        self.given += 1
        if self.given > 2:
            await anyio.sleep(86_400)
        return self.given


@pytest.mark.virtual_time
async def test_waiting_for_an_item_ends_with_the_time(sandbox):
    async with sandbox.async_client() as client:
        began = anyio.current_time()
        result = await client.bulk(read, Slow(), total_timeout=5).collect()
        assert anyio.current_time() - began == pytest.approx(5)
        assert result.counts.succeeded == result.counts.items == 2


@pytest.mark.virtual_time
async def test_waiting_for_an_item_ends_with_the_bulk(sandbox):
    sandbox.fail("contacts.list", status=400)
    async with sandbox.async_client() as client:
        began = anyio.current_time()
        result = await client.bulk(read, Slow(), on_error="stop").collect()
        assert anyio.current_time() - began < 5
        assert len(result.failed) == 1
        assert result.counts.items == 2


@pytest.mark.virtual_time
async def test_gather_waits_for_a_call_no_longer_than_its_limit(sandbox):
    class Calls(Slow):
        async def __anext__(self):
            return read(await super().__anext__())

    async with sandbox.async_client() as client:
        began = anyio.current_time()
        with pytest.raises(APITimeoutError, match="total_timeout of 5 s ran out"):
            await client.gather(Calls(), total_timeout=5)
        assert anyio.current_time() - began == pytest.approx(5)


@pytest.mark.virtual_time
async def test_a_lists_own_limit_is_for_all_of_it_when_it_is_read_side_by_side(sandbox):
    sandbox.fail("contacts.list", times=None, delay=1)
    async with sandbox.async_client() as client:
        began = anyio.current_time()
        with pytest.raises(APITimeoutError) as caught:
            await client.contacts.list(limit=10, total_timeout=3.5).collect(2)
        assert anyio.current_time() - began == pytest.approx(3.5)
        assert caught.value.resume_after is not None
