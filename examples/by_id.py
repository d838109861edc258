"""500 contacts by id, fetched side by side and printed in the order of the ids; reads standard input."""

import sys

import anyio

from wootiv import AsyncWootiv, NotFoundError


async def fetch(client: AsyncWootiv, id: str) -> str:
    try:
        return (await client.contacts.retrieve(id)).email
    except NotFoundError:
        return f"{id} is gone"


async def main(ids: list[str]) -> None:
    async with AsyncWootiv() as client, anyio.create_task_group() as tasks:
        # client.gather(calls) will take the place of the tasks where every id is known to be there
        for found in [tasks.create_task(fetch(client, id)) for id in ids]:
            print(await found)


anyio.run(main, sys.stdin.read().split())
