"""Arguments: checked at the call, before anything is sent, and encoded as the server wants them."""

import enum
import inspect
import math
import uuid
import warnings
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from types import MappingProxyType
from typing import Annotated, Literal, TypedDict, Unpack
from urllib.parse import unquote

import httpx
import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from wootiv import Options, calls
from wootiv.operation import GET, POST, Keep, M, Resource
from wootiv.types import Contact, Shape
from wootiv.wire.shape import LEFT_OUT, NULLABLE, Mark, Wire


class Place(TypedDict, total=False):
    """A nested argument."""

    street_name: str
    house: int
    opened_at: datetime | None


class PlaceShape(Shape, frozen=True):
    """The answer's form of it, with more."""

    id: str = LEFT_OUT
    street_name: str = LEFT_OUT
    house: int = LEFT_OUT
    opened_at: datetime | None = NULLABLE


class NewEvent(TypedDict):
    """A body with everything."""

    body_id: Annotated[str, Wire("id")]
    starts_at: datetime
    place: Place
    ends_at: datetime | None
    guests: Sequence[str]
    places: Sequence[Place]
    rating: float | None
    kind: Literal["party", "talk"]
    password: Annotated[str, Mark.SECRET]


class CreateEvent(NewEvent, Options):
    """Arguments of `events.create`."""


class Events(Resource[M]):
    """Things that happen."""

    @POST("/org/{org}/events/{id}")
    def create(self, path_id: str, *, org: str, **new: Unpack[CreateEvent]) -> Contact:
        """Create an event."""

    @GET("/org/{org}/events/{slug}")
    def retrieve(self, slug: str, *, org: str, **options: Unpack[Options]) -> Contact:
        """Fetch an event."""


events = Events(Keep(), "events")
EVENT = {
    "body_id": "b",
    "starts_at": datetime(2024, 1, 2, tzinfo=UTC),
    "place": {"street_name": "Elm"},
    "ends_at": None,
    "guests": ["a", "b"],
    "places": [],
    "rating": 1,
    "kind": "talk",
    "password": "hunter2",
}


def body(**changes):
    return msgspec.json.decode(events.create("p", org="o", **{**EVENT, **changes}).body)


# Names


