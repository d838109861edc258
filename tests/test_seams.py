"""Pages that overlap, joined again: what is asked for, and which rows come out, whatever others write meanwhile."""

import json
import math
from collections import Counter, deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wootiv import calls
from wootiv.conditions import values
from wootiv.cursor import PageData, begin
from wootiv.seams import Seams, Stats, meeting, place, plan

ORDERS = {"no sort": {}, "id,ASC": {"sort": "id,ASC"}, "id,DESC": {"sort": "id,DESC"}}


def rows(*numbers):
    return [{"id": number} for number in numbers]


class Server:
    """Answers list queries from rows that may change at any time; `minds` is what it does not pass over."""

    def __init__(self, numbers, *, most=500, minds=("filter", "offset", "page"), counts_late=True):
        self.rows = set(numbers)
        self.most = most
        self.minds = minds
        self.counts_late = counts_late
        self.asked = []

    def __call__(self, query, between=lambda: None):
        self.asked.append(query)
        skip, limit, here = self._read(query)
        data = here[skip : skip + limit]
        if self.counts_late:  # the engine reads first, and then counts, with nothing to keep others out
            between()
        total = len(self._read(query)[2])
        pages = max(1, math.ceil(total / limit))
        return PageData(data=rows(*data), total=total, page=skip // limit + 1, page_count=pages)

    def _read(self, query):
        limit = min(int(values(query, "limit")[0]), self.most)
        number = {name: int(next(iter(values(query, name)), 0)) for name in ("page", "offset") if name in self.minds}
        skip = (number["page"] - 1) * limit if number.get("page") else number.get("offset", 0)
        here = sorted(self.rows, reverse=values(query, "sort") == ["id,DESC"])
        for condition in values(query, "filter") if "filter" in self.minds else []:
            _, operator, key = condition.split("||")
            here = [one for one in here if (one > int(key) if operator == "$gt" else one < int(key))]
        return skip, limit, here


class Writer:
    """Deletes and inserts rows whenever it is let; what was there all the time is left in `throughout`."""

    def __init__(self, server, random):
        self.server = server
        self.random = random
        self.throughout = set(server.rows)
        self.budget = random.choice([0, 3, 30, 100])
        self.likes = random.choice([("delete",), ("insert",), ("delete", "insert")])
        self.reach = random.choice([(0, 1), (0, 0.3), (0.7, 1)])
        self.burst = random.choice([1, 3, 12])

    def __call__(self):
        for _ in range(min(self.budget, self.random.randrange(self.burst + 1))):
            self.budget -= 1
            low, high = (round(1000 * part) for part in self.reach)
            number = self.random.randrange(low, high + 1)
            if "delete" in self.likes and self.random.choice(self.likes) == "delete":
                self.delete(min(self.server.rows, key=lambda one: abs(one - number), default=None))
            else:
                self.server.rows.add(number)

    def delete(self, number):
        self.server.rows.discard(number)
        self.throughout.discard(number)


def read(server, cursor, width=1, writer=lambda: None, *, random=None, wanted=None):
    """Read a list as `concurrent` does in order, its requests answered in any order."""
    seams = Seams(cursor)
    line, found = deque(), []
    while True:
        while len(line) < width and (piece := seams.take(alone=not line)):
            line.append([piece, None])
        if not line:
            return [row["id"] for row in found], seams
        while line[0][1] is None:
            waiting = [one for one in line if one[1] is None]
            one = random.choice(waiting) if random else waiting[0]
            writer()
            one[1] = server(one[0].query, writer)
        piece, page = line[0]
        seam = seams.seam(piece, page)
        writer()
        between = server(seam.missing.query, writer) if seam.missing else None
        fresh, goes_on = seams.join(piece, page, seam, between, wanted and wanted - len(found))
        line.popleft()
        if not goes_on:
            line.clear()
        found += fresh
        if wanted and len(found) >= wanted:
            return [row["id"] for row in found[:wanted]], seams


def listed(**given):
    return calls.contacts.list(**given).cursor


def read_while(server, number, write, width=1, **given):
    """Read a list, and write once, before the request of that number."""
    written = []

    def before():
        if len(server.asked) == number - 1 and not written:
            written.append(True)
            write()

    return read(server, listed(**given), width, before)


# What others write


@settings(max_examples=600)
@given(
    random=st.randoms(use_true_random=False),
    numbers=st.sets(st.integers(0, 1000), max_size=60),
    limit=st.integers(1, 9),
    width=st.integers(1, 8),
    order=st.sampled_from(list(ORDERS)),
)
def test_whatever_others_write_each_row_that_was_there_throughout_comes_once_and_in_order(
    random, numbers, limit, width, order
):
    server = Server(numbers)
    writer = Writer(server, random)
    found, seams = read(server, listed(limit=limit, **ORDERS[order]), width, writer, random=random)
    assert found == sorted(set(found), reverse=order == "id,DESC")
    assert writer.throughout <= set(found)
    # Whatever is asked gives a row that is new, or ends a gap, or is one of those that were given up with it.
    assert len(server.asked) <= (width + 1) * (len(found) + 2)
    assert seams.counts["unmatched"] == 0


@given(total=st.integers(0, 60), limit=st.integers(2, 9), width=st.integers(1, 8), order=st.sampled_from(list(ORDERS)))
def test_where_nobody_writes_pages_overlap_by_one_row_and_nothing_is_asked_twice(total, limit, width, order):
    server = Server(range(total))
    found, seams = read(server, listed(limit=limit, **ORDERS[order]), width)
    assert found == sorted(range(total), reverse=order == "id,DESC")
    pages = 1 + max(0, math.ceil((total - limit) / (limit - 1)))
    last_is_full = total >= limit and (total - limit) % (limit - 1) == 0
    assert len(server.asked) == pages + last_is_full  # the server counts after it has read, so a full page is no end
    assert not seams.counts.total()


def test_a_gap_is_filled_by_key_and_pages_behind_it_overlap_by_more():
    server = Server(range(30))
    found, seams = read_while(server, 2, lambda: server.rows.difference_update((0, 1, 2)), limit=10)
    assert found == list(range(30))
    assert seams.counts == Counter(repaired=1)
    asked = [dict(query) for query in server.asked]
    # Two rows lay between 9 and 12; so 21, the last one seen, is looked for within five rows.
    assert [one.get("offset") for one in asked] == [None, "9", None, "14", "19"]
    assert asked[2]["filter"] == "id||$gt||9"


def test_where_a_gap_is_larger_than_a_page_what_is_left_is_cut_anew():
    server = Server(range(30))
    found, seams = read_while(server, 3, lambda: server.rows.difference_update(range(8)), limit=5)
    assert found == list(range(30))
    assert seams.counts == Counter(repaired=1)
    asked = [dict(query) for query in server.asked]
    assert [(one.get("offset"), one.get("filter")) for one in asked[:5]] == [
        (None, None),
        ("4", None),
        ("8", None),
        (None, "id||$gt||8"),
        ("4", "id||$gt||8"),
    ]


def test_rows_that_others_insert_before_the_reader_come_again_and_are_dropped():
    server = Server(range(10, 30))
    found, seams = read_while(server, 2, lambda: server.rows.update((1, 2)), limit=10)
    assert found == list(range(10, 30))
    assert seams.counts == Counter(repeats=2)


def test_a_full_page_without_a_new_row_is_followed_by_key():
    server = Server(range(10, 30))
    found, _ = read_while(server, 2, lambda: server.rows.update(range(9)), limit=10)
    assert found == list(range(10, 30))
    assert [dict(query).get("filter") for query in server.asked] == [None, None, "id||$gt||19", "id||$gt||29"]


def test_what_is_added_at_the_end_meanwhile_is_read_too():
    server = Server(range(10))
    found, _ = read_while(server, 3, lambda: server.rows.update(range(10, 25)), limit=6)
    assert found == list(range(25))


def test_a_list_that_grows_while_it_is_read_is_read_as_long_as_it_grows():
    server = Server(range(5))
    more = iter(range(5, 300))
    found, _ = read(server, listed(limit=3), 4, lambda: server.rows.add(next(more, 0)))
    assert found == list(range(300))
    assert len(server.asked) <= len(found)


def test_what_was_asked_for_behind_the_end_is_given_up():
    server = Server(range(40), counts_late=False)
    found, seams = read_while(server, 2, lambda: server.rows.difference_update(range(20, 40)), limit=6, width=5)
    assert found == list(range(20))
    assert not any(values(query, "filter") for query in server.asked)
    assert not seams.counts.total()


# In an order of the caller's own


@pytest.mark.parametrize("given", [{"page": 1}, {"offset": 0}, {"page": 3}, {"offset": 7}, {"sort": "email,ASC"}])
@given(total=st.integers(0, 40), limit=st.integers(1, 9), width=st.integers(1, 8))
def test_by_number_every_row_comes_once_where_nobody_writes(given, total, limit, width):
    server = Server(range(total))
    found, seams = read(server, listed(limit=limit, **given), width)
    before = (given.get("page", 1) - 1) * limit + given.get("offset", 0)
    assert found == list(range(before, total))
    assert not seams.counts.total()


@settings(max_examples=300)
@given(
    random=st.randoms(use_true_random=False),
    numbers=st.sets(st.integers(0, 1000), max_size=60),
    limit=st.integers(2, 9),
    width=st.integers(1, 8),
)
def test_by_number_what_is_missed_or_doubled_is_counted(random, numbers, limit, width):
    server = Server(numbers, counts_late=False)
    writer = Writer(server, random)
    found, seams = read(server, listed(limit=limit, page=1), width, writer, random=random)
    if len(found) > len(set(found)) or not writer.throughout <= set(found):
        assert seams.counts["unmatched"]
    assert len(server.asked) <= (width + 1) * (len(numbers) + 102)


def test_by_number_too_it_goes_on_to_where_the_list_has_grown():
    server = Server(range(10, 25))
    found, seams = read_while(server, 2, lambda: server.rows.update(range(4)), limit=6, page=1)
    assert found == list(range(10, 25))
    assert seams.counts == Counter(repeats=4)


# Servers of all sorts


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
@pytest.mark.parametrize("minds", [("offset", "page"), ("page",), ("filter",), ("filter", "page"), ()], ids=str)
@given(random=st.randoms(use_true_random=False), total=st.integers(0, 30), width=st.integers(1, 4))
def test_a_server_that_passes_over_what_it_is_asked_is_not_asked_for_ever(random, limit, minds, total, width):
    server = Server(range(total), minds=minds)
    writer = Writer(server, random)
    found, _ = read(server, listed(limit=limit), width, writer, random=random)
    assert len(server.asked) <= (width + 1) * (total + 102)
    if "filter" in minds:
        assert found == sorted(set(found))
        assert writer.throughout <= set(found)


def test_a_server_that_passes_over_offsets_is_read_by_key():
    server = Server(range(20), minds=("filter",))
    found, seams = read(server, listed(limit=6), 3)
    assert found == list(range(20))
    assert seams.counts["repaired"]


@pytest.mark.parametrize("limit", [1, 4])
def test_a_server_that_passes_over_keys_is_read_by_number_and_no_row_comes_twice(limit):
    server = Server(range(20), minds=("page", "offset"))
    found, _ = read(server, listed(limit=limit), 3)
    assert found == list(range(20))


@given(total=st.integers(0, 60), most=st.integers(1, 9), width=st.integers(1, 8))
def test_a_server_that_gives_fewer_rows_than_asked_for_still_gives_them_all(total, most, width):
    server = Server(range(total), most=most)
    assert read(server, listed(limit=100), width)[0] == list(range(total))


@given(total=st.integers(0, 40), limit=st.integers(1, 9), wanted=st.integers(1, 50), width=st.integers(1, 8))
def test_no_more_is_asked_for_than_the_reader_wants(total, limit, wanted, width):
    server = Server(range(total))
    found, _ = read(server, listed(limit=limit), width, wanted=wanted)
    assert found == list(range(min(total, wanted)))
    rows_asked_for = limit + (len(server.asked) - 1) * max(1, limit - 1)
    assert rows_asked_for <= max(wanted, limit) + limit or wanted > total


# Parts


def test_a_row_is_looked_for_where_it_is_if_nobody_writes_and_then_anywhere():
    assert place(rows(1, 2, 3), 1, 1) == 0
    assert place(rows(1, 2, 3), 3, 1) == 2
    assert place(rows(3, 2, 3), 3, 3) == 2
    assert place(rows(1, 2, 3), 4, 9) is None
    assert place([], 4, 1) is None


def test_pages_meet_at_the_first_row_that_both_have():
    assert meeting(rows(1, 2, 3), rows(2, 3, 4)) == (1, 0)
    assert meeting(rows(1, 4), rows(2, 3, 4)) == (1, 2)
    assert meeting(rows(1), rows(2)) is None
    assert meeting([], rows(2)) is None


@pytest.mark.parametrize(
    ("kind", "page"),
    [
        ("whole", PageData(data=rows(1, 2), total=9)),
        ("members", PageData(data=rows(1, 2), total=9)),
        ("crud", PageData(data=rows(1, 2))),
        ("crud", PageData(data=rows(1), total=9)),
        ("crud", PageData(data=[], total=9)),
        ("crud", PageData(data=[{"name": "a"}, {"name": "b"}], total=9)),
        ("crud", PageData(data=rows(1, 2), total=2)),
    ],
    ids=repr,
)
def test_lists_that_cannot_be_cut_are_read_page_after_page(kind, page):
    assert plan(begin(kind, ()), page, math.inf) is None


def test_the_short_last_page_of_a_number_says_nothing_of_where_it_stands():
    page = PageData(data=rows(1, 2), total=22, page=3, page_count=3)
    assert plan(begin("crud", (("page", "3"), ("limit", "10"))), page, math.inf) is None


def test_statistics_are_plain_values():
    assert json.loads(json.dumps({name: getattr(Stats(), name) for name in Stats.__struct_fields__}))["repaired"] == 0
