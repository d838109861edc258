"""The loop behind blocking code: what crosses to it, what comes back, and that nothing ends it but its end."""

import contextvars
import gc
import sys
import threading
import traceback
import warnings
import weakref
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest

from wootiv import BlockedLoopWarning, ClientStateError
from wootiv.caller import Caller, run_in_caller
from wootiv.engine.hosting import HostedBlock
from wootiv.engine.loop import Crossing, caller_is_through, current_loop
from wootiv.engine.portal import Portal

BACKENDS = {
    "asyncio": ("asyncio", {}),
    "uvloop": ("asyncio", {"use_uvloop": True}),
    "trio": ("trio", {}),
}
colour = contextvars.ContextVar("colour", default="none")


@pytest.fixture(params=BACKENDS)
def backend(request):
    return BACKENDS[request.param]


@pytest.fixture
def portal(backend):
    portal = Portal(*backend)
    yield portal
    portal.close()


async def answer():
    await anyio.lowlevel.checkpoint()
    return 42


def loop_threads():
    return [thread for thread in threading.enumerate() if thread.name == "wootiv"]


def test_what_a_function_gives_comes_back(portal):
    assert portal.call(answer) == 42


def test_what_a_function_raises_comes_back_as_itself(portal):
    error = LookupError("nothing there")

    async def fail():
        raise error

    with pytest.raises(LookupError) as caught:
        portal.call(fail)
    assert caught.value is error


def test_a_traceback_shows_the_caller_two_lines_of_ours_and_where_it_was_raised(portal):
    async def fail():
        raise LookupError

    with pytest.raises(LookupError) as caught:
        portal.call(fail)
    names = [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert names == [sys._getframe().f_code.co_name, "call", "run", "fail"]


def test_an_error_is_freed_without_the_garbage_collector(portal):
    class FaultError(Exception):
        pass

    async def fail():
        raise FaultError

    gc.disable()
    try:
        try:
            portal.call(fail)
        except FaultError as error:
            gone = weakref.ref(error)
        portal.call(answer)  # the loop has done with the first
        assert gone() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit()], ids=repr)
def test_what_ends_programs_goes_to_the_caller_and_the_loop_lives_on(portal, error):
    async def fail():
        raise error

    before = portal.call(current_thread)
    with pytest.raises(type(error)) as caught:
        portal.call(fail)
    assert caught.value is error
    assert portal.call(current_thread) is before


async def current_thread():
    return threading.current_thread()


def test_a_cancellation_raised_by_hand_goes_to_the_caller_and_the_loop_lives_on():
    import asyncio

    async def fail():
        raise asyncio.CancelledError

    portal = Portal()
    before = portal.call(current_thread)
    with pytest.raises(asyncio.CancelledError):
        portal.call(fail)
    assert portal.call(current_thread) is before
    portal.close()


def test_what_is_no_function_is_an_error_of_the_caller(portal):
    with pytest.raises(TypeError):
        portal.call(None)
    assert portal.call(answer) == 42


def test_the_callers_context_is_seen_and_left_alone(portal):
    async def paint():
        seen = colour.get()
        colour.set("blue")
        return seen

    colour.set("red")
    assert portal.call(paint) == "red"
    assert colour.get() == "red"


def test_many_threads_share_one_loop(portal):
    meeting = threading.Barrier(64)

    async def double(number):
        await anyio.lowlevel.checkpoint()
        return 2 * number, threading.current_thread()

    def work(number):
        meeting.wait()
        return [portal.call(lambda: double(number)) for _ in range(20)]

    with ThreadPoolExecutor(64) as threads:
        results = list(threads.map(work, range(64)))
    assert [{value for value, _ in row} for row in results] == [{2 * number} for number in range(64)]
    assert len({thread for row in results for _, thread in row}) == 1


def test_calls_run_beside_each_other(portal):
    opened = portal.call(make_event)

    async def open_it():
        opened.set()

    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(portal.call, opened.wait)
        portal.call(open_it)
        waiting.result(10)


async def make_event():
    return anyio.Event()


def test_no_thread_is_started_before_the_first_call(backend):
    before = loop_threads()
    portal = Portal(*backend)
    portal.close()
    assert loop_threads() == before


def test_a_portal_that_is_dropped_ends_its_loop(backend):
    portal = Portal(*backend)
    thread = portal.call(current_thread)
    del portal
    gc.collect()
    thread.join(10)
    assert not thread.is_alive()


# What the caller runs


