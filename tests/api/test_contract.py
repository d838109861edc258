"""Every declared operation against the published description of the API, and where we know better."""

import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, is_typeddict

import msgspec
import pytest
from msgspec import Struct

from wootiv import calls, types
from wootiv.api.tree import Api
from wootiv.call import Options
from wootiv.message import FileInput
from wootiv.operation import operations_of
from wootiv.wire.encode import fields_of
from wootiv.wire.words import options_of

PUBLISHED = json.loads((Path(__file__).parents[1] / "data" / "openapi.json").read_text(encoding="utf-8"))
SCHEMAS = PUBLISHED["components"]["schemas"]
THEIRS = {
    operation["x-python"]: (method.upper(), path, operation)
    for path, methods in PUBLISHED["paths"].items()
    for method, operation in methods.items()
}
OURS = dict(operations_of(Api))

# What we call their schemas.
NAMES = {
    "ActionCreateResponse": "RegistryEntry",
    "AuditDto": "Audit",
    "AuthLoginResponse": "Tokens",
    "AuthSignupResponse": "Account",
    "AuthVerifyBillingResponse": "Account",
    "AwsS3GetManyBucketsSerialization": "Buckets",
    "AwsS3GetOneBucketObjectResponse": "SignedFile",
    "AwsS3GetSignedURLResponse": "SignedPost",
    "AwsS3Serialization": "StoredFile",
    "InvitationDto": "Invitation",
    "MailboxRegistryQueryDto": "RegistryEntry",
    "OneStreamRegistryAction": "StreamRegistryEntry",
    "ReadContactDto": "Contact",
    "ReadContactGroupDto": "ContactGroup",
    "ReadPipelineDto": "Mailbox",
    "ReferenceIDDto": "Reference",
    "ResourceCreateResponse": "RegistryEntry",
    "RoleAssignmentDto": "RoleAssignment",
    "RoleDto": "Role",
    "StreamCreateResponse": "StreamMessage",
    "StreamRegistryQueryDto": "StreamRegistryEntry",
    "StreamRetrieveResponse": "Stream",
    "SubscriptionDto": "Subscription",
    "TokenCreateResponse": "WorkspaceToken",
    "TokenListResponseItem": "WorkspaceToken",
    "TokenRefreshResponse": "Tokens",
    "UserDto": "User",
    "WorkspaceDto": "Workspace",
}

_WORDS_OF = {
    "integration": "whatsapp, postmark, twilio, core_api",
    "sender": "system, recipient, manager, agent",
    "status": "sent, received, drafted, flagged, quarantined, deleted, enqueue",
}
_NAME = "cta, forwarder, webhook, calendly, csv, pdf, website, docx"
_ADDRESS = "{Email, MailboxHash?, Name?}"

_DELETED = "the engine sends no body"
_NULL = "the engine sends null"
_JOINED = "`join` brings it"
_AUDITED = "it is an audit record: the engine sends one"
_NO_FORM = "a free form was all that could be said; the engine sends the record"
_ONE_SHAPE = "one shape for what lists and what registers"
_AN_AUDIT = "an audit record given back as it came, in whichever form"
_POSTMARK = "Postmark sends it so"
_NOT_ALWAYS = "optional: not every mail has it"
_OPEN = "the words that go out are the words that come back"
_NO_BODY = "the published client forgot the body"

