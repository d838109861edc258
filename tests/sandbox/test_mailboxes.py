"""What happens in mailboxes, through the clients: streams, registries, incoming mail; and members of workspaces."""

import pytest

from wootiv import NotFoundError

MESSAGE = {
    "attachments": [], "medium_integration_name": "postmark", "message_html": "<p>Hi</p>", "message_text": "Hi",
    "sender": "agent", "status": "sent",
}  # fmt: skip
ENTRY = {"enabled": True, "name": "webhook", "raw_content": None, "raw_parsed": "x", "value": {"url": "https://x"}}


@pytest.fixture
def session(face, sandbox):
    return lambda do: face.session(do, transport=sandbox.transport(), max_retries=0)


@pytest.fixture
def mailbox(sandbox):
    return next(row for row in sandbox.tables["/mailbox"] if row["workspaceId"])


def test_an_address_is_free_until_a_mailbox_has_it(session):
    def story(client, get):
        def available():
            return get(client.post("/mailbox/availability", body={"uniqueAddress": "desk"}))

        assert available() == {"available": True}
        made = get(
            client.mailbox.create(config={}, dotcom="example.com", name="D", objective="", unique_address="desk")
        )
        assert (made.inbox, made.status, made.workspace_id) == ("desk@example.com", "active", None)
        assert available() == {"available": False}
        get(client.mailbox.delete(made.id))
        assert available() == {"available": True}
        assert get(client.mailbox.check_availability(unique_address="desk")) is None

    session(story)


def test_messages_gather_in_their_stream(session, mailbox):
    def story(client, get):
        with pytest.raises(NotFoundError, match="Stream not found"):
            get(client.mailbox.stream.retrieve("talk", id=mailbox["id"]))
        texts = ["one", "two"]
        made = [
            get(client.mailbox.stream.create("talk", id=mailbox["id"], **MESSAGE | {"message_text": t})) for t in texts
        ]
        stream = get(client.mailbox.stream.retrieve("talk", id=mailbox["id"]))
        assert [message["messageText"] for message in stream.conversations] == texts
        assert [message["id"] for message in stream.conversations] == [message.id for message in made]
        assert (stream.pipeline_id, stream.slug, stream.mailbox["id"]) == (mailbox["id"], "talk", mailbox["id"])
        assert stream.workspace["id"] == stream.workspace_id == made[0].workspace_id == mailbox["workspaceId"]
        assert made[0].stream_namespace == stream.namespace
        for call in (
            lambda: client.mailbox.stream.create("talk", id="nowhere", **MESSAGE),
            lambda: client.mailbox.stream.retrieve("talk", id="nowhere"),
        ):
            with pytest.raises(NotFoundError, match="Pipeline not found"):
                get(call())

    session(story)


def test_registries_of_a_mailbox_and_of_a_stream_are_read_in_slices(session, mailbox):
    id = mailbox["id"]

    def story(client, get):
        registry, of_stream = client.mailbox.registry, client.mailbox.stream.registry
        actions = [get(registry.action.create(id, **ENTRY)) for _ in range(25)]
        resource = get(registry.resource.create(id, **ENTRY | {"name": "pdf"}))
        assert (resource.type, resource.raw_content, resource.raw_parsed) == ("resource", None, "x")
        assert (actions[0].type, actions[0].value, actions[0].pipeline_id) == ("action", ENTRY["value"], id)
        assert [one.id for one in get(registry.action.retrieve(id))] == [one.id for one in actions]
        assert [one.id for one in get(registry.action.retrieve(id, limit=4, offset=20))] == [a.id for a in actions[20:]]
        assert [one.id for one in get(registry.resource.retrieve(id))] == [resource.id]
        assert len(get(registry.retrieve(id, limit=3))) == 26
        assert get(of_stream.retrieve("talk", id=id)) == []
        given = [get(made("talk", id=id, **ENTRY)) for made in (of_stream.action.create, of_stream.resource.create)]
        assert [one.id for one in get(of_stream.retrieve("talk", id=id))] == [one.id for one in given]
        assert [one.id for one in get(of_stream.resource.retrieve("talk", id=id))] == [given[1].id]
        stream = get(client.mailbox.stream.retrieve("talk", id=id))
        assert [one["id"] for one in stream.stream_registries] == [one.id for one in given]
        assert {one.stream_namespace for one in given} == {stream.namespace}
        assert len(get(registry.retrieve(id))) == 26

    session(story)


def test_a_slice_tells_where_it_stands(sandbox, mailbox):
    client, path = sandbox.client(), f"/mailbox/{mailbox['id']}/registry/action"
    for _ in range(5):
        client.mailbox.registry.action.create(mailbox["id"], **ENTRY)
    slice_ = client.get(path, extra_query={"limit": 2, "offset": 4})
    assert (len(slice_.pop("data")), slice_) == (1, {"limit": 2, "offset": 4, "page": 3, "total": 5})
    assert client.get(path, extra_query={"limit": 0})["limit"] == 20


