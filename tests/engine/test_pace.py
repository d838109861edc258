"""When the next request may go out, told from answers alone: no event loop, no clock."""

import itertools
import math

import pytest

from wootiv.engine.learned import Learned
from wootiv.engine.pace import Pace
from wootiv.engine.turns import _Line
from wootiv.message import Headers, Reply


def answer(status=200, **headers):
    return Reply(status, Headers((name.replace("_", "-"), str(value)) for name, value in headers.items()), b"")


def told(remaining, reset, limit=50, end=""):
    names = {"limit": limit, "remaining": remaining, "reset": reset}
    return answer(**{f"x_ratelimit_{name}{end}": value for name, value in names.items()})


def opens(pace, now, *, in_a_run=False):
    """Seconds until the next one may go out."""
    return max(0.0, pace.opens(now, in_a_run=in_a_run)[0] - now)


def ask(pace, now, reply, took=0.0):
    sent = pace.send(now)
    pace.ended(sent, reply, now + took)


def test_nothing_is_held_back_before_a_limit_was_met():
    pace = Pace()
    pace.ended(pace.send(0.0), answer(), 0.1)
    sent = [pace.send(0.1) for _ in range(100)]
    assert opens(pace, 0.1) == 0
    for one in sent:
        pace.ended(one, answer(), 1.0)
    assert pace.is_free
    assert opens(pace, 1.0) == 0


def test_eight_single_calls_go_at_once_and_more_when_there_was_an_answer_or_after_a_second():
    pace = Pace()
    sent = []
    for _ in range(8):
        assert opens(pace, 0.0) == 0
        sent.append(pace.send(0.0))
    assert opens(pace, 0.0) == 1
    assert opens(pace, 1.0) == 0
    pace.ended(sent.pop(), answer(), 0.1)
    assert opens(pace, 0.1) == 0


def test_of_a_run_one_goes_ahead_until_there_was_an_answer():
    pace = Pace()
    assert opens(pace, 0.0, in_a_run=True) == 0
    first = pace.send(0.0)
    assert opens(pace, 0.0, in_a_run=True) == 1
    assert opens(pace, 0.0) == 0
    pace.ended(first, answer(), 0.1)
    assert opens(pace, 0.1, in_a_run=True) == 0


def test_of_a_run_one_that_goes_ahead_may_be_a_large_upload_and_is_not_waited_for_for_ever():
    pace = Pace()
    pace.send(0.0)
    for _ in range(20):
        assert opens(pace, 1.0, in_a_run=True) == 0
        pace.send(1.0)


@pytest.mark.parametrize(
    ("refusal", "seconds"),
    [
        (answer(429, retry_after=7), 7),
        (answer(429, retry_after_short=7, retry_after_long=3), 7),
        (answer(429, retry_after_ms=1500), 1.5),
        (answer(503, retry_after=7), 7),
        (answer(429, ratelimit='"a";r=0;t=9, "b";r=5;t=60'), 9),
        (answer(429, retry_after=2, ratelimit='"a";r=0;t=9'), 2),
        (answer(429), 0.1),
        (answer(429, retry_after=0), 0.1),
        (answer(429, retry_after="soon"), 0.1),
    ],
)
def test_a_refusal_pauses_as_long_as_it_says(refusal, seconds):
    pace = Pace()
    ask(pace, 0.0, refusal)
    assert pace.opens(0.0, in_a_run=False) == (pytest.approx(seconds), "refused")
    assert opens(pace, seconds) == 0


def test_a_503_that_names_no_time_is_no_refusal():
    pace = Pace()
    ask(pace, 0.0, answer(503))
    assert opens(pace, 0.0) == 0


def test_pauses_that_no_one_names_grow_until_one_gets_through():
    pace, now, pauses = Pace(), 0.0, []
    for status in [429] * 5 + [200] + [429]:
        ask(pace, now, answer(status))
        pauses.append(opens(pace, now))
        now += 100
    assert pauses[:5] == pytest.approx([0.1 * 1.2**n for n in range(5)])
    assert pauses[-1] == pytest.approx(0.1)


