"""The calls of a bulk that are under way, and the outcome of each."""

from collections import deque
from collections.abc import Callable, Coroutine
from functools import partial
from types import TracebackType
from typing import Any, Generic, Literal, Self, TypeAlias, TypeVar, get_args

import anyio
from msgspec import UNSET, Struct

from wootiv.call import Call
from wootiv.engine.retry import is_throttled
from wootiv.engine.send import Engine, Life
from wootiv.errors import APIError, APIStatusError, ClientStateError
from wootiv.events import OutcomeKnown
from wootiv.interrupts import interruptible, notify
from wootiv.message import Form
from wootiv.outcome import BulkCounts, Failed, NotSent, Outcome, Succeeded, Unknown
from wootiv.run import MAX_WAIT, Run, check_count, check_flag, check_seconds
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
        check_flag("resend_unknown", self.resend_unknown)
        if self.on_error not in get_args(OnError):
            raise ValueError(f"on_error: expected 'continue' or 'stop', got {self.on_error!r}")


class Job(Struct, Generic[I, R]):
    """One item on its way to its outcome.

    A struct, because making one runs no Python code: a Ctrl-C can come before or after, but not between.
    """

    index: int
    item: Any = UNSET
    """An `I`, once it was read."""
    made: Call[R] | Outcome[I, R] | None = None
    life: Life[R] | None = None
    scope: anyio.CancelScope | None = None

    @property
    def may_stand(self) -> bool:
        """Whether a write may have been carried out: it went out, and was not refused."""
        life = self.life
        return (
            life is not None
            and life.call.method != "GET"
            and any(tried.maybe_applied or (tried.status is not None and tried.status < 300) for tried in life.attempts)
        )

    def not_sent(self, why: str) -> NotSent[I]:
        """The outcome of an item for which nothing went out."""
        return NotSent(self.index, self.item, APIError(f"not sent: {why}"))

    def broken_off(self, why: str) -> Outcome[I, R]:
        """The outcome of a call that was cancelled, before it began or wherever it was."""
        error = self.life.broken_off() if self.life is not None else None
        if error is None or not error.attempts:
            return self.not_sent(why)
        kind = Unknown if self.may_stand else NotSent
        return kind(self.index, self.item, error, error.attempts)

    def ended(self, error: Exception) -> Outcome[I, R]:
        """The outcome of a call that ended in an error."""
        life = self.life
        is_file = life is not None and isinstance(life.call.body, Form)  # what is cut off there is no request
        if life is not None and not isinstance(error, APIError) and (self.may_stand or not is_file):
            told = life.broken_off(f"{type(error).__name__} was raised")  # by a transport or a type of the caller's own
            told.__cause__, error = error, told
        attempts = tuple(life.attempts) if life is not None else ()
        if isinstance(error, APIError):
            if self.may_stand:
                return Unknown(self.index, self.item, error, attempts)
            if isinstance(error, ClientStateError) or self._ran_out_of_the_runs_time:
                return NotSent(self.index, self.item, error, attempts)
        return Failed(self.index, self.item, error, attempts)

    @property
    def _ran_out_of_the_runs_time(self) -> bool:
        life = self.life
        return life is not None and life.late and life.run is not None and life.deadline == life.run.deadline


