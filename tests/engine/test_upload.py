"""Files from iterators: sent as they come, once, and never held in memory."""

import threading
from pathlib import Path

import anyio
import httpx
import pytest
import tenacity

from wootiv import APIConnectionError, APIError, AsyncWootiv, InternalServerError, calls

AT_ONCE = tenacity.AsyncRetrying(wait=tenacity.wait_none(), stop=tenacity.stop_after_attempt(3))
PIECES = [b"one ", b"", bytearray(b"two "), memoryview(b"three")]
WHOLE = b"one two three"


class Once:
    """An async iterator that is no generator."""

    def __init__(self, pieces):
        self._pieces = iter(pieces)

    def __aiter__(self):
        return self

    async def __anext__(self):
        await anyio.lowlevel.checkpoint()
        for piece in self._pieces:
            if isinstance(piece, Exception):
                raise piece
            return piece
        raise StopAsyncIteration


class Each:
    """What can only be iterated over."""

    def __init__(self, pieces):
        self._pieces = pieces

    def __aiter__(self):
        return Once(self._pieces)


async def generated(pieces):
    async for piece in Once(pieces):
        yield piece


def plain(pieces):
    for piece in pieces:
        if isinstance(piece, Exception):
            raise piece
        yield piece


KINDS = [iter, plain, Once, Each, generated]
FAILING = [plain, Once, Each, generated]


def stored(sandbox):
    return {key: file.content for key, file in sandbox.storage.files.items()}


@pytest.mark.parametrize("make", KINDS)
@pytest.mark.parametrize("transport", [lambda: None, httpx.AsyncHTTPTransport, httpx.HTTPTransport])
def test_an_iterator_is_sent_as_it_comes(face, sandbox, make, transport):
    with sandbox.serving() as url:
        face(
            lambda client: client.aws.buckets.upload(file=("n.txt", make(PIECES)), path="p"),
            base_url=url,
            transport=transport(),
        )
    assert stored(sandbox) == {"p/n.txt": WHOLE}
    assert sandbox.requests[-1].headers.get("transfer-encoding", "chunked") == "chunked"


@pytest.mark.parametrize("make", KINDS)
def test_an_iterator_that_gives_nothing_is_an_empty_file(face, sandbox, make):
    face.with_sandbox(lambda client: client.aws.buckets.upload(file=make([])), sandbox)
    assert stored(sandbox) == {"file": b""}


def test_iterators_and_others_go_in_one_request(face, sandbox):
    files = [("a", iter([b"a"])), Path(__file__), ("c", Once([b"c"])), ("d", b"d")]
    face.with_sandbox(lambda client: client.aws.buckets.bulk_upload(bulk=files), sandbox)
    assert list(stored(sandbox).values()) == [b"a", Path(__file__).read_bytes(), b"c", b"d"]


@pytest.mark.parametrize("make", KINDS)
@pytest.mark.parametrize("fault", [{"status": 503}, {"drop": True}])
def test_what_was_read_of_an_iterator_is_gone_so_it_is_not_sent_again(face, sandbox, make, fault):
    sandbox.fail("aws.buckets.upload", times=None, **fault)
    with pytest.raises((InternalServerError, APIConnectionError)) as caught:
        face.with_sandbox(lambda client: client.aws.buckets.upload(file=make(PIECES)), sandbox, retrying=AT_ONCE)
    assert len(caught.value.attempts) == 1
    assert len(sandbox.requests) == 1


@pytest.mark.parametrize("make", KINDS)
def test_a_redirect_of_an_iterator_is_not_followed(face, recorder, make):
    def moved(request):
        return httpx.Response(307, headers={"Location": "/elsewhere"})

    server = recorder(moved)
    with pytest.raises(APIError, match="not followed further"):
        face(lambda client: client.aws.buckets.upload(file=make(PIECES)), transport=server.transport())
    assert len(server.requests) == 1


@pytest.mark.parametrize("make", KINDS)
def test_a_call_whose_iterator_was_read_is_told_so_when_it_is_sent_again(face, sandbox, make):
    call = calls.aws.buckets.upload(file=("n", make(PIECES)))

    def twice(client, get):
        get(client.send(call))
        with pytest.raises(
            ValueError, match=r"^POST /aws/buckets/upload: file 'n' is an iterator that was read before"
        ):
            get(client.send(call))

    face.session(twice, transport=sandbox.transport())
    assert len(sandbox.requests) == 1


@pytest.mark.parametrize("make", [iter, Once])
def test_one_iterator_given_twice_is_refused(face, sandbox, make):
    given = make(PIECES)
    with pytest.raises(ValueError, match="'a' and 'b' are one file, and one that cannot be read twice"):
        face.with_sandbox(lambda client: client.aws.buckets.bulk_upload(bulk=[("a", given), ("b", given)]), sandbox)
    assert len(sandbox.requests) == 0


@pytest.mark.parametrize("make", KINDS)
@pytest.mark.parametrize(("piece", "kind"), [("text", "str"), (5, "int"), (None, "None")])
def test_a_piece_that_is_no_bytes_is_named(face, sandbox, make, piece, kind):
    message = rf"^POST /aws/buckets/upload: file 'n' must give bytes, it gave {kind}$"
    with sandbox.serving() as url, pytest.raises(TypeError, match=message):
        face(lambda client: client.aws.buckets.upload(file=("n", make([b"a", piece]))), base_url=url)
    assert stored(sandbox) == {}


class OwnError(Exception):
    pass


@pytest.mark.parametrize("make", FAILING)
@pytest.mark.parametrize("error", [OwnError("mine"), httpx.ReadTimeout("of the other server")])
@pytest.mark.parametrize("transport", [lambda: None, httpx.AsyncHTTPTransport, httpx.HTTPTransport])
def test_what_an_iterator_raises_comes_out_as_itself_and_is_no_error_of_the_network(
    face, sandbox, make, error, transport
):
    with sandbox.serving() as url, pytest.raises(type(error)) as caught:
        face(
            lambda client: client.aws.buckets.upload(file=("n", make([b"a", error]))),
            base_url=url,
            transport=transport(),
            retrying=AT_ONCE,
        )
    assert caught.value is error
    assert stored(sandbox) == {}


def test_a_plain_iterator_is_read_in_a_thread_of_its_own(face, sandbox):
    names = set()

    def told():
        names.add(threading.current_thread().name)
        yield b"x"

    face.with_sandbox(lambda client: client.aws.buckets.upload(file=("n", told())), sandbox)
    assert names == {"wootiv reading"}


async def test_an_iterator_that_blocks_can_be_left(sandbox):
    let_go = threading.Event()

    def blocking():
        let_go.wait(10)
        yield b"late"

    async with AsyncWootiv(api_key="k", base_url="http://w.test", transport=sandbox.transport()) as client:
        with anyio.move_on_after(0.05) as scope:
            await client.aws.buckets.upload(file=("n", blocking()))
        assert scope.cancelled_caught
        await client.root.retrieve()
    let_go.set()


async def test_another_servers_answer_is_passed_on_as_it_comes(sandbox, recorder):
    source = recorder(httpx.Response(200, content=WHOLE))
    async with (
        httpx.AsyncClient(transport=source.transport()) as other,
        AsyncWootiv(api_key="k", base_url="http://w.test", transport=sandbox.transport()) as client,
        other.stream("GET", "http://other.test/") as response,
    ):
        await client.aws.buckets.upload(file=("n", response.aiter_bytes()))
    assert stored(sandbox) == {"n": WHOLE}
