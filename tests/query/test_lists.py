"""`where=` on every crud list, through both clients: beside other conditions, by key, with relations."""

import json
import warnings

import httpx
import pytest

from wootiv import Sandbox, calls
from wootiv.api.tree import Api
from wootiv.operation import operations_of
from wootiv.query import all_of, any_of, asc, desc, field, relation

CRUD = [name for name, operation in operations_of(Api) if operation.kind == "crud"]


def listed(client, name):
    owner, _, method = name.rpartition(".")
    for part in owner.split("."):
        client = getattr(client, part)
    return getattr(client, method)


def ids(rows):
    return [row.id for row in rows]


@pytest.mark.parametrize("name", CRUD)
def test_every_crud_list_takes_a_condition(face, sandbox, name):
    def ask(client, get):
        every = ids(get(listed(client, name)()))
        assert len(every) > 1
        assert ids(get(listed(client, name)(where=field("id") == every[1]))) == [every[1]]
        assert ids(get(listed(client, name)(where=field("id").in_(every[:2]) | field("id").is_null()))) == every[:2]

    face.session(ask, transport=sandbox.transport())


CONDITIONS = [
    field("phoneNumber").is_null(),
    field("email").ends("example.com") & (field("phoneNumber") != None),  # noqa: E711
    (field("firstName") == "Ada") | field("lastName").starts("M"),
    all_of(*(field("email") != f"nobody{n}" for n in range(20))),
    all_of(*(field("email") != f"nobody{n}" for n in range(30)), field("phoneNumber").is_null()),
    any_of(*(field("email").starts(letter) for letter in "abcdefghijklmnopqrstuvwxyz")),
    field("contactGroup.groupName").ends("s") & field("email").contains("a"),
]


@pytest.mark.parametrize("where", CONDITIONS, ids=lambda one: repr(one)[:40])
@pytest.mark.parametrize("given", [{}, {"sort": desc("id")}, {"sort": asc("email")}, {"page": 1}])
def test_a_condition_holds_on_every_page(face, sandbox, where, given):
    def ask(client, get):
        whole = {row.id for row in get(client.contacts.list(where=where, limit=500))}
        assert len(whole) > 20
        pages = ids(get(client.contacts.list(where=where, limit=9, **given)))
        assert (len(pages), set(pages)) == (len(whole), whole)
        if given != {"page": 1} and given.get("sort") != asc("email"):
            assert pages == sorted(whole, reverse=bool(given))
            rest = ids(get(client.contacts.list(where=where, after=pages[9], **given)))
            assert rest == pages[10:]

    face.session(ask, transport=sandbox.transport())


BESIDE = [
    {"filter": "phoneNumber||$notnull"},
    {"filter": ["phoneNumber||$notnull", "email||$cont||e"]},
    {"or_": ["lastName||$starts||M", "lastName||$starts||N"]},
    {"filter": "phoneNumber||$notnull", "or_": "lastName||$starts||M"},
    {"filter": ["phoneNumber||$notnull", "email||$cont||e"], "or_": ["lastName||$starts||M", "email||$cont||a"]},
    {"filter": [f"email||$ne||nobody{n}" for n in range(20)]},
    {"s": {"$or": [{"phoneNumber": None}, {"lastName": {"$starts": "M"}}]}},
    {"s": '{"phoneNumber": null}'},
    {"extra_query": {"filter": "phoneNumber||$notnull"}},
    {"extra_query": {"s": {"phoneNumber": None}}},
]


@pytest.mark.parametrize("beside", BESIDE, ids=str)
@pytest.mark.parametrize("where", [CONDITIONS[1], CONDITIONS[2], CONDITIONS[4]], ids=lambda one: repr(one)[:40])
def test_it_holds_beside_the_other_conditions_of_a_call(face, sandbox, where, beside):
    def ask(client, get):
        mine = {row.id for row in get(client.contacts.list(where=where, limit=500))}
        theirs = ids(get(client.contacts.list(**beside, limit=500)))
        assert ids(get(client.contacts.list(where=where, **beside, limit=7))) == [id for id in theirs if id in mine]

    face.session(ask, transport=sandbox.transport())


