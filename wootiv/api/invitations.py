"""Invitations: sent by e-mail, looked at, accepted, sent again."""

from collections.abc import Mapping
from typing import Annotated, Literal, TypeAlias, TypedDict, Unpack

from wootiv.api.shapes import Audit, ListQuery, Read, Reference
from wootiv.blocking_pages import Page
from wootiv.call import Options
from wootiv.operation import DELETE, GET, PAGES, PATCH, POST, M, Resource
from wootiv.wire.shape import LEFT_OUT, NULLABLE, Mark, Shape

InvitationCategory: TypeAlias = Literal["invitation", "invite"] | str


class Invitation(Shape, frozen=True):
    """An invitation that was sent by e-mail."""

    id: str = LEFT_OUT
    active: bool = LEFT_OUT
    """Whether it can still be accepted."""
    audit: Audit = LEFT_OUT
    category: InvitationCategory = LEFT_OUT
    code: Annotated[str, Mark.SECRET] = LEFT_OUT
    """Claims the invitation."""
    email: str = LEFT_OUT
    user: Reference | None = NULLABLE
    """The invited user; sent unasked, `None` if that user was deleted."""


class NewInvitation(TypedDict):
    """An invitation to send."""

    category: InvitationCategory
    email: str
    payload: Mapping[str, object]
    """What the module needs that finishes the invitation; free in form."""


class Passcode(TypedDict):
    """What proves who was invited."""

    passcode: Annotated[str, Mark.SECRET]


class Acceptance(Passcode):
    """What an invitation is accepted with."""

    payload: Mapping[str, object]
    """What the module needs that finishes the invitation; free in form."""


class CreateInvitation(NewInvitation, Options):
    """Arguments of `invitations.create`."""


class LookAtInvitation(Passcode, Options):
    """Arguments of `invitation_acceptance.retrieve`."""


class AcceptInvitation(Acceptance, Options):
    """Arguments of `invitation_acceptance.update`."""


class Invitations(Resource[M]):
    """Invitations sent by e-mail."""

    @POST("/invitation")
    def create(self, **new: Unpack[CreateInvitation]) -> Invitation:
        """Invite someone by e-mail."""
        ...

    @GET("/invitation/{id}")
    def retrieve(self, id: str, **read: Unpack[Read]) -> Invitation:
        """Fetch an invitation."""
        ...

    @DELETE("/invitation/{id}")
    def delete(self, id: str, **options: Unpack[Options]) -> None:
        """Withdraw an invitation."""
        ...

    @PAGES("/invitation")
    def list(self, **query: Unpack[ListQuery]) -> Page[Invitation]:
        """List invitations, in order of id unless `sort`, `page` or `offset` is given."""
        ...


class InvitationAcceptance(Resource[M]):
    """Invitations as the invited see them."""

    @GET("/invitation_acceptance/{code}")
    def retrieve(self, code: Annotated[str, Mark.SECRET], **look: Unpack[LookAtInvitation]) -> None:
        """Check code and passcode of an invitation before accepting it; raises `NotFoundError` if they are not good."""
        ...

    @PATCH("/invitation_acceptance/{code}")
    def update(self, code: Annotated[str, Mark.SECRET], **acceptance: Unpack[AcceptInvitation]) -> None:
        """Accept an invitation; raises `NotFoundError` for a wrong code, `BadRequestError` for a wrong passcode."""
        ...


class InvitationReattempt(Resource[M]):
    """Invitations that did not arrive."""

    @POST("/invitation_reattempt/{code}")
    def create(self, code: Annotated[str, Mark.SECRET], **options: Unpack[Options]) -> None:
        """Send an invitation again; raises `NotFoundError` if there is none of this code."""
        ...
