"""Rows in memory, and the answers made of them."""

import json
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wootiv.sandbox.grammar import BadSearch, parse
from wootiv.sandbox.store import Table

COLUMNS = ["id", "name", "rank", "audit.version"]


def row(id, name=None, rank=None, **more):
    return {"id": id, "name": name, "rank": rank, **more}


def table(count=12, **options):
    made = Table("Item", COLUMNS, **options)
    made.load(row(f"{n:02}", f"n{n}", n) for n in range(1, count + 1))
    return made


def ask(rows, query="", join=None):
    return json.loads(rows.select(parse(query), join))


def ids(answer):
    return [int(each["id"]) for each in (answer["data"] if isinstance(answer, dict) else answer)]


@pytest.mark.parametrize(
    ("options", "query", "expected"),
    [
        ({}, "", range(1, 13)),
        ({}, "limit=5", range(1, 6)),
        ({}, "page=2", range(1, 13)),
        ({}, "offset=5", range(6, 13)),
        ({}, "limit=0", range(1, 13)),
        ({}, "limit=0&page=1", range(1, 13)),
        ({}, "limit=1.5", [1, 2]),
        ({"default_limit": 3, "max_limit": 5}, "", range(1, 4)),
        ({"default_limit": 3, "max_limit": 5}, "limit=100", range(1, 6)),
        ({"default_limit": 3, "max_limit": 5}, "limit=0", range(1, 4)),
        ({"max_limit": 5}, "", range(1, 6)),
    ],
)
def test_a_list_without_page_or_without_limit_is_a_bare_array(options, query, expected):
    answer = ask(table(**options), query)
    assert isinstance(answer, list)
    assert ids(answer) == list(expected)


@pytest.mark.parametrize(
    ("options", "query", "rows", "counts"),
    [
        ({}, "limit=5&page=3", [11, 12], [12, 3, 3]),
        ({}, "limit=5&page=4", [], [12, 4, 3]),
        ({}, "limit=5&page=99", [], [12, 99, 3]),
        ({}, "limit=5&offset=0", range(1, 6), [12, 1, 3]),
        ({}, "limit=5&offset=7", range(8, 13), [12, 2, 3]),
        ({}, "limit=5&offset=7&page=1", range(1, 6), [12, 1, 3]),
        ({}, "limit=5&page=0", range(1, 6), [12, 1, 3]),
        ({}, "limit=5&page=1&filter=name||$eq||x", [], [0, 1, 1]),
        ({"default_limit": 3, "max_limit": 5}, "page=1", [1, 2, 3], [12, 1, 4]),
        ({"always_page": True, "max_limit": 5}, "limit=100", range(1, 6), [12, 1, 3]),
        ({"always_page": True}, "offset=5", range(6, 13), [12, 1, 1]),
        ({"always_page": True}, "filter=name||$eq||x", [], [0, 1, 1]),
    ],
)
def test_a_page_object_counts(options, query, rows, counts):
    answer = ask(table(**options), query)
    assert list(answer) == ["data", "count", "total", "page", "pageCount"]
    assert ids(answer) == list(rows)
    assert list(answer.values())[1:] == [len(rows), *counts]


@pytest.mark.parametrize("query", ["limit=-5", "offset=-1", "limit=5&page=-1", "sort=nope,ASC", "filter=nope||$eq||1"])
def test_the_database_refuses_negative_numbers_and_unknown_columns(query):
    with pytest.raises(BadSearch):
        ask(table(), query)


def test_nulls_sort_last_ascending_and_first_descending():
    rows = Table("Item", COLUMNS)
    rows.load([row("1", "b"), row("2"), row("3", "a"), row("4", "b")])
    assert ids(ask(rows, "sort=name,ASC")) == [3, 1, 4, 2]
    assert ids(ask(rows, "sort=name,DESC")) == [2, 1, 4, 3]
    assert ids(ask(rows, "sort=name,DESC&sort=id,DESC")) == [2, 4, 1, 3]
    assert ids(ask(rows, "sort=name,DESC&sort=id,DESC&sort=name,ASC")) == [3, 4, 1, 2]


def test_mixed_cells_sort_without_a_fault():
    rows = Table("Item", COLUMNS)
    rows.load([row("1", {"a": 1}), row("2", "x"), row("3", 2.5), row("4", True), row("5")])
    assert ids(ask(rows, "sort=name,ASC")) == [4, 3, 2, 1, 5]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("fields=name", {"id": "1", "name": "x"}),
        ("fields=rank,nope,name", {"id": "1", "name": "x", "rank": 5}),
        ("fields=nope", {"id": "1"}),
        ("fields=audit", {"id": "1"}),
        ("fields=audit.version", {"id": "1", "audit": {"version": 2}}),
    ],
)
def test_fields_are_the_known_ones_and_the_id(query, expected):
    rows = Table("Item", COLUMNS)
    rows.insert(row("1", "x", 5, audit={"version": 2, "date_deleted": None}))
    assert ask(rows, query) == [expected]
    assert rows.one("1", parse(query)) == expected