@pytest.mark.parametrize(
    "default",
    [
        {"filter": "phoneNumber||$notnull"},
        {"or": ["lastName||$starts||M", "lastName||$starts||N"]},
        {"s": {"lastName": {"$starts": "M"}}},
    ],
    ids=str,
)
@pytest.mark.parametrize("where", [CONDITIONS[0], CONDITIONS[2], field("email").ends("m")], ids=repr)
def test_it_holds_beside_what_the_client_sends_by_default(face, default, where):
    def ask(client, get):
        plain = client.with_options(set_default_query={})
        mine = {row.id for row in get(plain.contacts.list(where=where, limit=500))}
        expected = [row.id for row in get(client.contacts.list(limit=500)) if row.id in mine]
        assert ids(get(client.contacts.list(where=where, limit=20))) == expected
        one_page = get(client.send(calls.contacts.list(where=where, limit=500))).parse()
        assert ids(one_page.data) == expected
        if len(expected) > 1:
            after = ids(get(client.contacts.list(where=where, after=expected[0], limit=20)))
            assert after == expected[1:]

    face.session(ask, transport=Sandbox(rows=400).transport(), default_query=default)


def test_default_conditions_stay_unseen_where_others_join_them(face, recorder):
    server = recorder(httpx.Response(404))

    def ask(client, get):
        for where in (field("a") == "mine", field("a").in_("mine", None)):
            with pytest.raises(Exception, match="404") as caught:
                get(client.contacts.list(where=where))
            assert "hidden" not in repr(caught.value.response.request) + str(caught.value)

    face.session(ask, transport=server.transport(), default_query={"filter": ["b||$eq||hidden", "c||$eq||hidden"]})
    assert all(b"hidden" in request.url.query for request in server.requests)


@pytest.mark.parametrize(
    "beside",
    [
        {"filter": "born||$gt||2020-01-02", "or_": "age||$eq||1"},
        {"filter": "age||$foo||1", "or_": "age||$eq||1"},
        {"extra_query": {"filter[0]": "age||$eq||1"}},
        {"filter": [f"born||$ne||2020-01-{day:02}" for day in range(1, 21)]},
    ],
)
def test_conditions_that_no_other_can_join_are_refused(beside):
    with pytest.raises(ValueError, match=r"^contacts\.list: where must be beside a filter, or_ or s that one more"):
        calls.contacts.list(where=field("a").starts("b"), **beside)


def test_defaults_that_no_other_can_join_are_refused(face, sandbox):
    def ask(client, get):
        with pytest.raises(ValueError, match=r"^where: expected conditions .* one more, got default_query with filter"):
            get(client.contacts.list(where=field("a") == "b"))
        with pytest.raises(ValueError, match="where: expected conditions"):
            get(client.send(calls.contacts.list(where=field("a") == "b")))

    face.session(ask, transport=sandbox.transport(), default_query={"filter[0]": "a||$eq||b"})


# Text for `s`: one JSON object, or a condition beside it could be got around

ESCAPES = [
    '{"email":{"$notnull":true}}],"$or":[{"email":{"$notnull":true}}',
    '{"email":"a"},{"email":{"$notnull":true}}',
    '{"email":"a"}]}',
]
NO_OBJECTS = [*ESCAPES, "", " ", "{", "[]", "null", '"a"', "{'a': 1}", '{"a": NaN}', "\ufeff{}", '{"a":' * 9999]


@pytest.mark.parametrize("text", NO_OBJECTS, ids=lambda text: text[:30])
@pytest.mark.parametrize("beside", [{}, {"where": field("email") == "mine"}, {"after": "a"}], ids=str)
def test_text_for_a_search_must_be_one_json_object(text, beside):
    with pytest.raises(
        ValueError, match=r"^contacts\.list: s must be a mapping, or one JSON object as text, got ['\"]"
    ):
        calls.contacts.list(s=text, **beside)


@pytest.mark.parametrize("text", NO_OBJECTS, ids=lambda text: text[:30])
@pytest.mark.parametrize("beside", [{"where": field("email") == "mine"}, {"after": "a"}], ids=str)
def test_it_must_be_where_it_comes_by_another_way_and_is_joined(face, recorder, text, beside):
    server = recorder(httpx.Response(404))
    with pytest.raises(
        ValueError, match=r"^contacts\.list: s must be a mapping, or one JSON object as text, got ['\"]"
    ):
        calls.contacts.list(extra_query={"s": text}, **beside)

    def ask(client, get):
        expected = rf"^s: expected one JSON object beside {next(iter(beside))}, got other text in default_query$"
        with pytest.raises(ValueError, match=expected):
            get(client.contacts.list(**beside))

    face.session(ask, transport=server.transport(), default_query={"s": text})
    assert server.requests == []


