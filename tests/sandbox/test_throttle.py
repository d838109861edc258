"""Rate limits of the sandbox: who is let in when, and what is said of it."""

import anyio
import httpx
import pytest

from wootiv import RateLimitError
from wootiv.sandbox import FixedWindow, Sandbox, TokenBucket

KEY = {"Authorization": "Bearer any-key"}
GROUP = {"groupName": "a", "workspaceId": "w"}
NEST = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")


def asked(throttle, *times):
    """Whether each request is let in, and what is told to it."""
    return [(verdict.admitted, *(value for _, value in verdict.headers)) for verdict in map(throttle.ask, times)]


def test_a_window_begins_with_its_first_request_and_rounds_seconds_up():
    assert asked(FixedWindow(limit=2, seconds=5), 100.0, 104.4, 104.5, 105.0, 107.2) == [
        (True, "2", "1", "5"),
        (True, "2", "0", "1"),
        (False, "1"),
        (True, "2", "1", "5"),
        (True, "2", "0", "3"),
    ]


def test_a_refusal_blocks_as_long_as_version_6_does_and_a_further_one_no_longer():
    assert asked(FixedWindow(limit=1, seconds=5, block=5), 0.0, 4.4, 6.0, 9.3, 9.4) == [
        (True, "1", "0", "5"),
        (False, "5"),
        (False, "4"),
        (False, "1"),
        (True, "1", "0", "5"),
    ]


def test_a_bucket_lets_a_burst_in_and_then_as_many_as_it_is_filled_with():
    assert asked(TokenBucket(rate=2, burst=3), 0.0, 0.0, 0.0, 0.1, 0.5, 0.6, 1.0, 9.0) == [
        (True, "3", "2", "1"),
        (True, "3", "1", "1"),
        (True, "3", "0", "2"),
        (False, "1"),
        (True, "3", "0", "2"),
        (False, "1"),
        (True, "3", "0", "2"),
        (True, "3", "2", "1"),
    ]


@pytest.mark.parametrize("rate", [3, 7, 50, 333])
def test_a_bucket_refuses_nobody_who_keeps_to_its_rate(rate):
    throttle = TokenBucket(rate=rate, burst=1)
    for number in range(10_000):
        throttle.ask(1e6 + number / rate)
    assert (throttle.admitted, throttle.refused) == (10_000, 0)


def test_a_bucket_lets_no_more_in_than_its_rate_and_one_burst():
    throttle = TokenBucket(rate=50, burst=10)
    for number in range(10_000):
        throttle.ask(number / 1_000)
    assert throttle.admitted == pytest.approx(10 + 10 * 50, abs=1)
    assert throttle.refused == 10_000 - throttle.admitted


@pytest.mark.parametrize("throttle", [TokenBucket(rate=1, burst=1), FixedWindow(limit=1, seconds=1)], ids=repr)
def test_threads_that_come_out_of_turn_gain_nothing_and_another_clock_starts_anew(throttle):
    assert [throttle.ask(now).admitted for now in (1_000.0, 999.9, 1_000.2, 5.0, 5.1)] == [
        True, False, False, True, False,
    ]  # fmt: skip


def test_a_named_throttler_ends_each_header_with_its_name():
    throttle = FixedWindow(limit=1, seconds=1, suffix="short")
    passed, refused = throttle.ask(0.0), throttle.ask(0.0)
    assert [name for name, _ in passed.headers] == [f"{name}-short" for name in NEST]
    assert refused.headers == (("Retry-After-short", "1"),)


def test_without_headers_nothing_is_said_of_the_limit():
    assert asked(FixedWindow(limit=1, seconds=1, headers=False), 0.0, 0.0) == [(True,), (False,)]


