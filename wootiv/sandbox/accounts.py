"""Who may come in: passwords, tokens, keys of workspaces, passcodes, and invitations."""

import base64
import hmac
import time
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import msgspec

from wootiv.sandbox.entities import INVITATIONS, TOKENS, USERS, WORKSPACES, World
from wootiv.sandbox.exchange import Answer, Handler, Incoming, Refusal, Row, done, ok
from wootiv.sandbox.rows import PASSWORD

_SECRET = b"sandbox-secret"
_HOUR = 3600
_FOR_EVER = 99 * 365 * 24 * _HOUR
"""How long a refresh token lives, in seconds. Source: the default of Rockets."""


class Accounts:
    """Users as those who log in, and programs that come with a key."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._users = world.tables[USERS]
        self._passwords = {row["id"]: PASSWORD for row in self._users}
        self._keys: dict[str, str] = {}  # key -> id of the workspace's token

    def admit(self, passwords: Mapping[str, str]) -> None:
        """Let these users, by id, log in with these passwords, and no others."""
        self._passwords = {**passwords}

    def handlers(self) -> dict[str, Handler]:
        """Handlers by operation."""
        return {
            "auth.login": self._login,
            "auth.token.refresh": self._refresh,
            "auth.signup": self._sign_up,
            "auth.recovery.login.create": self._mail_name,
            "auth.recovery.password.create": self._mail_passcode,
            "auth.recovery.passcode.retrieve": self._check_passcode,
            "auth.recovery.password.update": self._set_password,
            "invitation_acceptance.retrieve": self._look_at_invitation,
            "invitation_acceptance.update": self._accept,
            "invitation_reattempt.create": self._invite_again,
            "space.tokens.create": self._make_key,
            "space.tokens.list": self._keys_of,
            "space.tokens.delete": self._revoke,
        }

    def accepts(self, key: str) -> bool:
        """Whether a bearer key opens the sandbox: a workspace's, or a token of a user who is not deleted."""
        return key in self._keys or self._subject(key) is not None

    # -- tokens

    def _login(self, asked: Incoming) -> Answer:
        given = asked.json()  # the guard reads it before any check: what is missing is as good as wrong
        user = self._users.find(username=given.get("username"))
        password = self._passwords.get(user["id"]) if user else None  # who was invited has none
        if user is None or password is None or given.get("password") != password:
            raise Refusal(401, "Unauthorized")
        return self._tokens(user["id"])

    def _refresh(self, asked: Incoming) -> Answer:
        token = asked.json().get("refreshToken")
        if not token:
            raise Refusal(401, "Unauthorized")
        user = self._subject(str(token))
        if user is None:  # Source: the engine's guard lets the fault of its JWT library through
            raise Refusal(500)
        return self._tokens(user)

    def _tokens(self, user: str) -> Answer:
        return ok({"accessToken": _jwt(user, _HOUR), "refreshToken": _jwt(user, _FOR_EVER), "sub": user}, 201)

    def _subject(self, token: str) -> str | None:
        claims = _claims(token)
        return claims["sub"] if claims and self._users.live(claims["sub"]) else None

    def _sign_up(self, asked: Incoming) -> Answer:
        given = asked.body()
        names = {name: given.get(name) for name in ("email", "firstName", "lastName", "phoneNumber")}
        user = self._world.add(USERS, names | {"username": given["email"]})
        self._passwords[user["id"]] = given["password"]
        return ok({"email": user["email"], "sub": user["id"]}, 201)

    # -- ways back in

    def _mail_name(self, asked: Incoming) -> Answer:
        if user := self._users.find(email=asked.body()["email"]):
            self._world.mail(user["email"], "login", username=user["username"])
        return done("POST")

    def _mail_passcode(self, asked: Incoming) -> Answer:
        if user := self._users.find(email=asked.body()["email"]):
            self._world.mail_passcode(user["email"], "password", user["id"])
        return done("POST")

    def _owner(self, passcode: str) -> Row | None:
        return self._users.live(self._world.passcodes.get(passcode))

    def _check_passcode(self, asked: Incoming) -> Answer:
        if self._owner(asked.path["passcode"]) is None:
            raise Refusal(404, "Not Found")
        return done("GET")

    def _set_password(self, asked: Incoming) -> Answer:
        given = asked.body()
        user = self._owner(given["passcode"])
        if user is None:
            raise Refusal(400, "Bad Request")
        self._passwords[user["id"]] = given["newPassword"]
        self._world.spend_passcodes(user["id"])
        return done("PATCH")

    # -- invitations

    def _invitation(self, asked: Incoming) -> Row:
        invitation = self._world.tables[INVITATIONS].find(code=asked.path["code"], active=True)
        if invitation is None:
            raise Refusal(404, "Not Found")
        return invitation

    def _look_at_invitation(self, asked: Incoming) -> Answer:
        if self._world.passcodes.get(asked.query()["passcode"]) != self._invitation(asked)["id"]:
            raise Refusal(404, "Not Found")
        return done("GET")

    def _accept(self, asked: Incoming) -> Answer:
        given, invitation = asked.body(), self._invitation(asked)
        if self._world.passcodes.get(given["passcode"]) != invitation["id"]:
            raise Refusal(400, "Bad Request")
        self._world.change(INVITATIONS, invitation["id"], {"active": False})
        self._world.spend_passcodes(invitation["id"])
        return done("PATCH")

    def _invite_again(self, asked: Incoming) -> Answer:
        invitation = self._invitation(asked)
        self._world.mail_passcode(invitation["email"], "invitation", invitation["id"], code=invitation["code"])
        return done("POST")

    # -- keys of workspaces

    def _space(self, asked: Incoming) -> str:
        id: str = self._world.live(WORKSPACES, asked.path["space_sid"])["id"]
        return id

    def _make_key(self, asked: Incoming) -> Answer:
        space, key = self._space(asked), f"wootiv_{self._world.uuid().replace('-', '')}"
        shown = f"{key[:10]}...{key[-4:]}"
        given = {"name": "", **asked.body(), "workspaceId": space, "sensitiveKey": shown}
        token = self._world.add(TOKENS, given | {"errorCount": 0, "requestCount": 0})
        self._keys[key] = token["id"]
        return ok(token | {"apiKey": key}, 201)

    def _keys_of(self, asked: Incoming) -> Answer:
        space = self._space(asked)
        return ok([token for token in self._world.tables[TOKENS] if token["workspaceId"] == space])

    def _revoke(self, asked: Incoming) -> Answer:
        space, token = self._space(asked), self._world.live(TOKENS, asked.path["token_id"])
        if token["workspaceId"] != space:
            raise Refusal(404, "WorkspaceToken not found")
        self._world.tables[TOKENS].delete(token["id"])
        self._keys = {key: id for key, id in self._keys.items() if id != token["id"]}
        return done("DELETE")


def _jwt(user: str, seconds: int) -> str:
    """A token as Rockets makes it: HS256, and no claims but these."""
    at = int(time.time())
    said = [{"alg": "HS256", "typ": "JWT"}, {"sub": user, "iat": at, "exp": at + seconds}]
    text = ".".join(_base64(msgspec.json.encode(part)) for part in said)
    return f"{text}.{_signature(text)}"


def _claims(token: str) -> dict[str, Any] | None:
    """What a token of ours says, unless it is too old."""
    text, _, signature = token.rpartition(".")
    if not hmac.compare_digest(signature.encode(), _signature(text).encode()):
        return None
    body = text.partition(".")[2]
    claims: dict[str, Any] = msgspec.json.decode(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return claims if claims["exp"] > time.time() else None


def _signature(text: str) -> str:
    return _base64(hmac.digest(_SECRET, text.encode(), sha256))


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