def test_pauses_that_no_one_names_end_at_a_minute():
    pace = Pace()
    for number in range(5000):
        ask(pace, number * 100.0, answer(429))
    assert opens(pace, 4999 * 100.0) == 60


def test_what_was_under_way_when_it_paused_is_no_news():
    pace = Pace()
    sent = [pace.send(0.0) for _ in range(32)]
    for one in sent:
        pace.ended(one, answer(429), 0.02)
    assert opens(pace, 0.02) == pytest.approx(0.1)


def test_of_several_times_to_come_back_at_the_last_holds():
    pace = Pace()
    sent = [pace.send(0.0) for _ in range(3)]
    for one, seconds in zip(sent, (2, 5, 3), strict=True):
        pace.ended(one, answer(429, retry_after=seconds), 0.0)
    assert opens(pace, 0.0) == 5


def test_after_a_pause_one_goes_ahead_and_each_that_gets_through_lets_two_more_go():
    pace = Pace()
    ask(pace, 0.0, answer(429, retry_after=1))
    under_way, sizes, now = [], [], 1.0
    for _ in range(4):
        while opens(pace, now) == 0:
            under_way.append(pace.send(now))
        sizes.append(len(under_way))
        now += 0.02
        for sent in under_way:
            pace.ended(sent, answer(), now)
        under_way.clear()
    assert sizes == [1, 2, 4, 8]


def test_one_that_goes_ahead_and_takes_long_is_not_waited_for_for_ever():
    pace = Pace()
    ask(pace, 0.0, answer(429, retry_after=1))
    pace.send(1.0)
    assert opens(pace, 1.0) == 1
    assert opens(pace, 2.0) == 0


def test_one_that_goes_ahead_and_is_lost_lets_the_next_one_go_ahead():
    pace = Pace()
    ask(pace, 0.0, answer(429, retry_after=1))
    first = pace.send(1.0)
    pace.ended(first, None, 1.1)
    assert opens(pace, 1.1) == 0
    pace.send(1.1)
    assert opens(pace, 1.1) > 0


# What the headers say


def test_as_many_go_as_remain_and_are_not_under_way():
    pace = Pace()
    ask(pace, 0.0, told(40, 10))
    sent = 0
    while opens(pace, 0.0) < 1:
        pace.send(0.0)
        sent += 1
    assert sent == 40
    assert pace.opens(0.0, in_a_run=False) == (10, "news")  # or as soon as an answer tells of more


def test_the_last_of_a_window_go_one_after_another_but_not_slowly():
    pace, now = Pace(), 0.0
    ask(pace, now, told(5, 60))
    for left in range(5, 0, -1):
        now += opens(pace, now)
        ask(pace, now, told(left - 1, 60))
    assert now <= 0.5 + 1e-9
    assert pace.opens(now, in_a_run=False)[1] == "spent"


def test_a_window_that_is_over_is_asked_after_by_one():
    pace = Pace()
    ask(pace, 0.0, told(0, 10))
    assert opens(pace, 0.0) == 10
    first = pace.send(10.0)
    assert opens(pace, 10.0) == 1
    pace.ended(first, told(49, 10), 10.1)
    assert opens(pace, 10.1) < 1e-9


def test_answers_may_come_in_another_order_than_the_server_counted():
    pace = Pace()
    sent = [pace.send(0.0) for _ in range(4)]
    for one, remaining in zip(sent, (8, 6, 9, 7), strict=True):
        pace.ended(one, told(remaining, 10), 0.1)
    assert pace.state(0.1, None, 0).remaining == 6


def test_of_what_is_said_of_a_windows_end_the_earliest_holds():
    pace = Pace()  # it began at 0 and ends at 2.5; seconds are rounded up
    for now, reset in ((0.1, 3), (0.6, 2), (1.4, 2), (1.6, 1)):
        ask(pace, now, told(int(40 - now), reset))
    assert pace.state(1.6, None, 0).reset == pytest.approx(1.0)


def test_one_that_is_lost_may_have_been_counted():
    pace = Pace()
    ask(pace, 0.0, told(3, 10))
    pace.ended(pace.send(0.0), None, 0.1)
    assert pace.state(0.1, None, 0).remaining == 2


