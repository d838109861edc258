"""What an editor shows of an operation: pyright's language server is asked, as editors ask it.

The environment `types` sets WOOTIV_TESTS_EDITOR and has to run this; elsewhere it is skipped where pyright is missing.
"""

import importlib.util
import itertools
import json
import os
import queue
import subprocess
import sys
import threading
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

import pytest

import wootiv

if importlib.util.find_spec("pyright") is None:
    if os.environ.get("WOOTIV_TESTS_EDITOR") == "1":
        pytest.fail("WOOTIV_TESTS_EDITOR asks for these tests, and pyright is not installed", pytrace=False)
    pytest.skip("needs pyright, which the environment `types` has", allow_module_level=True)

API = Path(wootiv.__file__).parent / "api"
PATIENCE = 120  # seconds: where node is cold, the first answer takes its time
PRELUDE = "from wootiv import AsyncWootiv, Wootiv, calls\nclient = AsyncWootiv()\nblocking = Wootiv()\n"


class Editor:
    """As much of an editor as it takes to put questions to a language server, on its standard input and output."""

    def __init__(self, folder):
        self._folder = folder
        self._numbers = itertools.count(1)
        self._server = subprocess.Popen(
            [sys.executable, "-m", "pyright.langserver", "--stdio"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=folder,
        )
        self._messages = queue.Queue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def __enter__(self):
        return self

    def open_folder(self):
        """Shake hands, as all that follows needs."""
        self.ask(
            "initialize",
            processId=os.getpid(),
            rootUri=self._folder.as_uri(),
            workspaceFolders=[{"uri": self._folder.as_uri(), "name": "a user's project"}],
            capabilities={
                "workspace": {"configuration": True},
                "textDocument": {
                    "hover": {"contentFormat": ["plaintext"]},
                    "signatureHelp": {"signatureInformation": {"documentationFormat": ["plaintext"]}},
                },
            },
        )
        self._tell("initialized")

    def __exit__(self, *_):
        try:
            self.ask("shutdown")
            self._tell("exit")
            self._server.wait(PATIENCE)
        finally:
            self._server.kill()
            self._server.wait()
            self._reader.join()
            self._server.stdin.close()
            self._server.stdout.close()

    def ask(self, method, **params):
        """Ask, and answer what the server asks back meanwhile."""
        number = next(self._numbers)
        self._send(id=number, method=method, params=params)
        while True:
            message = self._messages.get(timeout=PATIENCE)
            assert message is not None, "the language server is gone"
            if "method" in message and "id" in message:
                self._send(id=message["id"], result=self._answer(message))
            elif message.get("id") == number:
                assert "error" not in message, message["error"]
                return message["result"]

    def at(self, question, line):
        """Put a question about the place that `|` marks in the last line of a file."""
        column = line.index("|")
        path = self._folder / f"use_{next(self._numbers)}.py"
        text = PRELUDE + line.replace("|", "", 1) + "\n"
        path.write_text(text, encoding="utf-8")
        document = {"uri": path.as_uri(), "languageId": "python", "version": 1, "text": text}
        self._tell("textDocument/didOpen", textDocument=document)
        return self.ask(
            f"textDocument/{question}",
            textDocument={"uri": path.as_uri()},
            position={"line": PRELUDE.count("\n"), "character": column},
        )

    def signatures(self, line):
        return self.at("signatureHelp", line)["signatures"]

    def completions(self, line):
        found = self.at("completion", line)
        return {item["label"] for item in (found["items"] if isinstance(found, dict) else found)}

    def hover(self, line):
        return self.at("hover", line)["contents"]["value"]

    def definition(self, line):
        """The file it leads to, and the text that stands there."""
        (place,) = self.at("definition", line)
        file = Path(url2pathname(unquote(urlsplit(place["uri"]).path)))
        return file, file.read_text(encoding="utf-8").splitlines()[place["range"]["start"]["line"]]

    def _answer(self, message):
        if message["method"] != "workspace/configuration":
            return None
        # The package that the tests import is the one it reads: the wheel, or the checkout.
        analysis = {"extraPaths": [str(API.parents[1])]}
        settings = {"python": {"pythonPath": sys.executable, "analysis": analysis}, "python.analysis": analysis}
        return [settings.get(item["section"], {}) for item in message["params"]["items"]]

    def _tell(self, method, **params):
        self._send(method=method, params=params)

    def _send(self, **message):
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self._server.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self._server.stdin.flush()

    def _read(self):
        while head := self._server.stdout.readline():
            length = 0
            while head.strip():
                name, _, value = head.partition(b":")
                length = int(value) if name.lower() == b"content-length" else length
                head = self._server.stdout.readline()
            self._messages.put(json.loads(self._server.stdout.read(length)))
        self._messages.put(None)


@pytest.fixture(scope="module")
def editor(tmp_path_factory):
    with Editor(tmp_path_factory.mktemp("project").resolve()) as editor:
        editor.open_folder()
        yield editor


class Shown(NamedTuple):
    """One operation of each kind, and what an editor has to show of it."""

    name: str
    keywords: tuple[str, ...]
    answer: str
    docstring: str
    file: str

    def __repr__(self):
        return self.name


OPERATIONS = [
    Shown(
        "contacts.create",
        ("email: str", "first_name: str", "phone_number: str | None", "max_retries: int = ..."),
        "Contact",
        "Add a contact.",
        "contacts.py",
    ),
    Shown(
        "contacts.retrieve", ("id: str", "fields: Sequence[str] = ..."), "Contact", "Fetch a contact.", "contacts.py"
    ),
    Shown("contacts.update", ("id: str", "first_name: str = ..."), "Contact", "Change a contact", "contacts.py"),
    Shown(
        "contacts.delete", ("id: str", "total_timeout: float | None = ..."), "None", "Delete a contact.", "contacts.py"
    ),
    Shown(
        "aws.buckets.retrieve_file_in_path",
        ("filename: str", "pathname: str"),
        "SignedFile",
        "Get a signed address of a file in a folder.",
        "storage.py",
    ),
    Shown(
        "aws.buckets.upload", ("file: FileInput = ...", "path: str = ..."), "StoredFile", "Upload a file", "storage.py"
    ),
    Shown(
        "aws.objects.list", ("timeout: float | TimeoutLike | None = ...",), "Any", "List stored objects", "storage.py"
    ),
]
LIST = Shown(
    "contacts.list",
    ("filter: Sequence[str] = ...", "or_: Sequence[str] = ...", "s: str | Mapping[str, object] = ..."),
    "Contact",
    "List contacts",
    "contacts.py",
)
GIVEN = {"client": "CoroutineType[Any, Any, {}]", "blocking": "{}", "calls": "Call[{}]"}
GIVEN_LISTS = {"client": "AsyncPaginator[{}]", "blocking": "Page[{}]", "calls": "Call[PageData[{}]]"}


def _split(parameters):
    """Each parameter; their types may hold commas themselves."""
    parts, depth = [""], 0
    for letter in parameters:
        depth += (letter == "[") - (letter == "]")
        if letter == "," and not depth:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts]


