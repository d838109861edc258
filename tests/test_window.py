"""Work side by side: never more than there is room for, errors where the reader gets there, and nothing left behind."""

import random
from collections import Counter

import anyio
import anyio.lowlevel
import pytest
from resuming import cancelled_and_resumed
from steps import NATIVE_WAYS, WAYS, cancelled_everywhere

from wootiv.window import Window


class Worker:
    """Does pieces of work in so many steps each, and counts them; `fails` says how often one fails first."""

    def __init__(self, steps=lambda work: 1, fails=()):
        self.steps = steps
        self.fails = Counter(dict(fails))
        self.in_flight = self.most = 0
        self.done = []

    async def __call__(self, work):
        self.in_flight += 1
        self.most = max(self.most, self.in_flight)
        try:
            for _ in range(self.steps(work)):
                await anyio.lowlevel.checkpoint()
        finally:
            self.in_flight -= 1
        if self.fails[work] > 0:
            self.fails[work] -= 1
            raise OSError(work)
        self.done.append(work)
        return -work


class Held(Worker):
    """Does each piece of work when it is let."""

    def __init__(self):
        super().__init__()
        self.gates = {}

    async def __call__(self, work):
        self.gates[work] = anyio.Event()
        self.in_flight += 1
        self.most = max(self.most, self.in_flight)
        try:
            await self.gates[work].wait()
        finally:
            self.in_flight -= 1
        self.done.append(work)
        return -work


async def read(window, works, after=lambda: None):
    """Keep the window full, and give what comes out."""
    works, begun, found = iter(works), 0, []
    while True:
        while window.room and (work := next(works, None)) is not None:
            window.start(work)
            begun += 1
        if len(found) == begun:
            return found
        slot = await window.ready()
        window.take(slot)
        found.append(slot.result)
        after()


@pytest.mark.parametrize("width", [1, 3, 8])
async def test_results_come_in_order_however_long_each_takes(width):
    dice = random.Random(width)
    worker = Worker(lambda _: dice.randrange(9))
    async with Window(width, worker, ordered=True) as window:
        assert await read(window, range(1, 40)) == [-work for work in range(1, 40)]
    assert 1 <= worker.most <= width


async def test_as_much_is_in_flight_as_there_is_room_for():
    worker = Held()
    async with Window(8, worker, ordered=True) as window:
        while window.room:
            window.start(window.room)
        await anyio.wait_all_tasks_blocked()
        assert worker.in_flight == 8


async def test_unordered_results_come_as_soon_as_they_are_there():
    worker = Held()
    async with Window(3, worker, ordered=False) as window:
        for work in 1, 2, 3:
            window.start(work)
        await anyio.wait_all_tasks_blocked()
        for work in 2, 3, 1:
            worker.gates[work].set()
            slot = await window.ready()
            assert slot.result == -work
            window.take(slot)


async def test_one_slow_piece_lets_no_more_be_done_than_there_is_room_for():
    worker = Held()
    async with Window(4, worker, ordered=True) as window:
        works = iter(range(100))
        while window.room:
            window.start(next(works))
        await anyio.wait_all_tasks_blocked()
        for work in 1, 2, 3:
            worker.gates[work].set()
        await anyio.wait_all_tasks_blocked()
        assert (window.room, worker.in_flight, sorted(worker.done)) == (0, 1, [1, 2, 3])


async def test_a_slow_reader_lets_no_more_be_done_than_there_is_room_for():
    worker = Worker()
    async with Window(4, worker, ordered=True) as window:
        seen = []

        def after():
            seen.append(len(worker.done) + worker.in_flight - len(seen))

        await read(window, range(1, 30), after)
    assert max(seen) <= 4


# Errors


async def test_an_error_is_raised_where_the_reader_gets_there_and_as_itself():
    worker = Worker(fails={3: 1})
    async with Window(4, worker, ordered=True) as window:
        for work in 1, 2, 3, 4:
            window.start(work)
        await anyio.wait_all_tasks_blocked()
        for work in 1, 2:
            slot = await window.ready()
            assert slot.result == -work
            window.take(slot)
        with pytest.raises(OSError, match="3"):
            await window.ready()


@pytest.mark.parametrize("ordered", [True, False])
async def test_who_asks_again_after_an_error_has_that_piece_done_again(ordered):
    worker = Worker(fails={1: 1, 3: 3})
    found, errors = [], 0
    async with Window(2, worker, ordered=ordered) as window:
        works = iter([1, 2, 3, 4])
        while len(found) < 4:
            while window.room and (work := next(works, None)):
                window.start(work)
            try:
                slot = await window.ready()
            except OSError:
                errors += 1
            else:
                window.take(slot)
                found.append(slot.result)
    assert sorted(found, reverse=True) == [-1, -2, -3, -4]
    assert found == [-1, -2, -3, -4] or not ordered
    assert errors == 4