def test_unknown_missing_and_wrong_arguments_are_refused_before_anything_is_sent(face, recorder, contact):
    server = recorder(httpx.Response(200, json={}))
    wrong = [
        (lambda c: c.contacts.retrieve("1", fild=["x"]),
         r"^contacts\.retrieve: unknown argument 'fild', did you mean 'fields'\?"),
        (lambda c: c.contacts.update(contact_id="1"), r"unknown argument 'contact_id', did you mean 'id'\?"),
        (lambda c: c.contacts.update("1", group_id="1"), r"argument 'group_id', did you mean 'contact_group_id'\?"),
        (lambda c: c.contacts.update("1", frist_name="x"), r"argument 'frist_name', did you mean 'first_name'\?"),
        (lambda c: c.contacts.retrieve("1", zzz=1), r"^contacts\.retrieve: unknown argument 'zzz'$"),
        (lambda c: c.contacts.create(**contact, firstName="x"),
         r"unknown argument 'firstName', did you mean 'first_name'\?"),
        (lambda c: c.contacts.retrieve(), r"^contacts\.retrieve: missing argument 'id' \(str\)$"),
        (lambda c: c.contacts.create(email="x"),
         r"missing arguments 'contact_group_id' \(str\), .*'metadata' \(a mapping\)"),
        (lambda c: c.contacts.retrieve("1", "2"), r"takes 1 by position, got 2"),
        (lambda c: c.contacts.retrieve("1", id="2"), r"argument 'id' was given twice"),
        (lambda c: c.contacts.create(**{**contact, "email": 5}),
         r"^contacts\.create: email must be str, got 5 \(int\)$"),
        (lambda c: c.contacts.create(**{**contact, "email": None}), r"email must be str, got None \(NoneType\)"),
        (lambda c: c.contacts.create(**{**contact, "phone_number": 5}),
         r"phone_number must be str or None, got 5 \(int\)"),
        (lambda c: c.contacts.create(**{**contact, "metadata": "x"}), r"metadata must be a mapping, got 'x' \(str\)"),
        (lambda c: c.contacts.list(limit="5"), r"^contacts\.list: limit must be int of 0 or more, got '5' \(str\)$"),
        (lambda c: c.contacts.list(limit=True), r"limit must be int of 0 or more, got True \(bool\)"),
        (lambda c: c.contacts.list(fields=b"id"), r"fields must be a list of str, got b'id' \(bytes\)"),
        (lambda c: c.contacts.list(fields={"id": 1}), r"fields must be a list of str, got \{'id': 1\} \(dict\)"),
        (lambda c: c.contacts.list(sort=["a,ASC", 1]), r"sort\[1\] must be str, got 1 \(int\)"),
        (lambda c: c.contacts.list(s=5), r"s must be str or a mapping, got 5 \(int\)"),
        (lambda c: c.contacts.list(s={"a": object()}),
         r"s\.a must be plain data that JSON can hold, got a value of type object: "),
        (lambda c: c.contacts.retrieve(True), r"id must be str or int, got True \(bool\)"),
        (lambda c: c.contacts.retrieve(None), r"id must be str or int, got None"),
    ]  # fmt: skip

    def ask(client, _):
        for call, message in wrong:
            with pytest.raises(TypeError, match=message):
                call(client)

    face.session(ask, transport=server.transport())
    assert server.requests == []
    for call, message in wrong:
        with pytest.raises(TypeError, match=message):
            call(calls)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: calls.contacts.list(limit=-1), r"^contacts\.list: limit must be int of 0 or more, got -1 \(int\)$"),
        (
            lambda: calls.contacts.list(filter=["a"] * 21),
            r"filter must be a list of 20 items at most, got 21: the server",
        ),
        (lambda: calls.contacts.list(join=["a"] * 21), r"join must be a list of 20 items at most, got 21: .* whole$"),
        (
            lambda: calls.contacts.list(extra_query={"or": ["a"] * 21}),
            r"or_ must be a list of 20 items at most, got 21",
        ),
        (
            lambda: calls.contacts.update("1", metadata={"a": [math.nan]}),
            r"metadata\.a\[0\] must be a number that JSON can",
        ),
        (lambda: calls.contacts.update("1", email="\ud800"), r"email must be text that UTF-8 can hold"),
        (lambda: calls.contacts.list(filter=["\ud800"]), r"filter\[0\] must be text that UTF-8 can hold"),
        (lambda: calls.contacts.list(extra_query={"a": "\ud800"}), r"extra_query\['a'\] must be text that UTF-8"),
        (lambda: calls.contacts.retrieve("\ud800"), r"id must be text that UTF-8 can hold"),
    ],
)
def test_a_value_of_the_right_type_that_cannot_be_sent_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_nested_arguments_are_named_by_their_path():
    with pytest.raises(
        TypeError, match=r"^events\.create: unknown argument 'place\.stret_name', did you mean 'street_name'\?"
    ):
        body(place={"stret_name": "x"})
    with pytest.raises(TypeError, match=r"places\[1\]\.house must be int, got 'x' \(str\)"):
        body(places=[{}, {"house": "x"}])
    with pytest.raises(TypeError, match=r"place must be a mapping such as Place, got 5 \(int\)"):
        body(place=5)
    with pytest.raises(TypeError, match=r"kind must be 'party' or 'talk', got 'wedding' \(str\)"):
        body(kind="wedding")


def test_a_secret_shows_in_no_message_and_no_repr():
    with pytest.raises(TypeError, match=r"password must be str, got a value of type list") as caught:
        body(password=["hunter2"])
    assert "hunter2" not in str(caught.value)
    call = events.create("p", org="o", **EVENT, extra_headers={"X-Token": "hunter2"}, extra_query={"token": "hunter2"})
    assert "hunter2" not in f"{call!r} {call.options!r} {call.__rich_repr__()} {call.options.__rich_repr__()}"
    with pytest.raises(TypeError) as caught:
        calls.contacts.list(extra_headers={"X-Token": [b"hunter2"]})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(("secret", "kind"), [(b"hunter2", TypeError), ("hunter2\ud800", ValueError), ("", ValueError)])
