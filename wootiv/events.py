"""What a client tells of its calls while they are under way: `client.on(AttemptEnded, handler)`."""

from typing import Any, Literal

from msgspec import Struct

from wootiv.message import Attempt
from wootiv.outcome import Outcome


class Event(Struct, frozen=True):
    """What happened; `client.on(Event, handler)` hears of every kind.

    No event holds a key, a body, or the value of a header or of a query parameter, but for outcomes: these hold the
    items that you gave.
    """


class AttemptEnded(Event, frozen=True):
    """An attempt of a call has ended: with an answer, without one, or because the call was cancelled."""

    operation: str
    """Its name, such as `contacts.create`, or that of a verb, such as `get`."""
    method: str
    template: str
    """The path as declared, such as `/contacts/{id}`."""
    attempt: Attempt
    """Its `wait` is not known yet, and 0: `WaitBegun` tells."""
    request_id: str | None = None
    """The id that the server, or a proxy before it, gave the request; `None` without an answer."""


class WaitBegun(Event, frozen=True):
    """A call waits before its next attempt."""

    operation: str
    """Its name, such as `contacts.create`, or that of a verb, such as `get`."""
    method: str
    template: str
    """The path as declared, such as `/contacts/{id}`."""
    seconds: float
    """How long; for the rate limit, as far as is known now."""
    why: Literal["retry", "rate limit"]
    """What it waits for: another try after a failure, or its turn."""


class PageFetched(Event, frozen=True):
    """A page of a list is there."""

    operation: str
    """Its name, such as `contacts.list`."""
    number: int
    """How many pages of this list object were fetched, with this one. Side by side they come in any order."""
    rows: int
    """How many rows this page has."""
    total: int | None = None
    """Rows that match in all, as the first page told; `None` if the server sent a bare list."""


class OutcomeKnown(Event, frozen=True):
    """What became of one item of a bulk is known."""

    outcome: Outcome[Any, Any]
    """One of `Succeeded`, `Failed`, `Unknown` and `NotSent`."""


KINDS: tuple[type[Event], ...] = (AttemptEnded, WaitBegun, PageFetched, OutcomeKnown)
"""All that a client tells."""