def test_one_that_is_long_under_way_was_counted():
    pace = Pace()
    ask(pace, 0.0, told(20, 60))
    for _ in range(10):
        pace.send(0.0)
    assert pace.state(0.5, None, 0).remaining == 10
    assert pace.state(1.5, None, 0).remaining == 20


def test_the_strictest_of_several_limits_holds():
    pace = Pace()
    both = told(0, 2, end="_short"), told(30, 60, end="_long")
    headers = {name: value for reply in both for name, value in reply.headers.items()}
    ask(pace, 0.0, Reply(200, Headers(headers.items()), b""))
    assert pace.opens(0.0, in_a_run=False) == (2, "spent")
    assert pace.state(0.0, None, 0).remaining == 0


def test_a_refusal_ends_what_the_headers_said():
    pace = Pace()
    ask(pace, 0.0, told(40, 10))
    ask(pace, 0.0, answer(429, retry_after=1))
    assert pace.state(0.0, None, 0).remaining is None
    pace.send(1.0)
    assert opens(pace, 1.0) > 0  # the next one goes ahead alone


@pytest.mark.parametrize("took", [0.005, 0.02, 0.1])
@pytest.mark.parametrize(("rate", "burst"), [(50, 10), (5, 5), (200, 40)])
def test_a_bucket_is_drawn_from_as_fast_as_it_fills_up(rate, burst, took):
    """It tells what is left, and the time until it is full in whole seconds, rounded up."""
    pace, tokens, filled_at, now, under_way = Pace(), float(burst), 0.0, 0.0, []
    taken = 0
    while now < 60:
        wait = opens(pace, now, in_a_run=True) if len(under_way) < 32 else math.inf
        if under_way and under_way[0][0] <= now + wait:
            now, sent, reply = under_way.pop(0)
            pace.ended(sent, reply, now)
            continue
        now += wait + 1e-9
        tokens, filled_at = min(burst, tokens + (now - filled_at) * rate), now
        assert tokens >= 1, f"refused at {now}"
        tokens -= 1
        taken += 1
        reply = told(int(tokens), math.ceil((burst - tokens) / rate), burst)
        under_way.append((now + took, pace.send(now), reply))
    assert taken >= 0.95 * rate * 60


# What is forgotten, and what is kept


def test_a_limit_that_holds_nothing_back_may_be_forgotten():
    pace = Pace()
    assert pace.is_forgettable(0.0)
    sent = pace.send(0.0)
    assert not pace.is_forgettable(0.0)
    pace.ended(sent, told(0, 10), 0.0)
    assert not pace.is_forgettable(0.0)
    assert pace.is_forgettable(10.0)


def test_sleeps_that_end_late_take_nothing_of_a_known_rate():
    line, now = _Line(50.0), 0.0
    for _ in range(500):
        line.send(now)
        now = max(now, line.opens_at) + 0.004
    assert now == pytest.approx(10, abs=0.1)


# What refusals teach


def drive(server, seconds, took=0.02):
    """Send as the rate allows, 32 at most under way, to `server(now)`, which gives `None` or the seconds to wait."""
    pace, now, under_way, taken, refused = Pace(), 0.0, [], 0, 0
    while now < seconds:
        wait = opens(pace, now, in_a_run=True) if len(under_way) < 32 else math.inf
        if under_way and under_way[0][0] <= now + wait:
            now, sent, reply = under_way.pop(0)
            pace.ended(sent, reply, now)
            continue
        now += wait + 1e-9
        asked = server(now)
        taken, refused = taken + (asked is None), refused + (asked is not None)
        headers = {"retry_after": asked} if asked else {}
        under_way.append((now + took, pace.send(now), answer(200 if asked is None else 429, **headers)))
    return taken / seconds, refused / (taken + refused), pace


def bucket(rate, burst, *, says):
    state = {"tokens": float(burst), "at": 0.0}

    def server(now):
        state["tokens"] = min(burst, state["tokens"] + (now - state["at"]) * rate)
        state["at"] = now
        if state["tokens"] < 1:
            return math.ceil((1 - state["tokens"]) / rate) if says else 0
        state["tokens"] -= 1
        return None

    return server


