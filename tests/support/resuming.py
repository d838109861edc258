"""An operation that is cancelled over and over, and taken up again each time, until all is done."""

from collections.abc import Callable

import anyio
from steps import Operation, Steps


async def cancelled_and_resumed(way, operation: Operation, is_done: Callable[[], bool]) -> int:
    """Cancel an operation at its first await, then at its second and so on until it comes through, and begin anew.

    Tells how often it was cancelled.
    """
    cut, number = 0, 1
    while not is_done():
        steps = Steps(number)
        with steps.counted(), anyio.fail_after(30):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(way, steps, _counted_to_its_end(steps, operation))
        cut += steps.reached
        number = number + 1 if steps.reached else 1
    return cut


def _counted_to_its_end(steps: Steps, operation: Operation) -> Operation:
    async def run():
        try:
            await operation()
        finally:
            steps.then = None  # tasks of what it was taken up from go on

    return run
