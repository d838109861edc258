"""What is refused, in each mode. Only type checkers read this: nothing here runs.

Both checkers are told which error to expect, and report an expectation that is not met: an error that they no longer
report makes them fail.
"""

from wootiv import AsyncWootiv, Wootiv, calls


async def a_missing_await(client: AsyncWootiv) -> None:
    client.contacts.retrieve("1")  # type: ignore[unused-coroutine]  # pyright: ignore[reportUnusedCoroutine]
    client.contacts.update("1", email="a")  # type: ignore[unused-coroutine]  # pyright: ignore[reportUnusedCoroutine]
    client.contacts.delete("1")  # type: ignore[unused-coroutine]  # pyright: ignore[reportUnusedCoroutine]
    client.aws.buckets.upload(file=b"")  # type: ignore[unused-coroutine]  # pyright: ignore[reportUnusedCoroutine]
    client.aws.objects.list()  # type: ignore[unused-coroutine]  # pyright: ignore[reportUnusedCoroutine]
    client.get("/anything")  # type: ignore[unused-coroutine]  # pyright: ignore[reportUnusedCoroutine]
    client.get("/anything", cast_to=str)  # type: ignore[unused-coroutine]  # pyright: ignore[reportUnusedCoroutine]
    client.send(calls.contacts.delete("1"))  # type: ignore[unused-coroutine]  # pyright: ignore[reportUnusedCoroutine]
    client.aclose()  # type: ignore[unused-coroutine]  # pyright: ignore[reportUnusedCoroutine]
    client.contacts.list()  # type: ignore[unused-awaitable]  # pyright looks for coroutines alone, and this is none
    client.contacts.retrieve("1").email  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    client.contacts.list().data  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]


async def the_wrong_client(client: AsyncWootiv, blocking: Wootiv) -> None:
    await blocking.contacts.retrieve("1")  # type: ignore[misc]  # pyright: ignore[reportGeneralTypeIssues]
    await blocking.contacts.list()  # type: ignore[misc]  # pyright: ignore[reportGeneralTypeIssues]
    await calls.contacts.retrieve("1")  # type: ignore[misc]  # pyright: ignore[reportGeneralTypeIssues]
    for _ in client.contacts.list():  # type: ignore[attr-defined]  # pyright: ignore[reportGeneralTypeIssues]
        pass
    async for _ in blocking.contacts.list():  # type: ignore[attr-defined]  # pyright: ignore[reportGeneralTypeIssues]
        pass
    calls.contacts.retrieve("1").email  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    blocking.send(blocking.contacts.retrieve("1"))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def names_that_are_not_there(client: AsyncWootiv, blocking: Wootiv) -> None:
    client.contatcs  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    client.contacts.retreive  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    client.aws.bucket  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    blocking.contatcs  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    blocking.contacts.retreive  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    calls.contatcs  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    blocking.contacts.retrieve("1").emial  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]


async def arguments_awaited(client: AsyncWootiv) -> None:
    # misspelt, missing and wrongly typed keywords
    await client.contacts.update("1", emial="a")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await client.contacts.retrieve("1", timout=3)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await client.contacts.list(limt=3)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await client.contact_group.create(group_name="a")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await client.aws.buckets.retrieve_file_in_path("a")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await client.contacts.update("1", email=1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await client.contacts.retrieve("1", fields=[1])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
    await client.contacts.list(limit="3")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await client.aws.buckets.upload(file=3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await client.get("/x", cast_to="Contact")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
    await client.get("/x", timout=3)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    # wrong positional arguments; object() fits no keyword, and mypy holds it against one of them, in no fixed order
    await client.contacts.retrieve()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await client.contacts.retrieve(1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await client.contacts.delete("1", object())  # type: ignore[call-arg, arg-type]  # pyright: ignore[reportCallIssue]
    await client.contact_group.create(object())  # type: ignore[call-arg, arg-type]  # pyright: ignore[reportCallIssue]
    await client.send("1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def arguments_blocking(client: Wootiv) -> None:
    client.contacts.update("1", emial="a")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    client.contacts.retrieve("1", timout=3)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    client.contacts.list(limt=3)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    client.contact_group.create(group_name="a")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    client.aws.buckets.retrieve_file_in_path("a")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    client.contacts.update("1", email=1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.contacts.retrieve("1", fields=[1])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
    client.contacts.list(limit="3")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.aws.buckets.upload(file=3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.get("/x", cast_to="Contact")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
    client.get("/x", timout=3)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    client.contacts.retrieve()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    client.contacts.retrieve(1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.contacts.delete("1", object())  # type: ignore[call-arg, arg-type]  # pyright: ignore[reportCallIssue]
    client.contact_group.create(object())  # type: ignore[call-arg, arg-type]  # pyright: ignore[reportCallIssue]


def arguments_unsent() -> None:
    calls.contacts.update("1", emial="a")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    calls.contacts.list(limt=3)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    calls.contact_group.create(group_name="a")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    calls.contacts.update("1", email=1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    calls.contacts.list(limit="3")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    calls.get("/x", cast_to="Contact")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
    calls.contacts.retrieve()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    calls.contacts.retrieve(1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    calls.contacts.delete("1", object())  # type: ignore[call-arg, arg-type]  # pyright: ignore[reportCallIssue]
