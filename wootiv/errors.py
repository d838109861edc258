"""Every way a call can fail.

APIError
├── APIConnectionError              no answer: `__cause__` is the transport's own error
│   └── APITimeoutError             a limit ran out; also a `TimeoutError`
├── APIStatusError                  an answer, but none of success: `status_code`, `response`, `body`
│   ├── BadRequestError             400
│   ├── AuthenticationError         401
│   ├── PermissionDeniedError       403
│   ├── NotFoundError               404
│   ├── ConflictError               409
│   ├── UnprocessableEntityError    422
│   ├── RateLimitError              429: `retry_after`
│   └── InternalServerError         500 and above
├── APIResponseValidationError      an answer of success that cannot be read as what was declared
└── ClientStateError                the client cannot be used here: closed, other loop, other process; a `RuntimeError`

Wrong arguments raise `TypeError` or `ValueError`, before anything is sent.
"""

from typing import Any, TypeVar

from wootiv.message import APIResponse, Attempt, SentRequest

E = TypeVar("E", bound="APIError")


class APIError(Exception):
    """What all errors of a call have in common."""

    message: str
    request: SentRequest | None
    """What was asked, without secrets."""
    attempts: tuple[Attempt, ...]
    """Every attempt of the call, in order."""
    body: Any
    """The server's answer: plain data if it was JSON, else text; `None` if there was none."""
    resume_after: str | int | None = None
    """In a list by id, for `list(after=...)`: the id of the last row given out; `None` if there was none.

    With `ordered=False` it is that up to which no row is missing, so those given out beyond it come again."""

    def __init__(
        self,
        message: str,
        *,
        request: SentRequest | None = None,
        attempts: tuple[Attempt, ...] = (),
        body: Any = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.request = request
        self.attempts = attempts
        self.body = body

    @property
    def maybe_applied(self) -> bool:
        """Whether a write may have been carried out: it went out, and got no answer, or a 408 or 500 and above."""
        return any(attempt.maybe_applied for attempt in self.attempts)

    def __reduce__(self) -> tuple[Any, ...]:
        # Exceptions are rebuilt from their positional arguments; ours have required keywords.
        return _rebuild, (type(self), self.args, self.__dict__)

    def __str__(self) -> str:
        tries = f" (after {len(self.attempts)} attempts)" if len(self.attempts) > 1 else ""
        return f"{self.request}: {self.message}{tries}" if self.request else self.message


def _rebuild(cls: type[E], args: tuple[Any, ...], state: dict[str, Any]) -> E:
    error = cls.__new__(cls, *args)
    error.args = args  # those of an OSError are not set by its __new__
    error.__dict__.update(state)
    return error


class APIConnectionError(APIError):
    """No answer arrived: nothing listens there, the connection broke, or a limit ran out."""


class APITimeoutError(APIConnectionError, TimeoutError):
    """`timeout` ran out in one phase of an attempt, or `total_timeout` over all of them."""


class APIResponseValidationError(APIError):
    """A success whose content cannot be read as declared: HTML, torn JSON, or under `strict` an odd field."""

    response: APIResponse[Any]

    def __init__(self, message: str, *, response: APIResponse[Any], body: Any = None) -> None:
        super().__init__(message, request=response.request, attempts=response.attempts, body=body)
        self.response = response

    @property
    def status_code(self) -> int:
        """The HTTP status."""
        return self.response.status_code

    @property
    def request_id(self) -> str | None:
        """The id that the server, or a proxy before it, gave the request."""
        return self.response.request_id


class ClientStateError(APIError, RuntimeError):
    """The client cannot be used here: it is closed, or belongs to another event loop, thread or process."""


class APIStatusError(APIError):
    """The server answered with a status that is none of success."""

    response: APIResponse[Any]
    retry_after: float | None = None
    """Seconds that the server asks to wait, as with 429 and 503; `None` if it does not say."""

    def __init__(self, message: str, *, response: APIResponse[Any], body: Any = None) -> None:
        super().__init__(message, request=response.request, attempts=response.attempts, body=body)
        self.response = response

    @property
    def status_code(self) -> int:
        """The HTTP status."""
        return self.response.status_code

    @property
    def request_id(self) -> str | None:
        """The id that the server, or a proxy before it, gave the request."""
        return self.response.request_id

    def __str__(self) -> str:
        request_id = f" [request {self.request_id}]" if self.request_id else ""
        tries = f" (after {len(self.attempts)} attempts)" if len(self.attempts) > 1 else ""
        return f"{self.request}: {self.status_code} {self.message}{request_id}{tries}"


class BadRequestError(APIStatusError):
    """400: the server could not read the request."""


class AuthenticationError(APIStatusError):
    """401: the key is missing, wrong or expired."""


class PermissionDeniedError(APIStatusError):
    """403: the key may not do this."""


class NotFoundError(APIStatusError):
    """404: there is no such record, or no such route."""


class ConflictError(APIStatusError):
    """409: the request clashes with what the server holds."""


class UnprocessableEntityError(APIStatusError):
    """422: the request was read, but its values are refused."""


class RateLimitError(APIStatusError):
    """429: too many requests."""


class InternalServerError(APIStatusError):
    """500 and above: the server, or a proxy before it, failed."""


STATUS_ERRORS: dict[int, type[APIStatusError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    422: UnprocessableEntityError,
    429: RateLimitError,
}


def status_error(status: int) -> type[APIStatusError]:
    """The class of errors that stands for a status."""
    return STATUS_ERRORS.get(status, InternalServerError if status >= 500 else APIStatusError)
