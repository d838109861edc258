"""Every operation, with all its parameters and with the least, against a mock made from the API description.

Prism answers a request that the description does not allow with 422, and what it sends is made from the description.
"""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from operator import attrgetter
from typing import Annotated, Any, Literal, get_args, get_origin, is_typeddict

import msgspec
import pytest

from wootiv import APIError, APIStatusError, NotFoundError, UnprocessableEntityError
from wootiv.api.shapes import Audit
from wootiv.api.tree import Api
from wootiv.message import FileInput
from wootiv.operation import operations_of
from wootiv.wire.encode import Field, fields_of
from wootiv.wire.shape import Shape
from wootiv.wire.words import options_of

DECLARED = {name: operation.declaration for name, operation in operations_of(Api)}

_NULL = "the engine sends null, and takes back what it sends"
_NO_SHAPE = "the description has no shape for the answer, so that Prism sends null"

# (operation, which parameters): (what is said of it, as a pattern; why it goes otherwise all the same).
EXCEPTIONS: dict[tuple[str, str], tuple[str, str]] = {
    ("aws.buckets.bulk_upload", "all"): (
        "Request body property bulk must be array",
        "Prism wants the parts of a list to be called `bulk[]`; the engine's multer refuses all but `bulk`, repeated",
    ),
    ("inbound.mail.create", "least"): (
        r"(Request body must have required property '\w+'(; )?)+",
        "Postmark leaves out what a mail has not",
    ),
    ("mailbox.update", "all"): (
        "Request body must NOT have additional properties; found 'status'",
        "the published client forgot the body, so the description has that of `mailbox.create`; rows have a status too",
    ),
    ("contacts.create", "null"): ("Request body property phoneNumber must be string", _NULL),
    ("contacts.update", "null"): ("Request body property phoneNumber must be string", _NULL),
    ("mailbox.create", "null"): ("Request body property workspaceId must be string", _NULL),
    ("mailbox.update", "null"): ("Request body property workspaceId must be string", _NULL),
    ("wspaces.update", "null"): ("Request body property subscriptionId must be string", _NULL),
    **{
        (f"space.members.{name}", which): (r"expected \S*Member\]?, got null .*", _NO_SHAPE)
        for name in ("list", "retrieve")
        for which in ("all", "least")
    },
}


def _may_be_null(hint: Any) -> bool:
    return type(None) in options_of(hint)


def _example(hint: Any, *, least: bool = False, null: bool = False) -> Any:  # noqa: PLR0911 - one line for each kind of type
    """Something of a type that an argument, or a field of an answer, may have."""
    if hint is FileInput:
        return ("a.txt", b"content")
    if null and _may_be_null(hint):
        return None
    hint = options_of(hint)[0]
    if get_origin(hint) is Annotated:
        return _example(get_args(hint)[0], least=least)
    if get_origin(hint) is Literal:
        return get_args(hint)[0]
    if is_typeddict(hint):
        fields = [field for field in fields_of(hint).values() if field.required or not least]
        return {field.name: _example(field.hint, least=least) for field in fields}
    if isinstance(hint, type) and issubclass(hint, Shape):
        return hint(**{field.name: _example(field.type) for field in msgspec.structs.fields(hint) if _is_own(field)})
    origin = get_origin(hint) or hint
    if origin in (Sequence, list):
        return [] if least else [_example(item) for item in get_args(hint) * 2]
    if origin in (Mapping, dict):
        return {} if least else {"a_key": "text"}
    plain = {Any: "text", object: "text", str: "text", int: 1, bool: True, datetime: datetime(2024, 1, 2, tzinfo=UTC)}
    return plain[origin]


def _is_own(field: msgspec.structs.FieldInfo) -> bool:
    """Whether a field is no relation, which would lead round in a circle."""
    kinds = [kind for kind in options_of(field.type) if isinstance(kind, type) and issubclass(kind, Shape)]
    return not kinds or kinds == [Audit]


def _own_fields(name: str) -> list[Field]:
    declared = DECLARED[name]
    own = declared.path.keys() | declared.query | declared.body | declared.files
    return [field for key, field in declared.fields.items() if key in own]


def _arguments(name: str, which: str) -> dict[str, Any]:
    """All arguments of an operation, or the least that it wants, or these and a null wherever one may be."""
    least, null = which != "all", which == "null"
    given = [f for f in _own_fields(name) if f.required or not least or (null and _may_be_null(f.hint))]
    examples = {field.name: _example(field.hint, least=least, null=null) for field in given}
    return examples | ({"s": '{"a_key": "text"}'} if "s" in examples else {})  # one JSON object as text


def _said(error: APIError) -> str:
    """What Prism has against the request, or the client against the answer."""
    if not isinstance(error, APIStatusError):
        return error.message
    assert error.status_code == 422
    return "; ".join(one["message"] for one in json.loads(error.response.headers["sl-violations"]))


CASES = [
    *((name, which) for name in DECLARED for which in ("all", "least")),
    *((name, "null") for name in DECLARED if any(_may_be_null(field.hint) for field in _own_fields(name))),
]


@pytest.mark.filterwarnings("ignore:.*the server ignores filter and or_ beside s")  # all parameters means these too
@pytest.mark.parametrize(("name", "which"), CASES)
def test_an_operation_is_taken_and_its_answer_read_but_for_listed_exceptions(face, prism, name, which):
    arguments = _arguments(name, which)
    try:
        face(lambda client: attrgetter(name)(client)(**arguments), base_url=prism, max_retries=0, strict=True)
    except APIError as error:
        said = _said(error)
    else:
        said = ""  # which is no exception, listed or not
    pattern, _ = EXCEPTIONS.get((name, which), ("", ""))
    assert re.fullmatch(pattern, said)


def test_what_is_listed_is_tested():
    assert len(DECLARED) == 81
    assert EXCEPTIONS.keys() <= set(CASES)


def test_prism_refuses_what_it_does_not_know(face, prism):
    """Else the tests above would hold for anything."""
    with pytest.raises(UnprocessableEntityError) as refused:
        face(
            lambda client: client.roles.create(name="a", description="b", extra_body={"nmae": 1}),
            base_url=prism,
            max_retries=0,
        )
    assert _said(refused.value) == "Request body must NOT have additional properties; found 'nmae'"
    with pytest.raises(NotFoundError):
        face(lambda client: client.get("/role/a/b"), base_url=prism)
