"""Conditions and the engine's own parser: what is meant is what is read; the sandbox's parser reads the same."""

import json
import operator
import random
from datetime import UTC, date, datetime, timedelta, timezone
from urllib.parse import quote, urlencode

import pytest
from asked import ODD, OPERATORS, as_json, conditions, differences, query
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wootiv import APIStatusError, InternalServerError, Sandbox, Wootiv
from wootiv.conditions import after
from wootiv.query import all_of, any_of, asc, desc, field, relation
from wootiv.query.forms import said
from wootiv.sandbox.grammar import BadQuery, BadSearch, parse

THOUSANDS = settings(max_examples=2000, suppress_health_check=list(HealthCheck))


def _encoded(pairs):
    return urlencode(pairs, quote_via=quote, safe="*")


@THOUSANDS
@given(one=conditions())
def test_what_the_parser_reads_is_what_is_meant(read_query, one):
    assert differences(one, read_query(query(one))["parsed"]) == []


@THOUSANDS
@given(one=conditions())
def test_the_same_condition_as_a_search_is_read_the_same(read_query, one):
    assert differences(one, read_query(_encoded([("s", said(one).search)]))["parsed"]) == []


@pytest.mark.parametrize("day", [date(2020, 1, 2), date(1, 1, 1), date(9999, 12, 31)])
def test_a_date_is_its_first_moment_in_utc_in_each_form(read_query, day):
    forms = said(field("born") > day)
    (filtered,) = read_query(_encoded([("filter", text) for text in forms.filters]))["parsed"]["filter"]
    searched = read_query(_encoded([("s", forms.search)]))["parsed"]["search"]["born"]["$gt"]
    first = datetime(day.year, day.month, day.day, tzinfo=UTC)
    assert datetime.fromisoformat(filtered["value"]["$date"]) == datetime.fromisoformat(searched) == first


@THOUSANDS
@given(one=conditions(), last=st.text(st.characters(codec="utf-8"), min_size=1))
def test_the_condition_of_the_next_page_is_read_as_both(read_query, one, last):
    onward = read_query(_encoded(after(said(one).alone, last)))["parsed"]
    if tree := onward.get("search"):
        (mine, key) = tree["$and"]
        assert key == {"id": {"$gt": last}}
        # Where filters became a search for the key's sake, each operator is spelt out.
        assert differences(one, {"search": _short(mine)}) == []
    else:
        *mine, key = onward["filter"]
        assert key == {"field": "id", "operator": "$gt", "value": last}
        assert differences(one, {"filter": mine}) == []


def _short(tree):
    """The same without brackets around one part, and with `$eq` left out, as we write it."""
    for joiner in tree.keys() & {"$and", "$or"}:
        parts = [_short(part) for part in tree[joiner]]
        return parts[0] if len(parts) == 1 else {joiner: parts}
    return {name: _short_value(value) for name, value in tree.items()}


def _short_value(value):
    if not isinstance(value, dict):
        return value
    if "$isnull" in value:
        return None
    return value.get("$eq", value)


# What others may send: the sandbox reads all of it as the parser does, with its errors.

PIECES = st.sampled_from(
    [*ODD, *OPERATORS, "eq", "in", "isnull", "between", "$EQ", "$foo", "||", ",", "name", "id", "name||$eq||1",
     "a,ASC", "a,desc"]
)  # fmt: skip
KEYS = st.sampled_from(
    ["filter", "or", "s", "sort", "join", "fields", "select", "limit", "per_page", "offset", "page", "cache",
     "filter[]", "filter[0]", "filter[1]", "filter[20]", "filter[a]", "or[]", "or[0]", "or[a]",
     "filter[][]", "filter[0][]", "filter[0][0]", "filter[0][a]", "limit[]", "limit[0]", "limit[0][]", "limit[a]",
     "s[]", "s[0]", "sort[]", "sort[1]", "fields[]", "[filter]", "filter[", "filter]", "filter[0]x", "page[0][a]",
     "join[19]", "include_deleted", "foo", "Filter"]
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from(ODD),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "$and", "$or", *OPERATORS]), inner, max_size=3)
    ),
    max_leaves=6,
)
CONDITION_TEXTS = st.builds(
    lambda name, operator, values: "||".join([name, operator, *values]),
    st.sampled_from(["name", "a.b", ""]),
    st.sampled_from([*OPERATORS, "eq", "in", "isnull", "$foo", ""]),
    st.lists(st.lists(PIECES, min_size=1, max_size=2).map(",".join), max_size=2),
)
PARAMETERS = (
    st.tuples(KEYS, st.lists(PIECES, max_size=4).map("".join))
    | st.tuples(st.sampled_from(["filter", "or"]), CONDITION_TEXTS)
    | st.tuples(st.just("s"), JSON.map(json.dumps))
)


