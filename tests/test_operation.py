"""Operations as editors, `help()` and completion show them, on both clients and on `wootiv.calls`."""

import gc
import inspect
import pydoc
import rlcompleter
import sys
import warnings
import weakref
from typing import TypedDict, Unpack

import httpx
import pytest

from wootiv import AsyncWootiv, Options, Page, Wootiv, calls
from wootiv.operation import GET, Keep, M, Resource, operations_of
from wootiv.types import Contact

TREES = [AsyncWootiv(api_key="key", base_url="http://x.test"), Wootiv(api_key="key", base_url="http://x.test"), calls]


def on_one_line(shown):
    """Help without its margins and line breaks: from Python 3.13 on it spreads a long signature over lines."""
    return " ".join(word for line in shown.splitlines() for word in line.strip(" |").split()).replace("( ", "(")


@pytest.mark.parametrize("tree", TREES, ids=["async", "blocking", "calls"])
class TestWhatIsShown:
    """On both clients and `wootiv.calls`."""

    def test_a_signature_has_real_keywords_path_first_and_options_last(self, tree):
        signature = inspect.signature(tree.contacts.update)
        assert list(signature.parameters) == [
            "id", "contact_group_id", "email", "first_name", "last_name", "metadata", "phone_number", "workspace_id",
            "extra_headers", "extra_query", "extra_body", "timeout", "total_timeout", "max_retries", "idempotency_key",
        ]  # fmt: skip
        kinds = [one.kind for one in signature.parameters.values()]
        assert kinds == [inspect.Parameter.POSITIONAL_OR_KEYWORD] + [inspect.Parameter.KEYWORD_ONLY] * (len(kinds) - 1)
        required = [
            one.name for one in inspect.signature(tree.contacts.create).parameters.values() if one.default is one.empty
        ]
        assert required == [
            "contact_group_id",
            "email",
            "first_name",
            "last_name",
            "metadata",
            "phone_number",
            "workspace_id",
        ]
        in_path = inspect.signature(tree.aws.buckets.retrieve_file_in_path)
        assert list(in_path.parameters)[:3] == ["filename", "pathname", "extra_headers"]
        assert signature.return_annotation is Contact

    def test_a_verb_shows_its_options_too(self, tree):
        assert list(inspect.signature(tree.patch).parameters) == [
            "path",
            "cast_to",
            "body",
            "query",
            "files",
            *Options.__annotations__,
        ]

    def test_help_shows_the_signature_and_the_docstring(self, tree):
        shown = pydoc.plain(pydoc.render_doc(tree.contacts.list))
        assert "list(*, fields: " in on_one_line(shown)
        assert "List contacts, in order of id" in shown
        assert "limit: " in shown
        assert "PATCH a path that no operation declares" in pydoc.plain(pydoc.render_doc(tree.patch))

    def test_help_tells_of_each_argument_what_stands_below_it_in_the_sources(self, tree):
        shown = pydoc.plain(pydoc.render_doc(tree.contacts.list))
        assert "limit: int = ..." in shown
        assert "Arguments:\n        fields: Fields to send, by their names on the wire" in shown
        assert "        limit: Rows to a page, 100 unless given" in shown
        assert "Seconds for the whole call" not in shown  # every operation takes the options: they are told of once
        assert "        query: Query parameters; a list repeats its key." in pydoc.plain(pydoc.render_doc(tree.get))
        assert "Arguments" not in pydoc.plain(pydoc.render_doc(tree.contacts.delete))
        assert tree.contacts.list.__doc__.endswith("is given.")

    def test_help_on_a_resource_shows_what_its_operations_take(self, tree):
        for thing in tree.contacts, type(tree.contacts):
            shown = pydoc.plain(pydoc.render_doc(thing))
            assert "create(self, *, contact_group_id: str, email: str," in on_one_line(shown)
            assert "Add a contact." in shown
            assert "list(self, *, fields: " in on_one_line(shown)
        shown = pydoc.plain(pydoc.render_doc(tree.mailbox))
        assert " |  Resources:\n |      registry: All that is registered with a mailbox." in shown

    def test_help_on_a_tree_shows_its_resources_and_verbs(self, tree):
        for thing in tree, type(tree):
            shown = pydoc.plain(pydoc.render_doc(thing))
            assert " |      contacts: People that mailboxes write to.\n" in shown
            assert "get(self, path: str, *, cast_to: Any = " in on_one_line(shown)
            assert "GET a path that no operation declares" in shown

    def test_completion_finds_resources_and_operations(self, tree):
        assert {"contacts", "aws", "root", "get"} <= set(dir(tree))
        assert {"create", "retrieve", "update", "delete", "list"} <= set(dir(tree.contacts))
        complete = rlcompleter.Completer({"tree": tree}).complete
        assert complete("tree.contacts.retr", 0).startswith("tree.contacts.retrieve")
        with pytest.raises(AttributeError, match="has no attribute 'contcts'"):
            _ = tree.contcts

    def test_an_operation_is_the_same_function_each_time(self, tree):
        assert tree.contacts.list is tree.contacts.list
        assert tree.contacts is tree.contacts


