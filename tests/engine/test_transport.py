"""The caller's own transports and proxies, and those of the environment."""

import asyncio
import contextlib
import socket
import threading
import time

import anyio
import httpx
import pytest

from wootiv import APIConnectionError, APITimeoutError, AsyncWootiv, Wootiv


def retrieve(client):
    return client.contacts.retrieve("c1")


class Watched(httpx.HTTPTransport):
    """A blocking transport that says in which thread it runs, and whether it was closed."""

    def __init__(self, **options):
        super().__init__(**options)
        self.threads = []
        self.closed = False

    def handle_request(self, request):
        self.threads.append(threading.current_thread())
        return super().handle_request(request)

    def close(self):
        self.closed = True
        super().close()


def test_a_blocking_transport_works_on_both_clients_in_a_thread_of_its_own(face, sandbox, contact):
    transport = Watched(local_address="127.0.0.1")
    with sandbox.serving() as url:
        made = face(lambda client: client.contacts.create(**contact), base_url=url, transport=transport)
        assert not any(thread.name == "wootiv" for thread in transport.threads)
        assert threading.main_thread() not in transport.threads
    assert made.email == "ada@example.com"
    assert transport.closed


def test_an_async_transport_works_on_both_clients(face, sandbox):
    with sandbox.serving() as url:
        contacts = face(lambda client: client.contacts.list(), base_url=url, transport=httpx.AsyncHTTPTransport())
    assert len(contacts) == 250


def test_a_wsgi_application_works_on_both_clients(face):
    def application(environ, start_response):
        body = environ["wsgi.input"].read()
        start_response("200 OK", [("Content-Type", "application/json")])
        return [b'{"id":"%s","lastName":"%d bytes"}' % (environ["PATH_INFO"].encode(), len(body))]

    answer = face(
        lambda client: client.contacts.update("c1", first_name="A"), transport=httpx.WSGITransport(application)
    )
    assert (answer.id, answer.last_name) == ("/contacts/c1", "17 bytes")


def test_a_mock_transport_works_on_both_clients_and_shows_the_whole_request(face, recorder):
    seen = recorder(httpx.Response(200, json={"id": "c1"}))
    answer = face(lambda client: client.contacts.update("c1", first_name="A"), transport=seen.transport())
    (request,) = seen.requests
    assert answer.id == "c1"
    assert (request.method, request.url.path, request.content) == ("PATCH", "/contacts/c1", b'{"firstName":"A"}')
    assert request.headers["content-type"] == "application/json"


def test_a_files_form_reaches_a_blocking_transport_whole(face, recorder, tmp_path):
    class Blocking(httpx.BaseTransport):
        def handle_request(self, request):
            return seen.answer(request)

    seen = recorder(httpx.Response(200, json={}))
    (tmp_path / "a.txt").write_bytes(b"from a path")
    face(lambda client: client.aws.buckets.upload(file=tmp_path / "a.txt"), transport=Blocking())
    assert b"from a path" in seen.requests[0].content


async def test_a_limit_ends_the_waiting_for_a_blocking_transport(recorder):
    let_go = threading.Event()

    class Stuck(httpx.BaseTransport):
        def handle_request(self, request):
            let_go.wait(10)
            return httpx.Response(200, json={})

    async with AsyncWootiv(api_key="key", base_url="http://wootiv.test", transport=Stuck()) as client:
        begun = time.monotonic()
        with pytest.raises(APITimeoutError):
            await client.contacts.retrieve("c1", total_timeout=0.05)
        assert time.monotonic() - begun < 5
        let_go.set()


# Proxies