async def test_the_body_s_error_leaves_as_itself():
    error = KeyError("own")
    worker = Held()
    with pytest.raises(KeyError) as caught:
        async with Window(2, worker, ordered=True) as window:
            window.start(1)
            await anyio.wait_all_tasks_blocked()
            raise error
    assert caught.value is error
    assert (error.__cause__, error.__context__, worker.in_flight) == (None, None, 0)


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, GeneratorExit])
async def test_what_is_no_exception_leaves_as_itself_too(kind):
    error = kind("own")
    worker = Held()
    try:
        async with Window(2, worker, ordered=True) as window:
            window.start(1)
            await anyio.wait_all_tasks_blocked()
            raise error
    except kind as caught:
        assert caught is error
    assert worker.in_flight == 0


# Giving up


async def test_what_is_given_up_counts_as_in_flight_until_it_has_ended():
    entered, most = [], []

    async def work(number):
        entered.append(number)
        most.append(len(entered))
        try:
            await anyio.sleep_forever() if number < 4 else None
        finally:
            with anyio.CancelScope(shield=True):
                for _ in range(number):
                    await anyio.lowlevel.checkpoint()
            entered.remove(number)
        return number

    async with Window(3, work, ordered=True) as window:
        for number in 1, 2, 3:
            window.start(number)
        await anyio.wait_all_tasks_blocked()
        window.drop()
        assert window.room == 3
        for number in 4, 5, 6:
            window.start(number)
        found = [await window.do(7)]
        for _ in range(3):
            slot = await window.ready()
            window.take(slot)
            found.append(slot.result)
    assert found == [7, 4, 5, 6]
    assert max(most) == 3


async def test_what_was_given_up_before_it_began_is_not_done():
    worker = Worker()
    async with Window(3, worker, ordered=True) as window:
        window.start(1)
        window.drop()
        await anyio.wait_all_tasks_blocked()
    assert worker.done == []


async def test_what_is_done_already_takes_room_too():
    async with Window(2, Worker(), ordered=True) as window:
        window.put("given", "result")
        assert window.room == 1
        slot = await window.ready()
        assert (slot.work, slot.result) == ("given", "result")
        window.take(slot)
        assert window.room == 2


# Leaving


async def test_who_waits_elsewhere_when_the_block_is_left_is_told():
    told = []

    async def wait(window):
        try:
            await window.ready()
        except RuntimeError as error:
            told.append(str(error))

    async with anyio.create_task_group() as tasks:
        async with Window(2, Held(), ordered=True) as window:
            window.start(1)
            tasks.start_soon(wait, window)
            await anyio.wait_all_tasks_blocked()
    assert told == ["the block was left meanwhile: use it inside its own `with` block"]
    with pytest.raises(RuntimeError, match="the block was left meanwhile"):
        await window.ready()


async def test_a_window_that_is_cancelled_anywhere_has_no_task_left(anyio_backend_name):
    worker = Worker(lambda work: work % 3)

    async def use():
        async with Window(3, worker, ordered=True) as window:
            assert await read(window, range(1, 8)) == [-work for work in range(1, 8)]
            window.start(9)

    for way in WAYS if anyio_backend_name == "trio" else [*WAYS, *NATIVE_WAYS]:
        await cancelled_everywhere(way, use)
        assert worker.in_flight == 0


@pytest.mark.parametrize("ordered", [True, False])
async def test_a_wait_that_is_cancelled_anywhere_loses_nothing(anyio_backend_name, ordered):
    """The block stays, and only the wait inside it is cancelled."""
    for way in WAYS if anyio_backend_name == "trio" else [*WAYS, *NATIVE_WAYS]:
        worker = Worker(lambda work: work % 4, fails={5: 1})
        found, works = [], iter(range(1, 10))
        async with Window(3, worker, ordered=ordered) as window:

            async def one(window=window, works=works, found=found):
                while window.room and (work := next(works, None)) is not None:
                    window.start(work)
                try:
                    slot = await window.ready()
                except OSError:
                    return
                window.take(slot)
                found.append(slot.result)

            assert await cancelled_and_resumed(way, one, lambda found=found: len(found) == 9) > 9
        assert sorted(found, reverse=True) == [-work for work in range(1, 10)], way
        assert found == sorted(found, reverse=True) or not ordered
