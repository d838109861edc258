"""Multipart bodies that stream: files are read a piece at a time, in a thread; async iterators where they are."""

import errno
import os
import secrets
import stat
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from wootiv.engine.reading import Reading
from wootiv.message import Form, Part, Stream
from wootiv.wire.files import frames

CHUNK = 256 * 1024
"""Bytes read at once."""
_SPECIAL = {
    stat.S_IFIFO: "named pipe",
    stat.S_IFSOCK: "socket",
    stat.S_IFCHR: "device",
    stat.S_IFBLK: "device",
}
"""What is no file, although it has a path. A directory says so itself."""
_PAGE = 4096
"""Bytes that files of /sys say they have, whatever is in them; those of /proc say 0."""


class CutShort(Exception):  # noqa: N818 - never leaves the package
    """A file that ended before its measured end."""


class SourceError(Exception):
    """What an iterator of the caller's own raised, kept from whoever would take it for an error of the network."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


class FormBody:
    """The bytes of a form, for one attempt: `async with` it, then iterate over it.

    A class and not an async generator: an attempt that is cancelled half-way leaves nothing to be finalised.
    `place` is where it goes, such as `POST /aws/buckets/upload`, for messages.
    """

    def __init__(self, form: Form, place: str) -> None:
        boundary = secrets.token_hex(16)
        self.content_type: str = f"multipart/form-data; boundary={boundary}"
        self.length: int | None = 0
        """Bytes in all; `None` if a file cannot tell its size."""
        self.size: int | None = 0
        """Bytes of the files alone."""
        self._hears = form.hears
        self._sent = 0
        """Bytes of the files that were asked for, of which the last piece may not have gone out."""
        self._place = place
        self._frames = list(frames(form, boundary))
        self._open: dict[int, BinaryIO] = {}
        self._sizes: dict[int, int | None] = {}
        self._position = 0
        self._seen = 0
        """Bytes of the file at the position that were read."""
        self._reading: Reading | None = None
        self._pieces: AsyncIterator[bytes] | None = None

    async def __aenter__(self) -> Self:
        """Open and measure every file before anything is sent; raises `OSError`, `TypeError` or `ValueError`."""
        if not any(isinstance(frame, Part) and _blocks(frame) for frame in self._frames):
            self._prepare()
            return self  # noqa: ASYNC910 - it is sent, which is a checkpoint
        self._reading = Reading(self._close)
        try:
            await self._reading.run(self._prepare)
        except BaseException:
            self._reading.leave()
            raise
        return self

    async def __aexit__(  # noqa: ASYNC910 - there is nothing to wait for
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._reading is not None:
            self._reading.leave()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if self._hears is not None:
            self._hears(self._sent)  # what is asked for now follows what has gone out
        while self._position < len(self._frames):
            frame = self._frames[self._position]
            if isinstance(frame, bytes):
                self._position += 1
                return frame  # noqa: ASYNC910 - every piece is sent, which is a checkpoint
            if chunk := await self._next_of(frame):
                self._sent += len(chunk)
                return chunk  # noqa: ASYNC910 - as above
            self._position += 1
            self._seen = 0
            self._pieces = None
        raise StopAsyncIteration

    async def _next_of(self, part: Part) -> bytes:
        """The next piece of a file; empty at its end."""
        if isinstance(part.source, bytes):
            chunk = part.source[self._seen : self._seen + CHUNK]
            self._seen += len(chunk)
            return chunk  # noqa: ASYNC910 - as above
        if isinstance(part.source, Stream) and isinstance(part.source.pieces, AsyncIterable):
            return await self._next_async(part, part.source.pieces)
        return b"" if self._reading is None else await self._reading.run(self._read)  # noqa: ASYNC910 - as above

    async def _next_async(self, part: Part, pieces: AsyncIterable[bytes]) -> bytes:
        try:
            if self._pieces is None:
                self._begin(part)
                self._pieces = aiter(pieces)
            async for given in self._pieces:
                if chunk := self._content(part, given):
                    return chunk  # noqa: ASYNC910 - as above
        except Exception as error:
            raise SourceError(error) from error
        return b""

    # In the thread

    def _prepare(self) -> None:
        once: dict[int, Part] = {}
        for number, frame in enumerate(self._frames):
            content = frame.source if isinstance(frame, Part) else frame
            if isinstance(frame, bytes) or isinstance(content, bytes):
                self._sizes[number] = len(content) if isinstance(content, bytes) else 0
                continue
            self._refuse_if_spent(frame)
            if isinstance(frame.source, Path):
                self._open[number] = self._opened(frame, frame.source)
            elif frame.start is None and (other := once.setdefault(_identity(frame), frame)) is not frame:
                names = f"{other.filename!r} and {frame.filename!r}"
                raise ValueError(f"{self._place}: {names} are one file, and one that cannot be read twice")
            self._sizes[number] = self._measured(number, frame)
        self.length = _sum(self._sizes.values())
        self.size = _sum(self._sizes[number] for number, frame in enumerate(self._frames) if isinstance(frame, Part))

    def _opened(self, part: Part, path: Path) -> BinaryIO:
        try:
            # Opening a pipe would wait for somebody who writes to it, and a device may do things of its own.
            if (kind := _SPECIAL.get(stat.S_IFMT(path.stat().st_mode))) is not None:
                raise OSError(errno.EINVAL, f"Is a {kind}")
            return path.open("rb")
        except OSError as error:
            hint = ""
            if error.errno in (errno.ENOENT, errno.ENAMETOOLONG):
                hint = " as all text is, content goes as bytes"
            shown = str(path) if len(str(path)) <= _PAGE else f"{str(path)[:60]}..."
            # Of these arguments Python makes the subclass that the number stands for.
            raise OSError(
                error.errno, f"{error.strerror} ({self._place}: {part.name}=, a path{hint})", shown
            ) from error

    def _measured(self, number: int, part: Part) -> int | None:
        """The bytes from where the file stands to its end, if it has one that can be known."""
        if isinstance(part.source, Stream):
            return None
        file, start = self._file(number, part)
        if start is None:
            return None
        try:
            size = file.seek(0, os.SEEK_END) - start
        except OSError:  # of /proc
            size = None
        file.seek(start)
        if size is None or size > _PAGE:
            return size
        size = max(size, 0)
        return size if len(self._content(part, file.read(size + 1))) == size else None

    def _file(self, number: int, part: Part) -> tuple[BinaryIO, int | None]:
        """The file of a part, and where it starts if it can be rewound."""
        if (opened := self._open.get(number)) is not None:
            return opened, 0 if opened.seekable() else None
        given: Any = part.source
        return given, part.start

    def _refuse_if_spent(self, part: Part) -> None:
        if isinstance(part.source, Stream) and part.source.begun:
            raise ValueError(f"{self._place}: {self._named(part)} is an iterator that was read before, give a new one")

    def _begin(self, part: Part) -> None:
        self._refuse_if_spent(part)  # the same call may be sent twice at the same time
        if isinstance(part.source, Stream):
            part.source.begun = True

    def _read_stream(self, part: Part, pieces: Any) -> bytes:
        """The next piece of an iterator; empty at its end."""
        try:
            if not self._seen:
                self._begin(part)
                self._seen = 1
            for given in pieces:
                if chunk := self._content(part, given):
                    return chunk
        except Exception as error:
            raise SourceError(error) from error
        return b""

    def _read(self) -> bytes:
        """The next piece of the file at the position; empty at its end, which is no later than it was measured."""
        part: Any = self._frames[self._position]
        if isinstance(part.source, Stream):
            return self._read_stream(part, part.source.pieces)
        file, start = self._file(self._position, part)
        if start is not None and not self._seen:
            file.seek(start)  # it may stand elsewhere: given twice, or looked into
        size = self._sizes[self._position]
        if size is None:
            chunk = self._content(part, file.read(CHUNK))
        elif size == self._seen:
            return b""
        else:
            wanted = min(CHUNK, size - self._seen)
            chunk = self._content(part, file.read(wanted))[:wanted]
            if not chunk:
                seen = f"had {size} bytes when it was measured, and ended after {self._seen}"
                raise CutShort(f"{self._named(part)} {seen}: it was changed while it was sent")
        self._seen += len(chunk)
        return chunk

    def _content(self, part: Part, chunk: Any) -> bytes:
        if not isinstance(chunk, bytes | bytearray | memoryview):
            kind = "None" if chunk is None else type(chunk).__name__
            how = "it" if isinstance(part.source, Stream) else "its read()"
            raise TypeError(f"{self._place}: {self._named(part)} must give bytes, {how} gave {kind}")
        return bytes(chunk)

    def _named(self, part: Part) -> str:
        return f"{part.name} {str(part.source) if isinstance(part.source, Path) else part.filename!r}"

    def _close(self) -> None:
        for file in self._open.values():
            file.close()


def _blocks(part: Part) -> bool:
    """Whether reading it takes a thread."""
    source = part.source
    return not isinstance(source, bytes) and not (
        isinstance(source, Stream) and isinstance(source.pieces, AsyncIterable)
    )


def _identity(part: Part) -> int:
    return id(part.source.pieces if isinstance(part.source, Stream) else part.source)


def _sum(sizes: Iterable[int | None]) -> int | None:
    total = 0
    for size in sizes:
        if size is None:
            return None
        total += size
    return total
