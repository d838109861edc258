"""Limits of time: of a phase, of a whole call, and the caller's own; all on virtual time."""

import anyio
import httpx
import pytest

from wootiv import APITimeoutError, AsyncWootiv, InternalServerError, calls

pytestmark = pytest.mark.virtual_time


def client_of(answer, **options):
    given = {"api_key": "key", "base_url": "http://wootiv.test", "transport": httpx.MockTransport(answer)}
    return AsyncWootiv(**{**given, **options})


async def slow(request):
    await anyio.sleep(10)
    return httpx.Response(200, json={"id": "c1"})


async def busy(request):
    await anyio.sleep(1)
    return httpx.Response(503)


class SlowBody(httpx.AsyncByteStream):
    async def __aiter__(self):
        yield b'{"id":'
        await anyio.sleep(10)
        yield b'"c1"}'


async def test_a_call_within_its_limit_is_answered():
    async with client_of(slow, total_timeout=11) as client:
        assert (await client.contacts.retrieve("c1")).id == "c1"


@pytest.mark.parametrize("set_by", ["client", "call"])
async def test_a_limit_covers_an_attempt(set_by):
    limit = {"total_timeout": 3}
    async with client_of(slow, **(limit if set_by == "client" else {})) as client:
        begun = anyio.current_time()
        with pytest.raises(APITimeoutError, match=r"total_timeout of 3 s ran out") as caught:
            await client.contacts.update("c1", **(limit if set_by == "call" else {}))
        assert anyio.current_time() - begun == pytest.approx(3)
    (attempt,) = caught.value.attempts
    assert attempt.elapsed == pytest.approx(3)
    assert attempt.error == "cut off by total_timeout=3"
    assert attempt.maybe_applied
    assert caught.value.maybe_applied
    assert isinstance(caught.value, TimeoutError)


async def test_a_calls_limit_can_be_none():
    async with client_of(slow, total_timeout=3) as client:
        assert (await client.contacts.retrieve("c1", total_timeout=None)).id == "c1"


async def test_a_limit_covers_the_body():
    async with client_of(lambda request: httpx.Response(200, stream=SlowBody()), total_timeout=3) as client:
        begun = anyio.current_time()
        with pytest.raises(APITimeoutError):
            await client.contacts.retrieve("c1")
        assert anyio.current_time() - begun == pytest.approx(3)


async def test_a_limit_covers_waiting_for_a_slot_and_then_nothing_was_tried():
    async with client_of(slow, max_connections=1) as client, anyio.create_task_group() as tasks:
        tasks.start_soon(client.root.retrieve)
        await anyio.wait_all_tasks_blocked()
        with pytest.raises(APITimeoutError) as caught:
            await client.contacts.delete("c1", total_timeout=3)
    assert caught.value.attempts == ()
    assert not caught.value.maybe_applied


async def test_a_limit_covers_attempts_and_waits_and_its_cause_is_the_last_failure():
    rounds = []

    async def first_busy_then_slow(request):
        rounds.append(anyio.current_time())
        return await (busy if len(rounds) == 1 else slow)(request)

    async with client_of(first_busy_then_slow, total_timeout=5) as client:
        begun = anyio.current_time()
        with pytest.raises(APITimeoutError) as caught:
            await client.contacts.retrieve("c1")
        assert anyio.current_time() - begun == pytest.approx(5)
    first, second = caught.value.attempts
    assert (first.status, second.error) == (503, "cut off by total_timeout=5")
    assert first.elapsed + first.wait + second.elapsed == pytest.approx(5)
    assert isinstance(caught.value.__cause__, InternalServerError)


async def test_a_limit_of_nothing_is_out_at_once():
    async with client_of(slow, total_timeout=0) as client:
        with pytest.raises(APITimeoutError):
            await client.contacts.retrieve("c1")


async def test_waiting_for_a_slot_is_a_phase_with_its_own_limit():
    async with client_of(slow, max_connections=1) as client, anyio.create_task_group() as tasks:
        tasks.start_soon(client.root.retrieve)
        await anyio.wait_all_tasks_blocked()
        with pytest.raises(APITimeoutError, match=r"no free connection within 2\.0 s") as caught:
            await client.contacts.delete("c1", timeout=httpx.Timeout(60, pool=2), max_retries=0)
    assert not caught.value.maybe_applied


