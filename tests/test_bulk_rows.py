"""Any number of rows goes through a bulk, in memory that does not grow with it; on one Python, tox has 100,000."""

import csv
import gc
import os
import sys
import threading
from collections import Counter

import httpx
import pytest

from wootiv import AsyncWootiv, Failed, Succeeded, Wootiv, calls

ROWS = 4000
MANY = int(os.environ.get("WOOTIV_TESTS_ROWS", ROWS))
NAMES = ["contact_group_id", "email", "first_name", "last_name", "phone_number", "workspace_id"]
MORE = 4500
"""Blocks of memory that may be added between a quarter of the rows and all of them. A row has more than one; 4,096 are
moments at which requests went out, of which the client keeps so many."""


class FileError(Exception):
    pass


class Service:
    """Takes contacts, counts them, and keeps none; tells how its groups are called."""

    def __init__(self):
        self.taken = Counter()
        self.asked = 0

    def transport(self):
        return httpx.MockTransport(self.answer)

    def answer(self, request):
        if request.method == "GET":
            self.asked += 1
            return httpx.Response(200, json={"id": request.url.path.rpartition("/")[2], "groupName": "g"})
        self.taken[len(request.content)] += 1
        return httpx.Response(201, json={"id": "c"})


class Heap:
    """How many blocks of memory were in use when a quarter of the rows was through, and when all were."""

    def __init__(self, rows):
        self.looks = (rows // 4, rows - 1)
        self.blocks = []

    def look(self, number):
        if number in self.looks:
            gc.collect()
            self.blocks.append(sys.getallocatedblocks())

    @property
    def growth(self):
        first, last = self.blocks
        return last - first


def write(path, rows):
    """A file of rows, of which one in the middle has too few fields."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(NAMES)
        for number in range(rows):
            row = ["g", f"{number}@example.com", "Zoë", f"Žižek, {number}", f"+44 {number}", "w"]
            writer.writerow(row if number != rows // 2 else row[:3])


def contact(row):
    return calls.contacts.create(**row, metadata={})


@pytest.mark.parametrize(("backend", "count"), [("asyncio", MANY), ("trio", ROWS)])
def test_any_number_of_rows_goes_through_the_blocking_client(tmp_path, backend, count):
    service, heap, kinds, threads = Service(), Heap(count), Counter(), set()
    path = tmp_path / "contacts.csv"
    write(path, count)

    def rows():
        with path.open(newline="", encoding="utf-8") as file:
            for number, row in enumerate(csv.DictReader(file)):
                threads.add(threading.current_thread())
                if number % 100 == 0:
                    client.contact_group.retrieve(row["contact_group_id"])  # the generator itself uses the client
                yield row
        raise FileError("the file is gone")

    def read(outcomes):
        for number, outcome in enumerate(outcomes):
            kinds[type(outcome)] += 1
            if isinstance(outcome, Failed):
                assert (outcome.index, type(outcome.error)) == (count // 2, TypeError)
            heap.look(number)

    options = {"api_key": "key", "base_url": "http://bulk.test", "transport": service.transport(), "backend": backend}
    with Wootiv(**options) as client:
        bulk = client.bulk(contact, rows(), concurrency=16)
        with bulk as outcomes, pytest.raises(FileError):
            read(outcomes)
    assert kinds == {Succeeded: count - 1, Failed: 1}
    assert (bulk.counts.succeeded, bulk.counts.failed, bulk.counts.items) == (count - 1, 1, count)
    assert service.taken.total() == count - 1
    assert service.asked == len(range(0, count, 100))
    assert threads == {threading.current_thread()}
    assert heap.growth < MORE


async def test_any_number_of_rows_goes_through_the_async_client():
    service, heap, number = Service(), Heap(ROWS), 0

    async def rows():
        for number in range(ROWS):
            if number % 100 == 0:
                await client.contact_group.retrieve("g")
            yield dict.fromkeys(NAMES, f"{number}")

    options = {"api_key": "key", "base_url": "http://bulk.test", "transport": service.transport()}
    async with AsyncWootiv(**options) as client, client.bulk(contact, rows(), concurrency=16) as outcomes:
        async for outcome in outcomes:
            assert isinstance(outcome, Succeeded)
            heap.look(number)
            number += 1
    assert service.taken.total() == number == ROWS
    assert heap.growth < MORE