each_operation = pytest.mark.parametrize("shown", [*OPERATIONS, LIST], ids=repr)
each_tree = pytest.mark.parametrize("tree", GIVEN)


@each_tree
@each_operation
def test_signature_help_shows_the_real_keywords_the_answer_and_the_docstring(editor, tree, shown):
    (signature,) = editor.signatures(f"{tree}.{shown.name}(|)")
    given = (GIVEN_LISTS if shown is LIST else GIVEN)[tree].format(shown.answer)
    parameters, _, answer = signature["label"].rpartition(" -> ")
    assert set(shown.keywords) <= set(_split(parameters[1:-1]))
    assert answer == given
    assert shown.docstring in str(signature["documentation"])


@each_tree
@each_operation
def test_completion_inside_a_call_offers_its_keywords(editor, tree, shown):
    offered = editor.completions(f"{tree}.{shown.name}(|)")
    assert offered >= {f"{keyword.partition(':')[0]}=" for keyword in shown.keywords}


@each_tree
@each_operation
def test_hover_shows_the_answer_and_the_docstring(editor, tree, shown):
    hover = editor.hover(f"{tree}.{shown.name}|()")
    assert shown.answer in hover
    assert shown.docstring in hover


@each_tree
@each_operation
def test_go_to_definition_leads_to_the_declaration(editor, tree, shown):
    file, line = editor.definition(f"{tree}.{shown.name}|()")
    assert file.samefile(API / shown.file)
    assert line.strip().startswith(f"def {shown.name.rpartition('.')[2]}(self, ")


@each_tree
def test_completion_after_a_resource_offers_its_operations(editor, tree):
    assert editor.completions(f"{tree}.contacts.|") >= {"create", "retrieve", "update", "delete", "list"}
    assert editor.completions(f"{tree}.aws.|") >= {"buckets", "objects", "create_signed_put_url"}


@each_tree
def test_completion_after_a_client_offers_resources_and_verbs(editor, tree):
    offered = {"contacts", "contact_group", "aws", "get", "post", "patch", "put", "delete"}
    offered |= set() if tree == "calls" else {"send", "with_options", "copy", "close"}
    assert editor.completions(f"{tree}.|") >= offered


@each_tree
def test_a_verb_is_shown_like_an_operation(editor, tree):
    typed, plain = editor.signatures(f"{tree}.get(|)")
    assert "cast_to: type[" in typed["label"]
    assert "cast_to" not in plain["label"]
    assert plain["label"].endswith(f"-> {GIVEN[tree].format('Any')}")
    assert editor.completions(f"{tree}.get(|)") >= {"path=", "cast_to=", "query=", "timeout="}
    assert "GET a path" in editor.hover(f"{tree}.get|('/x')")


@pytest.mark.parametrize("name", ["AsyncWootiv", "Wootiv", "client.with_options", "blocking.with_options"])
def test_completion_inside_a_constructor_offers_its_options(editor, name):
    assert editor.completions(f"{name}(|)") >= {"api_key=", "base_url=", "timeout=", "max_retries=", "strict="}


@each_tree
def test_completion_after_an_answer_offers_its_fields(editor, tree):
    answers = {
        "client": "(await client.contacts.retrieve('1')).|",
        "blocking": "blocking.contacts.retrieve('1').|",
        "calls": "blocking.send(calls.contacts.retrieve('1')).parse().|",
    }
    assert editor.completions(answers[tree]) >= {"email", "first_name", "to_dict", "replace"}
