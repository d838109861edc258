"""Ways in, through the clients: passwords, tokens, passcodes, invitations, keys."""

import base64
import json
import time
from uuid import UUID

import pytest

from wootiv import (
    AuthenticationError,
    BadRequestError,
    InternalServerError,
    NotFoundError,
    Sandbox,
)
from wootiv.sandbox.rows import PASSWORD

UNKNOWN = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def session(face, sandbox):
    return lambda do, **options: face.session(do, **{"transport": sandbox.transport(), "max_retries": 0, **options})


def test_a_user_logs_in_and_trades_the_refresh_token(session, sandbox):
    ada = next(iter(sandbox.tables["/user"]))

    def story(client, get):
        tokens = get(client.auth.login(username="ada", password=PASSWORD))
        assert tokens.sub == ada["id"]
        claims = json.loads(base64.urlsafe_b64decode(tokens.access_token.split(".")[1] + "=="))
        assert claims == {"sub": ada["id"], "iat": claims["iat"], "exp": claims["iat"] + 3600}
        for _ in range(2):  # the old one stays good
            assert get(client.auth.token.refresh(refresh_token=tokens.refresh_token)).sub == ada["id"]
        with pytest.raises(InternalServerError):
            get(client.auth.token.refresh(refresh_token="no-token"))

    session(story)


def test_a_wrong_name_or_password_and_a_deleted_user_are_401(session, sandbox):
    gone = next(row for row in sandbox.tables["/user"] if row["audit"]["date_deleted"])

    def story(client, get):
        for username, password in (("ada", "wrong"), ("nobody", PASSWORD), (gone["username"], PASSWORD)):
            with pytest.raises(AuthenticationError) as caught:
                get(client.auth.login(username=username, password=password))
            assert caught.value.body == {"message": "Unauthorized", "statusCode": 401}
        with pytest.raises(AuthenticationError):
            get(client.post("/auth/login", body={}))
        with pytest.raises(AuthenticationError):
            get(client.post("/auth/token/refresh", body={}))

    session(story)


def test_who_signs_up_can_log_in_once_by_that_email(session):
    def story(client, get):
        account = get(client.auth.signup(email="new@example.com", password="a password", plan="free", last_name="New"))
        assert get(client.auth.login(username="new@example.com", password="a password")).sub == account.sub
        user = get(client.users.retrieve(account.sub))
        assert (user.email, user.last_name, user.first_name) == (account.email, "New", None)
        with pytest.raises(InternalServerError):
            get(client.auth.signup(email="new@example.com", password="another", plan="free"))

    session(story)


def test_a_mailed_passcode_sets_a_new_password_once(session, sandbox):
    def story(client, get):
        for email in ("nobody@example.com", "ada@example.com"):  # nothing tells whether the address is known
            assert get(client.auth.recovery.password.create(email=email)) is None
        (mail,) = sandbox.outbox
        passcode = mail.says["passcode"]
        assert (mail.to, mail.about, str(UUID(passcode))) == ("ada@example.com", "password", passcode)
        for _ in range(2):
            get(client.auth.recovery.passcode.retrieve(passcode))
        get(client.auth.recovery.password.update(passcode=passcode, new_password="fresh"))
        assert get(client.auth.login(username="ada", password="fresh")).sub
        with pytest.raises(AuthenticationError):
            get(client.auth.login(username="ada", password=PASSWORD))
        with pytest.raises(NotFoundError):
            get(client.auth.recovery.passcode.retrieve(passcode))
        with pytest.raises(BadRequestError):
            get(client.auth.recovery.password.update(passcode=passcode, new_password="again"))

    session(story)


def test_a_forgotten_name_is_mailed(session, sandbox):
    def story(client, get):
        for email in ("nobody@example.com", "ada@example.com"):
            get(client.auth.recovery.login.create(email=email))
        (mail,) = sandbox.outbox
        assert (mail.about, mail.says) == ("login", {"username": "ada"})

    session(story)


