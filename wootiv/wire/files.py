"""Files for a multipart body: what a user gives, and the bytes around each."""

import mimetypes
from collections.abc import Iterator, Mapping
from io import TextIOBase
from os import PathLike, fspath
from pathlib import Path
from typing import Any, BinaryIO, cast

from wootiv.message import FileInput, Form, Pairs, Part, Source


def part(name: str, given: FileInput) -> Part:
    """One file of a form, under the field's name on the wire.

    `given` is bytes, a path, a file opened in binary mode, or `(filename, one of these[, content type[, headers]])`.
    Raises `TypeError` for anything else.
    """
    if not isinstance(given, tuple):
        return _part(name, given, None, None, ())
    match cast("tuple[Any, ...]", given):
        case (str() as filename, content):
            return _part(name, content, filename, None, ())
        case (str() as filename, content, (str() | None) as content_type):
            return _part(name, content, filename, content_type, ())
        case (str() as filename, content, (str() | None) as content_type, Mapping() as headers):
            return _part(name, content, filename, content_type, tuple(headers.items()))
        case _:
            raise TypeError("expected (filename, content[, content type[, headers]])")


def _part(name: str, content: Any, filename: str | None, content_type: str | None, headers: Pairs) -> Part:
    source, own_name, start = _source(content)
    filename = filename if filename is not None else own_name or name
    content_type = content_type or mimetypes.guess_type(filename)[0] or "application/octet-stream"
    return Part(name, filename, source, content_type, headers, start)


def _source(content: Any) -> tuple[Source, str | None, int | None]:
    match content:
        case bytes():
            return content, None, None
        case bytearray() | memoryview():
            return bytes(content), None, None
        case str() | PathLike():
            path = Path(fspath(content))
            return path, path.name, None
        case TextIOBase():
            raise TypeError("the file is open in text mode, open it with 'rb'")
        case _ if hasattr(content, "read"):
            file: BinaryIO = content
            own_name = getattr(file, "name", None)
            return file, Path(own_name).name if isinstance(own_name, str) else None, _place(file)
        case _:
            raise TypeError("expected bytes, a path, or a file opened in binary mode")


def _place(file: BinaryIO) -> int | None:
    """Where the file stands, if it can go back there."""
    return file.tell() if file.seekable() else None


def rewindable(form: Form) -> bool:
    """Whether every part can be read again from its start."""
    return all(isinstance(part.source, bytes | Path) or part.start is not None for part in form.parts)


def frames(form: Form, boundary: str) -> Iterator[bytes | Part]:
    """The body in order: bytes to send as they are, and parts whose content stands in their place."""
    for name, value in form.fields:
        yield f'--{boundary}\r\nContent-Disposition: form-data; name="{_quoted(name)}"\r\n\r\n{value}\r\n'.encode()
    for one in form.parts:
        yield _part_head(one, boundary)
        yield one
        yield b"\r\n"
    yield f"--{boundary}--\r\n".encode()


def _part_head(one: Part, boundary: str) -> bytes:
    extra = "".join(f"{name}: {value}\r\n" for name, value in one.headers)
    disposition = f'form-data; name="{_quoted(one.name)}"; filename="{_quoted(one.filename)}"'
    return (
        f"--{boundary}\r\nContent-Disposition: {disposition}\r\nContent-Type: {one.content_type}\r\n{extra}\r\n"
    ).encode()


def _quoted(text: str) -> str:
    # Source: WHATWG HTML, "Multipart form data": these three are escaped, all else is sent as UTF-8.
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