def test_a_mail_that_comes_in_lands_in_its_senders_stream(session, sandbox, mailbox):
    contact = next(iter(sandbox.tables["/contacts"]))
    to = f'"Desk, Front" <{mailbox["inbox"].upper()}>, other@elsewhere.org'

    def story(client, get):
        for text in ("one", "two"):
            get(
                client.inbound.mail.create(
                    from_=f"Ann <{contact['email']}>",
                    to=to,
                    subject="Hello",
                    text_body=text,
                    html_body=f"<p>{text}</p>",
                )
            )
        stream = get(client.mailbox.stream.retrieve(contact["email"].lower(), id=mailbox["id"]))
        assert [message["messageText"] for message in stream.conversations] == ["one", "two"]
        assert (stream.subject, stream.contact_id, stream.contact_metadata) == (
            "Hello",
            contact["id"],
            contact["metadata"],
        )
        local, _, domain = mailbox["inbox"].partition("@")
        get(
            client.inbound.mail.create(
                from_="x@y.z",
                to=f"{local}+t1@{domain}",
                mailbox_hash="t1",
                subject="",
                attachments=[{"name": "a", "content": ""}],
            )
        )
        (message,) = get(client.mailbox.stream.retrieve("t1", id=mailbox["id"])).conversations
        assert (message["sender"], message["status"]) == ("recipient", "received")
        assert message["Attachments"] == [{"Name": "a", "Content": ""}]
        with pytest.raises(NotFoundError):
            get(client.inbound.mail.create(from_="x@y.z", to="nobody@example.com", subject=""))

    session(story)


def test_a_mail_as_postmark_sends_it_lands_in_the_mailboxs_stream(sandbox, mailbox):
    """Texts that are empty, lists that are, and all that nobody asked for."""
    full = {"Email": mailbox["inbox"], "Name": "", "MailboxHash": ""}
    mail = {
        "FromName": "Ann", "MessageStream": "inbound", "From": "Ann@Example.com", "To": mailbox["inbox"], "Cc": "",
        "FromFull": {"Email": "Ann@Example.com", "Name": "Ann", "MailboxHash": ""}, "ToFull": [full], "CcFull": [],
        "Bcc": "", "BccFull": [], "OriginalRecipient": mailbox["inbox"], "Subject": "Hello", "MessageID": "m-1",
        "ReplyTo": "", "MailboxHash": "", "Date": "Fri, 1 Aug 2014 16:45:32 -04:00", "TextBody": "text",
        "HtmlBody": "<p>html</p>", "StrippedTextReply": "", "Tag": "", "Headers": [{"Name": "X-Spam", "Value": "No"}],
        "Attachments": [],
    }  # fmt: skip
    client = sandbox.client()
    client.post("/inbound/mail", body=mail)
    client.post("/inbound/mail", body=mail | {"To": "Else <else@example.org>", "TextBody": "by the original recipient"})
    stream = client.mailbox.stream.retrieve("ann@example.com", id=mailbox["id"])
    assert (stream.subject, stream.pipeline_id) == ("Hello", mailbox["id"])
    assert [(one["messageText"], one["messageHTML"], one["Attachments"]) for one in stream.conversations] == [
        ("text", "<p>html</p>", []),
        ("by the original recipient", "<p>html</p>", []),
    ]


@pytest.mark.parametrize(
    "by",
    [
        lambda to: {"cc": f"Ann <x@y.z>, Desk <{to}>"},
        lambda to: {"bcc": to},
        lambda to: {"original_recipient": to},
        lambda to: {"to_full": [{"email": to.upper()}]},
        lambda to: {"cc_full": ["odd", {"Name": "no address"}, {"Email": to}]},
        lambda to: {"bcc_full": [{"email": to, "name": "Desk"}]},
    ],
)
def test_a_mail_reaches_a_mailbox_that_it_names_in_any_way(session, mailbox, by):
    def story(client, get):
        get(client.inbound.mail.create(from_="x@y.z", to="other@elsewhere.org", subject="", **by(mailbox["inbox"])))
        assert len(get(client.mailbox.stream.retrieve("x@y.z", id=mailbox["id"])).conversations) == 1

    session(story)


def test_an_inbox_may_have_a_plus_of_its_own(session):
    def story(client, get):
        short, long = (
            get(client.mailbox.create(config={}, dotcom="x.org", name="", objective="", unique_address=name)).id
            for name in ("desk", "desk+eu")
        )
        sent = [("Desk+EU@x.org", ""), ("desk+eu+t1@x.org", "t1"), ("desk+t2@x.org", "t2"), ("desk+eux@x.org", "t3")]
        for to, hash_ in sent:
            get(client.inbound.mail.create(from_="x@y.z", to=to, mailbox_hash=hash_, subject=""))
        for id, slug in ((long, "x@y.z"), (long, "t1"), (short, "t2"), (short, "t3")):
            assert len(get(client.mailbox.stream.retrieve(slug, id=id)).conversations) == 1
        with pytest.raises(NotFoundError):
            get(client.mailbox.stream.retrieve("x@y.z", id=short))

    session(story)


def test_members_of_a_workspace_are_its_users_who_were_not_deleted(session, sandbox):
    spaces = list(sandbox.tables["/wspace"])
    gone = {row["id"] for row in sandbox.tables["/user"] if row["audit"]["date_deleted"]}
    space = next(space for space in spaces if gone.intersection(space["workspaceMembers"]))

    def story(client, get):
        members = get(client.space.members.list(space["id"]))
        assert [member.id for member in members] == [id for id in space["workspaceMembers"] if id not in gone]
        assert get(client.space.members.retrieve(members[0].id, space_id=space["id"])) == members[0]
        assert members[0].email == get(client.users.retrieve(members[0].id)).email
        for space_id, member in (("nowhere", members[0].id), (space["id"], "nobody"), (space["id"], min(gone))):
            with pytest.raises(NotFoundError):
                get(client.space.members.retrieve(member, space_id=space_id))

    session(story)
