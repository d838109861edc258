"""One blocking client in many threads, and beside other processes: forked, spawned, and what goes between them."""

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from wootiv import Sandbox, Wootiv

# What a child begins with. asyncio's debug mode, which -X dev turns on, logs callbacks that take long: on a busy
# machine that says nothing of us.
PRELUDE = """
import asyncio, logging, multiprocessing, os, sys, threading, warnings
from concurrent.futures import ProcessPoolExecutor
from wootiv import NotFoundError, Wootiv, calls

logging.getLogger("asyncio").setLevel(logging.ERROR)
warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)  # 3.12: at every fork

backend, url = sys.argv[1:]
if backend == "uvloop":
    import uvloop
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    backend = "asyncio"

def connect():
    return Wootiv(api_key="key", base_url=url, backend=backend, max_retries=0)

def emails(client):
    with client.contacts.list(limit=10).concurrent(4) as contacts:
        return [contact.email for contact in contacts]

"""


@pytest.fixture
def url():
    with Sandbox(rows=64).serving() as url:
        yield url


@pytest.fixture(params=["asyncio", "uvloop", "trio"])
def child(request, url, tmp_path):
    """Runs a program to its end, which has to come by itself and in silence; gives what it said."""

    def run(program):
        path = tmp_path / "program.py"  # a file, for what is spawned imports it
        path.write_text(PRELUDE + program)
        done = subprocess.run(
            [sys.executable, "-P", "-X", "dev", "-W", "error", path, request.param, url],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.stderr, done.returncode) == ("", 0)
        return done.stdout.splitlines()

    return run


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_sixty_four_threads_get_each_its_own_answers_from_one_client(backend, url):
    meeting = threading.Barrier(64)
    with Wootiv(api_key="key", base_url=url, backend=backend) as client:
        ids = [contact.id for contact in client.contacts.list()]

        def work(number):
            meeting.wait(10)
            asked = [ids[(number + step) % 64] for step in range(20)]
            return asked, [client.contacts.retrieve(one).id for one in asked]

        with ThreadPoolExecutor(64) as threads:
            for asked, got in threads.map(work, range(64)):
                assert got == asked


def test_a_pool_of_forked_processes_uses_the_client_that_its_parent_goes_on_with(child):
    program = """
client = connect()
before = emails(client)

def work(number):
    return os.getpid(), before == emails(client), client.bulk(calls.contacts.retrieve, ids).collect().counts.succeeded

ids = [contact.id for contact in client.contacts.list(limit=5).data]
with ProcessPoolExecutor(3, mp_context=multiprocessing.get_context("fork")) as processes:
    told = processes.map(work, range(12))
    print(before == emails(client))
    told = list(told)
print(os.getpid() not in {pid for pid, _, _ in told}, {(same, count) for _, same, count in told})
print(before == emails(client), threading.active_count())
"""
    assert child(program) == ["True", "True {(True, 5)}", "True 2"]


def test_a_process_forked_amid_a_block_leaves_it_to_its_parent_and_has_blocks_of_its_own(child):
    program = """
client = connect()
names = [str(number) for number in range(9)]
with client.contacts.list(limit=10).concurrent(4) as contacts:
    with client.bulk(lambda name: calls.roles.create(name=name, description=""), names) as outcomes:
        rows, seen = [next(contacts).email], [next(outcomes)]
        pid = os.fork()
        if pid:
            os.waitpid(pid, 0)
            rows += [contact.email for contact in contacts]
            seen += list(outcomes)
if pid:
    print("parent", rows == emails(client), sorted(one.item for one in seen) == names)
else:
    print("child", len(emails(client)), len(client.gather([calls.root.retrieve()] * 3)), flush=True)
"""
    assert child(program) == ["child 64 3", "parent True True"]


def test_spawned_processes_are_sent_calls_and_send_back_answers_and_errors(child):
    program = """
def begin(given):
    global client
    client = given()

def work(call):
    try:
        return os.getpid(), client.send(call).parse()
    except NotFoundError as error:
        return os.getpid(), error

if __name__ == "__main__":
    mine = connect()
    ids = [contact.id for contact in mine.contacts.list(limit=8).data]
    asked = [calls.contacts.retrieve(one) for one in (*ids, "nobody")]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=context, initializer=begin, initargs=(connect,)) as processes:
        pids, answers = zip(*processes.map(work, asked))
    *contacts, error = answers
    print(os.getpid() not in pids, [one.id for one in contacts] == ids, contacts[0] == mine.send(asked[0]).parse())
    print(type(error).__name__, error.status_code, error.request.url.endswith("/contacts/nobody"))
"""
    assert child(program) == ["True True True", "NotFoundError 404 True"]
