"""The Wootiv API for Python: `AsyncWootiv` under trio or asyncio, `Wootiv` for code that blocks.

What stands below is loaded at first use, so that `import wootiv` costs next to nothing.
"""

import sys
from importlib import import_module

TYPE_CHECKING = False  # checkers know it by its name; importing it from typing would cost most of the start-up

if TYPE_CHECKING:  # for checkers and editors; at run time __getattr__ does the same, late
    __version__: str
    from wootiv import types
    from wootiv.api.tree import calls
    from wootiv.blocking import Client, Wootiv
    from wootiv.call import Call, Options
    from wootiv.client import AsyncClient, AsyncWootiv
    from wootiv.cursor import PageData, PageInfo
    from wootiv.engine.portal import BlockedLoopWarning
    from wootiv.engine.settings import ENVIRONMENTS
    from wootiv.errors import (
        APIConnectionError,
        APIError,
        APIResponseValidationError,
        APIStatusError,
        APITimeoutError,
        AuthenticationError,
        BadRequestError,
        ClientStateError,
        ConflictError,
        InternalServerError,
        NotFoundError,
        PermissionDeniedError,
        RateLimitError,
        UnprocessableEntityError,
    )
    from wootiv.message import APIResponse, Attempt, Headers, SentRequest
    from wootiv.pages import AsyncPage, AsyncPaginator, Page
    from wootiv.sandbox.box import Sandbox

__all__ = [
    "ENVIRONMENTS",
    "APIConnectionError",
    "APIError",
    "APIResponse",
    "APIResponseValidationError",
    "APIStatusError",
    "APITimeoutError",
    "AsyncClient",
    "AsyncPage",
    "AsyncPaginator",
    "AsyncWootiv",
    "Attempt",
    "AuthenticationError",
    "BadRequestError",
    "BlockedLoopWarning",
    "Call",
    "Client",
    "ClientStateError",
    "ConflictError",
    "Headers",
    "InternalServerError",
    "NotFoundError",
    "Options",
    "Page",
    "PageData",
    "PageInfo",
    "PermissionDeniedError",
    "RateLimitError",
    "Sandbox",
    "SentRequest",
    "UnprocessableEntityError",
    "Wootiv",
    "__version__",
    "calls",
    "types",
]

_HOMES = {
    "wootiv.api.tree": ("calls",),
    "wootiv.blocking": ("Client", "Wootiv"),
    "wootiv.call": ("Call", "Options"),
    "wootiv.client": ("AsyncClient", "AsyncWootiv"),
    "wootiv.engine.portal": ("BlockedLoopWarning",),
    "wootiv.engine.settings": ("ENVIRONMENTS",),
    "wootiv.errors": tuple(name for name in __all__ if name.endswith("Error")),
    "wootiv.message": ("APIResponse", "Attempt", "Headers", "SentRequest"),
    "wootiv.cursor": ("PageData", "PageInfo"),
    "wootiv.pages": ("AsyncPage", "AsyncPaginator", "Page"),
    "wootiv.sandbox.box": ("Sandbox",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


if not TYPE_CHECKING:  # checkers would take it for a promise that every name is there, misspelt ones too

    def __getattr__(name: str) -> object:
        if name == "types":
            return import_module("wootiv.types")
        if name == "__version__":
            from importlib.metadata import version

            return version("wootiv")
        if name not in _HOME_OF:
            message = f"module 'wootiv' has no attribute {name!r}"
            raise AttributeError(message, name=name, obj=sys.modules[__name__])
        value = getattr(import_module(_HOME_OF[name]), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted(__all__)