def test_an_invitation_is_mailed_looked_at_sent_again_and_accepted_once(session, sandbox):
    def story(client, get):
        made = get(client.invitations.create(category="invite", email="guest@example.com", payload={"role": "x"}))
        mail = sandbox.outbox[-1]
        assert (mail.to, mail.about, mail.says["code"], made.active) == (made.email, "invitation", made.code, True)
        assert get(client.users.retrieve(made.user.id)).email == "guest@example.com"
        with pytest.raises(AuthenticationError):
            get(client.auth.login(username="guest@example.com", password=""))
        get(client.invitation_acceptance.retrieve(made.code, passcode=mail.says["passcode"]))
        for code, passcode in ((UNKNOWN, mail.says["passcode"]), (made.code, UNKNOWN)):
            with pytest.raises(NotFoundError):
                get(client.invitation_acceptance.retrieve(code, passcode=passcode))
        with pytest.raises(BadRequestError):
            get(client.invitation_acceptance.update(made.code, passcode=UNKNOWN, payload={}))
        with pytest.raises(NotFoundError):
            get(client.invitation_acceptance.update(UNKNOWN, passcode=mail.says["passcode"], payload={}))
        get(client.invitation_reattempt.create(made.code))
        again = sandbox.outbox[-1].says
        assert (again["code"], len(sandbox.outbox)) == (made.code, 2)
        get(client.invitation_acceptance.update(made.code, passcode=again["passcode"], payload={"name": "G"}))
        assert get(client.invitations.retrieve(made.id)).active is False
        for call in (
            lambda: client.invitation_acceptance.update(made.code, passcode=again["passcode"], payload={}),
            lambda: client.invitation_reattempt.create(made.code),
        ):
            with pytest.raises(NotFoundError):
                get(call())

    session(story)


def test_an_invitation_of_a_known_address_is_its_users(session, sandbox):
    ada = next(iter(sandbox.tables["/user"]))

    def story(client, get):
        made = get(client.invitations.create(category="invitation", email=ada["email"], payload={}))
        assert made.user.id == ada["id"]
        assert len(sandbox.tables["/user"]) == 24

    session(story)


def test_a_workspaces_key_is_told_once(session, sandbox):
    space, other = list(sandbox.tables["/wspace"])[:2]

    def story(client, get):
        made = get(client.space.tokens.create(space["id"], name="ci"))
        (listed,) = get(client.space.tokens.list(space["id"]))
        assert (listed.id, listed.name, listed.api_key) == (made.id, "ci", None)
        assert made.api_key not in listed.sensitive_key
        assert made.api_key.startswith(listed.sensitive_key.partition("...")[0])
        assert get(client.space.tokens.list(other["id"])) == []
        for space_sid, token_id in ((other["id"], made.id), (space["id"], "none"), ("nowhere", made.id)):
            with pytest.raises(NotFoundError):
                get(client.space.tokens.delete(token_id, space_sid=space_sid))
        get(client.space.tokens.delete(made.id, space_sid=space["id"]))
        assert get(client.space.tokens.list(space["id"])) == []

    session(story)


def test_keys_and_access_tokens_open_a_sandbox_that_wants_them(session):
    sandbox = Sandbox(rows=1, api_key="the-one")
    space, door = next(iter(sandbox.tables["/wspace"])), sandbox.transport()
    made = session(lambda client, get: get(client.space.tokens.create(space["id"])), transport=door, api_key="the-one")

    def ask(key):
        return session(lambda client, get: get(client.roles.list()), transport=door, api_key=key)

    def enter(client, get):  # whoever logs in has no key yet
        return get(client.auth.login(username="ada", password=PASSWORD))

    tokens = session(enter, transport=door, api_key="none")
    assert ask(made.api_key) == ask(tokens.access_token) == ask("the-one")
    session(
        lambda client, get: get(client.space.tokens.delete(made.id, space_sid=space["id"])),
        transport=door,
        api_key=tokens.access_token,
    )
    for key in (made.api_key, tokens.access_token + "x", "."):
        with pytest.raises(AuthenticationError):
            ask(key)


def test_an_access_token_is_good_for_an_hour(session, monkeypatch):
    sandbox = Sandbox(rows=1, api_key="the-one")
    token = sandbox.client().auth.login(username="ada", password=PASSWORD).access_token
    later = time.time() + 3601
    monkeypatch.setattr("wootiv.sandbox.accounts.time.time", lambda: later)
    with pytest.raises(AuthenticationError):
        session(lambda client, get: get(client.roles.list()), transport=sandbox.transport(), api_key=token)
