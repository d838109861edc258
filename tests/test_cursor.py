"""Where a list stands: what is added to the caller's query, and what is not."""

import pytest

from wootiv import calls
from wootiv.cursor import PageData, begin, following


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({}, [("limit", "100"), ("page", "1"), ("sort", "id,ASC")]),
        ({"limit": 7}, [("limit", "7"), ("page", "1"), ("sort", "id,ASC")]),
        ({"limit": 0}, [("limit", "0"), ("page", "1"), ("sort", "id,ASC")]),
        ({"page": 3}, [("page", "3"), ("limit", "100"), ("sort", "id,ASC")]),
        ({"offset": 5}, [("offset", "5"), ("limit", "100"), ("sort", "id,ASC")]),
        ({"offset": 5, "limit": 2}, [("offset", "5"), ("limit", "2"), ("sort", "id,ASC")]),
        (
            {"sort": ["email,DESC"]},
            [("sort", "email,DESC"), ("limit", "100"), ("page", "1"), ("sort", "id,ASC")],
        ),
        ({"sort": ["id,DESC"]}, [("sort", "id,DESC"), ("limit", "100"), ("page", "1")]),
        ({"sort": ["a,ASC"] * 20}, [*[("sort", "a,ASC")] * 20, ("limit", "100"), ("page", "1")]),
    ],
)
def test_what_is_added_to_a_query_follows_what_the_caller_gave(given, sent):
    assert list(calls.contacts.list(**given).query) == sent


def test_what_a_client_sends_by_default_stands_where_the_call_says_nothing():
    given = calls.contacts.list(limit=7, filter="a||$isnull").cursor
    within = given.within((("filter", "b||$isnull"), ("limit", "9"), ("cache", "0")))
    assert sorted(within.query) == sorted((*given.query, ("cache", "0")))
    assert within.by_key
    assert given.within(()) is given


def test_a_client_that_sorts_by_default_is_paged_by_number():
    within = calls.contacts.list().cursor.within((("sort", "email,ASC"),))
    assert not within.by_key
    assert ("sort", "email,ASC") in within.query


def test_rows_that_nothing_says_how_to_ask_for_are_told():
    page = PageData(data=[{"id": "1"}], total=3)
    with pytest.warns(UserWarning, match="sent 1 of 3 rows"):
        assert following(begin("members", ()), page) is None


def test_a_default_condition_holds_beside_the_id_to_start_after(face, sandbox):
    def ask(client, get):
        every = [row.id for row in get(client.contacts.list())]
        assert [row.id for row in get(client.contacts.list(after=every[3]))] == every[4:]
        return every

    default = {"filter": "phoneNumber||$isnull"}
    found = face.session(ask, transport=sandbox.transport(), default_query=default)
    assert 4 < len(found) < 250
