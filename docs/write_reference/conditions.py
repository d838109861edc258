"""The page of `wootiv.query`."""

import inspect
import textwrap
from collections.abc import Iterator
from typing import Any, get_args

from prose import call_in_code, cell, doc, in_code, page, table
from values import members, methods

from wootiv import query
from wootiv.query import field
from wootiv.query.values import Scalar

COMPARISONS = {
    'field("name") == value': field("name") == "v",
    'field("name") != value': field("name") != "v",
    'field("name") == None': field("name").is_null(),
    'field("name") != None': field("name").not_null(),
    'field("name") > value': field("name") > "v",
    'field("name") >= value': field("name") >= "v",
    'field("name") < value': field("name") < "v",
    'field("name") <= value': field("name") <= "v",
}


def conditions() -> str:
    """The page of conditions."""
    parts = doc(query).split("\n\n")
    code = textwrap.dedent("\n\n".join(part for part in parts if part.startswith("    ")))
    words = [part for part in parts if not part.startswith("    ")]
    pieces = ["# Conditions", words[0], f"```py\n{code}\n```", *words[1:]]
    pieces += ["[How to search](../how-to/search.md) shows what they are for.", "## Making them"]
    for name in query.__all__:
        function = getattr(query, name)
        if inspect.isfunction(function):
            pieces += [call_in_code(name, list(_parameters(function)), _returned(function)), doc(function)]
    for kind in (query.Field, query.Caseless, query.Condition, query.Order, query.Relation):
        pieces += [f"## {kind.__name__}", doc(kind)]
        if kind is query.Field:
            pieces.append(_comparisons())
        if issubclass(kind, str):
            pieces[-1] += " It is text, a `str`."
            continue
        of = {query.Field: 'field("name").', query.Caseless: 'field("name").ignore_case.'}.get(kind, "")
        pieces += [members(kind), *methods(kind, of)]
    pieces += ["## Value", _values()]
    for union, name in ((query.Value, "Value"), (Scalar, "Scalar")):
        pieces = [piece.replace(in_code(union), name) for piece in pieces]
    return page(pieces).replace("`tuple[Scalar, ...]`", "a `tuple` of these")


def _comparisons() -> str:
    rows = ((f"`{written}`", f"`{one.operator}`") for written, one in COMPARISONS.items())
    return table(("written", "operator"), rows)


def _values() -> str:
    names = ", ".join(f"`{in_code(kind)}`" for kind in get_args(query.Value))
    return cell(f"What a field can be compared with: {names}. A `bool` is an `int`, a `datetime` is a `date`.")


def _parameters(function: Any) -> Iterator[str]:
    for one in inspect.signature(function).parameters.values():
        star = "*" if one.kind is one.VAR_POSITIONAL else ""
        yield f"{star}{one.name}: {in_code(one.annotation)}"


def _returned(function: Any) -> str:
    return in_code(inspect.signature(function).return_annotation)
