"""The calls of a bulk that are under way, and the outcome of each."""

from collections import Counter, deque
from collections.abc import Callable, Coroutine
from functools import partial
from types import TracebackType
from typing import Any, Generic, Literal, Self, TypeAlias, TypeVar, get_args

import anyio
from msgspec import Struct

from wootiv.call import Call
from wootiv.engine.send import Engine, Life
from wootiv.errors import APIError, APIResponseValidationError, APITimeoutError, ClientStateError
from wootiv.outcome import BulkCounts, Failed, NotSent, Outcome, Succeeded, Unknown
from wootiv.run import Run, check_count, check_seconds
from wootiv.tasks import Tasks
from wootiv.wire.words import kind_of

I = TypeVar("I")  # noqa: E741 - an item
R = TypeVar("R")

OnError: TypeAlias = Literal["continue", "stop"]


class BulkPlan(Struct, Generic[I, R], frozen=True):
    """What a bulk is to do. Raises `TypeError` or `ValueError`."""

    make: Callable[[I], Call[R]]
    concurrency: int = 8
    on_error: OnError = "continue"
    resend_unknown: bool = False
    total_timeout: float | None = None

    def __post_init__(self) -> None:
        if not callable(self.make):
            raise TypeError(f"bulk: make must be a function that gives a call, got {kind_of(self.make)}")
        check_count("concurrency", self.concurrency)
        check_seconds("total_timeout", self.total_timeout)
        if self.on_error not in get_args(OnError):
            raise ValueError(f"on_error: expected 'continue' or 'stop', got {self.on_error!r}")


class Job(Struct, Generic[I, R]):
    """One item on its way to its outcome.

    A struct, because making one runs no Python code: a Ctrl-C can come before or after, but not between.
    """

    index: int
    item: I
    made: Call[R] | Outcome[I, R] | None = None
    life: Life[R] | None = None

    def not_sent(self, why: str) -> NotSent[I]:
        """The outcome of an item for which no call was begun."""
        return NotSent(self.index, self.item, APIError(f"not sent: {why}"))

    def judged(self, error: APIError) -> Outcome[I, R]:
        """The outcome of a call that ended in an error."""
        writes = self.life is not None and self.life.call.method != "GET"
        if error.maybe_applied or (writes and isinstance(error, APIResponseValidationError)):
            return Unknown(self.index, self.item, error, error.attempts)
        if not error.attempts and isinstance(error, APITimeoutError | ClientStateError):
            return NotSent(self.index, self.item, error)
        return Failed(self.index, self.item, error, error.attempts)

    def broken_off(self) -> Outcome[I, R]:
        """The outcome of a call that was cancelled, before it began or wherever it was."""
        if self.life is None:
            return self.not_sent("the bulk was left first")
        error = self.life.broken_off()
        if error.maybe_applied:
            return Unknown(self.index, self.item, error, error.attempts)
        return NotSent(self.index, self.item, error, error.attempts)


