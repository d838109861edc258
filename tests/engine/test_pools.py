"""Proxies and transports of the caller's own, side by side."""

import gc
import subprocess
import sys

import httpx
import pytest

import wootiv
from wootiv import APIConnectionError, Sandbox, Wootiv


class Counted(httpx.BaseTransport):
    """A blocking transport that leads to a sandbox, and counts how often it is closed."""

    def __init__(self):
        self.closed = 0
        self._inner = Sandbox(rows=3).transport()

    def handle_request(self, request):
        return self._inner.handle_request(request)

    def close(self):
        self.closed += 1


def test_a_blocking_transport_serves_what_the_proxies_leave(face):
    proxies = {"https://": "http://127.0.0.1:9"}
    rows = face(lambda client: client.contacts.list(), proxies=proxies, transport=Counted())
    assert len(rows) == 3


def test_a_compressed_answer_of_a_blocking_transport_is_read(face):
    def wsgi(environ, start):
        import gzip

        start("200 OK", [("Content-Type", "application/json"), ("Content-Encoding", "gzip")])
        return [gzip.compress(b'{"id": "1"}')]

    transport = httpx.WSGITransport(wsgi)
    assert face(lambda client: client.contacts.retrieve("1"), transport=transport).id == "1"


def test_a_blocking_transport_is_closed_when_its_client_is_dropped():
    transport = Counted()
    client = Wootiv(api_key="key", base_url="http://a.test", transport=transport)
    client.contacts.list()
    del client
    gc.collect()
    assert transport.closed == 1


@pytest.mark.parametrize("client", ["AsyncWootiv", "Wootiv"])
def test_a_blocking_transport_that_nobody_closes_ends_silently(client):
    program = f"""
import asyncio, httpx, wootiv
client = wootiv.{client}(transport=httpx.HTTPTransport(local_address="0.0.0.0"))
async def main(): await client.root.retrieve()
asyncio.run(main()) if {client!r} == "AsyncWootiv" else client.root.retrieve()
"""
    with Sandbox(rows=1).serving() as url:
        environment = {"WOOTIV_BASE_URL": url, "WOOTIV_API_KEY": "key"}
        command = [sys.executable, "-X", "dev", "-W", "error", "-c", program]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_dead_proxy_is_not_taken_for_a_service_that_is_not_there(face, unused_address, monkeypatch):
    monkeypatch.setitem(wootiv.ENVIRONMENTS, "production", "http://localhost:3001")
    with pytest.raises(APIConnectionError) as caught:
        face(lambda client: client.contacts.list(), base_url=None, proxies=unused_address, max_retries=0)
    assert "nothing listens" not in str(caught.value)


def test_a_socks_proxy_without_its_package_is_refused_at_construction():
    with pytest.raises(ValueError, match=r"httpx\[socks\]"):
        Wootiv(api_key="key", proxies="socks5://127.0.0.1:9")


def test_a_long_address_is_cut_in_messages(face, sandbox):
    with pytest.raises(wootiv.NotFoundError) as caught:
        face.with_sandbox(lambda client: client.contacts.retrieve("x" * 5_000), sandbox)
    assert len(str(caught.value)) < 500
    assert "x" * 5_000 in caught.value.request.url


def test_a_redirect_that_is_not_followed_says_where_to(face, recorder):
    elsewhere = recorder(httpx.Response(302, headers={"location": "https://other.test/path?token=secret"}))
    with pytest.raises(wootiv.APIStatusError, match=r"redirected to https://other\.test, and not followed") as caught:
        face(lambda client: client.contacts.list(), transport=elsewhere.transport())
    assert "secret" not in str(caught.value)
