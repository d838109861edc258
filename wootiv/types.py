"""The shapes of answers, and the dictionaries that arguments are typed with."""

from wootiv.api.auth import Account, Credentials, Mailed, NewAccount, NewPassword, Tokens, TokenToRefresh
from wootiv.api.contacts import Contact, ContactChanges, ContactGroup, NewContact, NewContactGroup
from wootiv.api.inbound import InboundMail, MailAddress, MailAttachment, MailHeader
from wootiv.api.invitations import Acceptance, Invitation, NewInvitation
from wootiv.api.mailboxes import (
    AddressToCheck,
    Mailbox,
    MailboxChanges,
    NewMailbox,
    NewStreamMessage,
    Stream,
    StreamMessage,
)
from wootiv.api.registry import NewRegistryEntry, Registered, RegistryEntry, StreamRegistryEntry
from wootiv.api.roles import NewRole, NewRoleAssignment, NewRoleAssignments, NewRoles, Role, RoleAssignment
from wootiv.api.shapes import Audit, ListQuery, Read, Reference, ReferenceTo, Subscription, Workspace
from wootiv.api.spaces import Member, NewToken, NewWorkspace, WorkspaceChanges, WorkspaceToken
from wootiv.api.storage import Buckets, FilesToUpload, FileToPost, FileToUpload, SignedFile, SignedPost, StoredFile
from wootiv.api.subscriptions import NewSubscription, SubscriptionChanges
from wootiv.api.users import User
from wootiv.message import FileContent, FileInput
from wootiv.wire.shape import Shape

__all__ = [
    "Acceptance",
    "Account",
    "AddressToCheck",
    "Audit",
    "Buckets",
    "Contact",
    "ContactChanges",
    "ContactGroup",
    "Credentials",
    "FileContent",
    "FileInput",
    "FileToPost",
    "FileToUpload",
    "FilesToUpload",
    "InboundMail",
    "Invitation",
    "ListQuery",
    "MailAddress",
    "MailAttachment",
    "MailHeader",
    "Mailbox",
    "MailboxChanges",
    "Mailed",
    "Member",
    "NewAccount",
    "NewContact",
    "NewContactGroup",
    "NewInvitation",
    "NewMailbox",
    "NewPassword",
    "NewRegistryEntry",
    "NewRole",
    "NewRoleAssignment",
    "NewRoleAssignments",
    "NewRoles",
    "NewStreamMessage",
    "NewSubscription",
    "NewToken",
    "NewWorkspace",
    "Read",
    "Reference",
    "ReferenceTo",
    "Registered",
    "RegistryEntry",
    "Role",
    "RoleAssignment",
    "Shape",
    "SignedFile",
    "SignedPost",
    "StoredFile",
    "Stream",
    "StreamMessage",
    "StreamRegistryEntry",
    "Subscription",
    "SubscriptionChanges",
    "TokenToRefresh",
    "Tokens",
    "User",
    "Workspace",
    "WorkspaceChanges",
    "WorkspaceToken",
]
