"""How conditions are written: they read like what they mean, and what the server cannot be asked is refused at once."""

import copy
import enum
import pickle
import uuid
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from functools import partial

import pytest
from asked import conditions
from hypothesis import given

from wootiv.query import Condition, Field, all_of, any_of, asc, desc, field, relation
from wootiv.query.forms import said

NAMES = {"field": field, "UTC": UTC, "datetime": datetime, "date": date, "Decimal": Decimal}


class Plan(enum.StrEnum):
    """A word of the API."""

    FREE = "free"


WRITTEN = [
    (field("email") == "a", ("$eq", "a")),
    (field("email") != "a", ("$ne", "a")),
    (field("age") > 1, ("$gt", 1)),
    (field("age") >= 1.5, ("$gte", 1.5)),
    (field("age") < Decimal("1.10"), ("$lt", Decimal("1.10"))),
    (field("age") <= 1, ("$lte", 1)),
    (1 < field("age"), ("$gt", 1)),  # noqa: SIM300 - the other way round it is the same
    (field("email").starts("a"), ("$starts", "a")),
    (field("email").ends("a"), ("$ends", "a")),
    (field("email").contains("a"), ("$cont", "a")),
    (field("email").excludes("a"), ("$excl", "a")),
    (field("email").in_("a", 1), ("$in", ("a", 1))),
    (field("email").in_(["a"]), ("$in", ("a",))),
    (field("email").in_(letter for letter in "ab"), ("$in", ("a", "b"))),
    (field("email").in_("ab"), ("$in", ("ab",))),
    (field("plan").in_(Plan), ("$in", ("free",))),
    (field("email").not_in("a", None), ("$notin", ("a",))),
    (field("age").between(1, 2), ("$between", (1, 2))),
    (field("email").is_null(), ("$isnull", None)),
    (field("email") == None, ("$isnull", None)),  # noqa: E711 - a field is compared, not an object
    (field("email").in_(None), ("$isnull", None)),
    (field("email").not_null(), ("$notnull", None)),
    (field("email") != None, ("$notnull", None)),  # noqa: E711 - as above
    (field("email").not_in([None]), ("$notnull", None)),
    (field("email").ignore_case == "Ä B", ("$eqL", "ä b")),
    (field("email").ignore_case != "A", ("$neL", "a")),
    (field("email").ignore_case.in_("A", "b"), ("$inL", ("a", "b"))),
    (field("email").ignore_case.not_in(["A"]), ("$notinL", ("a",))),
    (field("email").ignore_case.starts("A"), ("$startsL", "A")),
    (field("email").ignore_case.ends("A"), ("$endsL", "A")),
    (field("email").ignore_case.contains("A"), ("$contL", "A")),
    (field("email").ignore_case.excludes("A"), ("$exclL", "A")),
    (field("active") == True, ("$eq", True)),  # noqa: E712 - as above
    (field("plan") == Plan.FREE, ("$eq", "free")),
    (field("id") == uuid.UUID(int=1), ("$eq", "00000000-0000-0000-0000-000000000001")),
    (field("born") == date(2020, 1, 2), ("$eq", date(2020, 1, 2))),
    (field("born") > datetime(2020, 1, 2, 3, tzinfo=timezone(timedelta(hours=1))),
     ("$gt", datetime(2020, 1, 2, 2, tzinfo=UTC))),
]  # fmt: skip


@pytest.mark.parametrize(("one", "said"), WRITTEN, ids=[repr(one) for one, _ in WRITTEN])
def test_each_comparison_is_an_operator_of_the_server(one, said):
    assert (one.operator, one.value) == said
    assert type(one.value) is type(said[1])


@given(conditions())
def test_a_condition_reads_like_the_source_that_makes_it(one):
    assert eval(repr(one), NAMES) == one  # noqa: S307 - its own


@given(conditions(), conditions())
def test_conditions_are_equal_if_they_say_the_same_in_the_same_way(one, other):
    assert one == copy.deepcopy(one) == pickle.loads(pickle.dumps(one))  # noqa: S301 - its own
    assert hash(one) == hash(copy.deepcopy(one))
    assert (one == other) is (repr(one) == repr(other))
    assert one != repr(one)