# (operation or their schema, what): (theirs, ours, why).
DIFFERENCES: dict[tuple[str, str], tuple[str, str, str]] = {
    ("root.retrieve", "query"): ("", "params?", "the published client takes parameters of the caller's own"),
    ("contacts.delete", "answer"): ("anything", "nothing", _DELETED),
    ("contact_group.delete", "answer"): ("anything", "nothing", _DELETED),
    ("invitations.delete", "answer"): ("anything", "nothing", _DELETED),
    ("mailbox.delete", "answer"): ("anything", "nothing", _DELETED),
    ("role_assignments.delete", "answer"): ("anything", "nothing", _DELETED),
    ("roles.delete", "answer"): ("anything", "nothing", _DELETED),
    ("space.members.list", "answer"): ("anything", "list of Member", "the published client pages it"),
    ("space.members.retrieve", "answer"): ("anything", "Member", "one of what the list gives"),
    # Bodies
    ("contacts.create", "body phoneNumber"): ("str", "str or null", _NULL),
    ("contacts.update", "body phoneNumber"): ("str, optional", "str or null, optional", _NULL),
    ("mailbox.create", "body workspaceId"): ("str, optional", "str or null, optional", _NULL),
    ("mailbox.update", "body status"): ("-", "str, optional", _NO_BODY),
    ("mailbox.update", "body workspaceId"): ("str, optional", "str or null, optional", _NULL),
    ("wspaces.update", "body subscriptionId"): ("str, optional", "str or null, optional", _NULL),
    ("subscriptions.update", "body audit"): (
        "{date_created, date_deleted, date_updated, version}, optional",
        "object, optional",
        _AN_AUDIT,
    ),
    ("subscriptions.change.update", "body audit"): (
        "{date_created, date_deleted, date_updated, version}, optional",
        "object, optional",
        _AN_AUDIT,
    ),
    ("mailbox.registry.action.create", "body name"): ("str", _NAME, _OPEN),
    ("mailbox.registry.resource.create", "body name"): ("str", _NAME, _OPEN),
    ("mailbox.stream.registry.action.create", "body name"): ("str", _NAME, _OPEN),
    ("mailbox.stream.registry.resource.create", "body name"): ("str", _NAME, _OPEN),
    ("inbound.mail.create", "body FromFull"): (
        "{Email, MailboxHash, Name}",
        f"{_ADDRESS} or object, optional",
        _NOT_ALWAYS,
    ),
    **{
        ("inbound.mail.create", f"body {name}"): (
            "list of {Email, MailboxHash, Name}",
            f"list of {_ADDRESS} or object, optional",
            _NOT_ALWAYS,
        )
        for name in ("BccFull", "ToFull")
    },
    ("inbound.mail.create", "body Attachments"): (
        "list of anything",
        "list of {Content, ContentID?, ContentLength?, ContentType?, Name} or anything, optional",
        _POSTMARK,
    ),
    ("inbound.mail.create", "body CcFull"): (
        "list of anything",
        f"list of {_ADDRESS} or anything, optional",
        _POSTMARK,
    ),
    ("inbound.mail.create", "body Headers"): (
        "list of anything",
        "list of {Name, Value} or anything, optional",
        _POSTMARK,
    ),
    **{
        ("inbound.mail.create", f"body {name}"): ("str", "str, optional", _NOT_ALWAYS)
        for name in (
            *("Bcc", "Cc", "Date", "FromName", "MailboxHash", "MessageID", "MessageStream"),
            *("OriginalRecipient", "ReplyTo", "StrippedTextReply", "TextBody"),
        )
    },
    # Answers
    ("ActionCreateResponse", "rawContent"): ("-", "str or null", _ONE_SHAPE),
    ("ActionCreateResponse", "rawParsed"): ("-", "str or null", _ONE_SHAPE),
    ("AwsS3GetSignedURLResponse", "fields"): (
        "{Policy, X-Amz-Algorithm, X-Amz-Credential, X-Amz-Date, X-Amz-Signature, bucket}",
        "object",
        "sent on as they came, with a key and whatever else",
    ),
    ("InvitationDto", "user"): ("Reference", "Reference or null", _NULL),
    ("MailboxRegistryQueryDto", "rawContent"): ("-", "str or null", _ONE_SHAPE),
    ("MailboxRegistryQueryDto", "rawParsed"): ("-", "str or null", _ONE_SHAPE),
    ("MailboxRegistryQueryDto", "value"): ("-", "object", _ONE_SHAPE),
    ("ReadContactDto", "contactGroup"): ("-", "ContactGroup or null", _JOINED),
    ("ReadContactDto", "phoneNumber"): ("str", "str or null", _NULL),
    ("ReadContactDto", "workspace"): ("-", "Workspace or null", _JOINED),
    ("ReadContactGroupDto", "contacts"): ("-", "list of Contact", _JOINED),
    ("ReadContactGroupDto", "workspace"): ("-", "Workspace or null", _JOINED),
    ("ReadPipelineDto", "workspace"): ("-", "Workspace or null", _JOINED),
    ("ReadPipelineDto", "workspaceId"): ("str", "str or null", _NULL),
    ("RoleDto", "description"): ("str", "str or null", _NULL),
    ("StreamCreateResponse", "Attachments"): (
        "list of list of anything",
        "list of anything",
        "attachments are objects wherever else they are",
    ),
    ("StreamCreateResponse", "mediumIntegrationName"): ("str", _WORDS_OF["integration"], _OPEN),
    ("StreamCreateResponse", "sender"): ("str", _WORDS_OF["sender"], _OPEN),
    ("StreamCreateResponse", "status"): ("str", _WORDS_OF["status"], _OPEN),
    ("StreamRegistryQueryDto", "value"): ("-", "object", _ONE_SHAPE),
    ("SubscriptionDto", "workspace"): ("object", "Workspace or null", _NO_FORM),
    ("UserDto", "avatarURL"): ("str", "str or null", _NULL),
    ("UserDto", "firstName"): ("str", "str or null", _NULL),
    ("UserDto", "lastName"): ("str", "str or null", _NULL),
    ("UserDto", "phoneNumber"): ("str", "str or null", _NULL),
    ("UserDto", "role"): ("str", "str or null", _NULL),
    ("WorkspaceDto", "audit"): ("object", "Audit", _AUDITED),
    ("WorkspaceDto", "subscription"): ("object", "Subscription or null", _NO_FORM),
    ("WorkspaceDto", "subscriptionId"): ("str", "str or null", _NULL),
}