def test_several_searches_are_not_joined():
    with pytest.raises(ValueError, match=r"s must be .* one JSON object as text, got 2 of them"):
        calls.contacts.list(extra_query={"s": ["{}", "{}"]}, where=field("email") == "mine")


TWICE = [
    '{"$or":[{"email":"a"}],"$or":[{"phoneNumber":null}]}',
    '{"$or":[{"phoneNumber":null},{"email":{"$notnull":true}}],"lastName":{"$notnull":true}}',
    '{"$and":[{"phoneNumber":null}],"email":"a"}',
    '{"phoneNumber":{"$or":{"$isnull":true,"$notnull":true}}}',
    '{"$or":[{"phoneNumber":{"$or":{"$isnull":true,"$notnull":true}}}],"email":{"$notnull":true}}',
    "{}",
]


@pytest.mark.parametrize("text", TWICE)
def test_text_means_the_same_beside_a_condition(face, sandbox, text):
    mine = field("firstName") == "Ada"

    def ask(client, get):
        theirs = get(client.contacts.list(s=text, limit=500))
        found = get(client.contacts.list(s=text, where=mine, limit=500))
        assert ids(found) == [row.id for row in theirs if row.first_name == "Ada"]
        assert ids(found)

    face.session(ask, transport=sandbox.transport())


@pytest.mark.parametrize(
    "given",
    [
        {"s": field("a") == 1},
        {"s": {"$and": [field("a") == 1]}},
        {"filter": field("a") == 1},
        {"filter": ["a||$isnull", field("a") == 1]},
        {"or_": field("a") == 1},
        {"extra_query": {"s": field("a") == 1}},
        {"extra_query": {"s": [{"$or": (field("a") == 1, {})}]}},
    ],
    ids=str,
)
def test_a_condition_goes_into_where_alone(given):
    expected = (
        r"^contacts\.list: .* must be plain data; a condition goes into where=, got field\(\"a\"\) == 1 \(Condition\)"
    )
    with pytest.raises(TypeError, match=expected):
        calls.contacts.list(**given)


def test_no_condition_goes_into_what_a_client_sends_by_default(sandbox):
    with pytest.raises(
        TypeError, match=r"default_query\['s'\]\['a'\] must be plain data; a condition goes into where="
    ):
        sandbox.client(default_query={"s": {"a": field("b")}})
    with pytest.raises(TypeError, match=r"^get: query\['s'\] must be plain data; a condition goes into where="):
        calls.get("/contacts", query={"s": field("a") == 1})


def test_a_search_is_nested_a_hundred_conditions_deep_at_most(face, sandbox):
    deep = {"email": "a"}
    for _ in range(99):
        deep = {"$or": [deep, {"firstName": "Ada"}]}

    def ask(client, get):
        assert {row.first_name for row in get(client.contacts.list(s=deep))} == {"Ada"}

    face.session(ask, transport=sandbox.transport())
    for _ in range(400):
        deep = {"$or": [deep, {"firstName": "Ada"}]}
    with pytest.raises(ValueError, match=r"^contacts\.list: s must be nested 200 levels deep at most, got deeper ones"):
        calls.contacts.list(s=deep)


def test_a_condition_beside_filters_needs_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        calls.contacts.list(where=field("a") == "b", filter="a||$isnull", or_="b||$isnull")


# Names


@pytest.mark.parametrize(
    ("given", "written", "meant"),
    [
        ({"where": field("first_name") == "Ada"}, "first_name", "firstName"),
        ({"where": (field("id") == "1") | field("contact_group.group_name").is_null()}, "contact_group.group_name",
         "contactGroup.groupName"),
        ({"sort": ["id,ASC", asc("last_name")]}, "last_name", "lastName"),
        ({"join": [relation("contactGroup", "group_name")]}, "contactGroup.group_name", "contactGroup.groupName"),
        ({"join": relation("contact_group")}, "contact_group", "contactGroup"),
        ({"join": relation("contactgroup")}, "contactgroup", "contactGroup"),
        ({"join": "contact_group||id"}, "contact_group", "contactGroup"),
        ({"join": ["workspace", "ContactGroup"]}, "ContactGroup", "contactGroup"),
        ({"join": ["contactGroup.Workspace"]}, "contactGroup.Workspace", "contactGroup.workspace"),
        ({"where": field("contactgroup.groupName") == "a"}, "contactgroup.groupName", "contactGroup.groupName"),
        ({"fields": ["email", "first_name"]}, "first_name", "firstName"),
        ({"fields": "email,firstname"}, "firstname", "firstName"),
        ({"fields": (name for name in ["Email"])}, "Email", "email"),
    ],
)  # fmt: skip
def test_names_in_python_or_in_another_case_are_answered_with_those_of_the_wire(given, written, meant):
    with pytest.raises(ValueError, match=r"^contacts\.list: ") as caught:
        calls.contacts.list(**given)
    (argument,) = given
    said = f"{argument} must be written with the names of the wire, got '{written}', did you mean '{meant}'?"
    assert str(caught.value) == f"contacts.list: {said}"