def test_what_is_handed_to_the_caller_runs_in_his_thread_and_order_before_the_call_returns(portal):
    ran = []

    async def hand_over():
        for number in range(100):
            run_in_caller(lambda number=number: ran.append((number, threading.current_thread())))
            if number % 10 == 0:
                await anyio.lowlevel.checkpoint()
        return len(ran)

    portal.call(hand_over, Caller())
    assert ran == [(number, threading.current_thread()) for number in range(100)]


def test_it_runs_while_the_call_goes_on(portal):
    async def hand_over():
        ran = threading.Event()
        run_in_caller(ran.set)
        return await anyio.to_thread.run_sync(ran.wait, 10)

    assert portal.call(hand_over, Caller()) is True


def test_it_may_call_and_is_not_interrupted_by_what_comes_meanwhile(portal):
    order = []

    def work(number):
        order.append(number)
        assert portal.call(answer, Caller() if number % 2 else caller) == 42
        order.append(-number)

    async def hand_over():
        for number in range(1, 1001):  # more than there may be frames on the stack
            run_in_caller(lambda number=number: work(number))
        await anyio.lowlevel.checkpoint()

    caller = Caller()
    portal.call(hand_over, caller)
    assert order == [signed for number in range(1, 1001) for signed in (number, -number)]


@pytest.mark.parametrize("error", [LookupError(), SystemExit(3), KeyboardInterrupt()], ids=repr)
def test_what_it_raises_cancels_the_call_and_is_raised(portal, error):
    ended = threading.Event()

    def fail():
        raise error

    async def hand_over():
        try:
            run_in_caller(fail)
            await anyio.sleep_forever()
        finally:
            ended.set()

    with pytest.raises(type(error)) as caught:
        portal.call(hand_over, Caller())
    assert caught.value is error
    assert ended.wait(10)
    assert portal.call(answer) == 42


@pytest.mark.parametrize("error", [LookupError(), SystemExit(3)], ids=repr)
def test_what_it_raises_is_raised_when_the_call_has_ended(portal, error):
    ended = []

    def fail():
        raise error

    async def hand_over():
        try:
            run_in_caller(fail)
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.sleep(0.15)  # longer than a Ctrl-C would wait
            ended.append(True)

    with pytest.raises(type(error)):
        portal.call(hand_over, Caller())
    assert ended


def test_a_ctrl_c_does_not_wait_for_what_will_not_end(portal):
    event = portal.call(make_event)

    def fail():
        raise KeyboardInterrupt

    async def hand_over():
        run_in_caller(fail)
        with anyio.CancelScope(shield=True):
            await event.wait()

    async def open_it():
        event.set()

    with pytest.raises(KeyboardInterrupt):
        portal.call(hand_over, Caller())
    portal.call(open_it)


def test_a_block_was_left_when_what_the_caller_ran_meanwhile_is_raised(portal):
    left = []

    def fail():
        raise LookupError

    @asynccontextmanager
    async def block():
        yield
        run_in_caller(fail)
        await anyio.sleep(0.15)
        left.append(True)

    hosted = HostedBlock(portal, block())
    with pytest.raises(LookupError):
        hosted.close()
    assert left


def test_the_loop_can_wait_until_the_caller_has_run_all_that_it_was_given(portal):
    ran = []

    async def hand_over():
        for number in range(3):
            run_in_caller(lambda number=number: ran.append(number))
        await caller_is_through()
        return list(ran)

    assert portal.call(hand_over, Caller()) == [0, 1, 2]
    assert portal.call(hand_over) == [0, 1, 2]


def test_a_caller_that_raised_is_never_through(portal):
    ran = []

    def fail():
        raise LookupError

    async def hand_over():
        run_in_caller(fail)
        await caller_is_through()
        ran.append(True)

    with pytest.raises(LookupError):
        portal.call(hand_over, Caller())
    assert not ran


def test_calls_that_share_a_caller_run_what_was_left_between_them(portal):
    ran, handed = [], threading.Event()

    async def later(event):
        await event.wait()
        run_in_caller(lambda: ran.append(threading.current_thread()))
        handed.set()

    async def begin():
        current_loop.get().keep(lambda: later(event))
        await anyio.lowlevel.checkpoint()

    async def go_on():
        event.set()

    caller = Caller()
    event = portal.call(make_event)
    portal.call(begin, caller)
    portal.call(go_on)  # on behalf of nobody
    assert handed.wait(10)
    assert ran == []
    with ThreadPoolExecutor(1) as threads:
        threads.submit(portal.call, answer, caller).result(10)
        assert ran == [threads.submit(threading.current_thread).result(10)]


