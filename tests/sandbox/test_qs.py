"""Names with brackets, as Express reads them; the contract tests hold thousands more against its own parser."""

import pytest

from wootiv import BadRequestError, InternalServerError, Sandbox
from wootiv.sandbox.qs import Thing, read

OBJECT, LONG = Thing.OBJECT, Thing.LONG_LIST


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("a=1&a=2", ["1", "2"]),
        ("a[]=1", ["1"]),
        ("a%5B%5d=1&a=2", ["1", "2"]),
        ("a=1&a[]=2", ["1", "2"]),
        ("a[]=X&a=", ["X"]),
        ("a=&a[]=X", ["", "X"]),
        ("a[1]=2&a[0]=1", ["1", "2"]),
        ("a[0]=1&a[0]=2", [["1", "2"]]),
        ("a[0]=1&a[]=2", ["1", "2"]),
        ("a[20]=1", LONG),
        ("a[x]=1", OBJECT),
        ("a=1&a[x]=2", ["1", OBJECT]),
        ("a[x]=2&a=1", OBJECT),
        ("a[]=1&a[x]=2", OBJECT),
        ("a[0][x]=1", [OBJECT]),
        ("a[0][]=1&a[0][]=2", [["1", "2"]]),
        ("&".join(["a=1"] * 20), ["1"] * 20),
        ("&".join(["a=1"] * 21), LONG),
        ("a=1&a[19]=2", LONG),
        ("[a]=1", "1"),
        ("a[0]b=1", ["1"]),
    ],
)
def test_brackets_make_lists_and_objects(query, found):
    assert read(query) == {"a": found}


def test_a_list_reads_what_is_a_text_and_passes_over_an_object():
    with Sandbox(rows=5).client(max_retries=0) as client:

        def count(query):
            return len(client.get(f"/contacts?{query}"))

        assert count("filter[x]=nope") == 5
        assert count("or[]=id||$isnull&or=") == 0
        with pytest.raises(InternalServerError):
            count("filter=id||$notnull&filter[x]=nope")
        with pytest.raises(InternalServerError):
            count("filter[0]=id||$notnull&filter[0]=id||$notnull")
        with pytest.raises(BadRequestError, match="Invalid limit"):
            count("limit[0]=1&limit[0]=2")
        with pytest.raises(InternalServerError):
            count("join=workspace&join[]=workspace")
