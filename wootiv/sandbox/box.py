"""`Sandbox`: the API in a box, and its doors."""

from contextlib import AbstractContextManager
from typing import Any, Unpack

from wootiv.api.contacts import Contact, ContactGroup
from wootiv.api.shapes import Workspace
from wootiv.api.tree import Api
from wootiv.blocking import BlockingOptions, Wootiv
from wootiv.client import AsyncWootiv
from wootiv.engine.settings import ClientOptions
from wootiv.operation import Operation, operations_of
from wootiv.sandbox import rows as seeds
from wootiv.sandbox.app import App, ErrorShape, Handler, Route, route
from wootiv.sandbox.handlers import Crud, columns, example
from wootiv.sandbox.server import listen, serving
from wootiv.sandbox.storage import Storage
from wootiv.sandbox.store import Table
from wootiv.sandbox.transport import SandboxTransport
from wootiv.wire.shape import Shape

_ADDRESS = "http://sandbox.test"
_KEY = "sandbox-key"


class Sandbox:
    """The service's behaviour in memory: rows that are the same at every start, and whatever you do to them.

    `rows` is how many contacts it holds, `seed` what is in them, `latency` the seconds before each answer,
    `errors` the form of its errors, `api_key` the one key that it takes (any, unless given).
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
        self._latency = latency
        self._key = api_key or _KEY
        self.tables: dict[str, Table] = _tables(rows, seed)
        """Rows by the path of their list, such as `/contacts`."""
        self.storage: Storage = Storage(_ADDRESS)
        self.app: App = App(list(_routes(self.tables, self.storage, seed)), api_key=api_key, errors=errors)

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


def _tables(rows: int, seed: int) -> dict[str, Table]:
    contents: dict[str, tuple[type[Shape], Any]] = {
        "/contacts": (Contact, seeds.contacts(rows, seed)),
        "/contact_group": (ContactGroup, seeds.contact_groups(seed)),
        "/wspace": (Workspace, seeds.workspaces(seed)),
    }
    tables: dict[str, Table] = {}
    for path, (shape, content) in contents.items():
        tables[path] = Table(shape.__name__, columns(shape), max_limit=500 if path == "/contacts" else None)
        tables[path].load(content)
    return tables


def _routes(tables: dict[str, Table], storage: Storage, seed: int) -> list[Route]:
    operations = dict(operations_of(Api))
    cruds = [
        Crud(operation.template, operation.declaration.answer, tables, seed)
        for operation in operations.values()
        if operation.kind == "crud" and operation.template in tables
    ]
    own = storage.handlers()
    return [
        route(name, operation, own.get(name) or _served(operation, cruds)) for name, operation in operations.items()
    ]


def _served(operation: Operation[Any, Any], cruds: list[Crud]) -> Handler:
    return next((handler for crud in cruds if (handler := crud.handler(operation))), None) or example(operation)