def test_the_fields_of_the_ietf_come_with_passed_and_refused_ones():
    throttle = TokenBucket(rate=0.5, burst=2, headers=False, ietf=True)
    policy = ("RateLimit-Policy", '"default";q=2;w=4')
    told = [throttle.ask(0.0).headers for _ in range(3)]
    assert told == [(policy, ("RateLimit", f'"default";{left}')) for left in ("r=1;t=2", "r=0;t=4", "r=0;t=2")]


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: TokenBucket(rate=0), ValueError, "rate must be above 0, and finite, got 0"),
        (lambda: TokenBucket(rate="5"), TypeError, "rate must be a number"),
        (lambda: TokenBucket(rate=float("nan")), ValueError, "rate must be above 0, and finite, got nan"),
        (lambda: TokenBucket(rate=1, burst=0), ValueError, "burst must be 1 or more"),
        (lambda: TokenBucket(rate=1, burst=1.5), TypeError, "burst must be a whole number"),
        (lambda: FixedWindow(limit=0, seconds=1), ValueError, "limit must be 1 or more"),
        (lambda: FixedWindow(limit=1, seconds=0), ValueError, "seconds must be above 0"),
        (lambda: FixedWindow(limit=1, seconds=float("inf")), ValueError, "seconds must be above 0, and finite"),
        (lambda: FixedWindow(limit=1, seconds=1, block=0), ValueError, "block must be above 0"),
        (lambda: FixedWindow(limit=1, seconds=1, suffix="a b"), ValueError, "suffix must be letters, digits"),
    ],
)
def test_what_limits_nothing_is_refused(make, error, text):
    with pytest.raises(error, match=text):
        make()


# Through the doors


@pytest.mark.virtual_time
async def test_a_limit_goes_by_the_clock_of_the_loop():
    throttle = TokenBucket(rate=50, burst=10)
    transport = Sandbox(rows=1, throttle=throttle).transport()
    async with httpx.AsyncClient(transport=transport, base_url="http://a", headers=KEY) as client:
        statuses = [(await client.get("/contacts")).status_code for _ in range(11)]
        await anyio.sleep(0.1)
        statuses += [(await client.get("/contacts")).status_code for _ in range(6)]
    assert statuses == [200] * 10 + [429] + [200] * 5 + [429]
    assert (throttle.admitted, throttle.refused) == (15, 2)


def test_a_refused_request_is_answered_as_the_throttler_does_and_changes_nothing():
    sandbox = Sandbox(rows=0, throttle=FixedWindow(limit=1, seconds=3_600))
    before = len(sandbox.tables["/contact_group"])
    with httpx.Client(transport=sandbox.transport(), base_url="http://a", headers=KEY) as client:
        first, second = (client.post("/contact_group", json=GROUP) for _ in range(2))
    assert (first.status_code, *(first.headers[name] for name in NEST)) == (201, "1", "0", "3600")
    assert (second.status_code, second.headers["Retry-After"]) == (429, "3600")
    assert second.json() == {"statusCode": 429, "message": "ThrottlerException: Too Many Requests"}
    assert not [name for name in second.headers if name.startswith("x-ratelimit")]
    assert len(sandbox.tables["/contact_group"]) == before + 1
    assert [one.status for one in sandbox.requests] == [201, 429]


def test_a_client_runs_into_a_limit_that_it_is_not_told_of(face):
    sandbox = Sandbox(rows=1, throttle=FixedWindow(limit=1, seconds=3_600, headers=False))

    def twice(client, get):
        get(client.contacts.list())
        fault = sandbox.fail("contacts.list", drop=True)
        with pytest.raises(RateLimitError, match="ThrottlerException: Too Many Requests") as caught:
            get(client.contacts.list())
        assert fault.met == 0  # what is refused meets no fault
        return caught.value.retry_after

    assert face.session(twice, transport=sandbox.transport(), max_retries=0) is None


def test_the_blocking_door_and_the_socket_are_limited_too_and_by_the_same_count():
    throttle = FixedWindow(limit=1, seconds=3_600)
    sandbox = Sandbox(rows=1, throttle=throttle)
    with (
        sandbox.serving() as url,
        httpx.Client(base_url=url, headers=KEY) as socket,
        httpx.Client(base_url="http://a", headers=KEY, transport=sandbox.transport()) as blocking,
    ):
        answers = [client.get("/contacts") for client in (blocking, socket, blocking)]
    assert [answer.status_code for answer in answers] == [200, 429, 429]
    assert answers[1].headers["retry-after"] == "3600"
    assert throttle.refused == 2


def test_what_is_no_operation_is_not_limited():
    throttle = FixedWindow(limit=1, seconds=1)
    with httpx.Client(base_url="http://a", transport=Sandbox(throttle=throttle).transport()) as client:
        assert client.get("/nope").status_code == 404
    assert (throttle.admitted, throttle.refused) == (0, 0)
