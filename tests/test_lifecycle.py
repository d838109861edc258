"""How clients end: with the process, with their loop, in a forked child. Each in a process of its own."""

import gc
import inspect
import queue
import socketserver
import subprocess
import sys
import textwrap
import threading
import weakref
from contextlib import AsyncExitStack

import anyio
import anyio.lowlevel
import anyio.to_thread
import httpx
import pytest

from wootiv import AsyncWootiv, ClientStateError, Wootiv, calls

BACKENDS = ["asyncio", "trio", "uvloop"]

# What every child begins with. asyncio's debug mode, which -X dev turns on, logs callbacks that take long: on a busy
# machine that says nothing of us.
PRELUDE = """
import atexit, gc, logging, os, signal, sys, threading, time
import anyio
from wootiv import AsyncWootiv, ClientStateError, Wootiv

backend, url = sys.argv[1:]
logging.getLogger("asyncio").setLevel(logging.ERROR)
if backend == "uvloop":
    import asyncio, uvloop
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    backend = "asyncio"

def blocking():
    return Wootiv(api_key="key", base_url=url, backend=backend, max_retries=0)

def waiting():
    return AsyncWootiv(api_key="key", base_url=url, max_retries=0)

def run(main):
    return anyio.run(main, backend=backend)

def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())

def forked(do):
    pid = os.fork()
    if pid == 0:
        signal.alarm(10)
        try:
            do()
        except BaseException as error:
            say("child:", repr(error))
            os._exit(1)
        sys.exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

"""


class Wire(socketserver.ThreadingTCPServer):
    """A server that tells what it sees.

    `/now` is answered at once, `/held` never, `/gate` once `/open` was asked for, `/seen` once somebody waits at
    `/held` or `/gate`.
    """

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Connection)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.events = queue.Queue()
        self.seen = threading.Event()
        self.gate = threading.Event()
        self.idle = threading.Condition()
        self.connections = 0

    def process_request(self, request, client_address):
        with self.idle:
            self.connections += 1
        super().process_request(request, client_address)

    def shutdown_request(self, request):
        super().shutdown_request(request)
        with self.idle:
            self.connections -= 1
            self.idle.notify_all()

    def drained(self):
        """All events, once every connection has ended."""
        with self.idle:
            assert self.idle.wait_for(lambda: not self.connections, 10)
        return list(self.events.queue)


class _Connection(socketserver.StreamRequestHandler):
    def handle(self):
        path = "nothing"
        try:
            while line := self.rfile.readline():
                path = line.split()[1].decode()
                while self.rfile.readline().strip():
                    pass
                self.server.events.put(path)
                self._answer(path)
        except ConnectionError:
            pass
        self.server.events.put(f"gone {path}")

    def _answer(self, path):
        if path in ("/held", "/gate"):
            self.server.seen.set()
        if path == "/open":
            self.server.gate.set()
        if path == "/gate":
            self.server.gate.wait(10)
        if path == "/seen":
            self.server.seen.wait(10)
        if path != "/held":
            self.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 4\r\n\r\ntrue")


@pytest.fixture
def wire():
    with Wire() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(params=BACKENDS)