def test_numbers_of_different_types_make_different_conditions():
    kinds = [field("a") == 1, field("a") == True, field("a") == 1.0, field("a") == "1", field("a") == Decimal(1)]  # noqa: E712
    assert len(set(kinds)) == 5
    assert [kinds.index(one) for one in kinds] == [0, 1, 2, 3, 4]


def test_null_among_values_is_asked_for_beside_them():
    assert field("a").in_("x", None, "y") == field("a").in_("x", "y") | field("a").is_null()


def test_conditions_joined_alike_are_one():
    a, b, c = (field(name) == 1 for name in "abc")
    assert (a & b) & c == a & (b & c) == all_of(a, b, c)
    assert (a | b) | c == a | (b | c) == any_of(a, b, c)
    assert (a & b | c).operator == "$or"
    assert all_of(a) == any_of(a) == a
    assert (a & (b | c)).names == {"a", "b", "c"}


def nested(depth):
    one = field("a") == 1
    for level in range(depth - 1):
        one = (all_of if level % 2 else any_of)(one, field("b") == level)
    return one


def test_conditions_are_nested_a_hundred_levels_deep_at_most():
    deepest = nested(100)
    assert hash(deepest) == hash(nested(100))
    assert deepest == nested(100) != nested(99)
    assert said(deepest).search.count("$or") == 50
    with pytest.raises(
        ValueError, match=r"^conditions can be nested 100 levels deep, got 101: join more of them side by"
    ):
        nested(1000)


def test_a_long_chain_is_no_deep_one():
    ands, ors = field("a") == 0, field("a") == 0
    for number in range(1, 500):
        ands, ors = ands & (field("a") == number), (field("a") == number) | ors
    assert len(ands.parts) == len(ors.parts) == 500
    assert said(ands | ors).search


def test_what_is_joined_is_conditions():
    with pytest.raises(TypeError, match=r"conditions are joined with conditions, .*; got 'a' \(str\)"):
        Condition("$and", parts=("a", "b"))


def test_a_condition_is_frozen():
    one = field("a") == 1
    with pytest.raises(AttributeError):
        one.value = 2
    with pytest.raises(AttributeError):
        field("a").name = "b"


a, b = field("a"), field("b")
NAN = float("nan")
REFUSED = [
    (lambda: bool(a == 1), r"neither true nor false: join them by & and \|, not by and, or, not, each in parentheses"),
    (lambda: (a == 1) and (b == 2), "neither true nor false"),
    (lambda: 1 < a < 5, "neither true nor false"),
    (lambda: a == 1 & b == 2, r"a field is no condition: compare it, and join .* each in parentheses"),
    (lambda: a | b, "a field is no condition"),
    (lambda: bool(a), "a field is no condition"),
    (lambda: a.ignore_case == "x" & b, "a field is no condition"),
    (lambda: (a == 1) & True, r"conditions are joined with conditions, .*; got True \(bool\)"),
    (lambda: all_of(a == 1, "b"), r"got 'b' \(str\)"),
    (lambda: {a}, "unhashable"),
    (lambda: ~(a == "x"), r"""knows no `not`; say field\("a"\) != 'x', and add is_null\(\) if rows without a value"""),
    (lambda: ~(a >= 1), r'say field\("a"\) < 1, and'),
    (lambda: ~a.contains("x"), r"""say field\("a"\)\.excludes\('x'\), and"""),
    (lambda: ~a.in_("x", "y"), r"""say field\("a"\)\.not_in\('x', 'y'\), and"""),
    (lambda: ~a.is_null(), r'say field\("a"\)\.not_null\(\)$'),
    (lambda: ~(a.ignore_case == "x"), r"""say field\("a"\)\.ignore_case != 'x', and"""),
    (lambda: ~a.starts("x"), r"knows no `not`$"),
    (lambda: ~((a == 1) & (b == 1)), r"`not`; say the opposite of each part, joined the other way$"),
    (lambda: a == [1], r'field\("a"\): compares with text, .*, dates, UUIDs and enums, got \[1\] \(list\)'),
    (lambda: a == b"x", r"got b'x' \(bytes\)"),
    (lambda: a.in_(b"x"), r"got b'x' \(bytes\)"),
    (lambda: a.in_({"x": 1}), r"got \{'x': 1\} \(dict\)"),
    (lambda: a == b, r'got field\("b"\) \(Field\)'),
    (lambda: a > None, r"got None \(NoneType\); is_null\(\) and not_null\(\) ask for null"),
    (lambda: a.between(None, 1), r"got None"),
    (lambda: a.contains(5), r'field\("a"\): compares with text, got 5 \(int\)'),
    (lambda: a.ignore_case == None, r"got None"),  # noqa: E711 - it is refused
    (lambda: a.ignore_case.in_(1), r"compares with text, got 1 \(int\)"),
    (partial(field, 1), r"a field must be named by text, got 1 \(int\)"),
]  # fmt: skip


