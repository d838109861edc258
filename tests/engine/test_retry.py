"""What is tried again, when, and how often; all waits on virtual time."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import anyio
import httpx
import pytest
import tenacity

from wootiv import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    AsyncWootiv,
    BadRequestError,
    InternalServerError,
    RateLimitError,
)
from wootiv.engine.retry import BACKOFF

pytestmark = pytest.mark.virtual_time

OK = httpx.Response(200, json={"id": "c1"})
BUSY = httpx.Response(503)


def client_of(recorder, **options):
    return AsyncWootiv(
        **{"api_key": "key", "base_url": "http://wootiv.test", "transport": recorder.transport(), **options}
    )


async def outcome(recorder, **options):
    """What one call comes to, and the seconds that it takes."""
    async with client_of(recorder, **options) as client:
        begun = anyio.current_time()
        try:
            result = await client.contacts.retrieve("c1")
        except Exception as error:  # noqa: BLE001 - it is what the test looks at
            result = error
        return result, anyio.current_time() - begun


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504, 599])
async def test_a_status_that_may_pass_is_tried_twice_more(recorder, status):
    busy = recorder(httpx.Response(status))
    error, _ = await outcome(busy)
    assert isinstance(error, APIStatusError)
    assert [attempt.status for attempt in error.attempts] == [status] * 3
    assert len(busy.requests) == 3


@pytest.mark.parametrize("status", [300, 304, 400, 401, 403, 404, 405, 410, 413, 422, 499])
async def test_a_status_that_stays_is_raised_at_once(recorder, status):
    error, seconds = await outcome(recorder(httpx.Response(status)))
    assert (error.status_code, len(error.attempts), seconds) == (status, 1, 0)


@pytest.mark.parametrize(
    "failure",
    [
        httpx.ConnectError("refused"),
        httpx.ConnectTimeout("slow"),
        httpx.ReadTimeout("slow"),
        httpx.WriteTimeout("slow"),
        httpx.ReadError("broken"),
        httpx.WriteError("broken"),
        httpx.RemoteProtocolError("torn"),
        httpx.ProxyError("refused"),
        httpx.DecodingError("no gzip"),
        httpx.TooManyRedirects("a transport of its own mind"),
    ],
    ids=lambda failure: type(failure).__name__,
)
async def test_no_answer_is_tried_twice_more_and_caused_by_the_transports_error(recorder, failure):
    gone = recorder(failure)
    error, _ = await outcome(gone)
    assert isinstance(error, APIConnectionError)
    assert isinstance(error, TimeoutError) == isinstance(failure, httpx.TimeoutException)
    assert error.__cause__ is failure
    assert len(gone.requests) == 3


@pytest.mark.parametrize(("status", "says", "attempts"), [(400, "true", 3), (503, "false", 1), (503, "perhaps", 3)])
async def test_what_the_server_says_about_retrying_wins(recorder, status, says, attempts):
    error, _ = await outcome(recorder(httpx.Response(status, headers={"x-should-retry": says})))
    assert len(error.attempts) == attempts


async def test_a_failure_that_passes_leaves_its_trace_in_the_answer(recorder):
    client = client_of(recorder(httpx.ReadError("broken"), BUSY, OK))
    async with client:
        response = await client.send(client_call())
    first, second, third = response.attempts
    assert response.parse().id == "c1"
    assert (first.status, first.error) == (None, "APIConnectionError: broken")
    assert (second.status, second.error) == (503, None)
    assert (third.status, third.wait) == (200, 0)
    assert second.started == pytest.approx(first.elapsed + first.wait)
    assert third.started == pytest.approx(second.started + second.elapsed + second.wait)


def client_call():
    from wootiv import calls

    return calls.contacts.retrieve("c1")


async def test_waits_grow_from_half_a_second_and_lose_at_most_a_quarter(recorder):
    error, seconds = await outcome(recorder(BUSY), max_retries=7)
    waits = [attempt.wait for attempt in error.attempts]
    assert waits.pop() == 0
    for number, wait in enumerate(waits):
        full = min(0.5 * 2**number, 8)
        assert 0.75 * full <= wait <= full
    assert seconds == pytest.approx(sum(waits))


def test_the_backoff_uses_the_whole_quarter():
    state = tenacity.RetryCallState(tenacity.AsyncRetrying(), None, (), {})
    waits = [BACKOFF(state) for _ in range(2000)]
    assert 0.375 <= min(waits) < 0.38
    assert 0.495 < max(waits) <= 0.5


@pytest.mark.parametrize(
    "headers",
    [
        {"retry-after": "7"},
        {"retry-after-short": "7", "retry-after-long": "3"},
        {"retry-after-ms": "7000", "retry-after": "1"},
        {"retry-after": "Wed, 01 Jan 2025 00:00:07 GMT", "date": "Wed, 01 Jan 2025 00:00:00 GMT"},
    ],
)
async def test_waits_as_long_as_the_server_asks(recorder, headers):
    result, seconds = await outcome(recorder(httpx.Response(429, headers=headers), OK))
    assert result.id == "c1"
    assert seconds == pytest.approx(7)


async def test_a_date_is_held_against_our_clock_where_the_server_shows_none(recorder):
    until = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    _, seconds = await outcome(recorder(httpx.Response(503, headers={"retry-after": until}), OK))
    assert 20 < seconds <= 30


async def test_what_the_server_asks_is_a_minimum(recorder):
    _, seconds = await outcome(recorder(httpx.Response(429, headers={"retry-after": "0.01"}), OK))
    assert seconds >= 0.375


async def test_a_wait_above_the_limit_is_not_shortened_but_raised_at_once(recorder):
    error, seconds = await outcome(recorder(httpx.Response(429, headers={"retry-after": "61"}), OK))
    assert isinstance(error, RateLimitError)
    assert (error.retry_after, seconds, len(error.attempts)) == (61, 0, 1)


async def test_a_wait_above_the_limit_is_the_servers_error_even_with_a_limit_of_time(recorder):
    error, _ = await outcome(recorder(httpx.Response(429, headers={"retry-after": "61"})), total_timeout=5)
    assert isinstance(error, RateLimitError)


async def test_the_limit_of_waits_can_be_set(recorder):
    slow = httpx.Response(429, headers={"retry-after": "3600"})
    result, seconds = await outcome(recorder(slow, OK), max_retry_after=None)
    assert (result.id, seconds) == ("c1", 3600)


async def test_a_wait_that_does_not_fit_is_not_begun(recorder):
    error, seconds = await outcome(recorder(httpx.Response(429, headers={"retry-after": "7"}), OK), total_timeout=6)
    assert isinstance(error, APITimeoutError)
    assert isinstance(error, TimeoutError)
    assert isinstance(error.__cause__, RateLimitError)
    assert (seconds, [attempt.status for attempt in error.attempts]) == (0, [429])
    assert error.attempts[0].wait == 0


async def test_a_failure_that_may_not_be_tried_again_is_itself_under_a_limit_of_time(recorder):
    error, _ = await outcome(recorder(BUSY), total_timeout=600)
    assert isinstance(error, InternalServerError)
    assert len(error.attempts) == 3


@pytest.mark.parametrize(("client", "call", "attempts"), [(0, None, 1), (5, None, 6), (5, 1, 2), (0, 3, 4)])
async def test_the_number_of_retries_is_the_clients_or_the_calls(recorder, client, call, attempts):
    busy = recorder(BUSY)
    async with client_of(busy, max_retries=client) as made:
        with pytest.raises(InternalServerError):
            await made.contacts.retrieve("c1", **({} if call is None else {"max_retries": call}))
    assert len(busy.requests) == attempts


async def test_the_error_that_is_raised_is_the_last_and_has_no_other_behind_it(recorder):
    error, _ = await outcome(recorder(BUSY, httpx.Response(500), httpx.Response(400)))
    assert isinstance(error, BadRequestError)
    assert error.__cause__ is None
    assert error.__context__ is None
    assert [attempt.status for attempt in error.attempts] == [503, 500, 400]


# tenacity's objects of the caller's own


async def test_the_callers_own_rules_take_the_place_of_ours(recorder):
    rules = tenacity.AsyncRetrying(
        stop=tenacity.stop_after_attempt(5),
        wait=tenacity.wait_fixed(10),
        retry=tenacity.retry_if_exception_type(BadRequestError),
    )
    bad = recorder(httpx.Response(400))
    error, seconds = await outcome(bad, retrying=rules)
    assert (len(bad.requests), seconds, type(error)) == (5, 40, BadRequestError)
    error, _ = await outcome(recorder(BUSY), retrying=rules)
    assert len(error.attempts) == 1


async def test_rules_may_be_async(recorder):
    asked = []

    async def stop(state):
        await anyio.sleep(1)
        asked.append(state.attempt_number)
        return state.attempt_number == 3

    async def retry(state):
        return isinstance(state.outcome.exception(), InternalServerError)

    rules = tenacity.AsyncRetrying(stop=stop, retry=retry, wait=tenacity.wait_none())
    _, seconds = await outcome(recorder(BUSY), retrying=rules)
    assert (asked, seconds) == ([1, 2, 3], 3)


async def test_the_servers_wait_is_kept_under_the_callers_rules(recorder):
    rules = tenacity.AsyncRetrying(stop=tenacity.stop_after_attempt(2), wait=tenacity.wait_fixed(1))
    _, seconds = await outcome(recorder(httpx.Response(429, headers={"retry-after": "9"})), retrying=rules)
    assert seconds == 9


async def test_a_calls_number_of_retries_wins_over_the_callers_rules(recorder):
    rules = tenacity.AsyncRetrying(stop=tenacity.stop_after_attempt(9), wait=tenacity.wait_fixed(3))
    busy = recorder(BUSY)
    async with client_of(busy, retrying=rules) as client:
        begun = anyio.current_time()
        with pytest.raises(InternalServerError):
            await client.contacts.retrieve("c1", max_retries=1)
        assert (len(busy.requests), anyio.current_time() - begun) == (2, 3)


async def test_rules_that_take_in_everything_do_not_retry_a_cancellation(recorder):
    everything = tenacity.AsyncRetrying(
        stop=tenacity.stop_never,
        wait=tenacity.wait_none(),
        retry=tenacity.retry_if_not_exception_type(ZeroDivisionError),
    )

    async def slow(request):
        await anyio.sleep(10)

    tried = recorder(OK)
    tried.answer = slow
    async with client_of(tried, retrying=everything) as client:
        with anyio.move_on_after(1) as scope:
            await client.contacts.retrieve("c1")
    assert scope.cancelled_caught


class Own(Exception):  # noqa: N818 - of the application
    pass


@pytest.mark.parametrize("raised", [Own(), ValueError("mine"), KeyError("mine"), OSError("mine"), TimeoutError("mine")])
async def test_what_the_callers_own_transport_raises_comes_out_as_itself_and_is_not_retried(recorder, raised):
    everything = tenacity.AsyncRetrying(stop=tenacity.stop_after_attempt(3), wait=tenacity.wait_none())
    broken = recorder(raised)
    error, _ = await outcome(broken, retrying=everything)
    assert error is raised
    assert len(broken.requests) == 1


@pytest.mark.parametrize("raised", [SystemExit(3), KeyboardInterrupt()], ids=repr)
async def test_an_end_of_the_program_comes_out_as_itself(raised):
    def answer(request):
        raise raised

    client = AsyncWootiv(api_key="key", base_url="http://wootiv.test", transport=httpx.MockTransport(answer))
    with pytest.raises(type(raised)) as caught:
        await client.contacts.retrieve("c1")
    assert caught.value is raised
