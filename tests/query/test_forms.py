"""What is sent for a condition: what is meant is what the engine's parser reads, in the shortest form that says it."""

import json
import random
from datetime import UTC, date, datetime
from decimal import Decimal
from urllib.parse import quote, urlencode

import pytest
from asked import COMPARABLE, NAMES, ODD, as_json, conditions, differences, holds, query
from hypothesis import assume, given
from hypothesis import strategies as st

from wootiv.conditions import MAX_LIST, after, conjoin
from wootiv.query import all_of, any_of, field
from wootiv.query.forms import said
from wootiv.sandbox.grammar import BadSearch, parse
from wootiv.sandbox.search import condition

CELLS = st.none() | st.sampled_from(ODD) | st.integers(-3, 40) | st.booleans()
ROWS = st.lists(
    st.fixed_dictionaries(
        dict.fromkeys(("id", "name", "age", "active"), CELLS)
        | {
            "born": st.none() | st.sampled_from(["2020-01-02T00:00:00.000Z", "2021-06-07T08:00:00.000Z", "2022-01-01"]),
            "group": st.none() | st.fixed_dictionaries({"name": CELLS}),
        }
    ),
    min_size=1,
    max_size=6,
)
COMPARED = conditions(COMPARABLE)


def taken(pairs, rows):
    """The places of the rows that the engine takes."""
    test = condition(parse(urlencode(pairs, quote_via=quote, safe="*")), NAMES)
    return [number for number, row in enumerate(rows) if test is None or test(row)]


def meant(one, rows):
    try:
        return [number for number, row in enumerate(rows) if holds(one, row)]
    except BadSearch:  # a pattern that ends with a backslash: PostgreSQL fails
        assume(False)


@given(conditions())
def test_what_is_read_is_what_is_meant(one):
    assert differences(one, as_json(parse(query(one)))) == []


@given(conditions())
def test_the_search_object_alone_says_it_too(one):
    assert differences(one, as_json(parse(urlencode({"s": said(one).search}, quote_via=quote)))) == []


@given(COMPARED, ROWS)
def test_the_engine_takes_the_rows_that_fulfil_it(one, rows):
    expected = meant(one, rows)
    assert taken(said(one).alone, rows) == expected


@given(COMPARED, ROWS)
def test_a_list_can_always_go_on_by_key(one, rows):
    onward = after(said(one).alone, "k")
    assert onward is not None
    expected, beyond = meant(one, rows), taken(after((), "k"), rows)
    assert taken(onward, rows) == [number for number in expected if number in beyond]


@given(COMPARED, COMPARED, COMPARED, ROWS)
def test_it_holds_beside_the_filters_ors_and_search_of_the_caller(one, some, other, rows):
    filters, ors = said(some).alone, tuple(("or", text) for text in said(other).filters)
    given = ((*filters, *ors) if filters[0][0] == "filter" else filters)[:MAX_LIST]
    joined = conjoin(given, said(one))
    assume(joined is not None)
    mine = meant(one, rows)
    try:
        theirs = taken(given, rows)
    except BadSearch:
        assume(False)
    assert taken(joined, rows) == [number for number in theirs if number in mine]


@given(conditions())
def test_no_key_is_repeated_beyond_what_the_server_takes(one):
    sent = said(one).alone
    assert len({name for name, _ in sent}) == 1
    assert len(sent) <= MAX_LIST


FILTERS = [
    (field("email").ends("@x.io"), ["email||$ends||@x.io"]),
    (field("email").ends("@x.io") & field("age").between(1, 2), ["email||$ends||@x.io", "age||$between||1,2"]),
    (field("email").not_null(), ["email||$notnull"]),
    (field("name").starts("0012"), ["name||$starts||0012"]),
    (field("name").contains("true"), ['name||$cont||"true"']),
    (field("name").contains("a||b"), ['name||$cont||"a\\u007c\\u007cb"']),
    (field("name").not_in("a,b", "c"), ['name||$notin||"a\\u002cb",c']),
    (field("name").contains("2020-01-02"), ['name||$cont||"2020-01-02"']),
    (field("age") >= 18, ["age||$gte||18"]),
    (field("age") < Decimal("2.50"), ["age||$lt||2.5"]),
    (field("name").ignore_case.in_("Ng", "LI"), ["name||$inL||ng,li"]),
    (field("born") > datetime(2020, 1, 2, tzinfo=UTC), ["born||$gt||2020-01-02T00:00:00Z"]),
    (field("born") == date(2020, 1, 2), ["born||$eq||2020-01-02T00:00:00Z"]),
    (field("born") < datetime(2020, 1, 2, 3, 4, 5, 678901, UTC), ['born||$lt||"2020-01-02T03:04:05.678901Z"']),
]


