"""Both clients from the outside: what they are made with, and what their views change."""

import inspect
import warnings

import httpx
import pytest

import wootiv
from wootiv import APIConnectionError, AsyncWootiv, ClientStateError, Wootiv, calls

OK = httpx.Response(200, json={"id": "c1"})
CLIENTS = pytest.mark.parametrize("client", [AsyncWootiv, Wootiv])


def address_of(client):
    return client._engine.settings.base_url


# Where the API is


@CLIENTS
def test_an_environment_is_read_when_the_client_is_made(client, monkeypatch):
    monkeypatch.setitem(wootiv.ENVIRONMENTS, "production", "https://one.test")
    assert address_of(client(api_key="key")) == "https://one.test"
    monkeypatch.setitem(wootiv.ENVIRONMENTS, "mine", "https://two.test/")
    assert address_of(client(api_key="key", environment="mine")) == "https://two.test"


@CLIENTS
def test_an_argument_beats_the_environment_variable(client, monkeypatch):
    monkeypatch.setenv("WOOTIV_BASE_URL", "https://variable.test/v1/")
    assert address_of(client(api_key="key")) == "https://variable.test/v1"
    assert address_of(client(api_key="key", base_url="https://argument.test")) == "https://argument.test"
    assert address_of(client(api_key="key", environment="environment_1")) == wootiv.ENVIRONMENTS["environment_1"]
    both = client(api_key="key", environment="environment_1", base_url="https://argument.test")
    assert address_of(both) == "https://argument.test"


@CLIENTS
def test_an_address_may_be_one_of_httpx(client):
    assert address_of(client(api_key="key", base_url=httpx.URL("https://one.test/v1"))) == "https://one.test/v1"


@CLIENTS
@pytest.mark.parametrize(
    "base_url",
    [
        "",
        "one.test",
        "localhost:3001",
        "/v1",
        "ftp://one.test",
        "https://",
        "https://one.test:port",
        "https://one.test:99999",
        "https://one.test:0",
        "https://one.test?x=1",
        "https://one.test#x",
        "https://one .test",
        "https://one.test/\n",
        "https://user:secret@one.test",
        "https://[broken",
    ],
)
def test_a_malformed_address_is_refused_and_its_password_not_shown(client, base_url):
    with pytest.raises(ValueError, match="base_url") as caught:
        client(api_key="key", base_url=base_url)
    assert "secret" not in str(caught.value)


@CLIENTS
def test_a_malformed_address_in_the_environment_variable_is_refused(client, monkeypatch):
    monkeypatch.setenv("WOOTIV_BASE_URL", "one.test")
    with pytest.raises(ValueError, match="base_url"):
        client(api_key="key")


@CLIENTS
def test_an_unknown_environment_is_refused_with_those_there_are(client):
    with pytest.raises(ValueError, match=r"environment must be one of 'production', 'environment_1'"):
        client(api_key="key", environment="staging")


# The key


@CLIENTS
def test_the_key_is_given_or_in_the_environment(client, monkeypatch):
    with pytest.raises(ValueError, match=r"no API key: give api_key=, or set WOOTIV_API_KEY"):
        client()
    monkeypatch.setenv("WOOTIV_API_KEY", "from-outside")
    assert client()._engine.settings.api_key == "from-outside"
    assert client(api_key="given")._engine.settings.api_key == "given"
    assert client(anonymous=True)._engine.settings.api_key is None


@CLIENTS
@pytest.mark.parametrize(
    "key",
    ["", " ", " secret", "secret ", "se\tcret", "secret\n", "\tkey", "key\x00", "key\x7f", "k\x85y", "ключ", "k€y"],
)
def test_a_malformed_key_is_refused_and_not_shown(client, key, monkeypatch):
    with pytest.raises(ValueError, match="api_key must be latin-1 text without control characters") as caught:
        client(api_key=key)
    assert len(key) < 2 or key not in str(caught.value)
    if "\x00" not in key:
        monkeypatch.setenv("WOOTIV_API_KEY", key)
        with pytest.raises(ValueError, match="WOOTIV_API_KEY must be latin-1 text"):
            client()


@CLIENTS
@pytest.mark.parametrize("key", [5, b"key", ["key"]])
def test_a_key_that_is_no_text_is_refused(client, key):
    with pytest.raises(TypeError, match="api_key must be str"):
        client(api_key=key)


@CLIENTS
def test_a_key_and_no_key_at_once_is_refused(client):
    with pytest.raises(ValueError, match="anonymous"):
        client(api_key="key", anonymous=True)


