"""A served sandbox that is watched: what is under way in it, and who waits there for whom."""

import contextlib
import select
import socketserver
import threading

import pytest

from wootiv import Sandbox
from wootiv.sandbox.exchange import Request


class Watched(socketserver.ThreadingTCPServer):
    """A sandbox on a socket that knows how many requests are inside: read, not answered, their client not gone.

    `/held` is never answered. `/quiet` is answered once it is alone inside, with whether that took no more than five
    seconds; a request with `x-meet: 64` once there are so many of these inside at once. All else takes `latency`.
    """

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, sandbox: Sandbox, latency: float = 0.0):
        super().__init__(("127.0.0.1", 0), _Connection)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.sandbox = sandbox
        self.latency = latency
        self.inside = self.met = 0
        self.changed = threading.Condition()

    @contextlib.contextmanager
    def visit(self):
        with self.changed:
            self.inside += 1
            self.changed.notify_all()
        try:
            yield
        finally:
            with self.changed:
                self.inside -= 1
                self.changed.notify_all()

    def meet(self, count):
        with self.changed:
            self.met += 1
            self.changed.notify_all()
            wanted = -(-self.met // count) * count
            return self.changed.wait_for(lambda: self.met >= wanted, 10)

    def alone(self):
        with self.changed:
            return self.changed.wait_for(lambda: self.inside == 1, 5)


class _Connection(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True

    def handle(self):
        with contextlib.suppress(ConnectionError):
            while line := self.rfile.readline().decode():
                headers = {}
                while header := self.rfile.readline().decode().strip():
                    name, _, value = header.partition(": ")
                    headers[name.lower()] = value
                body = self.rfile.read(int(headers.get("content-length", 0)))
                method, target, _ = line.split()
                with self.server.visit():
                    answer = self._answer(method, target, headers, body)
                    self.wfile.write(answer)

    def _answer(self, method, target, headers, body):
        server, (path, _, query) = self.server, target.partition("?")
        if path == "/quiet":
            return self._bytes(200, b"true" if server.alone() else b"false")
        if path == "/held" or select.select([self.connection], [], [], server.latency)[0]:
            self.rfile.read(1)  # there is no more to be read before the answer, but the end
            raise ConnectionResetError
        if "x-meet" in headers and not server.meet(int(headers["x-meet"])):
            return self._bytes(503, b"null")
        answer = server.sandbox.app.handle(Request(method, path, query, headers, body))
        return self._bytes(answer.status, answer.body)

    @staticmethod
    def _bytes(status, body):
        head = f"HTTP/1.1 {status} x\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        return head.encode() + body


@pytest.fixture
def watched():
    """Start a `Watched`: `with watched(sandbox) as server`."""

    @contextlib.contextmanager
    def serve(sandbox, **options):
        with Watched(sandbox, **options) as server:
            thread = threading.Thread(target=server.serve_forever, args=(0.02,))
            thread.start()
            try:
                yield server
            finally:
                server.shutdown()
                thread.join()

    return serve
