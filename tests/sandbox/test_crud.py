"""Rows of every kind, through the clients: what all lists share, and what each has of its own."""

import httpx
import pytest

from wootiv import AuthenticationError, BadRequestError, InternalServerError, NotFoundError, Sandbox


@pytest.fixture
def session(face, sandbox):
    """Calls in a row: `session(do)` where `do(client, get)`; nothing is retried, since the faults here are meant."""
    return lambda do: face.session(do, transport=sandbox.transport(), max_retries=0)


def first(sandbox, path, **wanted):
    return next(row for row in sandbox.tables[path] if all(row[name] == value for name, value in wanted.items()))


NEW = {
    "contact_group": ({"group_name": "New", "workspace_id": "w"}, {"group_name": "Newer", "workspace_id": "v"}),
    "mailbox": (
        {"config": {}, "dotcom": "example.com", "name": "Desk", "objective": "Help", "unique_address": "desk"},
        {"name": "Front desk", "status": "paused"},
    ),
    "roles": ({"name": "new", "description": ""}, {"name": "newer", "description": "much"}),
    "subscriptions": (
        {"plan_name": "free", "status": "trial", "start_date": "2024-01-02", "end_date": "2025-01-02",
         "workspace_id": "nowhere"},
        {"plan_name": "enterprise"},
    ),
    "wspaces": ({"name": "Née & Sons", "owner_id": "o"}, {"slug": "nee"}),
}  # fmt: skip


@pytest.mark.parametrize("area", NEW)
def test_what_is_made_can_be_fetched_and_changed(session, area):
    new, changes = NEW[area]

    def story(client, get):
        owner = getattr(client, area)
        made = get(owner.create(**new))
        assert get(owner.retrieve(made.id)) == made
        changed = get(owner.update(made.id, **changes))
        assert (changed.id, changed.audit.version) == (made.id, 2)
        assert {name: dict(changed)[name] for name in changes} == changes
        assert get(owner.retrieve(made.id)) == changed
        if not hasattr(owner, "delete"):
            return
        assert made.id in [one.id for one in get(owner.list())]
        get(owner.delete(made.id))
        with pytest.raises(NotFoundError):
            get(owner.retrieve(made.id))

    session(story)


def test_mailboxes_always_come_in_pages_and_the_others_as_arrays(sandbox):
    http = httpx.Client(
        transport=sandbox.transport(), base_url="http://sandbox.test", headers={"Authorization": "Bearer k"}
    )
    assert http.get("/mailbox").json().keys() == {"data", "count", "total", "page", "pageCount"}
    for path in ("/contacts", "/contact_group", "/role", "/user", "/invitation"):
        assert isinstance(http.get(path).json(), list)
    assert http.delete("/user/any").json()["message"] == "Cannot DELETE /user/any"
    assert http.get("/wspace").status_code == 404


def test_deleted_users_are_out_of_sight_until_they_are_recovered(session, sandbox):
    gone = next(row for row in sandbox.tables["/user"] if row["audit"]["date_deleted"])

    def story(client, get):
        assert len(get(client.users.list())) == 21
        assert len(get(client.users.list(extra_query={"include_deleted": 1}))) == 24
        with pytest.raises(NotFoundError, match="User not found"):
            get(client.users.retrieve(gone["id"]))
        assert get(client.users.recover.update(gone["id"]))["audit"]["date_deleted"] is None
        user = get(client.users.retrieve(gone["id"]))
        assert (user.id, user.audit.version) == (gone["id"], gone["audit"]["version"] + 1)
        assert len(get(client.users.list())) == 22
        with pytest.raises(NotFoundError, match="User not found"):
            get(client.users.recover.update("nobody"))

    session(story)


def test_an_invitation_tells_its_user_unless_that_one_was_deleted(session, sandbox):
    users = {row["id"]: row["audit"]["date_deleted"] for row in sandbox.tables["/user"]}
    stored = {row["id"]: row["user"]["id"] for row in sandbox.tables["/invitation"]}

    def story(client, get):
        rows = get(client.invitations.list(fields=["email"]))
        assert len(rows) == 40
        assert {row.id: row.user and row.user.id for row in rows} == {
            id: None if users[user] else user for id, user in stored.items()
        }

    session(story)


