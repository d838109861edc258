"""The whole API, as one tree of resources."""

from collections.abc import Mapping
from typing import Annotated, Unpack

from wootiv.api.auth import Auth
from wootiv.api.contacts import ContactGroups, Contacts
from wootiv.api.inbound import Inbound
from wootiv.api.invitations import InvitationAcceptance, InvitationReattempt, Invitations
from wootiv.api.mailboxes import Mailboxes
from wootiv.api.registry import Registry
from wootiv.api.roles import RoleAssignments, Roles
from wootiv.api.spaces import Space, Workspaces
from wootiv.api.storage import Aws
from wootiv.api.subscriptions import Features, Subscriptions
from wootiv.api.users import Users
from wootiv.call import Options
from wootiv.operation import GET, Keep, M, Resource, Unsent
from wootiv.verbs import Verb
from wootiv.wire.shape import Mark


class Ping(Options, total=False):
    """Arguments of `root.retrieve`."""

    params: Annotated[Mapping[str, object], Mark.SPREAD]
    """Query parameters to send; the service reads none that is known."""


class Root(Resource[M]):
    """The service itself."""

    @GET("/")
    def retrieve(self, **options: Unpack[Ping]) -> None:
        """Tell that the service answers; raises `APIError` if it does not."""
        ...


class Api(Resource[M]):
    """Every operation, by the path of its attribute; and verbs for those that are not declared."""

    root: Root[M]
    auth: Auth[M]
    space: Space[M]
    wspaces: Workspaces[M]
    roles: Roles[M]
    role_assignments: RoleAssignments[M]
    invitations: Invitations[M]
    invitation_acceptance: InvitationAcceptance[M]
    invitation_reattempt: InvitationReattempt[M]
    users: Users[M]
    aws: Aws[M]
    registry: Registry[M]
    features: Features[M]
    subscriptions: Subscriptions[M]
    contacts: Contacts[M]
    contact_group: ContactGroups[M]
    mailbox: Mailboxes[M]
    inbound: Inbound[M]

    get: Verb = Verb("GET")
    """GET a path that no operation declares; `cast_to` is the type to read the answer as."""
    post: Verb = Verb("POST")
    """POST a path that no operation declares; `cast_to` is the type to read the answer as."""
    patch: Verb = Verb("PATCH")
    """PATCH a path that no operation declares; `cast_to` is the type to read the answer as."""
    put: Verb = Verb("PUT")
    """PUT a path that no operation declares; `cast_to` is the type to read the answer as."""
    delete: Verb = Verb("DELETE")
    """DELETE a path that no operation declares; `cast_to` is the type to read the answer as."""


calls: Api[Unsent] = Api(Keep())
