"""A mapping for `s` written by hand: what is accepted means to the engine what it says."""

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from wootiv.query.mapping import check_search
from wootiv.sandbox.grammar import Parsed
from wootiv.sandbox.search import condition
from wootiv.wire.words import Unfit

COLUMNS = ["a", "b"]
CELLS = st.sampled_from([None, 0, 1, 2, 3])
ROWS = st.lists(st.fixed_dictionaries(dict.fromkeys(COLUMNS, CELLS)), min_size=4, max_size=9)
NUMBERS = st.integers(0, 3)
OPERATORS = ["$eq", "$ne", "$gt", "$lt", "$gte", "$lte", "$in", "$isnull", "$notnull", "$foo", "eq"]


def operators(inner):
    named = st.sampled_from(OPERATORS).flatmap(
        lambda name: st.tuples(
            st.just(name),
            st.lists(NUMBERS, min_size=1, max_size=2)
            if name == "$in"
            else st.just(True)
            if "null" in name
            else NUMBERS,
        )
    )
    plain = st.lists(named, max_size=3).map(dict)
    return st.one_of(plain, plain, st.builds(lambda some, other: {**some, "$or": other}, plain, inner))


VALUES = st.none() | NUMBERS | st.recursive(st.just({"$gt": 1}), operators, max_leaves=3) | operators(st.just({}))
FIELDS = st.dictionaries(st.sampled_from(COLUMNS), VALUES, max_size=2)
SEARCHES = st.recursive(
    FIELDS,
    lambda inner: st.builds(
        lambda fields, joiner, items: {**fields, joiner: items},
        st.one_of(st.just({}), FIELDS),
        st.sampled_from(["$and", "$or", "$or"]),
        st.lists(inner, max_size=3),
    ),
    max_leaves=6,
)


def says(search, row):
    """What it says to who reads it: all keys of a mapping, one of an `$or`. Nothing is no condition."""
    return all(says_of(name, value, row) for name, value in search.items())


def says_of(name, value, row):
    if name in ("$and", "$or"):
        return not value or (all if name == "$and" else any)([says(item, row) for item in value])
    if not isinstance(value, dict):
        return row[name] is None if value is None else row[name] == value
    return all(compared(operator, given, name, row) for operator, given in value.items())


def compared(operator, given, name, row):
    if operator == "$or":
        return not given or any(compared(one, other, name, row) for one, other in given.items())
    test = condition(Parsed(search={name: {operator: given}}), COLUMNS)
    return test is None or test(row)


@settings(max_examples=500)
@given(SEARCHES, ROWS)
def test_a_mapping_that_is_accepted_means_what_it_says(search, rows):
    try:
        check_search(search)
    except Unfit:
        assume(False)
    test = condition(Parsed(search=search), COLUMNS)
    assert [test is None or test(row) for row in rows] == [says(search, row) for row in rows]