@THOUSANDS
@given(pairs=st.lists(PARAMETERS, max_size=4), plain=st.booleans())
def test_the_sandbox_reads_what_the_parser_reads(read_query, pairs, plain):
    text = "&".join(f"{name}={value}" for name, value in pairs) if plain else _encoded(pairs)
    try:
        mine = {"parsed": as_json(parse(text))}
    except BadQuery as error:
        mine = {"refused": str(error)}
    except BadSearch as error:
        mine = {"failed": str(error)}
    theirs = read_query(text)
    assert _compared(mine) == _compared(theirs | {"failed": FAILED} if "failed" in theirs else theirs)


FAILED = "split is not a function"


def _compared(answer):
    """With numbers as doubles, which each side writes with digits of its own, and without what is empty."""
    parsed = json.loads(json.dumps(answer.get("parsed", {})), parse_int=float)
    return answer | {"parsed": {name: value for name, value in parsed.items() if value not in ([], None)}}


# The engine's rows: what a condition takes of them, page by page.


def _fulfils(one, row):
    """By the engine's database, SQLite: text by code points, patterns without regard to the case of ASCII."""
    if one.parts:
        return (all if one.operator == "$and" else any)([_fulfils(part, row) for part in one.parts])
    cell, value = row[one.field], one.value
    if one.operator in ("$isnull", "$notnull"):
        return (cell is None) is (one.operator == "$isnull")
    return cell is not None and _COMPARE[one.operator](cell, value)


def _lower(text):
    return "".join(letter.lower() if letter.isascii() else letter for letter in text)


_COMPARE = {
    "$eq": operator.eq,
    "$ne": operator.ne,
    "$gt": operator.gt,
    "$lte": operator.le,
    "$in": lambda cell, values: cell in values,
    "$notin": lambda cell, values: cell not in values,
    "$between": lambda cell, values: values[0] <= cell <= values[1],
    "$starts": lambda cell, value: _lower(cell).startswith(_lower(value)),
    "$ends": lambda cell, value: _lower(cell).endswith(_lower(value)),
    "$cont": lambda cell, value: _lower(value) in _lower(cell),
    "$excl": lambda cell, value: _lower(value) not in _lower(cell),
    "$eqL": lambda cell, value: _lower(cell) == value,
    "$inL": lambda cell, values: _lower(cell) in values,
}


def _drawn(dice, rows, depth=0):
    """A condition on values of the rows and on some that look like others."""
    if depth < 3 and dice.random() < 0.5:
        parts = [_drawn(dice, rows, depth + 1) for _ in range(dice.randrange(2, 5))]
        return dice.choice([all_of, any_of])(*parts)
    name = dice.choice(["email", "firstName", "lastName", "phoneNumber", "id"])
    value = str(dice.choice(rows)[name]) if dice.random() < 0.8 else dice.choice(ODD).replace("\x00", "")
    pattern = value[: dice.randrange(1, 6)].translate({ord(wild): None for wild in "%_"})
    ascii_value = "".join(letter for letter in value if letter.isascii())
    asked = field(name)
    return dice.choice(
        [
            lambda: asked == value,
            lambda: asked != value,
            lambda: asked > value,
            lambda: asked <= value,
            lambda: asked.in_(value, None, *(dice.choice(rows)[name] for _ in range(3))),
            lambda: asked.not_in(value, str(dice.choice(rows)[name])),
            lambda: asked.between(*sorted([value, str(dice.choice(rows)[name])])),
            lambda: asked.starts(pattern),
            lambda: asked.ends(pattern),
            lambda: asked.contains(pattern),
            lambda: asked.excludes(pattern),
            lambda: asked.ignore_case == ascii_value,
            lambda: asked.ignore_case.in_(ascii_value.upper(), "ada"),
            asked.is_null,
            asked.not_null,
        ]
    )()


def test_the_engine_gives_the_rows_that_fulfil_a_condition_by_key(face, refserver, seeded):
    dice, rows = random.Random(11), seeded("contacts")
    drawn = [_drawn(dice, rows) for _ in range(300)]

    def ask(client, get):
        found = 0
        for one in drawn:
            expected = sorted(row["id"] for row in rows if _fulfils(one, row))
            assert (one, [row.id for row in get(client.contacts.list(where=one, limit=60))]) == (one, expected)
            found += len(expected)
        return found

    assert face.session(ask, base_url=refserver, strict=True) > len(rows)


def test_the_engine_refuses_an_address_beyond_16_kib(face, refserver):
    def ask(client, get):
        assert list(get(client.contacts.list(where=field("email").starts("a" * 15_000)))) == []
        with pytest.raises(APIStatusError, match="431 Request Header Fields Too Large"):
            get(client.contacts.list(where=field("email").starts("a" * 17_000)))

    face.session(ask, base_url=refserver)


def test_text_is_found_as_it_is_whatever_it_looks_like(face, refserver, seeded):
    rows = seeded("contacts")

    def ask(client, get):
        for text in sorted({row["firstName"] for row in rows}):
            found = get(client.contacts.list(where=field("firstName") == text, limit=500))
            assert {row.first_name for row in found} == {text}

    face.session(ask, base_url=refserver, strict=True)