def test_an_anonymous_client_sends_no_key(face, recorder):
    seen = recorder(OK)
    face(lambda client: client.contacts.retrieve("c1"), transport=seen.transport(), api_key=None, anonymous=True)
    assert "authorization" not in seen.requests[0].headers


# Other options


@CLIENTS
@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"max_retries": -1}, ValueError, "max_retries"),
        ({"max_retries": 1.5}, TypeError, "max_retries"),
        ({"max_retries": True}, TypeError, "max_retries"),
        ({"max_retries": "2"}, TypeError, "max_retries"),
        ({"max_retries": None}, TypeError, "max_retries"),
        ({"timeout": -1}, ValueError, "timeout"),
        ({"timeout": float("nan")}, ValueError, "timeout"),
        ({"timeout": "60"}, TypeError, "timeout"),
        ({"total_timeout": -1}, ValueError, "total_timeout"),
        ({"max_retry_after": "x"}, TypeError, "max_retry_after"),
        ({"max_connections": 0}, ValueError, "max_connections"),
        ({"max_connections": -1}, ValueError, "max_connections"),
        ({"max_connections": 1.0}, TypeError, "max_connections"),
        ({"retrying": 3}, TypeError, "retrying"),
        ({"strict": "yes"}, TypeError, "strict"),
        ({"default_headers": {"a b": "c"}}, ValueError, "default_headers"),
        ({"default_headers": {"a": "secret\n"}}, ValueError, "default_headers"),
        ({"default_headers": {"a": 5}}, TypeError, "default_headers"),
        ({"default_headers": "a"}, TypeError, "default_headers"),
        ({"default_query": 5}, TypeError, "default_query"),
        ({"base_url": 5}, TypeError, "base_url"),
    ],
)
def test_an_option_that_cannot_be_used_is_refused(client, options, error, message):
    with pytest.raises(error, match=message) as caught:
        client(api_key="key", **options)
    assert "secret" not in str(caught.value)


@CLIENTS
def test_an_unknown_option_is_refused_with_the_nearest_name(client):
    with pytest.raises(TypeError, match=rf"{client.__name__}: unknown argument 'max_retry'.*max_retries"):
        client(api_key="key", max_retry=3)
    with pytest.raises(TypeError, match=r"with_options: unknown argument 'time_out'.*timeout"):
        client(api_key="key").with_options(time_out=3)


@CLIENTS
def test_the_options_unless_given(client):
    settings = client(api_key="key")._engine.settings
    options = client(api_key="key")._engine.network.options
    assert (settings.timeout.connect, settings.timeout.read, settings.total_timeout) == (60, 60, None)
    assert (settings.max_retries, settings.max_retry_after, settings.strict) == (2, 60, False)
    assert (options.max_connections, options.verify, options.proxies) == (64, True, None)


@CLIENTS
@pytest.mark.parametrize(
    ("given", "phases"),
    [
        (5, (5, 5, 5, None)),
        (0.5, (0.5, 0.5, 0.5, None)),
        (None, (None, None, None, None)),
        (float("inf"), (None, None, None, None)),
        (httpx.Timeout(9, connect=1), (1, 9, 9, 9)),
        (httpx.Timeout(None, read=3), (None, 3, None, None)),
    ],
)
def test_a_timeout_is_a_number_or_none_or_one_of_httpx(client, given, phases):
    timeout = client(api_key="key", timeout=given)._engine.settings.timeout
    assert (timeout.connect, timeout.read, timeout.write, timeout.pool) == phases


@CLIENTS
def test_help_shows_the_real_keywords(client):
    for shown in (inspect.signature(client), inspect.signature(client.with_options)):
        assert {"timeout", "total_timeout", "max_retries", "strict"} <= shown.parameters.keys()
        keywords = [one for name, one in shown.parameters.items() if name != "self"]
        assert all(one.kind is inspect.Parameter.KEYWORD_ONLY for one in keywords)


# Warnings


@CLIENTS
def test_plain_http_to_a_public_host_is_told_once_at_the_users_line(client):
    host = f"{client.__name__.lower()}.example.com"
    with pytest.warns(UserWarning, match=f"{host} is asked over plain http") as caught:
        client(api_key="key", base_url=f"http://{host}")
    assert [warning.filename for warning in caught] == [__file__]
    client(api_key="key", base_url=f"http://{host}/v1")
    private = client(api_key="key", base_url="http://127.0.0.1")
    with pytest.warns(UserWarning, match="plain http") as caught:
        private.with_options(base_url=f"http://view.{host}")
    assert [warning.filename for warning in caught] == [__file__]