class Proxy:
    """A forward proxy: it notes the lines it is asked, and passes plain http on."""

    def __init__(self):
        self.asked = []
        self.keys = []
        self.url = ""

    async def connected(self, reader, writer):
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            first, *lines = head.split("\r\n")[:-2]
            method, target, _ = first.split(" ")
            self.asked.append(f"{method} {target}")
            self.keys += [line for line in lines if line.lower().startswith("proxy-authorization")]
            if method == "CONNECT":
                writer.write(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n")
            else:
                url = httpx.URL(target)
                theirs, ours = await asyncio.open_connection(url.host, url.port)
                lines = [line for line in lines if not line.lower().startswith(("proxy-", "connection"))]
                path = url.raw_path.decode()
                ours.write("\r\n".join([f"{method} {path} HTTP/1.1", *lines, "connection: close", "", ""]).encode())
                writer.write(await theirs.read())
                ours.close()
            await writer.drain()
        writer.close()


@pytest.fixture
def proxy():
    made, started = Proxy(), threading.Event()

    async def main():
        listening = await asyncio.start_server(made.connected, "127.0.0.1", 0)
        made.url = "http://127.0.0.1:{1}".format(*listening.sockets[0].getsockname())
        loops.append(asyncio.get_running_loop())
        ends.append(asyncio.Event())
        started.set()
        async with listening:
            await ends[0].wait()

    loops, ends = [], []
    thread = threading.Thread(target=lambda: asyncio.run(main()), daemon=True)
    thread.start()
    started.wait(5)
    yield made
    loops[0].call_soon_threadsafe(ends[0].set)
    thread.join(5)


def test_the_environments_proxy_is_honoured(face, sandbox, proxy, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    with sandbox.serving() as url:
        face(lambda client: client.root.retrieve(), base_url=url)
    assert proxy.asked == [f"GET {url}/"]


def test_what_the_environment_takes_out_goes_past_its_proxy(face, sandbox, proxy, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with sandbox.serving() as url:
        face(lambda client: client.root.retrieve(), base_url=url)
    assert proxy.asked == []


def test_the_environments_proxy_does_not_serve_a_transport_of_the_callers_own(face, sandbox, proxy, monkeypatch):
    monkeypatch.setenv("ALL_PROXY", proxy.url)
    face(lambda client: client.root.retrieve(), transport=sandbox.transport())
    assert proxy.asked == []


@pytest.mark.parametrize(
    "given", [str, httpx.URL, httpx.Proxy, lambda url: {"http://": url}, lambda url: {"all://": url}]
)
def test_proxies_are_one_address_or_a_mapping(face, sandbox, proxy, given, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")  # an argument wins
    with sandbox.serving() as url:
        face(lambda client: client.root.retrieve(), base_url=url, proxies=given(proxy.url))
    assert proxy.asked == [f"GET {url}/"]


def test_a_mapping_may_leave_an_address_out(face, sandbox, proxy):
    with sandbox.serving() as url:
        face(
            lambda client: client.root.retrieve(), base_url=url, proxies={"all://": proxy.url, "all://127.0.0.1": None}
        )
    assert proxy.asked == []


def test_with_proxies_a_transport_serves_what_they_leave(face, sandbox, proxy):
    with sandbox.serving() as url:
        options = {"transport": sandbox.transport(), "proxies": {"all://127.0.0.1": proxy.url}}
        face(lambda client: client.root.retrieve(), base_url=url, **options)
        assert len(proxy.asked) == 1
        face(lambda client: client.root.retrieve(), base_url="http://elsewhere.test", **options)
        assert len(proxy.asked) == 1


def test_a_password_for_the_proxy_goes_to_the_proxy(face, sandbox, proxy):
    with sandbox.serving() as url:
        address = proxy.url.replace("//", "//user:word@")
        face(lambda client: client.root.retrieve(), base_url=url, proxies=address)
    assert proxy.keys == ["Proxy-Authorization: Basic dXNlcjp3b3Jk"]


def test_a_proxy_that_refuses_is_a_connection_error_that_was_never_applied(face, proxy):
    with pytest.raises(APIConnectionError) as caught:
        face(
            lambda client: client.contacts.delete("c1"),
            base_url="https://wootiv.test",
            proxies=proxy.url,
            max_retries=0,
        )
    assert proxy.asked == ["CONNECT wootiv.test:443"]
    assert not caught.value.maybe_applied


@pytest.mark.parametrize("client", [AsyncWootiv, Wootiv])
@pytest.mark.parametrize(
    "proxies", ["http://p:1", {"all://": "http://p:1"}, {"http://": "http://p:1", "https://": "http://p:1"}]
)
def test_a_transport_that_proxies_leave_nothing_is_told_once_at_the_users_line(client, proxies, recorder):
    with pytest.warns(UserWarning, match="transport= is never used") as caught:
        client(api_key="key", proxies=proxies, transport=recorder().transport())
    assert [warning.filename for warning in caught] == [__file__]


@pytest.mark.parametrize(
    "proxies", ["all", "gopher://p:1", {"http": "http://p:1"}, {"all://": "p"}, "http://u:secret@p:x"]
)
def test_a_malformed_proxy_is_refused_and_its_password_not_shown(proxies):
    with pytest.raises(ValueError, match="proxies") as caught:
        AsyncWootiv(api_key="key", proxies=proxies)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "options",
    [{"proxies": 5}, {"transport": object()}, {"verify": 5}, {"verify": object()}, {"proxies": {"all://": 5}}],
)
def test_what_no_connection_can_be_made_of_is_refused(options):
    with pytest.raises(TypeError, match=next(iter(options))):
        AsyncWootiv(api_key="key", **options)


def test_a_bundle_of_certificates_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ValueError, match="verify"):
        AsyncWootiv(api_key="key", verify=str(tmp_path / "gone.pem"))


# TLS


async def test_a_server_that_speaks_no_tls_is_a_connection_error():
    listening = socket.create_server(("127.0.0.1", 0))

    def hang_up():
        connection, _ = listening.accept()
        connection.recv(10)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        connection.close()

    port = listening.getsockname()[1]
    client = AsyncWootiv(api_key="key", base_url=f"https://127.0.0.1:{port}", max_retries=0)
    async with client, anyio.create_task_group() as tasks:
        tasks.start_soon(anyio.to_thread.run_sync, hang_up)
        with pytest.raises(APIConnectionError) as caught:
            await client.contacts.delete("c1")
    assert not caught.value.maybe_applied
    listening.close()
