"""The programs in examples/ run as a user runs them, against a served sandbox, and do what they say."""

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from wootiv import Sandbox

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
PROGRAMS = sorted(set(EXAMPLES.glob("*.py")) - {EXAMPLES / "demo.py"})
KEY = "examples-key"
ROWS = 600
PATIENCE = 60  # seconds
SLOW = re.compile(r"^Executing <.*> took .* seconds\n", re.MULTILINE)  # told by asyncio under `-X dev`, by the clock
STRICT = [sys.executable, "-X", "dev", "-W", "error"]


@pytest.fixture
def box():
    return Sandbox(rows=ROWS, api_key=KEY)


@pytest.fixture
def run(box, tmp_path):
    """Run a program in an empty folder, as its user does; gives what it printed."""
    with box.serving() as url:
        yield Runner(url, tmp_path)


class Runner:
    def __init__(self, url, folder):
        self.folder = folder
        # PATH and the like are for Windows, which starts no process without; proxies of whoever runs this are not.
        kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "TEMP") if name in os.environ}
        self.environment = kept | {
            "WOOTIV_BASE_URL": url,
            "WOOTIV_API_KEY": KEY,
            "PYTHONSAFEPATH": "1",
            "PYTHONUTF8": "1",
        }

    def __call__(self, name, *arguments, **options):
        return self.command([*STRICT, EXAMPLES / name, *arguments], **options)

    def command(self, command, *, given="", fails=False):
        done = subprocess.run(
            command,
            env=self.environment,
            cwd=self.folder,
            input=given,
            capture_output=True,
            encoding="utf-8",
            timeout=PATIENCE,
            check=False,
        )
        if fails:
            assert done.returncode == 1
            assert done.stdout == ""
            return done.stderr
        assert (done.returncode, SLOW.sub("", done.stderr)) == (0, "")
        return done.stdout

    @contextmanager
    def started(self, command):
        process = subprocess.Popen(
            command,
            env=self.environment,
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
        )
        late = threading.Timer(PATIENCE, process.kill)  # else a test that waits for a line waits for ever
        late.start()
        with process:
            try:
                yield process
            finally:
                late.cancel()
                process.kill()


def contacts_of(box):
    return list(box.tables["/contacts"])


def group_named(box, name):
    return next(group for group in box.tables["/contact_group"] if group["groupName"] == name)


# All of them


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_a_program_has_at_most_fifteen_lines_comments_among_them(program):
    lines = [line for line in program.read_text(encoding="utf-8").splitlines() if line.strip()]
    assert len(lines) <= 15


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_a_program_is_listed_and_run_here(program):
    assert f"[{program.name}]({program.name})" in (EXAMPLES / "README.md").read_text(encoding="utf-8")
    uses = program.stem + ":app" if program.name == "web.py" else program.name
    assert f'"{uses}"' in Path(__file__).read_text(encoding="utf-8")


def test_there_are_ten():
    assert len(PROGRAMS) == 10


# Each of them


def test_merging_groups_moves_every_contact_and_deletes_the_old_group(box, run):
    old, new = group_named(box, 'The "A" list'), group_named(box, "Leads")
    before = {row["id"]: row["contactGroupId"] for row in contacts_of(box)}
    emails = {row["email"] for row in contacts_of(box) if row["contactGroupId"] == old["id"]}
    assert emails
    printed = run("merge_groups.py", 'The "A" list', "Leads")
    assert sorted(printed.splitlines()) == sorted(f"{email} is now in Leads" for email in emails)
    after = {row["id"]: row["contactGroupId"] for row in contacts_of(box)}
    assert after == {id: new["id"] if group == old["id"] else group for id, group in before.items()}
    assert old["id"] not in [group["id"] for group in box.tables["/contact_group"]]


NOTEBOOK = """
import asyncio, pathlib, sys, types
sys.modules["ipykernel"] = types.ModuleType("ipykernel")  # a notebook runs its cells within a running event loop
async def main():
    exec(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8"), {"__name__": "__main__"})
asyncio.run(main())
"""


