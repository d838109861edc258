"""A service under trio: a reader for each contact group, all on one client, tells how many contacts are in it."""

import trio

from wootiv import AsyncWootiv
from wootiv.types import ContactGroup


async def watch(client: AsyncWootiv, group: ContactGroup) -> None:
    while True:
        page = await client.contacts.list(s={"contactGroupId": group.id}, limit=1)
        print(f"{group.group_name}: {page.total}", flush=True)
        await trio.sleep(60)


async def main() -> None:
    async with AsyncWootiv() as client, trio.open_nursery() as nursery:
        async for group in client.contact_group.list():
            nursery.start_soon(watch, client, group)


trio.run(main)
