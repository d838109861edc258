"""The pages of operations, by area, and of the kinds of lists."""

import inspect
from collections.abc import Iterator, Mapping
from typing import Any, Unpack, get_args, get_origin, get_type_hints

from prose import call_in_code, cell, doc, in_code, in_words, is_shape, notes, page, sentence, table

import wootiv
from wootiv.api.tree import Api
from wootiv.call import Options
from wootiv.cursor import LIMIT, Kind
from wootiv.operation import Operation, operations_of, resources_of
from wootiv.wire.encode import Field
from wootiv.wire.shape import Mark

VERBS = ("get", "post", "patch", "put", "delete")


KINDS: dict[str, tuple[str, str]] = {
    "crud": (
        "a page object, or a bare array where no page was asked for",
        (
            f"`limit={LIMIT}` and `page=1` where neither is given, and `id,ASC` at the end of the sort. By key: each "
            "page asks for ids above the last one seen, unless you give `sort`, `page` or `offset`."
        ),
    ),
    "offset": (
        "`limit`, `offset` and `total` beside the rows",
        "Nothing at first; then `offset`, by the rows received.",
    ),
    "whole": ("a bare array of all rows", "Nothing: there is one page."),
    "members": (
        "not declared by the API: a bare array or a page object",
        "Nothing at first; then `page`, if the answer was a page object.",
    ),
}


OPTIONS_NOTE = (
    "The signatures are those of `Wootiv`. With `AsyncWootiv` an operation is awaited, and a list gives an "
    "[`AsyncPaginator`](clients.md#asyncpaginator); with `wootiv.calls` each gives a [`Call`](clients.md#call). "
    "Every operation also takes the [options of a call](settings.md#options-of-a-call)."
)


def area_of(name: str) -> str:
    """The page of an operation: that of the module which declares its first resource."""
    kind = resources_of(Api)[name.partition(".")[0]]
    module = kind.__module__.rpartition(".")[2]
    return "service" if module == "tree" else module


def operation(name: str, declared: Operation[Any, Any]) -> Iterator[str]:
    """The section of one operation."""
    declaration = declared.declaration
    own = [field for field in declaration.fields.values() if field.name not in Options.__annotations__]
    answer = in_code(declaration.answer)
    by_position = [f"{field.name}: {in_code(field.hint)}" for field in own if field.name in declaration.positional]
    by_name = [
        f"{field.name}: {in_code(field.hint)}{'' if field.required else ' = ...'}"
        for field in own
        if field.name not in declaration.positional
    ]
    arguments = [*by_position, *(["*"] if by_name else []), *by_name, "**options: Unpack[Options]"]
    yield f"### {name}"
    yield doc(declared)
    yield f"`{declared.method} {declared.template}`"
    yield call_in_code(f"client.{name}", arguments, f"Page[{answer}]" if declared.kind else answer)
    said = notes(_keywords(declared))
    yield table(("argument", "type", "sent in", "what"), (_argument(field, declared, said) for field in own))
    yield f"Answer: {answered(declared)}"


def _keywords(declared: Operation[Any, Any]) -> type:
    hints = get_type_hints(declared.declared, include_extras=True).values()
    return next(get_args(hint)[0] for hint in hints if get_origin(hint) is Unpack)


def _argument(field: Field, declared: Operation[Any, Any], said: Mapping[str, str]) -> tuple[str, ...]:
    declaration = declared.declaration
    place = next(
        (
            place
            for place, names in (
                ("path", declaration.path),
                ("query", declaration.query),
                ("body", declaration.body),
                ("file", declaration.files),
            )
            if field.name in names
        ),
        "",
    )
    wire = field.name if place == "path" or Mark.SPREAD in field.marks else field.wire
    shown = place if wire == field.name else f"{place}, as `{wire}`"
    words = [] if field.required else ["Optional."]
    words += [sentence(cell(said[field.name]))] if field.name in said else []
    words += ["Never shown or logged."] if Mark.SECRET in field.marks else []
    words += ["The key is repeated for each item."] if Mark.LIST in field.marks else []
    words += ["Joined by commas."] if Mark.COMMA in field.marks else []
    return f"`{field.name}`", in_words(field.hint), shown, " ".join(words)


