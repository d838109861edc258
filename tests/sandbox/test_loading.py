"""Tables filled with rows of one's own, and the most that a list gives."""

import pytest

from wootiv import AuthenticationError, Sandbox
from wootiv.api.tree import Api
from wootiv.operation import operations_of
from wootiv.sandbox.loading import PATHS
from wootiv.sandbox.rows import PASSWORD

ROW = {
    "id": "c1",
    "contactGroupId": "g",
    "email": "ann@example.com",
    "firstName": "Ann",
    "lastName": "",
    "metadata": {"any_key": [1]},
    "primaryContact": "email",
    "workspaceId": "w",
}
USER = {"id": "u1", "email": "eve@example.com", "username": "eve"}


def test_a_table_holds_the_rows_it_is_given_and_no_others(session, sandbox):
    assert sandbox.load("contacts", [ROW, ROW | {"id": "c0"}]) == 2

    def story(client, get):
        first, second = get(client.contacts.list(limit=5))
        assert [first.id, second.id] == ["c0", "c1"]
        assert (second.email, second.metadata, second.phone_number) == ("ann@example.com", {"any_key": [1]}, None)
        assert (second.audit.version, second.audit.date_deleted) == (1, None)
        assert get(client.contacts.update("c1", first_name="Bo")).audit.version == 2
        get(client.contacts.delete("c0"))
        assert len(get(client.contacts.list())) == 1

    session(story)


def test_rows_that_were_read_are_good_to_load(sandbox):
    other = Sandbox(rows=0, seed=9)
    for path, table in sandbox.tables.items():
        assert other.load(path, table) == len(table)
        assert [dict(row) for row in other.tables[path]] == [dict(row) for row in table]


def test_a_table_has_the_name_of_its_resource_and_of_its_path(sandbox):
    resources = {(name.rpartition(".")[0], op.template) for name, op in operations_of(Api)}
    assert PATHS.items() <= resources
    assert set(PATHS.values()) == set(sandbox.tables)
    for name, path in PATHS.items():
        rows = list(sandbox.tables[path])
        assert {sandbox.load(one, rows) for one in (name, path, path.removeprefix("/"))} == {len(rows)}


def test_relations_come_from_their_own_tables(sandbox):
    sandbox.load("contacts", [ROW | {"workspace": {"id": "w", "name": "not looked at"}}])
    assert "workspace" not in next(iter(sandbox.tables["/contacts"]))


def test_users_log_in_by_the_password_they_are_loaded_with(session, sandbox):
    sandbox.load("user", [USER | {"password": "own"}, {"id": "u2", "email": "x", "username": "bob"}])

    def story(client, get):
        assert get(client.auth.login(username="eve", password="own")).sub == "u1"
        assert get(client.auth.login(username="bob", password=PASSWORD)).sub == "u2"
        for username, password in (("eve", PASSWORD), ("ada", PASSWORD)):
            with pytest.raises(AuthenticationError):
                get(client.auth.login(username=username, password=password))
        assert "password" not in get(client.users.retrieve("u1")).to_dict()

    session(story)


@pytest.fixture
def session(face, sandbox):
    return lambda do: face.session(do, transport=sandbox.transport(), max_retries=0)


WRONG = {
    "unknown table 'contact', there are .*, did you mean 'contacts'": ("contact", []),
    "unknown table 'zzz', there are contacts, .*users": ("zzz", []),
    "contacts, row 2: must be an object, got": ("contacts", [ROW, 1]),
    "contacts, row 1: firstName is missing": ("contacts", [{k: v for k, v in ROW.items() if k != "firstName"}]),
    "contacts, row 1: unknown field 'first_name', did you mean 'firstName'": ("contacts", [ROW | {"first_name": ""}]),
    r"contacts, row 1: .*`str`.*\$.email": ("contacts", [ROW | {"email": 1}]),
    r"contacts, row 1: .*`str`.*`null`.*\$.lastName": ("contacts", [ROW | {"lastName": None}]),
    r"contacts, row 1: .*audit": ("contacts", [ROW | {"audit": 1}]),
    r"contacts, row 1: .*date_created": ("contacts", [ROW | {"audit": {"date_created": "soon"}}]),
    "contacts, row 2: id 'c1' is taken by an earlier row": ("contacts", [ROW, ROW]),
    "user, row 2: username 'eve' is taken by an earlier row": ("user", [USER, USER | {"id": "u2", "email": "x"}]),
    "user, row 1: password must be text, got": ("user", [USER | {"password": 1}]),
}


@pytest.mark.parametrize("message", WRONG)
def test_rows_that_do_not_fit_are_told_and_change_nothing(sandbox, message):
    before = {path: list(table) for path, table in sandbox.tables.items()}
    with pytest.raises(ValueError, match=message):
        sandbox.load(*WRONG[message])
    assert {path: list(table) for path, table in sandbox.tables.items()} == before


@pytest.mark.parametrize(("max_limit", "most"), [(None, 500), (7, 7), (1000, 600)])
def test_a_list_gives_as_many_rows_as_its_most(max_limit, most):
    client = Sandbox(rows=600, max_limit=max_limit).client()
    assert len(client.get("/contacts")) == most
    assert len(client.get("/contacts", extra_query={"limit": 9999})) == most
    page = client.get("/contacts", extra_query={"page": 1})
    assert (len(page["data"]), page["total"], page["pageCount"]) == (most, 600, -(-600 // most))
    assert len(client.get("/contacts", extra_query={"limit": 3})) == 3


def test_the_most_holds_for_every_list():
    client = Sandbox(max_limit=2).client()
    assert [len(client.get(path)) for path in ("/role", "/user", "/contact_group", "/invitation")] == [2] * 4
    assert len(client.get("/mailbox")["data"]) == 2


@pytest.mark.parametrize("max_limit", [0, -1])
def test_a_most_below_one_is_refused(max_limit):
    with pytest.raises(ValueError, match="max_limit must be 1 or more"):
        Sandbox(max_limit=max_limit)
