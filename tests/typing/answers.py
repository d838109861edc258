"""What each kind of operation gives, in each mode. Only type checkers read this: nothing here runs."""

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Coroutine, Iterable
from typing import Any, Literal, assert_type

import wootiv
from wootiv import (
    APIResponse,
    AsyncPage,
    AsyncPaginator,
    AsyncWootiv,
    Call,
    Page,
    PageData,
    PageInfo,
    Wootiv,
    calls,
)
from wootiv.types import (
    Buckets,
    Contact,
    ContactChanges,
    ContactGroup,
    NewContact,
    Shape,
    SignedFile,
    StoredFile,
    Workspace,
)

NEW = NewContact(
    contact_group_id="g1",
    email="ada@example.com",
    first_name="Ada",
    last_name="Lovelace",
    metadata={"likes": ["engines"]},
    phone_number=None,
    workspace_id="w1",
)
CHANGES: ContactChanges = {"phone_number": None}


class Lead(Contact, frozen=True):
    """A user's own shape."""

    score: int = 0


async def every_kind_awaited(client: AsyncWootiv) -> None:
    # GET with a path, by position and by name, with options
    assert_type(await client.contacts.retrieve("1"), Contact)
    assert_type(await client.contacts.retrieve(id="1", fields=["email"], join=("workspace",), timeout=3), Contact)
    # POST with a body, opened, and from a dictionary
    assert_type(await client.contact_group.create(group_name="a", workspace_id="w1", max_retries=0), ContactGroup)
    assert_type(await client.contacts.create(**NEW), Contact)
    assert_type(await client.contacts.create(**NEW, total_timeout=None, idempotency_key="k"), Contact)
    # PATCH
    assert_type(await client.contacts.update("1", first_name="Augusta"), Contact)
    assert_type(await client.contacts.update("1", **CHANGES), Contact)
    # DELETE
    no_answer: Awaitable[None] = client.contacts.delete("1")
    await no_answer
    # two path parameters, two floors down
    assert_type(await client.aws.buckets.retrieve_file_in_path("a.txt", pathname="docs"), SignedFile)
    assert_type(await client.aws.buckets.list(), Buckets)
    # upload
    assert_type(await client.aws.buckets.upload(file=b"abc", path="docs"), StoredFile)
    assert_type(await client.aws.buckets.upload(file=("a.txt", b"abc", "text/plain")), StoredFile)
    assert_type(await client.aws.buckets.bulk_upload(bulk=[b"abc", ("b.txt", b"def")]), list[StoredFile])
    # plain data
    assert_type(await client.aws.objects.list(), Any)


def every_kind_blocking(client: Wootiv) -> None:
    assert_type(client.contacts.retrieve("1"), Contact)
    assert_type(client.contacts.retrieve(id="1", fields=["email"], join=("workspace",), timeout=3), Contact)
    assert_type(client.contact_group.create(group_name="a", workspace_id="w1", max_retries=0), ContactGroup)
    assert_type(client.contacts.create(**NEW), Contact)
    assert_type(client.contacts.update("1", first_name="Augusta"), Contact)
    assert_type(client.contacts.update("1", **CHANGES), Contact)
    client.contacts.delete("1")
    assert_type(client.aws.buckets.retrieve_file_in_path("a.txt", pathname="docs"), SignedFile)
    assert_type(client.aws.buckets.list(), Buckets)
    assert_type(client.aws.buckets.upload(file=b"abc", path="docs"), StoredFile)
    assert_type(client.aws.buckets.bulk_upload(bulk=[b"abc"]), list[StoredFile])
    assert_type(client.aws.objects.list(), Any)


def every_kind_unsent() -> None:
    assert_type(calls.contacts.retrieve("1"), Call[Contact])
    assert_type(calls.contact_group.create(group_name="a", workspace_id="w1", max_retries=0), Call[ContactGroup])
    assert_type(calls.contacts.create(**NEW), Call[Contact])
    assert_type(calls.contacts.update("1", **CHANGES), Call[Contact])
    assert_type(calls.contacts.delete("1"), Call[None])
    assert_type(calls.contacts.list(limit=3), Call[PageData[Contact]])
    assert_type(calls.aws.buckets.retrieve_file_in_path("a.txt", pathname="docs"), Call[SignedFile])
    assert_type(calls.aws.buckets.upload(file=b"abc"), Call[StoredFile])
    assert_type(calls.aws.buckets.bulk_upload(bulk=[b"abc"]), Call[list[StoredFile]])
    assert_type(calls.aws.objects.list(), Call[Any])
    assert_type(wootiv.calls.root.retrieve(params={"a": 1}), Call[None])


async def lists_awaited(client: AsyncWootiv) -> None:
    contacts = client.contacts.list(limit=3, filter=["email||$eq||a"], or_=[], s={})
    assert_type(contacts.pages(), AsyncIterator[AsyncPage[Contact]])
    paginator: AsyncPaginator[Contact] = contacts
    assert_type(await paginator, AsyncPage[Contact])
    assert_type(await client.contacts.list(), AsyncPage[Contact])
    async for contact in client.contacts.list():
        assert_type(contact, Contact)
    async for each in client.contacts.list().pages():
        assert_type(each, AsyncPage[Contact])
    page = await client.contact_group.list()
    assert_type(page.data, list[ContactGroup])
    assert_type(page.total, int | None)
    assert_type(page.page, int | None)
    assert_type(page.page_count, int | None)
    assert_type(page.has_next_page(), bool)
    assert_type(page.next_page_info(), PageInfo | None)
    assert_type(await page.get_next_page(), AsyncPage[ContactGroup])
    async for group in page:
        assert_type(group, ContactGroup)
    assert_type([group async for group in client.contact_group.list()], list[ContactGroup])


