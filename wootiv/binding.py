"""From an operation's declaration, and the arguments of a call, to the call as a value."""

import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Unpack, get_args, get_origin, get_type_hints

from msgspec import Struct, structs

from wootiv.call import Call, Options, read_body, read_options, read_query
from wootiv.caller import warn
from wootiv.conditions import MAX_LIST, is_search, override, values
from wootiv.cursor import Cursor, Kind, PageData, Unjoinable, begin
from wootiv.message import Pairs
from wootiv.query.condition import Condition
from wootiv.query.forms import said
from wootiv.query.mapping import check_data, check_search
from wootiv.query.names import check_names, joins_for, named_in
from wootiv.wire.encode import Field, camel, encode_fields, field_of, fields_of
from wootiv.wire.shape import Mark
from wootiv.wire.text import path_text, query_text
from wootiv.wire.words import Misfit, MissingName, Unfit, UnknownName, describe, kind_of


class Declaration(Struct, frozen=True):
    """What an operation takes and gives, read from its signature and TypedDict."""

    method: str
    template: str
    kind: Kind | None
    positional: tuple[str, ...]
    fields: dict[str, Field]
    path: dict[str, str]
    """Python name -> placeholder of the path."""
    query: frozenset[str]
    body: frozenset[str]
    files: frozenset[str]
    answer: Any

    @classmethod
    def of(cls, declared: Callable[..., Any], method: str, template: str, kind: Kind | None) -> "Declaration":
        """Read a declaration; raises `TypeError` if its parameters are not those of its path."""
        hints = get_type_hints(declared, include_extras=True)
        given = list(inspect.signature(declared).parameters.values())[1:]
        positional = tuple(p.name for p in given if p.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD)
        names = [p.name for p in given if p.kind is not inspect.Parameter.VAR_KEYWORD]
        fields = {name: field_of(name, hints[name], required=True) for name in names}
        # What has a name of its own on the wire is no part of the path: it goes where the keywords go.
        path = _placeholders([f.name for f in fields.values() if f.wire == camel(f.name)], template)
        fields |= {name: _raw(fields[name]) for name in path}
        keywords = next((get_args(hint)[0] for hint in hints.values() if get_origin(hint) is Unpack), Options)
        fields |= {f.name: _encoded_here(f) for f in fields_of(keywords).values()}
        own = [f for f in fields.values() if f.name not in path and f.name not in Options.__annotations__]
        places = {f.name: _place(method, f) for f in own}
        answer = get_args(hints["return"])[0] if kind else hints["return"]
        return cls(
            method=method,
            template=template,
            kind=kind,
            positional=positional,
            fields=_options_last(fields),
            path=path,
            query=frozenset(name for name, place in places.items() if place == "query"),
            body=frozenset(name for name, place in places.items() if place == "body"),
            files=frozenset(name for name, place in places.items() if place == "file"),
            answer=None if answer is type(None) else answer,
        )

    def bind(self, name: str, args: tuple[Any, ...], given: Mapping[str, Any]) -> Call[Any]:
        """Check the arguments and encode them; raises `TypeError` or `ValueError`, and nothing was sent."""
        try:
            return self._bind(name, self._named(args, given))
        except Unfit as error:
            message = f"{name}: {error}"
            raise ValueError(message) from None
        except (Misfit, UnknownName, MissingName) as error:
            message = f"{name}: {error}"
            raise TypeError(message) from None

    def _named(self, args: tuple[Any, ...], given: Mapping[str, Any]) -> dict[str, Any]:
        positional = self.positional
        if len(args) > len(positional):
            message = f"takes {len(positional)} by position, got {len(args)}; the others go by name"
            raise UnknownName(message)
        by_position = dict(zip(positional, args, strict=False))
        if twice := next((name for name in by_position if name in given), None):
            message = f"argument '{twice}' was given twice, by position and by name"
            raise UnknownName(message)
        return {**by_position, **given}

    def _bind(self, name: str, given: dict[str, Any]) -> Call[Any]:
        given = {key: _kept(value) if key in _TYPED else value for key, value in given.items()}
        for key, value in given.items():
            if key in self.query:
                check_data(value, key)
        encoded = self._joined(encode_fields(self.fields, given), given)
        path, shown = self._paths(encoded)
        query = tuple(pair for key in encoded if key in self.query for pair in _pairs(self.fields[key], encoded[key]))
        if "s" in encoded and (values(query, "filter") or values(query, "or")):
            warn(f"{name}: the server ignores filter and or_ beside s")
        query = override(query, read_query(given.get("extra_query", {}), "extra_query"))
        self._check_lists(query)
        cursor = self._cursor(query, encoded)
        return Call(
            operation=name,
            method=self.method,
            template=self.template,
            path=path,
            shown_path=shown,
            query=cursor.query if cursor else query,
            secret_query=frozenset(f.wire for f in self.fields.values() if Mark.SECRET in f.marks),
            body=self._body(encoded),
            answer=PageData[self.answer] if self.kind else self.answer,  # type: ignore[name-defined]
            cursor=cursor,
            options=read_options(given),
        )

    def _joined(self, encoded: dict[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments, with the relations that a condition or an order reaches into among the joins."""
        match encoded.get("s"):
            case dict() as search:
                check_search(search)
            case str() as text if not is_search([text]):
                raise Unfit("s", _ONE_OBJECT, describe(text))
            case _:
                pass
        names = {key: found for key in _TYPED if key in self.fields and (found := named_in(key, given.get(key)))}
        for key, found in names.items():
            check_names(self.answer, found, key)
        reached = [name for key in ("where", "sort") for name in names.get(key, ())]
        join = joins_for(self.answer, reached, encoded.get("join", []))
        return {**encoded, "join": join} if reached and join else encoded

    def _cursor(self, query: Pairs, encoded: Mapping[str, Any]) -> Cursor | None:
        where = said(encoded["where"]) if "where" in encoded else None
        try:
            return begin(self.kind, query, encoded.get("after"), where) if self.kind else None
        except Unjoinable as error:
            if (searches := values(query, "s")) and not is_search(searches):
                seen = describe(searches[0]) if len(searches) == 1 else f"{len(searches)} of them"
                raise Unfit("s", _ONE_OBJECT, seen) from None
            names = ", ".join(dict.fromkeys(name for name, _ in query))
            if str(error) == "where":
                expected = "beside a filter, or_ or s that one more condition can be joined with; it can say them all"
                raise Unfit("where", expected, names) from None
            expected = "a list in order of id, with filter, or_ or s that can be joined with one more"
            raise Unfit("after", expected, f"one with {names}") from None

    def _check_lists(self, query: Pairs) -> None:
        for field in self.fields.values():
            if Mark.LIST in field.marks and (count := len(values(query, field.wire))) > MAX_LIST:
                way_out = "; where takes any number of conditions" if field.name in ("filter", "or_") else ""
                why = f"{count}: the server ignores a longer list whole{way_out}"
                raise Unfit(field.name, f"a list of {MAX_LIST} items at most", why)

    def _paths(self, encoded: Mapping[str, Any]) -> tuple[str, str]:
        """The path, and the path without its secrets."""
        path = shown = self.template
        for name, placeholder in self.path.items():
            secret = Mark.SECRET in self.fields[name].marks
            value = _secret_path_text(encoded[name], name) if secret else path_text(encoded[name], name)
            path = path.replace(f"{{{placeholder}}}", value)
            shown = shown.replace(f"{{{placeholder}}}", "***" if secret else value)
        return path, shown

    def _body(self, encoded: Mapping[str, Any]) -> Any:
        extra = encoded.get("extra_body", {})
        if not self.body and not self.files and not extra:
            return None
        body = {self.fields[name].wire: value for name, value in encoded.items() if name in self.body}
        parts = tuple(part for name, value in encoded.items() if name in self.files for part in value)
        return read_body(body, extra, parts if self.files else None)


_ONE_OBJECT = "a mapping, or one JSON object as text"
_TYPED = ("where", "sort", "join", "fields")
"""Arguments that name fields."""
_OPTIONS = Options.__annotations__.keys() - {"extra_body"}  # read_options checks them, at one place for all callers


def _options_last(fields: dict[str, Field]) -> dict[str, Field]:
    return dict(sorted(fields.items(), key=lambda item: item[0] in Options.__annotations__))


def _encoded_here(field: Field) -> Field:
    if Mark.WHERE in field.marks:
        return structs.replace(field, encode=_condition)
    return _raw(field) if field.name in _OPTIONS else field


def _condition(value: Any, path: str) -> Condition:
    if not isinstance(value, Condition):
        hint = ": leave where out to ask for all" if value is None else ""
        raise Misfit(path, "a condition, such as field('email') == 'a'", f"{describe(value)}{hint}")
    return value


def _raw(field: Field) -> Field:
    return structs.replace(field, encode=_as_given)


def _kept(value: Any) -> Any:
    """What would be gone once it was gone through, as a list."""
    return list(value) if isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping) else value


def _as_given(value: Any, _: str) -> Any:
    return value


def _placeholders(names: list[str], template: str) -> dict[str, str]:
    placeholders = re.findall(r"{(\w+)}", template)
    path = {name: name if name in placeholders else name.removeprefix("path_") for name in names}
    if sorted(path.values()) != sorted(placeholders):
        message = f"the parameters {names} are not those of {template}"
        raise TypeError(message)
    return path


def _secret_path_text(value: Any, name: str) -> str:
    try:
        return path_text(value, name)
    except Misfit as misfit:
        raise type(misfit)(name, "text that a path can hold, not empty", kind_of(value)) from None


def _place(method: str, field: Field) -> str:
    for mark, place in ((Mark.FILE, "file"), (Mark.START, "start"), (Mark.WHERE, "where")):
        if mark in field.marks:
            return place
    in_query = method in ("GET", "DELETE") or Mark.QUERY in field.marks or Mark.SPREAD in field.marks
    return "query" if in_query else "body"


def _pairs(field: Field, value: Any) -> Iterator[tuple[str, str]]:
    """A query parameter as key and value, once or several times."""
    if value is None:
        return
    if Mark.SPREAD in field.marks:
        yield from read_query(value, field.name)
    elif Mark.COMMA in field.marks:
        yield field.wire, ",".join(value)
    elif isinstance(value, list):
        yield from ((field.wire, query_text(item, field.name)) for item in value)
    else:
        yield field.wire, query_text(value, field.name)
