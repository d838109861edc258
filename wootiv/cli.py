"""The command line: `python -m wootiv sandbox`."""

import argparse
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib.util import find_spec

from wootiv.sandbox.box import Sandbox
from wootiv.sandbox.server import address, listen, serve


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the exit status."""
    given = _parser().parse_args(arguments)
    if find_spec("uvicorn") is None:
        print("the sandbox's server wants the extra: pip install 'wootiv[sandbox]'", file=sys.stderr)
        return 1
    try:
        listening = listen(given.port)
    except (OSError, OverflowError) as error:
        print(f"port {given.port} cannot be listened on: {error}; --port 0 takes any", file=sys.stderr)
        return 1
    sandbox = Sandbox(rows=given.rows, seed=given.seed, errors=given.errors, latency=given.latency / 1000)
    print(
        f"wootiv sandbox: {given.rows} contacts at {address(listening)}, any API key will do; Ctrl-C ends it",
        flush=True,
    )
    with suppress(KeyboardInterrupt):  # how it is meant to end
        serve(sandbox.gate, listening)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m wootiv", description="Tools of the Wootiv API client.")
    commands = parser.add_subparsers(required=True, metavar="command")
    sandbox = commands.add_parser("sandbox", help="serve the API in a box, in memory, on this machine")
    sandbox.add_argument("--port", type=int, default=3001, help="default: 3001, the client's own default; 0: any")
    sandbox.add_argument("--rows", type=_natural, default=250, help="how many contacts it holds; default: 250")
    sandbox.add_argument("--seed", type=int, default=1, help="what is in the rows; default: 1")
    sandbox.add_argument("--latency", type=_natural, default=0, metavar="MS", help="milliseconds before each answer")
    sandbox.add_argument("--errors", choices=("nest", "rockets"), default="nest", help="the form of its errors")
    return parser


def _natural(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"must be a whole number, 0 or more, got {text!r}")
    return int(text)