def test_a_secret_in_a_path_shows_in_no_message_and_no_repr(secret, kind):
    with pytest.raises(kind, match=r"passcode must be text that a path can hold, not empty, got a value of type"):
        calls.auth.recovery.passcode.retrieve(secret)
    call = calls.invitation_acceptance.retrieve("hunter2", passcode="hunter2")
    assert (call.path, call.shown_path) == ("/invitation_acceptance/hunter2", "/invitation_acceptance/***")
    assert "hunter2" not in f"{call!r} {call.__rich_repr__()}"


# Values


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        (datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC), "2024-01-02T03:04:05Z"),
        (datetime(2024, 1, 2, tzinfo=timezone(timedelta(hours=-4))), "2024-01-02T00:00:00-04:00"),
        (date(2024, 1, 2), "2024-01-02"),
        ("2024-01-02T03:04:05Z", "2024-01-02T03:04:05Z"),
        ("2024-01-02", "2024-01-02"),
    ],
)
def test_dates_are_datetimes_or_iso_text(given, sent):
    assert body(starts_at=given)["startsAt"] == sent


@pytest.mark.parametrize("given", ["tomorrow", 5, None, ["2024-01-02"]])
def test_what_is_no_date_is_refused(given):
    with pytest.raises(TypeError, match=r"starts_at must be a datetime or ISO 8601 text, got "):
        body(starts_at=given)


def test_the_body_has_the_names_of_the_wire():
    assert body() == {
        "id": "b",
        "startsAt": "2024-01-02T00:00:00Z",
        "place": {"streetName": "Elm"},
        "endsAt": None,
        "guests": ["a", "b"],
        "places": [],
        "rating": 1.0,
        "kind": "talk",
        "password": "hunter2",
    }


def test_an_answer_is_taken_where_its_dictionary_is():
    place = PlaceShape(id="9", street_name="Elm", opened_at=None)
    assert body(place=place, places=[place])["places"] == [{"streetName": "Elm", "openedAt": None}]


class Word(enum.StrEnum):
    """A word."""

    TALK = "talk"


class Mixed(str, enum.Enum):  # noqa: UP042 - many programs still have such
    """A word, the old way."""

    TALK = "talk"


@pytest.mark.parametrize("word", list(Word) + list(Mixed))
def test_enums_of_text_are_text_everywhere(word):
    assert body(body_id=word, guests=(word,))["id"] == "talk"
    assert calls.contacts.retrieve(word).path == "/contacts/talk"
    assert calls.contacts.list(fields=[word], filter=[word], limit=1).query[:2] == (
        ("fields", "talk"),
        ("filter", "talk"),
    )
    assert calls.contacts.list(extra_query={"a": word}).query[0] == ("a", "talk")


class Text(str):  # noqa: SLOT000 - as numpy.str_ and markupsafe.Markup are
    """Text of a kind of its own."""

    def __str__(self):
        return "not what it holds"

    def strip(self, *_):
        return self

    def replace(self, *_):
        return self


class Number(float):
    """A number of a kind of its own."""


def test_text_of_a_subclass_is_text_everywhere(face, recorder, contact):
    text = Text("a")
    server = recorder(httpx.Response(200, json={}))
    extras = {"extra_headers": {Text("X-Text"): Text(" a")}, "extra_query": {"a": text, "in": {"a": [text]}}}
    metadata = {"a": text, "in": [{"a": MappingProxyType({"b": text})}], "half": Number(0.5)}
    face(
        lambda client: client.contacts.update(text, **{**contact, "email": text, "metadata": metadata}, **extras),
        transport=server.transport(),
    )
    (request,) = server.requests
    sent = msgspec.json.decode(request.content)
    assert (request.url.path, request.headers["x-text"]) == ("/contacts/a", "a")
    assert httpx.QueryParams(request.url.query).multi_items() == [("a", "a"), ("in", '{"a":["a"]}')]
    assert (sent["email"], sent["metadata"]) == ("a", {"a": "a", "in": [{"a": {"b": "a"}}], "half": 0.5})


