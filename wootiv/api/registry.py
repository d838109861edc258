"""What mailboxes and streams can do and know: actions and resources, and the registries that hold them."""

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias, TypedDict, Unpack

from wootiv.api.shapes import Natural
from wootiv.blocking_pages import Page
from wootiv.call import Options
from wootiv.operation import GET, PAGES, POST, M, Resource
from wootiv.wire.shape import LEFT_OUT, NULLABLE, Shape

RegistryName: TypeAlias = Literal["cta", "forwarder", "webhook", "calendly", "csv", "pdf", "website", "docx"] | str
RegistryType: TypeAlias = Literal["action", "tool", "dependency", "resource", "integration", "instruction"] | str


class Registered(Shape, frozen=True):
    """What entries of both registries have."""

    id: str = LEFT_OUT
    audit: dict[str, Any] = LEFT_OUT
    enabled: bool = LEFT_OUT
    instructions: str = LEFT_OUT
    name: RegistryName = LEFT_OUT
    pipeline_id: str = LEFT_OUT
    """Id of the mailbox."""
    schema: dict[str, Any] = LEFT_OUT
    source: str = LEFT_OUT
    type: RegistryType = LEFT_OUT
    value: dict[str, Any] = LEFT_OUT
    """Sent by the call that registers the entry."""


class RegistryEntry(Registered, frozen=True):
    """An action or resource registered with a mailbox."""

    slug: str = LEFT_OUT
    workspace_id: str = LEFT_OUT
    raw_content: str | None = NULLABLE
    """Sent by the call that registers a resource."""
    raw_parsed: str | None = NULLABLE
    """Sent by the call that registers a resource."""


class StreamRegistryEntry(Registered, frozen=True):
    """An action or resource registered with a stream."""

    stream_namespace: str = LEFT_OUT
    stream_slug: str = LEFT_OUT


class NewRegistryEntry(TypedDict):
    """An action or resource to register."""

    enabled: bool
    name: RegistryName
    raw_content: str | None
    raw_parsed: str | None
    value: Mapping[str, object]
    """Settings of the action or resource; free in form."""


class Slice(TypedDict, total=False):
    """Which part of a registry is read."""

    limit: Natural
    """Entries to a page."""
    offset: Natural
    """Entries to skip."""


class Register(NewRegistryEntry, Options):
    """Arguments of all that registers."""


class ReadRegistry(Slice, Options):
    """Arguments of all that reads a registry."""


class ResourceKinds(Resource[M]):
    """Resources that can be registered."""

    @GET("/registry/resources")
    def list(self, **options: Unpack[Options]) -> Any:
        """List the resources that can be registered; the API declares no shape, so they come as plain data."""
        ...


class ActionKinds(Resource[M]):
    """Actions that can be registered."""

    @GET("/registry/actions")
    def list(self, **options: Unpack[Options]) -> Any:
        """List the actions that can be registered; the API declares no shape, so they come as plain data."""
        ...


class Registry(Resource[M]):
    """What can be registered."""

    resources: ResourceKinds[M]
    actions: ActionKinds[M]


class MailboxActions(Resource[M]):
    """Actions registered with a mailbox."""

    @POST("/mailbox/{id}/registry/action")
    def create(self, id: str, **new: Unpack[Register]) -> RegistryEntry:
        """Register an action with a mailbox."""
        ...

    @PAGES("/mailbox/{id}/registry/action", kind="offset")
    def retrieve(self, id: str, **query: Unpack[ReadRegistry]) -> Page[RegistryEntry]:
        """List the actions registered with a mailbox; the order is the server's."""
        ...


class MailboxResources(Resource[M]):
    """Resources registered with a mailbox."""

    @POST("/mailbox/{id}/registry/resource")
    def create(self, id: str, **new: Unpack[Register]) -> RegistryEntry:
        """Register a resource with a mailbox."""
        ...

    @PAGES("/mailbox/{id}/registry/resource", kind="offset")
    def retrieve(self, id: str, **query: Unpack[ReadRegistry]) -> Page[RegistryEntry]:
        """List the resources registered with a mailbox; the order is the server's."""
        ...


class MailboxRegistry(Resource[M]):
    """All that is registered with a mailbox."""

    action: MailboxActions[M]
    resource: MailboxResources[M]

    @PAGES("/mailbox/{id}/registry", kind="offset")
    def retrieve(self, id: str, **query: Unpack[ReadRegistry]) -> Page[RegistryEntry]:
        """List all that is registered with a mailbox; the order is the server's."""
        ...


class StreamActions(Resource[M]):
    """Actions registered with a stream."""

    @POST("/mailbox/{id}/stream/{slug}/registry/action")
    def create(self, slug: str, *, id: str, **new: Unpack[Register]) -> StreamRegistryEntry:
        """Register an action with a stream; `id` is the mailbox's."""
        ...

    @PAGES("/mailbox/{id}/stream/{slug}/registry/action", kind="offset")
    def retrieve(self, slug: str, *, id: str, **query: Unpack[ReadRegistry]) -> Page[StreamRegistryEntry]:
        """List the actions registered with a stream; `id` is the mailbox's, the order is the server's."""
        ...


class StreamResources(Resource[M]):
    """Resources registered with a stream."""

    @POST("/mailbox/{id}/stream/{slug}/registry/resource")
    def create(self, slug: str, *, id: str, **new: Unpack[Register]) -> StreamRegistryEntry:
        """Register a resource with a stream; `id` is the mailbox's."""
        ...

    @PAGES("/mailbox/{id}/stream/{slug}/registry/resource", kind="offset")
    def retrieve(self, slug: str, *, id: str, **query: Unpack[ReadRegistry]) -> Page[StreamRegistryEntry]:
        """List the resources registered with a stream; `id` is the mailbox's, the order is the server's."""
        ...


class StreamRegistry(Resource[M]):
    """All that is registered with a stream."""

    action: StreamActions[M]
    resource: StreamResources[M]

    @PAGES("/mailbox/{id}/stream/{slug}/registry", kind="offset")
    def retrieve(self, slug: str, *, id: str, **query: Unpack[ReadRegistry]) -> Page[StreamRegistryEntry]:
        """List all that is registered with a stream; `id` is the mailbox's, the order is the server's."""
        ...
