"""A file that is not whole yet: written beside its place, under another name, in a thread."""

import os
import secrets
import stat
from collections.abc import Callable
from contextlib import suppress
from errno import EEXIST, EISDIR, ENOENT
from pathlib import Path
from typing import BinaryIO

from wootiv.engine.reading import Reading
from wootiv.engine.upload import CHUNK
from wootiv.errors import APIConnectionError
from wootiv.transfer.progress import Progress


class PartialFile:
    """Takes in a content, in one answer or in several; it has its name when it is whole, and is gone otherwise."""

    def __init__(self, place: str, to: str, name: str, hears: Progress | None) -> None:
        """`to` is where it is wanted: a path, or a folder in which it has `name`."""
        self.path: Path = Path(to)
        self.have: int = 0
        """Bytes that have come."""
        self.expected: int | None = None
        """Bytes that it has when it is whole; `None` if nobody said."""
        self._place = place
        self._to = to
        self._name = name
        self._hears = hears
        self._reading: Reading | None = None
        self._target: str = ""
        self._temporary: str = ""
        self._file: BinaryIO | None = None
        self._pieces: list[bytes] = []
        self._waiting = 0
        self._anew = False
        """Whether what was written is to be thrown away first."""

    async def open(self) -> None:
        """Make the file under its other name; raises `OSError`."""
        self._reading = Reading(self._close)
        await self._reading.run(self._open)

    def begin(self, at: int, expected: int | None) -> None:
        """Hear from where on an answer has the content: from where it broke off, or from 0."""
        if at == 0:
            self._pieces.clear()
            self._waiting = self.have = 0
            self._anew = True
        self.expected = expected

    async def write(self, piece: bytes, /) -> None:  # noqa: ASYNC910 - what gives the pieces waits for them
        """Take in a piece; raises `OSError`."""
        self._pieces.append(piece)
        self._waiting += len(piece)
        self.have += len(piece)
        if self._waiting >= CHUNK:
            await self._in_thread(self._write)
        if self._hears is not None:
            self._hears(self.have)

    def ended(self) -> None:
        """Hear that this was all; raises `APIConnectionError` if it cannot be."""
        if self.expected is not None and self.have != self.expected:
            raise APIConnectionError(f"the answer ended after {self.have} bytes of {self.expected}")

    async def finish(self) -> None:
        """Give it its name, in place of what was there; raises `OSError`."""
        await self._in_thread(self._finish)

    async def leave(self) -> None:  # noqa: ASYNC910 - nothing to wait for where nothing was opened
        """Close it, and wait for that; it is gone, unless it was finished."""
        if self._reading is not None:
            self._reading.leave()
            await self._reading.ended()

    async def _in_thread(self, function: Callable[[], None]) -> None:
        if self._reading is None:
            raise RuntimeError("a file that was not opened")
        await self._reading.run(function)

    # In the thread

    def _open(self) -> None:
        if Path(self._to).is_dir():
            self.path = Path(self._to, self._name)
        elif self._to.endswith(("/", os.sep)):
            raise FileNotFoundError(ENOENT, f"No such folder ({self._place}: to=)", self._to)
        self._target = os.path.realpath(self.path)  # a link goes on to lead to it
        target = Path(self._target)
        if target.is_dir():
            raise IsADirectoryError(EISDIR, f"Is a directory ({self._place}: to=)", str(self.path))
        if target.exists() and not target.is_file():
            raise FileExistsError(EEXIST, f"Is no regular file ({self._place}: to=)", str(self.path))
        # What it replaces may be for few eyes. On Windows a mode says little, and one without leave to write too much.
        mode = stat.S_IMODE(target.stat().st_mode) & 0o777 if target.exists() and os.name != "nt" else None
        temporary = target.with_name(f".wootiv-{secrets.token_hex(8)}.part")
        how = os.O_CREAT | os.O_EXCL | os.O_WRONLY | _BINARY
        try:
            # Not tempfile's own, which nobody else could read when it is whole.
            self._file = os.fdopen(os.open(temporary, how, 0o666 if mode is None else mode), "wb")
        except OSError as error:
            # Of these arguments Python makes the subclass that the number stands for.
            raise OSError(error.errno, f"{error.strerror} ({self._place}: to=)", str(target.parent)) from error
        self._temporary = str(temporary)
        if mode is not None:
            with suppress(PermissionError):  # of file systems without modes; it is no looser than it was
                os.fchmod(self._file.fileno(), mode)

    def _write(self) -> None:
        if self._file is not None:
            if self._anew:
                self._file.seek(0)
                self._file.truncate()
                self._anew = False
            self._file.writelines(self._pieces)
        self._pieces.clear()
        self._waiting = 0

    def _finish(self) -> None:
        self._write()
        if self._file is not None:
            self._file.close()
            self._file = None
            Path(self._temporary).replace(self._target)
            self._temporary = ""

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
        if self._temporary:
            Path(self._temporary).unlink(missing_ok=True)


_BINARY: int = getattr(os, "O_BINARY", 0)
