"""Workspaces, their members, and the tokens that programs use them with."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, TypedDict, Unpack

from msgspec import field

from wootiv.api.shapes import Audit, IdInBody, Read, Subscription, Workspace
from wootiv.blocking_pages import Page
from wootiv.call import Options
from wootiv.operation import DELETE, GET, PAGES, PATCH, POST, M, Resource
from wootiv.wire.shape import LEFT_OUT, NULLABLE, Mark, Shape


class Member(Shape, frozen=True):
    """A user who belongs to a workspace. Source: the API declares no shape; these are a user's fields."""

    id: str | None = NULLABLE
    audit: Audit | None = NULLABLE
    email: str | None = NULLABLE
    username: str | None = NULLABLE
    avatar_url: str | None = field(default=NULLABLE, name="avatarURL")
    first_name: str | None = NULLABLE
    last_name: str | None = NULLABLE
    phone_number: str | None = NULLABLE
    role: str | None = NULLABLE


class WorkspaceToken(Shape, frozen=True):
    """A token that programs use a workspace with."""

    id: str = LEFT_OUT
    audit: dict[str, Any] = LEFT_OUT
    name: str = LEFT_OUT
    sensitive_key: str = LEFT_OUT
    """The key, all but a few characters masked."""
    workspace_id: str = LEFT_OUT
    api_key: Annotated[str, Mark.SECRET] = LEFT_OUT
    """The whole key; sent once, by the call that makes the token."""
    error_count: int = LEFT_OUT
    last_error_timestamp: datetime = LEFT_OUT
    last_request_time_stamp: datetime = LEFT_OUT
    request_count: int = LEFT_OUT
    workspace: Workspace = LEFT_OUT


class NewToken(TypedDict, total=False):
    """A token to make."""

    name: str


class NewWorkspace(TypedDict):
    """A workspace to make."""

    name: str
    owner_id: str


class WorkspaceChanges(TypedDict, total=False):
    """What can be changed in a workspace; what is not given stays."""

    audit: Audit | Mapping[str, object]
    name: str
    owner_id: str
    slug: str
    subscription: Subscription | Mapping[str, object]
    subscription_id: str | None
    workspace_members: Sequence[str]


class CreateToken(NewToken, Options):
    """Arguments of `space.tokens.create`."""


class CreateWorkspace(NewWorkspace, Options):
    """Arguments of `wspaces.create`."""


class UpdateWorkspace(WorkspaceChanges, IdInBody, Options):
    """Arguments of `wspaces.update`."""


class Members(Resource[M]):
    """Who belongs to a workspace."""

    @GET("/space/{space_id}/members/{member_uid}")
    def retrieve(self, member_uid: str, *, space_id: str, **options: Unpack[Options]) -> Member:
        """Fetch one member of a workspace."""
        ...

    @PAGES("/space/{space_id}/members", kind="members")
    def list(self, space_id: str, **options: Unpack[Options]) -> Page[Member]:
        """List a workspace's members; the order is the server's."""
        ...


class WorkspaceTokens(Resource[M]):
    """Tokens that programs use a workspace with."""

    @POST("/space/{space_sid}/tokens")
    def create(self, space_sid: str, **new: Unpack[CreateToken]) -> WorkspaceToken:
        """Make an API token; its `api_key` is told this once."""
        ...

    @DELETE("/space/{space_sid}/tokens/{token_id}")
    def delete(self, token_id: str, *, space_sid: str, **options: Unpack[Options]) -> None:
        """Revoke an API token."""
        ...

    @PAGES("/space/{space_sid}/tokens", kind="whole")
    def list(self, space_sid: str, **options: Unpack[Options]) -> Page[WorkspaceToken]:
        """List a workspace's API tokens, all on one page."""
        ...


class Space(Resource[M]):
    """What a workspace has."""

    members: Members[M]
    tokens: WorkspaceTokens[M]


class Workspaces(Resource[M]):
    """Tenants that own mailboxes, contacts and members."""

    @POST("/wspace")
    def create(self, **new: Unpack[CreateWorkspace]) -> Workspace:
        """Make a workspace."""
        ...

    @GET("/wspace/{id}")
    def retrieve(self, id: str, **read: Unpack[Read]) -> Workspace:
        """Fetch a workspace."""
        ...

    @PATCH("/wspace/{id}")
    def update(self, path_id: str, **changes: Unpack[UpdateWorkspace]) -> Workspace:
        """Change a workspace; what is not given stays as it is."""
        ...