def test_a_role_tells_its_assignments_and_takes_them_with_it(session, sandbox):
    user, role = first(sandbox, "/user"), first(sandbox, "/role", name="Admin")

    def story(client, get):
        assert get(client.roles.retrieve(role["id"])).assignees == []
        pair = {"assignee": {"id": user["id"]}, "role": {"id": role["id"]}}
        one = get(client.role_assignments.create("user", **pair))
        more = get(client.role_assignments.bulk.create("user", bulk=[pair, pair]))
        assert {given.id for given in [one, *more]} == {
            it.id for it in get(client.roles.retrieve(role["id"])).assignees
        }
        found = get(client.role_assignments.retrieve(one.id, assignment="user"))
        assert (found.assignee.id, found.role.id) == (user["id"], role["id"])
        get(client.role_assignments.delete(one.id, assignment="user"))
        assert len(get(client.roles.retrieve(role["id"])).assignees) == 2
        get(client.roles.delete(role["id"]))
        for given in [one, *more]:
            with pytest.raises(NotFoundError, match="RoleAssignment not found"):
                get(client.role_assignments.retrieve(given.id, assignment="user"))
        with pytest.raises(NotFoundError, match="assignment robot not found"):
            get(client.role_assignments.create("robot", **pair))
        with pytest.raises(InternalServerError):
            get(client.role_assignments.create("user", **pair))

    session(story)


def test_many_roles_are_made_in_their_order(session):
    def story(client, get):
        made = get(client.roles.bulk_create(bulk=[{"name": name, "description": name} for name in "cab"]))
        assert [role.name for role in made] == ["c", "a", "b"]
        assert get(client.roles.retrieve(made[1].id)) == made[1]
        with pytest.raises(BadRequestError) as caught:
            get(client.roles.bulk_create(bulk=[]))
        assert caught.value.body["message"] == ["bulk should not be empty"]
        with pytest.raises(BadRequestError) as caught:
            get(client.post("/role/bulk", body={"bulk": [{"name": "a", "description": "b"}, {"name": 1}]}))
        assert caught.value.body["message"] == ["bulk.1.description must be a string", "bulk.1.name must be a string"]

    session(story)


def test_a_new_workspace_has_a_slug_and_a_trial(session, sandbox):
    def story(client, get):
        made = get(client.wspaces.create(name="Ann & Bob, Ltd.", owner_id=first(sandbox, "/user")["id"]))
        assert made.slug == f"ann-bob-ltd-{made.id[:8]}"
        assert made.workspace_members == [made.owner_id]
        assert (made.subscription.id, made.subscription.status) == (made.subscription_id, "trial")
        trial = get(client.subscriptions.retrieve(made.subscription_id))
        assert (trial.workspace.id, trial.history) == (made.id, [])
        assert (trial.end_date - trial.start_date).days in (29, 30)

    session(story)


def test_a_subscription_changes_by_the_id_in_the_body(session, sandbox):
    id = first(sandbox, "/subscription", status="trial")["id"]

    def story(client, get):
        changed = get(client.subscriptions.change.update(id, plan_name="enterprise", end_date="2030-01-02"))
        assert (changed.id, changed.plan_name, changed.end_date.isoformat()) == (
            id, "enterprise", "2030-01-02T00:00:00+00:00",
        )  # fmt: skip
        assert get(client.subscriptions.retrieve(id)) == changed
        updated = get(client.subscriptions.update(id, body_id="other", audit={"version": 9}, workspace={"id": "x"}))
        assert (updated.id, updated.audit, updated.workspace) == (id, changed.audit, changed.workspace)
        with pytest.raises(NotFoundError, match="Subscription not found"):
            get(client.subscriptions.change.update("nobody", plan_name="free"))
        with pytest.raises(BadRequestError) as caught:
            get(client.patch(f"/subscription/{id}", body={"planName": "gold", "startDate": "soon"}))
        assert caught.value.body["message"] == [
            "planName must be one of the following values: free, personal_pro, business_pro, enterprise",
            "startDate must be a Date instance",
        ]

    session(story)


