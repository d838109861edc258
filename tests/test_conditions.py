"""The list query: going on by key means the caller's own condition, and nothing else."""

import json
from urllib.parse import quote, urlencode

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from wootiv.conditions import MAX_LIST, after
from wootiv.sandbox.grammar import BadQuery, BadSearch, parse
from wootiv.sandbox.search import condition

COLUMNS = ["id", "name", "age", "active"]
CELLS = st.sampled_from(
    [None, "", "a", "A|b", "a||b", "1", "01", "true", "null", "x,y", '"q"', "2020-01-02", 0, 1, -3, 2.5]
)
ROWS = st.lists(st.fixed_dictionaries(dict.fromkeys(COLUMNS[1:], CELLS)), max_size=8)
IDS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=6)

WORDS = st.sampled_from(
    ["a", "1", "01", "1.0", "1.50", "-0", "-3", "1e3", "9007199254740993", "123456789012345.12", "true", " true", " 1",
     "null", '"1"', ' "a"', '"true"', '"a\\u007c\\u007cb"', '"a\\u002cb"', '"\\ud800"', '""', "[1]", "{}", "NaN", "a b",
     "2020-01-02", '"2020-01-02"', "2020-19-39", "%", "_", "\\", "é", "x,y", '"a",b', "+", "&=#"]
) | st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=4)  # fmt: skip
OPERATORS = st.sampled_from(
    ["$eq", "$ne", "$gt", "$lt", "$gte", "$lte", "$starts", "$ends", "$cont", "$excl", "$in", "$notin", "$isnull",
     "$notnull", "$between", "$eqL", "$inL", "$contL", "eq", "in", "isnull", "cont"]
)  # fmt: skip
CONDITIONS = st.builds(
    lambda field, operator, words: f"{field}||{operator}||{','.join(words)}",
    st.sampled_from(COLUMNS[1:]),
    OPERATORS,
    st.lists(WORDS, min_size=1, max_size=2),
)
SCALARS = st.sampled_from([None, "a", "1", "2020-01-02", 0, 1, 2.5, True, 1e300, 9007199254740993])
FIELDS = st.dictionaries(
    st.sampled_from(COLUMNS[1:]),
    SCALARS | st.dictionaries(st.sampled_from(["$eq", "$gt", "$ne", "$lte", "$isnull", "$cont"]), SCALARS, max_size=2),
    max_size=2,
)
SEARCHES = st.recursive(
    FIELDS,
    lambda inner: (
        st.dictionaries(st.sampled_from(["$and", "$or"]), st.lists(inner, max_size=3), max_size=1)
        | st.builds(lambda fields, some: {**fields, "$or": some}, FIELDS, st.lists(inner, max_size=3))
    ),
    max_leaves=6,
)


def matching(query, rows):
    """Ids of the rows that the sandbox's grammar takes, by the engine's rules."""
    test = condition(parse(urlencode(query, quote_via=quote)), COLUMNS)
    return {row["id"] for row in rows if test is None or test(row)}


def with_ids(rows, ids):
    return [{"id": key, **row} for key, row in zip(ids, rows, strict=False)]


def accepted(query, rows):
    """What the first page matches; a query that the server refuses has no second page."""
    try:
        return matching(query, rows)
    except (BadQuery, BadSearch):
        assume(False)


@given(st.lists(CONDITIONS, max_size=3), st.lists(CONDITIONS, max_size=3), ROWS, st.lists(IDS, unique=True, min_size=8))
def test_conditions_go_on_by_key_with_the_same_meaning(filters, ors, rows, ids):
    query = (*(("filter", text) for text in filters), *(("or", text) for text in ors))
    rows = with_ids(rows, ids)
    wanted, last = accepted(query, rows), ids[0]
    onward = after(query, last)
    assume(onward is not None)
    assert matching(onward, rows) == {key for key in wanted if _above(key, last)}


def _above(key, last):
    """By the database's own comparison, whatever that is."""
    return matching((("s", json.dumps({"id": {"$gt": last}})),), [{"id": key}]) == {key}


@given(SEARCHES, ROWS, st.lists(IDS, unique=True, min_size=8), st.lists(CONDITIONS, max_size=1))
def test_a_search_goes_on_by_key_with_the_same_meaning(search, rows, ids, beside):
    query = (("s", json.dumps(search)), *(("filter", text) for text in beside))
    rows = with_ids(rows, ids)
    wanted, last = accepted(query, rows), ids[0]
    onward = after(query, last)
    assert onward is not None
    assert matching(onward, rows) == {key for key in wanted if _above(key, last)}


@pytest.mark.parametrize("count", [1, MAX_LIST - 1, MAX_LIST])
def test_no_number_of_filters_makes_the_server_pass_over_them(count):
    query = tuple(("filter", f"age||$ne||{number}") for number in range(count))
    rows = [{"id": str(number), "age": number, "name": "", "active": None} for number in range(9)]
    onward = after(query, "3")
    assert max(len([1 for name, _ in onward if name == key]) for key, _ in onward) <= MAX_LIST
    assert matching(onward, rows) == {row["id"] for row in rows if row["age"] >= count and row["id"] > "3"}


@pytest.mark.parametrize(
    "query",
    [
        (("filter", "born||$gt||2020-01-02"), ("or", "age||$eq||1")),
        (("or", "born||$in||a,2020-01-02T03:04:05Z"),),
        (("or", "age||$eq||-0"),),
        (("s", "[]"),),
        (("filter[0]", "age||$eq||1"),),
    ],
)
def test_what_cannot_be_said_by_key_goes_on_by_number(query):
    assert after(query, "a") is None


def test_a_date_in_a_filter_alone_goes_on_by_key():
    query = (("filter", "born||$gt||2020-01-02"),)
    assert after(query, "a") == (*query, ("filter", 'id||$gt||"a"'))


def test_an_empty_condition_stays_passed_over():
    assert after((("filter", ""), ("or", "")), "a") == (("filter", 'id||$gt||"a"'),)


def test_the_callers_search_is_sent_on_as_it_was_written():
    (pair,) = after((("s", ' {"age": 1e400, "name": 0.10}'),), "é|")
    assert pair == ("s", '{"$and":[ {"age": 1e400, "name": 0.10},{"id":{"$gt":"\\u00e9|"}}]}')


def test_ids_that_are_numbers_are_compared_as_numbers():
    assert after((), 12) == (("filter", "id||$gt||12"),)


def test_other_parameters_are_left_alone():
    query = (("fields", "email"), ("join", "workspace"), ("sort", "a,ASC"), ("x", "filter"))
    assert after(query, "a")[: len(query)] == query
