"""Operations as editors, `help()` and completion show them, on both clients and on `wootiv.calls`."""

import inspect
import pydoc
import rlcompleter

import pytest

from wootiv import AsyncWootiv, Options, Wootiv, calls
from wootiv.operation import Resource
from wootiv.types import Contact

TREES = [AsyncWootiv(api_key="key", base_url="http://x.test"), Wootiv(api_key="key", base_url="http://x.test"), calls]


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
        assert "list(*, fields: " in shown
        assert "List contacts, in order of id" in shown
        assert "limit: " in shown
        assert "PATCH a path that no operation declares" in pydoc.plain(pydoc.render_doc(tree.patch))

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
        assert inspect.signature(function)
