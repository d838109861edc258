"""Contacts, and the groups that they are in."""

from collections.abc import Mapping
from typing import Any, Literal, TypedDict, Unpack

from wootiv.api.shapes import Audit, ListQuery, Read, Workspace
from wootiv.blocking_pages import Page
from wootiv.call import Options
from wootiv.operation import DELETE, GET, PAGES, PATCH, POST, M, Resource
from wootiv.wire.shape import LEFT_OUT, NULLABLE, Shape


class ContactGroup(Shape, frozen=True):
    """A named group of contacts."""

    id: str = LEFT_OUT
    audit: Audit = LEFT_OUT
    group_name: str = LEFT_OUT
    workspace_id: str = LEFT_OUT
    workspace: Workspace | None = NULLABLE
    """Sent if `join` asks for `workspace`."""
    contacts: "list[Contact]" = LEFT_OUT
    """Sent if `join` asks for `contacts`."""


class Contact(Shape, frozen=True):
    """A person that mailboxes write to."""

    id: str = LEFT_OUT
    audit: Audit = LEFT_OUT
    contact_group_id: str = LEFT_OUT
    email: str = LEFT_OUT
    first_name: str = LEFT_OUT
    last_name: str = LEFT_OUT
    metadata: dict[str, Any] = LEFT_OUT
    """Whatever you keep with a contact; its keys are yours and stay as they are."""
    phone_number: str | None = NULLABLE
    primary_contact: Literal["email", "phoneNumber"] | str = LEFT_OUT
    """How the contact prefers to be reached."""
    workspace_id: str = LEFT_OUT
    contact_group: ContactGroup | None = NULLABLE
    """Sent if `join` asks for `contactGroup`."""
    workspace: Workspace | None = NULLABLE
    """Sent if `join` asks for `workspace`."""


class NewContact(TypedDict):
    """A contact to add."""

    contact_group_id: str
    email: str
    first_name: str
    last_name: str
    metadata: Mapping[str, object]
    phone_number: str | None
    workspace_id: str


class ContactChanges(TypedDict, total=False):
    """What can be changed in a contact; what is not given stays."""

    contact_group_id: str
    email: str
    first_name: str
    last_name: str
    metadata: Mapping[str, object]
    phone_number: str | None
    workspace_id: str


class NewContactGroup(TypedDict):
    """A contact group to make, or the whole of one to change."""

    group_name: str
    workspace_id: str


class CreateContact(NewContact, Options):
    """Arguments of `contacts.create`."""


class UpdateContact(ContactChanges, Options):
    """Arguments of `contacts.update`."""


class SaveContactGroup(NewContactGroup, Options):
    """Arguments of `contact_group.create` and `contact_group.update`."""


class Contacts(Resource[M]):
    """People that mailboxes write to."""

    @POST("/contacts")
    def create(self, **new: Unpack[CreateContact]) -> Contact:
        """Add a contact."""
        ...

    @GET("/contacts/{id}")
    def retrieve(self, id: str, **read: Unpack[Read]) -> Contact:
        """Fetch a contact."""
        ...

    @PATCH("/contacts/{id}")
    def update(self, id: str, **changes: Unpack[UpdateContact]) -> Contact:
        """Change a contact; what is not given stays as it is."""
        ...

    @DELETE("/contacts/{id}")
    def delete(self, id: str, **options: Unpack[Options]) -> None:
        """Delete a contact."""
        ...

    @PAGES("/contacts")
    def list(self, **query: Unpack[ListQuery]) -> Page[Contact]:
        """List contacts, in order of id unless `sort`, `page` or `offset` is given."""
        ...


class ContactGroups(Resource[M]):
    """Named groups of contacts."""

    @POST("/contact_group")
    def create(self, **new: Unpack[SaveContactGroup]) -> ContactGroup:
        """Make a contact group."""
        ...

    @GET("/contact_group/{id}")
    def retrieve(self, id: str, **read: Unpack[Read]) -> ContactGroup:
        """Fetch a contact group."""
        ...

    @PATCH("/contact_group/{id}")
    def update(self, id: str, **changes: Unpack[SaveContactGroup]) -> ContactGroup:
        """Change a contact group; the server wants both fields."""
        ...

    @DELETE("/contact_group/{id}")
    def delete(self, id: str, **options: Unpack[Options]) -> None:
        """Delete a contact group."""
        ...

    @PAGES("/contact_group")
    def list(self, **query: Unpack[ListQuery]) -> Page[ContactGroup]:
        """List contact groups, in order of id unless `sort`, `page` or `offset` is given."""
        ...
