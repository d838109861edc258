"""What stands between the doors and the app, the same for every door; no I/O and no clock of its own."""

from threading import RLock

from msgspec import Struct, structs

from wootiv.sandbox.app import App, Found
from wootiv.sandbox.exchange import Answer, Request
from wootiv.sandbox.faults import Delivery, Failure, Fault, Faults
from wootiv.sandbox.record import Received, Requests
from wootiv.sandbox.throttle import Throttle, Verdict


class Gate:
    """Writes down what comes in, turns away what is too much, and has go wrong what is to go wrong.

    `latency` is the seconds before each effect, `keep` how many requests are kept.
    """

    def __init__(self, app: App, *, latency: float, throttle: Throttle | None, keep: int) -> None:
        self.app: App = app
        self.latency: float = latency
        self.requests: Requests = Requests(keep)
        self._throttle = throttle
        self._faults = Faults(route.name for route in (*app.routes, *app.others))
        # A served sandbox runs in a thread of its own, the doors in process in those of their callers. A test's
        # `match` may come back in here.
        self.lock: RLock = RLock()

    def fail(self, fault: Fault) -> Fault:
        """Set a fault, from any thread."""
        with self.lock:
            return self._faults.add(fault)

    def arrive(self, request: Request, now: float) -> "Visit":
        """Let in a request that has come whole at `now`, in seconds on the door's clock."""
        found = self.app.find(request)
        received = Received(
            found.route.name if found else None,
            request.method,
            request.path,
            request.query,
            request.headers,
            request.body,
            now,
        )
        with self.lock:
            self.requests.add(received)
            verdict = self._throttle.ask(now) if self._throttle and found and not found.route.error else None
            refused = verdict is not None and not verdict.admitted
            failure = None if refused else self._faults.meet(received)
        return Visit(self, request, found, received, verdict, failure)


class Visit(Struct, frozen=True):
    """One request on its way through: a door waits `before`, has it `act`, waits `after`, and delivers.

    Whoever leaves before it acts has changed nothing.
    """

    gate: Gate
    request: Request
    found: Found | None
    received: Received
    verdict: Verdict | None
    failure: Failure | None

    @property
    def before(self) -> float:
        """The seconds before the effect."""
        failure = self.failure
        return self.gate.latency + (failure.delay if failure and not failure.after_effect else 0.0)

    @property
    def after(self) -> float:
        """The seconds between the effect and the answer."""
        return self.failure.delay if self.failure and self.failure.after_effect else 0.0

    def act(self) -> Delivery | None:
        """Have the effect, if there is to be one; None closes the connection without an answer."""
        failure, bare = self.failure, self.request.method == "HEAD"
        if failure is None:
            return Delivery(self._answer(), bare=bare)
        theirs = self._answer() if failure.asks else None
        ours = failure.answer(lambda status: self.gate.app.error(status, self.found))
        answer = self._with_verdict(ours) if ours else theirs
        if answer is None or failure.drop:
            return None
        return Delivery(failure.dress(answer), slow=failure.slow, torn=failure.torn, bare=bare)

    def answered(self, status: int) -> None:
        """Write down that an answer begins to go out."""
        structs.force_setattr(self.received, "status", status)

    def _answer(self) -> Answer:
        if self.verdict and not self.verdict.admitted:
            return self._with_verdict(self.gate.app.error(429))
        with self.gate.lock:
            return self._with_verdict(self.gate.app.answer(self.request, self.found))

    def _with_verdict(self, answer: Answer) -> Answer:
        verdict = self.verdict
        return structs.replace(answer, headers=answer.headers + verdict.headers) if verdict else answer
