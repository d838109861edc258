"""What became of each call of a bulk."""

from typing import Any, Generic, TypeAlias, TypeVar

from msgspec import Struct

from wootiv.errors import APIError
from wootiv.message import Attempt

I = TypeVar("I")  # noqa: E741 - an item
R = TypeVar("R")


class Succeeded(Struct, Generic[I, R], frozen=True):
    """The call was answered."""

    index: int
    """Of the item among all items, from 0."""
    item: I
    value: R
    """The answer."""
    attempts: tuple[Attempt, ...] = ()


class Failed(Struct, Generic[I], frozen=True):
    """The call was refused, or could not be made; nothing was carried out."""

    index: int
    """Of the item among all items, from 0."""
    item: I
    error: Exception
    """An `APIError`, or what `make` or a file to upload raised."""
    attempts: tuple[Attempt, ...] = ()


class Unknown(Struct, Generic[I], frozen=True):
    """The call may have been carried out, or not: it went out and got no answer, or a 408 or 500 and above."""

    index: int
    """Of the item among all items, from 0."""
    item: I
    error: APIError
    attempts: tuple[Attempt, ...] = ()


class NotSent(Struct, Generic[I], frozen=True):
    """The bulk ended before the call was answered, and nothing was carried out."""

    index: int
    """Of the item among all items, from 0."""
    item: I
    error: APIError
    """Why it ended."""
    attempts: tuple[Attempt, ...] = ()


Outcome: TypeAlias = Succeeded[I, R] | Failed[I] | Unknown[I] | NotSent[I]
"""What became of one item, one of four."""


class BulkCounts(Struct, frozen=True):
    """How many items had which outcome, and what it took."""

    succeeded: int = 0
    failed: int = 0
    unknown: int = 0
    not_sent: int = 0
    requests: int = 0
    """Attempts on the wire."""
    retries: int = 0
    """Attempts beyond the first of their call."""
    waited: float = 0.0
    """Seconds for which the rate limit held back at least one request."""

    @property
    def items(self) -> int:
        """Items that have an outcome."""
        return self.succeeded + self.failed + self.unknown + self.not_sent


class BulkError(ExceptionGroup[Exception]):
    """The errors of a bulk, in order of its items; only `BulkResult.raise_for_errors` raises it."""

    def derive(self, excs: Any, /) -> Any:
        """The same, of some of the errors."""
        return BulkError(self.message, excs)


class BulkResult(Struct, Generic[I, R], frozen=True):
    """All outcomes of a bulk, by kind, each in order of its items."""

    counts: BulkCounts
    succeeded: list[Succeeded[I, R]]
    failed: list[Failed[I]]
    unknown: list[Unknown[I]]
    not_sent: list[NotSent[I]]

    @property
    def outcomes(self) -> list[Outcome[I, R]]:
        """All of them, in order of the items."""
        every: list[Outcome[I, R]] = [*self.succeeded, *self.failed, *self.unknown, *self.not_sent]
        return sorted(every, key=lambda outcome: outcome.index)

    def raise_for_errors(self) -> None:
        """Raise a `BulkError`, an `ExceptionGroup`, if any item did not succeed."""
        bad = [outcome for outcome in self.outcomes if not isinstance(outcome, Succeeded)]
        if bad:
            told = [f"{len(self.failed)} failed", f"{len(self.unknown)} unknown", f"{len(self.not_sent)} not sent"]
            told = [text for text in told if not text.startswith("0 ")]
            raise BulkError(f"{len(bad)} of {self.counts.items} calls: {', '.join(told)}", [one.error for one in bad])


def sorted_out(outcomes: "list[Outcome[I, R]]", counts: BulkCounts) -> BulkResult[I, R]:
    """Outcomes by kind, in order of their items."""
    result: BulkResult[I, R] = BulkResult(counts, [], [], [], [])
    for outcome in sorted(outcomes, key=lambda outcome: outcome.index):
        match outcome:
            case Succeeded():
                result.succeeded.append(outcome)
            case Failed():
                result.failed.append(outcome)
            case Unknown():
                result.unknown.append(outcome)
            case NotSent():
                result.not_sent.append(outcome)
    return result
