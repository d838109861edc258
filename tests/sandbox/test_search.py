"""What a list query means; ``vectors.jsonl`` holds answers of the real parser."""

import json
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import pytest
from asked import as_json

from wootiv.sandbox.grammar import BadQuery, BadSearch, Condition, Invalid, Parsed, parse
from wootiv.sandbox.search import condition

VECTORS = [json.loads(line) for line in (Path(__file__).parents[1] / "data" / "vectors.jsonl").read_text().splitlines()]
COLUMNS = ["id", "name", "age", "active", "born", "audit.date_created"]
ROWS = [
    {"id": "a", "name": "Alpha", "age": 1, "active": True, "born": "2020-01-02T00:00:00.000Z", "audit": None},
    {"id": "b", "name": "beta", "age": 2, "active": False, "born": "2021-06-07T08:09:10.500Z", "audit": {}},
    {"id": "c", "name": "100%_\\", "age": 30, "active": None, "born": None, "audit": {"date_created": "2020-05-05"}},
    {"id": "d", "name": None, "age": None, "active": True, "born": "2022-01-01T00:00:00Z", "audit": None},
]


def matches(query):
    test = condition(parse(query), COLUMNS)
    return "".join(row["id"] for row in ROWS if test is None or test(row))


def searched(tree):
    return matches("s=" + quote(json.dumps(tree)))


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["query"] for vector in VECTORS])
def test_reads_a_query_as_the_real_parser_does(vector):
    if "error" in vector:
        with pytest.raises(BadQuery) as caught:
            parse(vector["query"])
        assert str(caught.value) == vector["error"]["body"]["message"]
    else:
        assert as_json(parse(vector["query"])) == vector["parsed"]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("filter[]=a||$eq||1&filter[]=b||$eq||2", "ab"),
        ("filter[1]=a||$eq||1&filter[0]=b||$eq||2", "ba"),
        ("filter=a||$eq||1&filter%5B%5D=b||$eq||2", "ab"),
        ("filter[20]=a||$eq||1", ""),
        ("filter=", ""),
        ("&".join(["filter=a||$eq||1"] * 20), "a" * 20),
        ("&".join(["filter=a||$eq||1"] * 21), ""),
        ("&".join(["foo=1"] * 1000) + "&filter=a||$eq||1", ""),
    ],
)
def test_lists_arrive_as_qs_makes_them(query, names):
    assert "".join(one.field for one in parse(query).filters) == names


def test_twenty_one_filters_are_ignored():
    assert matches("&".join(["filter=name||$eq||nobody"] * 20)) == ""
    assert matches("&".join(["filter=name||$eq||nobody"] * 21)) == "abcd"


def test_the_first_of_two_names_for_the_limit_wins():
    assert parse("per_page=3&limit=4").limit == 3


def test_percent_text_that_is_not_well_formed_stays():
    assert parse("filter=x||$eq||%zz").filters == (Condition("x", "$eq", "%zz"),)
    assert parse("filter=x||$eq||%FF").filters == (Condition("x", "$eq", "%FF"),)


@pytest.mark.parametrize("text", ["2020-19-39", "2020-01-01T25:00:00", "2020-01-01T00:00:00-01", "0000-01-01"])
def test_an_impossible_date_is_read_and_refused_when_compared(text):
    parsed = parse(f"filter=born||$gt||{text}")
    assert parsed.filters[0].value is Invalid.DATE
    with pytest.raises(BadSearch):
        condition(parsed, COLUMNS)


def test_february_may_have_thirty_days():
    assert parse("filter=x||$eq||2020-02-30").filters[0].value == datetime(2020, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("name||$eq||beta", "b"),
        ("name||eq||beta", "b"),
        ("name||$ne||beta", "ac"),
        ("age||$gt||1", "bc"),
        ("age||$lt||2", "a"),
        ("age||$gte||2", "bc"),
        ("age||$lte||2", "ab"),
        ("name||$starts||Al", "a"),
        ("name||$starts||al", ""),
        ("name||$ends||ta", "b"),
        ("name||$cont||ph", "a"),
        ("name||$cont||PH", ""),
        ("name||$excl||ph", "bc"),
        ("name||$in||beta,Alpha", "ab"),
        ("name||$notin||beta,Alpha", "c"),
        ("age||$in||1,30", "ac"),
        ("age||$notin||1,30", "b"),
        ("name||$isnull", "d"),
        ("name||$isnull||false", "d"),
        ("name||isnull", "d"),
        ("name||$notnull", "abc"),
        ("name||notnull", "abc"),
        ("age||$between||2,30", "bc"),
        ("name||$eqL||alpha", "a"),
        ("name||$eqL||ALPHA", ""),
        ("name||$neL||alpha", "bc"),
        ("name||$startsL||AL", "a"),
        ("name||$endsL||PHA", "a"),
        ("name||$contL||PH", "a"),
        ("name||$exclL||PH", "bc"),
        ("name||$inL||alpha,BETA", "a"),
        ("name||$notinL||alpha", "bc"),
        ("name||$cont||%25", "abc"),
        ("name||$starts||_e", "b"),
        ("name||$cont||\\%25\\_", "c"),
        ("born||$gt||2020-01-02", "bd"),
        ("born||$eq||2020-01-02T01:00:00%2B0100", "a"),
        ("born||$between||2020-01-01,2021-12-31", "ab"),
        ("born||$in||2020-01-02,2022-01-01", "ad"),
        ("audit.date_created||$gte||2020-05-05", "c"),
        ("active||$eq||true", "ad"),
        ('age||$eq||"30"', "c"),
        ("age||$gt||zzz", ""),
        ("name||$gt||5", "ab"),
    ],
)
def test_an_operator_means_what_postgres_makes_of_it(query, ids):
    assert matches("filter=" + query) == ids