def lists_blocking(client: Wootiv) -> None:
    page = client.contacts.list(limit=3)
    assert_type(page, Page[Contact])
    assert_type(page.data, list[Contact])
    assert_type(page.total, int | None)
    assert_type(page.has_next_page(), bool)
    assert_type(page.next_page_info(), PageInfo | None)
    assert_type(page.get_next_page(), Page[Contact])
    for contact in page:
        assert_type(contact, Contact)
    for next_page in page.pages():
        assert_type(next_page, Page[Contact])
    assert_type(list(client.contact_group.list()), list[ContactGroup])


async def verbs_awaited(client: AsyncWootiv) -> None:
    assert_type(await client.get("/contacts/1", cast_to=Contact, query={"join": "workspace"}), Contact)
    assert_type(await client.get("/contacts", cast_to=list[Contact], timeout=3), list[Contact])
    assert_type(await client.get("/anything"), Any)
    assert_type(await client.post("/contacts", cast_to=Contact, body=NEW), Contact)
    assert_type(await client.post("/files", files={"file": b"abc", "more": [b"d", ("e.txt", b"e")]}), Any)
    assert_type(await client.patch("/contacts/1", cast_to=dict[str, Any], body={"firstName": "Ada"}), dict[str, Any])
    assert_type(await client.put("/contacts/1", cast_to=Lead, body=[1]), Lead)
    nothing: Awaitable[None] = client.delete("/contacts/1", cast_to=type(None))
    await nothing


def verbs_blocking(client: Wootiv) -> None:
    assert_type(client.get("/contacts/1", cast_to=Contact, query={"join": "workspace"}), Contact)
    assert_type(client.get("/contacts", cast_to=list[Contact], timeout=3), list[Contact])
    assert_type(client.get("/anything"), Any)
    assert_type(client.post("/contacts", cast_to=Contact, body=NEW), Contact)
    assert_type(client.patch("/contacts/1", cast_to=dict[str, Any], body={"firstName": "Ada"}), dict[str, Any])
    assert_type(client.put("/contacts/1", cast_to=Lead, body=[1]), Lead)
    client.delete("/contacts/1", cast_to=type(None))


def verbs_unsent() -> None:
    assert_type(calls.get("/contacts/1", cast_to=Contact), Call[Contact])
    assert_type(calls.get("/contacts", cast_to=list[Contact]), Call[list[Contact]])
    assert_type(calls.post("/anything", body={}), Call[Any])
    assert_type(calls.delete("/contacts/1", cast_to=type(None)), Call[None])


async def sent_raw(client: AsyncWootiv, blocking: Wootiv) -> None:
    response = await client.send(calls.contacts.retrieve("1"))
    assert_type(response, APIResponse[Contact])
    assert_type(response.parse(), Contact)
    assert_type(response.status_code, int)
    assert_type(response.headers["etag"], str)
    assert_type(response.request_id, str | None)
    assert_type(response.elapsed, float)
    assert_type(response.content, bytes)
    assert_type(response.text, str)
    assert_type(response.json(), Any)
    assert_type(response.oddities, tuple[str, ...])
    assert_type(response.attempts[0].wait, float)
    assert_type((await client.send(calls.contacts.list())).parse().data, list[Contact])
    assert_type(blocking.send(calls.contacts.create(**NEW)), APIResponse[Contact])
    assert_type(blocking.send(calls.contacts.list()).parse(), PageData[Contact])
    assert_type(blocking.send(calls.get("/contacts/1", cast_to=Lead)).parse(), Lead)


async def taken_for_something_wider(client: AsyncWootiv, blocking: Wootiv) -> None:
    _shape: Shape = blocking.contacts.retrieve("1")
    _coroutine: Coroutine[Any, Any, Shape] = client.contacts.retrieve("1")
    # What helpers of users' own are often annotated with.
    _strict_coroutine: Coroutine[None, None, Contact] = client.contacts.retrieve("1")
    _awaitable: Awaitable[AsyncPage[Contact]] = client.contacts.list()
    _stream: AsyncIterable[Shape] = client.contacts.list()
    rows: Iterable[Shape] = blocking.contacts.list()
    _call: Call[Shape] = calls.contacts.retrieve("1")
    _response: APIResponse[Shape | None] = blocking.send(calls.contacts.retrieve("1"))
    _several: list[Call[object]] = [calls.contacts.delete("1"), calls.contacts.create(**NEW), calls.contacts.list()]
    assert_type(blocking.send(calls.contacts.delete("1") if rows else calls.contacts.retrieve("1")).status_code, int)


def fields_and_patterns(contact: Contact, group: ContactGroup, page: PageData[Contact]) -> str | None:
    assert_type(contact.email, str)
    assert_type(contact.phone_number, str | None)
    assert_type(contact.primary_contact, Literal["email", "phoneNumber"] | str)
    assert_type(contact.contact_group, ContactGroup | None)
    assert_type(contact.metadata, dict[str, Any])
    assert_type(group.contacts, list[Contact])
    assert_type(contact.replace(first_name="Ada"), Contact)
    assert_type(contact.to_dict(), dict[str, Any])
    assert_type(contact.to_json(), bytes)
    assert_type(dict(contact), dict[str, Any])
    match page:
        case PageData(data=[Contact(email=email, workspace=Workspace(name=name)), *rest]):
            assert_type(email, str)
            assert_type(name, str)
            assert_type(rest, list[Contact])
        case _:
            assert_type(page, PageData[Contact])
    match contact:
        case Contact(primary_contact="email", email=address):
            return assert_type(address, str)
        case Contact(phone_number=str(number)):
            return assert_type(number, str)
        case _:
            return None
