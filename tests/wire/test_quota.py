"""What headers say of a rate limit, in each form that is known."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wootiv.message import Headers
from wootiv.wire.quota import Quota, quotas

NOW = 1_800_000_000.0


def told(**headers):
    return quotas(Headers((name.replace("_", "-"), value) for name, value in headers.items()), NOW)


def test_headers_without_a_limit_say_nothing():
    assert told(content_type="application/json", x_request_id="r1", retry_after="1") == []


@pytest.mark.parametrize("prefix", ["X_RateLimit", "x_ratelimit", "X_Rate_Limit", "RateLimit"])
def test_a_limit_is_known_by_its_three_headers(prefix):
    headers = {f"{prefix}_Limit": "50", f"{prefix}_Remaining": "7", f"{prefix}_Reset": "3"}
    assert told(**headers) == [Quota("", 50, 7, 3.0)]


def test_several_limits_are_known_by_the_ends_of_their_names():
    found = told(
        x_ratelimit_limit_short="3",
        x_ratelimit_remaining_short="2",
        x_ratelimit_reset_short="1",
        x_ratelimit_limit_long="100",
        x_ratelimit_remaining_long="99",
        x_ratelimit_reset_long="60",
    )
    assert found == [Quota("short", 3, 2, 1.0), Quota("long", 100, 99, 60.0)]


def test_a_reset_may_be_a_fraction_or_a_time_since_1970():
    assert told(x_ratelimit_remaining="1", x_ratelimit_reset="0.25")[0].reset == 0.25
    assert told(x_ratelimit_remaining="1", x_ratelimit_reset=str(int(NOW) + 30))[0].reset == 30
    assert told(x_ratelimit_remaining="1", x_ratelimit_reset=str(int(NOW) - 30))[0].reset == 0


def test_what_is_not_said_is_not_known():
    assert told(x_ratelimit_limit="5", x_ratelimit_reset="1") == []
    assert told(x_ratelimit_remaining="5") == [Quota("", None, 5, 1.0)]


def test_the_pair_of_the_ietf_is_known():
    found = told(ratelimit_policy='"default";q=100;w=60', ratelimit='"default";r=42;t=17')
    assert found == [Quota("default", 100, 42, 17.0)]


def test_the_pair_of_the_ietf_may_tell_of_several_limits():
    found = told(
        ratelimit_policy='"minute";q=10;w=60, "day";q=1000;w=86400;pk=:c2Vj:',
        ratelimit='"minute";r=3;t=5, "day";r=900;t=4000',
    )
    assert found == [Quota("minute", 10, 3, 5.0), Quota("day", 1000, 900, 4000.0)]


@pytest.mark.parametrize("text", ["", "many", "-1", "nan", "inf", "1e9", ";;r=", '"a";r', "9" * 5000])
def test_what_cannot_be_read_is_not_known(text):
    assert told(x_ratelimit_remaining=text, ratelimit=text) == []


@given(
    st.dictionaries(
        st.sampled_from(["X-RateLimit-Remaining", "RateLimit", "RateLimit-Policy", "X-RateLimit-Reset"]), st.text()
    )
)
def test_no_header_makes_it_fail(headers):
    for quota in quotas(Headers(headers.items()), NOW):
        assert quota.remaining >= 0
        assert quota.reset >= 0