def test_like_sees_a_date_as_javascript_writes_it():
    rows = [{"name": "Thu Jan 02 2020 00:00:00 GMT+0000 (Coordinated Universal Time)"}, {"name": "2020-01-02"}]
    test = condition(parse("filter=name||$starts||2020-01-02"), ["name"])
    assert [test(row) for row in rows] == [True, False]


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("", "abcd"),
        ("filter=age||$gt||1&filter=age||$lt||9", "b"),
        ("or=age||$eq||1", "a"),
        ("or=age||$eq||1&or=age||$eq||2", "ab"),
        ("filter=age||$eq||1&or=age||$eq||2", "ab"),
        ("filter=age||$gt||1&filter=age||$lt||9&or=age||$gt||9&or=active||$eq||true", "b"),
        ("filter=age||$gt||1&filter=age||$lt||9&or=age||$eq||1&or=active||$eq||true", "ab"),
        ("filter=age||$eq||1&s={}", "abcd"),
        ('filter=nope||$eq||1&s={"age":2}', "b"),
    ],
)
def test_filter_or_and_search_together(query, ids):
    assert matches(query) == ids


@pytest.mark.parametrize(
    ("tree", "ids"),
    [
        ({"age": 1, "name": None}, ""),
        ({"active": True, "name": None}, "d"),
        ({"age": {"$gte": 2, "$lte": 4}}, "b"),
        ({"age": {"$or": {"$lt": 2, "$gt": 9}}}, "ac"),
        ({"age": {"$gt": 1, "$or": {"$lt": 2, "$gt": 9}}}, "c"),
        ({"$or": [{"age": 1}, {"age": 2}]}, "ab"),
        ({"$or": [{"age": 1}, {"age": 2}], "name": "beta"}, "b"),
        ({"$and": [{"age": {"$gt": 1}}, {"age": {"$lt": 9}}]}, "b"),
        ({"$and": [{"age": {"$gt": 1}}], "name": "Alpha"}, "bc"),
        ({"$or": []}, "abcd"),
        ({"$and": []}, "abcd"),
        ({"age": {}}, "abcd"),
        ([], "abcd"),
        ({"age": {"$foo": 1}}, "a"),
        ({"name": ["beta"]}, "b"),
        ({"name": {"$isnull": False}}, "d"),
        ({"name": {"$ne": None}}, "d"),
        ({"name": ""}, ""),
        ({"born": {"$gt": "2020-01-02"}}, "bd"),
        ({"name": {"$in": ["beta"]}, "age": 2}, "b"),
    ],
)
def test_a_search_object_means_what_the_engine_executes(tree, ids):
    assert searched(tree) == ids


@pytest.mark.parametrize(
    ("tree", "ids"),
    [
        ({"name": "beta", "age": {"$or": {"$lt": 2, "$gt": 9}}}, "abc"),
        ({"$or": [{"name": "beta"}, {"age": {"$gt": 0, "$lt": 2}}]}, "abc"),
        ({"$or": [{"name": "Alpha"}, {"$or": [{"age": 30}], "active": True}]}, "ad"),
    ],
    ids=["or-in-a-field-leaks-out", "and-below-or-is-or", "or-of-one-joins-outside"],
)
def test_the_engine_joins_some_trees_in_a_way_of_its_own(tree, ids):
    assert searched(tree) == ids


@pytest.mark.parametrize(
    "tree",
    [
        {"nope": 1},
        {"$not": {"age": 1}},
        [{"age": 1}],
        {"age": {"$in": []}},
        {"age": {"$in": 1}},
        {"age": {"$between": [1]}},
        {"name": {"$ends": "\\"}},
        {"other.age": 1},
    ],
)
def test_the_database_refuses_some_searches(tree):
    with pytest.raises(BadSearch):
        searched(tree)


def test_mixed_types_never_fail():
    values = [None, True, 1, 1.5, "x", "2020-01-02", ["a"], {"a": 1}]
    for value in values:
        for name in ("$eq", "$ne", "$gt", "$lte", "$cont", "$eqL"):
            test = condition(Parsed(search={"cell": {name: value}}), ["cell"])
            assert [test({"cell": cell}) in (True, False) for cell in values] == [True] * len(values)


def test_the_path_is_anded_in_front():
    test = condition(parse("filter=age||$eq||1&or=age||$eq||2"), COLUMNS, {"id": "b"})
    assert [row["id"] for row in ROWS if test(row)] == ["b"]
