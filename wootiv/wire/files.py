"""Files for a multipart body: what a user gives, and the bytes around each."""

import mimetypes
import re
from collections.abc import AsyncIterable, Iterator, Mapping
from inspect import iscoroutinefunction
from io import TextIOBase
from os import PathLike, fspath
from pathlib import Path
from typing import Any, BinaryIO, cast

from wootiv.message import FileInput, Form, Pairs, Part, Source, Stream
from wootiv.wire.words import kind_of

_LINE = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+: [^\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]*")


def part(name: str, given: FileInput) -> Part:
    """One file of a form, under the field's name on the wire.

    `given` is bytes, a path, a file opened in binary mode, an iterator of bytes, or
    `(filename, one of these[, content type[, headers]])`. Raises `TypeError` or `ValueError` for anything else, its
    message is what was seen.
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
            raise TypeError(f"a tuple of ({', '.join(type(item).__name__ for item in given)})")


def is_one(given: tuple[Any, ...]) -> bool:
    """Whether a tuple reads as one file: text first, then content, then what only goes with a file."""
    match given:
        case (str(), _) | (str(), _, str() | None) | (str(), _, str() | None, Mapping()):
            return True
        case _:
            return False


def alone(given: object) -> str | None:
    """What, in words, is one file or no file at all, although it may be gone over as a list is."""
    if hasattr(given, "read"):
        return "one open file"
    return kind_of(given) if isinstance(given, str | bytes | bytearray | memoryview | PathLike | Mapping) else None


def _part(name: str, content: Any, filename: str | None, content_type: str | None, headers: Pairs) -> Part:
    source, own_name, start = _source(content)
    filename = str.__str__(filename if filename is not None else own_name or name)
    content_type = content_type or mimetypes.guess_type(filename)[0] or "application/octet-stream"
    # Whoever gets a line break into a head can add parts and fields of his own.
    if not all(_is_line(key, value) for key, value in (("content-type", content_type), *headers)):
        raise ValueError("a content type or header that is no line of text")
    try:
        filename.encode()
    except UnicodeEncodeError:
        raise ValueError(f"the filename {filename!a}, which UTF-8 cannot hold") from None
    return Part(name, filename, source, content_type, headers, start)


def _is_line(name: Any, value: Any) -> bool:
    return isinstance(name, str) and isinstance(value, str) and _LINE.fullmatch(f"{name}: {value}") is not None


def _source(content: Any) -> tuple[Source, str | None, int | None]:
    match content:
        case bytes():
            return content, None, None
        case bytearray() | memoryview():
            return bytes(content), None, None
        case str() | PathLike():
            path = fspath(content)
            if not path or "\0" in path:
                raise ValueError("an empty path" if not path else "a path with a null in it, content goes as bytes")
            return Path(path), Path(path).name, None
        case _ if iscoroutinefunction(getattr(content, "read", None)):
            raise TypeError("an async file, give its `wrapped`")
        case _ if isinstance(content, TextIOBase) or (hasattr(content, "read") and hasattr(content, "encoding")):
            raise TypeError("a file in text mode, open it with 'rb'")
        case _ if hasattr(content, "read"):
            file: BinaryIO = content
            if not getattr(file, "readable", lambda: True)():
                raise ValueError("a file that is not open for reading")
            own_name = getattr(file, "name", None)
            return file, Path(own_name).name if isinstance(own_name, str) else None, _place(file)
        case Iterator() | AsyncIterable():
            return Stream(content), None, None
        case _:
            raise TypeError("None" if content is None else f"a value of type {type(content).__name__}")


def _place(file: BinaryIO) -> int | None:
    """Where the file stands, if it can go back there."""
    return file.tell() if getattr(file, "seekable", lambda: False)() else None


def rewindable(form: Form) -> bool:
    """Whether every part can be read again from its start; asked after a failure, it looks at paths."""
    return all(
        part.source.is_file()
        if isinstance(part.source, Path)
        else isinstance(part.source, bytes) or part.start is not None
        for part in form.parts
    )


def frames(form: Form, boundary: str) -> Iterator[bytes | Part]:
    """The body in order: bytes to send as they are, and parts whose content stands in their place."""
    for name, value in form.fields:
        yield f'--{boundary}\r\nContent-Disposition: form-data; name="{quoted(name)}"\r\n\r\n{value}\r\n'.encode()
    for one in form.parts:
        yield _part_head(one, boundary)
        yield one
        yield b"\r\n"
    yield f"--{boundary}--\r\n".encode()


def _part_head(one: Part, boundary: str) -> bytes:
    extra = "".join(f"{name}: {value}\r\n" for name, value in one.headers)
    disposition = f'form-data; name="{quoted(one.name)}"; filename="{quoted(one.filename)}"'
    return (
        f"--{boundary}\r\nContent-Disposition: {disposition}\r\nContent-Type: {one.content_type}\r\n{extra}\r\n"
    ).encode()


def quoted(text: str) -> str:
    """A name as the head of a part has it."""
    # Source: WHATWG HTML, "Multipart form data": these three are escaped, all else is sent as UTF-8.
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