def test_a_join_sees_the_whole_row_and_its_relation_passes_fields():
    def join(row, parsed):
        return {**row, parsed.join[0][0]: {"rank": row["rank"]}}

    assert ask(table(1), "join=group&fields=name", join) == [{"id": "01", "name": "n1", "group": {"rank": 1}}]


def test_a_change_shows_at_once():
    rows = table(3)
    assert ids(ask(rows, "sort=name,DESC")) == [3, 2, 1]
    assert rows.replace("01", {"name": "z", "id": "other"})["id"] == "01"
    assert ids(ask(rows, "sort=name,DESC")) == [1, 3, 2]
    assert ask(rows, "filter=name||$eq||z")[0]["name"] == "z"
    rows.insert(row("00", "first"))
    rows.delete("02")
    assert ids(ask(rows, "sort=id,ASC")) == [0, 1, 3]
    assert ids(ask(rows)) == [1, 3, 0]
    assert (len(rows), [each["id"] for each in rows]) == (3, ["01", "03", "00"])


@pytest.mark.parametrize("act", [Table.get, Table.delete, lambda rows, key: rows.replace(key, {})])
def test_a_missing_row_has_the_text_of_the_404(act):
    with pytest.raises(KeyError, match="Item not found"):
        act(table(), "99")


def test_an_id_is_taken_once():
    with pytest.raises(ValueError, match="taken"):
        table().insert(row("01"))


@pytest.mark.parametrize("query", ["filter=name||$eq||x", 's={"rank":9}', "offset=1", "limit=5&page=2"])
def test_the_query_can_hide_the_row_of_get_one(query):
    assert table().one("01", parse("filter=name||$eq||n1"))["rank"] == 1
    with pytest.raises(KeyError, match="Item not found"):
        table().one("01", parse(query))


def test_softly_deleted_rows_show_on_demand_only():
    rows = table(2, soft_delete=True)
    rows.replace("01", {"audit": {"date_deleted": "2020-01-01"}})
    assert ids(ask(rows)) == [2]
    assert ids(ask(rows, "sort=id,ASC&filter=id||$gt||0")) == [2]
    assert ids(ask(rows, "include_deleted=1")) == [1, 2]
    with pytest.raises(KeyError):
        rows.one("01", parse(""))
    assert rows.one("01", parse("include_deleted=1"))["name"] == "n1"
    rows.replace("01", {"audit": {"date_deleted": None}})
    assert ids(ask(rows)) == [1, 2]


KEYS = st.text("abc1", min_size=1, max_size=3)
ROWS = st.lists(st.tuples(KEYS, st.none() | st.sampled_from("xyz")), unique_by=lambda pair: pair[0], max_size=12)
REST = st.sampled_from([None, {"name": "x"}, {"name": {"$ne": "y"}}, {"$or": [{"name": "x"}, {"name": None}]}])


@settings(deadline=None, database=None)
@given(ROWS, KEYS, REST, st.sampled_from(["", "&page=1", "&page=2", "&offset=1"]), st.booleans())
def test_reading_by_key_answers_as_a_scan_does(pairs, last, rest, page, as_filter):
    rows = Table("Item", COLUMNS)
    rows.load(row(id, name) for id, name in pairs)
    after = {"id": {"$gt": last}}
    if as_filter and rest is None:
        query = f"filter=id||$gt||{last}"
    else:
        query = "s=" + quote(json.dumps(after if rest is None else {"$and": [rest, after]}))
    by_key = rows.select(parse(f"{query}&sort=id,ASC&limit=3{page}"))
    by_scan = rows.select(parse(f"{query}&sort=id,ASC&sort=name,ASC&limit=3{page}"))  # same order, another path
    assert by_key == by_scan
    expected = sorted(id for id, _ in pairs if id > last)
    if rest is None and not page:
        assert [each["id"] for each in json.loads(by_key)] == expected[:3]


def test_a_key_below_an_or_is_no_place_to_start():
    query = "sort=id,ASC&s=" + quote(json.dumps({"$or": [{"id": {"$gt": "11"}}, {"rank": 1}]}))
    assert ids(ask(table(), query)) == [1, 12]


def test_a_walk_by_key_meets_every_row_once():
    rows, seen, last = table(95), [], "0"
    while page := ask(rows, f"sort=id,ASC&limit=10&page=1&filter=id||$gt||{quote(json.dumps(last))}")["data"]:
        seen += [each["id"] for each in page]
        last = seen[-1]
    assert seen == [each["id"] for each in rows]