def test_text_of_a_subclass_is_kept_as_plain_text():
    text = Text("talk")
    changes = {"kind": text, "guests": text, "starts_at": Text("2024-01-02"), "rating": Number(1), "password": text}
    sent = body(**changes)
    assert (sent["kind"], sent["guests"], sent["startsAt"]) == (
        "talk",
        ["talk"],
        "2024-01-02",
    )
    query = calls.contacts.list(fields=text, filter=[text], sort=text).query[:3]
    assert query == (("fields", "talk"), ("filter", "talk"), ("sort", "talk"))
    assert {type(part) for pair in query for part in pair} == {str}
    (part,) = calls.aws.buckets.upload(file=(Text('"'), b"", Text("text/x"))).body.parts
    assert (type(part.filename), part.content_type) == (str, "text/x")


def test_what_is_no_plain_data_is_named_by_its_path():
    circle = {}
    circle["in"] = circle
    wrong = [
        (
            {"a": {"b": [1, {"c": object()}]}},
            r"metadata\.a\.b\[1\]\.c must be plain data .*, got a value of type object",
        ),
        (
            {"a": MappingProxyType({"b": (2j,)})},
            r"metadata\.a\.b\[0\] must be plain data .*, got a value of type complex",
        ),
        ({"a": {(1, 2): 3}}, r"metadata\.a must be plain data .*, got a value of type dict: Only dicts with str-like"),
        (circle, r"metadata must be plain data .*, got a value of type dict: .*recursion"),
    ]
    for metadata, message in wrong:
        with pytest.raises(TypeError, match=rf"^contacts\.update: {message}"):
            calls.contacts.update("1", metadata=metadata)


def test_any_mapping_and_any_sequence_will_do():
    metadata = MappingProxyType({"at": datetime(2024, 1, 1, tzinfo=UTC), "ids": {1}, 5: uuid.UUID(int=0), "o": None})
    sent = msgspec.json.decode(calls.contacts.update("1", metadata=metadata).body)["metadata"]
    assert sent == {"at": "2024-01-01T00:00:00Z", "ids": [1], "5": str(uuid.UUID(int=0)), "o": None}
    assert body(guests=(name for name in "ab"))["guests"] == ["a", "b"]


def test_a_lone_text_is_one_word_and_not_its_letters(face, recorder):
    server = recorder(httpx.Response(200, json=[]))
    face(lambda c: c.contacts.list(fields="id,email", filter="a||$eq||b", sort="id,DESC"), transport=server.transport())
    query = httpx.QueryParams(server.requests[0].url.query)
    assert (query["fields"], query["filter"], query["sort"]) == ("id,email", "a||$eq||b", "id,DESC")


def test_lists_repeat_their_key_and_fields_are_joined(face, recorder):
    server = recorder(httpx.Response(200, json=[]))
    face(
        lambda c: c.contacts.list(fields=["id", "email"], filter=["a", "b"], or_=["c", "d"], sort=["e,ASC", "id,DESC"],
            join=["g", "h||i,j"], cache=0),
        transport=server.transport(),
    )  # fmt: skip
    assert httpx.QueryParams(server.requests[0].url.query).multi_items() == [
        ("fields", "id,email"), ("filter", "a"), ("filter", "b"), ("or", "c"), ("or", "d"), ("sort", "e,ASC"),
        ("sort", "id,DESC"), ("join", "g"), ("join", "h||i,j"), ("cache", "0"), ("limit", "100"), ("page", "1"),
    ]  # fmt: skip


def test_twenty_items_to_a_key_are_taken():
    assert len(calls.contacts.list(filter=["a"] * 20).query) == 23


def test_a_search_beside_a_filter_warns_at_the_callers_line(face, sandbox):
    def ask(client):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            line = inspect.currentframe().f_lineno + 1
            thing = client.contacts.list(s="{}", filter="a||$isnull")
        mine = [one for one in caught if "ignores filter and or_ beside s" in str(one.message)]
        assert [(one.filename, one.lineno) for one in mine] == [(__file__, line)]
        return thing

    assert len(face.with_sandbox(ask, sandbox)) == 250
    ask(calls)


# Path values


@given(st.text(st.characters(codec="utf-8"), min_size=1))
def test_a_path_value_is_one_segment_whatever_is_in_it(value):
    assume(value not in (".", ".."))
    path = calls.contacts.retrieve(value).path
    assert path.isascii()
    assert path.count("/") == 2
    assert not set("?# \\") & set(path)
    assert unquote(path.removeprefix("/contacts/")) == value


