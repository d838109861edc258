"""A test of a program of one's own: it gets by where the service is away for a moment."""

import httpx

from wootiv import Sandbox, Wootiv


def forget(client: Wootiv, host: str) -> None:
    for contact in client.contacts.list(filter=f"email||$ends||@{host}"):
        client.contacts.delete(contact.id)


def test_forgets_everyone_at_a_host_and_nobody_else() -> None:
    sandbox, faults = Sandbox(rows=50), [httpx.Response(503, headers={"Retry-After": "0"})]
    answer = sandbox.transport().handle_request  # sandbox.fail(...) will take the place of both lines
    flaky = httpx.MockTransport(lambda request: faults.pop() if faults else answer(request))
    with sandbox.client(transport=flaky) as client:
        forget(client, "example.org")
        assert client.contacts.list(filter="email||$ends||@example.org").total == 0
        assert client.contacts.list(filter="email||$notnull").total == 40
