"""The pages of what can be set, in code, by the environment, and on the command line."""

import argparse
from collections.abc import Iterator
from typing import get_type_hints

from prose import cell, page, sentence, table
from values import options_table

import wootiv
from wootiv import cli
from wootiv.blocking import BlockingOptions
from wootiv.call import Options
from wootiv.engine.settings import ClientOptions, WithOptions


def settings() -> str:
    """The page of everything that can be set."""
    return page(
        [
            "# Settings",
            "## Options of a client",
            "`Wootiv` and `AsyncWootiv` take these, all by name. [Clients](../clients.md) tells what they do together.",
            options_table(ClientOptions),
            "`Wootiv` also takes:",
            options_table(BlockingOptions, ClientOptions),
            "## Options of a view",
            "`client.with_options` takes, of these, "
            + ", ".join(f"`{name}`" for name in get_type_hints(WithOptions) if name in get_type_hints(ClientOptions))
            + "; and beside them:",
            options_table(WithOptions, ClientOptions),
            "## Options of a call",
            "Every operation and every verb takes these beside its own arguments.",
            options_table(Options),
            "## ENVIRONMENTS",
            "`wootiv.ENVIRONMENTS`, a dictionary that is read when a client is made.",
            table(("name", "address"), ((f"`{name}`", url) for name, url in wootiv.ENVIRONMENTS.items())),
            "## Environment variables",
            table(
                ("variable", "what"),
                (
                    ("`WOOTIV_API_KEY`", "The key, where a client is given none."),
                    ("`WOOTIV_BASE_URL`", "The address, where a client is given neither `base_url` nor `environment`."),
                    ("`WOOTIV_LOG`", "`info` or `debug` logs to standard error. [Logging](../how-to/logging.md)."),
                    ("`HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`", "As `httpx` reads them."),
                    ("`SSL_CERT_FILE`, `SSL_CERT_DIR`", "As `httpx` reads them."),
                ),
            ),
        ]
    )


def commands() -> str:
    """The page of the command line."""
    parser = cli._parser()
    pieces = ["# Command line", "`python -m wootiv`, with one of these commands. Each tells its options with `--help`."]
    for name, command, about in subcommands(parser):
        rows = [
            (
                f"`{', '.join(action.option_strings) or action.dest}`",
                cell(_shown(action)),
                cell((action.help or "").replace("%(default)s", str(action.default))),
            )
            for action in command._actions
            if not isinstance(action, argparse._HelpAction)
        ]
        pieces += [f"## {name}", sentence(about[:1].upper() + about[1:]), table(("option", "value", "what"), rows)]
    return page(pieces)


def subcommands(parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser, str]]:
    """Every command below a parser, with its help."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            helps = {one.dest: one.help or "" for one in action._choices_actions}
            for name, command in action.choices.items():
                yield name, command, helps.get(name, "")
                yield from ((f"{name} {below}", *rest) for below, *rest in subcommands(command))


def _shown(action: argparse.Action) -> str:
    if action.choices:
        return " or ".join(f"`{one}`" for one in action.choices)
    if action.nargs == 0:
        return ""
    return f"`{action.metavar}`" if action.metavar else f"`{getattr(action.type, '__name__', 'str')}`"
