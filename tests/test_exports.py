"""What `import wootiv` gives: every public name, each loaded when it is first asked for."""

import pickle
import subprocess
import sys

import pytest

import wootiv

# What users of the client 0.0.1 import by its README or its errors' docs, and how it named the two clients.
PUBLISHED = {
    "APIConnectionError",
    "APIError",
    "APIResponseValidationError",
    "APIStatusError",
    "APITimeoutError",
    "AsyncClient",
    "AsyncWootiv",
    "AuthenticationError",
    "BadRequestError",
    "Client",
    "ConflictError",
    "ENVIRONMENTS",
    "InternalServerError",
    "NotFoundError",
    "PermissionDeniedError",
    "RateLimitError",
    "UnprocessableEntityError",
    "Wootiv",
    "__version__",
    "types",
}
HEAVY = {"anyio", "asyncio", "httpx", "msgspec", "ssl", "tenacity", "trio", "typing"}


def loaded_by(program):
    """The modules that a fresh interpreter has loaded after a program, and had not before."""
    script = f"import sys\nbefore = set(sys.modules)\n{program}\nprint(*sys.modules.keys() - before)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=True)
    return set(done.stdout.split())


def test_importing_the_package_loads_nothing_heavy():
    loaded = loaded_by("import wootiv")
    assert not loaded & HEAVY
    assert {name for name in loaded if name.startswith("wootiv")} == {"wootiv"}


def test_asking_for_names_and_version_loads_nothing_heavy():
    assert not loaded_by("import wootiv\ndir(wootiv), wootiv.__all__, hasattr(wootiv, 'nothing')") & HEAVY
    assert not loaded_by("import wootiv\nwootiv.__version__") & HEAVY - {"typing"}


@pytest.mark.parametrize(
    "names", ["calls", "types", "query", "APIError, RateLimitError", "Call, Page, AsyncPage, Options"]
)
def test_what_sends_nothing_loads_no_network(names):
    assert not loaded_by(f"from wootiv import {names}") & {"httpx", "trio", "tenacity"}


def test_every_name_of_the_published_client_that_users_need_is_there():
    assert set(wootiv.__all__) >= PUBLISHED
    assert wootiv.Client is wootiv.Wootiv
    assert wootiv.AsyncClient is wootiv.AsyncWootiv


def test_dir_shows_the_public_names_and_no_others():
    assert dir(wootiv) == sorted(wootiv.__all__)
    assert len(set(wootiv.__all__)) == len(wootiv.__all__)


def test_a_star_import_brings_every_public_name_and_no_others():
    namespace = {}
    exec("from wootiv import *", namespace)  # noqa: S102 - a function cannot hold a star import
    assert namespace.keys() - {"__builtins__"} == set(wootiv.__all__)
    assert namespace["Wootiv"] is wootiv.Wootiv


def test_an_unknown_name_raises_the_error_that_modules_raise():
    with pytest.raises(AttributeError, match=r"module 'wootiv' has no attribute 'Wotiv'") as caught:
        wootiv.Wotiv  # noqa: B018 - asking is what raises
    assert caught.value.name == "Wotiv"
    assert caught.value.obj is wootiv  # from which the interpreter suggests what was meant
    assert not hasattr(wootiv, "_nothing")
    with pytest.raises(ImportError, match="Wotiv"):
        from wootiv import Wotiv  # noqa: F401


def test_an_unknown_name_is_answered_with_the_nearest_one():
    done = subprocess.run(
        [sys.executable, "-c", "import wootiv; wootiv.AsyncWotiv"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "Did you mean: 'AsyncWootiv'?" in done.stderr


def test_every_shape_is_had_from_types_without_importing_it():
    assert not loaded_by("import wootiv\nwootiv.types.Contact") & {"httpx"}
    assert [name for name in wootiv.types.__all__ if not hasattr(wootiv.types, name)] == []
    assert sorted(wootiv.types.__all__) == wootiv.types.__all__


@pytest.mark.parametrize("name", [name for name in wootiv.__all__ if isinstance(getattr(wootiv, name), type)])
def test_every_class_is_found_again_by_pickle(name):
    kind = getattr(wootiv, name)
    assert pickle.loads(pickle.dumps(kind)) is kind  # noqa: S301 - its own
