"""The sandbox as its users meet it: doors, errors, crud, uploads."""

import socket
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from datetime import datetime
from typing import Annotated, Any, Literal, get_args, get_origin, is_typeddict

import httpx
import pytest

from wootiv import AuthenticationError, BadRequestError, InternalServerError, NotFoundError, Sandbox, calls
from wootiv.api.tree import Api
from wootiv.message import Headers
from wootiv.operation import operations_of
from wootiv.sandbox.exchange import Request
from wootiv.sandbox.rows import PASSWORD
from wootiv.wire.encode import fields_of
from wootiv.wire.shape import Shape
from wootiv.wire.words import options_of

KEY = {"Authorization": "Bearer any-key"}


@pytest.fixture
def http(sandbox):
    with httpx.Client(transport=sandbox.transport(), base_url="http://sandbox.test", headers=KEY) as client:
        yield client


def test_the_same_seed_gives_the_same_rows_and_another_seed_others():
    first, again, other = (Sandbox(rows=20, seed=seed).client().contacts.list(limit=0).data for seed in (1, 1, 2))
    assert first == again
    assert {one.id for one in first}.isdisjoint(one.id for one in other)


PATHS = {
    "wspaces": "/wspace", "roles": "/role", "role_assignments": "/role-assignment/{assignment}",
    "invitations": "/invitation", "users": "/user", "subscriptions": "/subscription",
    "contacts": "/contacts", "contact_group": "/contact_group", "mailbox": "/mailbox",
}  # fmt: skip
"""Where the rows of an area of the client are."""


@pytest.mark.parametrize("area", PATHS)
def test_every_seed_row_decodes_typed_with_no_oddity(face, area):
    sandbox, owner = Sandbox(rows=600), getattr(calls, area)
    rows = list(sandbox.tables[PATHS[area]])
    if hasattr(owner, "list"):
        wanted = [owner.list(limit=0, extra_query={"include_deleted": 1})]
    else:
        given = {"assignment": "user"} if area == "role_assignments" else {}
        wanted = [owner.retrieve(row["id"], **given) for row in rows]
    answers = face.session(
        lambda client, get: [get(client.send(call)) for call in wanted], transport=sandbox.transport()
    )
    assert [answer.oddities for answer in answers] == [()] * len(wanted)
    assert len(answers) == len(rows) or len(answers[0].parse().data) == min(len(rows), 500)


def example_argument(hint):
    """Something of a type that an argument may have."""
    hint = options_of(hint)[0]
    if is_typeddict(hint):
        return {name: example_argument(field.hint) for name, field in fields_of(hint).items()}
    if get_origin(hint) is Annotated:
        return example_argument(get_args(hint)[0])
    if get_origin(hint) is Literal:
        return get_args(hint)[0]
    if isinstance(hint, type) and issubclass(hint, Shape):
        return {}
    plain = {Mapping: {}, Sequence: [], datetime: "2024-01-02", bool: True, int: 1}
    return plain.get(get_origin(hint) or hint, "text")


def first(sandbox, path):
    return next(iter(sandbox.tables[path]))