class Crew(Generic[I, R]):
    """The calls that are under way. It belongs to one event loop, but for its two queues."""

    def __init__(self, engine: Engine, plan: BulkPlan[I, R]) -> None:
        self.plan = plan
        self.done: deque[Outcome[I, R]] = deque()
        """Outcomes that nobody has read."""
        self.waiting: deque[Job[I, R]] = deque()
        """Jobs that another thread has put here, and that are not begun."""
        self.over: str | None = None
        """Why no more is sent."""
        self._engine = engine
        self._run: Run | None = None
        self._tasks = Tasks()
        self._busy: dict[int, Job[I, R]] = {}
        self._counts: Counter[str] = Counter()
        self._changed: anyio.Event

    async def __aenter__(self) -> Self:
        self._run = Run(self.plan.total_timeout, resend_unknown=self.plan.resend_unknown)
        self._changed = anyio.Event()
        await self._tasks.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        try:
            return await self._tasks.__aexit__(kind, error, trace)  # noqa: ASYNC102 - it waits for tasks that are cancelled
        finally:
            self.over = "the bulk was left first"
            for job in (*self._busy.values(), *self.waiting):
                self.settle(job.broken_off())
            self._busy.clear()
            self.waiting.clear()
            del error, trace

    def start(self, function: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run a function in a task of the crew's own."""
        self._tasks.start(function)

    @property
    def is_idle(self) -> bool:
        """Whether no call is under way."""
        return not self._busy and not self.waiting

    @property
    def room(self) -> int:
        """How many more calls may be begun before outcomes are read."""
        return self.plan.concurrency - len(self.waiting) - len(self._busy) - len(self.done)

    @property
    def counts(self) -> BulkCounts:
        """What it came to, so far."""
        run = self._run
        if run is None:
            return BulkCounts()
        return BulkCounts(**self._counts, requests=run.requests, retries=run.retries, waited=run.waited)

    def make(self, job: Job[I, R]) -> None:
        """Make an item's call, in any thread; raises `TypeError` if `make` gives no call."""
        if self.over is not None:
            job.made = job.not_sent(self.over)
            return
        try:
            call = self.plan.make(job.item)
        except Exception as error:  # noqa: BLE001 - the caller's own, told as this item's
            job.made = Failed(job.index, job.item, error)
            return
        if not isinstance(call, Call):  # pyright: ignore[reportUnnecessaryIsInstance]
            job.made = job.not_sent("make gave no call")
            expected = "make must give a call of wootiv.calls, such as wootiv.calls.contacts.delete(id)"
            raise TypeError(f"bulk: {expected}, got {kind_of(call)}")
        job.made = call

    def begin(self, job: Job[I, R]) -> None:
        """Send an item's call, or take in its outcome if it has one already."""
        if self._run is not None and anyio.current_time() >= self._run.deadline:
            self.over = self.over or f"total_timeout of {self.plan.total_timeout:g} s ran out"
        if job.made is not None and not isinstance(job.made, Call):
            self.settle(job.made)
        elif job.made is None or self.over is not None:
            self.settle(job.not_sent(self.over or "no call was made"))
        else:
            self._busy[job.index] = job
            self._tasks.start(partial(self._carry_out, job, job.made))

    def begin_waiting(self) -> None:
        """Begin what another thread has put in."""
        while self.waiting and self.waiting[0].made is not None:
            self.begin(self.waiting[0])
            self.waiting.popleft()  # last: who looks from outside sees it here, or there, or both

    def settle(self, outcome: Outcome[I, R]) -> None:
        """Take in an outcome."""
        self._counts[_COUNTED[type(outcome)]] += 1
        if self.plan.on_error == "stop" and isinstance(outcome, Failed | Unknown):
            self.over = self.over or f"on_error is 'stop', and item {outcome.index} did not succeed"
        self.done.append(outcome)
        self._changed.set()

    def wake(self) -> None:
        """Let whoever waits for an outcome look again."""
        self._changed.set()

    async def change(self) -> None:
        """Wait for an outcome, or until there may be none any more."""
        self._changed = anyio.Event()
        await self._changed.wait()

    async def _carry_out(self, job: Job[I, R], call: Call[R]) -> None:
        outcome = await self._outcome(job, call)  # cancelled here, it is still among the busy
        self.settle(outcome)
        del self._busy[job.index]

    async def _outcome(self, job: Job[I, R], call: Call[R]) -> Outcome[I, R]:
        job.life = life = self._engine.begin(call, self._run)
        try:
            response = await life.send()
            return Succeeded(job.index, job.item, response.parse(), response.attempts)
        except APIError as error:
            return job.judged(error)  # noqa: ASYNC910 - the call waits, or nobody waits for this task
        except Exception as error:  # noqa: BLE001 - of a file or a transport of the caller's own
            return Failed(job.index, job.item, error)  # noqa: ASYNC910 - the call waits, or nobody waits for this task


_COUNTED: dict[type, str] = {Succeeded: "succeeded", Failed: "failed", Unknown: "unknown", NotSent: "not_sent"}