class Crew(Generic[I, R]):
    """The calls that are under way. It belongs to one event loop, but for its two queues."""

    def __init__(self, engine: Engine, plan: BulkPlan[I, R]) -> None:
        self.plan = plan
        self.done: deque[Outcome[I, R]] = deque()
        """Outcomes that nobody has read."""
        self.waiting: deque[Job[I, R]] = deque()
        """Jobs that are not begun; the last one may have no call yet, or no item."""
        self.over: str | None = None
        """Why no more is sent."""
        self.left: bool = False
        """Whether the block was left, and its tasks are gone."""
        self.reading: anyio.CancelScope | None = None
        """What reading an item waits in, where it is not worth waiting for once no more is sent."""
        self._engine = engine
        self._run = Run()
        self._tasks = Tasks()
        self._busy: dict[int, Job[I, R]] = {}
        self._counts = dict.fromkeys(_COUNTED.values(), 0)
        self._changed: anyio.Event

    async def __aenter__(self) -> Self:
        self._run = Run(self.plan.total_timeout, resend_unknown=self.plan.resend_unknown)
        self._changed = anyio.Event()
        await self._tasks.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        self.end("the bulk was left first")  # before the tasks are told, who might begin another call meanwhile
        try:
            return await self._tasks.__aexit__(kind, error, trace)  # noqa: ASYNC102 - it waits for tasks that are cancelled
        finally:
            self.left = True
            self.sweep()
            self.wake()
            del error, trace

    def start(self, function: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run a function in a task of the crew's own."""
        self._tasks.start(function)

    @property
    def deadline(self) -> float:
        """When its time is up, on the loop's clock."""
        return self._run.deadline

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
        return BulkCounts(**self._counts, requests=run.requests, retries=run.retries, waited=run.waited)

    @interruptible
    def make(self, job: Job[I, R]) -> None:
        """Make an item's call, in any thread; raises `TypeError` if `make` gives no call."""
        if self.over is not None:
            job.made = job.not_sent(self.over)
            return
        try:
            call: object = self.plan.make(job.item)
        except Exception as error:  # noqa: BLE001 - the caller's own, told as this item's
            job.made = Failed(job.index, job.item, error)
            return
        if isinstance(call, Call):  # pyright: ignore[reportUnnecessaryIsInstance]
            job.made = call
            return
        job.made = job.not_sent("make gave no call")
        if isinstance(call, Coroutine):
            call.close()  # else Python would warn of it as well
        expected = "make must give a call of wootiv.calls, such as wootiv.calls.contacts.delete(id)"
        raise TypeError(f"bulk: {expected}, got {kind_of(call)}")

    def begin_waiting(self) -> None:
        """Send the calls that wait, or take in the outcomes of those that have one already."""
        if anyio.current_time() >= self._run.deadline:
            self.end(f"total_timeout of {self.plan.total_timeout:g} s ran out")
        while self.waiting and self.waiting[0].made is not None:
            job = self._take_up()
            if job.made is not None and not isinstance(job.made, Call):
                self._settle(job, job.made)
            elif job.made is None or self.over is not None:
                self._settle(job, job.broken_off(self._why))
            else:
                self._tasks.start(partial(self._carry_out, job, job.made))

    def end(self, why: str) -> None:
        """Send no more, and give back what is not on the wire; what is, goes on to its answer."""
        if self.over is None:
            self.over = why
            if self.reading is not None:
                self.reading.cancel()
            for job in self._busy.values():
                if job.scope is not None and (job.life is None or (job.life.gone_out is None and not job.may_stand)):
                    job.scope.cancel()

    def drop_unread(self) -> None:
        """Forget the job for which no item came."""
        if self.waiting and self.waiting[-1].item is UNSET:
            del self.waiting[-1]

    def sweep(self) -> None:
        """Have an outcome for each item that was read and has none, once no task is left."""
        self.drop_unread()
        while self.waiting:
            self._take_up()
        for outcome in [self._keep(job, job.broken_off(self._why)) for job in list(self._busy.values())]:
            self._tell(outcome)  # when all are kept: what a handler raises may end it

    def wake(self) -> None:
        """Let those who wait for an outcome look again."""
        notify(self._changed.set)

    async def change(self) -> None:
        """Wait for an outcome, or until there may be none any more."""
        if self._changed.is_set():
            self._changed = anyio.Event()
        await self._changed.wait()

    def _take_up(self) -> Job[I, R]:
        job = self.waiting[0]
        self._busy[job.index] = job
        del self.waiting[0]  # last: who looks from outside sees it here, or there, or both
        return job

    @property
    def _why(self) -> str:
        return self.over or "no call was made"

    def _settle(self, job: Job[I, R], outcome: Outcome[I, R]) -> None:
        self._tell(self._keep(job, outcome))

    def _keep(self, job: Job[I, R], outcome: Outcome[I, R]) -> Outcome[I, R]:
        kind = _COUNTED[type(outcome)]
        # A Ctrl-C comes after a call, and these are none: all is done, or nothing. The job goes last, as above.
        self._counts[kind] += 1
        self.done += (outcome,)
        del self._busy[job.index]
        if self.plan.on_error == "stop" and isinstance(outcome, Failed | Unknown):
            self.end(f"on_error is 'stop', and item {outcome.index} did not succeed")
        self.wake()
        return outcome

    def _tell(self, outcome: Outcome[I, R]) -> None:
        if (events := self._engine.events).wants(OutcomeKnown):
            events.emit(OutcomeKnown(outcome))

    async def _carry_out(self, job: Job[I, R], call: Call[R]) -> None:
        if self.over is not None:
            self._settle(job, job.not_sent(self.over))
            return  # noqa: ASYNC910 - nobody waits for this task
        with anyio.CancelScope() as job.scope:  # of `end`
            outcome = await self._outcome(job, call)  # cancelled from outside, it is still among the busy
            self._settle(job, outcome)
        if job.scope.cancelled_caught:
            self._settle(job, job.broken_off(self._why))

    async def _outcome(self, job: Job[I, R], call: Call[R]) -> Outcome[I, R]:
        try:
            job.life = self._engine.begin(call, self._run)
            response = await job.life.send()
            return Succeeded(job.index, job.item, response.parse(), response.attempts)
        except Exception as error:  # noqa: BLE001 - not BaseException: cancellation and Ctrl-C end the block
            if self._is_out_of_patience(job, error):
                self.end(f"the rate limit would hold the bulk back for more than {MAX_WAIT:g} s in all")
            return job.ended(error)  # noqa: ASYNC910 - the call waits, or nobody waits for this task

    def _is_out_of_patience(self, job: Job[I, R], error: Exception) -> bool:
        if job.life is None or not isinstance(error, APIStatusError) or not is_throttled(error):
            return False
        return job.life.impatient or not self._run.affords(error.retry_after or 0.0)


_COUNTED: dict[type, str] = {Succeeded: "succeeded", Failed: "failed", Unknown: "unknown", NotSent: "not_sent"}
