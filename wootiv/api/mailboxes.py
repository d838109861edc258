"""Mailboxes, and the streams of messages in them."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, NotRequired, TypeAlias, TypedDict, Unpack

from msgspec import field

from wootiv.api.registry import MailboxRegistry, StreamRegistry
from wootiv.api.shapes import Audit, ListQuery, Read, Workspace
from wootiv.blocking_pages import Page
from wootiv.call import Options
from wootiv.operation import DELETE, GET, PAGES, PATCH, POST, M, Resource
from wootiv.wire.shape import LEFT_OUT, NULLABLE, Shape, Wire

Medium: TypeAlias = (
    Literal["sms", "email", "slack", "whatsapp", "facebook", "twitter", "telegram", "discord", "wechat"] | str
)
StreamStatus: TypeAlias = Literal["open", "composing", "closed", "archived", "quarantined", "spam", "trash"] | str
Integration: TypeAlias = Literal["whatsapp", "postmark", "twilio", "core_api"] | str
Sender: TypeAlias = Literal["system", "recipient", "manager", "agent"] | str
MessageStatus: TypeAlias = Literal["sent", "received", "drafted", "flagged", "quarantined", "deleted", "enqueue"] | str


class Mailbox(Shape, frozen=True):
    """An address with an agent behind it; the service also calls it a pipeline."""

    id: str = LEFT_OUT
    audit: Audit = LEFT_OUT
    config: dict[str, Any] = LEFT_OUT
    """Settings of the agent; their keys stay as they are."""
    dotcom: str = LEFT_OUT
    """Domain of the address."""
    inbox: str = LEFT_OUT
    """The whole address."""
    name: str = LEFT_OUT
    objective: str = LEFT_OUT
    status: str = LEFT_OUT
    unique_address: str = LEFT_OUT
    """The address before its domain."""
    workspace_id: str | None = NULLABLE
    workspace: Workspace | None = NULLABLE
    """Sent if `join` asks for `workspace`."""


class Stream(Shape, frozen=True):
    """A conversation between a mailbox and a contact."""

    id: int = LEFT_OUT
    contact_id: str = LEFT_OUT
    contact_metadata: dict[str, Any] = LEFT_OUT
    conversations: Any = LEFT_OUT
    mailbox: Any = LEFT_OUT
    medium: Medium = LEFT_OUT
    namespace: str = LEFT_OUT
    pipeline_id: str = LEFT_OUT
    """Id of the mailbox."""
    slug: str = LEFT_OUT
    status: StreamStatus = LEFT_OUT
    stream_registries: Any = LEFT_OUT
    subject: str = LEFT_OUT
    workspace: Any = LEFT_OUT
    workspace_id: str = LEFT_OUT


class StreamMessage(Shape, frozen=True):
    """A message in a stream."""

    id: int = LEFT_OUT
    attachments: list[Any] = field(default=LEFT_OUT, name="Attachments")
    medium_integration_name: Integration = LEFT_OUT
    message_html: str = field(default=LEFT_OUT, name="messageHTML")
    message_text: str = LEFT_OUT
    sender: Sender = LEFT_OUT
    status: MessageStatus = LEFT_OUT
    stream_namespace: str = LEFT_OUT
    workspace_id: str = LEFT_OUT


class NewMailbox(TypedDict):
    """A mailbox to make."""

    config: Mapping[str, object]
    dotcom: str
    """Domain of the address, without a scheme."""
    name: str
    objective: str
    unique_address: str
    """The address before its domain."""
    workspace_id: NotRequired[str | None]


class MailboxChanges(TypedDict, total=False):
    """What can be changed in a mailbox; what is not given stays."""

    config: Mapping[str, object]
    dotcom: str
    """Domain of the address, without a scheme."""
    name: str
    objective: str
    status: str
    unique_address: str
    """The address before its domain."""
    workspace_id: str | None


class AddressToCheck(TypedDict):
    """An address that is wanted, before its domain."""

    unique_address: str


class NewStreamMessage(TypedDict):
    """A message to add to a stream."""

    attachments: Annotated[Sequence[object], Wire("Attachments")]
    medium_integration_name: Integration
    message_html: Annotated[str, Wire("messageHTML")]
    message_text: str
    sender: Sender
    status: MessageStatus


class CreateMailbox(NewMailbox, Options):
    """Arguments of `mailbox.create`."""


class UpdateMailbox(MailboxChanges, Options):
    """Arguments of `mailbox.update`."""


class CheckAvailability(AddressToCheck, Options):
    """Arguments of `mailbox.check_availability`."""


class CreateStreamMessage(NewStreamMessage, Options):
    """Arguments of `mailbox.stream.create`."""


class Streams(Resource[M]):
    """Conversations between mailboxes and contacts."""

    registry: StreamRegistry[M]

    @POST("/mailbox/{id}/stream/{slug}")
    def create(self, slug: str, *, id: str, **new: Unpack[CreateStreamMessage]) -> StreamMessage:
        """Add a message to a stream; `id` is the mailbox's."""
        ...

    @GET("/mailbox/{id}/stream/{slug}")
    def retrieve(self, slug: str, *, id: str, **options: Unpack[Options]) -> Stream:
        """Fetch a stream with its conversation; `id` is the mailbox's."""
        ...


class Mailboxes(Resource[M]):
    """Addresses with an agent behind them."""

    registry: MailboxRegistry[M]
    stream: Streams[M]

    @POST("/mailbox")
    def create(self, **new: Unpack[CreateMailbox]) -> Mailbox:
        """Make a mailbox."""
        ...

    @GET("/mailbox/{id}")
    def retrieve(self, id: str, **read: Unpack[Read]) -> Mailbox:
        """Fetch a mailbox."""
        ...

    @PATCH("/mailbox/{id}")
    def update(self, id: str, **changes: Unpack[UpdateMailbox]) -> Mailbox:
        """Change a mailbox; what is not given stays as it is."""
        ...

    @DELETE("/mailbox/{id}")
    def delete(self, id: str, **options: Unpack[Options]) -> None:
        """Delete a mailbox."""
        ...

    @POST("/mailbox/availability")
    def check_availability(self, **address: Unpack[CheckAvailability]) -> None:
        """Ask whether an address is free; the API declares no answer, `send` gives whatever comes."""
        ...

    @PAGES("/mailbox")
    def list(self, **query: Unpack[ListQuery]) -> Page[Mailbox]:
        """List mailboxes, in order of id unless `sort`, `page` or `offset` is given."""
        ...
