"""500 contacts by id, fetched side by side and printed in the order of the ids; reads standard input."""

import sys

import anyio

from wootiv import AsyncWootiv, Succeeded, calls


async def main(ids: list[str]) -> None:
    async with AsyncWootiv() as client:  # gather(...) gives plain answers, where all of them are known to be there
        found = await client.bulk(calls.contacts.retrieve, ids, concurrency=32).collect()
    for outcome in found.outcomes:
        print(outcome.value.email if isinstance(outcome, Succeeded) else f"{outcome.item}: {outcome.error}")


anyio.run(main, sys.stdin.read().split())