def answered(declared: Operation[Any, Any]) -> str:
    """What an operation gives, with the names of its fields."""
    hint = declared.declaration.answer
    if hint is None:
        return "none; the operation returns `None`."
    one = get_args(hint)[0] if get_origin(hint) is list else hint
    what = f"pages of {in_words(hint)} ([{declared.kind} list](lists.md))" if declared.kind else in_words(hint)
    if not is_shape(one):
        return f"{what}, as the server sends it."
    return f"{what}, with {', '.join(f'`{name}`' for name in one.__struct_fields__)}."


def area(name: str, operations: list[tuple[str, Operation[Any, Any]]]) -> str:
    """The page of one area."""
    module = inspect.getmodule(operations[0][1].declared)
    kinds = {path.rpartition(".")[0]: None for path, _ in operations}
    first = resources_of(Api)[operations[0][0].partition(".")[0]]
    intro = doc(inspect.getmodule(first)) if name != "service" else "What is asked of the service as a whole."
    pieces = [f"# {name.capitalize()}", intro, OPTIONS_NOTE]
    assert module is not None
    for resource in kinds:
        pieces += [f"## client.{resource}", doc(_resource(resource))]
        for path, declared in operations:
            if path.rpartition(".")[0] == resource:
                pieces += operation(path, declared)
    if name == "service":
        pieces += verbs()
    return page(pieces)


def _resource(path: str) -> type:
    kind: type = Api
    for name in path.split("."):
        kind = resources_of(kind)[name]
    return kind


def verbs() -> Iterator[str]:
    """The section of verbs."""
    yield "## Verbs"
    yield (
        "For what no operation declares, on the client itself: "
        + ", ".join(f"`client.{verb}`" for verb in VERBS)
        + ". All take the same."
    )
    yield doc(wootiv.Wootiv(api_key="none").get)
    yield call_in_code(
        "client.get",
        [
            "path: str",
            "*",
            "cast_to: type = ...",
            "body: object = ...",
            "query: Mapping[str, object] = ...",
            "files: Mapping[str, FileInput | list[FileInput]] = ...",
            "**options: Unpack[Options]",
        ],
        "Any",
    )


def index(areas: dict[str, list[tuple[str, Operation[Any, Any]]]]) -> str:
    """The page that names every operation."""
    pieces = [f"# Operations\n\nAll {sum(map(len, areas.values()))}, by area."]
    for name, operations in areas.items():
        rows = [
            (
                f"[`{path}`]({name}.md#{path.replace('.', '')})<br>`{declared.method} {declared.template}`",
                cell(doc(declared).splitlines()[0]),
            )
            for path, declared in operations
        ]
        pieces += [f"## {name.capitalize()}", table(("operation", "what it does"), rows)]
    return page(pieces)


def lists() -> str:
    """The page of the kinds of lists."""
    by_kind: dict[str, list[str]] = {kind: [] for kind in get_args(Kind)}
    plain: list[str] = []
    for path, declared in operations_of(Api):
        shown = f"[`{path}`]({area_of(path)}.md#{path.replace('.', '')})"
        if declared.kind:
            by_kind[declared.kind].append(shown)
        elif path.endswith(".list"):
            plain.append(shown)
    rows = [(f"`{kind}`", KINDS[kind][0], KINDS[kind][1], "<br>".join(found)) for kind, found in by_kind.items()]
    rows.append(("plain", "one answer", "Nothing: it is called `list` and gives no pages.", "<br>".join(plain)))
    return page(
        [
            "# Kinds of lists",
            "How pages are asked for depends on what the service answers. [Lists](../lists.md) says why.",
            table(("kind", "what the service sends", "what is added to your query", "operations"), rows),
        ]
    )