def test_a_join_may_be_nested_and_brings_no_relations_of_its_own(session):
    def story(client, get):
        row = get(client.contacts.list(join=["contactGroup||groupName", "contactGroup.workspace"], limit=1))[0]
        assert row.contact_group.group_name is not None
        assert row.contact_group.workspace.id is not None
        assert row.contact_group.workspace.subscription is None
        for early in ("contactGroup.workspace", ["contactGroup.workspace", "contactGroup"]):
            with pytest.raises(InternalServerError):
                get(client.contacts.list(join=early, limit=1))
        whole = get(client.contacts.list(join=["contactGroup", "contactGroup.contacts", "contactGroup.no"], limit=1))
        assert whole[0].contact_group.contacts is None
        assert get(client.subscriptions.retrieve(row.contact_group.workspace.subscription_id)).workspace.slug

    session(story)


def test_an_address_or_email_that_is_taken_is_an_error_of_the_database(session, sandbox):
    taken, other = list(sandbox.tables["/mailbox"])[:2]

    def story(client, get):
        with pytest.raises(InternalServerError):
            get(client.mailbox.create(**NEW["mailbox"][0] | {"unique_address": taken["uniqueAddress"]}))
        with pytest.raises(InternalServerError):
            get(client.mailbox.update(other["id"], unique_address=taken["uniqueAddress"]))
        get(client.mailbox.update(taken["id"], unique_address=taken["uniqueAddress"]))

    session(story)


def test_every_list_pages_through_to_its_end(session):
    def story(client, get):
        for area, count in (("mailbox", 17), ("roles", 6), ("users", 21), ("invitations", 40), ("contact_group", 12)):
            rows = get(getattr(client, area).list(limit=5))
            assert len({row.id for row in rows}) == len(rows) == count

    session(story)


def test_a_sandbox_that_wants_one_key_takes_no_other(face):
    with pytest.raises(AuthenticationError):
        face.with_sandbox(lambda client: client.roles.list(), Sandbox(rows=0, api_key="k"), api_key="a.b.c")


@pytest.mark.parametrize(
    "asked", [{"filter": "contactGroup.groupName||$notnull"}, {"sort": "contactGroup.groupName,ASC"}]
)
def test_fields_of_a_relation_are_known_only_where_it_is_joined(session, asked):
    def story(client, get):
        with pytest.raises(InternalServerError):
            get(client.contacts.list(**asked, join="workspace"))
        with pytest.raises(InternalServerError):
            get(client.contacts.list(**asked, join="nothing"))
        assert len(get(client.contacts.list(**asked, join="contactGroup||id"))) == 250

    session(story)


def test_fields_of_what_comes_unasked_are_known(session):
    def story(client, get):
        found = get(client.invitations.list(filter="user.id||$notnull"))
        assert [one.user for one in found] != []
        assert None not in [one.user for one in found]

    session(story)


def test_null_is_refused_as_the_engine_refuses_it(session, sandbox):
    row = next(iter(sandbox.tables["/contacts"]))
    names = ("contactGroupId", "email", "firstName", "lastName", "metadata", "phoneNumber", "workspaceId")
    given = {name: row[name] or "1" for name in names}

    def story(client, get):
        for name in names:
            kind = "an object" if name == "metadata" else "a string"
            with pytest.raises(BadRequestError, match=f"{name} must be {kind}"):
                get(client.post("/contacts", body=given | {name: None}))
            if name != "phoneNumber":
                with pytest.raises(InternalServerError):
                    get(client.patch(f"/contacts/{row['id']}", body={name: None}))
        assert get(client.contacts.update(row["id"], phone_number=None)).phone_number is None

    session(story)
