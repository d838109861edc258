"""`Sandbox`: the API in a box, and its doors."""

import math
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Any, Unpack, get_args

from wootiv.api.tree import Api
from wootiv.blocking import BlockingOptions, Wootiv
from wootiv.client import AsyncWootiv
from wootiv.engine.settings import ClientOptions
from wootiv.operation import operations_of
from wootiv.sandbox.accounts import Accounts
from wootiv.sandbox.app import App, ErrorShape, Route, beside, route
from wootiv.sandbox.crud import Crud
from wootiv.sandbox.entities import USERS, SentMail, World
from wootiv.sandbox.example import example
from wootiv.sandbox.exchange import Handler
from wootiv.sandbox.faults import Failure, Fault
from wootiv.sandbox.gate import Gate
from wootiv.sandbox.idempotency import Keys
from wootiv.sandbox.loading import table_of, whole_rows
from wootiv.sandbox.mailboxes import Mailboxes
from wootiv.sandbox.numbers import check
from wootiv.sandbox.record import Received, Requests
from wootiv.sandbox.rows import PASSWORD
from wootiv.sandbox.server import listen, serving
from wootiv.sandbox.storage import Storage
from wootiv.sandbox.store import Table
from wootiv.sandbox.throttle import Throttle
from wootiv.sandbox.transport import SandboxTransport
from wootiv.wire.words import describe

_ADDRESS = "http://sandbox.test"
_KEY = "sandbox-key"


class Sandbox:
    """The service's behaviour in memory: rows that are the same at every start, and whatever you do to them.

    `rows` is how many contacts it holds, `seed` what is in them, `latency` the seconds before each answer,
    `errors` the form of its errors. It takes any key, unless `api_key` is given: then that one, the keys of its
    workspaces, and the access tokens of its users. `throttle` limits the rate: a `TokenBucket` or a `FixedWindow` of
    `wootiv.sandbox`. With `idempotency=True` a write with the key of an earlier one gets that one's answer, and has
    no effect. `max_limit` is the most rows that a list gives at once; without it, contacts alone have one, of 500.
    `keep` is how many requests `requests` holds.
    """

    def __init__(
        self,
        *,
        rows: int = 250,
        seed: int = 1,
        latency: float = 0.0,
        errors: ErrorShape = "nest",
        api_key: str | None = None,
        throttle: Throttle | None = None,
        idempotency: bool = False,
        max_limit: int | None = None,
        keep: int = 10_000,
    ) -> None:
        check("rows", rows, whole=True)
        check("seed", seed, whole=True, least=-math.inf)
        check("latency", latency)
        check("keep", keep, whole=True)
        if max_limit is not None:
            check("max_limit", max_limit, whole=True, least=1)
        if errors not in get_args(ErrorShape):
            raise ValueError(f"errors must be one of {', '.join(map(repr, get_args(ErrorShape)))}, got {errors!r}")
        if not isinstance(throttle, Throttle | None):  # pyright: ignore[reportUnnecessaryIsInstance] - who checks no types
            raise TypeError(f"throttle must be a TokenBucket or a FixedWindow, got {describe(throttle)}")
        if api_key == "":
            raise ValueError("api_key must not be empty: without one, any key will do")
        self._key = api_key or _KEY
        self._world = World(rows, seed, max_limit)
        self.storage: Storage = Storage()
        self._accounts = accounts = Accounts(self._world)
        bucket = self.storage.bucket
        own = self.storage.handlers() | accounts.handlers() | Mailboxes(self._world).handlers()
        self.app: App = App(
            _routes(self._world, own, Keys() if idempotency else None),
            accepts=lambda key: api_key in (None, key) or accounts.accepts(key),
            errors=errors,
            others=[beside(name, *at, bucket.failure) for name, at in bucket.handlers().items()],
        )
        self.gate: Gate = Gate(self.app, latency=latency, throttle=throttle, keep=keep)

    @property
    def tables(self) -> dict[str, Table]:
        """Rows by the path of their list, such as `/contacts`."""
        return self._world.tables

    @property
    def outbox(self) -> list[SentMail]:
        """The mails that the service would have sent, the latest one last."""
        return self._world.outbox

    @property
    def requests(self) -> Requests:
        """What arrived, in that order, through all doors; the latest 10,000, or as many as `keep` says."""
        return self.gate.requests

    def load(self, table: str, rows: Iterable[Mapping[str, Any]]) -> int:
        """Have a table, such as `contacts`, hold these rows in place of its own; how many they are.

        A table has the name of its resource, such as `users`, and that of its path, such as `user`.

        A row has the names of the wire; it may leave out its audit, and what may be null. A user's may have a
        `password`. Relations are passed over: they have tables of their own. Raises `ValueError` for the first row
        that does not fit, and changes nothing then.
        """
        path = table_of(table)
        given = list(rows)
        also = ("password",) if path == USERS else ()
        whole = list(whole_rows(self._world.entities[path], given, also=also))
        with self.gate.lock:
            self.tables[path].load(whole)
            if path == USERS:
                self._accounts.admit({row["id"]: row.get("password", PASSWORD) for row in given})
        return len(whole)

    def fail(
        self,
        operation: str,
        *,
        status: int | None = None,
        times: int | None = 1,
        after_effect: bool = False,
        delay: float = 0.0,
        drop: bool = False,
        torn: bool = False,
        slow: float = 0.0,
        content_type: str | None = None,
        body: bytes | str | dict[str, Any] | list[Any] | None = None,
        headers: Mapping[str, str] | None = None,
        match: Callable[[Received], object] | None = None,
    ) -> Fault:
        """Have the next requests for an operation go wrong; `"*"` is any request, `times=None` all of them.

        `status` answers with that, and `drop` closes the connection with no answer: without effect, or after it if
        `after_effect`. What else there is changes how an answer goes out, the service's own or that of `status`:
        `delay` waits so many seconds, before the effect or after it; `torn` closes the connection half-way through
        the body; `slow` has the body take so many seconds; `content_type`, `body` and `headers` stand in place of its
        own. A `body` that is neither bytes nor text is sent as JSON.

        A request meets the first fault set that is for its operation, that `match` takes it for, and that is not
        over. `with` ends a fault with its block, `end()` at once. Any thread may set one, also while the sandbox
        serves. Raises `ValueError` or `TypeError` for what cannot go wrong so.
        """
        failure = Failure(
            status=status,
            after_effect=after_effect,
            delay=delay,
            drop=drop,
            torn=torn,
            slow=slow,
            content_type=content_type,
            body=body,
            headers=headers,
        )
        return self.gate.fail(Fault(operation, failure, times=times, match=match))

    def transport(self) -> SandboxTransport:
        """An httpx transport that leads here, with no socket."""
        return SandboxTransport(self.gate)

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
        return serving(self.gate, listen(port))

    def _options(self, options: Any) -> Any:
        return {"api_key": self._key, "base_url": _ADDRESS, "transport": self.transport(), **options}


def _routes(world: World, own: dict[str, Handler], keys: Keys | None) -> list[Route]:
    cruds = [Crud(entity, world) for entity in world.entities.values()]
    routes: list[Route] = []
    for name, operation in operations_of(Api):
        served = own.get(name) or next((handler for crud in cruds if (handler := crud.handler(operation))), None)
        handler = served or example(operation)
        if keys and operation.method != "GET":
            handler = keys.around(handler)
        routes.append(route(name, operation, handler, stateful=served is not None))
    return routes
