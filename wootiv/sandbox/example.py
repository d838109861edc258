"""An answer of the declared shape, always the same: for operations that nothing is known of but their shape."""

from datetime import datetime
from typing import Any, Literal, get_args, get_origin

import msgspec
from msgspec import Struct

from wootiv.operation import Operation
from wootiv.sandbox.exchange import Answer, Handler, Incoming, done, ok
from wootiv.wire.shape import Shape, relations


def example(operation: Operation[Any, Any]) -> Handler:
    """What answers an operation so."""
    answer = operation.declaration.answer

    def serve(_: Incoming) -> Answer:
        if answer is None:
            return done(operation.method)
        return ok(example_of(answer, "value"), 201 if operation.method == "POST" else 200)

    return serve


def example_of(hint: Any, name: str) -> Any:
    """Plain data of a type."""
    origin = get_origin(hint) or hint
    if origin is Literal:
        return get_args(hint)[0]
    if isinstance(origin, type) and issubclass(origin, Struct):
        fields = msgspec.structs.fields(hint)
        joined = relations(hint) if issubclass(origin, Shape) else {}
        return {f.encode_name: example_of(f.type, f.encode_name) for f in fields if f.encode_name not in joined}
    if origin is list:
        return [example_of(get_args(hint)[0], name)]
    if origin is dict:
        return {}
    plain: dict[Any, Any] = {str: name, int: 1, float: 1.0, bool: True, datetime: "2024-01-02T03:04:05.678Z"}
    if origin in plain:
        return plain[origin]
    return example_of(get_args(hint)[0], name) if get_args(hint) else None