@pytest.mark.parametrize("surroundings", ["script", "notebook"])
def test_the_notebook_makes_a_table_of_all_contacts(box, run, surroundings):
    pytest.importorskip("pandas")
    program = [EXAMPLES / "notebook.py"] if surroundings == "script" else ["-c", NOTEBOOK, EXAMPLES / "notebook.py"]
    printed = run.command([*STRICT, *program])
    scores = {}
    for row in contacts_of(box):
        scores.setdefault(row["metadata"]["source"], []).append(row["metadata"]["score"])
    for source, values in scores.items():
        count, mean, highest = re.search(rf"^{source} +(\d+) +([\d.]+) +(\d+)$", printed, re.MULTILINE).groups()
        assert (int(count), int(highest)) == (len(values), max(values))
        assert float(mean) == pytest.approx(sum(values) / len(values))


def test_the_web_service_answers_with_the_emails_in_the_order_of_the_ids(box, run):
    pytest.importorskip("fastapi")
    rows = contacts_of(box)[:40]
    command = [*STRICT, "-m", "uvicorn", "--app-dir", EXAMPLES, "--port", "0", "web:app"]
    with run.started(command) as server:
        for line in server.stdout:
            if found := re.search(r"running on (http://\S+)", line):
                break
        else:
            pytest.fail("it did not start")
        answer = httpx.post(f"{found[1]}/emails", json=[row["id"] for row in rows], trust_env=False)
        assert (answer.status_code, answer.json()) == (200, [row["email"] for row in rows])
        if sys.platform != "win32":
            server.send_signal(signal.SIGINT)
            rest = server.stdout.read()
            assert "Application shutdown complete" in rest
            assert "Warning" not in rest


def test_the_service_under_trio_reads_every_group_at_once(box, run):
    members = [row["contactGroupId"] for row in contacts_of(box)]
    expected = {f"{group['groupName']}: {members.count(group['id'])}\n" for group in box.tables["/contact_group"]}
    with run.started([*STRICT, EXAMPLES / "watch.py"]) as service:
        assert {service.stdout.readline() for _ in expected} == expected
        assert service.poll() is None
        if sys.platform != "win32":
            service.send_signal(signal.SIGINT)
            rest = service.stdout.read()
            assert "KeyboardInterrupt" in rest
            assert "Warning" not in rest


def test_the_export_writes_every_contact_once(box, run):
    target = run.folder / "contacts.jsonl"
    target.write_text("of yesterday")
    assert run("export.py", target) == ""
    # The service writes its moments to the millisecond, the export to the microsecond.
    text = re.sub(r"(\.\d{3})000Z", r"\1Z", target.read_text(encoding="utf-8"))
    written = [json.loads(line) for line in text.splitlines()]
    assert sorted(contact["id"] for contact in written) == sorted(row["id"] for row in contacts_of(box))
    assert {contact["id"]: contact for contact in written} == {row["id"]: row for row in contacts_of(box)}
    assert [file.name for file in run.folder.iterdir()] == ["contacts.jsonl"]


def test_an_export_that_fails_says_why_and_leaves_the_old_file(run):
    target = run.folder / "contacts.jsonl"
    target.write_text("of yesterday")
    run.environment["WOOTIV_API_KEY"] = "another-key"
    said = run("export.py", target, fails=True)
    assert said.startswith("not exported: GET http://")
    assert "401" in said
    assert target.read_text() == "of yesterday"


def test_the_bulk_import_adds_every_row_and_names_the_refused(box, run):
    group = group_named(box, "Leads")
    names = ["contact_group_id", "email", "first_name", "last_name", "phone_number", "workspace_id"]
    rows = [
        [group["id"], f"new{n}@example.com", "Zoë", f"Žižek {n}", f"+44 {n}", group["workspaceId"]] for n in range(50)
    ]
    text = io.StringIO()
    csv.writer(text).writerows([names, *rows])
    ids = run("import_csv.py", given=text.getvalue()).splitlines()
    added = {row["id"]: row for row in contacts_of(box)[ROWS:]}
    assert sorted(added) == sorted(ids)
    kept = ("contactGroupId", "email", "firstName", "lastName", "phoneNumber", "workspaceId")
    assert sorted([row[name] for name in kept] for row in added.values()) == sorted(rows)
    run.environment["WOOTIV_API_KEY"] = "another-key"
    refused = run("import_csv.py", given=text.getvalue()).splitlines()
    assert sorted(line.partition(",")[0] for line in refused) == sorted(
        f"Failed: new{n}@example.com" for n in range(50)
    )
    assert all(line.endswith(": 401 Unauthorized") for line in refused)


