"""Handlers of events, in each mode. Only type checkers read this: nothing here runs."""

from collections.abc import Callable
from typing import assert_type

from wootiv import (
    AsyncWootiv,
    Attempt,
    AttemptEnded,
    Event,
    Failed,
    Hook,
    NotSent,
    OutcomeKnown,
    PageFetched,
    Succeeded,
    Unknown,
    WaitBegun,
    Wootiv,
)


def hears_of_all(event: Event) -> None:
    """A handler of a user's own."""


def hears_of_attempts(event: AttemptEnded) -> int:
    """Another; what it gives does not matter."""
    return event.attempt.number


def handlers(client: AsyncWootiv, blocking: Wootiv, heard: list[AttemptEnded], any_handler: Callable[..., str]) -> None:
    assert_type(client.on(AttemptEnded, hears_of_attempts), Hook)
    assert_type(blocking.on(AttemptEnded, hears_of_attempts), Hook)
    client.on(AttemptEnded, hears_of_all)
    client.on(Event, hears_of_all)
    blocking.on(AttemptEnded, heard.append)
    blocking.on(OutcomeKnown, any_handler)
    with client.on(WaitBegun, print) as hook:
        assert_type(hook, Hook)
    assert_type(hook(), None)
    # the argument of a lambda is the event
    client.on(AttemptEnded, lambda event: assert_type(event, AttemptEnded))
    blocking.on(PageFetched, lambda event: assert_type(event, PageFetched))
    client.with_options().on(Event, lambda event: assert_type(event, Event))


def what_events_hold(ended: AttemptEnded, wait: WaitBegun, page: PageFetched, known: OutcomeKnown) -> None:
    assert_type(ended.attempt, Attempt)
    assert_type(ended.request_id, str | None)
    assert_type(wait.seconds, float)
    assert_type(page.total, int | None)
    match known.outcome:
        case Succeeded() | Failed() | Unknown() | NotSent():
            assert_type(known.outcome.index, int)
    ended.request_id = "r"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]


def refused(client: AsyncWootiv, blocking: Wootiv, pages: list[PageFetched]) -> None:
    client.on(WaitBegun, hears_of_attempts)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.on(Event, hears_of_attempts)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    blocking.on(AttemptEnded, pages.append)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    blocking.on(str, print)  # type: ignore[type-var]  # pyright: ignore[reportArgumentType]
    blocking.on("AttemptEnded", print)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    blocking.on(AttemptEnded)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    client.on(PageFetched, lambda event: event.rws)  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownLambdaType]
    client.on(AttemptEnded, lambda: None)  # type: ignore[arg-type, misc]  # pyright: ignore[reportArgumentType]