@pytest.mark.parametrize("name", ["dateCreated", "date_created", "audit.date_created", "metadata.first_name", "x.y.z"])
def test_names_that_no_shape_declares_are_sent_as_they_are(name):
    call = calls.contacts.list(where=field(name) == "a", sort=asc(name))
    assert ("s", json.dumps({name: "a"}, separators=(",", ":"))) in call.query
    assert "join" not in dict(call.query)


def test_fields_of_one_record_are_named_as_those_of_many():
    with pytest.raises(
        ValueError, match=r"^contacts\.retrieve: fields must be .*'first_name', did you mean 'firstName'\?"
    ):
        calls.contacts.retrieve("a", fields=["first_name"])
    given = ["id", "firstName", "audit.date_created", "nobodyDeclaredIt"]
    assert ("fields", ",".join(given)) in calls.contacts.retrieve("a", fields=given).query


def test_what_the_server_would_refuse_is_sent_as_it_is():
    query = calls.contacts.list(sort="first_name,ASC", join="nobody", filter="first_name||$eq||x").query
    assert {("sort", "first_name,ASC"), ("join", "nobody"), ("filter", "first_name||$eq||x")} <= {*query}


def test_what_is_no_condition_is_refused():
    with pytest.raises(TypeError, match=r"where must be a condition, such as field\('email'\) == 'a', got 'a' \(str\)"):
        calls.contacts.list(where="a")
    with pytest.raises(TypeError, match=r"where must be a condition, .*, got field\(\"a\"\) \(Field\)"):
        calls.contacts.list(where=field("a"))
    with pytest.raises(TypeError, match=r"got None \(NoneType\): leave where out to ask for all$"):
        calls.contacts.list(where=None)


# Relations


def joins(**given):
    return [value for name, value in calls.contacts.list(**given).query if name == "join"]


def test_a_relation_that_a_condition_or_an_order_reaches_into_is_joined():
    name = field("contactGroup.groupName") == "a"
    assert joins(where=name) == ["contactGroup"]
    assert joins(where=name | (field("id") == "1"), join="workspace") == ["workspace", "contactGroup"]
    assert joins(where=name, join="contactGroup||id") == ["contactGroup||id"]
    assert joins(sort=asc("contactGroup.groupName")) == ["contactGroup"]
    assert joins(sort=(order for order in [asc("contactGroup.groupName")])) == ["contactGroup"]
    assert joins(where=field("contactGroup.workspace.name") == "a") == ["contactGroup", "contactGroup.workspace"]
    assert joins(where=name, join=["contactGroup.workspace||id"]) == ["contactGroup", "contactGroup.workspace||id"]
    assert joins(where=field("contactGroupId") == "a", sort=desc("email")) == []
    assert joins(join=relation("contactGroup", "groupName")) == ["contactGroup||groupName"]


def test_what_is_asked_of_a_relation_is_found(face, sandbox):
    groups = {row["id"]: row["groupName"] for row in sandbox.tables["/contact_group"]}
    expected = {row["id"]: groups[row["contactGroupId"]] for row in sandbox.tables["/contacts"]}

    def ask(client, get):
        found = get(client.contacts.list(where=field("contactGroup.groupName").starts("C"), limit=11))
        assert ids(found) == sorted(id for id, name in expected.items() if name.startswith("C"))
        assert {row.contact_group.group_name[0] for row in found} == {"C"}
        by_group = get(client.contacts.list(sort=[desc("contactGroup.groupName"), asc("id")], limit=30))
        assert [row.contact_group.group_name for row in by_group] == sorted(expected.values(), reverse=True)

    face.session(ask, transport=sandbox.transport())