@pytest.mark.parametrize(
    "id", ["a/b", "a?b=c", "a#b", "100%", "%2F", "a b", "ü/日本", "...", "..a", "a\\b", "+", " ", "\x7f"]
)
def test_a_path_value_arrives_as_it_was_given(face, sandbox, id):
    row = next(iter(sandbox.tables["/contacts"]))
    sandbox.tables["/contacts"].insert({**row, "id": id})
    assert face.with_sandbox(lambda client: client.contacts.retrieve(id), sandbox).id == id


@pytest.mark.parametrize("id", ["", ".", ".."])
def test_a_path_value_that_names_another_route_is_refused(face, recorder, id):
    server = recorder(httpx.Response(200, json={}))
    with pytest.raises(ValueError, match=r"contacts\.retrieve: id must be neither empty nor '\.' nor '\.\.'"):
        face(lambda client: client.contacts.retrieve(id), transport=server.transport())
    assert server.requests == []


def test_the_last_path_parameter_goes_by_position_or_name_and_the_others_by_name():
    wanted = "/org/acme/events/e%2F1"
    assert events.retrieve("e/1", org="acme").path == wanted
    assert events.retrieve(slug="e/1", org="acme").path == wanted
    with pytest.raises(TypeError, match=r"events\.retrieve: takes 1 by position, got 2; the others go by name"):
        events.retrieve("e/1", "acme")
    with pytest.raises(TypeError, match=r"missing argument 'org' \(str\)"):
        events.retrieve("e/1")


def test_an_id_of_the_path_and_an_id_of_the_body_are_two():
    call = events.create("from-path", org="o", **EVENT)
    assert call.path == "/org/o/events/from-path"
    assert msgspec.json.decode(call.body)["id"] == "b"
    assert events.create(path_id="x", org="o", **EVENT).path == "/org/o/events/x"


def test_an_id_that_the_path_has_no_place_for_goes_into_the_body_by_its_name_on_the_wire():
    call = calls.subscriptions.change.update("s1", plan_name="enterprise")
    assert (call.method, call.path) == ("PATCH", "/subscription/change")
    assert msgspec.json.decode(call.body) == {"id": "s1", "planName": "enterprise"}
    assert calls.subscriptions.change.update(path_id="s1", plan_name="enterprise") == call
    with pytest.raises(TypeError, match=r"missing argument 'path_id' \(str\)"):
        calls.subscriptions.change.update(plan_name="enterprise")


def test_a_declaration_whose_parameters_are_not_those_of_its_path_is_refused():
    class Wrong(Resource[M]):
        @GET("/a/{b}")
        def retrieve(self, c: str, **options: Unpack[Options]) -> Contact:
            """Never."""

    with pytest.raises(TypeError, match=r"parameters \['c'\] are not those of /a/\{b\}"):
        Wrong(Keep(), "wrong").retrieve("x")


# Options


def test_extras_win_over_the_operations_own(face, recorder, contact):
    server = recorder(httpx.Response(200, json={}))
    face(
        lambda client: client.contacts.create(
            **contact,
            extra_headers={"accept": "text/x", "User-Agent": None, "X-New": " padded\t"},
            extra_query={"fields": ["a", "b"], "none": None, "deep": {"a": 1}, "yes": True},
            extra_body={"email": "other", "new": [1]},
            idempotency_key="mine",
        ),
        transport=server.transport(),
    )
    (request,) = server.requests
    sent = msgspec.json.decode(request.content)
    assert (sent["email"], sent["new"], sent["firstName"]) == ("other", [1], "Ada")
    assert (request.headers["accept"], request.headers["x-new"], request.headers["idempotency-key"]) == (
        "text/x",
        "padded",
        "mine",
    )
    assert "user-agent" not in request.headers
    assert httpx.QueryParams(request.url.query).multi_items() == [
        ("fields", "a"), ("fields", "b"), ("deep", '{"a":1}'), ("yes", "true"),
    ]  # fmt: skip


