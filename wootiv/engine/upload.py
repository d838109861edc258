"""Multipart bodies that stream: files are read a piece at a time, in a worker thread."""

import os
import secrets
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import anyio.to_thread

from wootiv.message import Form, Part
from wootiv.wire.files import frames

CHUNK = 256 * 1024
"""Bytes read at once."""


class FormBody:
    """The bytes of a form, for one attempt: `async with` it, then iterate over it.

    A class and not an async generator: an attempt that is cancelled half-way leaves nothing to be finalised.
    """

    def __init__(self, form: Form) -> None:
        boundary = secrets.token_hex(16)
        self.content_type: str = f"multipart/form-data; boundary={boundary}"
        self._frames = list(frames(form, boundary))
        self._open: dict[int, BinaryIO] = {}
        self._position = 0
        self.length: int | None = 0
        """Bytes in all; `None` if a file cannot tell its size."""

    async def __aenter__(self) -> Self:
        """Open and measure every file before anything is sent; raises `OSError`."""
        try:
            await anyio.to_thread.run_sync(self._prepare)
        except BaseException:
            self._close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def _prepare(self) -> None:
        sizes: list[int | None] = []
        for number, frame in enumerate(self._frames):
            if isinstance(frame, bytes):
                sizes.append(len(frame))
            elif isinstance(frame.source, bytes):
                sizes.append(len(frame.source))
            elif isinstance(frame.source, Path):
                self._open[number] = opened = frame.source.open("rb")
                sizes.append(os.fstat(opened.fileno()).st_size)
            else:
                sizes.append(_rewind(frame.source, frame.start))
        self.length = None if None in sizes else sum(size for size in sizes if size is not None)

    def _close(self) -> None:
        for file in self._open.values():
            file.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        while self._position < len(self._frames):
            frame = self._frames[self._position]
            content = frame.source if isinstance(frame, Part) else frame
            if isinstance(content, bytes):
                self._position += 1
                return content  # noqa: ASYNC910 - every piece is sent, which is a checkpoint
            file = self._open[self._position] if isinstance(content, Path) else content
            if chunk := await anyio.to_thread.run_sync(file.read, CHUNK):
                return chunk
            self._position += 1
        raise StopAsyncIteration


def _rewind(file: BinaryIO, start: int | None) -> int | None:
    if start is None:
        return None
    end = file.seek(0, os.SEEK_END)
    file.seek(start)
    return end - start
