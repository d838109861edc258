"""Operations: each is declared once, and is a coroutine, an answer or a value by the mode that holds the tree."""

import inspect
import sys
from collections.abc import Callable, Iterator
from functools import cached_property
from types import DynamicClassAttribute
from typing import (
    TYPE_CHECKING,
    Any,
    Concatenate,
    Generic,
    ParamSpec,
    Protocol,
    TypeVar,
    get_origin,
    get_type_hints,
    overload,
)

from wootiv.binding import Declaration
from wootiv.blocking_pages import Page
from wootiv.call import Call
from wootiv.cursor import Kind, PageData
from wootiv.docstring import Docstring, arguments, contents, shown
from wootiv.pages import AsyncPaginator
from wootiv.wire.encode import Field

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)
T = TypeVar("T")
M = TypeVar("M")
F = TypeVar("F", bound=Callable[..., Any])


class _Optional:
    """Shown as the default of a keyword that need not be given; there is none that could be given in its place."""

    def __repr__(self) -> str:
        return "..."


_OPTIONAL = _Optional()


class Async:
    """The mode of `AsyncWootiv`: an operation gives a coroutine, a list an `AsyncPaginator`."""


class Blocking:
    """The mode of `Wootiv`: an operation gives its answer, a list its first `Page`."""


class Unsent:
    """The mode of `wootiv.calls`: an operation gives a `Call`."""


class Runner(Protocol):
    """What a tree hands its calls to."""

    def run(self, call: Call[Any]) -> Any:
        """What an operation gives."""
        ...

    def run_list(self, call: Call[Any]) -> Any:
        """What a list gives."""
        ...


class Keep:
    """The runner of `wootiv.calls`: it gives every call back."""

    def run(self, call: Call[R]) -> Call[R]:
        """Give the call back."""
        return call

    def run_list(self, call: Call[R]) -> Call[R]:
        """Give the call back."""
        return call


class Resource(Generic[M]):
    """Operations on one kind of thing. What is annotated as a resource becomes one, at first use."""

    def __init__(self, runner: Runner, path: str = "") -> None:
        self._runner = runner
        self._path = path

    def __init_subclass__(cls, **given: Any) -> None:
        super().__init_subclass__(**given)
        if cls.__doc__:
            cls.__doc__ = Docstring(cls.__doc__, lambda: contents("Resources", _docs_of_resources(cls)))

    if not TYPE_CHECKING:  # checkers would take it for a promise that every name is there, misspelt ones too

        def __getattr__(self, name: str) -> Any:
            if not name.startswith("_") and (kind := resources_of(type(self)).get(name)):
                resource = kind(self._runner, f"{self._path}.{name}" if self._path else name)
                self.__dict__[name] = resource
                return resource
            message = f"{type(self).__name__!r} object has no attribute {name!r}"
            raise AttributeError(message, name=name, obj=self)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *resources_of(type(self))})

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._path}>"


def resources_of(kind: type) -> dict[str, type[Resource[Any]]]:
    """The resources that a class annotates, by attribute name."""
    hints = {name: get_origin(hint) or hint for name, hint in get_type_hints(kind).items()}
    return {name: hint for name, hint in hints.items() if isinstance(hint, type) and issubclass(hint, Resource)}


def _docs_of_resources(kind: type) -> dict[str, str]:
    return {name: (resource.__doc__ or "").partition("\n")[0] for name, resource in resources_of(kind).items()}


class AsyncFunction(Protocol[P, R_co]):
    """What an operation of `AsyncWootiv` is to a checker.

    A protocol and not a `Callable` with a `Coroutine`, whose two `Any` make mypy lose the types in `asyncio.gather`.
    """

    # Editors would show a docstring in place of the operation's own.
    async def __call__(self, *args: P.args, **given: P.kwargs) -> R_co: ...  # noqa: D102


class Opening:
    """What a resource opens into a plain function, at first use."""

    __name__: str

    def _function(self, resource: Any) -> Callable[..., Any]:
        raise NotImplementedError

    def _shown(self) -> inspect.Signature:
        """The signature, without the resource."""
        raise NotImplementedError

    def _open(self, resource: Resource[Any]) -> Callable[..., Any]:
        function = self._function(resource)
        if getattr(type(resource), self.__name__, None) is self:  # else it is what an override asks its super() for
            resource.__dict__[self.__name__] = function  # found first from now on: this is a non-data descriptor
        return function

    def __call__(self, resource: Resource[Any], /, *args: Any, **given: Any) -> Any:
        """Call it as a function of the class: `Contacts.retrieve(client.contacts, "1")`."""
        return self._open(resource)(*args, **given)

    @DynamicClassAttribute  # of the instances alone: the class has a signature of its own
    def __signature__(self) -> inspect.Signature:
        """What `help()` shows of the class of a resource."""
        signature = self._shown()
        myself = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
        return signature.replace(parameters=[myself, *signature.parameters.values()])


def marked(function: F) -> F:
    """Mark what gives a coroutine and is no `async def`, where Python (3.12 or later) has a mark for it."""
    if sys.version_info >= (3, 12):
        inspect.markcoroutinefunction(function)
    return function


