"""User accounts."""

from typing import Any, Unpack

from msgspec import field

from wootiv.api.shapes import Audit, ListQuery, Read
from wootiv.blocking_pages import Page
from wootiv.call import Options
from wootiv.operation import GET, PAGES, PATCH, M, Resource
from wootiv.wire.shape import LEFT_OUT, NULLABLE, Shape


class User(Shape, frozen=True):
    """A user account."""

    id: str = LEFT_OUT
    audit: Audit = LEFT_OUT
    email: str = LEFT_OUT
    username: str = LEFT_OUT
    avatar_url: str | None = field(default=NULLABLE, name="avatarURL")
    first_name: str | None = NULLABLE
    last_name: str | None = NULLABLE
    phone_number: str | None = NULLABLE
    role: str | None = NULLABLE


class DeletedUsers(Resource[M]):
    """Users who were deleted: the service keeps them, but no longer shows them."""

    @PATCH("/user/recover/{id}")
    def update(self, id: str, **options: Unpack[Options]) -> Any:
        """Bring a deleted user back; the API declares no shape for the answer, so it comes as plain data."""
        ...


class Users(Resource[M]):
    """User accounts."""

    recover: DeletedUsers[M]

    @GET("/user/{id}")
    def retrieve(self, id: str, **read: Unpack[Read]) -> User:
        """Fetch a user."""
        ...

    @PAGES("/user")
    def list(self, **query: Unpack[ListQuery]) -> Page[User]:
        """List users, in order of id unless `sort`, `page` or `offset` is given."""
        ...