# Types in words, the same for both sides


def _their_words(schema: Mapping[str, Any], *, answer: bool) -> str:  # noqa: PLR0911 - one line for each kind
    null = " or null" if schema.get("nullable") else ""
    match schema:
        case {"$ref": ref} if answer and (name := ref.split("/")[-1]) in NAMES:
            return NAMES[name]
        case {"$ref": ref}:
            return _their_words(SCHEMAS[ref.split("/")[-1]], answer=answer)
        case {"oneOf": [page, {"type": "array", "items": item}]}:
            assert _their_words(page, answer=answer) == f"list of {_their_words(item, answer=answer)}"
            return "crud " + _their_words(page, answer=answer)
        case {"properties": {"data": items, "total": _} as fields}:
            return ("offset " if "limit" in fields else "") + _their_words(items, answer=answer)
        case {"properties": fields}:
            return _mapping(fields, schema.get("required", ()))
        case {"enum": words}:
            return ", ".join(words) + null
        case {"type": "array", "items": item}:
            return f"list of {_their_words(item, answer=answer)}"
        case {"format": form}:
            return {"date-time": "date", "binary": "file"}[form] + null
        case {"type": kind}:
            return {"string": "str", "number": "int", "boolean": "bool", "object": "object"}[kind] + null
        case _:
            return "anything"


def _mapping(fields: Iterable[str], required: Iterable[str]) -> str:
    return f"{{{', '.join(sorted(name if name in required else f'{name}?' for name in fields))}}}"


def _our_words(hint: Any) -> str:  # noqa: PLR0911 - one line for each kind of type
    if hint is FileInput:
        return "file"
    origin, args, options = get_origin(hint), get_args(hint), options_of(hint)
    if origin is Annotated:
        return _our_words(args[0])
    if type(None) in options:
        return _our_words_of(option for option in options if option is not type(None)) + " or null"
    if len(options) > 1:
        return _our_words_of(options)
    if is_typeddict(hint):
        fields = fields_of(hint).values()
        return _mapping([f.wire for f in fields], [f.wire for f in fields if f.required])
    if isinstance(hint, type) and issubclass(hint, Struct):
        return hint.__name__
    if origin is Literal:
        return ", ".join(args)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return "object"
    if isinstance(origin, type) and issubclass(origin, Iterable):
        return f"list of {_our_words(args[0])}"
    plain = {Any: "anything", object: "anything", datetime: "date", str: "str", int: "int", bool: "bool"}
    return plain[hint]


def _our_words_of(options: Iterable[Any]) -> str:
    """Without what only makes writing easier: text beside known words or a date, a shape beside a mapping."""
    kinds = list(options)
    if any(get_origin(kind) is Literal or kind is datetime for kind in kinds):
        kinds = [kind for kind in kinds if kind is not str]
    if "object" in map(_our_words, kinds):
        kinds = [kind for kind in kinds if not (isinstance(kind, type) and issubclass(kind, Struct))]
    return " or ".join(map(_our_words, kinds))


def _with_need(words: str, *, required: bool) -> str:
    return words if required else f"{words}, optional"


# Operations as facts


def _their_facts(name: str) -> dict[str, str]:
    method, path, operation = THEIRS[name]
    query = [one for one in operation.get("parameters", ()) if one["in"] == "query"]
    facts = {
        "method": method,
        "path": path,
        "query": " ".join(sorted(one["name"] if one["required"] else f"{one['name']}?" for one in query)),
        "answer": _their_answer(operation),
    }
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        facts["form"] = kind
        for field, schema in content["schema"]["properties"].items():
            required = field in content["schema"].get("required", ())
            facts[f"body {field}"] = _with_need(_their_words(schema, answer=False), required=required)
    return facts