class Operation(Opening, Generic[P, R]):
    """An operation as declared. On a resource it is the function that its mode makes of it."""

    def __init__(self, declared: Callable[..., Any], method: str, template: str, kind: Kind | None = None) -> None:
        self.declared = declared
        self.method = method
        self.template = template
        self.kind: Kind | None = kind
        self.__name__: str = declared.__name__
        self.__doc__ = declared.__doc__

    @cached_property
    def declaration(self) -> Declaration:
        """What the operation takes and gives; read from its signature and TypedDicts at first use."""
        return Declaration.of(self.declared, self.method, self.template, self.kind)

    @overload
    def __get__(self, resource: Resource[Async], owner: object) -> AsyncFunction[P, R]: ...
    @overload
    def __get__(self, resource: Resource[Blocking], owner: object) -> Callable[P, R]: ...
    @overload
    def __get__(self, resource: Resource[Unsent], owner: object) -> Callable[P, Call[R]]: ...
    @overload
    def __get__(self, resource: None, owner: object) -> "Operation[P, R]": ...
    def __get__(self, resource: Any, owner: object) -> Any:
        """Open the operation into a plain function, once a resource."""
        return self if resource is None else self._open(resource)

    def _function(self, resource: Any) -> Callable[..., Any]:
        name, runner = f"{resource._path}.{self.__name__}", resource._runner  # noqa: SLF001 - one mechanism
        run, bind = runner.run_list if self.kind else runner.run, self.declaration.bind

        def operation(*args: Any, **given: Any) -> Any:
            return run(bind(name, args, given))

        declared: Any = self.declared
        function: Any = operation
        function.__name__, function.__qualname__ = declared.__name__, declared.__qualname__
        function.__module__, function.__doc__ = declared.__module__, declared.__doc__
        if declared.__doc__:  # no more of it is there under -OO
            function.__doc__ = Docstring(declared.__doc__, lambda: arguments(declared))
        function.__signature__ = self._shown(run)
        return marked(operation) if inspect.iscoroutinefunction(run) else operation

    def _shown(self, run: Callable[..., Any] | None = None) -> inspect.Signature:
        """Real keyword-only parameters, the body first and the options last."""
        declaration = self.declaration
        kinds = dict.fromkeys(declaration.positional, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        answer = declaration.answer  # as an `async def` shows it: awaited
        if self.kind:
            answer = _given_by(run, answer) if run else Page[answer]  # type: ignore[valid-type]
        return inspect.Signature(
            [
                parameter(one, kinds.get(one.name, inspect.Parameter.KEYWORD_ONLY))
                for one in declaration.fields.values()
            ],
            return_annotation=answer,
        )


def parameter(field: Field, kind: Any = inspect.Parameter.KEYWORD_ONLY) -> inspect.Parameter:
    """An argument as a signature shows it."""
    default = inspect.Parameter.empty if field.required else _OPTIONAL
    return inspect.Parameter(field.name, kind, default=default, annotation=shown(field.hint))


def _given_by(run: Callable[..., Any], item: Any) -> Any:
    """What a runner makes of a list, from its own annotations: `AsyncPaginator[Contact]`, `Page[Contact]`."""
    hint: Any = get_type_hints(run).get("return")
    return hint[PageData[item]] if getattr(hint, "__parameters__", ()) else (get_origin(hint) or PageData)[item]


class Pages(Operation[P, T]):
    """A list as declared."""

    @overload  # type: ignore[override]
    def __get__(self, resource: Resource[Async], owner: object) -> Callable[P, AsyncPaginator[T]]: ...
    @overload
    def __get__(self, resource: Resource[Blocking], owner: object) -> Callable[P, Page[T]]: ...
    @overload
    def __get__(self, resource: Resource[Unsent], owner: object) -> Callable[P, Call[PageData[T]]]: ...
    @overload
    def __get__(self, resource: None, owner: object) -> "Pages[P, T]": ...
    def __get__(self, resource: Any, owner: object) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Open the list into a plain function, once a resource."""
        return super().__get__(resource, owner)


Declared = Callable[Concatenate[Any, P], R]


def GET(path: str) -> Callable[[Declared[P, R]], Operation[P, R]]:  # noqa: N802 - HTTP writes its methods so
    """Declare an operation that reads."""
    return lambda declared: Operation(declared, "GET", path)


def POST(path: str) -> Callable[[Declared[P, R]], Operation[P, R]]:  # noqa: N802
    """Declare an operation that adds."""
    return lambda declared: Operation(declared, "POST", path)


def PATCH(path: str) -> Callable[[Declared[P, R]], Operation[P, R]]:  # noqa: N802
    """Declare an operation that changes."""
    return lambda declared: Operation(declared, "PATCH", path)


def DELETE(path: str) -> Callable[[Declared[P, R]], Operation[P, R]]:  # noqa: N802
    """Declare an operation that deletes."""
    return lambda declared: Operation(declared, "DELETE", path)


def PAGES(path: str, kind: Kind = "crud") -> Callable[[Declared[P, Page[T]]], Pages[P, T]]:  # noqa: N802
    """Declare a list; `kind` says how its pages are asked for."""
    return lambda declared: Pages(declared, "GET", path, kind)


def operations_of(kind: type[Resource[Any]], path: str = "") -> Iterator[tuple[str, Operation[Any, Any]]]:
    """Every operation of a resource and of those below it, with its name, such as `contacts.create`."""
    for name, value in vars(kind).items():
        if isinstance(value, Operation):
            yield f"{path}{name}", value
    for name, resource in resources_of(kind).items():
        yield from operations_of(resource, f"{path}{name}.")
