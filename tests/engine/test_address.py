"""Addresses are read as httpx reads them, also where it is not asked."""

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wootiv import APIError
from wootiv.engine.transport import _address
from wootiv.query import field

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


BASE = "http://wootiv.test"


@pytest.mark.parametrize("letter", ["a", "|"])
def test_an_address_that_nobody_could_send_is_refused_before_anything_is(face, recorder, letter):
    server = recorder(httpx.Response(200, json={}))
    room = (65536 - len(f"{BASE}/x?q=")) // (1 if letter == "a" else 3)
    longest = {"q": letter * room}

    def ask(client, get):
        get(client.get("/x", query=longest))
        message = r"^get: expected an address of 65,536 characters at most, got one of 65,53\d: split what it asks"
        with pytest.raises(ValueError, match=message):
            get(client.get("/x", query={"q": letter * (room + 1)}))
        texts = [f"{number:020}" for number in range(4000)]
        with pytest.raises(ValueError, match=r"^contacts\.list: expected an address of 65,536 characters at most, got"):
            get(client.contacts.list(where=field("email").in_(texts)))

    face.session(ask, transport=server.transport())
    assert len(server.requests) == 1


def test_a_redirect_to_no_address_is_an_error_of_the_api(face, recorder):
    server = recorder(httpx.Response(302, headers={"Location": f"{BASE}/{'a' * 65536}"}))
    with pytest.raises(APIError, match="cannot be sent: URL too long"):
        face(lambda client: client.get("/x"), transport=server.transport())
    assert len(server.requests) == 1