@pytest.mark.parametrize(("one", "texts"), FILTERS, ids=[repr(one) for one, _ in FILTERS])
def test_filters_are_sent_where_they_are_shorter(one, texts):
    assert said(one).alone == tuple(("filter", text) for text in texts)


SEARCHES = [
    (field("name") == "Ada", {"name": "Ada"}),
    (field("name") == "", {"name": ""}),
    (field("name") == None, {"name": None}),  # noqa: E711
    ((field("name") == "Ada") & (field("age") == 1), {"name": "Ada", "age": 1}),
    ((field("name") == "A") | ((field("age") > 1) & (field("age") < 5)),
     {"$or": [{"name": "A"}, {"$and": [{"age": {"$gt": 1}}, {"age": {"$lt": 5}}]}]}),
    (field("name").contains(""), {"name": {"$cont": ""}}),
    (field("age") < 0.1234, {"age": {"$lt": 0.1234}}),
    (field("name").in_("", "a"), {"name": {"$in": ["", "a"]}}),
    ((field("name") == "Ada") | (field("born") < date(2020, 1, 2)),
     {"$or": [{"name": "Ada"}, {"born": {"$lt": "2020-01-02T00:00:00Z"}}]}),
]  # fmt: skip


@pytest.mark.parametrize(("one", "search"), SEARCHES, ids=[repr(one) for one, _ in SEARCHES])
def test_else_it_is_a_search(one, search):
    ((name, text),) = said(one).alone
    assert (name, json.loads(text)) == ("s", search)
    assert text == json.dumps(search, ensure_ascii=False, separators=(",", ":"))


def test_alternatives_are_ors_where_they_are_shorter():
    one = field("name").starts("A") | field("name").starts("B") | field("age").is_null()
    assert said(one).alone == (("or", "name||$starts||A"), ("or", "name||$starts||B"), ("or", "age||$isnull"))


@pytest.mark.parametrize("join", [all_of, any_of])
@pytest.mark.parametrize("count", [MAX_LIST, MAX_LIST + 1, 200])
def test_more_conditions_than_a_key_takes_are_a_search(join, count):
    names = {name for name, _ in said(join(*(field("name").contains(f"x{n}") for n in range(count)))).alone}
    assert names == ({"s"} if count > MAX_LIST else {"filter"} if join is all_of else {"or"})


def test_dates_leave_room_for_the_key_of_the_next_page():
    dated = [field("born") > date(2020, 1, day) for day in range(1, MAX_LIST + 1)]
    assert {name for name, _ in said(all_of(*dated)).alone} == {"s"}
    assert {name for name, _ in said(all_of(*dated[1:])).alone} == {"filter"}
    assert {name for name, _ in said(any_of(*dated)).alone} == {"s"}


def test_the_form_is_the_shortest_on_the_wire():
    dice = random.Random(5)
    for _ in range(200):
        operators = ["contains", "__eq__", "__ne__", "starts"]
        one = dice.choice([all_of, any_of])(
            *(getattr(field("name"), dice.choice(operators))(dice.choice(ODD)) for _ in range(dice.randrange(1, 4)))
        )
        forms = said(one)
        candidates = [(("s", forms.search),), tuple(("filter", text) for text in forms.filters)]
        lengths = [len(urlencode(form, quote_via=quote, safe="*")) for form in candidates if form]
        assert len(urlencode(forms.alone, quote_via=quote, safe="*")) <= min(lengths)