def window(limit, length, *, says, used=0):
    state = {"ends": 0.9 * length if used else -1.0, "count": used}

    def server(now):
        if now >= state["ends"]:
            state.update(ends=now + length, count=0)
        state["count"] += 1
        return None if state["count"] <= limit else math.ceil(state["ends"] - now) if says else 0

    return server


@pytest.mark.parametrize("says", [True, False])
@pytest.mark.parametrize(
    ("make", "rate"),
    [
        (lambda says: bucket(50, 10, says=says), 50),
        (lambda says: bucket(5, 5, says=says), 5),
        (lambda says: bucket(50, 100, says=says), 50),
        (lambda says: bucket(200, 20, says=says), 200),
        (lambda says: window(50, 1, says=says), 50),
        (lambda says: window(100, 10, says=says), 10),
        (lambda says: window(600, 60, says=says), 10),
    ],
)
def test_the_rate_is_learned_from_refusals_alone(make, rate, says):
    taken, refused, _ = drive(make(says), 600)
    assert 0.85 * rate <= taken <= 1.05 * rate
    assert refused < 0.08


@pytest.mark.parametrize("says", [True, False])
@pytest.mark.parametrize("used", [590, 597, 599])
def test_a_first_window_that_others_had_used_up_does_not_count_for_long(says, used):
    taken, refused, _ = drive(window(600, 60, says=says, used=used), 600)
    assert taken >= 0.7 * 10
    assert refused < 0.05


def test_a_rate_that_nobody_waits_for_is_forgotten():
    _, _, pace = drive(bucket(50, 10, says=True), 30)
    assert pace.state(30, None, 0).learned_rate is not None
    for now in itertools.accumulate([1.0] * 100, initial=40.0):
        ask(pace, now, answer())
    assert pace.state(140, None, 0).learned_rate is None


def test_a_pause_for_another_reason_teaches_no_rate():
    pace = Pace()
    for number in range(10):
        ask(pace, number * 0.1, answer())
    ask(pace, 1.0, answer(503, retry_after=120))
    ask(pace, 121.0, answer())
    assert pace.state(121.0, None, 0).learned_rate is None


def test_a_server_that_tells_its_limit_is_believed_and_not_found_out():
    pace = Pace()
    ask(pace, 0.0, answer())
    ask(pace, 0.0, answer(429, retry_after=1))
    ask(pace, 1.0, told(9, 1, 10), 0.02)
    assert pace.state(1.02, None, 0).learned_rate is None


def test_where_others_use_the_key_too_the_rate_is_learned_beside_the_headers():
    pace = Pace()
    for _ in range(9):
        ask(pace, 0.0, told(20, 1))
    ask(pace, 0.5, answer(429, retry_after=1))
    ask(pace, 1.5, told(49, 1))
    assert pace.state(1.5, None, 0).learned_rate == pytest.approx(9 / 1.5)


def test_a_rate_once_found_falls_by_a_fifth_at_most():
    learned = Learned()
    for now in range(10):
        learned.passed(now / 10, recent=True)
    for now in (1.0, 1.2):
        learned.refused(now, told=False)
        learned.passed(now + 0.1, recent=True)
    found = learned.rate
    learned.refused(1.4, told=False)
    learned.passed(100.0, recent=True)
    assert learned.rate == pytest.approx(found * 0.8)


@pytest.mark.parametrize(("told", "seconds"), [(True, 1.2), (False, 1.1)])
def test_where_nobody_says_how_long_it_has_opened_between_the_last_two_that_went_ahead(told, seconds):
    learned = Learned()
    for _ in range(50):
        learned.passed(0.0, recent=True)
    learned.refused(0.1, told=told)
    learned.refused(0.9, told=told)
    learned.passed(1.2, recent=True)
    assert learned.rate == pytest.approx(50 / seconds)


def test_no_rate_is_learned_out_of_nothing():
    learned = Learned()
    for _ in range(5):
        learned.refused(0.0, told=True)
        learned.passed(0.0, recent=True)
        learned.sent(0.0)
    assert 0 < learned.rate < math.inf
