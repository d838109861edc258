"""Registries: lists of their own kind, below a path of their own."""

import httpx


def answer(request):
    offset = int(request.url.params.get("offset", 0))
    rows = [{"id": str(number)} for number in range(offset, min(offset + 2, 5))]
    return httpx.Response(200, json={"data": rows, "limit": 2, "offset": offset, "page": offset // 2 + 1, "total": 5})


def test_a_mailboxs_registry_is_read_to_its_end(face, recorder):
    server = recorder(answer)
    entries = face(lambda client: client.mailbox.registry.retrieve("m/1", limit=2), transport=server.transport())
    assert [entry.id for entry in entries] == ["0", "1", "2", "3", "4"]
    assert [request.url.raw_path for request in server.requests] == [
        b"/mailbox/m%2F1/registry?limit=2",
        b"/mailbox/m%2F1/registry?limit=2&offset=2",
        b"/mailbox/m%2F1/registry?limit=2&offset=4",
    ]


def test_a_streams_registry_is_found_by_mailbox_and_slug(face, recorder):
    server = recorder(answer)
    entries = face(
        lambda client: client.mailbox.stream.registry.action.retrieve("s", id="m"), transport=server.transport()
    )
    assert len(entries) == 5
    assert {request.url.path for request in server.requests} == {"/mailbox/m/stream/s/registry/action"}
