"""Roles, and who has them."""

from collections.abc import Sequence
from typing import TypedDict, Unpack

from wootiv.api.shapes import Audit, ListQuery, Read, Reference, ReferenceTo
from wootiv.blocking_pages import Page
from wootiv.call import Options
from wootiv.operation import DELETE, GET, PAGES, PATCH, POST, M, Resource
from wootiv.wire.shape import LEFT_OUT, NULLABLE, Shape


class Role(Shape, frozen=True):
    """A role that users can be given."""

    id: str = LEFT_OUT
    assignees: list[Reference] = LEFT_OUT
    """The assignments of this role; sent unasked. Source: despite the name the ids are not the users'."""
    audit: Audit = LEFT_OUT
    description: str | None = NULLABLE
    name: str = LEFT_OUT


class RoleAssignment(Shape, frozen=True):
    """One role given to one assignee."""

    id: str = LEFT_OUT
    assignee: Reference = LEFT_OUT
    audit: Audit = LEFT_OUT
    role: Reference = LEFT_OUT


class NewRole(TypedDict):
    """A role to make, or the whole of one to change."""

    description: str
    name: str


class NewRoles(TypedDict):
    """Roles to make."""

    bulk: Sequence[NewRole]


class NewRoleAssignment(TypedDict):
    """A role to give."""

    assignee: ReferenceTo
    role: ReferenceTo


class NewRoleAssignments(TypedDict):
    """Roles to give."""

    bulk: Sequence[NewRoleAssignment]


class SaveRole(NewRole, Options):
    """Arguments of `roles.create` and `roles.update`."""


class CreateRoles(NewRoles, Options):
    """Arguments of `roles.bulk_create`."""


class CreateRoleAssignment(NewRoleAssignment, Options):
    """Arguments of `role_assignments.create`."""


class CreateRoleAssignments(NewRoleAssignments, Options):
    """Arguments of `role_assignments.bulk.create`."""


class Roles(Resource[M]):
    """Roles that users can be given."""

    @POST("/role")
    def create(self, **new: Unpack[SaveRole]) -> Role:
        """Make a role."""
        ...

    @POST("/role/bulk")
    def bulk_create(self, **new: Unpack[CreateRoles]) -> list[Role]:
        """Make many roles in one request; the answer has their order."""
        ...

    @GET("/role/{id}")
    def retrieve(self, id: str, **read: Unpack[Read]) -> Role:
        """Fetch a role."""
        ...

    @PATCH("/role/{id}")
    def update(self, id: str, **changes: Unpack[SaveRole]) -> Role:
        """Change a role; the server wants both fields."""
        ...

    @DELETE("/role/{id}")
    def delete(self, id: str, **options: Unpack[Options]) -> None:
        """Delete a role."""
        ...

    @PAGES("/role")
    def list(self, **query: Unpack[ListQuery]) -> Page[Role]:
        """List roles, in order of id unless `sort`, `page` or `offset` is given."""
        ...


class BulkRoleAssignments(Resource[M]):
    """Many role assignments at once."""

    @POST("/role-assignment/{assignment}/bulk")
    def create(self, assignment: str, **new: Unpack[CreateRoleAssignments]) -> list[RoleAssignment]:
        """Give many roles in one request; the answer has their order."""
        ...


class RoleAssignments(Resource[M]):
    """Who has which role; `assignment` is the kind of assignee that the server knows, such as `user`."""

    bulk: BulkRoleAssignments[M]

    @POST("/role-assignment/{assignment}")
    def create(self, assignment: str, **new: Unpack[CreateRoleAssignment]) -> RoleAssignment:
        """Give a role to an assignee."""
        ...

    @GET("/role-assignment/{assignment}/{id}")
    def retrieve(self, id: str, *, assignment: str, **read: Unpack[Read]) -> RoleAssignment:
        """Fetch a role assignment."""
        ...

    @DELETE("/role-assignment/{assignment}/{id}")
    def delete(self, id: str, *, assignment: str, **options: Unpack[Options]) -> None:
        """Take a role away from its assignee."""
        ...
