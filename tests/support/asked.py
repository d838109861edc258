"""Conditions of all kinds, made by Hypothesis, and what each of them means: to hold what is read against it."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from urllib.parse import quote, urlencode

from hypothesis import strategies as st

from wootiv.query import Condition, all_of, any_of
from wootiv.query.forms import said
from wootiv.sandbox import search
from wootiv.sandbox.grammar import Condition as Comparison
from wootiv.sandbox.grammar import Invalid, Parsed

NAMES = ["id", "name", "age", "active", "born", "group.name"]
OPERATORS = [
    "$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$starts", "$ends", "$cont", "$excl", "$in", "$notin", "$between",
    "$isnull", "$notnull", "$eqL", "$neL", "$startsL", "$endsL", "$contL", "$exclL", "$inL", "$notinL",
]  # fmt: skip

ODD = [
    "", " ", "a", "A", "Ada", "ß", "İ", "Σ", "é", "e\u0301", "日本", "🙂", "\u2028", "\x00", "\x7f", "\n", "\ufeff1",
    "1", "01", "-0", "0", "1.0", "1.50", "0.1234", "1e3", "-3", "+1", "9007199254740993", "1234567890123.12", "\uff11",
    "true", "false", "True", "null", "undefined", "NaN", "Infinity", "[1]", "{}", '{"$gt":1}', '"a"', '"', "'", "\\",
    "a||b", "|", "||", "a|", "|a", "a,b", ",", "a, b", "a b", "a+b", "%", "_", "100%", "%7C", "&a=b", "#", "a]=b", "?",
    "2020-01-02", "2020-01-02T03:04:05Z", "2020-01-02T03:04:05.678+01:00", "2020-19-39", "2020-01-02T03:04",
    "$eq", "$or", "x||$eq||1", "__proto__",
]  # fmt: skip
TEXTS = st.sampled_from(ODD) | st.text(st.characters(codec="utf-8"), max_size=6)
ZONES = st.sampled_from([UTC, timezone(timedelta(hours=1)), timezone(-timedelta(hours=3, minutes=30))])
MOMENTS = st.builds(
    lambda day, at, zone, step: datetime.combine(day, at.replace(microsecond=at.microsecond // step * step), zone),
    st.dates(date(1, 1, 3), date(9999, 12, 29)),
    st.times(),
    ZONES,
    st.sampled_from([1, 1000, 1_000_000]),
)
NUMBERS = (
    st.integers()
    | st.integers(-1000, 1000)
    | st.sampled_from([2**53 - 1, 2**53, 2**53 + 1, -(2**53), 10**25, 1e21, 1e-7, -0.0, 0.1 + 0.2, 5e-324])
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.decimals(-1000, 1000, places=2)
)
VALUES = TEXTS | NUMBERS | st.booleans() | MOMENTS | st.dates() | st.uuids()
COMPARABLE = (
    TEXTS
    | st.integers(-3, 40)
    | st.booleans()
    | st.sampled_from([date(2020, 1, 2), datetime(2021, 6, 7, 8, tzinfo=UTC)])
)


def conditions(values=VALUES, texts=TEXTS):
    """Conditions with such values, nested to some depth; some join more comparisons than a key can repeat."""
    comparison = st.one_of(
        *(
            st.builds(Condition, st.sampled_from(operators), st.sampled_from(NAMES), given)
            for operators, given in (
                (OPERATORS[:6], values),
                ([*OPERATORS[6:10], *OPERATORS[15:21]], texts),
                (["$in", "$notin"], st.lists(values, min_size=1, max_size=4).map(tuple)),
                (["$inL", "$notinL"], st.lists(texts, min_size=1, max_size=4).map(tuple)),
                (["$between"], st.tuples(values, values)),
                (["$isnull", "$notnull"], st.none()),
            )
        )
    )

    def joined(parts):
        return st.builds(lambda join, some: join(*some), st.sampled_from([all_of, any_of]), parts)

    nested = st.recursive(comparison, lambda inner: joined(st.lists(inner, min_size=2, max_size=4)), max_leaves=8)
    return nested | joined(st.lists(comparison, min_size=18, max_size=23))


def query(condition, **beside):
    """The text after `?` that the client sends for a condition alone."""
    return urlencode((*said(condition).alone, *beside.items()), quote_via=quote, safe="*")


def holds(condition, row):
    """Whether a row fulfils a condition: single comparisons as the sandbox decides them, joined by Python."""
    if condition.parts:
        join = all if condition.operator == "$and" else any
        return join([holds(part, row) for part in condition.parts])
    value = list(condition.value) if isinstance(condition.value, tuple) else condition.value
    value = [_compared_with(one) for one in value] if isinstance(value, list) else _compared_with(value)
    return search.condition(Parsed(filters=(Comparison(condition.field, condition.operator, value),)), NAMES)(row)


def _compared_with(value: Any) -> Any:
    if value is None:
        return ""  # as the parser has it where there is no value
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime.combine(value, time(), UTC)
    return value


def as_json(parsed: Parsed):
    """What the sandbox's parser has read, as RequestQueryParser gives it: with dates as `{"$date": text}`."""
    found = {
        "fields": list(parsed.fields),
        "search": parsed.search,
        "filter": [
            {"field": one.field, "operator": one.operator, "value": _dated(one.value)} for one in parsed.filters
        ],
        "or": [{"field": one.field, "operator": one.operator, "value": _dated(one.value)} for one in parsed.ors],
        "sort": [{"field": name, "order": "ASC" if ascending else "DESC"} for name, ascending in parsed.sort],
        "join": [{"field": name, "select": list(some)} if some else {"field": name} for name, some in parsed.join],
        "limit": parsed.limit,
        "offset": parsed.offset,
        "page": parsed.page,
        "cache": parsed.cache,
        "includeDeleted": parsed.include_deleted,
    }
    return {name: value for name, value in found.items() if value is not None and value != []}


