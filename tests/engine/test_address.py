"""Addresses are read as httpx reads them, also where it is not asked."""

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wootiv.engine.transport import _address

TARGETS = st.text(
    st.characters(min_codepoint=32, max_codepoint=0x2FF) | st.sampled_from("/?%.&=+ '\"|\\#"), max_size=20
)


def parts(url):
    parsed = httpx.URL(url)
    return parsed.raw_scheme, parsed.raw_host, parsed.port, parsed.netloc, parsed.raw_path


@given(TARGETS)
@pytest.mark.parametrize(
    "origin", ["http://wootiv.test", "https://[::1]:8443", "http://127.0.0.1:80", "http://bücher.test"]
)
def test_an_address_has_the_parts_that_httpx_sees(origin, target):
    url = f"{origin}/{target}"
    try:
        expected = parts(url)
    except httpx.InvalidURL:
        return
    found = _address(url)
    assert (found.scheme, found.host, found.port, found.netloc, found.target) == expected


@pytest.mark.parametrize(
    "target", ["", "/", "/a/../b", "/a/.", "/.a", "/a%2Fb", "/a%zz", "/?a=%27", "/?a='", "//a", "/a;b=1?c=d?e"]
)
def test_odd_targets_too(target):
    url = f"http://wootiv.test{target}"
    found = _address(url)
    assert (found.scheme, found.host, found.port, found.netloc, found.target) == parts(url)