def test_root_takes_query_parameters(face, sandbox):
    assert face.with_sandbox(lambda client: client.root.retrieve(params={}), sandbox) is None
    assert calls.root.retrieve(params={"a": [1, 2], "b": None}).query == (("a", "1"), ("a", "2"))
    with pytest.raises(TypeError, match=r"^root\.retrieve: params must be a mapping, got 5"):
        calls.root.retrieve(params=5)


@pytest.mark.parametrize("timeout", [0, 1.5, None, math.inf, httpx.Timeout(1, read=None)], ids=str)
def test_a_timeout_is_seconds_none_or_httpxs_own(face, sandbox, timeout):
    assert face.with_sandbox(lambda client: client.root.retrieve(timeout=timeout or None), sandbox) is None
    read = calls.root.retrieve(timeout=timeout).options.timeout.read
    assert read == (None if timeout in (None, math.inf) or isinstance(timeout, httpx.Timeout) else timeout)


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"timeout": -1}, ValueError, r"timeout must be a number of seconds, 0 or more, got -1 \(int\)"),
        ({"timeout": math.nan}, ValueError, r"timeout must be a number of seconds, 0 or more, got nan"),
        ({"timeout": "5"}, TypeError, r"timeout must be a number of seconds or None, got '5' \(str\)"),
        ({"timeout": True}, TypeError, r"timeout must be a number of seconds or None, got True"),
        ({"timeout": (1, 2)}, TypeError, r"timeout must be"),
        ({"total_timeout": -0.1}, ValueError, r"total_timeout must be"),
        ({"total_timeout": httpx.Timeout(1)}, TypeError, r"total_timeout must be"),
        ({"max_retries": -1}, ValueError, r"max_retries must be 0 or more, got -1"),
        ({"max_retries": 1.5}, TypeError, r"max_retries must be an int, 0 or more, got 1\.5"),
        ({"max_retries": True}, TypeError, r"max_retries must be an int"),
        ({"max_retries": None}, TypeError, r"max_retries must be an int"),
        ({"idempotency_key": 5}, TypeError, r"idempotency_key must be str, got 5 \(int\)"),
        ({"idempotency_key": ""}, ValueError, r"idempotency_key must be visible ASCII"),
        ({"idempotency_key": "a\r\nb"}, ValueError, r"idempotency_key must be visible ASCII"),
        (
            {"extra_headers": {"a": "b\r\nc: d"}},
            ValueError,
            r"extra_headers\['a'\] must be latin-1 text without control",
        ),
        ({"extra_headers": {"a": "b\n"}}, ValueError, r"extra_headers\['a'\] must be"),
        ({"extra_headers": {"a": "日"}}, ValueError, r"extra_headers\['a'\] must be"),
        (
            {"extra_headers": {"a b": "c"}},
            ValueError,
            r"extra_headers must be a mapping with header names as keys, got 'a b'",
        ),
        ({"extra_headers": {"": "c"}}, ValueError, r"extra_headers must be a mapping with header"),
        ({"extra_headers": {"a": 5}}, TypeError, r"extra_headers\['a'\] must be str, got a value of type int"),
        ({"extra_headers": None}, TypeError, r"extra_headers must be a mapping of header names to values, got None"),
        ({"extra_headers": "a: b"}, TypeError, r"extra_headers must be a mapping"),
        (
            {"extra_query": ["a"]},
            TypeError,
            r"extra_query must be a mapping of names to values, got a value of type list",
        ),
        ({"extra_query": {1: "a"}}, TypeError, r"extra_query must be a mapping with str as keys, got 1 \(int\)"),
        ({"extra_query": {"a": b"b"}}, TypeError, r"extra_query\['a'\] must be text, a number, a date or JSON data"),
        ({"extra_query": {"a": object()}}, TypeError, r"extra_query\['a'\] must be"),
        ({"extra_body": [1]}, TypeError, r"extra_body must be a mapping"),
    ],
    ids=str,
)
def test_nonsense_options_are_refused_before_anything_is_sent(face, recorder, options, kind, message):
    server = recorder(httpx.Response(200, json={}))
    with pytest.raises(kind, match=rf"^contacts\.delete: {message}"):
        face(lambda client: client.contacts.delete("1", **options), transport=server.transport())
    assert server.requests == []