def test_a_lists_signature_tells_what_each_client_gives():
    shown = [str(inspect.signature(tree.contacts.list).return_annotation) for tree in TREES]
    assert [text.partition("[")[0].rpartition(".")[2] for text in shown] == ["AsyncPaginator", "Page", "Call"]


def test_every_declared_operation_binds_and_has_help():
    def walk(resource):
        for name in dir(resource):
            if not name.startswith("_"):
                thing = getattr(resource, name)
                if isinstance(thing, Resource):
                    yield from walk(thing)
                elif callable(thing):
                    yield thing

    found = list(walk(calls))
    assert len(found) > 15
    for function in found:
        assert inspect.getdoc(function)
        assert "Annotated" not in str(inspect.signature(function))


def test_every_operation_of_a_class_has_a_signature_as_its_functions_have():
    for name, operation in operations_of(type(calls)):
        assert next(iter(inspect.signature(operation).parameters)) == "self", name
    signature = inspect.signature(type(calls.contacts).retrieve)
    assert list(signature.parameters)[:3] == ["self", "id", "fields"]
    assert signature.return_annotation is Contact
    assert inspect.signature(type(calls.contacts).list).return_annotation == Page[Contact]
    assert "declared" in inspect.signature(type(type(calls.contacts).list)).parameters  # the class has its own


def test_an_operation_can_be_called_as_a_function_of_its_class():
    assert type(calls.contacts).retrieve(calls.contacts, "1") == calls.contacts.retrieve("1")
    assert Wootiv.get(calls, "/x") == calls.get("/x")


def things():
    """A resource that was never seen before."""

    class Rows(TypedDict, total=False):
        """How many."""

        limit: int
        """Rows,
        as many as
        you like."""

    class Things(Resource[M]):
        """Things."""

        @GET("/things")
        def read(self, **query: Unpack[Rows]) -> None:
            """Read them."""

    return Things(Keep())


def test_without_sources_help_leaves_the_arguments_out(monkeypatch):
    def gone(_):
        raise OSError

    assert inspect.getdoc(things().read) == "Read them.\n\nArguments:\n    limit: Rows, as many as you like."
    monkeypatch.setattr(inspect, "getsource", gone)
    assert inspect.getdoc(things().read) == "Read them."


# Subclasses, views, and forgotten awaits


def echo():
    """A transport that answers with what it was asked with."""
    return httpx.MockTransport(lambda request: httpx.Response(200, json=dict(request.headers)))


def test_a_verb_of_a_view_is_sent_as_the_view_says(face):
    def both(client, get):
        first = get(client.get("/x"))
        view = client.with_options(api_key="other", default_headers={"x-a": "view"})
        return first, get(view.get("/x")), get(client.get("/x"))

    sent = face.session(both, transport=echo())
    assert [one["authorization"] for one in sent] == ["Bearer key", "Bearer other", "Bearer key"]
    assert [one.get("x-a") for one in sent] == [None, "view", None]


@pytest.mark.parametrize("kind", [AsyncWootiv, Wootiv])
def test_a_client_that_is_dropped_goes_at_once_with_all_that_was_opened_on_it(kind):
    client = kind(api_key="key", base_url="http://x.test")
    _ = client.get, client.contacts.retrieve, client.contacts.list, client.with_options().get
    runner = weakref.ref(client._runner)
    gc.disable()
    try:
        del client, _
        assert runner() is None
    finally:
        gc.enable()


def test_what_a_subclass_puts_in_place_of_a_verb_or_an_operation_is_called_each_time():
    class Logged(Wootiv):
        """Keeps what it asks for."""

        asked = ()

        def get(self, path, **given):
            self.asked += (path,)
            return super().get(path, **given)

    class Kept(type(calls.contacts)):
        """Keeps what it reads."""

        read = ()

        def retrieve(self, id, **given):
            self.read += (id,)
            return super().retrieve(id, **given)

    with Logged(api_key="key", base_url="http://x.test", transport=echo()) as client:
        client.get("/1")
        client.get("/2")
        assert client.asked == ("/1", "/2")
    kept = Kept(Keep(), "contacts")
    assert [kept.retrieve(id).path for id in "123"] == ["/contacts/1", "/contacts/2", "/contacts/3"]
    assert kept.read == ("1", "2", "3")


async def test_an_await_that_was_forgotten_is_told_of_by_the_operations_name():
    async with AsyncWootiv(api_key="key", base_url="http://x.test", transport=echo()) as client:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            client.contacts.retrieve("1")
            client.aws.buckets.upload(file=b"")
            client.get("/x")
            gc.collect()
    assert [str(one.message) for one in told] == [
        "coroutine 'contacts.retrieve' was never awaited",
        "coroutine 'aws.buckets.upload' was never awaited",
        "coroutine 'get' was never awaited",
    ]


def test_operations_of_the_async_client_are_coroutine_functions_where_python_has_a_mark():
    client, blocking = TREES[:2]
    marked = sys.version_info >= (3, 12)
    assert inspect.iscoroutinefunction(client.contacts.retrieve) is marked
    assert inspect.iscoroutinefunction(client.get) is marked
    for function in client.contacts.list, blocking.contacts.retrieve, blocking.get, calls.contacts.retrieve, calls.get:
        assert not inspect.iscoroutinefunction(function)
