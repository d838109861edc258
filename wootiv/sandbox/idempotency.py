"""Keys of writes that are not to be carried out twice."""

from hashlib import sha256

from wootiv.sandbox.exchange import Answer, Handler, Incoming, Refusal, Request


class Keys:
    """Gives the first answer again to a request that comes with the same `Idempotency-Key`, and has no second effect.

    What was refused is not remembered, since it had no effect: it is looked at anew. Nothing is ever half done: a
    request that waits has not begun, so of two with the same key the one whose turn comes first is the first.
    """

    def __init__(self) -> None:
        self._answers: dict[str, tuple[bytes, Answer]] = {}

    def around(self, serve: Handler) -> Handler:
        """The same handler, for each key once."""

        def once(asked: Incoming) -> Answer:
            key = asked.request.headers.get("idempotency-key")
            if not key:
                return serve(asked)
            asks = _digest(asked.request)
            first, answer = self._answers.get(key, (asks, None))
            if first != asks:  # Source: draft-ietf-httpapi-idempotency-key-header-07, 2.7
                raise Refusal(422, "Idempotency-Key was used for another request")
            if answer is None:
                answer = serve(asked)
                self._answers[key] = asks, answer
            return answer

        return once


def _digest(request: Request) -> bytes:
    """What a request asks for, whichever boundary the parts of its body have this time."""
    boundary = request.headers.get("content-type", "").partition("boundary=")[2].strip('"').encode()
    body = request.body.replace(boundary, b"") if boundary else request.body
    return sha256(b"\n".join([request.method.encode(), request.path.encode(), request.query.encode(), body])).digest()