def given_for(sandbox):
    """By operation or by placeholder: what names a thing that is there, where any text would not do."""
    user, mailbox, invitation = (first(sandbox, path) for path in ("/user", "/mailbox", "/invitation"))
    space, role = first(sandbox, "/wspace"), first(sandbox, "/role")
    client = sandbox.client()
    client.auth.recovery.password.create(email=user["email"])
    client.invitation_reattempt.create(invitation["code"])
    passcode, invited = (mail.says["passcode"] for mail in sandbox.outbox)
    key = client.space.tokens.create(space["id"], name="a key")
    assignment = {"assignee": {"id": user["id"]}, "role": {"id": role["id"]}}
    return {
        "auth.login": {"username": "ada", "password": PASSWORD},
        "auth.token.refresh": {"refresh_token": client.auth.login(username="ada", password=PASSWORD).refresh_token},
        "auth.recovery.passcode.retrieve": {"passcode": passcode},
        "auth.recovery.password.update": {"passcode": passcode},
        "inbound.mail.create": {"to": mailbox["inbox"]},
        "invitation_acceptance.retrieve": {"code": invitation["code"], "passcode": invited},
        "invitation_acceptance.update": {"code": invitation["code"], "passcode": invited},
        "invitation_reattempt.create": {"code": invitation["code"]},
        "mailbox.create": {"unique_address": "of-its-own"},
        "role_assignments.create": assignment,
        "role_assignments.bulk.create": {"bulk": [assignment]},
        "roles.bulk_create": {"bulk": [{"name": "a", "description": "b"}]},
        "space.members": {"space_id": space["id"], "member_uid": space["ownerId"]},
        "space.tokens": {"space_sid": space["id"], "token_id": key.id},
        "subscriptions.change.update": {"path_id": first(sandbox, "/subscription")["id"]},
    }  # fmt: skip


def test_every_operation_has_an_answer_that_decodes_with_no_oddity(sandbox):
    special = given_for(sandbox)
    operations = list(operations_of(Api))
    assert len(operations) == 81
    # What makes comes first, what uses up later, so that each finds what it names.
    for name, operation in sorted(operations, key=lambda one: ("POST", "GET", "PATCH", "DELETE").index(one[1].method)):
        owner = calls
        for step in name.split("."):
            owner = getattr(owner, step)
        declaration = operation.declaration
        area = PATHS.get(name.partition(".")[0])
        given = dict.fromkeys(declaration.path, first(sandbox, area)["id"] if area else "text")
        given |= {key: "user" for key in declaration.path if key == "assignment"}
        given |= {key: b"x" for key in declaration.files if key == "file"}
        given |= {key: [b"x"] for key in declaration.files if key == "bulk"}
        wanted = {key for key in declaration.query if declaration.fields[key].required} | declaration.body
        given |= {key: example_argument(declaration.fields[key].hint) for key in wanted}
        for key, values in special.items():
            if name == key or name.startswith(f"{key}."):
                given |= {argument: value for argument, value in values.items() if argument in declaration.fields}
        response = sandbox.client().send(owner(**given))
        assert (name, response.status_code) == (name, 201 if operation.method == "POST" else 200)
        assert response.parse() is not None or declaration.answer in (None, Any), name
        assert response.oddities == (), name


def test_a_post_answers_201_and_a_delete_200_with_no_body(http):
    made = http.post("/contact_group", json={"groupName": "a", "workspaceId": "w", "unknown": 1})
    assert (made.status_code, sorted(made.json())) == (201, ["audit", "groupName", "id", "workspaceId"])
    gone = http.delete(f"/contact_group/{made.json()['id']}")
    assert (gone.status_code, gone.content, gone.headers.get("content-type")) == (200, b"", None)
    assert http.delete(f"/contact_group/{made.json()['id']}").status_code == 404


def test_an_empty_change_does_not_bump_the_version(http, sandbox):
    row = next(iter(sandbox.tables["/contacts"]))
    same = http.patch(f"/contacts/{row['id']}", json={}).json()
    changed = http.patch(f"/contacts/{row['id']}", json={"firstName": "Zoe", "id": "other"}).json()
    assert same["audit"]["version"] == row["audit"]["version"]
    assert (changed["id"], changed["audit"]["version"]) == (row["id"], row["audit"]["version"] + 1)


@pytest.mark.parametrize(
    ("errors", "keys"),
    [("nest", ["error", "message", "statusCode"]), ("rockets", ["errorCode", "message", "statusCode", "timestamp"])],
)
def test_errors_have_either_form_of_the_services(face, errors, keys):
    with pytest.raises(NotFoundError, match="Contact not found") as caught:
        face.with_sandbox(lambda client: client.contacts.retrieve("nobody"), Sandbox(rows=1, errors=errors))
    assert sorted(caught.value.body) == keys


