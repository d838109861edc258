"""Names of stored files, as uploads and downloads take them."""

from wootiv.wire.plain import is_text
from wootiv.wire.words import describe


def check_filename(place: str, filename: object) -> None:
    """Raise `TypeError` or `ValueError` for what cannot be the name of a stored file."""
    if not isinstance(filename, str):
        raise TypeError(f"{place}: filename must be str, got {describe(filename)}")
    *folders, name = filename.split("/")
    if not name:
        raise ValueError(f"{place}: the filename must not be empty, nor end in a slash, got {filename!r}")
    if not {".", ".."}.isdisjoint((*folders, name)):
        # Whatever handles an address takes them for steps, and would be at another file.
        raise ValueError(f"{place}: the filename must have no '.' or '..' between its slashes, got {filename!r}")
    if not is_text(filename):
        raise ValueError(f"{place}: the filename must be text that UTF-8 can hold, got {filename!a}")
