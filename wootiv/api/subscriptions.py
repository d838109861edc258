"""Subscriptions of workspaces to plans, and what a plan brings."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, TypedDict, Unpack

from wootiv.api.shapes import Audit, IdInBody, Plan, Read, Subscription, SubscriptionStatus, Workspace
from wootiv.call import Options
from wootiv.operation import GET, PATCH, POST, M, Resource
from wootiv.wire.shape import Wire


class NewSubscription(TypedDict):
    """A subscription to make."""

    end_date: datetime | str
    plan_name: Plan
    start_date: datetime | str
    status: SubscriptionStatus
    workspace_id: str


class SubscriptionChanges(TypedDict, total=False):
    """What can be changed in a subscription; what is not given stays."""

    audit: Audit | Mapping[str, object]
    end_date: datetime | str
    history: Sequence[Sequence[object]]
    plan_name: Plan
    start_date: datetime | str
    status: SubscriptionStatus
    workspace: Workspace | Mapping[str, object]
    workspace_id: str


class CreateSubscription(NewSubscription, Options):
    """Arguments of `subscriptions.create`."""


class FeatureQuery(TypedDict):
    """Whose features are listed."""

    plan_name: str


class UpdateSubscription(SubscriptionChanges, IdInBody, Options):
    """Arguments of `subscriptions.update`."""


class ChangeSubscription(SubscriptionChanges, Options):
    """Arguments of `subscriptions.change.update`."""


class ListFeatures(FeatureQuery, Options):
    """Arguments of `features.list`."""


class PlanChange(Resource[M]):
    """Subscriptions that move to another plan."""

    # The route is literal: this id has no place in the path, so its mark sends it in the body.
    @PATCH("/subscription/change")
    def update(self, path_id: Annotated[str, Wire("id")], **changes: Unpack[ChangeSubscription]) -> Subscription:
        """Move a subscription to another plan; what is not given stays as it is."""
        ...


class Subscriptions(Resource[M]):
    """Subscriptions of workspaces to plans."""

    change: PlanChange[M]

    @POST("/subscription")
    def create(self, **new: Unpack[CreateSubscription]) -> Subscription:
        """Subscribe a workspace to a plan."""
        ...

    @GET("/subscription/{id}")
    def retrieve(self, id: str, **read: Unpack[Read]) -> Subscription:
        """Fetch a subscription."""
        ...

    @PATCH("/subscription/{id}")
    def update(self, path_id: str, **changes: Unpack[UpdateSubscription]) -> Subscription:
        """Change a subscription; what is not given stays as it is."""
        ...


class Features(Resource[M]):
    """What plans bring."""

    @GET("/features")
    def list(self, **query: Unpack[ListFeatures]) -> Any:
        """List a plan's features; the API declares no shape for them, so they come as plain data."""
        ...