def test_what_is_handed_over_at_the_very_end_runs_too():
    class Slow(Caller):
        """A caller who is overtaken by the loop just after a look at what there is to run."""

        def run(self, bell):
            super().run(bell)
            if not call.done:
                self.give(lambda: ran.append(1))
                call.finish()

    ran, call = [], None
    caller = Slow()
    call = Crossing(answer, caller)
    call.wait()
    assert ran == [1]


def test_without_somebody_who_counts_on_it_nothing_is_run(portal):
    ran = []

    async def hand_over():
        run_in_caller(lambda: ran.append(1))

    portal.call(hand_over)
    assert ran == []


# Closing


def test_closing_ends_the_loop_after_a_last_call(backend):
    portal = Portal(*backend)
    thread = portal.call(current_thread)
    seen = []

    async def last():
        seen.append(threading.current_thread())

    portal.close(last)
    assert seen == [thread]
    assert not thread.is_alive()


def test_closing_raises_what_the_last_call_raises(backend):
    async def last():
        raise LookupError

    portal = Portal(*backend)
    with pytest.raises(LookupError):
        portal.close(last)
    assert portal.closed


def test_closing_twice_does_nothing(portal):
    portal.call(answer)
    portal.close()
    portal.close()


def test_a_call_after_closing_is_refused(portal):
    portal.call(answer)
    portal.close()
    with pytest.raises(ClientStateError, match="this client is closed, make a new one"):
        portal.call(answer)


def test_closing_ends_the_calls_of_other_threads(portal):
    entered = threading.Event()

    async def wait():
        entered.set()
        await anyio.sleep_forever()

    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(portal.call, wait)
        entered.wait(10)
        portal.close()
        with pytest.raises(ClientStateError, match="the client was closed during the call"):
            waiting.result(10)


def test_calls_that_race_with_closing_are_answered_or_refused(backend):
    for _ in range(20):
        portal, meeting = Portal(*backend), threading.Barrier(5)

        def work(portal=portal, meeting=meeting):
            meeting.wait()
            try:
                while True:
                    portal.call(answer)
            except ClientStateError:
                return "refused"

        with ThreadPoolExecutor(4) as threads:
            results = [threads.submit(work) for _ in range(4)]
            meeting.wait()
            portal.close()
            assert [result.result(10) for result in results] == ["refused"] * 4


def test_a_loop_that_cannot_start_tells_the_caller_why():
    portal = Portal("no such backend")
    for _ in range(2):
        with pytest.raises(LookupError, match="no such backend"):
            portal.call(answer)


# In a loop


def test_a_call_from_its_own_loop_is_refused(portal):
    async def nested():
        with pytest.raises(ClientStateError, match="from Wootiv's own event loop would wait for itself"):
            portal.call(answer)
        with pytest.raises(ClientStateError, match="from Wootiv's own event loop would wait for itself"):
            portal.close()

    portal.call(nested)


def test_a_call_from_the_loop_of_another_portal_is_refused(portal, backend):
    other = Portal(*backend)
    other.call(answer)

    async def nested():
        with pytest.raises(ClientStateError):
            other.call(answer)

    portal.call(nested)
    other.close()


def test_a_call_from_a_worker_thread_of_its_loop_works(portal):
    async def outer():
        return await anyio.to_thread.run_sync(portal.call, answer)

    assert portal.call(outer) == 42


@pytest.fixture(params=["asyncio", "trio"])
def inside(request):
    """Runs a function in a task of an event loop."""

    async def main(do):
        await anyio.lowlevel.checkpoint()
        return do()

    return lambda do: anyio.run(main, do, backend=request.param)


def test_in_a_running_loop_it_works_and_warns_once_of_the_callers_line(portal, inside):
    def use():
        with pytest.warns(BlockedLoopWarning, match="use AsyncWootiv") as caught:
            assert portal.call(answer) == 42
        assert caught[0].filename == __file__
        return portal.call(answer)

    assert inside(use) == 42


def test_in_a_running_loop_of_another_kind_it_knows_its_own(portal, inside):
    portal.call(answer)  # before: what is warned of is not the point

    async def pause():
        await anyio.lowlevel.checkpoint()
        await anyio.to_thread.run_sync(int)
        return anyio.get_cancelled_exc_class().__module__.split(".")[0]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BlockedLoopWarning)
        assert inside(lambda: portal.call(pause)) == portal.call(pause)


def test_in_a_notebook_it_does_not_warn(portal, inside, monkeypatch):
    monkeypatch.setitem(sys.modules, "ipykernel", sys)
    assert inside(lambda: portal.call(answer)) == 42