@pytest.mark.parametrize(
    ("error", "message", "maybe_applied"),
    [
        (httpx.ConnectTimeout("x"), r"no connection within 1\.0 s", False),
        (httpx.ReadTimeout("x"), r"the server sent nothing for 2\.0 s", True),
        (httpx.WriteTimeout("x"), r"the server took nothing in for 3\.0 s", True),
        (httpx.PoolTimeout("x"), r"no free connection within 4\.0 s", False),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
async def test_a_phase_that_runs_out_says_which_and_after_how_long(error, message, maybe_applied):
    def answer(request):
        raise error

    limits = httpx.Timeout(connect=1, read=2, write=3, pool=4)
    async with client_of(answer, timeout=limits, max_retries=0) as client:
        with pytest.raises(APITimeoutError, match=message) as caught:
            await client.contacts.delete("c1")
    assert caught.value.__cause__ is error
    assert caught.value.maybe_applied is maybe_applied


async def test_a_read_is_never_maybe_applied():
    def answer(request):
        raise httpx.ReadError("broken")

    async with client_of(answer, max_retries=0) as client:
        with pytest.raises(Exception, match="broken") as caught:
            await client.contacts.retrieve("c1")
    assert not caught.value.maybe_applied


# The caller's own scopes


@pytest.mark.parametrize("answer", [slow, busy], ids=["in an attempt", "in a wait"])
async def test_the_callers_scope_cancels_and_nothing_else(answer):
    async with client_of(answer, max_retries=50) as client:
        begun = anyio.current_time()
        with anyio.move_on_after(3) as scope:
            await client.contacts.retrieve("c1")
        assert scope.cancelled_caught
        assert anyio.current_time() - begun == pytest.approx(3)


async def test_the_callers_fail_after_is_his_own_timeout():
    async with client_of(slow) as client:
        with pytest.raises(TimeoutError) as caught, anyio.fail_after(3):
            await client.contacts.retrieve("c1")
    assert type(caught.value) is TimeoutError


async def test_where_both_limits_run_out_at_once_the_callers_has_the_say():
    async with client_of(slow) as client:
        with anyio.move_on_after(3) as scope:
            await client.contacts.retrieve("c1", total_timeout=3)
        assert scope.cancelled_caught


async def test_where_a_wait_does_not_fit_the_callers_scope_it_is_begun_all_the_same():
    asked = []

    def answer(request):
        asked.append(request)
        return httpx.Response(429, headers={"retry-after": "7"})

    async with client_of(answer) as client:
        begun = anyio.current_time()
        with anyio.move_on_after(3) as scope:
            await client.contacts.retrieve("c1")
        assert scope.cancelled_caught
        assert anyio.current_time() - begun == pytest.approx(3)
    assert len(asked) == 1


async def test_where_a_phase_and_the_callers_scope_run_out_at_once_the_callers_has_the_say():
    async def answer(request):
        with anyio.move_on_after(3):
            await anyio.sleep_forever()
        raise httpx.ReadTimeout("x")

    async with client_of(answer, max_retries=0) as client:
        with anyio.move_on_after(3) as scope:
            await client.contacts.retrieve("c1")
        assert scope.cancelled_caught


async def test_a_call_that_waits_holds_no_slot():
    asked = []

    def answer(request):
        asked.append(request.url.path)
        return httpx.Response(503) if request.url.path == "/contacts/c1" else httpx.Response(200)

    async with client_of(answer, max_connections=1) as client, anyio.create_task_group() as tasks:
        tasks.start_soon(client.send, calls.contacts.retrieve("c1", max_retries=30))
        await anyio.wait_all_tasks_blocked()
        begun = anyio.current_time()
        await client.root.retrieve()
        assert anyio.current_time() == begun
        tasks.cancel_scope.cancel()
    assert asked == ["/contacts/c1", "/"]
