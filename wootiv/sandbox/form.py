"""Forms with files in them, as they came in. Source: RFC 7578."""

import re
from collections.abc import Iterator

from msgspec import Struct

from wootiv.sandbox.exchange import Refusal, Request


class File(Struct, frozen=True):
    """One part of a form that holds a file."""

    field: str
    filename: str
    content_type: str
    content: bytes


def read_parts(request: Request) -> Iterator[tuple[str, str] | File]:
    """The parts of a multipart body in their order: name and text, or a file; raises `Refusal`."""
    match = re.search(r'boundary="?([^";]+)', request.headers.get("content-type", ""))
    if not match:
        raise Refusal(400, "Multipart: Boundary not found")
    for piece in (b"\r\n" + request.body).split(b"\r\n--" + match[1].encode())[1:-1]:
        head, _, content = piece.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
        lower = {name.lower(): value for name, value in headers.items()}
        named = dict(re.findall(r'(\w+)="([^"]*)"', lower.get("content-disposition", "")))
        if "filename" in named:
            kind = lower.get("content-type", "application/octet-stream")
            yield File(named.get("name", ""), named["filename"], kind, content)
        else:
            yield named.get("name", ""), content.decode()


def read_form(request: Request) -> tuple[dict[str, str], list[File]]:
    """Text fields and files of a body, none of either if it is not multipart; raises `Refusal`."""
    if not request.headers.get("content-type", "").startswith("multipart/"):
        return {}, []
    parts = list(read_parts(request))
    return dict(one for one in parts if not isinstance(one, File)), [one for one in parts if isinstance(one, File)]
