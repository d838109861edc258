"""An answer that comes while the request is still being sent, over real sockets, with TLS and without."""

import socket
import ssl
import threading
from contextlib import suppress

import pytest
import trustme

from wootiv import APIStatusError, AsyncWootiv

BIG = 20_000_000
ANSWER = b"HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Type: application/json\r\n"
BODY = b'{"message": "no more than 5 MB"}'


class Refusing:
    """A server that reads a head, answers, and takes in a part of the body, or all of it."""

    def __init__(self, context, *, reads_on):
        self.connections = 0
        self._context = context
        self._reads_on = reads_on
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"{'https' if context else 'http'}://127.0.0.1:{self._listening.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with suppress(OSError):
            while True:
                threading.Thread(target=self._answer, args=self._listening.accept()[:1], daemon=True).start()

    def _answer(self, connection):
        self.connections += 1
        with suppress(OSError), connection:
            if self._context is not None:
                connection = self._context.wrap_socket(connection, server_side=True)
            head = b""
            while b"\r\n\r\n" not in head:
                head += connection.recv(4096)
            connection.sendall(ANSWER + b"Content-Length: %d\r\n\r\n%s" % (len(BODY), BODY))
            left = BIG if self._reads_on else 5_000_000
            while left > 0 and (taken := len(connection.recv(65_536))):
                left -= taken
            connection.close()

    def close(self):
        self._listening.close()


@pytest.fixture(params=["http", "https"])
def contexts(request):
    """What server and client make of TLS."""
    if request.param == "http":
        return None, True
    authority, serving, asking = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(serving)
    authority.configure_trust(asking)
    return serving, asking


@pytest.fixture(params=[False, True], ids=["a part", "all"])
def refusing(request, contexts):
    """A server that refuses large bodies, and what a client has to trust it."""
    server = Refusing(contexts[0], reads_on=request.param)
    yield server, {"base_url": server.url, "verify": contexts[1]}
    server.close()


def sent(client):
    """A form of one file, which goes out in pieces."""
    return client.aws.buckets.upload(file=("big", b"x" * BIG))


def posted(client):
    """JSON, which goes out in one."""
    return client.post("/contacts", body={"email": "x" * BIG})


@pytest.mark.parametrize("send", [sent, posted])
def test_who_refuses_a_body_before_it_was_sent_is_heard_and_not_sent_it_again(face, refusing, send):
    server, door = refusing
    with pytest.raises(APIStatusError, match="no more than 5 MB") as caught:
        face(send, **door)
    assert caught.value.status_code == 413
    assert server.connections == 1


async def test_on_each_event_loop(refusing):
    server, door = refusing
    async with AsyncWootiv(api_key="key", **door) as client:
        with pytest.raises(APIStatusError, match="no more than 5 MB"):
            await sent(client)
        with pytest.raises(APIStatusError, match="no more than 5 MB"):
            await posted(client)
    assert server.connections == 2