def _dated(value: Any) -> Any:
    if isinstance(value, datetime):
        return {"$date": value.isoformat(timespec="milliseconds").replace("+00:00", "Z")}
    if value is Invalid.DATE:
        return {"$date": "Invalid Date"}
    return [_dated(item) for item in value] if isinstance(value, list) else value


def differences(condition, parsed: Mapping[str, Any]):
    """Where what the parser read is something else than what was meant: pairs of the two, none if all is well.

    `parsed` is what RequestQueryParser gives, as JSON, with dates as `{"$date": text}`.
    """
    meant, read = _meant(condition), _read(parsed)
    return [] if _same(meant, read) else [(meant, read)]


def _meant(one):
    if one.parts:
        return (one.operator, [_meant(part) for part in one.parts])
    return (one.field, one.operator, list(one.value) if isinstance(one.value, tuple) else one.value)


def _read(parsed):
    filters, ors, tree = parsed.get("filter") or [], parsed.get("or") or [], parsed.get("search")
    assert sum(map(bool, (filters, ors, tree))) == 1, parsed
    if tree:
        return _read_tree(tree)
    leaves = [(one["field"], one["operator"], one["value"]) for one in filters or ors]
    return leaves[0] if len(leaves) == 1 else ("$and" if filters else "$or", leaves)


def _read_tree(tree):
    """What a search object means; forms that the engine reads in a way of its own are none that we send."""
    if tree.keys() & {"$and", "$or"}:
        ((joiner, parts),) = tree.items()
        assert len(parts) > 1, tree
        return (joiner, [_read_tree(part) for part in parts])
    leaves = [_read_field(name, value) for name, value in tree.items()]
    return leaves[0] if len(leaves) == 1 else ("$and", leaves)


def _read_field(name, value):
    assert not isinstance(value, list), (name, value)
    if value is None:
        return (name, "$isnull", None)
    if not isinstance(value, dict):
        return (name, "$eq", value)
    ((operator, given),) = value.items()
    assert operator in OPERATORS, operator
    return (name, operator, given)


def _same(meant, read):
    if len(meant) != len(read):
        return False
    if len(meant) == 2:
        return meant[0] == read[0] and len(meant[1]) == len(read[1]) and all(map(_same, meant[1], read[1]))
    (name, operator, value), (*where, given) = meant, read
    if [name, operator] != where:
        return False
    if operator in ("$isnull", "$notnull"):
        return True
    if isinstance(value, list):
        return isinstance(given, list) and len(value) == len(given) and all(map(_same_value, value, given))
    return _same_value(value, given)


def _same_value(meant, read):
    """Whether the very value arrived: of its type, or where JSON or JavaScript has no such type, text that says it."""
    match meant:
        case bool():
            return read is meant
        case str():
            return isinstance(read, str) and read == meant
        case date():
            arrived = datetime.fromisoformat(read["$date"] if isinstance(read, dict) else read)
            moment = meant if isinstance(meant, datetime) else datetime.combine(meant, time(), UTC)
            return arrived.tzinfo is not None and arrived == moment  # without a zone it is of whichever one reads it
        case _ if isinstance(read, str):  # all of its digits, where a double has fewer
            exact = Decimal(meant) if isinstance(meant, Decimal) else Decimal(str(meant))
            return Decimal(read) == exact and (abs(meant) >= 2**53 or Decimal(repr(float(exact))) != exact)
        case _:  # JavaScript writes a large double with other digits than Python
            return not isinstance(read, bool) and float(read) == float(meant)
