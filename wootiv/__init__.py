"""The Wootiv API for Python: `AsyncWootiv` under trio or asyncio, `Wootiv` for code that blocks.

What stands below is loaded at first use, so that `import wootiv` costs next to nothing.
"""

import sys
from importlib import import_module

TYPE_CHECKING = False  # checkers know it by its name; importing it from typing would cost most of the start-up

if TYPE_CHECKING:  # for checkers and editors; at run time __getattr__ does the same, late
    __version__: str
    from wootiv import query, types
    from wootiv.api.tree import calls
    from wootiv.blocking import Client, Wootiv
    from wootiv.blocking_pages import Page
    from wootiv.call import Call, Options
    from wootiv.client import AsyncClient, AsyncWootiv
    from wootiv.concurrent import AsyncConcurrentList
    from wootiv.cursor import PageData, PageInfo
    from wootiv.engine.blocking_bulk import Bulk
    from wootiv.engine.bulk import AsyncBulk
    from wootiv.engine.events import Hook
    from wootiv.engine.pace import RateLimit
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
    from wootiv.events import AttemptEnded, Event, OutcomeKnown, PageFetched, WaitBegun
    from wootiv.hosted import ConcurrentList
    from wootiv.message import APIResponse, Attempt, Headers, SentRequest
    from wootiv.outcome import BulkCounts, BulkError, BulkResult, Failed, NotSent, Outcome, Succeeded, Unknown
    from wootiv.pages import AsyncPage, AsyncPaginator
    from wootiv.sandbox.box import Sandbox
    from wootiv.seams import Stats
    from wootiv.transfer.download import Downloaded
    from wootiv.transfer.upload import Uploaded

__all__ = [
    "ENVIRONMENTS",
    "APIConnectionError",
    "APIError",
    "APIResponse",
    "APIResponseValidationError",
    "APIStatusError",
    "APITimeoutError",
    "AsyncBulk",
    "AsyncClient",
    "AsyncConcurrentList",
    "AsyncPage",
    "AsyncPaginator",
    "AsyncWootiv",
    "Attempt",
    "AttemptEnded",
    "AuthenticationError",
    "BadRequestError",
    "BlockedLoopWarning",
    "Bulk",
    "BulkCounts",
    "BulkError",
    "BulkResult",
    "Call",
    "Client",
    "ClientStateError",
    "ConcurrentList",
    "ConflictError",
    "Downloaded",
    "Event",
    "Failed",
    "Headers",
    "Hook",
    "InternalServerError",
    "NotFoundError",
    "NotSent",
    "Options",
    "Outcome",
    "OutcomeKnown",
    "Page",
    "PageData",
    "PageFetched",
    "PageInfo",
    "PermissionDeniedError",
    "RateLimit",
    "RateLimitError",
    "Sandbox",
    "SentRequest",
    "Stats",
    "Succeeded",
    "Unknown",
    "UnprocessableEntityError",
    "Uploaded",
    "WaitBegun",
    "Wootiv",
    "__version__",
    "calls",
    "query",
    "types",
]

_HOMES = {
    "wootiv.api.tree": ("calls",),
    "wootiv.blocking": ("Client", "Wootiv"),
    "wootiv.blocking_pages": ("Page",),
    "wootiv.call": ("Call", "Options"),
    "wootiv.client": ("AsyncClient", "AsyncWootiv"),
    "wootiv.engine.events": ("Hook",),
    "wootiv.engine.blocking_bulk": ("Bulk",),
    "wootiv.engine.bulk": ("AsyncBulk",),
    "wootiv.outcome": (
        "BulkCounts",
        "BulkError",
        "BulkResult",
        "Failed",
        "NotSent",
        "Outcome",
        "Succeeded",
        "Unknown",
    ),
    "wootiv.engine.pace": ("RateLimit",),
    "wootiv.engine.portal": ("BlockedLoopWarning",),
    "wootiv.engine.settings": ("ENVIRONMENTS",),
    "wootiv.errors": tuple(name for name in __all__ if name.endswith("Error") and name != "BulkError"),
    "wootiv.events": ("AttemptEnded", "Event", "OutcomeKnown", "PageFetched", "WaitBegun"),
    "wootiv.message": ("APIResponse", "Attempt", "Headers", "SentRequest"),
    "wootiv.concurrent": ("AsyncConcurrentList",),
    "wootiv.hosted": ("ConcurrentList",),
    "wootiv.seams": ("Stats",),
    "wootiv.cursor": ("PageData", "PageInfo"),
    "wootiv.pages": ("AsyncPage", "AsyncPaginator"),
    "wootiv.sandbox.box": ("Sandbox",),
    "wootiv.transfer.download": ("Downloaded",),
    "wootiv.transfer.upload": ("Uploaded",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


if not TYPE_CHECKING:  # checkers would take it for a promise that every name is there, misspelt ones too

    def __getattr__(name: str) -> object:
        if name in ("query", "types"):
            return import_module(f"wootiv.{name}")
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