@CLIENTS
@pytest.mark.parametrize(
    "base_url",
    [
        "http://localhost:3001",
        "http://127.0.0.1",
        "http://[::1]:80",
        "http://10.0.0.7",
        "http://api",
        "https://1.2.3.4",
    ],
)
def test_a_host_that_is_not_public_or_not_plain_is_no_cause_for_a_warning(client, base_url):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        client(api_key="key", base_url=base_url)


# Nothing there


def test_nothing_at_the_default_address_is_told_at_once(face, unused_address, monkeypatch):
    monkeypatch.setitem(wootiv.ENVIRONMENTS, "production", unused_address)
    with pytest.raises(APIConnectionError) as caught:
        face(lambda client: client.contacts.delete("c1"), base_url=None, max_retries=5)
    text = str(caught.value)
    for part in (unused_address, "the default address", "base_url=", "WOOTIV_BASE_URL", "python -m wootiv sandbox"):
        assert part in text
    assert len(caught.value.attempts) == 1
    assert not caught.value.maybe_applied
    assert type(caught.value.__cause__).__name__ == "ConnectError"


def test_nothing_at_an_address_of_the_callers_own_is_retried_as_ever(face, unused_address):
    with pytest.raises(APIConnectionError) as caught:
        face(lambda client: client.contacts.retrieve("c1"), base_url=unused_address, max_retries=1)
    assert len(caught.value.attempts) == 2
    assert "default" not in str(caught.value)


# Views


def test_a_view_merges_headers_and_query_or_replaces_them(face, recorder):
    seen = recorder(OK)

    def ask(client, get):
        call = calls.contacts.retrieve("c1")
        get(client.send(call))
        get(client.with_options(default_headers={"X-B": "2", "x-c": "3"}, default_query={"b": 2}).send(call))
        get(client.with_options(set_default_headers={"x-c": "3"}, set_default_query={"c": 3}).send(call))
        get(client.with_options(set_default_headers=None, set_default_query=None).send(call))
        get(client.with_options(default_headers={"x-a": None}).send(call))
        get(client.send(call))

    face.session(
        ask, transport=seen.transport(), default_headers={"x-a": "1", "x-b": "1"}, default_query={"a": 1, "b": [1, 2]}
    )
    headers = [{name: value for name, value in one.headers.items() if name[:2] == "x-"} for one in seen.requests]
    assert headers == [
        {"x-a": "1", "x-b": "1"},
        {"x-a": "1", "x-b": "2", "x-c": "3"},
        {"x-c": "3"},
        {},
        {"x-b": "1"},
        {"x-a": "1", "x-b": "1"},
    ]
    queries = [one.url.query.decode() for one in seen.requests]
    assert queries == ["a=1&b=1&b=2", "a=1&b=2", "c=3", "", "a=1&b=1&b=2", "a=1&b=1&b=2"]


@CLIENTS
@pytest.mark.parametrize("what", ["headers", "query"])
def test_merging_and_replacing_at_once_is_refused(client, what):
    with pytest.raises(ValueError, match=f"set_default_{what}"):
        client(api_key="key").with_options(**{f"default_{what}": {}, f"set_default_{what}": {}})


@CLIENTS
def test_an_option_can_be_set_back_to_none(client):
    made = client(api_key="key", timeout=3, total_timeout=9, max_retry_after=5)
    view = made.with_options(timeout=None, total_timeout=None, max_retry_after=None, retrying=None)._engine.settings
    assert (view.timeout.read, view.total_timeout, view.max_retry_after) == (None, None, float("inf"))
    assert made._engine.settings.total_timeout == 9


@CLIENTS
def test_a_view_of_a_view_keeps_what_it_does_not_change(client):
    made = client(api_key="key", base_url="https://one.test", max_retries=7)
    view = made.with_options(strict=True).copy(timeout=1)
    settings = view._engine.settings
    assert (settings.base_url, settings.max_retries, settings.strict, settings.timeout.read) == (
        "https://one.test",
        7,
        True,
        1,
    )
    assert view._engine.network is made._engine.network
    assert type(view) is client


@CLIENTS
def test_a_view_takes_no_options_of_the_connections(client):
    with pytest.raises(TypeError, match="with_options: proxies belongs to the connections"):
        client(api_key="key").with_options(proxies="http://p:1")


def test_a_closed_client_and_its_views_say_so(face, recorder):
    def ask(client, get):
        view = client.with_options(strict=True)
        get(view.close())
        assert not client.is_closed()
        get(client.contacts.retrieve("c1"))
        get(client.close())
        assert client.is_closed()
        assert view.is_closed()
        for closed in (client, view):
            with pytest.raises(ClientStateError, match="this client is closed"):
                get(closed.contacts.retrieve("c1"))

    face.session(ask, transport=recorder(OK).transport())
