"""The pages of all that operations take and give: shapes, dictionaries, clients, pages, errors."""

import ast
import inspect
from collections.abc import Callable, Iterator
from typing import Any, get_args, get_origin, get_type_hints
from typing import is_typeddict as _is_typeddict

import msgspec
from operations import area_of
from prose import ALIASES, call_in_code, cell, doc, in_code, in_words, is_shape, notes, page, source, table

import wootiv
from wootiv.api.tree import Api
from wootiv.call import Options
from wootiv.operation import Operation, operations_of
from wootiv.wire.encode import fields_of
from wootiv.wire.shape import Mark, Shape, secret_fields


def fields_table(kind: type) -> str:
    """The fields of a shape, or the keys of a dictionary."""
    said = notes(kind)
    if issubclass(kind, msgspec.Struct):
        secret = secret_fields(kind)
        rows = [
            (
                f"`{one.name}`",
                "" if one.encode_name == one.name else f"`{one.encode_name}`",
                in_words(one.type),
                f"{cell(said.get(one.name, ''))}{' Hidden in `repr`.' if one.name in secret else ''}".strip(),
            )
            for one in msgspec.structs.fields(kind)
        ]
        return table(("field", "on the wire", "type", "what"), rows)
    rows = [
        (
            f"`{one.name}`",
            "" if one.wire == one.name or Mark.SPREAD in one.marks else f"`{one.wire}`",
            in_words(one.hint),
            f"{'Required.' if one.required else 'Optional.'} {cell(said.get(one.name, ''))}".strip(),
        )
        for one in fields_of(kind).values()
        if one.name not in Options.__annotations__
    ]
    return table(("key", "on the wire", "type", "what"), rows)


def options_table(kind: type, beside: type | None = None) -> str:
    """The options of a TypedDict, or those that another has not."""
    said, known = notes(kind), get_type_hints(beside) if beside else {}
    return table(
        ("option", "type", "what"),
        (
            (f"`{name}`", in_words(hint), cell(said[name]))
            for name, hint in get_type_hints(kind).items()
            if name not in known
        ),
    )


def shapes() -> str:
    """The page of all that answers are made of."""
    pieces = [
        "# Shapes of answers",
        (
            "All are in `wootiv.types`, frozen, and made from JSON by msgspec. A field that the server left out reads "
            "`None`. A type with `None` is one that the server may send as null. New words in a closed set are fine."
        ),
    ]
    for name in wootiv.types.__all__:
        kind = getattr(wootiv.types, name)
        if is_shape(kind):
            pieces += [f"## {name}", doc(kind), fields_table(kind)]
            if kind is Shape:
                pieces += [*methods(Shape, "")]
            pieces.append(_used(kind))
    return page(pieces)


def _used(kind: type) -> str:
    def gives(declared: Operation[Any, Any]) -> bool:
        hint = declared.declaration.answer
        return hint is kind or (get_origin(hint) is list and get_args(hint)[0] is kind)

    found = [
        f"[`{path}`]({area_of(path)}.md#{path.replace('.', '')})"
        for path, declared in operations_of(Api)
        if gives(declared)
    ]
    return f"Answer of {', '.join(found)}." if found else ""


def dictionaries() -> str:
    """The page of all that arguments are typed with."""
    pieces = [
        "# Dictionaries of arguments",
        (
            "All are in `wootiv.types`: `TypedDict`s of what an operation takes by name, without options of a call, "
            "to annotate your own functions with. `client.contacts.create(**new)` takes a `NewContact` called `new`."
        ),
    ]
    for name in wootiv.types.__all__:
        kind = getattr(wootiv.types, name)
        if name in ALIASES:
            pieces += [f"## {name}", _alias(name)]
        elif not is_shape(kind):
            pieces += [f"## {name}", doc(kind), fields_table(kind)]
    return page(pieces)


def _alias(name: str) -> str:
    alias = ALIASES.pop(name)  # spelt out here, by its name elsewhere
    try:
        text = f"{name} = {in_code(alias)}"
        if len(text) > 120:
            text = text.replace("= ", "= (\n    ").replace(" | ", "\n    | ") + "\n)"
        return f"```py\n{text}\n```"
    finally:
        ALIASES[name] = alias


def methods(kind: type, of: str) -> Iterator[str]:
    """The public methods of a class, each with its signature."""
    for base in kind.__mro__[::-1]:
        if not base.__module__.startswith("wootiv") or base is Api:
            continue
        for name, value in vars(base).items():
            function = value if inspect.isfunction(value) else None
            if function is None or name.startswith("_") or name not in dir(kind) or getattr(kind, name) is not function:
                continue
            if function.__name__ != name:
                yield f"`{of}{name}` is another name of `{of}{function.__name__}`."
                continue
            wait = "await " if inspect.iscoroutinefunction(function) else ""
            yield call_in_code(f"{wait}{of}{name}", list(_parameters(function)), _returned(function))
            yield doc(function)


