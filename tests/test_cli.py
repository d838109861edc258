"""The command line, as a process of its own."""

import signal
import socket
import subprocess
import sys
from contextlib import contextmanager

import pytest

from wootiv import Wootiv


@contextmanager
def command(*arguments):
    started = [sys.executable, "-X", "dev", "-W", "error", "-m", "wootiv", *arguments]
    with subprocess.Popen(started, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("signals", [signal.SIGTERM, signal.SIGINT])
def test_the_sandbox_says_where_it_listens_serves_and_ends_on_a_signal(signals):
    with command("sandbox", "--port", "0", "--rows", "7", "--latency", "1") as process:
        line = process.stdout.readline()
        url = next(word for word in line.replace(",", " ").split() if word.startswith("http"))
        with Wootiv(base_url=url, api_key="any-key") as client:
            assert client.contacts.list().total == 7
        process.send_signal(signals)
        _, errors = process.communicate(timeout=20)
    assert errors == ""


def test_a_port_that_is_taken_is_told():
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        command("sandbox", "--port", f"{taken.getsockname()[1]}") as process,
    ):
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "cannot be listened on" in errors


def test_no_command_shows_what_there_is():
    with command() as process:
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 2
    assert "python -m wootiv" in errors


@pytest.mark.parametrize("port", ["70000", "-1"])
def test_a_port_that_is_none_is_told(port):
    with command("sandbox", "--port", port) as process:
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "cannot be listened on" in errors


@pytest.mark.parametrize(("option", "value"), [("--rows", "-1"), ("--latency", "-5"), ("--rows", "many")])
def test_a_number_below_zero_is_refused(option, value):
    with command("sandbox", "--port", "0", option, value) as process:
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 2
    assert "0 or more" in errors
