"""What types and docstrings say, as Markdown."""

import ast
import inspect
import textwrap
import types
from collections.abc import Iterable
from functools import cache
from itertools import pairwise
from typing import Annotated, Any, Literal, NotRequired, Required, Union, get_args, get_origin
from typing import is_typeddict as _is_typeddict

import msgspec

import wootiv
from wootiv.message import FileContent, FileInput
from wootiv.wire.shape import Shape

NOTE = "<!-- Written from the declarations by `python docs/write_reference`. -->"


ALIASES = {"FileContent": FileContent, "FileInput": FileInput}


def parts(hint: Any) -> tuple[Any, tuple[Any, ...]]:
    """A type without what `Annotated`, `Required` and `NotRequired` say beside it, and what `Annotated` says."""
    marks: list[Any] = []
    while get_origin(hint) in (Annotated, Required, NotRequired):
        marks += getattr(hint, "__metadata__", ())
        hint = get_args(hint)[0]
    return hint, tuple(marks)


def in_code(hint: Any) -> str:
    """A type as Python writes it."""
    hint, _ = parts(hint)
    alias = next((name for name, alias in ALIASES.items() if hint == alias), None)
    if alias or hint is None or hint is type(None):
        return alias or "None"
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        texts = dict.fromkeys(in_code(one) for one in args)
        return " | ".join([*(text for text in texts if text != "None"), *(["None"] if "None" in texts else [])])
    if origin is Literal:
        return f"Literal[{', '.join(map(_quoted, args))}]"
    name = getattr(hint, "__name__", str(hint)).strip("'")
    if isinstance(hint, list):
        return f"[{', '.join(map(in_code, hint))}]"
    return f"{name}[{', '.join('...' if one is ... else in_code(one) for one in args)}]" if args else name


def _quoted(word: object) -> str:
    return f'"{word}"' if isinstance(word, str) else repr(word)


def in_words(hint: Any) -> str:  # noqa: PLR0911 - one line for each kind of type
    """A type as a table cell shows it, with links to our own."""
    hint, marks = parts(hint)
    least = next((f", {mark.ge} or more" for mark in marks if isinstance(mark, msgspec.Meta)), "")
    alias = next((name for name, alias in ALIASES.items() if hint == alias), None)
    name = alias or getattr(hint, "__name__", str(hint))
    if name in wootiv.types.__all__ and (alias or isinstance(hint, type)):
        return link(name)
    if hint is wootiv.query.Condition:
        return f"[`{name}`](query.md#condition)"
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return _choice(args)
    if origin is Literal:
        return ", ".join(f"`{_quoted(one)}`" for one in args)
    if origin is list or name == "Sequence":
        return f"list of {in_words(args[0])}"
    if origin is dict or name == "Mapping":
        free = args[1] in (Any, object)
        values = in_words(args[1])
        return (
            "mapping" if free else f"mapping of {in_words(args[0])} to {f'({values})' if ' or ' in values else values}"
        )
    if hint in (Any, object):
        return "plain data"
    return f"`{in_code(hint)}`{least}"


def _choice(options: tuple[Any, ...]) -> str:
    words = [in_words(one) for one in options if one is not type(None)]
    words = list(dict.fromkeys(words))
    open_set = any(get_origin(one) is Literal for one in options) and "`str`" in words
    if open_set:
        words = [*(word for word in words if word != "`str`"), "another `str`"]
    return " or ".join([*words, *(["`None`"] if type(None) in options else [])])


def link(name: str) -> str:
    """A link to one of `wootiv.types`."""
    page = "shapes" if is_shape(getattr(wootiv.types, name)) else "dictionaries"
    return f"[`{name}`]({page}.md#{name.lower()})"


def is_shape(value: Any) -> bool:
    """Whether this is what an answer is made of."""
    return isinstance(value, type) and issubclass(value, Shape)


def source(kind: type) -> ast.ClassDef:
    """A class as it is written."""
    body = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0]
    assert isinstance(body, ast.ClassDef)
    return body


def _bases(kind: type) -> list[type]:
    """What a class is made of. A TypedDict forgets it before Python 3.12, so its source is asked."""
    if not _is_typeddict(kind):
        return list(kind.__mro__[1:])
    known = vars(inspect.getmodule(kind))
    return [known[base.id] for base in source(kind).bases if isinstance(base, ast.Name) and base.id != "TypedDict"]


@cache
def _notes(kind: type) -> dict[str, str]:
    """The texts below the annotations of one class."""
    body = source(kind)
    statements = list(body.body)
    for function in (one for one in body.body if isinstance(one, ast.FunctionDef) and one.name == "__init__"):
        statements += function.body
    found: dict[str, str] = {}
    for one, text in pairwise(statements):
        if isinstance(one, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
            found[ast.unparse(one.target).removeprefix("self.")] = inspect.cleandoc(str(text.value.value))
    return found


def notes(kind: type) -> dict[str, str]:
    """What stands below the annotations of a class and of those it is made of, by name."""
    found: dict[str, str] = {}
    for base in reversed(_bases(kind)):
        if _is_typeddict(base):
            found |= notes(base)
        elif base.__module__.startswith("wootiv"):
            found |= _notes(base)
    return found | _notes(kind)


def doc(thing: Any) -> str:
    """A docstring without what is for who reads the code, and without the resources, which have sections here."""
    text = inspect.cleandoc(str(thing.__doc__ or ""))
    return "\n\n".join(part for part in text.split("\n\n") if not part.startswith(("Source:", "Resources:"))).split(
        " Source:"
    )[0]


def cell(text: str) -> str:
    """Text that fits into a table: a bar, even in code, would end its cell."""
    pieces = " ".join(text.split()).split("`")
    for number, piece in enumerate(pieces):
        code = number % 2 == 1
        pieces[number] = f"<code>{piece}</code>" if code and "|" in piece else f"`{piece}`" if code else piece
    return "".join(pieces).replace("|", "&#124;")


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A table without its empty columns; nothing where there are no rows."""
    filled = list(rows)
    if not filled:
        return ""
    kept = [number for number, _ in enumerate(head) if any(row[number] for row in filled)]
    lines = [head, ("---",) * len(head), *filled]
    return "\n".join(f"| {' | '.join(line[number] for number in kept)} |" for line in lines)


def call_in_code(name: str, arguments: list[str], answer: str) -> str:
    """A signature in a fenced block: on one line if it fits."""
    line = f"{name}({', '.join(arguments)}) -> {answer}"
    if len(line) > 88:
        line = "\n".join([f"{name}(", *(f"    {one}," for one in arguments), f") -> {answer}"])
    return f"```py\n{line}\n```"


def sentence(text: str) -> str:
    """Text that ends as a sentence does."""
    return text if text.endswith((".", ":")) else f"{text}."


def page(pieces: Iterable[str]) -> str:
    """A page from its pieces; empty ones are left out."""
    return "\n\n".join([NOTE, *(piece for piece in pieces if piece)]) + "\n"
