"""The command line, as a process of its own."""

import json
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager

import httpx
import pytest

from wootiv import NotFoundError, Sandbox, Wootiv, calls
from wootiv.sandbox.loading import PATHS


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
    assert (errors, process.returncode) == ("", 0)


@pytest.mark.parametrize("signals", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_as_soon_as_it_has_said_where_it_listens(signals):
    with command("sandbox", "--port", "0") as process:
        process.stdout.readline()
        process.send_signal(signals)
        _, errors = process.communicate(timeout=20)
    assert (errors, process.returncode) == ("", 0)


@pytest.mark.parametrize("signals", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_hangs_up_on_requests_that_wait_for_an_answer(signals):
    with command("sandbox", "--port", "0", "--latency", "600000") as process:
        line = process.stdout.readline()
        port = int(line.partition("127.0.0.1:")[2].partition(",")[0])
        with socket.create_connection(("127.0.0.1", port)) as waiting:
            # The server says `100 Continue` once the request has come to the sandbox.
            waiting.sendall(b"POST /contacts HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
            assert waiting.recv(100).startswith(b"HTTP/1.1 100 ")
            waiting.sendall(b"{}")
            process.send_signal(signals)
            _, errors = process.communicate(timeout=20)
            assert _rest_of(waiting) == b""
    assert (errors, process.returncode) == ("", 0)


def _rest_of(connection):
    try:
        return connection.recv(100)
    except ConnectionResetError:
        return b""


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


@contextmanager
def served(*options):
    """A client of a sandbox of its own."""
    with command("sandbox", "--port", "0", *options) as process:
        line = process.stdout.readline()
        assert line, process.communicate(timeout=20)
        url = next(word for word in line.replace(",", " ").split() if word.startswith("http"))
        with Wootiv(base_url=url, api_key="any-key", max_retries=0) as client:
            yield client, line


def test_tables_are_loaded_from_files(tmp_path):
    sandbox = Sandbox(rows=3)
    for name in ("contacts", "contact_group"):
        rows = [json.dumps(row) for row in sandbox.tables[f"/{name}"]]
        (tmp_path / f"{name}.jsonl").write_text("\n".join([*rows, "", ""]), encoding="utf-8")
    files = [f"--load={name}={tmp_path / name}.jsonl" for name in ("contacts", "contact_group")]
    with served("--seed", "2", *files) as (client, line):
        assert "3 contacts" in line
        assert {row.id for row in client.contacts.list()} == {row["id"] for row in sandbox.tables["/contacts"]}
        assert client.contact_group.list().data[0].id in {row["id"] for row in sandbox.tables["/contact_group"]}


@pytest.mark.parametrize(
    ("content", "table", "message"),
    [
        (b'{"id": "1"}\n{"id": \n', "contacts", ".jsonl, line 2: "),
        (b'{"id": "\xff"}', "contacts", ".jsonl, line 1: "),
        (b"[1]\n", "contacts", ".jsonl: contacts, row 1: must be an object"),
        (b'{"id": "1"}\n', "contacts", ".jsonl: contacts, row 1: contactGroupId is missing"),
        (b"", "nope", "unknown table 'nope', there are contacts, contact_group, wspaces, "),
        (None, "contacts", ".jsonl cannot be read: "),
    ],
)
def test_a_file_that_cannot_be_loaded_is_told(tmp_path, content, table, message):
    path = tmp_path / "rows.jsonl"
    if content is not None:
        path.write_bytes(content)
    with command("sandbox", "--port", "0", "--load", f"{table}={path}") as process:
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 1
    assert message in errors
    assert "Traceback" not in errors


def test_a_table_that_is_loaded_twice_is_told(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b"")
    with command("sandbox", "--port", "0", f"--load=users={path}", f"--load=/user={path}") as process:
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "--load: /user is given twice" in errors


def test_a_file_may_begin_with_a_byte_order_mark(tmp_path):
    rows = [json.dumps(row) for row in Sandbox(rows=0).tables["/user"]]
    (tmp_path / "rows.jsonl").write_text("\r\n".join(rows[:5]), encoding="utf-8-sig")
    with served(f"--load=users={tmp_path / 'rows.jsonl'}") as (client, _):
        assert client.users.list().total == 5


def test_the_tables_are_in_the_help():
    with command("sandbox", "--help") as process:
        told, _ = process.communicate(timeout=20)
    assert set(PATHS) <= set(told.replace(",", " ").split())


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--load", "contacts", "such as contacts=FILE.jsonl"),
        ("--load", "=x", "such as contacts=FILE.jsonl"),
        ("--throttle", "0", "1 or more"),
        ("--max-limit", "0", "1 or more"),
        ("--errors", "other", "invalid choice"),
        ("--row", "5", "unrecognized arguments: --row"),
    ],
)
def test_an_option_that_makes_no_sense_is_refused(option, value, message):
    with command("sandbox", "--port", "0", option, value) as process:
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 2
    assert message in errors


def test_limits_and_the_form_of_errors_are_as_told():
    with served("--rows", "9", "--max-limit", "4", "--throttle", "1000", "--errors", "rockets") as (client, _):
        answer = client.send(calls.contacts.list(limit=9))
        assert len(answer.json()["data"]) == 4
        assert answer.headers["X-RateLimit-Limit"] == "1000"
        with pytest.raises(NotFoundError) as refused:
            client.contacts.retrieve("nobody")
        assert refused.value.body["errorCode"] == "HTTP_NOT_FOUND"


def test_more_requests_in_a_second_than_the_throttle_lets_in_are_refused():
    with served("--throttle", "1") as (_, line):
        url = next(word for word in line.replace(",", " ").split() if word.startswith("http"))
        # By hand: the client would keep to the limit. Two of them come within one second at some time.
        answers = [httpx.get(f"{url}/contacts", headers={"Authorization": "Bearer k"}) for _ in range(20)]
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.headers["Retry-After"] == "1"
