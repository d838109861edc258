"""The command line: `python -m wootiv sandbox`."""

import argparse
import codecs
import sys
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec

from wootiv.sandbox.box import Sandbox
from wootiv.sandbox.loading import PATHS, table_of
from wootiv.sandbox.server import address, listen, serve
from wootiv.sandbox.throttle import FixedWindow


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the exit status."""
    given = _parser().parse_args(arguments)
    if find_spec("uvicorn") is None:
        print("the sandbox's server wants the extra: pip install 'wootiv[sandbox]'", file=sys.stderr)
        return 1
    sandbox = Sandbox(
        rows=given.rows,
        seed=given.seed,
        errors=given.errors,
        latency=given.latency / 1000,
        throttle=FixedWindow(given.throttle, 1.0) if given.throttle else None,
        max_limit=given.max_limit,
    )
    try:
        _load_all(sandbox, given.load)
    except ValueError as error:
        print(f"--load: {error}", file=sys.stderr)
        return 1
    try:
        listening = listen(given.port)
    except (OSError, OverflowError) as error:
        print(f"port {given.port} cannot be listened on: {error}; --port 0 takes any", file=sys.stderr)
        return 1
    line = (
        f"wootiv sandbox: {len(sandbox.tables['/contacts'])} contacts at {address(listening)}, "
        "any API key will do; Ctrl-C ends it"
    )
    serve(sandbox.gate, listening, lambda: print(line, flush=True))
    return 0


def _load_all(sandbox: Sandbox, files: Iterable[tuple[str, Path]]) -> None:
    """Fill tables, each from one file; raises `ValueError`."""
    filled: set[str] = set()
    for table, path in files:
        if table_of(table) in filled:
            raise ValueError(f"{table} is given twice, the second time from {path}: one file has all rows of a table")
        filled.add(table_of(table))
        _load(sandbox, table, path)


def _load(sandbox: Sandbox, table: str, path: Path) -> None:
    """Fill a table from a file of one JSON object a line; raises `ValueError`."""
    try:
        lines = path.read_bytes().removeprefix(codecs.BOM_UTF8).splitlines()
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror or error}") from None
    rows: list[Any] = []
    for number, line in enumerate(lines, 1):
        try:
            rows += [msgspec.json.decode(line)] if line.strip() else []
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ValueError(f"{path}, line {number}: {error}") from None
    try:
        sandbox.load(table, rows)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m wootiv", description="Tools of the Wootiv API client.", allow_abbrev=False
    )
    commands = parser.add_subparsers(required=True, metavar="command")
    sandbox = commands.add_parser(
        "sandbox", help="serve the API in a box, in memory, on this machine", allow_abbrev=False
    )
    sandbox.add_argument("--port", type=int, default=3001, help="default: 3001, the client's own default; 0: any")
    sandbox.add_argument("--rows", type=_natural, default=250, help="how many contacts it holds; default: 250")
    sandbox.add_argument("--seed", type=int, default=1, help="what is in the rows; default: 1")
    sandbox.add_argument("--latency", type=_natural, default=0, metavar="MS", help="milliseconds before each answer")
    sandbox.add_argument("--errors", choices=("nest", "rockets"), default="nest", help="the form of its errors")
    sandbox.add_argument(
        "--load",
        type=_table_and_file,
        action="append",
        default=[],
        metavar="TABLE=FILE",
        help=(
            "rows for a table, such as contacts=FILE.jsonl, a JSON object a line; may be given once for each of: "
            f"{', '.join(PATHS)}"
        ),
    )
    sandbox.add_argument("--throttle", type=_positive, metavar="N", help="requests a second; more are answered 429")
    sandbox.add_argument(
        "--max-limit", type=_positive, metavar="N", help="rows that a list gives at most; default: 500 contacts"
    )
    return parser


def _table_and_file(text: str) -> tuple[str, Path]:
    table, equals, path = text.partition("=")
    if not (table and equals and path):
        raise argparse.ArgumentTypeError(f"must be a table and a file, such as contacts=FILE.jsonl, got {text!r}")
    return table, Path(path)


def _positive(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"must be a whole number, 1 or more, got {text!r}")
    return int(text)


def _natural(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"must be a whole number, 0 or more, got {text!r}")
    return int(text)