def _their_answer(operation: Mapping[str, Any]) -> str:
    schema = _answer_schema(operation)
    return "nothing" if schema is None else _their_words(schema, answer=True)


def _answer_schema(operation: Mapping[str, Any]) -> dict[str, Any] | None:
    (good,) = (reply for status, reply in operation["responses"].items() if status != "default")
    return good["content"]["application/json"]["schema"] if "content" in good else None


def _our_facts(name: str) -> dict[str, str]:
    declared = OURS[name].declaration
    fields = declared.fields
    answer = "nothing" if declared.answer is None else _our_words(declared.answer)
    page = {None: "", "crud": "crud list of ", "offset": "offset list of "}.get(declared.kind, "list of ")
    facts = {
        "method": declared.method,
        "path": declared.template,
        "query": " ".join(
            sorted(fields[n].wire if fields[n].required else f"{fields[n].wire}?" for n in declared.query)
        ),
        "answer": page + answer,
    }
    if declared.body or declared.files:
        facts["form"] = "multipart/form-data" if declared.files else "application/json"
    for field in declared.body | declared.files:
        one = fields[field]
        facts[f"body {one.wire}"] = _with_need(_our_words(one.hint), required=one.required)
    return facts


def _their_fields(schema: str) -> dict[str, str]:
    return {name: _their_words(field, answer=True) for name, field in SCHEMAS[schema]["properties"].items()}


def _our_fields(schema: str) -> dict[str, str]:
    shape = getattr(types, NAMES[schema])
    return {field.encode_name: _our_words(field.type) for field in msgspec.structs.fields(shape)}


def _compare(where: str, theirs: Mapping[str, str], ours: Mapping[str, str]) -> dict[tuple[str, str], tuple[str, str]]:
    return {
        (where, what): (theirs.get(what, "-"), ours.get(what, "-"))
        for what in theirs.keys() | ours.keys()
        if theirs.get(what, "-") != ours.get(what, "-")
    }


def _schemas_in(schema: Any) -> set[str]:
    """Every schema that an answer is made of, those of its pages and fields too."""
    found = set(re.findall(r"#/components/schemas/(\w+)", json.dumps(schema)))
    return found.union(*(_schemas_in(SCHEMAS[name]) for name in found))


def _found(name: str) -> dict[tuple[str, str], tuple[str, str]]:
    found = _compare(name, _their_facts(name), _our_facts(name))
    for schema in _schemas_in(_answer_schema(THEIRS[name][2])) & NAMES.keys():
        found |= _compare(schema, _their_fields(schema), _our_fields(schema))
    return found


# Tests


def test_every_operation_is_declared_and_no_other():
    assert OURS.keys() == THEIRS.keys()
    assert len(OURS) == 81


@pytest.mark.parametrize("name", THEIRS)
def test_an_operation_is_declared_as_published_but_for_listed_differences(name):
    listed = {key: difference[:2] for key, difference in DIFFERENCES.items()}
    assert _found(name).items() <= listed.items()


def test_every_listed_difference_is_still_there():
    found = set().union(*map(_found, THEIRS))
    assert DIFFERENCES.keys() - found == set()


@pytest.mark.parametrize("name", THEIRS)
def test_an_operation_is_reached_by_its_published_name_and_has_its_help(name):
    operation = calls
    for part in name.split("."):
        operation = getattr(operation, part)
    first, *rest = operation.__doc__.splitlines()
    assert re.fullmatch(r"[A-Z].*[^ ;:,]\.", first)
    assert not rest or not rest[0].strip()


@pytest.mark.parametrize("name", THEIRS)
def test_the_last_parameter_of_a_path_may_go_by_position_the_others_by_name(name):
    declared = OURS[name].declaration
    placeholders = re.findall(r"{(\w+)}", declared.template)
    by_position = [declared.path.get(one, one) for one in declared.positional]
    alone = ["path_id"] if name == "subscriptions.change.update" else []
    assert by_position == (placeholders[-1:] or alone)


def test_options_come_last():
    for operation in OURS.values():
        names = list(operation.declaration.fields)
        own = [name for name in names if name not in Options.__annotations__]
        assert names[: len(own)] == own
