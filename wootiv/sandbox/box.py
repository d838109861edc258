"""`Sandbox`: the API in a box, and its doors."""

from contextlib import AbstractContextManager
from typing import Any, Unpack, get_args

from wootiv.api.tree import Api
from wootiv.blocking import BlockingOptions, Wootiv
from wootiv.client import AsyncWootiv
from wootiv.engine.settings import ClientOptions
from wootiv.operation import operations_of
from wootiv.sandbox.accounts import Accounts
from wootiv.sandbox.app import App, ErrorShape, Route, route
from wootiv.sandbox.crud import Crud
from wootiv.sandbox.entities import SentMail, World
from wootiv.sandbox.example import example
from wootiv.sandbox.exchange import Handler
from wootiv.sandbox.mailboxes import Mailboxes
from wootiv.sandbox.server import listen, serving
from wootiv.sandbox.storage import Storage
from wootiv.sandbox.store import Table
from wootiv.sandbox.transport import SandboxTransport
from wootiv.wire.words import describe

_ADDRESS = "http://sandbox.test"
_KEY = "sandbox-key"


class Sandbox:
    """The service's behaviour in memory: rows that are the same at every start, and whatever you do to them.

    `rows` is how many contacts it holds, `seed` what is in them, `latency` the seconds before each answer,
    `errors` the form of its errors. It takes any key, unless `api_key` is given: then that one, the keys of its
    workspaces, and the access tokens of its users.
    """

    def __init__(
        self,
        *,
        rows: int = 250,
        seed: int = 1,
        latency: float = 0.0,
        errors: ErrorShape = "nest",
        api_key: str | None = None,
    ) -> None:
        _check("rows", rows, int)
        _check("seed", seed, int, least=None)
        _check("latency", latency, int | float)
        if errors not in get_args(ErrorShape):
            raise ValueError(f"errors must be one of {', '.join(map(repr, get_args(ErrorShape)))}, got {errors!r}")
        if api_key == "":
            raise ValueError("api_key must not be empty: without one, any key will do")
        self._latency = latency
        self._key = api_key or _KEY
        self._world = World(rows, seed)
        self.storage: Storage = Storage(_ADDRESS)
        accounts = Accounts(self._world)
        own = self.storage.handlers() | accounts.handlers() | Mailboxes(self._world).handlers()
        self.app: App = App(
            _routes(self._world, own),
            accepts=lambda key: api_key in (None, key) or accounts.accepts(key),
            errors=errors,
        )

    @property
    def tables(self) -> dict[str, Table]:
        """Rows by the path of their list, such as `/contacts`."""
        return self._world.tables

    @property
    def outbox(self) -> list[SentMail]:
        """The mails that the service would have sent, the latest one last."""
        return self._world.outbox

    def transport(self) -> SandboxTransport:
        """An httpx transport that leads here, with no socket."""
        return SandboxTransport(self.app, self._latency)

    def client(self, **options: Unpack[BlockingOptions]) -> Wootiv:
        """A blocking client of this sandbox."""
        return Wootiv(**self._options(options))

    def async_client(self, **options: Unpack[ClientOptions]) -> AsyncWootiv:
        """An async client of this sandbox."""
        return AsyncWootiv(**self._options(options))

    def serving(self, port: int = 0) -> AbstractContextManager[str]:
        """Serve on a socket of this machine as long as the `with` block lasts; gives the base URL.

        Port 0 takes any that is free. Raises `OSError` if the port is taken, and `ModuleNotFoundError` without the
        extra `sandbox`.
        """
        return serving(self.app, listen(port), self._latency)

    def _options(self, options: Any) -> Any:
        return {"api_key": self._key, "base_url": _ADDRESS, "transport": self.transport(), **options}


def _check(name: str, value: Any, kind: Any, *, least: int | None = 0) -> None:
    if isinstance(value, bool) or not isinstance(value, kind):
        raise TypeError(f"{name} must be a number, got {describe(value)}")
    if least is not None and not value >= least:
        raise ValueError(f"{name} must be {least} or more, got {value}")


def _routes(world: World, own: dict[str, Handler]) -> list[Route]:
    cruds = [Crud(entity, world) for entity in world.entities.values()]
    routes: list[Route] = []
    for name, operation in operations_of(Api):
        served = own.get(name) or next((handler for crud in cruds if (handler := crud.handler(operation))), None)
        routes.append(route(name, operation, served or example(operation), stateful=served is not None))
    return routes