def test_of_a_relation_that_is_a_list_what_has_matched_is_shown(face, sandbox):
    def ask(client, get):
        found = get(
            client.contact_group.list(where=field("contacts.email").starts("a"), join=relation("contacts", "email"))
        )
        assert len(found) > 1
        assert all(row.contacts for row in found)
        assert all(mail.email.startswith("a") and mail.first_name is None for row in found for mail in row.contacts)

    face.session(ask, transport=sandbox.transport())


# A mapping for `s`, written by hand


@pytest.mark.parametrize(
    ("search", "message"),
    [
        ({"$and": [{"a": 1}], "b": 2}, r"s must be a mapping with nothing beside '\$and', .*, got 'b' beside it"),
        ({"$or": [{"$and": [], "b": 2}]}, r"s\['\$or'\]\[0\] must be a mapping with nothing beside"),
        ({"$not": {"a": 1}}, r"s must be made of fields, '\$and' and '\$or', .*, got '\$not': there is no negation"),
        ({"$nor": [{"a": 1}]}, r"s must be made of fields, .*, got '\$nor': there is no negation"),
        ({"$xor": [{"a": 1}]}, r"s must be made of fields, .*, got '\$xor'$"),
        ({"a": {"$like": "x"}}, r"s\['a'\] must be compared by operators that the server knows, got '\$like'"),
        ({"a": {"$not": {"$eq": 1}}}, r"s\['a'\] must be compared by .*, got '\$not': there is no negation"),
        ({"a": {"$Eq": 1}}, r"s\['a'\] must be compared by .*, got '\$Eq', did you mean '\$eq'\?"),
        ({"a": {"$or": {"$gt": 1, "$foo": 2}}}, r"s\['a'\]\['\$or'\] must be compared by operators"),
        ({"a": {"$ne": None}}, r"s\['a'\]\['\$ne'\] must be a value, got None: the server would look for null"),
        (
            {"a": {"$isnull": False}},
            r"s\['a'\]\['\$isnull'\] must be True, .*, got False; for the opposite say \$notnull",
        ),
        ({"a": ["x"]}, r"s\['a'\] must be a value or a mapping of operators, got \['x'\] \(list\), did you mean"),
        (
            {"$or": [{"a": {"$gt": 1, "$lt": 5}}, {"a": 9}]},
            r"s\['\$or'\]\[0\]\['a'\] must be a single operator, .* by OR here, got \$gt, \$lt: put each into",
        ),
        ({"b": 1, "a": {"$or": {"$gt": 1, "$lt": 0}}}, r"s\['a'\] must be in a mapping of its own, .* by OR, got an"),
        ({"$or": [{"$or": [{"a": 1}], "b": 2}, {"a": 3}]}, r"s.* must be of two or more, got one: beside other keys"),
        ({"$or": [{}, {"a": 3}]}, r"s\['\$or'\]\[0\] must be a condition, got \{\} \(dict\): the server would drop it"),
        ({"$or": {"a": 1}}, r"s\['\$or'\] must be a list of conditions, got"),
        ({"$or": ["a"]}, r"s\['\$or'\]\[0\] must be a mapping, got 'a' \(str\)"),
    ],
)
def test_a_mapping_that_the_server_would_read_as_something_else_is_refused(search, message):
    with pytest.raises(ValueError, match=rf"^contacts\.list: {message}"):
        calls.contacts.list(s=search)


@pytest.mark.parametrize(
    "search",
    [
        {}, {"a": 1, "b": None}, {"a": {"$gte": 2, "$lte": 4}}, {"a": {"$gt": 5, "$or": {"$lt": 7, "$isnull": True}}},
        {"a": {"eq": 1}}, {"a": {"isnull": True}},
        {"$or": [{"a": 1}, {"$and": [{"b": 2}, {"c": {"$in": [1]}}]}], "d": 1}, {"$and": []}, {"$or": []}, {"a": {}},
    ],
)  # fmt: skip
def test_other_mappings_are_sent_as_they_are(search):
    assert json.loads(dict(calls.contacts.list(s=search).query)["s"]) == search


def test_text_for_a_search_is_sent_as_it_is():
    text = '{"$and":[{"a":1}],"b":{"$foo":2}}'
    assert dict(calls.contacts.list(s=text).query)["s"] == text