@pytest.mark.parametrize(("write", "message"), REFUSED)
def test_what_is_no_condition_is_refused_where_it_is_written(write, message):
    with pytest.raises(TypeError, match=message):
        write()


UNFIT = [
    (lambda: a == NAN, r'field\("a"\): JSON has no nan'),
    (lambda: a < float("inf"), "JSON has no inf"),
    (lambda: a == Decimal("sNaN"), "JSON has no sNaN"),
    (lambda: a == "\ud800", r"text that UTF-8 can hold was expected, got '\\ud800'"),
    (lambda: a == datetime(2020, 1, 1), r"needs a time zone, such as tzinfo=UTC, got datetime\.datetime\(2020"),  # noqa: DTZ001
    (lambda: a == datetime.min.replace(tzinfo=timezone(timedelta(hours=1))), "between the years 1 and 9999 in UTC"),
    (a.in_, r'field\("a"\): in_ takes one value or more, got \(\)'),
    (lambda: a.in_([]), r"in_ takes one value .*, got \(\): no row is in an empty list, so there is nothing to ask"),
    (lambda: a.not_in([]), r"not_in takes .* is in an empty list, so leave the condition out, or say not_null\(\)$"),
    (lambda: a.ignore_case.in_([]), r"in_ takes one value or more, got \(\): no row is in an empty list"),
    (lambda: Condition("$between", "a", (1,)), r"between takes two values, got \(1,\)"),
    (lambda: Condition("$isnull", "a", 1), r"\$isnull takes no value, got 1"),
    (lambda: Condition("$like", "a", "x"), r"unknown operator '\$like', the server has \$eq, "),
    (lambda: Condition("$and"), r"\$and joins two conditions or more, got 0"),
    (all_of, "there is no condition to join, one at least was expected"),
    (any_of, "there is no condition to join"),
    *((partial(field, name), r"must be a name such as 'email' or 'contactGroup\.groupName', got ")
      for name in ("", "a||b", "a b", ".a", "a.", "a..b", "$or", "é", "a;--", "1", "a\n")),
    (lambda: asc("a,DESC"), "must be a name"),
    (lambda: relation("a", "b,c"), "must be a name"),
]  # fmt: skip


@pytest.mark.parametrize(("write", "message"), UNFIT)
def test_values_that_cannot_be_sent_are_refused_where_they_are_written(write, message):
    with pytest.raises(ValueError, match=message):
        write()


def test_numbers_of_any_size_are_taken():
    assert (field("a") == 10**400).value == 10**400
    assert (field("a") > Decimal("1E+999")).value == Decimal("1E+999")


def test_orders_and_relations_are_what_the_server_writes():
    assert [asc("lastName"), desc(field("id"))] == ["lastName,ASC", "id,DESC"]
    assert relation("contactGroup") == "contactGroup"
    assert relation("contactGroup", "id", field("groupName")) == "contactGroup||id,groupName"


def test_a_field_shows_its_name():
    assert (repr(field("a.b")), repr(field("a").ignore_case)) == ('field("a.b")', 'field("a").ignore_case')
    assert isinstance(field("a"), Field)
