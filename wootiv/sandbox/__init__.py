"""The API in a box: the service's behaviour in memory, for examples, tests and first steps."""

from wootiv.sandbox.box import Sandbox
from wootiv.sandbox.faults import Fault
from wootiv.sandbox.record import Received
from wootiv.sandbox.throttle import FixedWindow, TokenBucket

__all__ = ["Fault", "FixedWindow", "Received", "Sandbox", "TokenBucket"]
