"""Mail that comes in from outside.

Source: the payload of Postmark's inbound webhook. The names on the wire are PascalCase, all through; a nested
mapping may have them or the ones below.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Required, TypedDict, Unpack

from wootiv.call import Options
from wootiv.operation import POST, M, Resource
from wootiv.wire.shape import Wire


class MailAddress(TypedDict, total=False):
    """One address of a mail."""

    email: Required[Annotated[str, Wire("Email")]]
    mailbox_hash: Annotated[str, Wire("MailboxHash")]
    """What stands after the `+` of the address."""
    name: Annotated[str, Wire("Name")]


class MailHeader(TypedDict):
    """One header of a mail."""

    name: Annotated[str, Wire("Name")]
    value: Annotated[str, Wire("Value")]


class MailAttachment(TypedDict, total=False):
    """One file of a mail."""

    content: Required[Annotated[str, Wire("Content")]]
    """In base64."""
    content_id: Annotated[str | None, Wire("ContentID")]
    content_length: Annotated[int, Wire("ContentLength")]
    """Bytes, before base64."""
    content_type: Annotated[str, Wire("ContentType")]
    name: Required[Annotated[str, Wire("Name")]]


class InboundMail(TypedDict, total=False):
    """A mail that came in; Postmark sends an empty text for what a mail has not."""

    attachments: Annotated[Sequence[MailAttachment | object], Wire("Attachments")]
    bcc: Annotated[str, Wire("Bcc")]
    bcc_full: Annotated[Sequence[MailAddress | Mapping[str, object]], Wire("BccFull")]
    cc: Annotated[str, Wire("Cc")]
    cc_full: Annotated[Sequence[MailAddress | object], Wire("CcFull")]
    date: Annotated[str, Wire("Date")]
    """As the sender's server wrote it, in whatever form."""
    from_: Required[Annotated[str, Wire("From")]]
    from_full: Annotated[MailAddress | Mapping[str, object], Wire("FromFull")]
    from_name: Annotated[str, Wire("FromName")]
    headers: Annotated[Sequence[MailHeader | object], Wire("Headers")]
    html_body: Annotated[str, Wire("HtmlBody")]
    mailbox_hash: Annotated[str, Wire("MailboxHash")]
    """What stands after the `+` of the address."""
    message_id: Annotated[str, Wire("MessageID")]
    message_stream: Annotated[str, Wire("MessageStream")]
    original_recipient: Annotated[str, Wire("OriginalRecipient")]
    raw_email: Annotated[str, Wire("RawEmail")]
    reply_to: Annotated[str, Wire("ReplyTo")]
    stripped_text_reply: Annotated[str, Wire("StrippedTextReply")]
    subject: Required[Annotated[str, Wire("Subject")]]
    tag: Annotated[str, Wire("Tag")]
    text_body: Annotated[str, Wire("TextBody")]
    to: Required[Annotated[str, Wire("To")]]
    to_full: Annotated[Sequence[MailAddress | Mapping[str, object]], Wire("ToFull")]


class DeliverMail(InboundMail, Options):
    """Arguments of `inbound.mail.create`."""


class Mail(Resource[M]):
    """Mails that come in."""

    @POST("/inbound/mail")
    def create(self, **mail: Unpack[DeliverMail]) -> None:
        """Deliver a mail that came in, as Postmark's inbound webhook does."""
        ...


class Inbound(Resource[M]):
    """What comes in from outside."""

    mail: Mail[M]
