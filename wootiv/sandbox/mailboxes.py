"""What happens in mailboxes beside their rows: streams, registries, mail that comes in."""

import itertools
from collections.abc import Iterator
from email.utils import getaddresses, parseaddr

from wootiv.sandbox.entities import CONTACTS, MAILBOXES, USERS, WORKSPACES, World
from wootiv.sandbox.exchange import Answer, Handler, Incoming, Refusal, Row, done, now, ok

_SLICE = 20
"""Entries of a registry to a page, unless asked for."""


class Mailboxes:
    """Streams by mailbox and slug, what is registered with either, and who belongs to a workspace.

    A stream is made by the first thing that is put into it: the API declares no call that makes one.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._streams: dict[tuple[str, str], Row] = {}
        self._entries: list[Row] = []
        self._count = itertools.count(1)

    def handlers(self) -> dict[str, Handler]:
        """Handlers by operation."""
        found: dict[str, Handler] = {
            "mailbox.check_availability": self._check_availability,
            "mailbox.stream.create": self._add_message,
            "mailbox.stream.retrieve": self._stream,
            "inbound.mail.create": self._receive,
            "space.members.list": lambda asked: ok(self._members(asked)),
            "space.members.retrieve": self._member,
        }
        for owner in ("mailbox.registry", "mailbox.stream.registry"):
            found[f"{owner}.retrieve"] = self._registered(None)
            for kind in ("action", "resource"):
                found[f"{owner}.{kind}.retrieve"] = self._registered(kind)
                found[f"{owner}.{kind}.create"] = self._register(kind)
        return found

    def _mailbox(self, asked: Incoming) -> Row:
        return self._world.live(MAILBOXES, asked.path["id"])

    def _check_availability(self, asked: Incoming) -> Answer:
        taken = self._world.tables[MAILBOXES].find(uniqueAddress=asked.body()["uniqueAddress"])
        return ok({"available": taken is None}, 201)

    # -- streams

    def _open_stream(self, mailbox: Row, slug: str, **more: object) -> Row:
        key = mailbox["id"], slug
        if key not in self._streams:
            self._streams[key] = {
                "id": next(self._count),
                "conversations": [],
                "medium": "email",
                "namespace": f"{mailbox['uniqueAddress']}/{slug}",
                "pipelineId": mailbox["id"],
                "slug": slug,
                "status": "open",
                "subject": "",
                **_workspace(mailbox),
                **more,
            }
        return self._streams[key]

    def _write(self, stream: Row, mailbox: Row, message: Row) -> Row:
        message = {"id": next(self._count), **message, "streamNamespace": stream["namespace"], **_workspace(mailbox)}
        stream["conversations"].append(message)
        return message

    def _add_message(self, asked: Incoming) -> Answer:
        message, mailbox = asked.body(), self._mailbox(asked)
        return ok(self._write(self._open_stream(mailbox, asked.path["slug"]), mailbox, message), 201)

    def _stream(self, asked: Incoming) -> Answer:
        mailbox, slug = self._mailbox(asked), asked.path["slug"]
        stream = self._streams.get((mailbox["id"], slug))
        if stream is None:
            raise Refusal(404, "Stream not found")
        workspace = self._world.tables[WORKSPACES].live(mailbox["workspaceId"])
        entries = self._entries_of(mailbox, slug)
        return ok(stream | {"mailbox": mailbox, "streamRegistries": entries, "workspace": workspace})

    def _reached(self, mail: Row) -> list[Row]:
        """The mailboxes that a mail names as a recipient of any kind, each with or without a hash."""
        told = [mail.get(name, "") for name in ("To", "Cc", "Bcc", "OriginalRecipient")]
        full = [one for name in ("ToFull", "CcFull", "BccFull") for one in mail.get(name, [])]
        told += [f"{one.get('Email', '')}" for one in full if isinstance(one, dict)]
        rows = list(self._world.tables[MAILBOXES])
        inboxes = {row["inbox"].lower() for row in rows}
        # One by one: of a list that holds an empty text, or one that is no address, Python may read nothing.
        addresses = [address.lower() for text in told if text for _, address in getaddresses([text])]
        to = {next(filter(inboxes.__contains__, _cuts(address)), None) for address in addresses}
        return [row for row in rows if row["inbox"].lower() in to]

    def _receive(self, asked: Incoming) -> Answer:
        """Put a mail into the stream that its sender, or the hash it was sent to, has in each mailbox it reached."""
        mail = {name: value for name, value in asked.body().items() if value is not None}
        reached = self._reached(mail)
        if not reached:
            raise Refusal(404, "Pipeline not found")
        sender = parseaddr(mail["From"])[1] or mail["From"]
        contact = self._world.tables[CONTACTS].find(email=sender)
        known = {"contactId": contact["id"], "contactMetadata": contact["metadata"]} if contact else {}
        message = {
            "Attachments": mail.get("Attachments", []),
            "mediumIntegrationName": "postmark",
            "messageHTML": mail.get("HtmlBody", ""),
            "messageText": mail.get("TextBody", ""),
            "sender": "recipient",
            "status": "received",
        }
        for mailbox in reached:
            slug = mail.get("MailboxHash") or sender.lower()
            stream = self._open_stream(mailbox, slug, subject=mail["Subject"], **known)
            self._write(stream, mailbox, message)
        return done("POST")

    # -- registries

    def _entries_of(self, mailbox: Row, slug: str | None, kind: str | None = None) -> list[Row]:
        """What is registered with a mailbox, or with a stream of it."""
        own = [entry for entry in self._entries if entry["pipelineId"] == mailbox["id"]]
        return [one for one in own if one.get("streamSlug") == slug and kind in (None, one["type"])]

    def _registered(self, kind: str | None) -> Handler:
        def serve(asked: Incoming) -> Answer:
            parsed = asked.parsed()
            limit, offset = max(0, int(parsed.limit or 0)) or _SLICE, max(0, int(parsed.offset or 0))
            entries = self._entries_of(self._mailbox(asked), asked.path.get("slug"), kind)
            data, page = entries[offset : offset + limit], offset // limit + 1
            return ok({"data": data, "limit": limit, "offset": offset, "page": page, "total": len(entries)})

        return serve

    def _register(self, kind: str) -> Handler:
        def serve(asked: Incoming) -> Answer:
            given, mailbox, slug = asked.body(), self._mailbox(asked), asked.path.get("slug")
            id, at = self._world.uuid(), now()
            entry = {
                "id": id,
                "audit": {"date_created": at, "date_updated": at, "date_deleted": None, "version": 1},
                "enabled": given["enabled"],
                "instructions": "",
                "name": given["name"],
                "pipelineId": mailbox["id"],
                "schema": {},
                "source": "sandbox",
                "type": kind,
            }
            if slug is None:
                entry |= {"slug": id, **_workspace(mailbox)}
            else:
                namespace = self._open_stream(mailbox, slug)["namespace"]
                entry |= {"streamNamespace": namespace, "streamSlug": slug}
            self._entries.append(entry)
            told = ["value"] if slug or kind == "action" else ["value", "rawContent", "rawParsed"]
            return ok(entry | {name: given[name] for name in told}, 201)

        return serve

    # -- members of a workspace

    def _members(self, asked: Incoming) -> list[Row]:
        users = self._world.tables[USERS]
        members = self._world.live(WORKSPACES, asked.path["space_id"])["workspaceMembers"]
        return [user for id in members if (user := users.live(id))]

    def _member(self, asked: Incoming) -> Answer:
        for user in self._members(asked):
            if user["id"] == asked.path["member_uid"]:
                return ok(user)
        raise Refusal(404, "User not found")


def _workspace(mailbox: Row) -> Row:
    return {} if mailbox["workspaceId"] is None else {"workspaceId": mailbox["workspaceId"]}


def _cuts(address: str) -> Iterator[str]:
    """The address, and what is left of it without one hash and more: an inbox may have a `+` of its own."""
    name, at, domain = address.partition("@")
    parts = name.split("+")
    return ("+".join(parts[:end]) + at + domain for end in range(len(parts), 0, -1))
