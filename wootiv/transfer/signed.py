"""One request at an address that the service has signed: asked for, used, and asked for anew when it is too old."""

import math
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar
from urllib.parse import urlsplit

import anyio
from msgspec import Struct, structs

from wootiv.call import Call
from wootiv.engine.send import Engine, Life
from wootiv.errors import APIError, APIResponseValidationError, APIStatusError
from wootiv.message import APIResponse, Discreet, Form, Headers, Outgoing, Pairs
from wootiv.run import Run
from wootiv.wire.decode import http_date
from wootiv.wire.signed import secrets_of, told, without

R = TypeVar("R")

PLAIN = (("Accept", "*/*"), ("Accept-Encoding", "identity"), ("Idempotency-Key", None))
"""In place of what the API is sent."""
SHOWN = "(signed address)"
"""What logs show of where it goes."""
_MARGIN = 30.0
"""Seconds before its end at which a signature is too old; of a short life, a tenth."""


class Signed(Discreet, frozen=True):
    """An address that the service has signed, and what is to be sent there. Whoever holds it may use it."""

    url: str
    fields: Pairs = ()
    expires: datetime | None = None


class SignedCall(Call[R], Generic[R], frozen=True, kw_only=True):
    """A request whose address is not known yet."""

    ask: Call[Any]
    """Asks for it."""


class Told(Struct, Generic[R], frozen=True):
    """What reads an answer of which all is known."""

    value: R

    def __call__(self, _: APIResponse[R]) -> tuple[R, tuple[str, ...]]:
        """What is known."""
        return self.value, ()


class _Unsigned(Exception):  # noqa: N818 - never leaves this module
    """There is no address, and asking for one was tried again already."""

    def __init__(self, error: APIError) -> None:
        super().__init__()
        self.error = error


class SignedLife(Life[R]):
    """A call that goes straight to where the service says: with no key, no cookie and no header of the caller's own."""

    def __init__(self, engine: Engine, call: SignedCall[R], run: Run | None = None) -> None:
        super().__init__(engine, call, run)
        self._engine = engine
        self._asked = call
        self._ask = call.ask
        self._secrets: frozenset[str] = frozenset()
        self._aimed: Outgoing | None = None
        self._ends: float = math.inf
        """When, by the loop's clock, the signature is too old."""
        self._was_too_old = False
        """Whether S3 has said so."""

    # What uploads and downloads say of themselves

    async def prepare(self) -> None:
        """Do what comes before anything is asked for."""
        raise NotImplementedError

    def read(self, response: APIResponse[Any]) -> Signed | None:
        """What the service has signed; `None` if it is nothing of the kind."""
        raise NotImplementedError

    def form(self, signed: Signed) -> Form | None:
        """What is sent there; raises `APIError`."""
        raise NotImplementedError

    def dressed(self, outgoing: Outgoing) -> Outgoing:
        """The request as the next attempt sends it."""
        return outgoing

    # Its life

    async def send(self) -> APIResponse[R]:
        """Ask for an address, and send the request there; raises `APIError`, and what files raise."""
        try:
            return await super().send()
        except _Unsigned as unsigned:
            error = unsigned.error
        raise error from error.__cause__

    async def _attempt(self) -> APIResponse[R]:
        if self._aimed is None:
            await self.prepare()
        if self._aimed is None or anyio.current_time() >= self._ends:
            self._aimed = await self._aim()
        try:
            return await self._try(self._aimed)
        except APIStatusError as error:
            if self._was_too_old or not _is_too_old(error):
                raise
            self._was_too_old = True
        self._aimed = await self._aim()
        return await self._try(self._aimed)

    async def _try(self, aimed: Outgoing) -> APIResponse[R]:
        self.outgoing: Outgoing = self.dressed(aimed)
        try:
            return await super()._attempt()
        except APIStatusError as error:
            self._explain(error)
            raise

    def _may_try_again(self, error: APIError) -> bool:
        # A refused signature is refused again, whatever rules of the caller's own say.
        refused = isinstance(error, APIStatusError) and error.status_code == 403
        return not refused and super()._may_try_again(error)

    async def _aim(self) -> Outgoing:
        """Ask for an address, and turn to it."""
        try:
            response = await Life(self._engine, self._ask, self.run).send()
            signed = self.read(response)
            parts = None if signed is None else urlsplit(signed.url)
            if signed is None or parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
                message = f"{self._ask.operation} gave no signed address that can be used"
                raise APIResponseValidationError(message, response=response)
            form = self.form(signed)
        except APIError as error:
            # It stores nothing: whatever became of it, the file is not there.
            error.attempts = tuple(structs.replace(tried, maybe_applied=False) for tried in error.attempts)
            raise _Unsigned(error) from None
        self._secrets = secrets_of(signed.fields, parts.query)
        self._ends = anyio.current_time() + _lifetime(signed, response)
        origin = f"{parts.scheme}://{parts.netloc}"
        settings = structs.replace(
            self._engine.settings,
            base_url=origin,
            is_default=False,
            api_key=None,
            headers=(),
            query=(),
            max_rate=None,
        )
        target = signed.url.removeprefix(origin).partition("#")[0]
        target = target if target.startswith("/") else f"/{target}"
        call = structs.replace(self._asked, path=target, shown_path=parts.path or "/", template=SHOWN, body=form)
        self.turn_to(Engine(settings, self.network, self.events), call)
        return self.outgoing

    def _explain(self, error: APIStatusError) -> None:
        """Have an error say what S3's XML says, and no secret."""
        response = error.response
        text = without(self._secrets, response.text)
        said = told(text)
        headers = response.headers
        if response.request_id is None and "RequestId" in said:
            headers = Headers((*headers.items(), ("x-amz-request-id", said["RequestId"])))
        error.response = structs.replace(response, content=text.encode(), headers=headers)
        error.body = dict(said) or text or None
        if "Code" in said:
            error.message = ": ".join(filter(None, (said["Code"], said.get("Message"))))
        error.message = without(self._secrets, error.message)
        error.args = (error.message,)


def _is_too_old(error: APIStatusError) -> bool:
    said = error.body if isinstance(error.body, dict) else {}
    code, message = said.get("Code", ""), said.get("Message", "")
    return error.status_code in (400, 403) and (code == "ExpiredToken" or "expired" in message.lower())


def _lifetime(signed: Signed, response: APIResponse[Any]) -> float:
    """Seconds for which a signature can be used, counted by the service's own clock where it shows it."""
    if signed.expires is None:
        return math.inf
    now = http_date(response.headers.get("date", "")) or datetime.now(UTC)
    seconds = (signed.expires - now).total_seconds()
    # One that is over when it comes is sent all the same: of its own clock, S3 knows best.
    return seconds - min(_MARGIN, seconds / 10) if seconds > 0 else math.inf
