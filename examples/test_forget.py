"""A test of a program of one's own: it gets by where the service is away for a moment."""

from wootiv import Sandbox, Wootiv


def forget(client: Wootiv, host: str) -> None:
    for contact in client.contacts.list(filter=f"email||$ends||@{host}"):
        client.contacts.delete(contact.id)


def test_forgets_everyone_at_a_host_and_nobody_else() -> None:
    sandbox = Sandbox(rows=50)
    fault = sandbox.fail("contacts.delete", status=503, headers={"Retry-After": "0"})
    with sandbox.client() as client:
        forget(client, "example.org")
        assert client.contacts.list(filter="email||$ends||@example.org").total == 0
        assert client.contacts.list(filter="email||$notnull").total == 40
        assert fault.met == 1