def _parameters(function: Callable[..., Any]) -> Iterator[str]:
    hints = get_type_hints(function)
    starred = False
    for one in list(inspect.signature(function, follow_wrapped=False).parameters.values())[1:]:
        if one.kind is one.KEYWORD_ONLY and repr(one.default) == "...":
            yield "**options: Unpack[WithOptions]"
            return
        stars = {one.VAR_KEYWORD: "**", one.VAR_POSITIONAL: "*"}.get(one.kind, "")
        if one.kind is one.KEYWORD_ONLY and not starred:
            yield "*"
        starred = starred or one.kind in (one.KEYWORD_ONLY, one.VAR_POSITIONAL)
        default = "" if one.default is one.empty else f" = {one.default!r}"
        yield f"{stars}{one.name}: {in_code(hints.get(one.name, Any))}{default}"


def _returned(function: Callable[..., Any]) -> str:
    hint = inspect.signature(function).return_annotation
    return hint if isinstance(hint, str) else in_code(hint)


def members(kind: type) -> str:
    """The documented attributes of a class: annotated ones and properties."""
    said = notes(kind)
    rows: list[tuple[str, ...]] = []
    for base in kind.__mro__[::-1]:
        if not base.__module__.startswith("wootiv") or (issubclass(kind, Api) and base is not kind):
            continue
        own = vars(base)
        slots = own.get("__slots__", ())
        names = list(dict.fromkeys([*own.get("__annotations__", {}), *slots, *own]))
        for name in (name for name in names if not name.startswith("_") and name != "decoder"):
            value = own.get(name)
            if isinstance(value, property):
                rows.append((f"`{name}`", in_words(get_type_hints(value.fget)["return"]), cell(doc(value))))
            elif name in own.get("__annotations__", {}):
                rows.append((f"`{name}`", in_words(get_type_hints(base)[name]), cell(said.get(name, ""))))
            elif name in slots:
                rows.append((f"`{name}`", _annotated(base).get(name, ""), cell(said.get(name, ""))))
    unique = {row[0]: row for row in rows}
    return table(("attribute", "type", "what"), unique.values())


def _annotated(kind: type) -> dict[str, str]:
    """The types of what a class with slots sets in its `__init__`."""
    found = {
        ast.unparse(one.target).removeprefix("self."): ast.unparse(one.annotation)
        for one in ast.walk(source(kind))
        if isinstance(one, ast.AnnAssign)
    }
    return {name: " or ".join(f"`{option}`" for option in text.split(" | ")) for name, text in found.items()}


def clients() -> str:
    """The page of all public classes that are no errors."""
    pieces = [
        "# Clients, pages and values",
        (
            "What `wootiv` exports beside operations, [shapes](shapes.md) and [errors](errors.md). Their "
            "[settings](settings.md) have a page of their own."
        ),
    ]
    for name in wootiv.__all__:
        value = getattr(wootiv, name)
        if not isinstance(value, type) or issubclass(value, Exception) or _is_typeddict(value):
            continue
        if value.__name__ != name:
            pieces += [f"## {name}", f"Another name of `{value.__name__}`, from the client 0.0.1."]
            continue
        of = {"AsyncWootiv": "client.", "Wootiv": "client.", "Sandbox": "sandbox."}.get(name, "")
        pieces += [f"## {name}", doc(value), members(value), *methods(value, of)]
        if issubclass(value, Api):
            pieces.append("Verbs for what no operation declares: [the service](service.md#verbs).")
    pieces += [
        "## Outcome",
        "`Succeeded[I, R] | Failed[I] | Unknown[I] | NotSent[I]`: what became of one item of a bulk, for annotations.",
        "## calls",
        (
            "The tree of operations once more, unsent: `wootiv.calls.contacts.retrieve(id)` gives a `Call`, for "
            "`client.send`. [How to get raw answers](../how-to/raw-answers.md)."
        ),
        "## query",
        "The module that [conditions](query.md) are made with.",
        "## types",
        "The module of [shapes](shapes.md) and [dictionaries](dictionaries.md).",
        "## __version__",
        "The version of the package, as text.",
    ]
    return page(pieces)


def errors() -> str:
    """The page of errors and warnings."""
    text = doc(inspect.getmodule(wootiv.APIError))
    first, _, rest = text.partition("\n\n")
    tree, _, last = rest.rpartition("\n\n")
    pieces = ["# Errors", first, f"```text\n{tree}\n```", last]
    for name in wootiv.__all__:
        value = getattr(wootiv, name)
        if isinstance(value, type) and issubclass(value, Exception):
            base = value.__mro__[1]
            own = members(value) if value is wootiv.APIError else _own_members(value)
            below = f"A subclass of `{base.__name__}`."
            pieces += [f"## {name}", doc(value), "" if value is wootiv.APIError else below, own]
    return page(pieces)


def _own_members(kind: type) -> str:
    inherited = members(kind.__mro__[1]).splitlines() if kind.__mro__[1].__module__.startswith("wootiv") else []
    lines = members(kind).splitlines()
    own = [line for line in lines[2:] if line not in inherited[2:]]
    return "\n".join([*lines[:2], *own]) if own else ""