def test_a_missing_or_wrong_key_is_401_with_no_message(face):
    sandbox = Sandbox(rows=1, api_key="the-one")
    with pytest.raises(AuthenticationError) as caught:
        face.with_sandbox(lambda client: client.contacts.list(), sandbox, api_key="another")
    assert caught.value.body == {"statusCode": 401}
    assert httpx.Client(transport=sandbox.transport()).get("http://sandbox.test/contacts").status_code == 401
    assert face.with_sandbox(lambda client: client.contacts.list(), sandbox, api_key="the-one")


def test_a_malformed_condition_is_400_and_an_unknown_column_500(face, sandbox):
    with pytest.raises(BadRequestError, match="Invalid filter value"):
        face.with_sandbox(lambda client: client.contacts.list(filter="email"), sandbox)
    with pytest.raises(InternalServerError, match="Internal server error"):
        face.with_sandbox(lambda client: client.contacts.list(filter="nope||$eq||1", max_retries=0), sandbox)


def test_a_body_that_does_not_fit_names_each_field(http):
    answer = http.post("/contacts", json={"email": 3})
    assert answer.status_code == 400
    assert "email must be a string" in answer.json()["message"]
    assert "metadata must be an object" in answer.json()["message"]
    assert http.post("/contacts", content=b"{", headers={"content-type": "application/json"}).status_code == 400


def test_an_unknown_route_is_told_and_a_slash_stays_in_its_segment(http):
    assert http.get("/nope").json()["message"] == "Cannot GET /nope"
    assert http.get("/contacts/a%2Fb").json()["message"] == "Contact not found"


def test_bad_percent_text_in_a_path_is_400(sandbox):
    request = Request("GET", "/contacts/%zz", "", Headers([("Authorization", "Bearer any-key")]), b"")
    answer = sandbox.app.handle(request)
    assert answer.status == 400
    assert b"Failed to decode param '%zz'" in answer.body


def test_relations_come_if_join_asks_for_them(face, sandbox):
    contact = face.with_sandbox(
        lambda client: client.contacts.list(join=["contactGroup||groupName", "workspace", "nothing"], limit=0), sandbox
    )[0]
    assert contact.contact_group.id == contact.contact_group_id
    assert contact.contact_group.group_name is not None
    assert contact.contact_group.audit is None
    assert contact.workspace.id == contact.workspace_id
    group = face.with_sandbox(
        lambda client: client.contact_group.retrieve(contact.contact_group_id, join="contacts"), sandbox
    )
    assert contact.id in [one.id for one in group.contacts]


def test_multer_takes_the_part_by_its_exact_name_only(http):
    assert http.post("/aws/buckets/upload", files={"file": b"x"}).status_code == 201
    assert http.post("/aws/buckets/bulk_upload", files={"bulk[]": b"x"}).json()["message"] == "Unexpected field"
    unbounded = http.post("/aws/buckets/upload", content=b"x", headers={"Content-Type": "multipart/form-data"})
    assert unbounded.json()["message"] == "Multipart: Boundary not found"
    assert http.post("/aws/buckets/upload", content=b"x").json()["message"] == "File is required"


@pytest.mark.parametrize("content", [b"", b"\r\n", b"--", bytes(range(256)) * 3, b"\r\n--x\r\n\r\n"])
def test_an_upload_keeps_every_byte(face, sandbox, content):
    stored = face.with_sandbox(
        lambda client: client.aws.buckets.upload(file=("a.bin", content), path="folder"), sandbox
    )
    assert sandbox.storage.files[stored.path_with_filename].content == content


