"""Docstrings that go on where `help()` shows them: with the arguments of an operation, the resources of a client."""

import ast
import inspect
import sys
from collections.abc import Callable, Mapping
from functools import cache
from itertools import pairwise
from textwrap import dedent
from types import SimpleNamespace
from typing import Any, Self, Unpack, get_args, get_origin, get_type_hints

from wootiv.call import Options


class Docstring(str):
    """A docstring whose end is found out when it is laid out; till then it is the text as it was written."""

    __slots__ = ("_end",)
    _end: Callable[[], str]

    def __new__(cls, text: str, end: Callable[[], str]) -> Self:
        """Make one; `end` gives what follows after an empty line, or empty text."""
        self = super().__new__(cls, text)
        self._end = end
        return self

    def expandtabs(self, tabsize: Any = 8) -> str:
        """The whole. Whoever lays out a docstring expands its tabs first.

        Source: PEP 257, whose algorithm `inspect.cleandoc` is; `help()` and notebooks call it.
        """
        written, end = inspect.cleandoc(str(self)), self._end()
        return (f"{written}\n\n{end}" if end else written).expandtabs(tabsize)


def contents(title: str, docs: Mapping[str, str]) -> str:
    """A section of a docstring: names, and what they are; empty if there are none."""
    return "\n".join([f"{title}:", *(f"    {name}: {text}" for name, text in docs.items())]) if docs else ""


def arguments(function: Callable[..., Any]) -> str:
    """The section on what a function takes by `Unpack`, but for the options; empty if none of it has a docstring."""
    unpacked = [get_args(hint)[0] for hint in get_type_hints(function).values() if get_origin(hint) is Unpack]
    docs = _docs_of_keys(*unpacked) if unpacked else {}
    return contents("Arguments", {name: text for name, text in docs.items() if name not in Options.__annotations__})


@cache
def _docs_of_keys(typed_dict: type) -> dict[str, str]:
    """The docstrings below a TypedDict's keys, and below those of its bases; none where the sources are not there."""
    try:
        source: Any = ast.parse(dedent(inspect.getsource(typed_dict))).body[0]
    except (OSError, TypeError, SyntaxError):
        return {}
    known, docs = vars(sys.modules[typed_dict.__module__]), dict[str, str]()
    for base in source.bases:  # a TypedDict forgets them, its source does not
        if isinstance(base, ast.Name) and isinstance(kind := known.get(base.id), type):
            docs |= _docs_of_keys(kind)
    for key, text in pairwise(source.body):
        match key, text:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(doc))):
                docs[name] = " ".join(doc.split())
            case _:
                pass
    return docs


@cache
def shown(hint: Any) -> Any:
    """A type without the `Annotated` in it, which only the client reads."""
    return get_type_hints(SimpleNamespace(__annotations__={"it": hint}))["it"]
