"""The verbs reach what no operation declares, with the same checks, errors and decoding."""

import httpx
import msgspec
import pytest

from wootiv import APIResponseValidationError, NotFoundError, calls
from wootiv.types import Contact


class Mine(msgspec.Struct):
    """A type of the user's own."""

    id: str


def test_a_declared_route_answers_a_verb_as_it_answers_its_operation(face, sandbox, contact):
    wire = {
        "contactGroupId": "g",
        "email": "a@b",
        "firstName": "A",
        "lastName": "B",
        "metadata": {},
        "phoneNumber": "1",
    }

    def life(client, get):
        made = get(client.post("/contacts", cast_to=Contact, body={**wire, "workspaceId": "w"}))
        changed = get(client.patch(f"/contacts/{made.id}", cast_to=Mine, body={"firstName": "C"}))
        plain = get(client.get(f"/contacts/{made.id}", query={"fields": "firstName"}))
        get(client.delete(f"/contacts/{made.id}", cast_to=type(None)))
        with pytest.raises(NotFoundError, match="Contact not found"):
            get(client.get(f"/contacts/{made.id}"))
        return made, changed, plain

    made, changed, plain = face.session(life, transport=sandbox.transport())
    assert isinstance(made, Contact)
    assert isinstance(changed, Mine)
    assert plain == {"id": made.id, "firstName": "C"}


@pytest.mark.parametrize("method", ["get", "post", "patch", "put", "delete"])
def test_every_verb_sends_what_it_is_given(face, recorder, method):
    server = recorder(httpx.Response(200, json=[{"id": "1"}]))
    answer = face(
        lambda client: getattr(client, method)(
            "/a/b%2Fc?x=1&y=2",
            cast_to=list[Mine],
            body={"a": None},
            query={"y": [3, 4]},
            extra_query={"z": 5},
            extra_body={"b": 1},
            extra_headers={"X": "y"},
        ),
        transport=server.transport(),
    )
    assert answer == [Mine("1")]
    (request,) = server.requests
    assert request.method == method.upper()
    assert request.url.raw_path == b"/a/b%2Fc?x=1&y=3&y=4&z=5"
    assert msgspec.json.decode(request.content) == {"a": None, "b": 1}
    assert request.headers["x"] == "y"


def test_without_a_body_none_is_sent(face, recorder):
    server = recorder(httpx.Response(204))
    assert face(lambda client: client.post("/x", body=None), transport=server.transport()) is None
    assert server.requests[0].content == b""
    assert "content-type" not in server.requests[0].headers


def test_an_answer_that_is_not_what_was_asked_for_is_an_error(face, recorder):
    server = recorder(httpx.Response(200, json={"id": "1"}))
    with pytest.raises(APIResponseValidationError, match=r"expected list\[Mine\], got an object"):
        face(lambda client: client.get("/x", cast_to=list[Mine]), transport=server.transport())
    with pytest.raises(APIResponseValidationError, match=r"expected Mine, got an object"):
        face(
            lambda client: client.get("/x", cast_to=Mine), transport=recorder(httpx.Response(200, json={})).transport()
        )


def test_files_go_as_a_form(face, sandbox):
    def upload(client):
        return client.post("/aws/buckets/bulk_upload", body={"path": "p"}, files={"bulk": [("a", b"1"), ("b", b"2")]})

    assert [one["pathWithFilename"] for one in face.with_sandbox(upload, sandbox)] == ["p/a", "p/b"]


@pytest.mark.parametrize(
    ("ask", "kind", "message"),
    [
        (lambda c: c.get("x"), ValueError, r"^get: path must be a path below base_url that begins with one /"),
        (lambda c: c.get("//evil.test/x"), ValueError, r"path must be a path below base_url"),
        (lambda c: c.get("http://evil.test/x"), ValueError, r"path must be a path below base_url"),
        (lambda c: c.get("/x#y"), ValueError, r"path must be"),
        (lambda c: c.get("/x\r\nHost: y"), ValueError, r"path must be"),
        (lambda c: c.get("/x y"), ValueError, r"path must be"),
        (lambda c: c.get("/../../admin"), ValueError,
         r"^get: path must be a path below base_url, without '\.' or '\.\.' as a segment, got '/\.\./\.\./admin'"),
        (lambda c: c.get("/x/.."), ValueError, r"without '\.' or '\.\.' as a segment"),
        (lambda c: c.get("/x/./y?z=1"), ValueError, r"without '\.' or '\.\.' as a segment"),
        (lambda c: c.post("/%2e%2E/admin"), ValueError, r"^post: path must be .* without '\.' or '\.\.' as a segment"),
        (lambda c: c.get("/x/.%2e%2fadmin"), ValueError, r"without '\.' or '\.\.' as a segment"),
        (lambda c: c.get("/x\\..\\admin"), ValueError, r"without '\.' or '\.\.' as a segment"),
        (lambda c: c.get(5), TypeError, r"^get: path must be str, got 5"),
        (lambda c: c.put("/x", timout=3), TypeError, r"^put: unknown argument 'timout', did you mean 'timeout'\?$"),
        (lambda c: c.put("/x", cast=3), TypeError, r"unknown argument 'cast', did you mean 'cast_to'\?$"),
        (lambda c: c.post("/x", body=b"hunter2"), TypeError,
         r"body must be data that JSON can hold, got a value of type bytes$"),
        (lambda c: c.post("/x", body=object()), TypeError,
         r"body must be plain data that JSON can hold, got a value of"),
        (lambda c: c.post("/x", body=[1], extra_body={"a": 1}), TypeError, r"body must be a mapping"),
        (lambda c: c.post("/x", files=5), TypeError,
         r"files must be a mapping of field names to files, got a value of"),
        (lambda c: c.post("/x", files={"f": 5}), TypeError,
         r"files\['f'\] must be bytes, a path, .*got a value of type int"),
        (lambda c: c.get("/x", query=[1]), TypeError, r"query must be a mapping of names to values"),
        (lambda c: c.get("/x", timeout=-1), ValueError, r"^get: timeout must be"),
        (lambda c: c.get("/x", cast_to=5), TypeError, r"cast_to must be a type to read JSON as, got 5"),
    ],
)  # fmt: skip
def test_what_cannot_be_sent_is_refused_at_the_call(face, recorder, ask, kind, message):
    server = recorder(httpx.Response(200, json={}))
    with pytest.raises(kind, match=message):
        face(ask, transport=server.transport())
    with pytest.raises(kind, match=message):
        ask(calls)
    assert server.requests == []


def test_a_path_of_any_script_is_encoded_and_what_is_encoded_stays():
    assert calls.get("/ü/%2F/a+b").path == "/%C3%BC/%2F/a+b"


def test_dots_that_are_no_segment_of_their_own_stay():
    assert calls.get("/.well-known/a..b/...?up=../..").path == "/.well-known/a..b/..."
