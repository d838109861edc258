"""Conditions, orders and relations for lists: `where=`, `sort=`, `join=`.

    from wootiv.query import asc, field

    reachable = field("email").ends("@example.com") & field("phoneNumber").not_null()
    client.contacts.list(where=reachable | (field("firstName") == "Ada"), sort=asc("lastName"))

Fields go by their names on the wire. The parentheses are needed: Python's `&` and `|` bind tighter than `==`.
"""

from wootiv.query.condition import Condition
from wootiv.query.fields import (
    Caseless,
    Field,
    Order,
    Relation,
    all_of,
    any_of,
    asc,
    desc,
    field,
    relation,
)
from wootiv.query.values import Value

__all__ = [
    "Caseless",
    "Condition",
    "Field",
    "Order",
    "Relation",
    "Value",
    "all_of",
    "any_of",
    "asc",
    "desc",
    "field",
    "relation",
]