def child(request, wire):
    """Runs a program to its end, which has to come by itself and in silence; gives what it said."""

    def run(program, *, code=0, told=""):
        done = subprocess.run(
            [
                sys.executable,
                "-X",
                "dev",
                "-W",
                "error",
                "-c",
                PRELUDE + textwrap.dedent(program),
                request.param,
                wire.url,
            ],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
        assert (done.stderr, done.returncode) == (told, code)
        return done.stdout.splitlines()

    return run


# The end of a process whose blocking clients nobody closes


def test_a_client_at_module_level_ends_with_the_process(child):
    assert child("client = blocking(); say(client.get('/now'))") == ["True"]


def test_a_client_in_a_reference_cycle_ends_with_the_process(child):
    program = """
        def use():
            client = blocking()
            client.itself = client
            client.get("/now")
        use()
    """
    assert child(program) == []


def test_twenty_clients_end_with_the_process(child):
    assert child("clients = [blocking() for _ in range(20)]; say(sum(c.get('/now') for c in clients))") == ["20"]


def test_a_call_of_a_daemon_thread_is_cut_off_in_silence_at_the_end(child, wire):
    program = """
        client = blocking()
        threading.Thread(target=client.get, args=("/held",), daemon=True).start()
        client.get("/seen")
    """
    assert child(program) == []
    assert set(wire.drained()) == {"/held", "/seen", "gone /held", "gone /seen"}


def test_a_daemon_thread_that_calls_on_and_on_ends_in_silence(child):
    program = """
        client, once = blocking(), threading.Event()
        def call():
            while True:
                client.get("/now")
                once.set()
        threading.Thread(target=call, daemon=True).start()
        once.wait()
    """
    assert child(program) == []


def test_who_waits_at_exit_for_a_daemon_thread_in_a_call_waits_in_vain_no_longer(child):
    program = """
        client = blocking()
        worker = threading.Thread(target=client.get, args=("/held",), daemon=True)
        atexit.unregister(end := sys.modules["wootiv.engine.loop"]._end_all_loops)
        atexit.register(lambda: (worker.join(), say("joined")))
        atexit.register(end)  # as if the user's callback had been there before the package was imported
        worker.start()
        client.get("/seen")
    """
    assert child(program) == ["joined"]


def test_a_thread_that_outlives_the_main_thread_can_still_call(child):
    program = """
        client = blocking()
        client.get("/now")
        def call():
            threading.main_thread().join()
            say(client.get("/now"), client.get("/now"))
        threading.Thread(target=call).start()
    """
    assert child(program) == ["True True"]


def test_a_callback_at_exit_can_still_call(child):
    program = """
        client = blocking()
        client.get("/now")
        atexit.register(lambda: say(client.get("/now")))
    """
    assert child(program) == ["True"]


def test_a_callback_that_comes_after_the_end_is_told_so(child):
    program = """
        client = blocking()
        unused = blocking()
        def late():
            for each in client, unused:
                try:
                    each.get("/now")
                except ClientStateError as error:
                    say(error)
            client.close()
        atexit.unregister(end := sys.modules["wootiv.engine.loop"]._end_all_loops)
        atexit.register(late)
        atexit.register(end)
        client.get("/now")
    """
    assert child(program) == ["the process is ending, no call can be made any more"] * 2


def test_a_finaliser_at_the_very_end_meets_an_error_and_no_hang(child):
    program = """
        class Late:
            def __init__(self, call, error):
                self.call, self.error = call, error
            def __del__(self, write=os.write):
                try:
                    self.call("/now")
                except self.error as error:
                    write(1, str(error).encode() + b"\\n")
        client = blocking()
        client.get("/now")
        late = Late(client.get, ClientStateError), Late(blocking().get, ClientStateError)
    """
    assert child(program) == ["the process is ending, no call can be made any more"] * 2


def test_an_error_of_the_program_is_all_that_is_told(child):
    program = "client = blocking(); client.get('/now'); raise SystemExit('an error of its own')"
    assert child(program, code=1, told="an error of its own\n") == []


def test_a_client_that_is_dropped_ends_its_thread_and_its_connections(child, wire):
    program = """
        clients = [blocking() for _ in range(5)]
        for client in clients:
            client.get("/now")
        threads = [thread for thread in threading.enumerate() if thread.name == "wootiv"]
        del client, clients
        gc.collect()
        for thread in threads:
            thread.join(5)
        say(len(threads), threading.active_count())
    """
    assert child(program) == ["5 1"]
    assert sorted(wire.drained()) == ["/now"] * 5 + ["gone /now"] * 5


# Ctrl-C


def test_ctrl_c_cancels_the_call_sends_nothing_more_and_is_raised_at_once(child, wire):
    program = """
        client = Wootiv(api_key="key", base_url=url, backend=backend, max_retries=5)
        client.get("/now")
        other = blocking()
        def interrupt():
            other.get("/seen")
            sent.append(time.monotonic())
            os.kill(os.getpid(), signal.SIGINT)
        sent = []
        thread = threading.Thread(target=interrupt)
        thread.start()
        try:
            client.get("/held")
        except KeyboardInterrupt:
            say(time.monotonic() - sent[0] < 0.5)  # 50 ms, and as much again as a busy machine takes
        thread.join()
        say(client.get("/now"))
        other.close()
        client.close()
    """
    assert child(program) == ["True", "True"]
    assert [event for event in wire.drained() if event.endswith("/held")] == ["/held", "gone /held"]


def test_ctrl_c_waits_no_longer_than_it_should_for_a_call_that_does_not_end(child):
    program = """
        import httpx
        entered, leave = threading.Event(), threading.Event()
        async def stubborn(request):
            entered.set()
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(leave.wait)
            return httpx.Response(200, json=True)
        client = Wootiv(api_key="key", base_url=url, backend=backend, transport=httpx.MockTransport(stubborn))
        def interrupt():
            entered.wait()
            os.kill(os.getpid(), signal.SIGINT)
        threading.Thread(target=interrupt).start()
        try:
            client.get("/")
        except KeyboardInterrupt:
            say("interrupted, and", "not left" if not leave.is_set() else "left")
        leave.set()
    """
    assert child(program) == ["interrupted, and not left"]


@pytest.mark.parametrize("listens", [False, True], ids=["alone", "with a handler"])
def test_ctrl_c_at_any_instant_leaves_nothing_stuck_and_nothing_under_way(child, wire, listens):
    program = f"""
        import random
        from wootiv import Event
        instants = random.Random(7)
        client, heard = blocking(), []
        if {listens}:
            client.on(Event, heard.append)
        client.get("/now")
        armed = False
        def interrupt(*_):
            if armed:
                raise KeyboardInterrupt
        signal.signal(signal.SIGALRM, interrupt)
        count = 0
        end = time.monotonic() + 1.5
        while time.monotonic() < end:
            try:
                armed = True
                signal.setitimer(signal.ITIMER_REAL, instants.uniform(0.00002, 0.006))
                client.get(instants.choice(["/now", "/held"]))
                armed = False
            except KeyboardInterrupt:
                armed = False
                count += 1
            finally:
                armed = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        began = time.monotonic()
        say(client.get("/now"), time.monotonic() - began < 1, count > 50, threading.active_count())
        say(bool(heard))
        client.close()
    """
    assert child(program) == ["True True True 2", str(listens)]
    events = wire.drained()
    assert events.count("/held") == events.count("gone /held")


# Fork


def test_a_forked_child_has_a_loop_of_its_own_and_leaves_the_parents_call_alone(child, wire):
    program = """
        import warnings
        warnings.simplefilter("ignore", DeprecationWarning)  # 3.12 warns of every fork beside a thread
        client = blocking()
        client.get("/now")
        answers = []
        thread = threading.Thread(target=lambda: answers.append(client.get("/gate")))
        thread.start()
        client.get("/seen")
        say(forked(lambda: say("child", client.get("/now"))))
        say(forked(lambda: client.close()))
        say(forked(lambda: gc.collect()))
        client.get("/open")
        thread.join()
        say(*answers, client.get("/now"))
        client.close()
    """
    assert child(program) == ["child True", "0", "0", "0", "True True"]


def test_a_forked_child_may_leave_the_block_of_its_parents_client(child, wire):
    program = """
        import warnings
        warnings.simplefilter("ignore", DeprecationWarning)
        with blocking() as client:
            client.get("/now")
            pid = os.fork()
        if pid == 0:
            sys.exit(7)
        say(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), client.is_closed())
    """
    assert child(program) == ["7 True"]


def test_a_child_of_multiprocessing_can_use_a_client_it_inherited(child):
    program = """
        import multiprocessing, warnings
        warnings.simplefilter("ignore", DeprecationWarning)
        client = blocking()
        client.get("/now")
        context = multiprocessing.get_context("fork")
        process = context.Process(target=lambda: say("child", client.get("/now")))
        process.start()
        process.join(10)
        say(process.exitcode, client.get("/now"))
    """
    assert child(program) == ["child True", "0 True"]


def test_a_spawned_child_can_make_a_client(child, tmp_path):
    # A spawned child imports what it is to run.
    (tmp_path / "spawned.py").write_text(
        "import logging\n"
        "from wootiv import Wootiv\n"
        "logging.getLogger('asyncio').setLevel(logging.ERROR)\n"
        "def call(url, backend):\n"
        "    assert Wootiv(api_key='key', base_url=url, backend=backend).get('/now') is True\n"
    )
    program = f"""
        import multiprocessing
        sys.path.insert(0, {str(tmp_path)!r})
        from spawned import call
        client = blocking()
        client.get("/now")
        process = multiprocessing.get_context("spawn").Process(target=call, args=(url, backend))
        process.start()
        process.join(10)
        say(process.exitcode, client.get("/now"))
    """
    assert child(program) == ["0 True"]


def test_an_async_client_refuses_the_inherited_loop_and_works_in_a_new_one(child):
    program = """
        import warnings
        warnings.simplefilter("ignore", DeprecationWarning)
        client = waiting()
        async def use():
            return await client.get("/now")
        async def parent():
            await client.get("/now")
            async with anyio.create_task_group() as tasks:
                async def gated():
                    say("parent", await client.get("/gate"))
                tasks.start_soon(gated)
                await client.get("/seen")
                pid = os.fork()
                if pid == 0:
                    signal.alarm(10)
                    try:
                        await client.get("/now")
                    except ClientStateError as error:
                        say(error)
                    except BaseException as error:
                        say(repr(error))
                    child = threading.Thread(target=lambda: say("child", anyio.run(use, backend=backend)))
                    child.start()
                    child.join()
                    os._exit(0)
                say(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
                await client.get("/open")
            return await client.get("/now")
        say(run(parent))
    """
    assert child(program) == [
        "a forked child cannot use the event loop of its parent, start a new one",
        "child True",
        "0",
        "parent True",
        "True",
    ]


# The async client and its loop


def test_an_async_client_ends_with_its_loop(child, wire):
    program = """
        client = waiting()
        async def main():
            return await client.get("/now")
        say(run(main), client.is_closed())
    """
    assert child(program) == ["True False"]
    assert wire.drained() == ["/now", "gone /now"]


def test_an_async_client_serves_one_loop_after_the_other(child, wire):
    program = """
        client = waiting()
        async def main():
            return await client.get("/now")
        say(run(main), run(main))
        async def close():
            async with client:
                return await client.get("/now")
        say(run(close), client.is_closed())
    """
    assert child(program) == ["True True", "True True"]
    assert wire.drained() == ["/now", "gone /now"] * 3


def test_an_async_client_that_is_dropped_is_swept_by_the_next_and_by_the_end(child, wire):
    program = """
        async def main():
            for _ in range(3):
                client = waiting()
                await client.get("/now")
                del client
                gc.collect()
        run(main)
    """
    assert child(program) == []
    assert sorted(wire.drained()) == ["/now"] * 3 + ["gone /now"] * 3


def test_a_request_that_is_cancelled_at_the_end_leaves_nothing(child, wire):
    program = """
        client = waiting()
        async def main():
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(client.get, "/held")
                await client.get("/seen")
                tasks.cancel_scope.cancel()
        run(main)
    """
    assert child(program) == []
    assert set(wire.drained()) == {"/held", "/seen", "gone /held", "gone /seen"}


def test_a_program_that_fails_amid_a_request_tells_of_its_own_error_alone(child, wire):
    program = """
        client = waiting()
        async def main():
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(client.get, "/held")
                await client.get("/seen")
                raise SystemExit(3)
        try:
            run(main)
        except BaseExceptionGroup as group:
            sys.exit(group.exceptions[0].code)
    """
    assert child(program, code=3) == []
    assert set(wire.drained()) == {"/held", "/seen", "gone /held", "gone /seen"}


def test_ctrl_c_ends_an_async_program_in_silence(child, wire):
    program = """
        client = waiting()
        async def main():
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(client.get, "/held")
                await client.get("/seen")
                os.kill(os.getpid(), signal.SIGINT)
                await anyio.sleep_forever()
        try:
            run(main)
        except* KeyboardInterrupt:
            say("interrupted")
    """
    assert child(program) == ["interrupted"]
    assert set(wire.drained()) == {"/held", "/seen", "gone /held", "gone /seen"}


# The async client in a loop that goes on


class Kept(httpx.MockTransport):
    """A transport that answers yes, and counts how often it was closed."""

    def __init__(self):
        super().__init__(lambda _: httpx.Response(200, json=True))
        self.closed = 0

    async def aclose(self):
        self.closed += 1


def local(transport, **options):
    return AsyncWootiv(api_key="key", base_url="http://wootiv.test", transport=transport, **options)


async def test_a_block_closes_the_async_client_and_the_callers_transport_once():
    transport = Kept()
    async with local(transport) as client:
        assert await client.get("/") is True
        assert not client.is_closed()
    await client.aclose()
    await client.close()
    assert client.is_closed()
    assert transport.closed == 1


async def test_a_closed_async_client_and_its_views_say_so():
    for used in False, True:
        client = local(Kept())
        view = client.with_options(max_retries=1)
        if used:
            await view.get("/")
        await client.aclose()
        for each in client, view, client.with_options(max_retries=2):
            assert each.is_closed()
            for use in each.get("/"), each.contacts.list().__aiter__().__anext__(), each.send(calls.contacts.list()):
                with pytest.raises(ClientStateError, match="this client is closed, make a new one"):
                    await use


async def test_closing_a_view_of_an_async_client_closes_nothing():
    async with local(Kept()) as client:
        async with client.with_options(max_retries=1) as view:
            await view.get("/")
        await view.aclose()
        assert not view.is_closed()
        assert await client.get("/") is True


async def test_the_block_of_a_closed_async_client_is_not_entered():
    client = local(Kept())
    view = client.with_options(max_retries=1)
    await client.aclose()
    for each in client, view:
        with pytest.raises(ClientStateError, match="this client is closed, make a new one"):
            await each.__aenter__()


def test_the_block_of_a_closed_blocking_client_is_not_entered():
    client = Wootiv(api_key="key", base_url="http://wootiv.test")
    client.close()
    for each in client, client.with_options(max_retries=1):
        with pytest.raises(ClientStateError, match="this client is closed, make a new one"):
            each.__enter__()


def test_what_is_no_call_is_not_sent(face):
    expected = r"^send takes a call of wootiv\.calls, such as wootiv\.calls\.contacts\.list\(\), got a value of type "
    for given in 3, calls.contacts, calls.contacts.list:
        with pytest.raises(TypeError, match=expected):
            face(lambda client, given=given: client.send(given), transport=Kept())
    with pytest.raises(TypeError, match=expected + "(AsyncPaginator|Page)$"):
        face(
            lambda client: client.send(client.contacts.list()),
            transport=httpx.MockTransport(lambda _: httpx.Response(200, json=[])),
        )


class Tagged(AsyncWootiv):
    """A subclass with something of its own."""

    def __init__(self, tag, **options):
        super().__init__(**options)
        self.tag = tag


async def test_a_view_of_a_subclass_of_the_async_client_has_what_it_keeps():
    transport = httpx.MockTransport(lambda request: httpx.Response(200, json={"id": request.url.host}))
    async with Tagged("t", api_key="key", base_url="http://first.test", transport=transport) as client:
        assert (await client.contacts.retrieve("c1")).id == "first.test"
        view = client.with_options(base_url="http://second.test")
        assert (type(view), view.tag) == (Tagged, "t")
        assert (await view.contacts.retrieve("c1")).id == "second.test"


async def test_an_async_client_in_use_by_another_loop_says_so():
    client = local(Kept())

    async def use():
        return await client.get("/")

    def elsewhere():
        with pytest.raises(ClientStateError, match="in use by another event loop that still runs"):
            anyio.run(use)

    assert await use() is True
    await anyio.to_thread.run_sync(elsewhere)
    assert await use() is True
    await client.aclose()


async def test_many_clients_that_were_dropped_are_swept_by_several_tasks_at_once(wire):
    for _ in range(5):
        client = AsyncWootiv(api_key="key", base_url=wire.url)
        await client.get("/now")
        del client
    gc.collect()
    async with AsyncExitStack() as stack:
        others = [await stack.enter_async_context(AsyncWootiv(api_key="key", base_url=wire.url)) for _ in range(5)]
        async with anyio.create_task_group() as tasks:
            for other in others:
                tasks.start_soon(other.get, "/now")
    assert wire.drained().count("gone /now") == 10


def test_help_shows_every_option_of_the_async_client():
    own = inspect.signature(AsyncWootiv).parameters
    assert {"api_key", "base_url", "timeout", "max_connections"} <= own.keys()
    assert "backend" not in own
    assert {parameter.kind for parameter in own.values()} == {inspect.Parameter.KEYWORD_ONLY}
    assert list(inspect.signature(Tagged).parameters) == ["tag", "options"]


# Many loops, one after the other


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("closes", [False, True])
def test_a_loop_that_has_ended_is_freed_with_all_that_it_used(sandbox, backend, closes):
    loops = []

    async def use():
        loops.append(weakref.ref(anyio.lowlevel.current_token().native_token))
        client = AsyncWootiv(api_key="key", base_url=url)
        await client.root.retrieve()
        if closes:
            await client.aclose()

    options = {"use_uvloop": True} if backend == "uvloop" else {}
    with sandbox.serving() as url:
        for _ in range(4):
            anyio.run(use, backend=backend.replace("uvloop", "asyncio"), backend_options=options)
    gc.collect()
    assert sum(loop() is not None for loop in loops) <= 1  # trio keeps its last one


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_one_client_keeps_none_of_the_loops_that_it_was_used_in(sandbox, backend):
    loops = []

    async def use():
        loops.append(weakref.ref(anyio.lowlevel.current_token().native_token))
        await client.root.retrieve()

    with sandbox.serving() as url:
        client = AsyncWootiv(api_key="key", base_url=url)
        for _ in range(4):
            anyio.run(use, backend=backend)
        gc.collect()
        assert sum(loop() is not None for loop in loops) <= 1  # the last one


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("closes", [False, True])
def test_a_blocking_clients_loop_is_freed_with_it(backend, closes):
    tokens = []

    class Door(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request):
            tokens.append(weakref.ref(anyio.lowlevel.current_token().native_token))
            return httpx.Response(200, json={})

    for _ in range(4):
        client = Wootiv(api_key="key", base_url="http://wootiv.test", backend=backend, transport=Door())
        client.root.retrieve()
        if closes:
            client.close()
    del client
    gc.collect()
    for thread in threading.enumerate():
        if thread.name == "wootiv":
            thread.join(10)
    gc.collect()
    assert sum(token() is not None for token in tokens) <= 1  # as above
