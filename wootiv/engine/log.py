"""Logging: silent by default, and never a key, a body, or the value of a header or of a query parameter."""

import logging
import os
from typing import Any

from wootiv.caller import warn
from wootiv.events import AttemptEnded, Event, WaitBegun
from wootiv.message import APIResponse
from wootiv.wire.decode import undeclared

log: logging.Logger = logging.getLogger("wootiv")
log.addHandler(logging.NullHandler())


def set_up() -> None:
    """Log to standard error if the environment asks for it: `WOOTIV_LOG=info` or `debug`."""
    level = os.environ.get("WOOTIV_LOG", "").upper()
    if level not in ("", "INFO", "DEBUG"):
        warn(f"WOOTIV_LOG must be info or debug, got {level.lower()!r}: nothing is logged")
    if level in ("INFO", "DEBUG") and not any(type(handler) is logging.StreamHandler for handler in log.handlers):
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(name)s %(levelname)s %(message)s"))
        log.addHandler(handler)
        log.setLevel(level)


def is_on() -> bool:
    """Whether anybody listens to more than warnings."""
    return log.isEnabledFor(logging.INFO)


def tell(event: Event) -> None:
    """Log an attempt, or a wait before the next one."""
    match event:
        case AttemptEnded(_, method, template, attempt, request_id):
            log.info(
                "%s %s -> %s in %.0f ms (attempt %d, request %s)",
                method,
                template,
                attempt.status or (attempt.error or "").partition(":")[0],  # its text may hold an address, and a query
                attempt.elapsed * 1000,
                attempt.number,
                request_id or "-",
            )
        case WaitBegun(_, method, template, seconds):
            log.info("%s %s waits %.3f s before the next attempt", method, template, seconds)
        case _:
            pass


_told: set[str] = set()
_COUNTS = {"$.count", "$.limit", "$.offset"}
"""What pages say of themselves beside what their shape keeps: the caller has these from the rows and the query."""


def tell_undeclared(response: APIResponse[Any], template: str, answer: Any) -> None:
    """Log fields that the server sent and no shape declares, once a path. Looked for only where somebody listens."""
    if not log.isEnabledFor(logging.DEBUG):
        return
    for path in undeclared(response, answer) - _COUNTS:
        if (text := f"{template} {path}") not in _told:
            _told.add(text)
            log.debug("%s: the server sent a field that is not declared, it stays in the raw forms only", text)
