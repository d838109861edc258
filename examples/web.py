"""A web service: contacts fetched side by side in a task group, on a client that lives as long as the app."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio
from fastapi import FastAPI

from wootiv import AsyncWootiv


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
    async with client:
        yield


client = AsyncWootiv()
app = FastAPI(lifespan=lifespan)


@app.post("/emails")
async def emails(ids: list[str]) -> list[str]:
    return [contact.email for contact in await anyio.amap(client.contacts.retrieve, ids)]