def _written(dice, depth=0):
    """A search as people write them, also where the engine reads something else than they may have meant."""
    fields = {
        name: dice.choice([None, "Ada", {"$notnull": True}, {"$or": {"$isnull": True, "$notnull": True}}, {}])
        for name in dice.sample(["firstName", "phoneNumber", "email"], dice.randrange(3))
    }
    if depth < 4 and dice.random() < 0.8:
        inner = [_written(dice, depth + 1) for _ in range(dice.randrange(4))]
        fields = {dice.choice(["$and", "$or", "$or"]): inner, **fields}
    return dict(dice.sample([*fields.items()], len(fields)))


def test_text_for_a_search_gives_no_row_that_a_condition_beside_it_keeps_out(face, refserver):
    dice, mine = random.Random(7), field("lastName").starts("M")
    texts = [json.dumps(_written(dice)) for _ in range(150)]

    def ask(client, get):
        found = 0
        for text in texts:
            theirs = get(client.contacts.list(s=text, limit=500))
            both = get(client.contacts.list(s=text, where=mine, limit=500))
            expected = [row.id for row in theirs if row.last_name.lower().startswith("m")]
            assert (text, [row.id for row in both]) == (text, expected)
            found += len(expected)
        assert found > 1000

    face.session(ask, base_url=refserver)


def test_conditions_reach_into_relations_that_they_bring_along(face, refserver, seeded):
    rows, groups = seeded("contacts"), {group["id"]: group for group in seeded("contact_group")}
    one = (field("contactGroup.groupName") == "Customers") & field("email").contains("a")

    def ask(client, get):
        found = get(client.contacts.list(where=one, sort=[desc("contactGroup.groupName"), asc("email")], limit=7))
        assert {row.contact_group.group_name for row in found} == {"Customers"}
        assert sorted(row.id for row in found) == sorted(
            row["id"]
            for row in rows
            if groups[row["contactGroupId"]]["groupName"] == "Customers" and "a" in _lower(row["email"])
        )
        lists = get(client.contact_group.list(where=field("contacts.email").starts("ada"), join=relation("contacts")))
        assert lists
        assert all(mail.email.lower().startswith("ada") for group in lists for mail in group.contacts)

    face.session(ask, base_url=refserver, strict=True)


def test_what_the_sandbox_shows_of_relations_is_what_the_engine_shows(refserver):
    """A list of a row's own shows only what has matched."""
    sandbox = Sandbox(rows=250)
    one = field("contacts.email").ends("@example.org") | (field("groupName") == "Leads")
    for client in (Wootiv(base_url=refserver, api_key="key"), sandbox.client()):
        with client:
            every = {group.id: group for group in client.contact_group.list(join="contacts")}
            found = list(client.contact_group.list(where=one, join="contacts"))
            assert found
            for group in found:
                wanted = [
                    mail.id
                    for mail in every[group.id].contacts
                    if mail.email.endswith("@example.org") or group.group_name == "Leads"
                ]
                assert [mail.id for mail in group.contacts] == wanted


@pytest.mark.parametrize(
    "one",
    [
        field("date_created") >= datetime(2022, 6, 15, 12, tzinfo=UTC),
        (field("date_created") < date(2022, 6, 15)) & (field("version") >= 3),
        field("date_created").between(datetime(2021, 1, 1, 1, tzinfo=timezone(timedelta(hours=1))), date(2022, 1, 1)),
    ],
    ids=repr,
)
def test_dates_are_compared_as_dates_by_key(face, engine_with_flat_dates, seeded, one):
    low, high = {
        "$gte": (datetime(2022, 6, 15, 12, tzinfo=UTC), None),
        "$and": (None, datetime(2022, 6, 15, tzinfo=UTC)),
        "$between": (datetime(2021, 1, 1, tzinfo=UTC), datetime(2022, 1, 1, tzinfo=UTC)),
    }[one.operator]
    rows = [
        (row["id"], datetime.fromisoformat(row["audit"]["date_created"]), row["audit"]["version"])
        for row in seeded("contacts")
    ]
    expected = sorted(
        id for id, created, version in rows
        if (low is None or created >= low) and (high is None or created < high) and (low or version >= 3)
    )  # fmt: skip
    found = face(lambda client: client.contacts.list(where=one, limit=30), base_url=engine_with_flat_dates, strict=True)
    assert [row.id for row in found] == expected
    assert len(expected) > 30


@pytest.mark.parametrize("name", ["audit.date_created", "audit.dateCreated", "date_created", "dateCreated"])
def test_the_engine_cannot_be_asked_for_the_dates_of_an_audit_record(face, refserver, name):
    def ask(client, get):
        for where in (field(name) > date(2020, 1, 2), (field(name) > date(2020, 1, 2)) | (field("id") == "a")):
            with pytest.raises(InternalServerError):
                get(client.contacts.list(where=where, max_retries=0))
        assert all(row.audit.date_created for row in get(client.contacts.list(fields=["audit.date_created"])))

    face.session(ask, base_url=refserver)


@pytest.fixture(scope="module")
def engine_with_flat_dates(engine):
    with engine(AUDIT="flat") as address:
        yield address
