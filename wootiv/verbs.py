"""HTTP verbs for operations that are not declared, with the same checks, retries, errors and decoding."""

from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Protocol, TypeVar, Unpack, overload
from urllib.parse import parse_qsl, urlsplit

import msgspec

from wootiv.call import Call, Options, override, read_body, read_options, read_query
from wootiv.message import Body, FileInput, Part
from wootiv.operation import Async, Blocking, Resource, Unsent
from wootiv.wire.encode import Misfit, Unfit, describe, encoder_for
from wootiv.wire.files import part

R = TypeVar("R")

Files = Mapping[str, FileInput | list[FileInput]]


class AsyncVerb(Protocol):
    """A verb of `AsyncWootiv`."""

    @overload
    def __call__(
        self,
        path: str,
        *,
        cast_to: type[R],
        body: object = ...,
        query: Mapping[str, object] = ...,
        files: Files = ...,
        **options: Unpack[Options],
    ) -> Coroutine[Any, Any, R]: ...
    @overload
    def __call__(
        self,
        path: str,
        *,
        body: object = ...,
        query: Mapping[str, object] = ...,
        files: Files = ...,
        **options: Unpack[Options],
    ) -> Coroutine[Any, Any, Any]: ...


class BlockingVerb(Protocol):
    """A verb of `Wootiv`."""

    @overload
    def __call__(
        self,
        path: str,
        *,
        cast_to: type[R],
        body: object = ...,
        query: Mapping[str, object] = ...,
        files: Files = ...,
        **options: Unpack[Options],
    ) -> R: ...
    @overload
    def __call__(
        self,
        path: str,
        *,
        body: object = ...,
        query: Mapping[str, object] = ...,
        files: Files = ...,
        **options: Unpack[Options],
    ) -> Any: ...


class UnsentVerb(Protocol):
    """A verb of `wootiv.calls`."""

    @overload
    def __call__(
        self,
        path: str,
        *,
        cast_to: type[R],
        body: object = ...,
        query: Mapping[str, object] = ...,
        files: Files = ...,
        **options: Unpack[Options],
    ) -> Call[R]: ...
    @overload
    def __call__(
        self,
        path: str,
        *,
        body: object = ...,
        query: Mapping[str, object] = ...,
        files: Files = ...,
        **options: Unpack[Options],
    ) -> Call[Any]: ...


class Verb:
    """One verb, in all three modes."""

    def __init__(self, method: str) -> None:
        self.method = method

    @overload
    def __get__(self, resource: Resource[Async], owner: object) -> AsyncVerb: ...
    @overload
    def __get__(self, resource: Resource[Blocking], owner: object) -> BlockingVerb: ...
    @overload
    def __get__(self, resource: Resource[Unsent], owner: object) -> UnsentVerb: ...
    @overload
    def __get__(self, resource: None, owner: object) -> "Verb": ...
    def __get__(self, resource: Any, owner: object) -> Any:
        """Open the verb into a plain function."""
        return self if resource is None else _function(self.method, resource._runner.run)  # noqa: SLF001


def _function(method: str, run: Callable[[Call[Any]], Any]) -> Callable[..., Any]:
    name = method.lower()

    def verb(
        path: str,
        *,
        cast_to: Any = Any,
        body: object = msgspec.UNSET,
        query: Mapping[str, object] | None = None,
        files: Files | None = None,
        **options: Unpack[Options],
    ) -> Any:
        try:
            call = _call(method, path, cast_to, body, query or {}, files, options)
        except Misfit as error:
            message = f"{name}: {error}"
            raise (ValueError if isinstance(error, Unfit) else TypeError)(message) from None
        return run(call)

    verb.__name__ = verb.__qualname__ = name
    verb.__doc__ = f"""{method} a path that no operation declares; `cast_to` is the type to read the answer as.

    `path` is sent as it stands, below the base URL; `body` is sent as JSON, or with `files` (field name to file, or
    to a list of them) as a form. Raises what operations raise; without `cast_to` the answer is plain data."""
    return verb


def _call(  # noqa: PLR0917 - the verb's own arguments, in its order
    method: str,
    path: str,
    cast_to: Any,
    body: object,
    query: Mapping[str, object],
    files: Files | None,
    options: Options,
) -> Call[Any]:
    if unknown := options.keys() - Options.__annotations__.keys():
        raise Misfit("an option", "one of " + ", ".join(Options.__annotations__), repr(min(unknown)))
    split = urlsplit(encoder_for(str)(path, "path"))
    if split.scheme or split.netloc or not split.path.startswith("/"):
        raise Unfit("path", "a path that begins with / (base_url says where)", describe(path))
    pairs = override(tuple(parse_qsl(split.query, keep_blank_values=True)), read_query(query, "query"))
    return Call(
        operation=method.lower(),
        method=method,
        template=split.path,
        path=split.path,
        shown_path=split.path,
        query=override(pairs, read_query(options.get("extra_query", {}), "extra_query")),
        body=_body(body, options.get("extra_body", {}), files),
        answer=None if cast_to is type(None) else cast_to,
        options=read_options(options),
    )


def _body(body: object, extra: Mapping[str, object], files: Files | None) -> Body:
    plain = encoder_for(object)
    fields = {} if body is msgspec.UNSET else plain(body, "body")
    more = plain(extra, "extra_body")
    if files is None and not more:
        return None if body is msgspec.UNSET else msgspec.json.encode(fields)
    if not isinstance(fields, dict):
        raise Misfit("body", "a mapping beside files or extra_body", describe(body))
    return read_body(fields, more, None if files is None else tuple(_parts(files)))


def _parts(files: Files) -> list[Part]:
    try:
        return [
            part(name, one) for name, given in files.items() for one in (given if isinstance(given, list) else [given])
        ]
    except TypeError as error:
        raise Misfit("files", "a mapping of field names to files", str(error)) from None