def test_latency_counts_against_the_limit_of_reading(face):
    from wootiv import APITimeoutError

    with pytest.raises(APITimeoutError, match=r"nothing for 0\.01 s"):
        face.with_sandbox(lambda client: client.root.retrieve(timeout=0.01, max_retries=0), Sandbox(rows=1, latency=9))


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"rows": -1}, ValueError, "rows must be 0 or more, got -1"),
        ({"rows": "5"}, TypeError, "rows must be a whole number"),
        ({"rows": 1.5}, TypeError, "rows must be a whole number"),
        ({"latency": "1"}, TypeError, "latency must be a number"),
        ({"latency": -1}, ValueError, "latency must be 0 or more"),
        ({"errors": "x"}, ValueError, "errors must be one of 'nest', 'rockets'"),
        ({"api_key": ""}, ValueError, "api_key must not be empty"),
    ],
)
def test_what_no_sandbox_can_be_made_of_is_refused(options, error, text):
    with pytest.raises(error, match=text):
        Sandbox(**options)


def test_a_request_that_is_cut_off_half_way_is_not_carried_out(sandbox):
    head = b"POST /contact_group HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer k\r\nContent-Length: 90\r\n\r\n"
    before = len(sandbox.tables["/contact_group"])
    with sandbox.serving() as url:
        host, _, port = url.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(head + b'{"groupName": "a", "workspaceId": "w"}')
            connection.shutdown(socket.SHUT_WR)
            assert connection.recv(100) == b""
        with sandbox.client(base_url=url, transport=None) as client:
            client.root.retrieve()  # the server has gone on
    assert len(sandbox.tables["/contact_group"]) == before


@pytest.mark.parametrize("throttle", [5, "fast", object])
def test_a_throttle_that_is_none_is_refused(throttle):
    with pytest.raises(TypeError, match="throttle must be a TokenBucket or a FixedWindow, got"):
        Sandbox(throttle=throttle)


@pytest.fixture(params=["in process", "served"])
def doors(request, sandbox):
    """An httpx client of the sandbox, through each of its doors."""
    with sandbox.serving() if request.param == "served" else nullcontext("http://sandbox.test") as base:
        transport = None if request.param == "served" else sandbox.transport()
        with httpx.Client(transport=transport, base_url=base, headers=KEY, trust_env=False) as client:
            yield client


def test_a_head_is_a_get_without_its_body(doors, sandbox):
    for path, status in (("/contacts", 200), ("/contacts/nobody", 404), ("/nowhere", 404)):
        whole, head = doors.get(path), doors.head(path)
        assert (head.status_code, head.content, whole.status_code) == (status, b"", status)
        assert head.headers["content-type"] == whole.headers["content-type"]
    assert sandbox.requests[1].operation == "contacts.list"
    assert doors.head("/contacts").headers["content-length"] == f"{len(doors.get('/contacts').content)}"
    assert doors.head("/contacts/").status_code == 200  # the connection is still good


def test_what_is_nowhere_is_told_with_its_query(doors):
    assert doors.get("/nowhere?a=b%20c").json()["message"] == "Cannot GET /nowhere?a=b%20c"


@pytest.mark.parametrize("where", ["query", "header"])
@pytest.mark.parametrize("path", ["/contacts", "/nowhere"])
def test_a_head_of_16_kib_is_too_large_for_nodejs(doors, sandbox, where, path):
    def send(size):
        request = doors.build_request("GET", path, headers={"X": ""} if where == "header" else {"X": "", "Y": ""})
        used = len(path) + sum(len(name) + len(value) for name, value in request.headers.raw)
        if where == "header":
            request.headers["X"] = "a" * (size - used)
        else:
            request.url = request.url.copy_with(query=b"a" * (size - used - 1))
        return doors.send(request)

    assert send(16_383).status_code == (200 if path == "/contacts" else 404)
    for size in (16_384, 60_000, 60_000 if where == "query" else 90_000):  # httpx has no longer ones
        answer = send(size)
        assert (answer.status_code, answer.content, answer.headers["connection"]) == (431, b"", "close")
    assert [one.status for one in sandbox.requests][1:] == [431] * 3
