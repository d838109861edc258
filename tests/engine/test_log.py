"""The log: silent unless asked, and never a key, a body, or the value of a header or of a query parameter."""

import logging
import os
import re
import subprocess
import sys

import httpx
import pytest

SECRETS = ("the-key", "a-header", "a-parameter", "a-name", "an-answer", "an-id", "a-default")


def ask(client, get):
    options = {"extra_headers": {"x-a": "a-header"}, "extra_query": {"q": "a-parameter"}}
    get(client.contacts.update("an-id", first_name="a-name", **options))


@pytest.fixture
def answers(recorder):
    ok = httpx.Response(200, json={"id": "an-answer"}, headers={"x-request-id": "r-1", "x-b": "a-header"})
    return recorder(httpx.Response(429, headers={"retry-after": "0"}), ok).transport()


@pytest.mark.parametrize("level", [logging.INFO, logging.DEBUG])
def test_an_attempt_is_a_line_with_all_that_matters_and_nothing_secret(face, answers, caplog, level):
    caplog.set_level(level, "wootiv")
    face.session(ask, transport=answers, api_key="the-key", default_query={"d": "a-default"})
    ours = [record for record in caplog.records if record.name == "wootiv"]
    first, wait, second = [record.getMessage() for record in ours if record.levelno == logging.INFO]
    assert re.fullmatch(r"PATCH /contacts/\{id\} -> 429 in \d+ ms \(attempt 1, request -\)", first)
    assert re.fullmatch(r"PATCH /contacts/\{id\} waits 0\.\d+ s before the next attempt", wait)
    assert re.fullmatch(r"PATCH /contacts/\{id\} -> 200 in \d+ ms \(attempt 2, request r-1\)", second)
    assert not [secret for secret in SECRETS for record in ours if secret in record.getMessage()]


def test_an_attempt_without_an_answer_names_the_fault_and_not_its_text(face, recorder, caplog):
    caplog.set_level(logging.INFO, "wootiv")
    with pytest.raises(Exception, match="broken"):
        face.session(ask, transport=recorder(httpx.ReadError("broken")).transport(), max_retries=0)
    assert "-> APIConnectionError in" in caplog.text
    assert "broken" not in caplog.text  # it may hold an address, with its query


PROGRAM = """
from wootiv import Sandbox, Wootiv
with Sandbox().client() as client:
    client.contacts.list(limit=1)
"""


@pytest.mark.parametrize(("level", "lines"), [("", 0), ("info", 1), ("debug", 1)])
def test_it_is_silent_unless_the_environment_asks(level, lines):
    surroundings = {**os.environ, "WOOTIV_LOG": level}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=surroundings, capture_output=True, text=True, check=True)
    assert done.stdout == ""
    assert done.stderr.count("wootiv INFO GET /contacts -> 200") == lines
    assert bool(done.stderr) == bool(lines)


def test_another_word_in_the_environment_is_told():
    surroundings = {**os.environ, "WOOTIV_LOG": "loud"}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=surroundings, capture_output=True, text=True, check=True)
    assert "WOOTIV_LOG must be info or debug, got 'loud'" in done.stderr
    assert "wootiv INFO" not in done.stderr