def test_contacts_by_id_come_in_the_order_of_the_ids_and_what_is_gone_is_named(box, run):
    rows = contacts_of(box)[:500]
    ids = [row["id"] for row in rows]
    ids.insert(7, "nobody")
    expected = [row["email"] for row in rows]
    printed = run("by_id.py", given="\n".join(ids)).splitlines()
    gone = printed.pop(7)
    assert gone.startswith("nobody: GET ")
    assert gone.endswith("404 Contact not found")
    assert printed == expected


def test_the_test_of_a_program_of_ones_own_passes(run):
    command = [*STRICT, "-m", "pytest", "-q", "-p", "no:cacheprovider", EXAMPLES / "test_forget.py"]
    assert "1 passed" in run.command(command)


def test_a_folder_is_uploaded_with_all_that_is_in_it(box, run):
    contents = {"letters/a.txt": b"a", "letters/2024/b.txt": b"b" * 300_000, "letters/2024/ü c.bin": bytes(range(256))}
    for name, content in contents.items():
        file = run.folder / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(content)
    printed = run("upload_folder.py", "letters")
    assert {name: file.content for name, file in box.storage.files.items()} == contents
    assert sorted(printed.splitlines()) == sorted(f"{run.folder.resolve() / name} is {name}" for name in contents)


def test_a_file_that_was_not_uploaded_is_named_and_the_others_are_there(box, run):
    (run.folder / "letters").mkdir()
    for name in "abc":
        (run.folder / "letters" / name).write_text(name)
    box.fail("aws.create_signed_put_url", status=403, match=lambda request: b"letters/b" in request.body)
    with run.started([*STRICT, EXAMPLES / "upload_folder.py", "letters"]) as program:
        a, b, c = sorted(SLOW.sub("", program.stdout.read()).splitlines())
        assert program.wait() == 1
    top = run.folder.resolve() / "letters"
    assert (a, c) == (f"{top / 'a'} is letters/a", f"{top / 'c'} is letters/c")
    assert b.startswith(f"{top / 'b'} is not stored: POST http://")
    assert sorted(box.storage.files) == ["letters/a", "letters/c"]


class Proxy(BaseHTTPRequestHandler):
    """Passes on what it is asked, but for the first time, when it is busy."""

    asked: list[str]

    def do_GET(self):
        self.asked.append(self.path)
        headers = {name: value for name, value in self.headers.items() if name.lower() == "authorization"}
        if len(self.asked) > 1:
            answer = httpx.get(self.path, headers=headers, trust_env=False)
            self._answer(answer.status_code, answer.content, [("Content-Type", answer.headers["content-type"])])
        else:
            self._answer(503, b"busy", [("Retry-After", "0")])

    def _answer(self, status, content, headers):
        self.send_response(status)
        for name, value in [*headers, ("X-Request-Id", f"r{len(self.asked)}"), ("Content-Length", str(len(content)))]:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


@pytest.fixture
def proxy():
    handler = type("Handler", (Proxy,), {"asked": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", handler.asked
        server.shutdown()
        thread.join()


def test_the_diagnosis_goes_through_the_proxy_and_shows_every_attempt(box, run, proxy):
    address, asked = proxy
    first, one, two, last = run("diagnose.py", address).splitlines()
    assert [urlsplit(url).path for url in asked] == ["/contacts", "/contacts"]
    assert re.fullmatch(r"200 GET http://\S+/contacts\?\S+ r2 application/json; charset=utf-8", first)
    assert re.fullmatch(r"attempt 1: 503 after \d\.\d{3} s", one)
    assert re.fullmatch(r"attempt 2: 200 after \d\.\d{3} s", two)
    assert last == f"{ROWS} contacts; what the server sends of one: {', '.join(contacts_of(box)[0])}"


def test_the_diagnosis_says_what_was_tried_where_there_is_no_proxy(run, unused_address):
    said = run("diagnose.py", unused_address, fails=True)
    assert "after 3 attempts" in said
    assert said.count("Attempt(") == 3
