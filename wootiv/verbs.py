"""HTTP verbs for operations that are not declared, with the same checks, retries, errors and decoding."""

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol, TypedDict, TypeVar, Unpack, overload
from urllib.parse import parse_qsl, quote, unquote, urlsplit

import msgspec

from wootiv.call import Call, Options, read_body, read_options, read_query
from wootiv.conditions import override
from wootiv.docstring import Docstring, arguments
from wootiv.message import Body, FileInput, Part
from wootiv.operation import Async, Blocking, Keep, Opening, Resource, Unsent, marked, parameter
from wootiv.wire.encode import encode_file, encoder_for, fields_of
from wootiv.wire.words import Misfit, Unfit, UnknownName, describe, kind_of, nearest

R = TypeVar("R")

Files = Mapping[str, FileInput | list[FileInput]]


class Asked(TypedDict, total=False):
    """What a verb sends beside its path."""

    body: object
    """Sent as JSON; with `files`, a mapping of text fields."""
    query: Mapping[str, object]
    """Query parameters; a list repeats its key."""
    files: Files
    """Sent as a form: field names to files, or to lists of them."""


class VerbOptions(Asked, Options):
    """Arguments of every verb."""


class AsyncVerb(Protocol):
    """A verb of `AsyncWootiv`."""

    @overload
    async def __call__(self, path: str, *, cast_to: type[R], **asked: Unpack[VerbOptions]) -> R: ...
    @overload
    async def __call__(self, path: str, **asked: Unpack[VerbOptions]) -> Any: ...


class BlockingVerb(Protocol):
    """A verb of `Wootiv`."""

    @overload
    def __call__(self, path: str, *, cast_to: type[R], **asked: Unpack[VerbOptions]) -> R: ...
    @overload
    def __call__(self, path: str, **asked: Unpack[VerbOptions]) -> Any: ...


class UnsentVerb(Protocol):
    """A verb of `wootiv.calls`."""

    @overload
    def __call__(self, path: str, *, cast_to: type[R], **asked: Unpack[VerbOptions]) -> Call[R]: ...
    @overload
    def __call__(self, path: str, **asked: Unpack[VerbOptions]) -> Call[Any]: ...


class Verb(Opening):
    """One verb, in all three modes."""

    def __init__(self, method: str) -> None:
        self.method = method
        self.__name__: str = method.lower()
        self.__doc__ = f"""{method} a path that no operation declares; `cast_to` is the type to read the answer as.

    `path` is sent as it stands, below the base URL; `body` is sent as JSON, or with `files` (field name to file, or
    to a list of them) as a form. Raises what operations raise; without `cast_to` the answer is plain data."""

    @overload
    def __get__(self, resource: Resource[Async], owner: object) -> AsyncVerb: ...
    @overload
    def __get__(self, resource: Resource[Blocking], owner: object) -> BlockingVerb: ...
    @overload
    def __get__(self, resource: Resource[Unsent], owner: object) -> UnsentVerb: ...
    @overload
    def __get__(self, resource: None, owner: object) -> "Verb": ...
    def __get__(self, resource: Any, owner: object) -> Any:
        """Open the verb into a plain function, once a tree."""
        return self if resource is None else self._open(resource)

    def _function(self, resource: Any) -> Callable[..., Any]:
        method, run = self.method, resource._runner.run  # noqa: SLF001 - one mechanism
        function = _verb(method, run)
        # Not of `function` itself: in a cycle with it, a client that is dropped would have to wait to be collected.
        function.__doc__ = Docstring(str(self.__doc__), lambda: arguments(_verb(method, Keep().run)))
        vars(function)["__signature__"] = self._shown()
        return marked(function) if inspect.iscoroutinefunction(run) else function

    def _shown(self) -> inspect.Signature:
        return _opened(inspect.signature(_verb(self.method, Keep().run)))


def _verb(method: str, run: Callable[[Call[Any]], Any]) -> Callable[..., Any]:
    name = method.lower()

    def verb(path: str, *, cast_to: Any = Any, **asked: Unpack[VerbOptions]) -> Any:
        try:
            call = _call(method, path, cast_to, asked)
        except (Misfit, UnknownName) as error:
            message = f"{name}: {error}"
            raise (ValueError if isinstance(error, Unfit) else TypeError)(message) from None
        return run(call)

    verb.__name__ = verb.__qualname__ = name
    return verb


def _call(method: str, path: str, cast_to: Any, asked: VerbOptions) -> Call[Any]:
    known = fields_of(VerbOptions)
    if unknown := next((name for name in asked if name not in known), None):
        raise UnknownName(f"unknown argument '{unknown}'{nearest(unknown, ('cast_to', *known))}")
    split = urlsplit(encoder_for(str)(path, "path"))
    if not re.fullmatch(r"/(?!/)[^\s#\x00-\x1f\x7f]*", path):
        raise Unfit("path", "a path below base_url that begins with one /, without white space or #", describe(path))
    if not {".", ".."}.isdisjoint(re.split(r"[/\\]", unquote(split.path))):
        raise Unfit("path", "a path below base_url, without '.' or '..' as a segment", describe(path))
    _check_type(cast_to)
    pairs = override(
        tuple(parse_qsl(split.query, keep_blank_values=True)), read_query(asked.get("query") or {}, "query")
    )
    return Call(
        operation=method.lower(),
        method=method,
        template=split.path,
        path=quote(split.path, safe="/%:@!$&'()*+,;=~"),
        shown_path=split.path,
        query=override(pairs, read_query(asked.get("extra_query", {}), "extra_query")),
        body=_body(asked.get("body"), asked.get("extra_body", {}), asked.get("files")),
        answer=None if cast_to is type(None) else cast_to,
        options=read_options(asked),
    )


def _body(body: object, extra: Mapping[str, object], files: Files | None) -> Body:
    if isinstance(body, bytes | bytearray | memoryview):
        raise Misfit("body", "data that JSON can hold", kind_of(body))
    more = encoder_for(Mapping[str, object])(extra, "extra_body")
    if files is None and not more:
        return None if body is None else msgspec.json.encode(encoder_for(object)(body, "body"))
    fields = {} if body is None else encoder_for(Mapping[str, object])(body, "body")
    return read_body(fields, more, None if files is None else tuple(_parts(files)))


def _parts(files: Any) -> Iterator[Part]:
    if not isinstance(files, Mapping):
        raise Misfit("files", "a mapping of field names to files", kind_of(files))
    for name, given in files.items():
        for one in given if isinstance(given, list) else [given]:
            yield encode_file(name, one, f"files[{name!r}]")


def _check_type(cast_to: Any) -> None:
    try:
        msgspec.json.Decoder(cast_to)
    except TypeError as error:
        raise Misfit("cast_to", "a type to read JSON as", f"{cast_to!r}: {error}") from None


def _opened(signature: inspect.Signature) -> inspect.Signature:
    """The signature with the options as keywords of their own."""
    own = [one for one in signature.parameters.values() if one.kind is not inspect.Parameter.VAR_KEYWORD]
    return signature.replace(parameters=[*own, *(parameter(field) for field in fields_of(VerbOptions).values())])
